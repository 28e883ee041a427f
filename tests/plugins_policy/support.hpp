// Shared by the tests of the policy objectives: the response tokens of a step as plain numbers, the
// columns that the host would make of them, and its reduction to one number.
#pragma once
#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>
#undef CHECK  // c10's ends the process; below it is Catch2's

#include "runtime/error.hpp"
#include "runtime/instances.hpp"
#include "runtime/objective.hpp"
#include "runtime/registry.hpp"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

namespace samara::test {

using namespace samara::host;
using Catch::Approx;
using Given = std::map<std::string, ParamValue>;

inline Registry& registry() {
    static auto* all =
        new Registry(SearchPath{{std::string(SAMARA_PLUGIN_DIR) + "/samara_policy.so"}, {}, false});
    return *all;
}

inline ObjectiveInstance make(const std::string& id, const Given& given = {}) {
    const Plugin* found = registry().find("samara." + id);
    INFO("samara." << id);
    REQUIRE(found != nullptr);
    BoundParams bound;
    const auto issues = bind_params(*found->descriptor, given, bound);
    INFO(id << ": " << (issues.empty() ? "" : issues.front().key + " " + issues.front().what));
    REQUIRE(issues.empty());
    return ObjectiveInstance(*found, bound);
}

inline std::vector<double> list(const at::Tensor& t) {
    const at::Tensor d = t.detach().to(at::kDouble).contiguous();
    return {d.const_data_ptr<double>(), d.const_data_ptr<double>() + d.numel()};
}

/// Values and gradients of one call.
struct Result {
    std::vector<std::vector<double>> losses;
    std::map<std::string, std::vector<double>> grad;  ///< of the sum of all losses, by column
    std::map<std::string, double> metrics;            ///< means
};

/// The response tokens of one optimizer step.
struct Step {
    std::map<std::string, std::vector<double>> columns;  ///< without "tok."
    std::vector<int64_t> candidate;
    std::vector<double> weight;  ///< per candidate
    at::ScalarType dtype = at::kDouble;

    [[nodiscard]] Extent extent() const {
        return {0, static_cast<int64_t>(weight.size()), static_cast<int64_t>(candidate.size())};
    }
    [[nodiscard]] at::Tensor column(const std::string& name) const {
        if (name == "tok.candidate") {
            return at::tensor(candidate, at::kLong);
        }
        INFO("column " << name);
        REQUIRE(name.starts_with("tok."));
        REQUIRE(columns.contains(name.substr(4)));
        return at::tensor(columns.at(name.substr(4)), at::kDouble).to(dtype);
    }

    [[nodiscard]] Result run(ObjectiveInstance& objective) const {
        std::vector<at::Tensor> in, leaves;
        std::vector<std::string> names;
        for (const std::string& name : objective.columns()) {
            in.push_back(column(name));
            if (name == "tok.logp" || name == "tok.entropy" || name == "tok.value") {
                leaves.push_back(in.back().requires_grad_());
                names.push_back(name.substr(4));
            }
        }
        std::vector<Metric> metrics;
        RunInfo info;
        info.tags = {"base"};
        Result out;
        at::Tensor total = at::zeros({}, at::kDouble);
        for (const at::Tensor& loss : objective.forward(in, extent(), info, &metrics)) {
            CHECK(loss.scalar_type() == dtype);
            out.losses.push_back(list(loss));
            total = total + loss.to(at::kDouble).sum();
        }
        const auto grads = torch::autograd::grad({total}, leaves);
        for (size_t n = 0; n < names.size(); ++n) {
            out.grad[names[n]] = list(grads[n]);
        }
        for (const Metric& metric : metrics) {
            CHECK(metric.level == SAMARA_PER_TOKEN);
            out.metrics[metric.name] = metric.values.to(at::kDouble).mean().item<double>();
        }
        return out;
    }

    /// The run's loss: sum over losses of coefficient * sum(weight * loss) / normaliser.
    [[nodiscard]] double reduced(ObjectiveInstance& objective) const {
        std::vector<at::Tensor> weights, in;
        for (const std::string& name : objective.columns()) {  // only what needs no model
            in.push_back(name == "tok.candidate" ? column(name) : at::Tensor());
        }
        for (size_t m = 0; m < objective.losses().size(); ++m) {
            std::vector<double> defaults;
            for (const int64_t c : candidate) {
                defaults.push_back(weight[static_cast<size_t>(c)]);
            }
            weights.push_back(at::tensor(defaults, at::kDouble));
        }
        RunInfo info;
        info.tags = {"base"};
        if (objective.has_weigh()) {
            objective.weigh(in, extent(), info, weights);
        }
        const Result result = run(objective);
        double out = 0;
        for (size_t m = 0; m < weights.size(); ++m) {
            const LossInfo& loss = objective.losses()[m];
            const std::vector<double> w = list(weights[m]);
            double sum = 0, norm = 0;
            for (size_t t = 0; t < w.size(); ++t) {
                sum += w[t] * result.losses[m][t];
                norm += w[t];
            }
            REQUIRE(
                (loss.normaliser == SAMARA_BY_WEIGHT || loss.normaliser == SAMARA_BY_CANDIDATES));
            norm = loss.normaliser == SAMARA_BY_WEIGHT ? norm : static_cast<double>(weight.size());
            out += loss.coefficient * sum / norm;
        }
        return out;
    }
};

}  // namespace samara::test
