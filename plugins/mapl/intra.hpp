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
/// With empty_side one of the two prompts is x itself: (x, y_w) > (x + k instructions not all of
/// which y_w satisfies, y_w), which is condition (a) with nothing asked, and (x + k instructions at
/// least one of which y_l satisfies, y_l) > (x, y_l), condition (b).  One length function and k = 1
/// make Rc-BT's data (arXiv 2502.00814).
///
/// Weight   the record's times `weight`; its margin belongs to the base pair and is not used
///
/// Tags     on relations only: inter may arrive at the same candidate, and the two must merge
///
/// Placebo  truth "permuted" leaves the prompts as they are and draws the order of each relation by
///          a coin: what a model then learns is none of the instructions' doing
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
        kCondition,
        param::choice("ends", "\"both\"", "both|chosen|rejected", "responses that get a relation"),
        param::flag("split_ends", "false", "tags TAG_chosen and TAG_rejected, not TAG"),
        tag_param("\"intra\"", "name of the relations' tag"),
        param::flag("empty_side",
                    "false",
                    "one prompt stays as it is: the better one for the chosen response, the worse "
                    "one for the rejected (Rc-BT)"),
        kAttempts,
        kWordings,
        kNegation,
        kJoin,
        kTemplate,
        kPlace,
        kTruth,
        kWeight};

    explicit Intra(const Params& params);
    std::span<const char* const> tags() const { return tag_list_; }
    void synthesize(const Dataset& data,
                    int64_t first,
                    int64_t last,
                    uint64_t seed,
                    Sink& sink) const;

private:
    struct End;
    /// The two prompts of a draw, better first; nothing when one of them cannot be had.
    bool draft(const Messages& prompt,
               const Carried& carried,
               const End& end,
               std::span<const size_t> types,
               TruthPair truths,
               Random& random,
               Drafter& drafter,
               std::optional<Prompt> (&out)[2]) const;
    /// Adds the relation of one end; else why there is none.
    std::string add(Group& group,
                    const Record& record,
                    const End& end,
                    uint64_t seed,
                    Drafter& drafter) const;

    Settings settings_;
    Condition condition_;
    bool chosen_, rejected_, empty_side_;
    std::vector<std::string> tag_names_;            // of the two ends
    std::vector<const char*> tag_list_;             // distinct
    std::vector<std::vector<TruthPair>> pairs_[2];  // by end and k
};

}  // namespace samara::mapl
