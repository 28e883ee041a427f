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
/// prompts "two"       the same k types once more, solved so that y_l satisfies more, make x'' in
///                     place of x: M(x') exceeds M(x''), IOPO's group (arXiv 2411.06208), whose
///                     logit (Pi_1 + Pi_2) / 2 is this gap
/// compare "responses"  preferences in place of the contrast: (x', y_w) > (x', y_l), for narrow
///                     y_l first, and with two prompts both.  With condition "a" and margin gamma
///                     Reverse-PO's data (arXiv 2505.22172): whichever response is asked for
///                     satisfies everything
///
/// Margin   `margin` times the number of instructions on which the two responses differ (of a
///          contrast with two prompts: of both).  Objectives subtract it from beta * gap; beta *
///          margin here is a margin inside beta
///
/// Weight   the record's times `weight`
///
/// Tags     on the relation only: intra may arrive at the same candidate, and the two must merge
///
/// Placebo  truth "permuted" draws the order of each relation by a coin
///
/// Random   from (seed, this plugin, record id, attempt).
class Inter {
public:
    static constexpr bool needs_text = false;  // such rows are skipped with a reason
    static constexpr bool needs_pairs = false;
    static constexpr samara_param params[] = {
        kCount,
        kFunctions,
        kExclude,
        kRelation,
        kCondition,
        param::choice("pattern",
                      "\"widen\"",
                      "widen|narrow|neutral",
                      "who satisfies more of the added instructions: chosen, rejected, or neither"),
        param::choice("prompts",
                      "\"one\"",
                      "one|two",
                      "one: x' against x; two: x' against x'', where the rejected response "
                      "satisfies more (IOPO)"),
        param::choice("compare",
                      "\"margins\"",
                      "margins|responses",
                      "margins: a contrast of two preferences; responses: a preference under each "
                      "new prompt (Reverse-PO)"),
        param::number("margin",
                      "0.0",
                      0,
                      kInfinity,
                      "margin for each instruction on which the responses differ"),
        tag_param("\"inter\"", "the relations' tag"),
        kAttempts,
        kWordings,
        kNegation,
        kJoin,
        kTemplate,
        kPlace,
        kTruth,
        kWeight};

    explicit Inter(const Params& params);
    std::span<const char* const> tags() const { return {&tag_name_, 1}; }
    void synthesize(const Dataset& data,
                    int64_t first,
                    int64_t last,
                    uint64_t seed,
                    Sink& sink) const;

private:
    enum class Pattern { widen, narrow, neutral };
    /// A prompt with instructions and what both responses satisfy of it.
    struct Side {
        Prompt prompt;
        TruthPair truths;
        bool chosen_better;
    };
    /// Adds the record's relations; else why there are none.
    std::string add(Group& group, const Record& record, uint64_t seed, Drafter& drafter) const;
    std::optional<Side> draft(const Record& record,
                              const Carried& carried,
                              std::span<const size_t> types,
                              bool chosen_better,
                              Random& random,
                              Drafter& drafter) const;
    /// The candidates and the relations over them.
    void fill(Group& group,
              const Record& record,
              const Carried& carried,
              std::vector<Side>&& sides,
              uint64_t seed,
              const Drafter& drafter) const;
    void relate(Group& group,
                const Record& record,
                uint64_t seed,
                std::span<const Side> sides,
                std::span<const int64_t> with_w,
                std::span<const int64_t> with_l) const;

    Settings settings_;
    Pattern pattern_;
    bool two_, responses_;
    double margin_;
    std::string tag_;
    const char* tag_name_;
    std::vector<std::vector<TruthPair>> pairs_;  // by k: (y_w, y_l), for narrow (y_l, y_w)
};

}  // namespace samara::mapl
