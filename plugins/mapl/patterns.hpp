// Truth patterns: which instructions of a prompt a response satisfies, and which pairs of patterns
// carry a preference.  Pure arithmetic on bit masks; knows neither texts nor instruction types.
#pragma once
#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace samara::mapl {

/// Bit i: instruction i is satisfied.
using Mask = uint32_t;

/// Two patterns over the same k instruction types; `better` belongs to the preferred side.  For
/// intra that is x_w against x_l with one response, for inter (widen) y_w against y_l with one
/// prompt.
struct TruthPair {
    Mask better = 0;
    Mask worse = 0;
    bool operator==(const TruthPair&) const = default;
};

/// When one pattern beats another (k types).
///   paper      condition (a) or (b), arXiv 2505.12845: 2^(k+1) - 3 pairs
///   dominance  satisfies a strict superset: 3^k - 2^k pairs
///   count      satisfies strictly more: (4^k - C(2k, k)) / 2 pairs
enum class Rule { paper, dominance, count };

/// A further restriction.  (a): all of better, not all of worse.  (b): at least one of better, none
/// of worse. Under (a) or (b) alone the three rules agree.
enum class Condition { both, a, b };

inline Mask full_mask(int k) {
    return (Mask{1} << k) - 1;
}

inline bool meets_a(TruthPair p, int k) {
    return p.better == full_mask(k) && p.worse != full_mask(k);
}
inline bool meets_b(TruthPair p) {
    return p.better != 0 && p.worse == 0;
}

inline bool allowed(TruthPair p, int k, Rule rule, Condition condition) {
    if ((condition == Condition::a && !meets_a(p, k)) ||
        (condition == Condition::b && !meets_b(p))) {
        return false;
    }
    switch (rule) {
        case Rule::paper:
            return meets_a(p, k) || meets_b(p);
        case Rule::dominance:
            return p.better != p.worse && (p.better & p.worse) == p.worse;
        case Rule::count:
            return std::popcount(p.better) > std::popcount(p.worse);
    }
    return false;
}

/// All allowed pairs for k types (1 to 5), in a fixed order.
inline std::vector<TruthPair> allowed_pairs(int k, Rule rule, Condition condition) {
    std::vector<TruthPair> out;
    for (Mask better = 0; better <= full_mask(k); ++better) {
        for (Mask worse = 0; worse <= full_mask(k); ++worse) {
            if (allowed({better, worse}, k, rule, condition)) {
                out.push_back({better, worse});
            }
        }
    }
    return out;
}

/// The 2^k pairs of equal patterns (inter, neutral).
inline std::vector<TruthPair> equal_pairs(int k) {
    std::vector<TruthPair> out;
    for (Mask mask = 0; mask <= full_mask(k); ++mask) {
        out.push_back({mask, mask});
    }
    return out;
}

/// "TF": instruction 0 satisfied, 1 not.
inline std::string show_mask(Mask mask, int k) {
    std::string out;
    for (int i = 0; i < k; ++i) {
        out += (mask >> i & 1) != 0 ? 'T' : 'F';
    }
    return out;
}

/// Name of the conditions that a pair meets, for notes: "a", "b", "a and b" or "neither".
inline std::string_view condition_name(TruthPair p, int k) {
    const bool a = meets_a(p, k);
    const bool b = meets_b(p);
    return a && b ? "a and b" : a ? "a" : b ? "b" : "neither";
}

}  // namespace samara::mapl
