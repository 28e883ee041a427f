// PCRE2 behind regex.hpp; the translation of patterns is in regex_syntax.cpp.
#include "lm/text/regex.hpp"

#include "runtime/error.hpp"

#include <new>

namespace samara::host {

namespace {
// Backtracking over long runs needs more than the 32 KiB that PCRE2's JIT code takes from the
// thread's stack.
constexpr size_t kJitStackStart = size_t{64} << 10U;
constexpr size_t kJitStackMax = size_t{16} << 20U;
}  // namespace

RegexScratch::RegexScratch()
    : data_(pcre2_match_data_create(1, nullptr)),
      context_(pcre2_match_context_create(nullptr)),
      stack_(pcre2_jit_stack_create(kJitStackStart, kJitStackMax, nullptr)) {
    if (!data_ || !context_) {
        throw std::bad_alloc();
    }
    if (stack_) {
        pcre2_jit_stack_assign(context_.get(), nullptr, stack_.get());
    }
    // The patterns are linear on their texts; a limit would only break long lines.
    pcre2_set_match_limit(context_.get(), UINT32_MAX);
}

std::string Regex::compile(const std::string& pattern, uint32_t options) {
    int code = 0;
    PCRE2_SIZE offset = 0;
    code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()),
                              pattern.size(),
                              options | PCRE2_UTF | PCRE2_NO_UTF_CHECK,
                              &code,
                              &offset,
                              nullptr));
    if (!code_) {
        PCRE2_UCHAR message[256];
        pcre2_get_error_message(code, message, sizeof message);
        return "at " + std::to_string(offset) + ": " + reinterpret_cast<const char*>(message);
    }
    jit_ = pcre2_jit_compile(code_.get(), PCRE2_JIT_COMPLETE) == 0;
    return "";
}

Regex::Regex(const std::string& pattern) {
    const std::string message = compile(pattern, PCRE2_UCP);
    if (!message.empty()) {
        throw Error(Code::internal, "pattern " + pattern + " " + message);
    }
}

Regex Regex::from_file(const JsonField& field) {
    Regex out;
    const std::string message = out.compile(to_pcre2(field.text(), field), PCRE2_UCP);
    if (!message.empty()) {
        field.refuse("not a regular expression " + message);
    }
    uint32_t empty = 0;
    pcre2_pattern_info(out.code_.get(), PCRE2_INFO_MATCHEMPTY, &empty);
    if (empty != 0) {
        field.refuse("a pattern that may match nothing is not implemented");
    }
    return out;
}

Regex Regex::literal(const JsonField& field) {
    Regex out;
    const std::string text = field.text();
    const std::string message = text.empty() ? "" : out.compile(text, PCRE2_LITERAL);
    if (text.empty() || !message.empty()) {
        field.refuse_value("a string of at least one character is expected");
    }
    return out;
}

bool Regex::find(std::string_view subject, size_t from, RegexScratch& scratch, Span& match) const {
    const auto* text = reinterpret_cast<PCRE2_SPTR>(subject.data());
    const uint32_t options = PCRE2_NO_UTF_CHECK;
    int found = PCRE2_ERROR_JIT_STACKLIMIT;
    if (jit_) {
        found = pcre2_jit_match(code_.get(),
                                text,
                                subject.size(),
                                from,
                                0,
                                scratch.data_.get(),
                                scratch.context_.get());
    }
    if (found == PCRE2_ERROR_JIT_STACKLIMIT) {  // the interpreter's heap is larger
        found = pcre2_match(code_.get(),
                            text,
                            subject.size(),
                            from,
                            options | PCRE2_NO_JIT,
                            scratch.data_.get(),
                            scratch.context_.get());
    }
    if (found == PCRE2_ERROR_NOMATCH) {
        return false;
    }
    if (found < 0) {
        PCRE2_UCHAR message[256];
        pcre2_get_error_message(found, message, sizeof message);
        throw Error(Code::internal,
                    std::string("splitting a text: ") + reinterpret_cast<const char*>(message));
    }
    const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(scratch.data_.get());
    match = {ends[0], ends[1]};
    return true;
}

}  // namespace samara::host
