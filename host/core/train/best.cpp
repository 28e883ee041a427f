// See best.hpp.
#include "core/train/best.hpp"

#include "core/store/files.hpp"
#include "core/train/answers.hpp"
#include "runtime/error.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

namespace samara::host {
namespace {

/// The number of a row's field, if it has one of this name.
std::optional<double> field(const Row& row, const std::string& name) {
    for (const auto& [key, value] : row.fields) {
        if (key == name && std::holds_alternative<double>(value)) {
            return std::get<double>(value);
        }
    }
    return std::nullopt;
}

std::string names(const Row& row) {
    std::string text;
    for (const auto& [key, value] : row.fields) {
        text += std::holds_alternative<double>(value) ? (text.empty() ? "" : ", ") + key : "";
    }
    return text;
}

/// A model's output for these groups, with any numbers.
Scored made_up(const std::vector<const Group*>& groups) {
    int64_t candidates = 0, tokens = 0;
    for (const Group* group : groups) {
        candidates += static_cast<int64_t>(group->candidates.size());
        for (const Candidate& candidate : group->candidates) {
            tokens += static_cast<int64_t>(candidate.response_ids.size());
        }
    }
    Scored scored;
    scored.score = scored.logp = scored.prompt_logp = at::full({candidates}, -1.0, at::kDouble);
    scored.tok_logp = scored.tok_entropy = scored.tok_log_p2 = scored.tok_value =
        at::full({tokens}, -1.0, at::kDouble);
    return scored;
}

/// Names of the numbers that evaluations of a set have.
std::vector<std::string> metrics_of(const Plan& plan,
                                    Objectives& objectives,
                                    const EvalSet& set,
                                    const std::vector<std::string>& tags) {
    std::vector<Group> copies = set.groups;
    std::vector<const Group*> groups;
    for (Group& group : copies) {
        for (Candidate& candidate : group.candidates) {
            candidate.ref_tok_logp.assign(candidate.response_ids.size(), -1.0);
        }
        groups.push_back(&group);
    }
    RunInfo info;
    info.evaluating = true;
    info.pipeline = plan.pipeline;
    info.device = plan.device;
    info.tags = tags;
    StepStats stats;
    if (!groups.empty()) {
        const c10::NoGradGuard no_grad;
        auto step = objectives.plan_step(groups, at::kDouble, info);
        objectives.loss(groups, made_up(groups), step, info, stats);
    }
    Row row;
    add_fields(row, stats, tags, plan.pipeline == "reward", 1.0);
    size_t candidates = 0, relations = 0;
    for (const Group* group : groups) {
        candidates += group->candidates.size();
        relations += group->relations.size();
    }
    std::vector<double> scores(candidates);  // all different: a constant has no correlation
    std::iota(scores.begin(), scores.end(), 0.0);
    const std::vector<double> gaps(relations, 1.0);
    Answers answers(set.by);
    answers.add(groups, scores.data(), gaps.data());
    answers.add_fields(row);
    std::vector<std::string> known = {"loss"};
    for (const auto& [name, value] : row.fields) {
        known.push_back(name);
    }
    if (!set.prompts.empty()) {
        known.insert(known.end(), {"reward", "response_length"});
    }
    return known;
}

}  // namespace

void check_best(const Plan& plan,
                Objectives& objectives,
                const std::vector<EvalSet>& evals,
                const std::vector<std::string>& tags) {
    for (const EvalSet& set : evals) {
        if (!plan.best_metric.starts_with(set.name + "/")) {
            continue;
        }
        const std::string name = plan.best_metric.substr(set.name.size() + 1);
        const bool term = !set.prompts.empty() && name.starts_with("reward/");
        const std::vector<std::string> known = metrics_of(plan, objectives, set, tags);
        if (term || std::find(known.begin(), known.end(), name) != known.end()) {
            continue;
        }
        std::string list;
        for (const std::string& each : known) {
            list += (list.empty() ? "" : ", ") + each;
        }
        const std::string near = nearest_key(name, known);
        throw Error(Code::config,
                    "best.metric: evaluations of '" + set.name + "' have no '" + name + "'",
                    plan.best_where,
                    (near.empty() ? "" : "did you mean '" + near + "'? ") + "they have " + list);
    }
}

void Best::observe(const std::string& set,
                   int64_t step,
                   const Row& row,
                   const std::vector<NamedTensor>& weights) {
    if (!metric_.starts_with(set + "/")) {
        return;
    }
    const std::string name = metric_.substr(set.size() + 1);
    const std::optional<double> found = field(row, name);
    if (!found || !std::isfinite(*found)) {
        throw Error(Code::config,
                    "best.metric: the evaluation '" + set + "' gave no finite '" + name + "'",
                    "",
                    "it has " + names(row));
    }
    if (step_ && (lowest_ ? *found >= value_ : *found <= value_)) {
        ++since_;
        return;
    }
    // The newest two stay: an older one that a checkpoint still names is replaced by the same
    // evaluations that replaced it before.
    save_checkpoint(folder_ + "/best", step, {{"step", step}, {"value", *found}}, weights, 2);
    step_ = step;
    value_ = *found;
    since_ = 0;
}

void Best::restore(std::vector<NamedTensor>& weights) const {
    char name[32];
    std::snprintf(name, sizeof name, "step-%08ld", static_cast<long>(*step_));
    const std::string folder = folder_ + "/best/checkpoints/" + name;
    AtomicFolder::verify(folder);
    load_tensors({folder, *step_, {}}, weights);
}

nlohmann::json Best::save() const {
    return step_ ? nlohmann::json{{"step", *step_}, {"value", value_}, {"since", since_}}
                 : nlohmann::json();
}

void Best::load(const nlohmann::json& state) {
    if (!state.is_null()) {
        step_ = state.at("step").get<int64_t>();
        value_ = state.at("value");
        since_ = state.at("since");
    }
}

}  // namespace samara::host
