// Chat formats against Jinja as `transformers` runs it; templates that must be refused.
#include "lm/text/chat.hpp"

#include "runtime/error.hpp"
#include "support.hpp"

#include <catch2/catch_test_macros.hpp>

#include <nlohmann/json.hpp>
#include <sstream>

using namespace samara::host;
using namespace samara::test;
using nlohmann::json;

namespace {

const std::string kMessage =
    "{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}";
const std::string kTail =
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

// Spellings of ChatML that are to be recognised, with the default system text each has.
const std::vector<std::pair<std::string, std::string>> kTemplates = {
    {"{% for message in messages %}" + kMessage + kTail, ""},
    // As SmolLM2 has it: real line feeds inside the strings.
    {"{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ "
     "'<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging "
     "Face<|im_end|>\n' }}{% endif %}" +
         kMessage + kTail,
     "You are a helpful AI assistant named SmolLM, trained by Hugging Face"},
    // Attributes, `~`, double quotes, parentheses and an escaped quote.
    {"{% for message in messages %}{% if (loop.first and messages[0].role != \"system\") %}"
     "{{ \"<|im_start|>system\\nDon't \\\"quote\\\" <|im_end|>\\n\" }}{% endif %}"
     "{{ '<|im_start|>' ~ message.role ~ \"\\n\" ~ message.content ~ '<|im_end|>\\n' }}" +
         kTail,
     "Don't \"quote\" "},
    // On several lines with white-space control, comments and the `is defined` opening.
    {"{#- a comment -#}\n{% if not add_generation_prompt is defined %}\n"
     "  {% set add_generation_prompt = false %}\n{% endif %}\n"
     "{%- for message in messages %}\n    {{- '<|im_start|>' + message['role'] }}\n"
     "{{ message['content'] -}}\n   <|im_end|>\n{% endfor %}\n"
     "{% if add_generation_prompt %}\n<|im_start|>assistant\n{% endif %}\n",
     ""},
    // Text outside of expressions.
    {"{% for message in messages %}<|im_start|>{{ message['role'] }}\n\n{{ message['content'] "
     "}}<|im_end|>\n\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
     "refused"},
    {"{% for message in messages %}<|im_start|>{{ message['role'] + '\\n' }}{{ message['content'] "
     "}}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}"
     "{% endif %}\n",
     ""}};

std::vector<Message> messages_of(const json& list) {
    std::vector<Message> messages;
    for (const json& message : list) {
        messages.push_back({message["role"], message["content"]});
    }
    return messages;
}

}  // namespace

TEST_CASE("recognised templates render as Jinja renders them", "[chat]") {
    const TemporaryFolder folder;
    json list = json::array();
    std::vector<ChatFormat> formats;
    for (const auto& [text, system] : kTemplates) {
        if (system == "refused") {
            CHECK_THROWS_AS(recognise_chat_template(text, "x"), Error);
            continue;
        }
        list.push_back(text);
        formats.push_back(recognise_chat_template(text, "x"));
        CHECK(formats.back().default_system.value_or("") == system);
    }
    std::istringstream lines(run_oracle({"render", folder.write("templates.json", list.dump())}));
    size_t count = 0;
    for (std::string line; std::getline(lines, line); ++count) {
        const json row = json::parse(line);
        const std::string text = formats.at(row["template"].get<size_t>())
                                     .render(messages_of(row["messages"]), row["generation"]);
        if (text != row["text"].get<std::string>()) {
            FAIL("template " << row["template"] << "\n" << shown(text) << "\n" << row["text"]);
        }
    }
    CHECK(count == formats.size() * 120);
}

TEST_CASE("a template that is not ChatML is refused with its file and a way out", "[chat]") {
    const std::string loop = "{% for message in messages %}";
    const std::vector<std::string> others = {
        "",
        "{{ bos_token }}" + loop + kMessage + kTail,
        loop +
            "{{'<|im_start|>' + message['role'] + '\\n' + message['content'] | trim + "
            "'<|im_end|>' + '\\n'}}" +
            kTail,
        loop + "{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>'}}" +
            kTail,
        loop + kMessage + "{% endfor %}",
        loop + kMessage +
            "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant' }}"
            "{% endif %}",
        loop + kMessage + kTail + "{{ eos_token }}",
        loop +
            "{% if loop.first and messages[0]['role'] == 'system' %}{{ '<|im_start|>system\\nX"
            "<|im_end|>\\n' }}{% endif %}" +
            kMessage + kTail,
        "{% for message in messages[1:] %}" + kMessage + kTail,
        loop +
            "{{'<|im_start|>' + message['role'] + '\\x0a' + message['content'] + "
            "'<|im_end|>' + '\\n'}}" +
            kTail,
        loop + kMessage + "{% endfor %}{% if add_generation_prompt %}{{ 'open",
        "{% for m in messages %}{{ '<|' + m['role'] + '|>\\n' + m['content'] + eos_token }}"
        "{% endfor %}"};
    for (const std::string& text : others) {
        INFO(text);
        try {
            (void)recognise_chat_template(text, "folder/tokenizer_config.json");
            FAIL("accepted");
        } catch (const Error& error) {
            CHECK(error.code() == Code::config);
            CHECK(error.problems().front().where == "folder/tokenizer_config.json");
            CHECK(error.problems().front().what.find("chat_template") != std::string::npos);
            CHECK_FALSE(error.problems().front().help.empty());
        }
    }
}

TEST_CASE("an unknown role is a data error that names the message", "[chat]") {
    const std::vector<Message> messages = {{"user", "Hi"}, {"narrator", "Hm"}};
    try {
        (void)ChatFormat{}.render(messages, false);
        FAIL("accepted");
    } catch (const Error& error) {
        CHECK(error.code() == Code::data);
        CHECK(error.problems().front().what == "message 1: unknown role 'narrator'");
    }
}
