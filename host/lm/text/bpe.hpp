// Byte-pair encoding of one piece of text, of its bytes or of its characters: the model of a
// tokenizer.json.  The lowest-ranked pair merges first, the leftmost among equals (arXiv
// 1508.07909, GPT-2's byte alphabet; characters as in SentencePiece, with bytes as a fallback).
#pragma once
#include "lm/text/json_field.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace samara::host {

struct StringHash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
template <class Value>
using StringMap = std::unordered_map<std::string, Value, StringHash, std::equal_to<>>;

/// Buffers and the cache of finished pieces.  [one thread at a time]
struct BpeBuffers {
    struct Symbol {
        int32_t id;
        int32_t previous;  ///< index, -1: none
        int32_t next;      ///< index, -1: none
    };
    struct Candidate {
        int32_t rank;
        int32_t at;      ///< index of the left symbol
        int32_t merged;  ///< the id that the pair became when it was queued
    };
    std::vector<int32_t> ids;
    std::vector<int32_t> ranks;
    std::vector<Symbol> symbols;
    std::vector<Candidate> queue;
    StringMap<std::vector<int32_t>> cache;
};

/// [any-thread]
class BpeModel {
public:
    /// `field` is tokenizer.json's "model"; `byte_level`: pieces are merged from their bytes.
    /// Errors: config, naming the field.
    BpeModel(const JsonField& field, bool byte_level);

    /// Appends the ids of one piece, given as raw bytes (not in the byte alphabet's letters).  What
    /// the vocabulary lacks becomes byte tokens or the unknown token, where the model has them;
    /// else it yields nothing, as in the `tokenizers` library.
    void encode(std::string_view piece, BpeBuffers& buffers, std::vector<int64_t>& out) const;

    /// Every entry as the file spells it.
    [[nodiscard]] const StringMap<int32_t>& vocab() const { return vocab_; }
    [[nodiscard]] size_t size() const { return vocab_.size(); }
    /// The id of a vocabulary entry as the file spells it; -1: none.
    [[nodiscard]] int32_t find(std::string_view token) const;

private:
    struct Merge {
        uint64_t pair = UINT64_MAX;  ///< left id in the upper half; UINT64_MAX: empty slot
        int32_t rank = 0;
        int32_t merged = 0;
    };
    void read_vocab(const JsonField& field);
    void read_fallback(const JsonField& field);
    void first_symbols(std::string_view piece, std::vector<int32_t>& ids) const;
    bool append_bytes(std::string_view character, std::vector<int32_t>& ids) const;
    void read_merges(const JsonField& field);
    void add_merge(uint64_t pair, int32_t rank, int32_t merged);
    [[nodiscard]] const Merge* merge_of(int32_t left, int32_t right) const;
    void merge_short(BpeBuffers& buffers) const;
    void merge_long(BpeBuffers& buffers) const;
    void queue_pair(BpeBuffers& buffers, int32_t at) const;

    StringMap<int32_t> vocab_;
    StringMap<int32_t> whole_;             ///< raw bytes to id; filled only with ignore_merges
    std::array<int32_t, 256> byte_ids_{};  ///< of letters or of <0x00> to <0xFF>; -1: none
    std::vector<Merge> merges_;            ///< open addressing, a power of two
    bool byte_level_ = true;
    bool byte_fallback_ = false;
    bool fuse_unknown_ = false;  ///< neighbouring unknown characters are one token
    int32_t unknown_ = -1;       ///< -1: unknown characters yield nothing
    bool ignore_merges_ = false;
};

/// The bytes that a token in GPT-2's byte alphabet stands for; a token with any other letter stands
/// for itself.
std::string bytes_of_token(std::string_view token);

}  // namespace samara::host
