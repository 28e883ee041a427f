// samara.adamw: torch.optim.AdamW's values, and the fused kernel's bits.
#include "harness.hpp"

using namespace samara::test;

TEST_CASE("adamw follows torch.optim.AdamW", "[optimizers][oracle]") {
    const nlohmann::json options{{"betas", {0.8, 0.95}}, {"eps", 1e-6}, {"weight_decay", 0.3}};
    const Given given{{"beta1", 0.8}, {"beta2", 0.95}, {"eps", 1e-6}, {"weight_decay", 0.3}};
    const auto traces = run_oracle({oracle_case("AdamW", options, 8),
                                    oracle_case("AdamW", options, 8, at::kFloat),
                                    oracle_case("AdamW", nlohmann::json::object(), 8)});
    check_trace("samara.adamw", given, traces[0], 1e-14);
    check_trace("samara.adamw", given, traces[1], 2e-6, at::kFloat);
    check_trace("samara.adamw", {}, traces[2], 1e-14);
}

TEST_CASE("adamw has the bits of one fused call for the decayed parameters and one for the others",
          "[optimizers]") {
    for (const double decay : {0.0, 0.3}) {
        Model model("samara.adamw", {{"weight_decay", decay}}, at::kFloat);
        std::vector<at::Tensor> values = model.values(), m, v, t;
        for (const at::Tensor& value : values) {
            m.push_back(at::zeros_like(value));
            v.push_back(at::zeros_like(value));
            t.push_back(at::zeros({}));
        }
        for (int64_t number = 1; number <= 6; ++number) {
            for (const bool decayed : {true, false}) {
                std::vector<at::Tensor> lists[5];
                for (size_t p = 0; p < values.size(); ++p) {
                    const int64_t role = model.parameters[p].role;
                    if ((role != SAMARA_ROLE_NORM && role != SAMARA_ROLE_BIAS) == decayed) {
                        const at::Tensor row[] = {
                            values[p], model.gradient(p, number), m[p], v[p], t[p].add_(1)};
                        for (size_t k = 0; k < 5; ++k) {
                            lists[k].push_back(row[k]);
                        }
                    }
                }
                at::_fused_adamw_(lists[0],
                                  lists[1],
                                  lists[2],
                                  lists[3],
                                  {},
                                  lists[4],
                                  Model::learning_rate(number),
                                  0.9,
                                  0.999,
                                  decayed ? decay : 0.0,
                                  1e-8,
                                  false,
                                  false);
            }
        }
        model.run(0, 6);
        for (size_t p = 0; p < values.size(); ++p) {
            INFO(model.parameters[p].name << ", decay " << decay);
            CHECK(at::equal(model.parameters[p].value.detach(), values[p]));
            CHECK(at::equal(model.slot("exp_avg_sq." + model.parameters[p].name), v[p]));
        }
    }
}
