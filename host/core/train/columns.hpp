// The named tensors that an objective reads (docs/design.md, section 4), built from groups and,
// once the model has run, from its scores.  Which columns a pipeline has is decided here, before
// any work.
#pragma once
#include "core/model_tensors.hpp"
#include "runtime/records.hpp"

#include <ATen/core/Tensor.h>

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace samara::host {

/// Whose candidates a view holds: an objective that reads a rollout's column sees rollouts, any
/// other sees preference groups, never both.
enum class Side { all, preferences, rollouts };

/// Columns that only rollouts have.
bool of_rollouts(const std::string& column);

/// Why a pipeline cannot offer this column, or nullopt when it can.  `reference`: as [dpo]
/// reference; "none" takes the reference's columns away. `critic`: the pipeline has one.
std::optional<std::string> why_unavailable(const std::string& column,
                                           const std::string& pipeline,
                                           const std::string& reference,
                                           bool critic = false);

/// The columns of some groups, as one objective sees them: only relations of the tags it lists, and
/// only candidates that those relations use or that carry a listed tag themselves. Shapes: N
/// candidates, R relations, G groups; floats have the dtype of the scores, indices are int64.
class Columns {
public:
    /// `tags`: the run's tag list (rel.tag indexes it).  `visible[t]`: the objective sees tag t;
    /// empty: all.
    Columns(std::span<const Group* const> groups,
            const std::vector<std::string>& tags,
            const std::vector<bool>& visible,
            at::ScalarType dtype,
            at::Device device,
            Side side = Side::all);

    /// Adds what the model computed for *all* candidates of the groups, in order.
    void attach(const Scored& scored);

    /// The column, or an undefined tensor when it needs the model and there is none yet.
    [[nodiscard]] at::Tensor get(const std::string& name) const;

    [[nodiscard]] int64_t tokens() const { return tokens_; }  ///< T, response tokens
    [[nodiscard]] int64_t relations() const { return static_cast<int64_t>(rel_tag_.size()); }
    [[nodiscard]] int64_t candidates() const { return static_cast<int64_t>(kept_.size()); }
    [[nodiscard]] int64_t groups() const { return static_cast<int64_t>(groups_.size()); }
    [[nodiscard]] const std::vector<int64_t>& relation_tags() const { return rel_tag_; }  ///< [R]
    /// [N] tag index of a candidate: its own, or that of the first relation using it, or -1.
    [[nodiscard]] const std::vector<int64_t>& candidate_tags() const { return cand_tag_; }
    [[nodiscard]] const std::vector<int64_t>& candidate_lengths() const {
        return cand_length_;
    }  ///< response tokens
    [[nodiscard]] const std::vector<double>& relation_weights() const { return rel_weight_; }
    [[nodiscard]] const std::vector<double>& candidate_weights() const { return cand_weight_; }
    [[nodiscard]] const std::vector<double>& auxiliary() const {
        return cand_auxiliary_;
    }  ///< 0 or 1
    [[nodiscard]] const std::vector<int64_t>& relation_groups() const { return rel_group_; }

private:
    [[nodiscard]] at::Tensor ints(const std::vector<int64_t>& values) const;
    [[nodiscard]] at::Tensor floats(const std::vector<double>& values) const;
    [[nodiscard]] at::Tensor candidate_column(const std::string& name) const;
    [[nodiscard]] at::Tensor gap(const at::Tensor& column) const;
    [[nodiscard]] at::Tensor meta(const std::string& key) const;
    [[nodiscard]] at::Tensor token_column(const std::string& name) const;
    [[nodiscard]] at::Tensor frozen_column(const std::string& name) const;

    std::vector<const Group*> groups_;
    at::ScalarType dtype_;
    at::Device device_;
    std::vector<int64_t>
        kept_;  ///< positions of this view's candidates among all candidates of the groups
    std::vector<int64_t> rel_[4], rel_order_, rel_tag_,
        rel_group_;  ///< i j k l (k = l = -1 in a preference)
    std::vector<double> rel_weight_, rel_margin_, rel_flip_;
    std::vector<int64_t> cand_tag_, cand_group_, cand_label_, cand_length_;
    std::vector<double> cand_weight_, cand_auxiliary_;
    bool contrasts_ = false;  ///< some relation has order 2
    std::vector<double> cand_ref_logp_, cand_ref_prompt_logp_, cand_reward_;
    std::vector<int64_t> cand_prompt_length_;
    int64_t tokens_ = 0;
    at::Tensor score_, logp_, prompt_logp_, tok_logp_, tok_entropy_, tok_log_p2_, tok_value_;
};

}  // namespace samara::host
