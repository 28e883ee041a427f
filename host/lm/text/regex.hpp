// Regular expressions of tokenizer files, matched by PCRE2 over valid UTF-8.  The `tokenizers`
// library runs them in Oniguruma (Ruby syntax): only constructs that mean the same in both are
// translated, everything else is refused.
#pragma once
#define PCRE2_CODE_UNIT_WIDTH 8
#include "lm/text/json_field.hpp"

#include <cstddef>
#include <memory>
#include <pcre2.h>
#include <string>
#include <string_view>

namespace samara::host {

/// Bytes [begin, end) of a subject.
struct Span {
    size_t begin = 0;
    size_t end = 0;
};

/// What one matching thread needs beside the pattern.  [one thread at a time]
class RegexScratch {
public:
    RegexScratch();

private:
    friend class Regex;
    struct Free {
        void operator()(pcre2_match_data* p) const { pcre2_match_data_free(p); }
        void operator()(pcre2_match_context* p) const { pcre2_match_context_free(p); }
        void operator()(pcre2_jit_stack* p) const { pcre2_jit_stack_free(p); }
    };
    std::unique_ptr<pcre2_match_data, Free> data_;
    std::unique_ptr<pcre2_match_context, Free> context_;
    std::unique_ptr<pcre2_jit_stack, Free> stack_;
};

/// A compiled pattern.  [any-thread]
class Regex {
public:
    /// GPT-2's split and other patterns of ours: PCRE2 syntax, Unicode classes.
    explicit Regex(const std::string& pattern);
    /// A pattern of a tokenizer file.  Errors: config, naming the construct and the field.
    static Regex from_file(const JsonField& field);
    /// A fixed string of a tokenizer file.
    static Regex literal(const JsonField& field);

    /// The first match at or after `from`; false if there is none.  `subject` must be valid UTF-8.
    bool find(std::string_view subject, size_t from, RegexScratch& scratch, Span& match) const;

private:
    struct Free {
        void operator()(pcre2_code* p) const { pcre2_code_free(p); }
    };
    Regex() = default;
    std::string compile(const std::string& pattern, uint32_t options);  ///< the message, or empty
    std::unique_ptr<pcre2_code, Free> code_;
    bool jit_ = false;
};

/// Oniguruma (Ruby) syntax to PCRE2 syntax; refuses through `field`.
std::string to_pcre2(const std::string& pattern, const JsonField& field);

}  // namespace samara::host
