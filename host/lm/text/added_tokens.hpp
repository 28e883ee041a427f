// Tokens that are found in a text before anything else looks at it: "<|im_start|>" and the like.
// Follows AddedVocabulary of the `tokenizers` library: leftmost-longest, then the flags of the
// token found.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace samara::host {

struct AddedToken {
    std::string content;
    int32_t id = 0;
    bool single_word = false;  ///< only where no word character touches it
    bool lstrip = false;       ///< swallows the white space before it
    bool rstrip = false;       ///< swallows the white space after it
    bool normalized = false;   ///< looked for in the normalised text, itself normalised
    bool special = false;
};

/// A part of a text: an added token (id >= 0) or plain text (id -1).
struct TokenPart {
    std::string_view text;
    int32_t id = -1;
};

/// One set of added tokens.  [any-thread]
class AddedTokens {
public:
    AddedTokens() = default;
    /// Contents as they are to be looked for, unique and not empty.
    explicit AddedTokens(std::vector<AddedToken> tokens);

    /// Appends the parts of `text` (valid UTF-8, not empty) in order; plain parts are not empty.
    void split(std::string_view text, std::vector<TokenPart>& out) const;

    [[nodiscard]] const std::vector<AddedToken>& tokens() const { return tokens_; }

private:
    [[nodiscard]] const AddedToken* match(std::string_view text, size_t at) const;
    std::vector<AddedToken> tokens_;  ///< longest first
    std::array<std::vector<uint32_t>, 256> by_first_byte_;
};

/// True if every text that contains `border` may be cut right after it: the ids of the whole are
/// the ids of the two parts, one after the other, whatever follows.  `first` is the set that is
/// looked for in the text as it stands.
bool is_safe_border(std::string_view border, const AddedTokens& first);

}  // namespace samara::host
