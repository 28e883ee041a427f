// See pretokenizer.hpp.  The behaviours follow the `tokenizers` library's NormalizedString::split.
#include "lm/text/pretokenizer.hpp"

#include <algorithm>
#include <array>

namespace samara::host {

namespace {

// GPT-2's split (openai/gpt-2, encoder.py); \s spelled out as in regex_syntax.cpp.
constexpr const char* kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\t-\r\x{85}\p{Z}\p{L}\p{N}]+)"
    R"(|[\t-\r\x{85}\p{Z}]+(?![^\t-\r\x{85}\p{Z}])|[\t-\r\x{85}\p{Z}]+)";

constexpr std::array<std::pair<const char*, SplitBehavior>, 5> kBehaviors = {{
    {"Isolated", SplitBehavior::isolated},
    {"Removed", SplitBehavior::removed},
    {"MergedWithPrevious", SplitBehavior::merged_with_previous},
    {"MergedWithNext", SplitBehavior::merged_with_next},
    {"Contiguous", SplitBehavior::contiguous},
}};

// Joins parts of {span, is match} in place; forward for "previous" and "contiguous", backward for
// "next".
void merge_parts(std::vector<std::pair<Span, bool>>& parts, SplitBehavior behavior) {
    const bool backward = behavior == SplitBehavior::merged_with_next;
    if (backward) {
        std::reverse(parts.begin(), parts.end());
    }
    std::vector<std::pair<Span, bool>> out;
    bool previous = false;
    for (const auto& [span, is_match] : parts) {
        const bool join =
            behavior == SplitBehavior::contiguous ? is_match == previous : is_match && !previous;
        if (join && !out.empty()) {
            (backward ? out.back().first.begin : out.back().first.end) =
                backward ? span.begin : span.end;
        } else {
            out.emplace_back(span, is_match);
        }
        previous = is_match;
    }
    if (backward) {
        std::reverse(out.begin(), out.end());
    }
    parts.swap(out);
}

}  // namespace

PreTokenizer::PreTokenizer(const JsonField& field) {
    read(field);
    if (!byte_level_) {
        field.refuse("a ByteLevel step is needed", "only byte-level BPE tokenizers are read");
    }
}

void PreTokenizer::read(const JsonField& field) {
    const std::string type = field.at("type").text();
    if (byte_level_) {
        field.refuse("a step after ByteLevel is not implemented");
    }
    if (type == "Sequence") {
        field.only({"type", "pretokenizers"});
        const JsonField list = field.at("pretokenizers");
        list.need_array();
        for (size_t i = 0; i < list.value().size(); ++i) {
            read(list.element(i));
        }
    } else if (type == "ByteLevel") {
        read_byte_level(field);
    } else if (type == "Digits") {
        field.only({"type", "individual_digits"});
        Step step;
        step.regex.emplace("\\p{N}");
        if (!field.flag("individual_digits", false)) {
            step.behavior = SplitBehavior::contiguous;
        }
        steps_.push_back(std::move(step));
    } else if (type == "Split") {
        read_split(field);
    } else {
        field.at("type").refuse_value("only ByteLevel, Digits, Split and Sequence are read");
    }
}

void PreTokenizer::read_byte_level(const JsonField& field) {
    field.only({"type", "add_prefix_space", "trim_offsets", "use_regex"});
    Step step;
    step.prefix_space = field.flag("add_prefix_space", true);
    if (field.flag("use_regex", true)) {
        step.regex.emplace(kGpt2Pattern);
    }
    if (step.prefix_space || step.regex) {
        steps_.push_back(std::move(step));
    }
    byte_level_ = true;
}

void PreTokenizer::read_split(const JsonField& field) {
    field.only({"type", "pattern", "behavior", "invert"});
    Step step;
    const JsonField pattern = field.at("pattern");
    pattern.only({"Regex", "String"});
    if (const auto fixed = pattern.find("String")) {
        step.regex = Regex::literal(*fixed);
    } else {
        step.regex = Regex::from_file(pattern.at("Regex"));
    }
    const JsonField behavior = field.at("behavior");
    const std::string name = behavior.text();
    const auto* const found = std::find_if(kBehaviors.begin(),
                                           kBehaviors.end(),
                                           [&](const auto& known) { return name == known.first; });
    if (found == kBehaviors.end()) {
        behavior.refuse_value("this behaviour is not known");
    }
    step.behavior = found->second;
    step.invert = field.flag("invert", false);
    steps_.push_back(std::move(step));
}

void PreTokenizer::cut(const Step& step, std::string_view piece, PieceBuffers& buffers) {
    auto& parts = buffers.parts;
    parts.clear();
    size_t done = 0;
    Span match;
    while (done < piece.size() && step.regex->find(piece, done, buffers.regex, match)) {
        if (match.begin > done) {
            parts.push_back({{done, match.begin}, step.invert});
        }
        parts.push_back({match, !step.invert});
        done = match.end;
    }
    if (done < piece.size()) {
        parts.push_back({{done, piece.size()}, step.invert});
    }
    const bool remove = step.behavior == SplitBehavior::removed;
    if (!remove && step.behavior != SplitBehavior::isolated) {
        merge_parts(parts, step.behavior);
    }
    for (const auto& [span, is_match] : parts) {
        if (!remove || !is_match) {
            buffers.next.push_back(piece.substr(span.begin, span.end - span.begin));
        }
    }
}

void PreTokenizer::split(std::string_view text, PieceBuffers& buffers) const {
    buffers.prefixed.clear();
    buffers.pieces.assign(1, text);
    for (const Step& step : steps_) {
        buffers.next.clear();
        for (std::string_view piece : buffers.pieces) {
            if (step.prefix_space && piece.front() != ' ') {
                piece = buffers.prefixed.emplace_back(std::string(1, ' ').append(piece));
            }
            if (step.regex) {
                cut(step, piece, buffers);
            } else {
                buffers.next.push_back(piece);
            }
        }
        buffers.pieces.swap(buffers.next);
    }
}

}  // namespace samara::host
