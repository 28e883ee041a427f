// samara.mapl_inter - one prompt x' with instructions for both responses of a pair, and a contrast
// between the preference under x' and the preference under x (arXiv 2505.12845, inter-sample part,
// as reconstructed).
#pragma once
#include "params.hpp"

namespace samara::mapl {

/// x' = x + k instructions, each solved jointly for {(y_w, a_i), (y_l, b_i)}; then, with
/// M(x) = r(x, y_w) - r(x, y_l),
///
///   widen    y_w satisfies more of x':  M(x') exceeds M(x)
///   narrow   y_l satisfies more of x':  M(x) exceeds M(x')
///   neutral  both satisfy the same:     either, with probability 1/2 (flip 0.5)
///
/// Weight   the record's times `weight`
///
/// Tags     on the relation only: intra may arrive at the same candidate, and the two must merge
///
/// Random   from (seed, this plugin, record id, attempt).
class Inter {
public:
    static constexpr const char* tags[] = {"inter"};
    static constexpr bool needs_text = false;  // such rows are skipped with a reason
    static constexpr bool needs_pairs = false;
    static constexpr samara_param params[] = {
        kCount,
        kFunctions,
        kExclude,
        kRelation,
        param::choice("pattern",
                      "\"widen\"",
                      "widen|narrow|neutral",
                      "who satisfies more of the added instructions: chosen, rejected, or neither"),
        kAttempts,
        kWordings,
        kNegation,
        kWeight};

    explicit Inter(const Params& params);
    void synthesize(const Dataset& data,
                    int64_t first,
                    int64_t last,
                    uint64_t seed,
                    Sink& sink) const;

private:
    enum class Pattern { widen, narrow, neutral };
    bool add(Group& group, const Record& record, uint64_t seed, Drafter& drafter) const;
    void fill(Group& group, const Record& record, Prompt&& extended) const;

    Settings settings_;
    Pattern pattern_;
    std::vector<std::vector<TruthPair>> pairs_;  // by k: (y_w, y_l), for narrow (y_l, y_w)
};

}  // namespace samara::mapl
