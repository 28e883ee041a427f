// harness.hpp - a small model with parameters of every role under an optimizer of the built library
// samara_optimizers, stepped by the trainer's own class, and the oracle that runs torch.optim.
// Knows nothing of the library's sources.
#pragma once
#include <ATen/ATen.h>
#undef CHECK  // c10's ends the process; below it is Catch2's

#include "core/train/optimize.hpp"
#include "runtime/error.hpp"
#include "runtime/registry.hpp"

#include <catch2/catch_test_macros.hpp>

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace samara::test {

using namespace samara::host;
using Given = std::map<std::string, ParamValue>;

/// "samara.sgd" of the built library with the given parameters.
std::unique_ptr<OptimizerInstance> make_optimizer(const std::string& id, const Given& given = {});

/// Tall, wide and square matrices, one of three dimensions, an embedding, a head, a norm, a bias
/// and one of no role.  Values and gradients are fixed functions of name and step.
class Model {
public:
    Model(const std::string& id, const Given& given, at::ScalarType dtype = at::kDouble);
    Model(const Model&) = delete;  // the optimizer refers to the parameters

    /// The gradient of parameter p in step `number`, from 1.
    [[nodiscard]] at::Tensor gradient(size_t p, int64_t number) const;
    /// Steps first+1 to last, with gradients and at learning_rate(number).
    void run(int64_t first, int64_t last);
    /// One step with the gradients that are there.
    void step(int64_t number);
    static double learning_rate(int64_t number) {
        return 0.02 + 0.01 * static_cast<double>(number);
    }

    [[nodiscard]] std::vector<at::Tensor> values() const;  ///< copies
    /// Values, slots and the plugin's own state, into a model that has made no step.
    void restore_from(const Model& other);
    /// The same bytes in all values and slots.
    [[nodiscard]] bool equals(const Model& other) const;
    [[nodiscard]] at::Tensor slot(const std::string& name) const;  ///< "momentum_buffer.tall"

    std::vector<Parameter> parameters;
    std::optional<Optimizer> optimizer;
};

/// One run of torch.optim on the same parameters: `options` are those of torch_oracle.py.
nlohmann::json oracle_case(const std::string& optimizer,
                           const nlohmann::json& options,
                           int64_t steps,
                           at::ScalarType dtype = at::kDouble);
/// Values after every step, [case][step][parameter].  Skips, and fails under CI, when the test-only
/// Python environment is absent.
using Trace = std::vector<std::vector<at::Tensor>>;
std::vector<Trace> run_oracle(const nlohmann::json& cases);

/// Steps a model along the trace and checks every value of every step against it.
void check_trace(const std::string& id,
                 const Given& given,
                 const Trace& expected,
                 double tolerance,
                 at::ScalarType dtype = at::kDouble);

/// The largest difference.
double distance(const at::Tensor& a, const at::Tensor& b);

/// The text of the Error that `body` threw; empty when it did not.
template <class Body>
std::string refusal(Body&& body) {
    try {
        body();
    } catch (const Error& error) {
        return error.what();
    }
    return {};
}

}  // namespace samara::test
