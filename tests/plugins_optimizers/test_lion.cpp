// samara.lion: the closed form of its paper, written here number by number.
#include "harness.hpp"

#include <cmath>

using namespace samara::test;

namespace {

/// arXiv 2302.06675 alg. 2, one scalar: c = b1 m + (1-b1) g; p <- p - lr (sign(c) + decay p);
/// m <- b2 m + (1-b2) g.
struct Scalar {
    double p, m = 0;
    void step(double g, double lr, double b1, double b2, double decay) {
        const double c = b1 * m + (1 - b1) * g;
        const double sign = c > 0 ? 1 : c < 0 ? -1 : 0;
        p -= lr * (sign + decay * p);
        m = b2 * m + (1 - b2) * g;
    }
};

void check_lion(const Given& given, double b1, double b2, double decay, at::ScalarType dtype) {
    Model model("samara.lion", given, dtype);
    std::vector<std::vector<Scalar>> expected;
    for (const at::Tensor& value : model.values()) {
        expected.emplace_back();
        const at::Tensor flat = value.to(at::kDouble).flatten();
        for (int64_t i = 0; i < flat.numel(); ++i) {
            expected.back().push_back({flat[i].item<double>()});
        }
    }
    for (int64_t number = 1; number <= 10; ++number) {
        model.run(number - 1, number);
        for (size_t p = 0; p < expected.size(); ++p) {
            const int64_t role = model.parameters[p].role;
            const bool decayed = role != SAMARA_ROLE_NORM && role != SAMARA_ROLE_BIAS;
            const at::Tensor grad = model.gradient(p, number).to(at::kDouble).flatten();
            const at::Tensor got = model.parameters[p].value.detach().to(at::kDouble).flatten();
            double worst = 0;
            for (size_t i = 0; i < expected[p].size(); ++i) {
                const auto at = static_cast<int64_t>(i);
                expected[p][i].step(grad[at].item<double>(),
                                    Model::learning_rate(number),
                                    b1,
                                    b2,
                                    decayed ? decay : 0);
                worst = std::max(worst, std::abs(expected[p][i].p - got[at].item<double>()));
            }
            INFO(model.parameters[p].name << ", step " << number << ", decay " << decay);
            CHECK(worst <= (dtype == at::kDouble ? 1e-14 : 2e-6));
        }
    }
}

}  // namespace

TEST_CASE("lion equals the closed form of its paper", "[optimizers]") {
    for (const at::ScalarType dtype : {at::kDouble, at::kFloat}) {
        check_lion({}, 0.9, 0.99, 0, dtype);
        check_lion({{"beta1", 0.7}, {"beta2", 0.8}, {"weight_decay", 0.3}}, 0.7, 0.8, 0.3, dtype);
    }
}

TEST_CASE("lion slices long lists without losing a parameter", "[optimizers]") {
    // 100 scalars p = 1 with g = -1: every one moves by +lr (1 - decay) in the first step.
    auto lion = make_optimizer("samara.lion", {{"weight_decay", 0.25}});
    std::vector<Parameter> parameters;
    for (int i = 0; i < 100; ++i) {
        parameters.push_back({std::to_string(i), SAMARA_ROLE_MATRIX, at::ones({1, 1})});
        parameters.back().value.requires_grad_().mutable_grad() = -at::ones({1, 1});
    }
    Optimizer optimizer(std::move(lion), parameters);
    optimizer.step(1, 1, 0.1, {});
    for (const Parameter& parameter : parameters) {
        INFO(parameter.name);
        CHECK(std::abs(parameter.value.item<float>() - 1.075f) < 1e-6f);
    }
}
