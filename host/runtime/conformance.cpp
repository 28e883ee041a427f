// Conformance of optimizers, and the entry of the run; the other kinds have files of their own.
// See conformance.hpp.
#include "runtime/conformance.hpp"

#include "runtime/conformance_detail.hpp"
#include "runtime/optimizer.hpp"

#include <ATen/ATen.h>

#include <cmath>

namespace samara::host {
namespace {

/// Values for parameters that have no default.
ParamValue stand_in(const samara_param& p) {
    const double low = std::isfinite(p.min) ? p.min : 0.0;
    const double high = std::isfinite(p.max) && p.max > low ? p.max : low + 2.0;
    const double middle = low + (high - low) / 2;
    const std::string choices = p.choices == nullptr ? "x" : p.choices;
    const std::string choice = choices.substr(0, choices.find('|'));
    switch (p.type) {
        case SAMARA_P_BOOL:
            return false;
        case SAMARA_P_INT:
            return static_cast<int64_t>(std::floor(middle));
        case SAMARA_P_FLOAT:
            return middle;
        case SAMARA_P_INTS:
            return std::vector<int64_t>{static_cast<int64_t>(std::floor(middle))};
        case SAMARA_P_FLOATS:
            return std::vector<double>{middle};
        case SAMARA_P_STRINGS:
            return std::vector<std::string>{choice};
        default:
            return choice;
    }
}

/// A tiny model under an optimizer: a matrix, a norm and a bias.
struct Bench {
    std::vector<ParamInfo> infos{{"w.weight", SAMARA_ROLE_MATRIX, {4, 3}, SAMARA_F32},
                                 {"norm.weight", SAMARA_ROLE_NORM, {3}, SAMARA_F32},
                                 {"w.bias", SAMARA_ROLE_BIAS, {4}, SAMARA_F32}};
    std::vector<at::Tensor> params;
    std::vector<std::vector<at::Tensor>> slots;  ///< of each parameter

    explicit Bench(OptimizerInstance& optimizer) {
        for (const ParamInfo& info : infos) {
            params.push_back(
                at::linspace(-1, 1, c10::multiply_integers(info.shape)).reshape(info.shape));
            slots.emplace_back();
            for (const Slot& slot : optimizer.slots(info)) {
                slots.back().push_back(make_slot(slot, params.back()));
            }
        }
    }
    /// Steps first+1 to last of a fixed sequence of gradients, each parameter as a group of its
    /// own.
    void run(OptimizerInstance& optimizer, int64_t first, int64_t last) {
        for (int64_t number = first + 1; number <= last; ++number) {
            for (size_t p = 0; p < params.size(); ++p) {
                const at::Tensor grad =
                    at::sin(at::arange(params[p].numel(), at::kFloat) + static_cast<double>(number))
                        .reshape(params[p].sizes());
                optimizer.step(
                    number, 8, 0.01, {&infos[p], 1}, {&params[p], 1}, {&grad, 1}, slots[p]);
            }
        }
        optimizer.check_finite(infos, params);
    }
    [[nodiscard]] bool equals(const Bench& other) const {
        for (size_t p = 0; p < params.size(); ++p) {
            if (!at::equal(params[p], other.params[p])) {
                return false;
            }
        }
        return true;
    }
};

void check_optimizer(Checks& checks, const Plugin& plugin, const BoundParams& params) {
    checks.run("determinism", [&] {
        OptimizerInstance a(plugin, params), b(plugin, params);
        Bench first(a), second(b);
        const Bench start(a);
        first.run(a, 0, 8);
        second.run(b, 0, 8);
        require(!first.equals(start), "eight steps changed no parameter");
        require(first.equals(second), "two runs of eight steps differ");
        return std::string();
    });
    checks.run("state round trip", [&] {
        OptimizerInstance straight(plugin, params), before(plugin, params), after(plugin, params);
        Bench whole(straight), halves(before);
        whole.run(straight, 0, 8);
        halves.run(before, 0, 3);
        after.load(before.save());
        halves.run(after, 3, 8);
        require(whole.equals(halves),
                "saved after three steps and loaded again, it goes on differently");
        return std::string();
    });
}

}  // namespace

void require(bool good, const std::string& what) {
    if (!good) {
        throw Error(Code::plugin_fault, what);
    }
}

void Checks::run(const std::string& name, const std::function<std::string()>& body) {
    CheckResult result{name, true, ""};
    try {
        result.detail = body();
    } catch (const Error& error) {
        result.passed = false;
        result.detail = error.problems().front().what;
    } catch (const std::exception& error) {
        result.passed = false;
        result.detail = error.what();
    }
    results.push_back(std::move(result));
}

std::vector<CheckResult> check_plugin(const Plugin& plugin) {
    Checks checks;
    const samara_plugin& d = *plugin.descriptor;
    checks.run("descriptor", [&] {
        require(*d.version != '\0' && *d.license != '\0' && *d.doc != '\0',
                "version, license or doc is empty");
        for (int64_t i = 0; i < d.n_params; ++i) {
            require(d.params[i].doc != nullptr && *d.params[i].doc != '\0',
                    std::string("parameter '") + d.params[i].key + "' has no doc");
        }
        return std::to_string(d.n_params) + " parameters";
    });
    std::map<std::string, ParamValue> given;
    for (int64_t i = 0; i < d.n_params; ++i) {
        if (d.params[i].fallback == nullptr && (d.params[i].flags & SAMARA_P_OPTIONAL) == 0) {
            given[d.params[i].key] = stand_in(d.params[i]);
        }
    }
    BoundParams params;
    checks.run("parameters", [&] {
        const std::vector<ParamIssue> issues = bind_params(d, given, params);
        require(issues.empty(),
                issues.empty() ? "" : issues.front().key + ": " + issues.front().what);
        BoundParams unused;
        given["no_such_parameter"] = true;
        require(!bind_params(d, given, unused).empty(), "an unknown parameter was accepted");
        return params.canonical();
    });
    const std::string kind = d.kind;
    const auto set = kind == "synthesizer/1" ? probe_set() : nullptr;
    checks.run("create and destroy", [&] {
        for (int i = 0; i < 3; ++i) {
            const Instance instance(plugin, d.kind, params, {}, set.get());
        }
        return std::string();
    });
    if (!checks.results.back().passed) {
        return checks.results;  // nothing else could run
    }
    checks.run("state", [&] {
        Instance first(plugin, d.kind, params, {}, set.get());
        Instance second(plugin, d.kind, params, {}, set.get());
        const std::string bytes = first.save();
        second.load(bytes);
        require(second.save() == bytes, "load does not restore what save wrote");
        return std::to_string(bytes.size()) + " bytes";
    });
    if (kind == "objective/1") {
        check_objective(checks, plugin, params);
    } else if (kind == "optimizer/1") {
        check_optimizer(checks, plugin, params);
    } else if (kind == "synthesizer/1") {
        check_synthesizer(checks, plugin, params);
    } else if (kind == "instruction/1") {
        check_instructions(checks, plugin, params);
    } else if (kind == "reward/1") {
        check_reward(checks, plugin, params);
    }
    return checks.results;
}

}  // namespace samara::host
