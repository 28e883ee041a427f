// Row forms; see row_forms.hpp.  Names and rules are TRL's where it has them.
#include "core/data/row_forms.hpp"

#include "core/data/fields.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace samara::host {
namespace {

using Json = nlohmann::json;

// What makes a row more than a prompt.
constexpr std::array kAnswers = {"chosen",
                                 "rejected",
                                 "response",
                                 "completion",
                                 "chosen_ids",
                                 "rejected_ids",
                                 "response_ids",
                                 "completion_ids"};

Message read_message(Fields& fields, const std::string& name, const Json& value) {
    if (!value.is_object()) {
        fields.fail(name, "a message must be an object, not " + type_of(value));
    }
    for (const auto& [key, inner] : value.items()) {
        if (key != "role" && key != "content" && !inner.is_null()) {
            fields.fail(name,
                        "a message has the unknown key '" + excerpt(key, 0) + "'",
                        "messages are {\"role\", \"content\"}");
        }
    }
    const auto role = value.find("role");
    const auto content = value.find("content");
    if (role == value.end() || !role->is_string() || role->get_ref<const std::string&>().empty()) {
        fields.fail(name, "a message needs a role (text)");
    }
    if (content == value.end() || !content->is_string()) {
        fields.fail(name, "a message needs content (text)");
    }
    Message out{*role, *content};
    if (out.content.empty() && out.role != "system") {
        fields.fail(name, "the message of role '" + excerpt(out.role, 0) + "' is empty");
    }
    return out;
}

std::vector<Message> read_messages(Fields& fields, const std::string& name, const Json& value) {
    std::vector<Message> out;
    for (const Json& message : value) {
        out.push_back(read_message(fields, name, message));
    }
    if (out.empty()) {
        fields.fail(name, "the list of messages is empty");
    }
    return out;
}

std::string read_text(Fields& fields, const std::string& name, const Json& value) {
    if (!value.is_string()) {
        fields.fail(name, "must be text or a list of messages, not " + type_of(value));
    }
    if (value.get_ref<const std::string&>().empty()) {
        fields.fail(name, "is empty");
    }
    return value;
}

// A field as text (one message without a role) or as messages.
std::vector<Message> read_turns(Fields& fields,
                                const std::string& name,
                                const std::string& help = "") {
    const Json& value = fields.need(name, help);
    if (value.is_array()) {
        return read_messages(fields, name, value);
    }
    // Read first, then build: GCC 12 destroys the elements of a braced list twice when one of them
    // throws.
    std::string text = read_text(fields, name, value);
    std::vector<Message> out(1);
    out.front().content = std::move(text);
    return out;
}

// Answers: text, or messages whose last one is the assistant's.
std::vector<Message> read_answer(Fields& fields,
                                 const std::string& name,
                                 const std::string& help = "") {
    std::vector<Message> turns = read_turns(fields, name, help);
    if (!turns.back().role.empty() && turns.back().role != "assistant") {
        fields.fail(name,
                    "the last message must be the assistant's, not of role '" +
                        excerpt(turns.back().role, 0) + "'");
    }
    return turns;
}

std::string unpaired_name(Fields& fields, const std::string& suffix) {
    return fields.has("completion" + suffix) ? "completion" + suffix : "response" + suffix;
}

void read_tokenised(Fields& fields, Record& record) {
    for (const char* name : {"prompt", "chosen", "rejected", "response", "completion"}) {
        if (fields.has(name)) {
            fields.fail(name, "a row is either text or tokenised, this one is both");
        }
    }
    record.prompt_ids = read_ids(fields, "prompt_ids");
    if (!fields.has_any(kAnswers)) {
        if (record.prompt_ids.empty()) {
            fields.fail("prompt_ids", "is empty", "a row without a response is a prompt to answer");
        }
        return;
    }
    if (fields.has("response_ids") || fields.has("completion_ids")) {
        record.chosen_ids = read_ids(fields, unpaired_name(fields, "_ids"));
        record.label = read_label(fields);
        return;
    }
    record.chosen_ids = read_ids(fields, "chosen_ids");
    record.rejected_ids = read_ids(fields, "rejected_ids");
    if (record.chosen_ids == record.rejected_ids) {
        fields.fail("rejected_ids", "is equal to chosen_ids");
    }
}

// The last turn becomes the answer; the turns before it must continue the prompt.
std::string take_answer(Fields& fields,
                        const std::string& name,
                        std::vector<Message> turns,
                        std::vector<Message>& prompt) {
    std::string answer = std::move(turns.back().content);
    turns.pop_back();
    if (!turns.empty() && turns.size() >= prompt.size() &&
        std::equal(prompt.begin(), prompt.end(), turns.begin())) {
        fields.fail(name, "repeats the prompt", "leave the prompt out of one of them");
    }
    prompt.insert(prompt.end(), turns.begin(), turns.end());
    return answer;
}

bool is_chat(const std::vector<Message>& turns) {
    return !turns.back().role.empty();
}

void read_unpaired(Fields& fields, Record& record) {
    const std::string name = unpaired_name(fields, "");
    for (const char* other : {"chosen", "rejected"}) {
        if (fields.has(other)) {
            fields.fail(other,
                        "stands beside '" + name + "': a row is either a pair or one response");
        }
    }
    record.prompt = read_turns(fields, "prompt");
    std::vector<Message> answer = read_answer(fields, name);
    if (is_chat(answer) && !is_chat(record.prompt)) {
        record.prompt.front().role = "user";
    }
    record.chosen = take_answer(fields, name, std::move(answer), record.prompt);
    record.label = read_label(fields);
}

// The common messages are the prompt; what follows must be one assistant message on each side.
void split_chats(Fields& fields,
                 const std::vector<Message>& chosen,
                 const std::vector<Message>& rejected,
                 Record& record) {
    const auto [c, r] =
        std::mismatch(chosen.begin(), chosen.end(), rejected.begin(), rejected.end());
    for (const auto& [name, left] :
         {std::pair{"chosen", chosen.end() - c}, {"rejected", rejected.end() - r}}) {
        if (left != 1) {
            fields.fail(name,
                        "beyond the messages that both share there must be exactly one, the "
                        "assistant's; here are " +
                            std::to_string(left));
        }
    }
    if (c == chosen.begin()) {
        fields.fail("prompt", "is missing, and chosen and rejected share no message");
    }
    record.prompt.assign(chosen.begin(), c);
    record.chosen = chosen.back().content;
    record.rejected = rejected.back().content;
}

void read_implicit(Fields& fields,
                   const std::vector<Message>& chosen,
                   const std::vector<Message>& rejected,
                   Record& record) {
    if (is_chat(chosen)) {
        split_chats(fields, chosen, rejected, record);
        return;
    }
    const std::string& good = chosen.back().content;
    const std::string& bad = rejected.back().content;
    const size_t shared = implicit_prompt(good, bad);
    record.prompt = {{"", good.substr(0, shared)}};
    record.chosen = good.substr(shared);
    record.rejected = bad.substr(shared);
}

void read_explicit(Fields& fields,
                   std::vector<Message> chosen,
                   std::vector<Message> rejected,
                   Record& record) {
    record.prompt = read_turns(fields, "prompt");
    if (is_chat(chosen) && !is_chat(record.prompt)) {
        if (chosen.size() > 1 || rejected.size() > 1) {
            // TRL's rule for a text beside whole dialogues: the dialogues hold the prompt, the text
            // only repeats it.
            const std::string text = record.prompt.front().content;
            split_chats(fields, chosen, rejected, record);
            if (std::none_of(record.prompt.begin(), record.prompt.end(), [&](const Message& m) {
                    return m.content == text;
                })) {
                fields.fail("prompt", "is none of the messages that chosen and rejected share");
            }
            return;
        }
        record.prompt.front().role = "user";
    }
    if (!std::equal(chosen.begin(), chosen.end() - 1, rejected.begin(), rejected.end() - 1)) {
        fields.fail("rejected",
                    "differs from chosen before the last message: a pair has one prompt");
    }
    record.rejected = std::move(rejected.back().content);
    record.chosen = take_answer(fields, "chosen", std::move(chosen), record.prompt);
}

void read_pair(Fields& fields, Record& record) {
    const std::string help = "a single answer is written as \"response\"";
    std::vector<Message> chosen = read_answer(fields, "chosen", help);
    std::vector<Message> rejected = read_answer(fields, "rejected", help);
    if (is_chat(chosen) != is_chat(rejected)) {
        fields.fail("rejected", "must be of the form of chosen: both text or both messages");
    }
    if (chosen == rejected) {
        fields.fail("rejected", "is equal to chosen");
    }
    if (fields.has("prompt")) {
        read_explicit(fields, std::move(chosen), std::move(rejected), record);
    } else {
        read_implicit(fields, chosen, rejected, record);
    }
}

void read_hh(Fields& fields, Record& record) {
    const std::string chosen = read_text(fields, "chosen", fields.need("chosen"));
    const std::string rejected = read_text(fields, "rejected", fields.need("rejected"));
    try {
        split_dialogues(chosen, rejected, record);
    } catch (const BadRow& bad) {
        fields.fail("rejected", bad.what, bad.help);
    }
}

}  // namespace

size_t implicit_prompt(std::string_view chosen, std::string_view rejected) {
    const size_t least = std::min(chosen.size(), rejected.size());
    size_t at = 0;
    while (at < least && chosen[at] == rejected[at]) {
        ++at;
    }
    const auto inside = [](std::string_view text, size_t n) {
        return n < text.size() && (static_cast<unsigned char>(text[n]) & 0xc0U) == 0x80;
    };
    const auto step_back = [&] {
        do {
            --at;
        } while (at > 0 && inside(chosen, at));
    };
    if (at == least) {
        if (at > 0) {
            step_back();
        }
        return at;
    }
    if (inside(chosen, at) || inside(rejected, at)) {
        step_back();  // the texts differ within a character
    }
    return at > 0 && chosen[at - 1] == ' ' ? at - 1 : at;
}

Record make_record(const JsonRow& row, const DataSpec& spec) {
    Fields fields(row, spec);
    Record record;
    record.id = read_id(fields);
    record.weight = read_number(fields, "weight", 1.0, 0.0);
    record.margin = read_number(fields, "margin", 0.0, -INFINITY);
    if (spec.format == "hh") {
        read_hh(fields, record);
    } else if (fields.has("prompt_ids") || fields.has("chosen_ids") || fields.has("rejected_ids") ||
               fields.has("response_ids") || fields.has("completion_ids")) {
        read_tokenised(fields, record);
    } else if (fields.has("response") || fields.has("completion")) {
        read_unpaired(fields, record);
    } else if (!fields.has_any(kAnswers)) {  // to be answered by a policy
        record.prompt = read_turns(
            fields, "prompt", "and chosen and rejected beside it, where preferences are meant");
    } else {
        read_pair(fields, record);
    }
    record.meta = fields.rest();
    return record;
}

}  // namespace samara::host
