// See normalizer.hpp.
#include "lm/text/normalizer.hpp"

#include "lm/text/utf8.hpp"
#include "runtime/error.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <utf8proc.h>

namespace samara::host {

namespace {

/// True if every byte lies below `lead`.
bool below(std::string_view text, uint8_t lead) {
    bool low = true;
    for (const char byte : text) {
        low = low && static_cast<uint8_t>(byte) < lead;
    }
    return low;
}

void map_unicode(std::string_view text, int options, std::string& out) {
    utf8proc_uint8_t* mapped = nullptr;
    const auto length = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                     static_cast<utf8proc_ssize_t>(text.size()),
                                     &mapped,
                                     static_cast<utf8proc_option_t>(UTF8PROC_STABLE | options));
    if (length < 0) {
        throw Error(Code::internal, std::string("normalising a text: ") + utf8proc_errmsg(length));
    }
    out.assign(reinterpret_cast<const char*>(mapped), static_cast<size_t>(length));
    std::free(mapped);  // NOLINT: utf8proc_map allocates with malloc
}

/// Character by character: no rule looks at neighbours.
void lower(std::string_view text, std::string& out) {
    out.clear();
    for (size_t at = 0; at < text.size();) {
        const Utf8Char next = utf8_at(text, at);
        if (next.code == 0x130) {  // the one character whose lower case is two: SpecialCasing.txt
            out += "i\xCC\x87";
        } else {
            append_utf8(
                out,
                static_cast<uint32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(next.code))));
        }
        at += next.length;
    }
}

}  // namespace

void Normalizer::read(const JsonField& field) {
    constexpr std::array<std::pair<const char*, Kind>, 8> kKinds = {{{"NFC", Kind::nfc},
                                                                     {"NFD", Kind::nfd},
                                                                     {"NFKC", Kind::nfkc},
                                                                     {"NFKD", Kind::nfkd},
                                                                     {"Lowercase", Kind::lowercase},
                                                                     {"Replace", Kind::replace},
                                                                     {"Prepend", Kind::prepend},
                                                                     {"Strip", Kind::strip}}};
    const std::string type = field.at("type").text();
    if (type == "Sequence") {
        field.only({"type", "normalizers"});
        const JsonField list = field.at("normalizers");
        list.need_array();
        for (size_t i = 0; i < list.value().size(); ++i) {
            read(list.element(i));
        }
        return;
    }
    const auto* const known = std::find_if(
        kKinds.begin(), kKinds.end(), [&](const auto& kind) { return type == kind.first; });
    if (known == kKinds.end()) {
        field.at("type").refuse_value(
            "only NFC, NFD, NFKC, NFKD, Lowercase, Replace, Prepend, Strip and Sequence are read");
    }
    Step step;
    step.kind = known->second;
    if (step.kind == Kind::replace) {
        read_replace(field, step);
    } else if (step.kind == Kind::prepend) {
        field.only({"type", "prepend"});
        step.content = field.at("prepend").text();
    } else if (step.kind == Kind::strip) {
        field.only({"type", "strip_left", "strip_right"});
        step.left = field.flag("strip_left", true);
        step.right = field.flag("strip_right", true);
    } else {
        field.only({"type"});
    }
    steps_.push_back(std::move(step));
}

void Normalizer::read_replace(const JsonField& field, Step& step) {
    field.only({"type", "pattern", "content"});
    const JsonField pattern = field.at("pattern");
    pattern.only({"Regex", "String"});
    if (const auto fixed = pattern.find("String")) {
        step.pattern = fixed->text();
        if (step.pattern.empty()) {
            fixed->refuse_value("a string of at least one character is expected");
        }
    } else {
        step.regex = Regex::from_file(pattern.at("Regex"));
    }
    step.content = field.at("content").text();
}

bool Normalizer::keeps_start() const {
    return std::all_of(steps_.begin(), steps_.end(), [](const Step& step) {
        return step.kind == Kind::nfc || (step.kind == Kind::replace && !step.content.empty());
    });
}

/// Every match, from the left, becomes the content.
void Normalizer::replace(const Step& step, std::string_view text, NormalizerBuffers& buffers) {
    std::string& out = buffers.next;
    out.clear();
    size_t done = 0;
    Span match;
    for (;;) {
        if (step.regex) {
            if (done >= text.size() || !step.regex->find(text, done, buffers.regex, match)) {
                break;
            }
        } else {
            match.begin = text.find(step.pattern, done);
            match.end = match.begin + step.pattern.size();
            if (match.begin == std::string_view::npos) {
                break;
            }
        }
        out.append(text.substr(done, match.begin - done)).append(step.content);
        done = match.end;
    }
    out.append(text.substr(done));
}

/// The text after one step: `text` itself or all of buffers.next.
std::string_view Normalizer::apply(const Step& step,
                                   std::string_view text,
                                   NormalizerBuffers& buffers) {
    std::string& out = buffers.next;
    switch (step.kind) {
        case Kind::nfc:  // text below U+0300 is composed already (UAX 15, quick check)
            if (below(text, 0xCC)) {
                return text;
            }
            map_unicode(text, UTF8PROC_COMPOSE, out);
            return out;
        case Kind::nfd:
        case Kind::nfkc:
        case Kind::nfkd:
            if (below(text, 0x80)) {
                return text;
            }
            map_unicode(text,
                        (step.kind == Kind::nfkc ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE) |
                            (step.kind == Kind::nfd ? 0 : UTF8PROC_COMPAT),
                        out);
            return out;
        case Kind::lowercase:
            lower(text, out);
            return out;
        case Kind::prepend:
            if (text.empty()) {
                return text;
            }
            out = step.content;
            out += text;
            return out;
        case Kind::strip:
            text.remove_prefix(step.left ? space_at_start(text) : 0);
            text.remove_suffix(step.right ? space_at_end(text) : 0);
            return text;
        case Kind::replace:
            break;
    }
    replace(step, text, buffers);
    return out;
}

std::string_view Normalizer::run(std::string_view text, NormalizerBuffers& buffers) const {
    for (const Step& step : steps_) {
        text = apply(step, text, buffers);
        if (text.data() == buffers.next.data()) {
            buffers.now.swap(buffers.next);  // the next step writes where this text is not
            text = buffers.now;
        }
    }
    return text;
}

}  // namespace samara::host
