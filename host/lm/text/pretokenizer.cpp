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

// \w of Unicode TR18 without what only the Alphabetic property of symbols adds, which follows it:
// circled and squared letters (as in utf8.cpp).  PCRE2's own \w has no marks.
constexpr const char* kWord = R"(\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\x{200C}\x{200D}\x{24B6}-\x{24E9})"
                              R"(\x{1F130}-\x{1F149}\x{1F150}-\x{1F169}\x{1F170}-\x{1F189})";
constexpr const char* kSpace = R"(\t-\r\x{85}\p{Z})";

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

SplitBehavior behavior_of(const JsonField& field) {
    const std::string name = field.text();
    const auto* const found = std::find_if(kBehaviors.begin(),
                                           kBehaviors.end(),
                                           [&](const auto& known) { return name == known.first; });
    if (found == kBehaviors.end()) {
        field.refuse_value("this behaviour is not known");
    }
    return found->second;
}

}  // namespace

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
    } else if (type == "Split") {
        read_split(field);
    } else if (type == "Metaspace") {
        read_metaspace(field);
    } else {
        read_class(field, type);
    }
}

/// Steps that cut at a class of characters.
void PreTokenizer::read_class(const JsonField& field, const std::string& type) {
    Step step;
    if (type == "Digits") {
        field.only({"type", "individual_digits"});
        step.regex.emplace("\\p{N}");
        if (!field.flag("individual_digits", false)) {
            step.behavior = SplitBehavior::contiguous;
        }
    } else if (type == "Punctuation") {
        field.only({"type", "behavior"});
        step.regex.emplace("[!-/:-@\\[-`{-~\\p{P}]");
        if (const auto behavior = field.find("behavior")) {
            step.behavior = behavior_of(*behavior);
        }
    } else if (type == "Whitespace") {
        field.only({"type"});
        const std::string word = kWord;
        step.regex.emplace("[" + word + "]+|[^" + word + kSpace + "]+");
        step.behavior = SplitBehavior::removed;
        step.invert = true;
    } else if (type == "WhitespaceSplit") {
        field.only({"type"});
        step.regex.emplace(std::string("[") + kSpace + "]+");
        step.behavior = SplitBehavior::removed;
    } else {
        field.at("type").refuse_value(
            "only ByteLevel, Split, Digits, Whitespace, WhitespaceSplit, Punctuation, Metaspace "
            "and Sequence are read");
    }
    steps_.push_back(std::move(step));
}

void PreTokenizer::read_metaspace(const JsonField& field) {
    if (std::any_of(
            steps_.begin(), steps_.end(), [](const Step& s) { return s.metaspace.has_value(); })) {
        field.refuse("a second Metaspace step is not implemented");
    }
    Step step;
    step.metaspace = metaspace_fields(field);
    if (step.metaspace->scheme == PrependScheme::first && !steps_.empty()) {
        field.refuse("\"prepend_scheme\": \"first\" after another step is not implemented");
    }
    if (step.metaspace->split) {
        step.regex = Regex::literal(field.at("replacement"));
        step.behavior = SplitBehavior::merged_with_next;
    }
    steps_.push_back(std::move(step));
}

bool PreTokenizer::minds_start() const {
    return std::any_of(steps_.begin(), steps_.end(), [](const Step& s) {
        return s.metaspace && s.metaspace->scheme == PrependScheme::first;
    });
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
    step.behavior = behavior_of(field.at("behavior"));
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

/// The piece as it is to be cut: itself, or one of buffers.written.
std::string_view PreTokenizer::prepare(const Step& step,
                                       std::string_view piece,
                                       bool at_start,
                                       PieceBuffers& buffers) {
    if (step.prefix_space && piece.front() != ' ') {
        return buffers.written.emplace_back(std::string(1, ' ').append(piece));
    }
    if (!step.metaspace) {
        return piece;
    }
    const std::string& mark = step.metaspace->replacement;
    const PrependScheme scheme = step.metaspace->scheme;
    std::string& out = buffers.written.emplace_back();
    if (piece.front() != ' ' && !piece.starts_with(mark) &&
        (scheme == PrependScheme::always || (scheme == PrependScheme::first && at_start))) {
        out = mark;
    }
    for (size_t begin = 0; begin <= piece.size();) {
        const size_t space = std::min(piece.find(' ', begin), piece.size());
        out.append(piece, begin, space - begin);
        out += space < piece.size() ? mark : "";
        begin = space + 1;
    }
    return out;
}

void PreTokenizer::split(std::string_view text, bool at_start, PieceBuffers& buffers) const {
    buffers.written.clear();
    buffers.pieces.assign(1, text);
    for (const Step& step : steps_) {
        buffers.next.clear();
        for (std::string_view piece : buffers.pieces) {
            piece = prepare(step, piece, at_start, buffers);
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
