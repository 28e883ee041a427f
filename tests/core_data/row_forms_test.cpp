// Every form of a row becomes the record that the blueprint names; expected values are written by
// hand.
#include "core/data/row_forms.hpp"

#include "data_help.hpp"

#include <catch2/catch_test_macros.hpp>

using data_test::problem_of;
using data_test::read_text;
using samara::host::Code;
using samara::host::DataSpec;
using samara::host::Message;
using samara::host::Record;
using Turns = std::vector<Message>;

namespace {
Record one(const std::string& row, const DataSpec& spec = {}) {
    return read_text(row, spec).records.at(0);
}
}  // namespace

TEST_CASE("An explicit text pair keeps its parts and names itself after file and line") {
    const Record r = one(
        "\n"
        R"({"prompt": "Hi", "chosen": "Good day", "rejected": "What", "n": [1, 2.5], "s": "x"})");
    CHECK(r.prompt == Turns{{"", "Hi"}});
    CHECK(r.chosen == "Good day");
    CHECK(r.rejected == "What");
    CHECK(r.id == "t:2");
    CHECK(r.where.ends_with("/t.jsonl:2"));
    CHECK(r.weight == 1.0);
    CHECK(r.margin == 0.0);
    CHECK(r.meta ==
          std::vector<std::pair<std::string, std::string>>{{"n", "[1,2.5]"}, {"s", "\"x\""}});
}

TEST_CASE("Id, weight, margin and a label on a pair are read") {
    const Record r = one(
        R"({"id": 17, "prompt": "p", "chosen": "a", "rejected": "b", "weight": 2, "margin": -0.5, "label": "odd"})");
    CHECK(r.id == "17");
    CHECK(r.weight == 2.0);
    CHECK(r.margin == -0.5);
    CHECK(r.label == 0);
    CHECK(r.meta == std::vector<std::pair<std::string, std::string>>{{"label", "\"odd\""}});
}

TEST_CASE("Implicit text: the longest common prefix is the prompt, less a space at its end") {
    // TRL's doctest: extract_prompt of "The sky is blue" and "The sky is green" gives "The sky is",
    // " blue", " green".
    const Record r = one(R"({"chosen": "The sky is blue", "rejected": "The sky is green"})");
    CHECK(r.prompt == Turns{{"", "The sky is"}});
    CHECK(r.chosen == " blue");
    CHECK(r.rejected == " green");
    // What both answers share moves into the prompt.
    const Record s = one(R"({"chosen": "Q? Yes, of course", "rejected": "Q? Yes, but no"})");
    CHECK(s.prompt == Turns{{"", "Q? Yes,"}});
    // One the beginning of the other: the last common character stays out of the prompt.
    const Record p = one(R"({"chosen": "abc", "rejected": "abcdef"})");
    CHECK(p.prompt == Turns{{"", "ab"}});
    CHECK(p.chosen == "c");
    CHECK(p.rejected == "cdef");
}

TEST_CASE("Implicit text is cut between characters, not between bytes") {
    // U+00E9 and U+00E8 share their first byte, C3.
    CHECK(samara::host::implicit_prompt("ab\xc3\xa9", "ab\xc3\xa8") == 2);
    CHECK(samara::host::implicit_prompt("\xc3\xa9", "\xc3\xa9x") == 0);
    CHECK(samara::host::implicit_prompt("a\xc3\xa9", "a\xc3\xa9x") == 1);
    CHECK(samara::host::implicit_prompt("x ", "y ") == 0);
    CHECK(samara::host::implicit_prompt(" a", " b") == 0);
}

TEST_CASE("Message lists: explicit, implicit, and beside text") {
    const std::string user = R"({"role": "user", "content": "Q"})";
    const auto answer = [](const std::string& text) {
        return R"({"role": "assistant", "content": ")" + text + "\"}";
    };
    const auto list = [](const std::string& a, const std::string& b = "") {
        return "[" + a + (b.empty() ? "" : ", " + b) + "]";
    };
    const auto pair =
        [](const std::string& prompt, const std::string& good, const std::string& bad) {
            return "{" + (prompt.empty() ? "" : "\"prompt\": " + prompt + ", ") +
                   "\"chosen\": " + good + ", \"rejected\": " + bad + "}";
        };
    const std::vector<std::string> rows = {
        pair(list(user), list(answer("A")), list(answer("B"))),      // explicit
        pair("", list(user, answer("A")), list(user, answer("B"))),  // implicit
        pair("\"Q\"",
             list(user, answer("A")),
             list(user, answer("B"))),                        // text that the dialogue repeats
        pair("\"Q\"", list(answer("A")), list(answer("B"))),  // text prompt, chat answers
        pair(list(user), "\"A\"", "\"B\""),                   // chat prompt, text answers
    };
    for (const std::string& row : rows) {
        CAPTURE(row);
        const Record r = one(row);
        CHECK(r.prompt == Turns{{"user", "Q"}});
        CHECK(r.chosen == "A");
        CHECK(r.rejected == "B");
    }
    const Record system =
        one(pair(list(R"({"role": "system", "content": ""})", user), "\"A\"", "\"B\""));
    CHECK(system.prompt == Turns{{"system", ""}, {"user", "Q"}});
    // Turns before the answer, equal on both sides, continue the prompt.
    const std::string more = R"({"role": "user", "content": "More"})";
    const Record longer =
        one(pair(list(user, answer("X")), list(more, answer("A")), list(more, answer("B"))));
    CHECK(longer.prompt == Turns{{"user", "Q"}, {"assistant", "X"}, {"user", "More"}});
    CHECK(longer.chosen == "A");

    const auto fails = [&](const std::string& row) { return problem_of(row).what; };
    CHECK(fails(pair("", list(user), list(user, answer("B"))))
              .find("the last message must be the assistant's") != std::string::npos);
    CHECK(fails(pair("", list(answer("A")), list(answer("B")))).find("share no message") !=
          std::string::npos);
    CHECK(fails(pair("", list(user, answer("A")), list(more, answer("B")))).find("exactly one") !=
          std::string::npos);
    CHECK(fails(pair(list(user), list(user, answer("A")), list(user, answer("B"))))
              .find("repeats the prompt") != std::string::npos);
    CHECK(fails(pair(list(user), list(more, answer("A")), list(user, answer("B"))))
              .find("one prompt") != std::string::npos);
    CHECK(fails(pair("\"other\"", list(user, answer("A")), list(user, answer("B"))))
              .find("none of the messages") != std::string::npos);
    CHECK(fails(pair("\"Q\"", list(answer("A")), "\"B\"")).find("form of chosen") !=
          std::string::npos);
    CHECK(fails(pair(R"([{"role": "user", "content": "Q", "tool_calls": 1}])", "\"A\"", "\"B\""))
              .find("tool_calls") != std::string::npos);
    CHECK(fails(pair(R"([{"role": "user", "content": [1]}])", "\"A\"", "\"B\""))
              .find("content (text)") != std::string::npos);
    CHECK(fails(pair(R"([{"content": "x"}])", "\"A\"", "\"B\"")).find("a role (text)") !=
          std::string::npos);
    CHECK(fails(pair("[]", "\"A\"", "\"B\"")).find("is empty") != std::string::npos);
}

TEST_CASE("Unpaired rows stand in chosen, with their label") {
    const Record good = one(R"({"prompt": "p", "response": "r", "label": true})");
    CHECK(good.chosen == "r");
    CHECK_FALSE(good.rejected.has_value());
    CHECK(good.label == 1);
    CHECK(one(R"({"prompt": "p", "completion": "r", "label": false})").label == -1);
    CHECK(one(R"({"prompt": "p", "completion": "r", "label": -1})").label == -1);
    CHECK(one(R"({"prompt": "p", "completion": "r", "label": null, "rejected": null})").label == 0);
    const Record chat = one(
        R"({"prompt": [{"role": "user", "content": "p"}], "completion": [{"role": "assistant", "content": "r"}]})");
    CHECK(chat.prompt == Turns{{"user", "p"}});
    CHECK(chat.chosen == "r");
    CHECK(chat.label == 1);  // no label at all: a demonstration
    CHECK(problem_of(R"({"prompt": "p", "response": "r", "label": 0})")
              .what.find("true, false, 1 or -1") != std::string::npos);
    CHECK(problem_of(R"({"prompt": "p", "response": "r", "rejected": "x"})")
              .what.find("beside 'response'") != std::string::npos);
    CHECK(problem_of(R"({"response": "r"})").what.find("field 'prompt' is missing") == 0);
}

TEST_CASE("Tokenised rows keep their ids and have no text") {
    const Record r = one(R"({"prompt_ids": [1, 2], "chosen_ids": [3, 0], "rejected_ids": [4]})");
    CHECK(r.prompt_ids == samara::host::Ids{1, 2});
    CHECK(r.chosen_ids == samara::host::Ids{3, 0});
    CHECK(r.rejected_ids == samara::host::Ids{4});
    CHECK(r.prompt.empty());
    CHECK_FALSE(r.chosen.has_value());
    CHECK(one(R"({"prompt_ids": [1], "response_ids": [3], "label": 1})").label == 1);
    CHECK(problem_of(R"({"prompt_ids": [1], "chosen_ids": [3]})").what ==
          "field 'rejected_ids' is missing in: "
          R"({"prompt_ids": [1], "chosen_ids": [3]})");
    CHECK(problem_of(R"({"prompt_ids": [1], "chosen_ids": [3], "rejected_ids": [3]})")
              .what.find("is equal to chosen_ids") != std::string::npos);
    CHECK(problem_of(R"({"prompt_ids": [1], "chosen_ids": [], "rejected_ids": [3]})")
              .what.find("is empty") != std::string::npos);
    for (const char* bad : {"-1", "2147483648", "1.5", "\"1\"", "true"}) {
        CHECK(problem_of(R"({"prompt_ids": [1], "chosen_ids": [)" + std::string(bad) +
                         R"(], "rejected_ids": [3]})")
                  .what.find("integers from 0 to 2147483647") != std::string::npos);
    }
    CHECK(
        problem_of(R"({"prompt_ids": [1], "chosen_ids": [2], "rejected_ids": [3], "prompt": "x"})")
            .what.find("either text or tokenised") != std::string::npos);
}

TEST_CASE("A row with a prompt and no field of a response is a prompt to be answered") {
    const Record text = one(
        R"({"key": 1000, "prompt": "Write.", "instruction_id_list": ["a:b"], "kwargs": [{"n": 3}]})");
    CHECK(text.prompt == Turns{{"", "Write."}});
    CHECK_FALSE(text.chosen.has_value());
    CHECK_FALSE(text.rejected.has_value());
    CHECK(text.chosen_ids.empty());
    CHECK(text.label == 0);
    CHECK(text.meta ==
          std::vector<std::pair<std::string, std::string>>{
              {"instruction_id_list", R"(["a:b"])"}, {"key", "1000"}, {"kwargs", R"([{"n":3}])"}});
    CHECK(one(R"({"prompt": [{"role": "user", "content": "Q"}], "chosen": null})").prompt ==
          Turns{{"user", "Q"}});
    const Record ids = one(R"({"prompt_ids": [1, 2]})");
    CHECK(ids.prompt_ids == samara::host::Ids{1, 2});
    CHECK((ids.prompt.empty() && ids.chosen_ids.empty()));
    CHECK(problem_of(R"({"prompt_ids": []})").what.find("field 'prompt_ids' is empty") == 0);
    // Where the plan names a column for a response, its absence is a mistake.
    DataSpec spec;
    spec.columns = {{"response", "answer"}};
    CHECK(problem_of(R"({"prompt": "p"})", spec).what.find("is missing") != std::string::npos);
    CHECK(problem_of(R"({"prompt_ids": [1]})", spec).what.find("is missing") != std::string::npos);
}

TEST_CASE("Columns give the file's fields our meaning; a field that lost its meaning is metadata") {
    DataSpec spec;
    spec.columns = {{"prompt", "instruction"}, {"chosen", "rejected"}, {"rejected", "chosen"}};
    const Record r = one(
        R"({"instruction": "I", "chosen": "bad", "rejected": "good", "prompt": "unused"})", spec);
    CHECK(r.prompt == Turns{{"", "I"}});
    CHECK(r.chosen == "good");
    CHECK(r.rejected == "bad");
    CHECK(r.meta == std::vector<std::pair<std::string, std::string>>{{"prompt", "\"unused\""}});
    CHECK(problem_of(R"({"instruction": "I", "chosen": "bad"})", spec)
              .what.find("field 'rejected' (chosen) is missing") == 0);
    spec.columns = {{"promt", "instruction"}};
    CHECK(problem_of("{}", spec).code == Code::config);
    spec.columns = {{"chosen", "a"}, {"rejected", "a"}};
    CHECK(problem_of("{}", spec).code == Code::config);
}

TEST_CASE("HH dialogues are split at the last assistant turn into messages") {
    DataSpec spec;
    spec.format = "hh";
    const auto row = [](const std::string& good, const std::string& bad) {
        return R"({"chosen": ")" + good + R"(", "rejected": ")" + bad + "\"}";
    };
    const std::string head =
        R"(\n\nHuman: Hi \n\nAssistant: Yes?\n\nHuman: One\n\ntwo\n\nAssistant:)";
    const Record r = one(row(head + " Good. ", head + R"( Bad\n\npart)"), spec);
    CHECK(r.prompt == Turns{{"user", "Hi"}, {"assistant", "Yes?"}, {"user", "One\n\ntwo"}});
    CHECK(r.chosen == "Good.");
    CHECK(r.rejected == "Bad\n\npart");
    const auto what = [&](const std::string& good, const std::string& bad) {
        return problem_of(row(good, bad), spec).what;
    };
    CHECK(what(head + " ", head + " a").find("last assistant turn of chosen is empty") !=
          std::string::npos);
    CHECK(what(head + " a", head + R"( \n)").find("last assistant turn of rejected is empty") !=
          std::string::npos);
    CHECK(what(head + " a", R"(\n\nHuman: X\n\nAssistant: b)").find("different prompts") !=
          std::string::npos);
    CHECK(what(head + " a", head + " a more").find("only the beginning") != std::string::npos);
    CHECK(what(head + " a", head + " a").find("are equal") != std::string::npos);
    CHECK(what(head + R"( a\n\nHuman: b)", head + " c").find("ends with a human turn") !=
          std::string::npos);
    CHECK(what("plain", "text").find("no assistant turn") != std::string::npos);
    CHECK(what(R"(Hi\n\nAssistant: a)", R"(Hi\n\nAssistant: b)")
              .find("must begin with a human turn") != std::string::npos);
    CHECK(what(R"(\n\nHuman: \n\nAssistant: a)", R"(\n\nHuman: \n\nAssistant: b)")
              .find("turn 1 of the dialogue is empty") != std::string::npos);
}
