// The normalizer of a tokenizer.json: Unicode forms (by utf8proc), lower case, replacements.  Runs
// on the parts that raw added tokens leave, before normalised added tokens are looked for.
#pragma once
#include "lm/text/regex.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace samara::host {

/// Buffers of one call.  [one thread at a time]
struct NormalizerBuffers {
    std::string now, next;
    RegexScratch regex;
};

/// NFC, NFD, NFKC, NFKD, Lowercase, Replace, Prepend, Strip and Sequence.  [any-thread]
class Normalizer {
public:
    Normalizer() = default;  ///< changes nothing
    /// Errors: config, naming the field.
    explicit Normalizer(const JsonField& field) { read(field); }

    /// `text` (valid UTF-8) itself where nothing changes, else a view of `buffers`.
    std::string_view run(std::string_view text, NormalizerBuffers& buffers) const;

    /// True if the first character always comes from the first of the text, and no later one does.
    [[nodiscard]] bool keeps_start() const;

private:
    enum class Kind { nfc, nfd, nfkc, nfkd, lowercase, replace, prepend, strip };
    struct Step {
        Kind kind = Kind::nfc;
        std::optional<Regex> regex;  ///< of a replacement by pattern
        std::string pattern;         ///< of one by string
        std::string content;         ///< what is put in or before
        bool left = false, right = false;
    };
    void read(const JsonField& field);
    static void read_replace(const JsonField& field, Step& step);
    static std::string_view apply(const Step& step,
                                  std::string_view text,
                                  NormalizerBuffers& buffers);
    static void replace(const Step& step, std::string_view text, NormalizerBuffers& buffers);
    std::vector<Step> steps_;
};

}  // namespace samara::host
