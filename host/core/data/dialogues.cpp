// Anthropic's HH dialogues; declared in row_forms.hpp.
#include "core/data/row_forms.hpp"

namespace samara::host {
namespace {

constexpr std::string_view kHuman = "\n\nHuman:";
constexpr std::string_view kAssistant = "\n\nAssistant:";

std::string trim(std::string_view text) {
    constexpr std::string_view kWhite = " \t\r\n";
    const size_t begin = text.find_first_not_of(kWhite);
    return begin == std::string_view::npos
               ? ""
               : std::string(text.substr(begin, text.find_last_not_of(kWhite) - begin + 1));
}

// What comes before the last assistant turn, and that turn.
std::pair<std::string_view, std::string> split_last(std::string_view text, const char* side) {
    const size_t at = text.rfind(kAssistant);
    if (at == std::string_view::npos) {
        throw BadRow{std::string(side) + " has no assistant turn", 0, ""};
    }
    const std::string_view answer = text.substr(at + kAssistant.size());
    if (answer.find(kHuman) != std::string_view::npos) {
        throw BadRow{std::string(side) + " ends with a human turn", 0, ""};
    }
    std::string trimmed = trim(answer);
    if (trimmed.empty()) {
        throw BadRow{"the last assistant turn of " + std::string(side) + " is empty", 0, ""};
    }
    return {text.substr(0, at), std::move(trimmed)};
}

std::vector<Message> turns_of(std::string_view text) {
    if (!text.starts_with(kHuman)) {
        throw BadRow{"a dialogue must begin with a human turn, \"\\n\\nHuman:\"", 0, ""};
    }
    std::vector<Message> out;
    while (!text.empty()) {
        const bool human = text.starts_with(kHuman);
        text.remove_prefix(human ? kHuman.size() : kAssistant.size());
        const size_t end = std::min({text.find(kHuman), text.find(kAssistant), text.size()});
        out.push_back({human ? "user" : "assistant", trim(text.substr(0, end))});
        if (out.back().content.empty()) {
            throw BadRow{"turn " + std::to_string(out.size()) + " of the dialogue is empty", 0, ""};
        }
        text.remove_prefix(end);
    }
    return out;
}

}  // namespace

void split_dialogues(const std::string& chosen, const std::string& rejected, Record& record) {
    auto [good_head, good] = split_last(chosen, "chosen");
    auto [bad_head, bad] = split_last(rejected, "rejected");
    if (good_head != bad_head) {
        throw BadRow{"chosen and rejected have different prompts", 0, ""};
    }
    if (chosen == rejected || good == bad) {
        throw BadRow{"chosen and rejected are equal", 0, ""};
    }
    if (chosen.starts_with(rejected) || rejected.starts_with(chosen)) {
        throw BadRow{"one of chosen and rejected is only the beginning of the other", 0, ""};
    }
    record.prompt = turns_of(good_head);
    record.chosen = std::move(good);
    record.rejected = std::move(bad);
}

}  // namespace samara::host
