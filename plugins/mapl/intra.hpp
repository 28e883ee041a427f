// samara.mapl_intra - two prompts for one response: x_w, whose added instructions the response
// satisfies better, is preferred to x_l (arXiv 2505.12845, intra-sample part).
#pragma once
#include "params.hpp"

namespace samara::mapl {

/// For each end y of {y_w, y_l}: k types, a truth pair (a, b), instructions solved for {(y, a_i)}
/// give x_w and for {(y, b_i)} x_l; relation (x_w, y) > (x_l, y).
///
/// Same k and types on both prompts, so neither number nor type tells them apart; arguments,
/// wordings and order are drawn separately.
///
/// Weight   the record's times `weight`; its margin belongs to the base pair and is not used
///
/// Tags     on relations only: inter may arrive at the same candidate, and the two must merge
///
/// Random   from (seed, this plugin, record id, end, attempt)
class Intra {
public:
    static constexpr bool needs_text = false;  // such rows are skipped with a reason
    static constexpr bool needs_pairs = false;
    static constexpr samara_param params[] = {
        kCount,
        kFunctions,
        kExclude,
        kRelation,
        param::choice("condition",
                      "\"both\"",
                      "both|a|b",
                      "a: the response satisfies all of x_w, not all of x_l; b: at least one of "
                      "x_w, none of x_l"),
        param::choice("ends", "\"both\"", "both|chosen|rejected", "responses that get a relation"),
        param::flag("split_ends", "false", "tags intra_chosen and intra_rejected, not intra"),
        kAttempts,
        kWordings,
        kNegation,
        kWeight};

    explicit Intra(const Params& params);
    std::span<const char* const> tags() const;
    void synthesize(const Dataset& data,
                    int64_t first,
                    int64_t last,
                    uint64_t seed,
                    Sink& sink) const;

private:
    struct End;
    bool add(Group& group,
             const Record& record,
             const End& end,
             uint64_t seed,
             Drafter& drafter) const;

    Settings settings_;
    Condition condition_;
    bool chosen_, rejected_, split_;
    std::vector<std::vector<TruthPair>> pairs_;  // by k
};

}  // namespace samara::mapl
