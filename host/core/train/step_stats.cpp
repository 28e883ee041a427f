// Sums over relations, pairs and plugin metrics; see step_stats.hpp.
#include "core/train/step_stats.hpp"

#include <ATen/ATen.h>

#include <algorithm>

namespace samara::host {
namespace {

void add_gaps(const Columns& columns, const std::vector<std::string>& tags, StepStats& stats) {
    if (columns.relations() == 0) {
        return;
    }
    const at::Tensor gaps =
        columns.get("gap.score").detach().to(at::kCPU, at::kDouble).contiguous();
    const at::Tensor flips = columns.get("rel.flip").to(at::kCPU, at::kDouble).contiguous();
    const double* gap = gaps.const_data_ptr<double>();
    const double* flip = flips.const_data_ptr<double>();
    const auto& tag = columns.relation_tags();
    for (size_t r = 0; r < tag.size(); ++r) {
        TagStats& of = stats.tags[tags[static_cast<size_t>(tag[r])]];
        const std::optional<double> right = rightness(gap[r], flip[r]);
        ++of.count;
        of.decided += right ? 1 : 0;
        of.correct += right.value_or(0);
        of.gap += gap[r];
    }
}

void add_pairs(const Columns& columns, const std::vector<std::string>& tags, PairStats& stats) {
    const auto base = std::find(tags.begin(), tags.end(), "base") - tags.begin();
    const auto values = [&](const char* name) {
        const at::Tensor column = columns.get(name);
        return column.defined() ? column.detach().to(at::kCPU, at::kDouble).contiguous() : column;
    };
    const at::Tensor score = values("score"), logp = values("logp");
    const at::Tensor order = columns.get("rel.order").cpu(), i = columns.get("rel.i").cpu(),
                     j = columns.get("rel.j").cpu();
    const auto& tag = columns.relation_tags();
    for (size_t r = 0; r < tag.size(); ++r) {
        if (tag[r] != base || order.const_data_ptr<int64_t>()[r] != 1) {
            continue;
        }
        const int64_t w = i.const_data_ptr<int64_t>()[r], l = j.const_data_ptr<int64_t>()[r];
        const double a = score.const_data_ptr<double>()[w], b = score.const_data_ptr<double>()[l];
        stats.lowest = stats.pairs == 0 ? std::min(a, b) : std::min({a, b, stats.lowest});
        stats.highest = stats.pairs == 0 ? std::max(a, b) : std::max({a, b, stats.highest});
        ++stats.pairs;
        stats.correct += a > b ? 1 : 0;
        stats.chosen += a;
        stats.rejected += b;
        if (logp.defined()) {
            stats.logp_chosen += logp.const_data_ptr<double>()[w];
            stats.logp_rejected += logp.const_data_ptr<double>()[l];
        }
    }
}

void add_usual_names(Row& row, const PairStats& base, bool reward_model, double beta) {
    if (base.pairs == 0) {
        return;
    }
    const auto n = static_cast<double>(base.pairs);
    const double accuracy = static_cast<double>(base.correct) / n;
    const auto put = [&](const char* name, double value) { row.fields.emplace_back(name, value); };
    if (reward_model) {
        put("accuracy", accuracy);
        put("margin", (base.chosen - base.rejected) / n);
        put("mean_reward", (base.chosen + base.rejected) / (2 * n));
        put("min_reward", base.lowest);
        put("max_reward", base.highest);
        return;
    }
    put("rewards/chosen", beta * base.chosen / n);
    put("rewards/rejected", beta * base.rejected / n);
    put("rewards/margins", beta * (base.chosen - base.rejected) / n);
    put("rewards/accuracies", accuracy);
    put("logps/chosen", base.logp_chosen / n);
    put("logps/rejected", base.logp_rejected / n);
}

}  // namespace

std::optional<double> rightness(double gap, double flip) {
    if (flip == 0.5) {
        return std::nullopt;
    }
    const double stated = flip < 0.5 ? gap : -gap;
    return stated > 0 ? 1.0 : stated == 0 ? 0.5 : 0.0;
}

void add_scores(const Columns& columns, const std::vector<std::string>& tags, StepStats& stats) {
    add_gaps(columns, tags, stats);
    add_pairs(columns, tags, stats.base);
}

void add_metrics(const std::vector<Metric>& metrics,
                 const Columns& columns,
                 const std::vector<std::string>& tags,
                 StepStats& stats) {
    for (const Metric& metric : metrics) {
        const at::Tensor values = metric.values.to(at::kCPU, at::kDouble).contiguous();
        const auto add = [&](const std::string& name, double value, double weight) {
            auto& [sum, total] = stats.metrics[name];
            sum += weight * value;
            total += weight;
        };
        const bool relations = metric.level == SAMARA_PER_RELATION;
        std::vector<double> weight =
            relations ? columns.relation_weights() : columns.candidate_weights();
        if (metric.level == SAMARA_PER_TOKEN) {
            weight.assign(static_cast<size_t>(values.numel()), 1.0);
        }
        if (metric.level == SAMARA_SCALAR || values.dim() == 0) {
            add(metric.name, values.mean().item<double>(), 1.0);
            continue;
        }
        const double* value = values.const_data_ptr<double>();
        for (size_t i = 0; i < weight.size(); ++i) {
            add(metric.name, value[i], weight[i]);
            if (relations) {
                add(metric.name + "/" + tags[static_cast<size_t>(columns.relation_tags()[i])],
                    value[i],
                    weight[i]);
            }
        }
    }
}

void add_fields(Row& row,
                const StepStats& stats,
                const std::vector<std::string>& tags,
                bool reward_model,
                double beta) {
    for (const std::string& tag : tags) {
        const auto found = stats.tags.find(tag);
        if (found == stats.tags.end()) {
            continue;
        }
        const TagStats& of = found->second;
        if (of.items + of.count > 0) {
            row.fields.emplace_back("loss/" + tag, of.loss);
        }
        if (of.decided > 0) {
            row.fields.emplace_back("accuracy/" + tag,
                                    of.correct / static_cast<double>(of.decided));
        }
        if (of.count > 0) {
            row.fields.emplace_back("gap/" + tag, of.gap / static_cast<double>(of.count));
        }
    }
    add_usual_names(row, stats.base, reward_model, beta);
    for (const auto& [name, sum] : stats.metrics) {
        row.fields.emplace_back(name, sum.second > 0 ? sum.first / sum.second : 0.0);
    }
}

}  // namespace samara::host
