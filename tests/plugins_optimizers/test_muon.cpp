// samara.muon: torch.optim.Muon's values for matrices, samara.adamw's bits for everything else, and
// the orthogonal factor of a singular value decomposition.
#include "harness.hpp"

#include <catch2/matchers/catch_matchers_string.hpp>

using namespace samara::test;
using Catch::Matchers::ContainsSubstring;

namespace {

bool is_matrix(const Parameter& parameter) {
    return parameter.role == SAMARA_ROLE_MATRIX && parameter.value.dim() == 2;
}

nlohmann::json torch_options(double decay) {
    return {{"weight_decay", decay},
            {"adamw_lr_factor", 0.5},
            {"adamw", {{"betas", {0.8, 0.95}}, {"eps", 1e-6}}}};
}

Given samara_params(double decay) {
    return {{"weight_decay", decay},
            {"adamw_lr_factor", 0.5},
            {"adamw_beta1", 0.8},
            {"adamw_beta2", 0.95},
            {"adamw_eps", 1e-6}};
}

}  // namespace

TEST_CASE("muon follows torch.optim.Muon, and torch.optim.AdamW where it is no matrix",
          "[optimizers][oracle]") {
    nlohmann::json cases = nlohmann::json::array();
    std::vector<Given> given;
    const auto add = [&](nlohmann::json options, Given params, at::ScalarType dtype) {
        cases.push_back(oracle_case("Muon", options, 7, dtype));
        given.push_back(std::move(params));
    };
    // In float64 throughout: the rule itself.
    for (const double decay : {0.0, 0.3}) {
        for (const bool nesterov : {true, false}) {
            for (const std::string adjust : {"original", "match_rms_adamw"}) {
                nlohmann::json options = torch_options(decay);
                options.update(
                    {{"ns_dtype", "parameter"}, {"nesterov", nesterov}, {"adjust_lr_fn", adjust}});
                Given params = samara_params(decay);
                params["ns_dtype"] = std::string("parameter");
                params["nesterov"] = nesterov;
                params["adjust_lr"] = adjust;
                add(options, params, at::kDouble);
            }
        }
    }
    nlohmann::json options = torch_options(0.3);
    options.update({{"ns_dtype", "parameter"},
                    {"momentum", 0.6},
                    {"ns_steps", 3},
                    {"ns_coefficients", {2.0, -1.5, 0.5}}});
    Given params = samara_params(0.3);
    params["ns_dtype"] = std::string("parameter");
    params["momentum"] = 0.6;
    params["ns_steps"] = int64_t{3};
    params["ns_coefficients"] = std::vector<double>{2.0, -1.5, 0.5};
    add(options, params, at::kDouble);
    add(options, params, at::kFloat);
    const size_t exact = cases.size();
    // As published, in bfloat16.
    add(torch_options(0.3), samara_params(0.3), at::kDouble);
    add(torch_options(0.3), samara_params(0.3), at::kFloat);
    const auto traces = run_oracle(cases);
    for (size_t i = 0; i < cases.size(); ++i) {
        INFO("case " << i << ": " << cases[i]["options"]);
        const bool single = cases[i]["dtype"] == "float32";
        // Products of bfloat16 (8 bits) summed in another order may move an update, at most about
        // lr = 0.09, by 2^-9 of it.  Measured: equal up to the rounding of the parameters.
        const double tolerance = i >= exact ? 2e-4 : single ? 4e-6 : 1e-13;
        check_trace(
            "samara.muon", given[i], traces[i], tolerance, single ? at::kFloat : at::kDouble);
    }
}

TEST_CASE("muon iterates in bfloat16 unless told otherwise", "[optimizers]") {
    Model published("samara.muon", {}, at::kFloat);
    Model exact("samara.muon", {{"ns_dtype", std::string("parameter")}}, at::kFloat);
    published.run(0, 1);
    exact.run(0, 1);
    for (size_t p = 0; p < exact.parameters.size(); ++p) {
        INFO(exact.parameters[p].name);
        const double difference =
            distance(published.parameters[p].value, exact.parameters[p].value);
        if (is_matrix(exact.parameters[p])) {
            CHECK(difference > 1e-5);
            CHECK(difference < 3e-3);  // an update is about lr = 0.03
        } else {
            CHECK(difference == 0);
        }
    }
}

TEST_CASE("muon moves a matrix along U V^T once the iteration has converged", "[optimizers]") {
    // (15/8, -5/4, 3/8) is the quintic of Newton and Schulz that converges to sign(x), unlike the
    // published coefficients, which trade that for speed.  The first momentum is a multiple of g.
    const double lr = Model::learning_rate(1);
    for (const std::string adjust : {"original", "match_rms_adamw"}) {
        Model model("samara.muon",
                    {{"ns_dtype", std::string("parameter")},
                     {"ns_steps", int64_t{60}},
                     {"ns_coefficients", std::vector<double>{15.0 / 8, -5.0 / 4, 3.0 / 8}},
                     {"adjust_lr", adjust}});
        const std::vector<at::Tensor> before = model.values();
        model.run(0, 1);
        int64_t matrices = 0;
        for (size_t p = 0; p < before.size(); ++p) {
            if (!is_matrix(model.parameters[p])) {
                continue;
            }
            ++matrices;
            const auto [u, s, vh] = at::linalg_svd(model.gradient(p, 1), false);
            const auto rows = static_cast<double>(before[p].size(0));
            const auto columns = static_cast<double>(before[p].size(1));
            const double scale = adjust == "original" ? std::sqrt(std::max(1.0, rows / columns))
                                                      : 0.2 * std::sqrt(std::max(rows, columns));
            INFO(model.parameters[p].name << ", " << adjust);
            CHECK(distance(model.parameters[p].value, before[p] - lr * scale * at::mm(u, vh)) <
                  1e-12);
        }
        CHECK(matrices == 3);
    }
}

TEST_CASE("muon leaves what is no matrix to adamw, to the last bit", "[optimizers]") {
    Model muon("samara.muon", {{"weight_decay", 0.3}}, at::kFloat);
    Model adamw("samara.adamw", {{"weight_decay", 0.3}}, at::kFloat);
    muon.run(0, 6);
    adamw.run(0, 6);
    for (size_t p = 0; p < muon.parameters.size(); ++p) {
        const Parameter& parameter = muon.parameters[p];
        INFO(parameter.name);
        const bool matrix = is_matrix(parameter);
        CHECK(at::equal(parameter.value.detach(), adamw.parameters[p].value.detach()) != matrix);
        CHECK(muon.slot("momentum_buffer." + parameter.name).defined() == matrix);
        for (const std::string slot : {"exp_avg.", "exp_avg_sq.", "step."}) {
            CHECK(muon.slot(slot + parameter.name).defined() != matrix);
        }
    }
}

TEST_CASE("muon refuses coefficients that are not three", "[optimizers]") {
    CHECK_THAT(
        refusal([] {
            make_optimizer("samara.muon", {{"ns_coefficients", std::vector<double>{1.0, 2.0}}});
        }),
        ContainsSubstring("ns_coefficients has 2 numbers"));
}
