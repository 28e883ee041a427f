// phrase.cpp - picks a wording and fills it in, behind wordings.hpp.
#include "wordings.hpp"

#include <samara/records.hpp>

namespace samara::ifeval {
namespace {

std::string quoted(View text) {
    return '"' + encode(text) + '"';
}

// {all} {not_all} {none} {any}: a word list with the number word that its use asks for.
std::string words_phrase(std::string_view use, const std::vector<Text>& words) {
    std::string list = quoted(words[0]);
    for (size_t i = 1; i < words.size(); ++i) {
        list += (i + 1 == words.size() ? " and " : ", ") + quoted(words[i]);
    }
    if (words.size() == 1) {
        return "the word " + list;
    }
    if (use == "all") {
        return "the words " + list;
    }
    if (use == "none") {
        return (words.size() == 2 ? "either of the words " : "any of the words ") + list;
    }
    return "at least one of the words " + list;
}

std::string fill(std::string_view name, const Instruction& instruction) {
    const Arguments& a = instruction.arguments();
    if (name == "n") {
        return std::to_string(a.number);
    }
    if (name == "s") {
        return a.number == 1 ? "" : "s";
    }
    if (name == "k") {
        return std::to_string(a.index);
    }
    if (name == "w") {
        return quoted(strip(a.text));
    }
    if (name == "t") {
        return encode(strip(a.text));
    }
    if (name == "m") {  // a marker ends the sentence: no second stop after its own
        const View marker = strip(a.text);
        return encode(marker) + (marker.ends_with(U".") ? "" : ".");
    }
    return words_phrase(name, a.texts);
}

}  // namespace

std::string phrase(const Instruction& instruction, bool negated, Wordings set, uint64_t seed) {
    const WordingList lists = wordings_of(instruction.kind());
    const bool relation = keys_of(instruction.kind()).relation != nullptr;
    // "Not at least n" is "less than n".
    const bool opposite = relation ? instruction.arguments().at_least == negated : negated;
    const auto list = opposite ? lists.opposite : lists.plain;
    const InstructionType& type = all_types()[static_cast<size_t>(instruction.kind())];
    if (list.empty()) {
        fail(std::string(type.id) + " cannot be negated");
    }
    if (set != Wordings::all && set != Wordings::training && set != Wordings::held_out) {
        fail("there is no set of wordings " + std::to_string(static_cast<int64_t>(set)));
    }
    Random random(seed, type.id);
    const size_t half = list.size() / 2;
    const size_t place = set == Wordings::all        ? random.below(list.size())
                         : set == Wordings::training ? 2 * random.below(half)
                                                     : 2 * random.below(half) + 1;
    const std::string_view wording = list[place];
    std::string out;
    for (size_t i = 0; i < wording.size();) {
        const size_t open = wording.find('{', i);
        out += wording.substr(i, open == std::string_view::npos ? open : open - i);
        if (open == std::string_view::npos) {
            break;
        }
        const size_t close = wording.find('}', open);
        out += fill(wording.substr(open + 1, close - open - 1), instruction);
        i = close + 1;
    }
    return out;
}

}  // namespace samara::ifeval
