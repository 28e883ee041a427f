// See best.hpp.
#include "core/train/best.hpp"

#include "core/store/files.hpp"
#include "runtime/error.hpp"

#include <cmath>
#include <cstdio>

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

}  // namespace

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
