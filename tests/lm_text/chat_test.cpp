// Chat formats against Jinja as `transformers` runs it; templates that must be refused.
#include "lm/text/chat.hpp"

#include "chat_templates.hpp"
#include "runtime/error.hpp"
#include "support.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <nlohmann/json.hpp>
#include <sstream>

using namespace samara::host;
using namespace samara::test;
using nlohmann::json;

namespace {

const std::map<std::string, std::string> kTokens = {{"bos_token", "<s>"}, {"eos_token", "</s>"}};

ChatFormat recognise(const std::string& text) {
    return recognise_chat_template(text, kTokens, "folder/tokenizer_config.json");
}

std::vector<Message> messages_of(const json& list) {
    std::vector<Message> messages;
    for (const json& message : list) {
        messages.push_back({message["role"], message["content"]});
    }
    return messages;
}

}  // namespace

TEST_CASE("recognised templates render as Jinja renders them, and refuse where it raises",
          "[chat]") {
    const TemporaryFolder folder;
    json list = json::array();
    std::vector<ChatFormat> formats;
    for (const KnownTemplate& known : known_templates()) {
        INFO(known.text);
        list.push_back(known.text);
        formats.push_back(recognise(known.text));
        CHECK(formats.back().name == known.name);
        CHECK(formats.back().opening == known.opening);
        CHECK(formats.back().first_system.known == known.system);
        CHECK(formats.back().tool.known == known.tool);
        CHECK(formats.back().alternates == (known.name == "mistral"));
    }
    std::istringstream lines(run_oracle({"render", folder.write("templates.json", list.dump())}));
    size_t count = 0, compared = 0, raised = 0;
    for (std::string line; std::getline(lines, line); ++count) {
        const json row = json::parse(line);
        const ChatFormat& format = formats.at(row["template"].get<size_t>());
        json text;
        try {
            text = format.render(messages_of(row["messages"]), row["generation"]);
        } catch (const Error&) {
            ++raised;
            // Stricter than the template only about roles that the format says it does not have.
            for (const json& message : row["messages"]) {
                const bool given_up = (message["role"] == "tool" && !format.tool.known) ||
                                      (message["role"] == "system" && !format.system.known);
                text = given_up ? row["text"] : text;
            }
        }
        compared += text == row["text"] && !text.is_null() ? 1 : 0;
        if (text != row["text"]) {
            FAIL("template " << row["template"] << row["messages"].dump(-1, ' ', true) << "\n"
                             << shown(text.dump(-1, ' ', true)) << "\n"
                             << row["text"].dump(-1, ' ', true));
        }
    }
    CHECK(count == formats.size() * 120);
    CHECK(compared > count / 2);
    CHECK(raised > 0);
}

TEST_CASE("a template that prints no known format is refused with its file and a way out",
          "[chat]") {
    for (const auto& [text, reason] : refused_templates()) {
        INFO(text);
        try {
            (void)recognise(text);
            FAIL("accepted");
        } catch (const Error& error) {
            CHECK(error.code() == Code::config);
            CHECK(error.problems().front().where == "folder/tokenizer_config.json");
            CHECK_THAT(error.problems().front().what,
                       Catch::Matchers::StartsWith(
                           "chat_template is not one that is implemented: " + reason));
            CHECK_FALSE(error.problems().front().help.empty());
        }
    }
}

TEST_CASE(
    "a role that the format lacks or that is out of turn is a data error that names the message",
    "[chat]") {
    const auto says = [](const ChatFormat& format, const std::vector<Message>& messages) {
        try {
            (void)format.render(messages, false);
        } catch (const Error& error) {
            CHECK(error.code() == Code::data);
            return error.problems().front().what;
        }
        return std::string("accepted");
    };
    const auto format_of = [](const std::string& name) {
        for (const KnownTemplate& known : known_templates()) {
            if (known.name == name) {
                return recognise(known.text);
            }
        }
        throw std::runtime_error(name);
    };
    CHECK(says(format_of("chatml"), {{"user", "Hi"}, {"narrator", "Hm"}}) ==
          "message 1: the chat format chatml has no role 'narrator' here");
    CHECK(says(format_of("mistral"), {{"user", "Hi"}, {"user", "Hm"}}) ==
          "message 1: role 'user' is out of turn");
    CHECK(says(format_of("mistral"), {{"system", "Hi"}, {"user", "Hm"}}) ==
          "message 0: the chat format mistral has no role 'system' here");
    CHECK(says(format_of("zephyr"), {{"user", "Hi"}, {"user", "Hm"}}) == "accepted");
}
