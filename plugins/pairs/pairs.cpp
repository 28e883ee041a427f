// samara.pairs - the original preferences as they are: tag base.  Synthesizers that make more of a
// record stand beside it in the run; it changes no text.
#include <samara/row_instructions.hpp>
#include <samara/synthesizer.hpp>

#include <algorithm>
#include <optional>
#include <string>

namespace {

/// One group per record: (x, y_w) preferred to (x, y_l), or, for an unpaired row, one labelled
/// candidate.
///
/// Labels   1 for chosen, -1 for rejected, the row's own for an unpaired response.
/// Extra    with auxiliary "mismatched" every group also holds (x, the next record's response),
///          which no loss learns from: KTO's baseline is the mean of such scores.
/// Prompts  with rollout_prompts = true every group also holds x alone, of tag base, for a policy
/// to
///          answer; what the row asks for in IFEval's form (instruction_id_list, kwargs) becomes
///          its instructions.  Without it a row that has no response is skipped.
/// Weight   the row's, on the relation and on the candidates (losses per candidate read theirs).
/// Tokens   rows that came tokenised pass through as ids.
struct Pairs {
    static constexpr const char* tags[] = {"base"};
    static constexpr bool needs_text = false;
    static constexpr bool needs_pairs = false;
    static constexpr samara_param params[] = {
        samara::param::choice("auxiliary",
                              "\"none\"",
                              "none|mismatched",
                              "add each prompt with the next record's response, for KTO's kl "
                              "\"batch\""),
        samara::param::flag("rollout_prompts",
                            "false",
                            "add each prompt alone, for rollouts (pipeline ppo); rows without a "
                            "response are then of use")};

    explicit Pairs(const samara::Params& params)
        : mismatched_(params.string("auxiliary") == "mismatched"),
          rollout_prompts_(params.flag("rollout_prompts")) {}

    void synthesize(const samara::Dataset& data,
                    int64_t first,
                    int64_t last,
                    uint64_t /*seed*/,
                    samara::Sink& sink) const {
        for (int64_t r = first; r < last; ++r) {
            if (r % 256 == 0) {
                samara::stop_if_cancelled();
            }
            const samara::Record record = data[r];
            samara::Group group(r);
            const char* reason = add_answers(group, record);
            if (reason == nullptr && mismatched_ && data.size() > 1) {
                add_mismatched(group, record, data[(r + 1) % data.size()]);
            }
            if (rollout_prompts_) {
                const bool alone = reason == kNoResponse;
                const char* broken = add_prompt(group, record);
                reason = broken != nullptr || alone ? broken : reason;
            }
            if (reason != nullptr) {
                sink.skip(r, reason);
            }
            if (!group.candidates.empty()) {
                sink.emit(group);
            }
        }
    }

private:
    static constexpr const char* kNoResponse = "no response";

    /// The record's own responses, or why there are none.
    static const char* add_answers(samara::Group& group, const samara::Record& record) {
        const bool tokenised = !record.chosen().has_value();
        const bool paired =
            tokenised ? !record.rejected_ids().empty() : record.rejected().has_value();
        if (tokenised && record.chosen_ids().empty()) {
            return kNoResponse;
        }
        if (paired && same_response(record, tokenised)) {
            return "chosen and rejected are the same";
        }
        const int64_t chosen = tokenised ? group.add_ids(record.prompt_ids(), record.chosen_ids())
                                         : group.add(record.prompt(), *record.chosen());
        label(group, chosen, paired ? 1 : record.label(), record.weight());
        if (paired) {
            const int64_t rejected = tokenised
                                         ? group.add_ids(record.prompt_ids(), record.rejected_ids())
                                         : group.add(record.prompt(), *record.rejected());
            label(group, rejected, -1, record.weight());
            samara::Relation& relation = group.prefer(chosen, rejected, "base");
            relation.weight = record.weight();
            relation.margin = record.margin();
        }
        return nullptr;
    }

    /// The prompt alone, or why it cannot be answered.
    static const char* add_prompt(samara::Group& group, const samara::Record& record) {
        auto instructions = samara::row_instructions(record);
        if (!instructions) {
            return samara::kNoRowInstructions;
        }
        samara::Candidate candidate;
        candidate.prompt = record.prompt();
        candidate.prompt_ids.assign(record.prompt_ids().begin(), record.prompt_ids().end());
        if (candidate.prompt.empty() && candidate.prompt_ids.empty()) {
            return "no prompt";
        }
        candidate.instructions = instructions_of(std::move(*instructions));
        label(group, group.add(std::move(candidate)), 0, record.weight());
        return nullptr;
    }

    /// As a candidate's instructions: "" where the row brings none.
    static std::string instructions_of(std::vector<samara::RowInstruction> list) {
        samara::Json::List out;
        for (samara::RowInstruction& one : list) {
            out.push_back(samara::Json::object()
                              .set("id", std::move(one.id))
                              .set("kwargs", std::move(one.kwargs))
                              .set("negated", false)
                              .set("text", ""));
        }
        return out.empty() ? "" : samara::Json(std::move(out)).dump();
    }

    /// Nothing where one row is text and the other came tokenised, or has no response.
    static void add_mismatched(samara::Group& group,
                               const samara::Record& record,
                               const samara::Record& next) {
        int64_t index = -1;
        if (record.chosen() && next.chosen()) {
            index = group.add(record.prompt(), *next.chosen());
        } else if (!record.chosen() && !next.chosen_ids().empty()) {
            index = group.add_ids(record.prompt_ids(), next.chosen_ids());
        }
        if (index >= 0) {
            samara::Candidate& candidate = group.candidates[static_cast<size_t>(index)];
            candidate.auxiliary = true;
            candidate.tag = "base";
        }
    }
    static bool same_response(const samara::Record& record, bool tokenised) {
        if (!tokenised) {
            return record.chosen() == record.rejected();
        }
        const auto a = record.chosen_ids();
        const auto b = record.rejected_ids();
        return std::equal(a.begin(), a.end(), b.begin(), b.end());
    }
    static void label(samara::Group& group, int64_t index, int64_t label, double weight) {
        samara::Candidate& candidate = group.candidates[static_cast<size_t>(index)];
        candidate.label = label;
        candidate.weight = weight;
        candidate.tag = "base";
    }
    bool mismatched_, rollout_prompts_;
};

const samara_plugin pairs = samara::synthesizer<Pairs>(
    {.id = "samara.pairs",
     .doc = "The original preference pairs, tag base; unpaired rows become labelled candidates; "
            "with rollout_prompts the prompts alone, too",
     .formula = "(x, y_w) > (x, y_l)",
     .source = "Bradley and Terry 1952"});

}  // namespace

SAMARA_PLUGINS(&pairs)
