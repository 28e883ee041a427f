// The Encoder of core/model.hpp over real folders: prompt and response ids as `transformers` gives
// them, borders, EOS.
#include "chat_templates.hpp"
#include "core/model.hpp"
#include "kinds.hpp"
#include "lm/text/tokenizer.hpp"
#include "runtime/error.hpp"
#include "support.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

using namespace samara::host;
using namespace samara::test;
using nlohmann::json;

namespace {

ModelRequest request_for(const std::string& folder, const std::string& chat = "auto") {
    ModelRequest request;
    request.path = folder;
    request.chat = chat;
    return request;
}

const std::string kChatMl =
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] "
    "+ '<|im_end|>' + '\\n'}}{% endfor %}{% if add_generation_prompt %}{{ "
    "'<|im_start|>assistant\\n' }}{% endif %}";

std::string config(const std::string& eos, const std::string& chat_template = "") {
    json value = {{"tokenizer_class", "PreTrainedTokenizerFast"}, {"eos_token", eos}};
    if (!chat_template.empty()) {
        value["chat_template"] = chat_template;
    }
    return value.dump();
}

// A folder with the small tokenizer; ChatML's marks are added tokens 260 and 261 if `marks`.
void make_folder(const TemporaryFolder& folder, bool marks, const std::string& config_text) {
    const std::string added =
        R"({"added_tokens":[{"id":260,"content":"<|im_start|>","special":true},)"
        R"({"id":261,"content":"<|im_end|>","special":true}]})";
    (void)folder.write("tokenizer.json", small_tokenizer(marks ? added : "{}"));
    (void)folder.write("tokenizer_config.json", config_text);
}

std::string message_of(const ModelRequest& request) {
    try {
        (void)open_encoder(request);
    } catch (const Error& error) {
        return error.what();
    }
    return "accepted";
}

// Every conversation of the oracle that the template takes, at least so many of 403; returns how
// many borders are unclean.
size_t compare_conversations(const std::string& folder, size_t least = 403) {
    const auto encoder = open_encoder(request_for(folder));
    std::istringstream lines(run_oracle({"chat", folder}));
    size_t count = 0;
    size_t unclean = 0;
    for (std::string line; std::getline(lines, line); ++count) {
        const json row = json::parse(line);
        std::vector<Message> prompt;
        for (const json& message : row["messages"]) {
            prompt.push_back({message["role"], message["content"]});
        }
        const Ids prompt_ids = row["prompt_ids"].get<Ids>();
        const Ids full_ids = row["full_ids"].get<Ids>();
        const bool clean = full_ids.size() >= prompt_ids.size() &&
                           std::equal(prompt_ids.begin(), prompt_ids.end(), full_ids.begin());
        Encoded found;
        try {
            found = encoder->encode(prompt, row["response"].get<std::string>());
        } catch (const Error& error) {  // a role that the format gave up
            REQUIRE(error.code() == Code::data);
            --count;
            continue;
        }
        // A template may print less with an answer than without: the system text in the last user
        // turn.
        const auto shared =
            static_cast<std::ptrdiff_t>(std::min(prompt_ids.size(), full_ids.size()));
        INFO(row.dump(-1, ' ', true).substr(0, 2000));
        REQUIRE(found.prompt_ids == prompt_ids);
        REQUIRE(found.response_ids == Ids(full_ids.begin() + shared, full_ids.end()));
        REQUIRE(found.border_clean == clean);
        unclean += clean ? 0 : 1;
    }
    REQUIRE(count >= least);
    return unclean;
}

}  // namespace

TEST_CASE("conversations have the ids of apply_chat_template, whatever the messages hold",
          "[encoder]") {
    CHECK(compare_conversations(demo_model()) > 0);  // a response that begins with line feeds
}

TEST_CASE("ChatML over a tokenizer that does not know its marks is encoded right, too",
          "[encoder]") {
    // Here nothing is a safe border, so both texts are encoded as wholes.
    const TemporaryFolder folder;
    std::filesystem::copy(shared_folder() + "/data/tokenizers/phi2_tokenizer.json",
                          folder.path() + "/tokenizer.json");
    (void)folder.write("tokenizer_config.json", config("<|endoftext|>", kChatMl));
    CHECK(compare_conversations(folder.path()) > 0);
}

TEST_CASE("Llama-3, Mistral and Zephyr over their kinds of tokenizers have the ids of transformers",
          "[encoder]") {
    const std::vector<std::pair<std::string, std::string>> pairs = {
        {"llama3", "llama3"},
        {"mistral", "llama2 and mistral, Metaspace first"},
        {"mistral", "llama2 and mistral, the older spelling"},
        {"zephyr", "llama2 and mistral, Metaspace first"}};
    for (const auto& [format, kind] : pairs) {
        nlohmann::json tokenizer = nlohmann::json::parse(tokenizer_text(kind_named(kind)));
        for (const char* mark : {"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"}) {
            tokenizer["added_tokens"].push_back(
                {{"id", tokenizer["added_tokens"].back()["id"].get<int>() + 1},
                 {"content", mark},
                 {"single_word", false},
                 {"lstrip", false},
                 {"rstrip", false},
                 {"normalized", false},
                 {"special", true}});
        }
        for (const KnownTemplate& known : known_templates()) {
            if (known.name != format) {
                continue;
            }
            INFO(known.text);
            const TemporaryFolder folder;
            (void)folder.write("tokenizer.json", tokenizer.dump());
            json value = json::parse(config("</s>", known.text));
            value["bos_token"] = "<s>";
            (void)folder.write("tokenizer_config.json", value.dump());
            (void)compare_conversations(folder.path(), 40);
        }
    }
}

TEST_CASE("a chat response ends with everything the template renders", "[encoder]") {
    const TemporaryFolder folder;
    make_folder(folder, true, config("<|im_end|>", kChatMl));
    const auto encoder = open_encoder(request_for(folder.path()));
    const std::vector<Message> prompt = {{"user", "a"}};
    const Encoded found = encoder->encode(prompt, "the");
    // <|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n  |  the<|im_end|>\n
    CHECK(found.prompt_ids == Ids{260, 'u', 's', 'e', 'r', '\n', 'a', 261, '\n', 260,
                                  'a', 's', 's', 'i', 's', 't',  'a', 'n', 't',  '\n'});
    CHECK(found.response_ids == Ids{257, 261, '\n'});
    CHECK(found.border_clean);
    SECTION("plain text is one user turn") {
        const std::vector<Message> plain = {{"", "a"}};
        CHECK(encoder->encode(plain, "the").prompt_ids == found.prompt_ids);
    }
    SECTION("no message is one empty user turn") {
        const std::vector<Message> empty = {{"user", ""}};
        CHECK(encoder->encode({}, "x").prompt_ids == encoder->encode(empty, "x").prompt_ids);
    }
    SECTION("plain text among messages is a data error") {
        const std::vector<Message> mixed = {{"user", "a"}, {"", "b"}};
        CHECK_THROWS_AS(encoder->encode(mixed, "x"), Error);
    }
    SECTION("the same call gives the same ids, remembered or not") {
        for (int i = 0; i < 100; ++i) {
            const std::vector<Message> other = {{"user", "a" + std::to_string(i % 40)}};
            (void)encoder->encode(other, "y");
        }
        const Encoded again = encoder->encode(prompt, "the");
        CHECK(again.prompt_ids == found.prompt_ids);
        CHECK(again.response_ids == found.response_ids);
    }
}

TEST_CASE("a merge across the border is reported", "[encoder]") {
    const TemporaryFolder folder;
    make_folder(folder, true, config("<|im_end|>"));
    const auto encoder = open_encoder(request_for(folder.path()));
    const std::vector<Message> prompt = {{"", "a t"}};
    // ids("a t") = a, "Ġt"; ids("a the<|im_end|>") = a, "Ġthe", <|im_end|>
    const Encoded merged = encoder->encode(prompt, "he");
    CHECK(merged.prompt_ids == Ids{'a', 258});
    CHECK_FALSE(merged.border_clean);
    CHECK(encoder->encode(prompt, "x").border_clean);
}

TEST_CASE("a plain prompt begins as the post-processor says, a chat prompt as its template does",
          "[encoder]") {
    const TemporaryFolder folder;
    (void)folder.write(
        "tokenizer.json",
        small_tokenizer(
            R"({"added_tokens":[{"id":260,"content":"<|im_start|>"},{"id":261,"content":"<|im_end|>"}],)"
            R"("post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<|im_start|>"}},)"
            R"({"Sequence":{"id":"A"}},{"SpecialToken":{"id":"<|im_end|>"}}],)"
            R"("special_tokens":{"<|im_start|>":{"ids":[260]},"<|im_end|>":{"ids":[261]}}}})"));
    (void)folder.write("tokenizer_config.json", config("<|im_end|>", kChatMl));
    const std::vector<Message> prompt = {{"", "a"}};
    const Encoded plain = open_encoder(request_for(folder.path(), "never"))->encode(prompt, "the");
    CHECK(plain.prompt_ids == Ids{260, 'a'});
    CHECK(plain.response_ids == Ids{257, 261});
    CHECK(plain.border_clean);
    const Ids chat = open_encoder(request_for(folder.path()))->encode(prompt, "the").prompt_ids;
    CHECK(chat.size() == 20);
    CHECK(chat[1] == 'u');
}

TEST_CASE("plain text: contents one after the other, and the end token once", "[encoder]") {
    const TemporaryFolder folder;
    make_folder(folder, true, config("<|im_end|>", kChatMl));
    const auto encoder = open_encoder(request_for(folder.path(), "never"));
    const std::vector<Message> prompt = {{"system", "ab"}, {"user", "c"}};
    const Encoded found = encoder->encode(prompt, " the");
    CHECK(found.prompt_ids == Ids{'a', 'b', 'c'});
    CHECK(found.response_ids == Ids{259, 261});
    CHECK(found.border_clean);
    CHECK(encoder->encode(prompt, " the<|im_end|>").response_ids == found.response_ids);
    CHECK(encoder->encode(prompt, "").response_ids == Ids{261});
    CHECK(encoder->encode({}, "x").prompt_ids.empty());
    CHECK(encoder->encode_text("the<|im_end|>") == Ids{257, 261});
    CHECK(encoder->decode(found.response_ids) == " the<|im_end|>");
}

TEST_CASE("the model's folder decides on the format, and the request on its use", "[encoder]") {
    const TemporaryFolder folder;
    const std::vector<Message> prompt = {{"user", "a"}};
    SECTION("without a template auto is plain and always is refused") {
        make_folder(folder, true, config("<|im_end|>"));
        CHECK(open_encoder(request_for(folder.path()))->encode(prompt, "b").prompt_ids == Ids{'a'});
        CHECK(message_of(request_for(folder.path(), "always")).find("no chat template") !=
              std::string::npos);
    }
    SECTION("chat_template.jinja goes before tokenizer_config.json") {
        make_folder(folder, true, config("<|im_end|>", "{{ 'something else' }}"));
        CHECK(message_of(request_for(folder.path())).find("chat_template is not one") !=
              std::string::npos);
        (void)folder.write("chat_template.jinja", kChatMl);
        CHECK(open_encoder(request_for(folder.path()))->encode(prompt, "b").prompt_ids.size() ==
              20);
    }
    SECTION("of several named templates the default one is used") {
        json value = json::parse(config("<|im_end|>"));
        value["chat_template"] = {{{"name", "tool_use"}, {"template", "x"}},
                                  {{"name", "default"}, {"template", kChatMl}}};
        make_folder(folder, true, value.dump());
        CHECK(open_encoder(request_for(folder.path()))->encode(prompt, "b").prompt_ids.size() ==
              20);
        value["chat_template"].erase(1);
        make_folder(folder, true, value.dump());
        CHECK(message_of(request_for(folder.path())).find("chat_template: no template") !=
              std::string::npos);
    }
    SECTION("the end token may be an object; plain text needs one") {
        make_folder(folder, true, R"({"eos_token":{"content":"<|im_end|>"}})");
        CHECK(open_encoder(request_for(folder.path()))->encode(prompt, "b").response_ids ==
              Ids{'b', 261});
        make_folder(folder, true, R"({"eos_token":null})");
        CHECK(message_of(request_for(folder.path())).find("eos_token") != std::string::npos);
        make_folder(folder, true, R"({"eos_token":3})");
        CHECK(message_of(request_for(folder.path())).find("eos_token is 3") != std::string::npos);
    }
    SECTION("an unknown mode and an absent folder are refused") {
        make_folder(folder, true, config("<|im_end|>"));
        CHECK(message_of(request_for(folder.path(), "perhaps")).find("chat is 'perhaps'") !=
              std::string::npos);
        CHECK(message_of(request_for(folder.path() + "/absent")).rfind("error[io]", 0) == 0);
    }
}

TEST_CASE("the fingerprint follows the tokenizer, the format and the mode", "[encoder]") {
    const TemporaryFolder folder;
    std::vector<std::string> seen;
    const auto add = [&](const std::string& chat) {
        const std::string value = open_encoder(request_for(folder.path(), chat))->fingerprint();
        CHECK(value == open_encoder(request_for(folder.path(), chat))->fingerprint());
        CHECK(value.size() == 64);
        for (const std::string& other : seen) {
            CHECK(value != other);
        }
        seen.push_back(value);
    };
    make_folder(folder, true, config("<|im_end|>", kChatMl));
    add("auto");
    add("always");
    add("never");
    make_folder(folder, true, config("x", kChatMl));
    add("never");
    make_folder(folder, false, config("<|im_end|>", kChatMl));
    add("auto");
    for (const std::string system : {"", "A", "B"}) {
        std::string with_system = kChatMl;
        with_system.insert(std::string("{% for message in messages %}").size(),
                           "{% if loop.first and messages[0]['role'] != 'system' %}{{ "
                           "'<|im_start|>system\\n" +
                               system + "<|im_end|>\\n' }}{% endif %}");
        make_folder(folder, false, config("<|im_end|>", with_system));
        add("auto");
    }
}
