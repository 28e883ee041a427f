// Columns of a set of groups; see columns.hpp.
#include "core/train/columns.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace samara::host {
namespace {

constexpr std::array kCandidateColumns =
    {"score", "length", "prompt_length", "label", "weight", "auxiliary", "group"};
constexpr std::array kRelationColumns = {"rel.i",
                                         "rel.j",
                                         "rel.k",
                                         "rel.l",
                                         "rel.order",
                                         "rel.weight",
                                         "rel.margin",
                                         "rel.flip",
                                         "rel.tag",
                                         "rel.group"};

constexpr std::array kFrozen = {"reward", "tok.old_logp", "tok.advantage"};
constexpr std::array kCritic = {"tok.return", "tok.value", "tok.old_value"};

template <class List>
bool contains(const List& list, const std::string& name) {
    return std::find(list.begin(), list.end(), name) != list.end();
}

/// The number in a JSON text, or NaN.
double number_of(const std::string& json) {
    double value = 0;
    const char* end = json.data() + json.size();
    const auto [stop, error] = std::from_chars(json.data(), end, value);
    return error == std::errc() && stop == end ? value : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

bool of_rollouts(const std::string& column) {
    return contains(kFrozen, column) || contains(kCritic, column);
}

std::optional<std::string> why_unavailable(const std::string& column,
                                           const std::string& pipeline,
                                           const std::string& reference,
                                           bool critic) {
    constexpr std::array kPolicy = {"logp",
                                    "ref_logp",
                                    "prompt_logp",
                                    "ref_prompt_logp",
                                    "tok.candidate",
                                    "tok.position",
                                    "tok.logp",
                                    "tok.ref_logp",
                                    "tok.entropy",
                                    "tok.log_p2"};
    const bool gap = column.starts_with("gap.");
    const std::string base = gap ? column.substr(4) : column;
    if (contains(kRelationColumns, column) || column.starts_with("meta.") ||
        contains(kCandidateColumns, base)) {
        return std::nullopt;
    }
    if (gap && base.starts_with("tok.")) {
        return "a gap is taken of candidates, not of tokens";
    }
    if (contains(kPolicy, base)) {
        if (pipeline == "reward") {
            return "pipelines dpo and ppo have it; a reward model computes no log-probabilities";
        }
        if (reference == "none" && base.find("ref_") != std::string::npos) {
            return "[dpo] reference is \"none\"";
        }
        return std::nullopt;
    }
    if (of_rollouts(base)) {
        if (pipeline != "ppo") {
            return "only rollouts (pipeline ppo) have it";
        }
        if (!critic && contains(kCritic, base)) {
            return "it needs a critic: [ppo] advantage = \"gae\"";
        }
        return std::nullopt;
    }
    return "no pipeline has a column of this name";
}

Columns::Columns(std::span<const Group* const> groups,
                 const std::vector<std::string>& tags,
                 const std::vector<bool>& visible,
                 at::ScalarType dtype,
                 at::Device device,
                 Side side)
    : groups_(groups.begin(), groups.end()), dtype_(dtype), device_(device) {
    const auto tag_index = [&](const std::string& tag) -> int64_t {
        const auto found = std::find(tags.begin(), tags.end(), tag);
        return found == tags.end() ? -1 : found - tags.begin();
    };
    const auto seen = [&](int64_t tag) {
        return visible.empty() || (tag >= 0 && visible[static_cast<size_t>(tag)]);
    };
    int64_t offset = 0;
    for (size_t g = 0; g < groups_.size(); ++g) {
        const Group& group = *groups_[g];
        const size_t n = group.candidates.size();
        std::vector<int64_t> tag(n, -1);
        std::vector<bool> keep(n, visible.empty());
        for (size_t c = 0; c < n; ++c) {
            if (!group.candidates[c].tag.empty()) {
                tag[c] = tag_index(group.candidates[c].tag);
                keep[c] = keep[c] || seen(tag[c]);
            }
        }
        for (const Relation& r : group.relations) {
            const int64_t t = tag_index(r.tag);
            for (const int64_t end : {r.i, r.j, r.k, r.l}) {
                if (end >= 0 && seen(t)) {
                    keep[static_cast<size_t>(end)] = true;
                    tag[static_cast<size_t>(end)] =
                        tag[static_cast<size_t>(end)] < 0 ? t : tag[static_cast<size_t>(end)];
                }
            }
        }
        std::vector<int64_t> position(n, -1);
        for (size_t c = 0; c < n; ++c) {
            const Candidate& candidate = group.candidates[c];
            const bool sampled = candidate.rollout != nullptr;
            const bool shown =
                sampled ? side != Side::preferences : side != Side::rollouts && keep[c];
            if (!shown) {
                continue;
            }
            position[c] = static_cast<int64_t>(kept_.size());
            kept_.push_back(offset + static_cast<int64_t>(c));
            cand_tag_.push_back(tag[c]);
            cand_group_.push_back(static_cast<int64_t>(g));
            cand_label_.push_back(candidate.label);
            cand_length_.push_back(static_cast<int64_t>(candidate.response_ids.size()));
            cand_weight_.push_back(candidate.weight);
            cand_prompt_length_.push_back(static_cast<int64_t>(candidate.prompt_ids.size()));
            cand_ref_logp_.push_back(candidate.ref_logp);
            cand_ref_prompt_logp_.push_back(candidate.ref_prompt_logp);
            cand_reward_.push_back(sampled ? candidate.rollout->reward : 0.0);
            tokens_ += cand_length_.back();
            cand_auxiliary_.push_back(candidate.auxiliary ? 1.0 : 0.0);
        }
        for (const Relation& r : group.relations) {
            const int64_t t = tag_index(r.tag);
            if (side == Side::rollouts || !seen(t)) {
                continue;
            }
            const std::array ends = {r.i, r.j, r.k, r.l};
            for (size_t e = 0; e < ends.size(); ++e) {
                rel_[e].push_back(ends[e] < 0 ? -1 : position[static_cast<size_t>(ends[e])]);
            }
            contrasts_ = contrasts_ || r.order == 2;
            rel_order_.push_back(r.order);
            rel_tag_.push_back(t);
            rel_group_.push_back(static_cast<int64_t>(g));
            rel_weight_.push_back(r.weight);
            rel_margin_.push_back(r.margin);
            rel_flip_.push_back(r.flip);
        }
        offset += static_cast<int64_t>(n);
    }
}

void Columns::attach(const Scored& scored) {
    const bool all = static_cast<int64_t>(kept_.size()) == scored.score.size(0);
    const auto mine = [&](const at::Tensor& column) {
        if (!column.defined()) {
            return column;
        }
        return (all ? column : column.index_select(0, ints(kept_))).to(dtype_);
    };
    score_ = mine(scored.score);
    logp_ = mine(scored.logp);
    prompt_logp_ = mine(scored.prompt_logp);
    tok_logp_ = scored.tok_logp;
    tok_entropy_ = scored.tok_entropy;
    tok_log_p2_ = scored.tok_log_p2;
    tok_value_ = scored.tok_value;
    if (!scored.tok_logp.defined() || all) {
        return;
    }
    std::vector<int64_t> rows;
    int64_t begin = 0, candidate = 0;
    size_t next = 0;
    for (const Group* group : groups_) {
        for (const Candidate& c : group->candidates) {
            const auto length = static_cast<int64_t>(c.response_ids.size());
            if (next < kept_.size() && kept_[next] == candidate) {
                for (int64_t t = 0; t < length; ++t) {
                    rows.push_back(begin + t);
                }
                ++next;
            }
            begin += length;
            ++candidate;
        }
    }
    const at::Tensor index = ints(rows);
    for (at::Tensor* column : {&tok_logp_, &tok_entropy_, &tok_log_p2_, &tok_value_}) {
        *column = column->defined() ? column->index_select(0, index) : *column;
    }
}

// What was frozen at rollout time, of the view's candidates' tokens.
at::Tensor Columns::frozen_column(const std::string& name) const {
    const auto member = name == "tok.old_logp"    ? &Rollout::old_logp
                        : name == "tok.advantage" ? &Rollout::advantage
                        : name == "tok.old_value" ? &Rollout::old_value
                                                  : &Rollout::returns;
    std::vector<double> values;
    int64_t seen = 0;
    size_t next = 0;
    for (const Group* group : groups_) {
        for (const Candidate& c : group->candidates) {
            if (next < kept_.size() && kept_[next] == seen++) {
                const std::vector<double>& frozen = (*c.rollout).*member;
                values.insert(values.end(), frozen.begin(), frozen.end());
                ++next;
            }
        }
    }
    return floats(values);
}

// Response tokens of all candidates, one after the other, no padding.
at::Tensor Columns::token_column(const std::string& name) const {
    if (name == "tok.logp" || name == "tok.entropy" || name == "tok.log_p2") {
        return name == "tok.logp" ? tok_logp_ : name == "tok.entropy" ? tok_entropy_ : tok_log_p2_;
    }
    if (name == "tok.value") {
        return tok_value_;
    }
    if (of_rollouts(name)) {
        return frozen_column(name);
    }
    std::vector<int64_t> candidate, position;
    std::vector<double> reference;
    int64_t seen = 0;
    size_t next = 0;
    for (const Group* group : groups_) {
        for (const Candidate& c : group->candidates) {
            if (next < kept_.size() && kept_[next] == seen) {
                for (size_t t = 0; t < c.response_ids.size(); ++t) {
                    candidate.push_back(static_cast<int64_t>(next));
                    position.push_back(static_cast<int64_t>(t));
                }
                reference.insert(reference.end(), c.ref_tok_logp.begin(), c.ref_tok_logp.end());
                ++next;
            }
            ++seen;
        }
    }
    return name == "tok.candidate"  ? ints(candidate)
           : name == "tok.position" ? ints(position)
           : name == "tok.ref_logp" ? floats(reference)
                                    : at::Tensor();
}

at::Tensor Columns::ints(const std::vector<int64_t>& values) const {
    return at::tensor(values, at::TensorOptions(at::kLong)).to(device_);
}

at::Tensor Columns::floats(const std::vector<double>& values) const {
    return at::tensor(values, at::TensorOptions(at::kDouble)).to(dtype_).to(device_);
}

at::Tensor Columns::candidate_column(const std::string& name) const {
    if (name == "score") {
        return score_;
    }
    if (name == "logp") {
        return logp_;
    }
    if (name == "ref_logp") {
        return floats(cand_ref_logp_);
    }
    if (name == "prompt_logp") {
        return prompt_logp_;
    }
    if (name == "reward") {
        return floats(cand_reward_);
    }
    if (name == "ref_prompt_logp") {
        return floats(cand_ref_prompt_logp_);
    }
    if (name == "prompt_length") {
        return ints(cand_prompt_length_);
    }
    if (name == "length") {
        return ints(cand_length_);
    }
    if (name == "label") {
        return ints(cand_label_);
    }
    if (name == "weight") {
        return floats(cand_weight_);
    }
    if (name == "auxiliary") {
        return floats(cand_auxiliary_);
    }
    return name == "group" ? ints(cand_group_) : at::Tensor();
}

// gap.C = (C[i] - C[j]) - (C[k] - C[l]); the last two are absent in a preference.
at::Tensor Columns::gap(const at::Tensor& column) const {
    if (!column.defined()) {
        return {};
    }
    const auto at_end = [&](int end) { return column.index_select(0, ints(rel_[end])); };
    at::Tensor first = at_end(0) - at_end(1);
    if (!contrasts_) {
        return first;
    }
    std::vector<int64_t> rows, k, l;
    for (size_t r = 0; r < rel_order_.size(); ++r) {
        if (rel_order_[r] == 2) {
            rows.push_back(static_cast<int64_t>(r));
            k.push_back(rel_[2][r]);
            l.push_back(rel_[3][r]);
        }
    }
    const at::Tensor second = column.index_select(0, ints(k)) - column.index_select(0, ints(l));
    return first.index_add(0, ints(rows), second, -1);
}

at::Tensor Columns::meta(const std::string& key) const {
    std::vector<double> values;
    for (const Group* group : groups_) {
        double value = std::numeric_limits<double>::quiet_NaN();
        for (const auto& [name, json] : group->meta) {
            value = name == key ? number_of(json) : value;
        }
        values.push_back(value);
    }
    return at::tensor(values, at::TensorOptions(at::kDouble)).to(device_);
}

at::Tensor Columns::get(const std::string& name) const {
    constexpr std::array kEnds = {"rel.i", "rel.j", "rel.k", "rel.l"};
    for (size_t e = 0; e < kEnds.size(); ++e) {
        if (name == kEnds[e]) {
            return ints(rel_[e]);
        }
    }
    if (name == "rel.order") {
        return ints(rel_order_);
    }
    if (name == "rel.tag") {
        return ints(rel_tag_);
    }
    if (name == "rel.group") {
        return ints(rel_group_);
    }
    if (name == "rel.weight") {
        return floats(rel_weight_);
    }
    if (name == "rel.margin") {
        return floats(rel_margin_);
    }
    if (name == "rel.flip") {
        return floats(rel_flip_);
    }
    if (name.starts_with("meta.")) {
        return meta(name.substr(5));
    }
    if (name.starts_with("tok.")) {
        return token_column(name);
    }
    return name.starts_with("gap.") ? gap(candidate_column(name.substr(4)))
                                    : candidate_column(name);
}

}  // namespace samara::host
