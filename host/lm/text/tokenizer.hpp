// A Hugging Face tokenizer.json: text to token ids and back, equal to the `tokenizers` library.
// BPE of bytes or characters; chat formats and prompt borders are not known here (chat.hpp,
// encoder.cpp).
#pragma once
#include "lm/text/added_tokens.hpp"
#include "lm/text/bpe.hpp"
#include "lm/text/decoder.hpp"
#include "lm/text/json_field.hpp"
#include "lm/text/normalizer.hpp"
#include "lm/text/post_processor.hpp"
#include "lm/text/pretokenizer.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace samara::host {

/// Part of every fingerprint: raise it when the same files would give other ids than before.
constexpr int kTextVersion = 1;

/// Read once, then constant.  [any-thread]
class Tokenizer {
public:
    /// `file` is a tokenizer.json.  Errors: io, corrupt (not JSON), config (a setting that is not
    /// implemented, by name).
    explicit Tokenizer(const std::string& file);
    ~Tokenizer();
    Tokenizer(const Tokenizer&) = delete;
    Tokenizer& operator=(const Tokenizer&) = delete;

    /// Token ids of `text`; added tokens inside it are recognised, none is put before or after
    /// (special_ids).
    /// Errors: data if `text` is not UTF-8, with the byte offset.
    [[nodiscard]] std::vector<int64_t> encode(std::string_view text) const;

    /// The text of the ids, added tokens included; broken UTF-8 becomes U+FFFD.
    /// Errors: data if an id is not in the vocabulary.
    [[nodiscard]] std::string decode(std::span<const int64_t> ids) const;

    /// True if ids(a + b) is ids(a) followed by ids(b) for every a that ends with `border` and
    /// every b.
    [[nodiscard]] bool is_safe_border(std::string_view border) const;

    /// What the file's post-processor puts around a text on its own, as the library does with
    /// add_special_tokens.
    [[nodiscard]] const PostProcessor& special_ids() const { return post_processor_; }

    /// The id of a token by its content; -1: none.
    [[nodiscard]] int64_t id_of(std::string_view token) const;

    /// SHA-256 (hex) over the file's bytes, kTextVersion and the Unicode versions of PCRE2 and
    /// utf8proc.
    [[nodiscard]] const std::string& fingerprint() const { return fingerprint_; }

private:
    struct Buffers;
    class Lease;
    void read_added_tokens(const JsonField& root);
    int64_t place_of(const JsonField& field, const std::string& content, int64_t next) const;
    void set_spelling(size_t id, std::string_view token);
    void encode_plain(std::string_view text,
                      bool at_start,
                      Buffers& buffers,
                      std::vector<int64_t>& out) const;

    Normalizer normalizer_;
    PreTokenizer pre_tokenizer_;
    std::unique_ptr<BpeModel> model_;
    PostProcessor post_processor_;
    std::unique_ptr<Decoder> decoder_;
    AddedTokens raw_tokens_;              ///< looked for in the text as it stands
    AddedTokens normalized_tokens_;       ///< looked for in the normalised text
    StringMap<int64_t> added_;            ///< ids of added tokens by their content in the file
    std::vector<std::string> spellings_;  ///< by id, as decoder_ expects them
    std::vector<bool> present_;
    std::string fingerprint_;
    mutable std::mutex mutex_;  ///< guards idle_
    mutable std::vector<std::unique_ptr<Buffers>>
        idle_;  ///< one set of buffers per concurrent call
};

/// SHA-256 in hex over the parts, each preceded by its length: no two lists of parts collide by
/// concatenation.
std::string hash_parts(std::span<const std::string_view> parts);
inline std::string hash_parts(std::initializer_list<std::string_view> parts) {
    return hash_parts(std::span(parts.begin(), parts.size()));
}

}  // namespace samara::host
