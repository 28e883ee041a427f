// The sum of all objectives over a step, exactly, whatever its split; see objectives.hpp.
#include "core/train/objectives.hpp"

#include "core/train/checkpoint.hpp"
#include "runtime/error.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

namespace samara::host {
namespace {

using Json = nlohmann::ordered_json;

/// What a loss of some level is made of: a tag (-1: none) and a weight per item.
struct Items {
    std::vector<int64_t> tag;
    std::vector<double> weight;
};

Items items_of(const Columns& columns, int64_t level) {
    if (level == SAMARA_PER_RELATION) {
        return {columns.relation_tags(), columns.relation_weights()};
    }
    if (level == SAMARA_SCALAR) {
        return {{-1}, {1.0}};
    }
    Items items{columns.candidate_tags(), columns.candidate_weights()};
    for (size_t c = 0; c < items.weight.size(); ++c) {
        items.weight[c] *= 1 - columns.auxiliary()[c];
    }
    if (level == SAMARA_PER_CANDIDATE) {
        return items;
    }
    Items tokens;  // the candidate's, at each of its response tokens
    for (size_t c = 0; c < items.tag.size(); ++c) {
        const auto n = static_cast<size_t>(columns.candidate_lengths()[c]);
        tokens.tag.insert(tokens.tag.end(), n, items.tag[c]);
        tokens.weight.insert(tokens.weight.end(), n, items.weight[c]);
    }
    return tokens;
}

at::Tensor to_tensor(std::span<const double> values, const at::Tensor& like) {
    return at::tensor(at::ArrayRef<double>(values.data(), values.size()), at::kDouble)
        .to(like.scalar_type())
        .to(like.device());
}

}  // namespace

Objectives::Objectives(const Plan& plan,
                       const Registry& registry,
                       const std::vector<std::string>& tags,
                       const HostHooks& hooks)
    : tags_(tags), union_(plan.mix == "union"), rollouts_(plan.pipeline == "ppo") {
    std::vector<Problem> problems;
    for (const ObjectiveUse& use : plan.objectives) {
        const Plugin* plugin = registry.find(use.id);
        if (plugin == nullptr) {
            throw Error(Code::plugin, "no plugin '" + use.id + "'", use.where);
        }
        Part part;
        part.instance = std::make_unique<ObjectiveInstance>(*plugin, use.params, hooks);
        part.weight = use.weight;
        part.id = use.id;
        part.where = use.where;
        part.tag_weights.assign(tags.size(), 1.0);
        if (!use.tags.empty()) {
            part.visible.assign(tags.size(), false);
            for (size_t t = 0; t < tags.size(); ++t) {
                const auto found = use.tags.find(tags[t]);
                part.visible[t] = found != use.tags.end();
                part.tag_weights[t] = part.visible[t] ? found->second : 0.0;
            }
        }
        const auto& columns = part.instance->columns();
        for (size_t c = 0; c < columns.size(); ++c) {
            const auto reason = why_unavailable(
                columns[c], plan.pipeline, plan.reference, plan.ppo.advantage == "gae");
            part.side = of_rollouts(columns[c]) ? Side::rollouts : part.side;
            part.available.push_back(!reason);
            if (reason && !part.instance->optional(c)) {
                problems.push_back({Code::config,
                                    use.id + " needs the column '" + columns[c] +
                                        "', which pipeline " + plan.pipeline +
                                        " does not have: " + *reason,
                                    use.where,
                                    "choose another objective, or another pipeline"});
            }
        }
        for (const LossInfo& loss : part.instance->losses()) {
            if (loss.level == SAMARA_PER_TOKEN && plan.pipeline == "reward") {
                problems.push_back({Code::config,
                                    use.id + ": loss '" + loss.name +
                                        "' is per token; a reward model has no loss on tokens",
                                    use.where,
                                    "pipelines dpo and ppo have it"});
            }
            coupled_ = coupled_ || loss.coupled;
        }
        parts_.push_back(std::move(part));
    }
    if (!problems.empty()) {
        throw Error(std::move(problems));
    }
}

double Objectives::tag_weight(const Part& part, int64_t tag) const {
    return tag < 0 ? 1.0 : part.tag_weights[static_cast<size_t>(tag)];
}

bool Objectives::sees(Side side) const {
    return std::any_of(
        parts_.begin(), parts_.end(), [&](const Part& part) { return part.side == side; });
}

bool Objectives::reads(const std::string& column) const {
    return std::any_of(parts_.begin(), parts_.end(), [&](const Part& part) {
        const auto& columns = part.instance->columns();
        for (size_t c = 0; c < columns.size(); ++c) {
            if (part.available[c] && (columns[c] == column || columns[c] == "gap." + column)) {
                return true;
            }
        }
        return false;
    });
}

Wanted Objectives::wanted(const std::string& pipeline) const {
    if (pipeline == "reward") {
        return {.score = true};
    }
    return {.logp = true,
            .prompt_logp = reads("prompt_logp"),
            .token_stats = reads("tok.entropy") || reads("tok.log_p2")};
}

std::vector<std::string> Objectives::dead_tags() const {
    std::vector<std::string> dead;
    for (size_t t = 0; t < tags_.size(); ++t) {
        const bool used = std::any_of(parts_.begin(), parts_.end(), [&](const Part& part) {
            return part.side == Side::preferences && part.weight != 0 && part.tag_weights[t] != 0;
        });
        if (!used) {
            dead.push_back(tags_[t]);
        }
    }
    return dead;
}

void Objectives::check_groups(const std::vector<Group>& groups) const {
    std::set<std::string> contrasts, margins, flips;
    for (const Group& group : groups) {
        for (const Relation& r : group.relations) {
            if (r.order == 2) {
                contrasts.insert(r.tag);
            }
            if (r.margin != 0) {
                margins.insert(r.tag);
            }
            if (r.flip != 0) {
                flips.insert(r.tag);
            }
        }
    }
    std::vector<Problem> problems;
    for (const Part& part : parts_) {
        if (part.side == Side::rollouts) {
            continue;
        }
        const auto& columns = part.instance->columns();
        const auto reads = [&](const char* name) {
            return std::find(columns.begin(), columns.end(), name) != columns.end();
        };
        const auto refuse = [&](const std::set<std::string>& with,
                                bool understood,
                                const std::string& what) {
            for (const std::string& tag : with) {
                const auto t =
                    static_cast<size_t>(std::find(tags_.begin(), tags_.end(), tag) - tags_.begin());
                if (!understood && (part.visible.empty() || part.visible[t])) {
                    problems.push_back(
                        {Code::config,
                         part.id + " does not understand the " + what + " of tag '" + tag + "'",
                         part.where,
                         "leave the tag out of this objective's `tags`, or choose another "
                         "objective"});
                }
            }
        };
        const bool relational =
            reads("rel.i") || std::any_of(columns.begin(), columns.end(), [](const std::string& c) {
                return c.starts_with("gap.");
            });
        refuse(contrasts,
               !relational || (part.instance->orders() & 2) != 0,
               "contrasts (relations of order 2)");
        refuse(margins, !relational || reads("rel.margin"), "margins");
        refuse(flips, !relational || reads("rel.flip"), "flip probabilities");
    }
    if (!problems.empty()) {
        throw Error(std::move(problems));
    }
}

void Objectives::plan_part(const Part& part,
                           const Columns& columns,
                           const RunInfo& info,
                           std::vector<StepPlan::Loss>& out) const {
    const auto& losses = part.instance->losses();
    std::vector<Items> items;
    std::vector<at::Tensor> weights;
    for (const LossInfo& loss : losses) {
        items.push_back(items_of(columns, loss.level));
        const at::Tensor all = at::tensor(items.back().weight, at::kDouble);
        weights.push_back(loss.level == SAMARA_SCALAR ? all.reshape({}) : all);
    }
    if (part.instance->has_weigh() && !(rollouts_ && columns.candidates() == 0)) {
        std::vector<at::Tensor> free_columns;
        for (const std::string& name : part.instance->columns()) {
            const at::Tensor column =
                part.available[free_columns.size()] ? columns.get(name) : at::Tensor();
            free_columns.push_back(column.defined() ? column.cpu() : column);
        }
        part.instance->weigh(free_columns,
                             {columns.relations(), columns.candidates(), columns.tokens()},
                             info,
                             weights);
    }
    for (size_t m = 0; m < losses.size(); ++m) {
        const std::vector<int64_t>& tag = items[m].tag;
        const at::Tensor w = weights[m].to(at::kDouble).contiguous();
        const std::span<const double> weight(w.const_data_ptr<double>(), tag.size());
        std::map<int64_t, double> by_tag;
        double all = 0;
        const auto amount = [&](size_t item) {
            switch (losses[m].normaliser) {
                case SAMARA_BY_WEIGHT:
                    return weight[item];
                case SAMARA_BY_ITEMS:
                    return 1.0;
                default:
                    return 0.0;
            }
        };
        std::set<int64_t> seen;
        for (size_t item = 0; item < tag.size(); ++item) {
            by_tag[tag[item]] += amount(item);
            all += tag_weight(part, tag[item]) != 0 ? amount(item) : 0.0;
            seen.insert(tag[item]);
        }
        const double fixed =
            losses[m].normaliser == SAMARA_BY_CANDIDATES ? static_cast<double>(columns.candidates())
            : losses[m].normaliser == SAMARA_BY_GROUPS   ? static_cast<double>(columns.groups())
            : losses[m].normaliser == SAMARA_BY_NOTHING  ? 1.0
                                                         : 0.0;
        if (fixed > 0) {
            all = fixed;
            for (const int64_t t : seen) {
                by_tag[t] = fixed;
            }
        }
        StepPlan::Loss plan;
        plan.tag = tag;
        const double factor = part.weight * losses[m].coefficient;
        for (size_t item = 0; item < tag.size(); ++item) {
            const double own = by_tag[tag[item]], norm = union_ ? all : own;
            plan.report.push_back(own > 0 ? factor * weight[item] / own : 0.0);
            plan.scale.push_back(
                norm > 0 ? factor * tag_weight(part, tag[item]) * weight[item] / norm : 0.0);
        }
        out.push_back(std::move(plan));
    }
}

Objectives::StepPlan Objectives::plan_step(std::span<const Group* const> groups,
                                           at::ScalarType dtype,
                                           const RunInfo& info) {
    StepPlan plan;
    for (const Part& part : parts_) {
        const Columns columns(groups, tags_, part.visible, dtype, at::kCPU, part.side);
        plan_part(part, columns, info, plan.losses.emplace_back());
        plan.used.emplace_back(plan.losses.back().size(), 0);
    }
    return plan;
}

at::Tensor Objectives::loss(std::span<const Group* const> groups,
                            const Scored& scored,
                            StepPlan& plan,
                            const RunInfo& info,
                            StepStats& stats) {
    at::Tensor total;
    Columns all(groups, tags_, {}, scored.score.scalar_type(), scored.score.device());
    all.attach(scored);
    add_scores(all, tags_, stats);
    for (size_t p = 0; p < parts_.size(); ++p) {
        Part& part = parts_[p];
        Columns columns(groups,
                        tags_,
                        part.visible,
                        scored.score.scalar_type(),
                        scored.score.device(),
                        part.side);
        if (rollouts_ && columns.candidates() == 0) {
            continue;
        }
        columns.attach(scored);
        std::vector<at::Tensor> inputs;
        for (const std::string& name : part.instance->columns()) {
            inputs.push_back(part.available[inputs.size()] ? columns.get(name) : at::Tensor());
        }
        std::vector<at::Tensor> scales;
        const auto& infos = part.instance->losses();
        for (size_t m = 0; m < infos.size(); ++m) {
            const int64_t level = infos[m].level;
            const auto items =
                static_cast<size_t>(level == SAMARA_PER_RELATION    ? columns.relations()
                                    : level == SAMARA_PER_CANDIDATE ? columns.candidates()
                                    : level == SAMARA_PER_TOKEN     ? columns.tokens()
                                                                    : 1);
            const auto begin = static_cast<size_t>(plan.used[p][m]);
            const at::Tensor scale =
                to_tensor(std::span(plan.losses[p][m].scale).subspan(begin, items), scored.score);
            scales.push_back(level == SAMARA_SCALAR ? scale.reshape({}) : scale);
        }
        const Extent extent{columns.relations(), columns.candidates(), columns.tokens()};
        std::vector<at::Tensor> losses;
        std::vector<Metric> metrics;
        at::Tensor sum;
        if (part.instance->has_forward()) {
            losses = part.instance->forward(inputs, extent, info, &metrics);
            for (size_t m = 0; m < losses.size(); ++m) {
                const at::Tensor term = (losses[m] * scales[m]).sum();
                sum = sum.defined() ? sum + term : term;
            }
        } else {
            sum = part.instance->value_and_grad(inputs, scales, extent, info, &losses, &metrics);
        }
        for (size_t m = 0; m < losses.size(); ++m) {
            const at::Tensor values = losses[m].detach().to(at::kCPU, at::kDouble).contiguous();
            const double* value = values.const_data_ptr<double>();
            const StepPlan::Loss& of = plan.losses[p][m];
            const auto begin = static_cast<size_t>(plan.used[p][m]);
            for (int64_t i = 0; i < values.numel(); ++i) {
                const size_t item = begin + static_cast<size_t>(i);
                if (of.tag[item] >= 0) {
                    TagStats& tag = stats.tags[tags_[static_cast<size_t>(of.tag[item])]];
                    tag.loss += of.report[item] * value[i];
                    tag.items += of.report[item] != 0 ? 1 : 0;
                }
                stats.loss += of.scale[item] * value[i];
            }
            plan.used[p][m] += values.numel();
        }
        add_metrics(metrics, columns, tags_, stats);
        total = total.defined() ? total + sum : sum;
    }
    return total;
}

std::string Objectives::save() const {
    Json states = Json::object();
    for (size_t p = 0; p < parts_.size(); ++p) {
        if (const std::string bytes = parts_[p].instance->save(); !bytes.empty()) {
            states[std::to_string(p)] = to_hex(bytes);
        }
    }
    return states.dump();
}

void Objectives::load(const std::string& text) {
    const Json states = Json::parse(text);  // named: items() of a temporary would dangle
    for (const auto& [part, bytes] : states.items()) {
        parts_.at(std::stoul(part)).instance->load(from_hex(bytes));
    }
}

}  // namespace samara::host
