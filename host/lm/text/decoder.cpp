// See decoder.hpp.
#include "lm/text/decoder.hpp"

#include "lm/text/bpe.hpp"
#include "lm/text/metaspace.hpp"
#include "lm/text/utf8.hpp"

#include <charconv>

namespace samara::host {

namespace {

void replace_all(std::string& text, const std::string& pattern, const std::string& content) {
    for (size_t at = text.find(pattern); at != std::string::npos;
         at = text.find(pattern, at + content.size())) {
        text.replace(at, pattern.size(), content);
    }
}

/// The byte of "<0x0A>"; -1 for any other token.
int byte_of(std::string_view token) {
    int byte = -1;
    if (token.size() == 6 && token.starts_with("<0x") && token.back() == '>') {
        const char* end = token.data() + 5;
        const auto read = std::from_chars(token.data() + 3, end, byte, 16);
        byte = read.ptr == end && byte >= 0 ? byte : -1;
    }
    return byte;
}

/// Runs of byte tokens become one string each; a U+FFFD for every byte if they are not UTF-8.
std::vector<std::string> join_bytes(const std::vector<std::string>& tokens) {
    std::vector<std::string> out;
    std::string run;
    const auto flush = [&] {
        if (first_invalid_utf8(run)) {
            out.insert(out.end(), run.size(), "\xEF\xBF\xBD");
        } else if (!run.empty()) {
            out.push_back(run);
        }
        run.clear();
    };
    for (const std::string& token : tokens) {
        if (const int byte = byte_of(token); byte >= 0) {
            run.push_back(static_cast<char>(byte));
            continue;
        }
        flush();
        out.push_back(token);
    }
    flush();
    return out;
}

std::string joined(const std::vector<std::string>& tokens) {
    std::string text;
    for (const std::string& token : tokens) {
        text += token;
    }
    return text;
}

}  // namespace

void Decoder::read(const JsonField& field) {
    const std::string type = field.at("type").text();
    Step step;
    if (type == "Sequence") {
        field.only({"type", "decoders"});
        const JsonField list = field.at("decoders");
        list.need_array();
        for (size_t i = 0; i < list.value().size(); ++i) {
            read(list.element(i));
        }
        return;
    }
    if (type == "ByteLevel") {
        field.only({"type", "add_prefix_space", "trim_offsets", "use_regex"});
        if (!steps_.empty()) {
            field.refuse("ByteLevel after another step is not implemented");
        }
        step.kind = Kind::byte_level;
    } else if (type == "Replace") {
        field.only({"type", "pattern", "content"});
        field.at("pattern").only({"String"});
        step.kind = Kind::replace;
        step.pattern = field.at("pattern").at("String").text();
        step.content = field.at("content").text();
        if (step.pattern.empty()) {
            field.at("pattern").refuse_value("a string of at least one character is expected");
        }
    } else if (type == "ByteFallback" || type == "Fuse") {
        field.only({"type"});
        step.kind = type == "Fuse" ? Kind::fuse : Kind::byte_fallback;
    } else if (type == "Strip") {
        field.only({"type", "content", "start", "stop"});
        step.kind = Kind::strip;
        step.pattern = one_character(field.at("content"));
        step.start = field.at("start").whole();
        if (field.at("stop").whole() != 0) {
            field.at("stop").refuse_value(
                "0 is expected: with more, `tokenizers` 0.23 itself fails on shorter tokens");
        }
    } else if (type == "Metaspace") {
        read_metaspace(field, step);
    } else {
        field.at("type").refuse_value(
            "only ByteLevel, Replace, ByteFallback, Fuse, Strip, Metaspace and Sequence are read");
    }
    steps_.push_back(std::move(step));
}

void Decoder::read_metaspace(const JsonField& field, Step& step) {
    const MetaspaceFields fields = metaspace_fields(field);
    step.kind = Kind::metaspace;
    step.pattern = fields.replacement;
    step.drop_first = fields.scheme != PrependScheme::never;
}

std::string Decoder::spelling(std::string_view token) const {
    const bool bytes = !steps_.empty() && steps_.front().kind == Kind::byte_level;
    return bytes ? bytes_of_token(token) : std::string(token);
}

void Decoder::apply(const Step& step, std::vector<std::string>& tokens) {
    switch (step.kind) {
        case Kind::byte_level:
            tokens = {replace_invalid_utf8(joined(tokens))};
            return;
        case Kind::fuse:
            tokens = {joined(tokens)};
            return;
        case Kind::byte_fallback:
            tokens = join_bytes(tokens);
            return;
        case Kind::replace:
            for (std::string& token : tokens) {
                replace_all(token, step.pattern, step.content);
            }
            return;
        case Kind::strip:
            for (std::string& token : tokens) {
                size_t cut = 0;
                for (int64_t n = 0;
                     n < step.start && token.compare(cut, step.pattern.size(), step.pattern) == 0;
                     ++n) {
                    cut += step.pattern.size();
                }
                token.erase(0, cut);
            }
            return;
        case Kind::metaspace:
            for (size_t i = 0; i < tokens.size(); ++i) {
                replace_all(tokens[i], step.pattern, i == 0 && step.drop_first ? "" : " ");
            }
    }
}

std::string Decoder::decode(const std::vector<std::string_view>& spellings) const {
    std::vector<std::string> tokens(spellings.begin(), spellings.end());
    for (const Step& step : steps_) {
        apply(step, tokens);
    }
    return joined(tokens);
}

}  // namespace samara::host
