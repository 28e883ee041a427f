// corpus.hpp - the responses of a data set as the solver sees them: what each type measures on
// them, and for every response a partner against which an instruction is drawn (solve.hpp has the
// reason).  Computed once per data set and type; depends on the data set alone.
//
// Memory: 20 bytes a response to find it again by its content; what types measure is kept of at
// most kMeasured responses, so that it does not grow with the data set.
#pragma once
#include "types.hpp"

#include <samara/records.hpp>

#include <array>
#include <unordered_map>
#include <utility>

namespace samara::ifeval {

/// The non-blank responses of a data set, chosen and rejected.
class Corpus {
public:
    /// How many independent pairings each type has.
    static constexpr size_t kPairings = 8;
    /// Of a larger data set so many are measured, drawn without regard to order or content.
    static constexpr size_t kMeasured = 16384;
    static constexpr uint32_t kNone = UINT32_MAX;

    explicit Corpus(const Dataset& data);

    size_t size() const { return places_.size(); }
    bool all_measured() const { return measured_.size() == size(); }
    /// True for the data set that this corpus was made from, as far as a sample of its rows tells.
    bool describes(const Dataset& data) const;
    /// The text of response `index`, decoded.
    Text text(const Dataset& data, uint32_t index) const;
    /// Response equal to `response`, or kNone; `salt` picks among repeated ones.
    uint32_t find(std::string_view response, uint64_t salt) const;
    /// The other response of the same row; kNone when some row has only one.
    uint32_t sibling(uint32_t index) const;

    /// What a type's instructions depend on, and who is drawn against whom.  Its members are the
    /// measured responses; for a type that is drawn from the texts themselves (needs_no_text), all.
    struct Measure {
        size_t members = 0;
        /// Per member: a count, or a predicate as 0 or 1.  For types drawn from texts a number of
        /// its own, and none where all texts are members and many.
        std::vector<int64_t> values;
        std::vector<uint32_t> by_value;  ///< the members, sorted by value
        /// pairings[p][i]: partner of member i, with another value; kNone: i takes no part.  The
        /// same members take part in every pairing, and partners are each other's.
        std::array<std::vector<uint32_t>, kPairings> pairings;
        /// In place of `pairings` where all texts are members and many: the partner of row r is of
        /// row mirrors[p] - r around a circle of an even number of rows.  Odd, so that none is its
        /// own.
        std::array<uint64_t, kPairings> mirrors{};
        bool balanced = false;  ///< false: too few responses differ, the type cannot be drawn

        uint32_t partner(size_t pairing, uint32_t member) const;
        /// The member that stands for a response which is none: one of equal value, the same for
        /// every call with this hash; kNone where no member has the value.
        uint32_t stand_in(int64_t value, uint64_t hash) const;
    };
    /// The place of response `index` among the members; kNone: it is not measured.
    uint32_t member(Kind kind, uint32_t index) const;
    const Measure& measure(const Dataset& data, Kind kind);

private:
    void pair_up(Kind kind, Measure& measure) const;
    std::vector<uint32_t> places_;  ///< of every response: twice its row, and 1 for the rejected
    std::vector<std::pair<uint64_t, uint32_t>> by_hash_;  ///< sorted
    std::vector<uint32_t> measured_;                      ///< sorted
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
