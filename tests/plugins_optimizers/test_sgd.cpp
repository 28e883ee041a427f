// samara.sgd: torch.optim.SGD's values in every combination of momentum, nesterov and decay.
#include "harness.hpp"

#include <catch2/matchers/catch_matchers_string.hpp>

using namespace samara::test;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("sgd follows torch.optim.SGD", "[optimizers][oracle]") {
    struct Case {
        double momentum, decay;
        bool nesterov;
        at::ScalarType dtype;
    };
    std::vector<Case> cases;
    for (const at::ScalarType dtype : {at::kDouble, at::kFloat}) {
        for (const double decay : {0.0, 0.3}) {
            cases.push_back({0.0, decay, false, dtype});
            cases.push_back({0.9, decay, false, dtype});
            cases.push_back({0.9, decay, true, dtype});
        }
    }
    nlohmann::json asked = nlohmann::json::array();
    for (const Case& c : cases) {
        asked.push_back(oracle_case(
            "SGD",
            {{"momentum", c.momentum}, {"weight_decay", c.decay}, {"nesterov", c.nesterov}},
            8,
            c.dtype));
    }
    const auto traces = run_oracle(asked);
    for (size_t i = 0; i < cases.size(); ++i) {
        const Case& c = cases[i];
        INFO("momentum " << c.momentum << ", decay " << c.decay << ", nesterov " << c.nesterov);
        const Given given{
            {"momentum", c.momentum}, {"weight_decay", c.decay}, {"nesterov", c.nesterov}};
        check_trace("samara.sgd", given, traces[i], c.dtype == at::kDouble ? 1e-14 : 4e-6, c.dtype);
    }
}

TEST_CASE("sgd keeps state only for momentum, and refuses to look ahead without it",
          "[optimizers]") {
    CHECK(Model("samara.sgd", {}).optimizer->state().empty());
    const Model model("samara.sgd", {{"momentum", 0.5}});
    CHECK(model.optimizer->state().size() == model.parameters.size());
    CHECK(model.slot("momentum_buffer.tall").sizes() == at::IntArrayRef({17, 5}));
    CHECK_THAT(refusal([] {
                   make_optimizer("samara.sgd", {{"nesterov", true}});
               }),
               ContainsSubstring("momentum is 0") && ContainsSubstring("samara.sgd"));
}
