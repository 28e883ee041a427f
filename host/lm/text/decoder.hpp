// Tokens back to text: the decoder of a tokenizer.json.  The steps follow the `tokenizers`
// library's decode_chain: each maps a list of strings to a list, and the last list is joined.
#pragma once
#include "lm/text/json_field.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace samara::host {

/// ByteLevel (as the first step), Replace of a string, ByteFallback, Fuse, Strip at the start,
/// Metaspace and Sequence.  [any-thread]
class Decoder {
public:
    /// Errors: config, naming the field.
    explicit Decoder(const JsonField& field) { read(field); }

    /// What decode expects for a token: its bytes where ByteLevel reads them, else itself.
    [[nodiscard]] std::string spelling(std::string_view token) const;

    /// The text of tokens as `spelling` gives them.
    [[nodiscard]] std::string decode(const std::vector<std::string_view>& spellings) const;

private:
    enum class Kind { byte_level, replace, byte_fallback, fuse, strip, metaspace };
    struct Step {
        Kind kind = Kind::fuse;
        std::string pattern;      ///< what is replaced, stripped or stands for a space
        std::string content;      ///< what it becomes
        int64_t start = 0;        ///< so many are stripped at most
        bool drop_first = false;  ///< a prefix was put: spaces of the first token go
    };
    void read(const JsonField& field);
    static void read_metaspace(const JsonField& field, Step& step);
    static void apply(const Step& step, std::vector<std::string>& tokens);
    std::vector<Step> steps_;
};

}  // namespace samara::host
