// What holds for every optimizer of the library: state restored mid-way goes on with the same
// bytes, norms and biases are never decayed, a parameter that no loss reached stays.
#include "harness.hpp"

#include <catch2/generators/catch_generators.hpp>

#include <cmath>

using namespace samara::test;

namespace {

struct Choice {
    std::string id;
    Given given;
};

Choice every_optimizer() {
    return GENERATE(values<Choice>({{"samara.adamw", {}},
                                    {"samara.sgd", {}},
                                    {"samara.sgd", {{"momentum", 0.9}, {"nesterov", true}}},
                                    {"samara.lion", {}},
                                    {"samara.muon", {}},
                                    {"samara.muon", {{"nesterov", false}}}}));
}

}  // namespace

TEST_CASE("state restored mid-way goes on with the same bytes", "[optimizers]") {
    const at::ScalarType dtype = GENERATE(at::kFloat, at::kDouble);
    auto [id, given] = every_optimizer();
    given["weight_decay"] = 0.1;
    INFO(id);
    Model whole(id, given, dtype), first(id, given, dtype), second(id, given, dtype);
    whole.run(0, 7);
    first.run(0, 3);
    CHECK_FALSE(first.equals(whole));
    second.restore_from(first);
    second.run(3, 7);
    CHECK(second.equals(whole));
}

TEST_CASE("without decay a parameter that no loss reached keeps its bytes", "[optimizers]") {
    const auto [id, given] = every_optimizer();
    INFO(id);
    Model model(id, given);
    const std::vector<at::Tensor> before = model.values();
    for (int64_t number = 1; number <= 3; ++number) {
        for (size_t p = 0; p < before.size(); p += 2) {  // the others never have a gradient
            model.parameters[p].value.mutable_grad() = model.gradient(p, number);
        }
        model.step(number);
    }
    for (size_t p = 0; p < before.size(); ++p) {
        INFO(model.parameters[p].name);
        CHECK(at::equal(model.parameters[p].value.detach(), before[p]) == (p % 2 == 1));
    }
}

TEST_CASE("where no loss reached, decay alone moves all but norms and biases", "[optimizers]") {
    const auto [id, options] = every_optimizer();
    if (id == "samara.sgd" && !options.empty()) {
        return;  // its decay passes through the momentum: compared with torch.optim.SGD
    }
    Given given = options;
    given["weight_decay"] = 0.3;
    INFO(id);
    Model model(id, given);
    const std::vector<at::Tensor> before = model.values();
    double factor = 1;
    for (int64_t number = 1; number <= 3; ++number) {
        model.step(number);
        factor *= 1 - Model::learning_rate(number) * 0.3;
    }
    for (size_t p = 0; p < before.size(); ++p) {
        const int64_t role = model.parameters[p].role;
        const bool decayed = role != SAMARA_ROLE_NORM && role != SAMARA_ROLE_BIAS;
        INFO(model.parameters[p].name);
        CHECK(distance(model.parameters[p].value, before[p] * (decayed ? factor : 1.0)) <=
              (decayed ? 1e-15 : 0.0));
    }
}
