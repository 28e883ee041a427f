// corpus.hpp - the responses of a data set as the solver sees them: what each type measures on
// them, and for every response a partner against which an instruction is drawn (solve.hpp has the
// reason).  Computed once per data set and type; depends on the data set alone.
#pragma once
#include "types.hpp"

#include <samara/records.hpp>

#include <array>
#include <unordered_map>

namespace samara::ifeval {

/// The non-blank responses of a data set, chosen and rejected.
class Corpus {
public:
    /// How many independent pairings each type has.
    static constexpr size_t kPairings = 8;
    static constexpr uint32_t kNone = UINT32_MAX;

    explicit Corpus(const Dataset& data);

    size_t size() const { return entries_.size(); }
    /// True for the data set that this corpus was made from, as far as a sample of its rows tells.
    bool describes(const Dataset& data) const;
    /// The text of response `index`, decoded.
    Text text(const Dataset& data, uint32_t index) const;
    /// Response equal to `response`, or kNone; `salt` picks among repeated ones.
    uint32_t find(std::string_view response, uint64_t salt) const;
    /// The other response of the same row; kNone when some row has only one.
    uint32_t sibling(uint32_t index) const;

    /// What a type's instructions depend on, per response: a count, a predicate as 0 or 1, or the
    /// response's own index where every response differs (words).
    struct Measure {
        std::vector<int64_t> values;
        /// pairings[p][i]: partner of response i, with another value; kNone: i takes no part.  The
        /// same responses take part in every pairing, and partners are each other's.
        std::array<std::vector<uint32_t>, kPairings> pairings;
        int64_t common = 0;       ///< the most frequent value, and
        double common_share = 1;  ///< the share of its responses that take part
        bool balanced = false;    ///< false: too few responses differ, the type cannot be drawn
    };
    const Measure& measure(const Dataset& data, Kind kind);

private:
    struct Entry {
        int64_t record;
        bool rejected;
        uint64_t hash;
    };
    void pair_up(Kind kind, Measure& measure) const;
    std::vector<Entry> entries_;
    std::unordered_multimap<uint64_t, uint32_t> by_hash_;
    std::unordered_map<int, Measure> measures_;
    const void* ctx_;
    int64_t records_;
    uint64_t fingerprint_;
    bool paired_ = true;
};

/// The value that a measure holds for one text; 0 where every response differs.
int64_t measure_text(Kind kind, View text);
/// 64 bits of a text's content (FNV-1a).
uint64_t content_hash(std::string_view text);

}  // namespace samara::ifeval
