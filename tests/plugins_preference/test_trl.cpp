// samara.dpo, and the objectives that share its losses, against numbers of TRL 1.16.0: its own
// lines ran on fixed logits (trl_losses.py, which made trl_losses.json).  And what samara.dpo
// refuses.
#include "formulas.hpp"

#include <catch2/matchers/catch_matchers_string.hpp>

#include <fstream>
#include <nlohmann/json.hpp>

using namespace samara::test;
using Json = nlohmann::json;

namespace {

const Json& golden() {
    static const Json all =
        Json::parse(std::ifstream(SAMARA_SOURCE_DIR "/tests/plugins_preference/trl_losses.json"));
    return all;
}

double sum(const Json& values) {
    double out = 0;
    for (const auto& v : values) {
        out += v.get<double>();
    }
    return out;
}

/// The pairs of the file: chosen 0 to 2, rejected 3 to 5, with their tokens.
Step pairs() {
    Step s;
    for (size_t c = 0; c < 6; ++c) {
        Cand cand;
        const Json &logp = golden()["logp"][c], &ref = golden()["ref_logp"][c];
        cand.logp = sum(logp);
        cand.ref_logp = sum(ref);
        cand.length = static_cast<int64_t>(logp.size());
        for (size_t t = 0; t < logp.size(); ++t) {
            cand.tokens.push_back({logp[t], ref[t], golden()["log_p2"][c][t]});
        }
        s.candidates.push_back(cand);
    }
    s.relations = {{1, 0, 3}, {1, 1, 4}, {1, 2, 5}};
    return s;
}

/// Settings of TRL as parameters of samara.dpo.
Given parameters(const Json& c) {
    const std::map<std::string, std::pair<std::string, bool>> names = {
        {"exo_pair", {"exo", false}},
        {"nca_pair", {"nca", false}},
        {"bco_pair", {"bco", false}},
        {"sigmoid_norm", {"sigmoid", true}},
        {"ipo", {"ipo", true}}};
    const std::string type = c["loss_type"];
    const auto name = names.find(type);
    Given given = {{"loss", name == names.end() ? type : name->second.first}};
    if (name != names.end() && name->second.second) {
        given["normalise"] = str("length");
    }
    for (const auto& [key, value] : c.items()) {
        if (key == "f_divergence_type") {
            given["divergence"] = value.get<std::string>();
        } else if (key == "f_alpha_divergence_coef") {
            given["alpha"] = value.get<double>();
        } else if (key == "use_weighting") {
            given["weighting"] = str("wpo");
        } else if (key == "ld_alpha" || key == "label_smoothing") {
            given[key] = value.get<double>();
        }
    }
    return given;
}

}  // namespace

TEST_CASE("samara.dpo equals TRL's losses and gradients in every variant", "[preference]") {
    const Step step = pairs();
    REQUIRE(golden()["trl"] == "1.16.0");
    REQUIRE(golden()["cases"].size() == 54);
    size_t gradients = 0;
    for (const Json& c : golden()["cases"]) {
        CAPTURE(c.dump());
        // TRL computes the alpha-divergence in float32, and the logarithm of EXO's smoothing.
        const double tolerance = c.value("f_divergence_type", "") == "alpha_divergence" ? 3e-6
                                 : c["loss_type"] == "exo_pair"                         ? 1e-7
                                                                                        : 1e-9;
        auto objective = make("dpo", parameters(c));
        const Result result = step.run(objective);
        double mean = 0;
        for (const double loss : result.losses[0]) {
            mean += loss / 3;
        }
        CHECK(std::abs(mean - c["loss"].get<double>()) <
              tolerance * std::max(1.0, c["loss"].get<double>()));
        if (!c.contains("gradient")) {
            continue;
        }
        ++gradients;
        size_t token = 0;
        for (size_t row = 0; row < 6; ++row) {
            for (const auto& expected : c["gradient"][row]) {
                CHECK(result.token_grad[token++] / 3 ==
                      Approx(expected.get<double>()).epsilon(tolerance).margin(tolerance / 100));
            }
        }
    }
    CHECK(gradients == 53);
}

TEST_CASE("Plain samara.dpo equals the objectives whose losses it names", "[preference]") {
    const std::vector<std::pair<std::string, Given>> same = {
        {"bradley_terry", {{"beta", 0.3}}},
        {"hinge", {{"beta", 0.3}}},
        {"ipo", {{"beta", 0.3}}},
        {"robust", {{"beta", 0.3}}},
        {"exo", {{"beta", 0.3}}},
        {"discopop", {{"beta", 0.3}}},
        {"nca", {{"beta", 0.3}}},
        {"bco", {{"beta", 0.3}, {"delta", str("none")}}},
        {"sppo_hard", {{"beta", 0.3}}},
        {"apo_zero", {{"beta", 0.3}}},
        {"apo_down", {{"beta", 0.3}}}};
    for (const auto& [id, given] : same) {
        CAPTURE(id);
        Step step = preferences();
        auto theirs = make(id, given);
        auto mine =
            make("dpo", {{"beta", 0.3}, {"loss", id == "bradley_terry" ? str("sigmoid") : id}});
        const auto a = step.run(theirs), b = step.run(mine);
        for (size_t n = 0; n < a.losses[0].size(); ++n) {
            CHECK(a.losses[0][n] == Approx(b.losses[0][n]).epsilon(1e-13));
        }
        for (size_t c = 0; c < a.grad.size(); ++c) {
            CHECK(a.grad[c] == Approx(b.grad[c]).epsilon(1e-12).margin(1e-14));
        }
    }
}

TEST_CASE("Flips mix the two directions in every variant", "[preference]") {
    Step stated = pairs(), reversed = stated, mixed = stated;
    for (size_t n = 0; n < 3; ++n) {
        std::swap(reversed.relations[n].i, reversed.relations[n].j);
        mixed.relations[n].flip = 0.3;
    }
    for (const Json& c : golden()["cases"]) {
        if (c["loss_type"] == "exo_pair") {
            continue;  // there a flip moves the target
        }
        CAPTURE(c.dump());
        auto objective = make("dpo", parameters(c));
        const auto a = stated.run(objective).losses[0], b = reversed.run(objective).losses[0],
                   m = mixed.run(objective).losses[0];
        for (size_t n = 0; n < 3; ++n) {
            CHECK(m[n] == Approx(0.7 * a[n] + 0.3 * b[n]).epsilon(1e-12));
        }
    }
}

TEST_CASE("Scores far from the reference stay finite in float32", "[preference]") {
    Step step;
    step.dtype = at::kFloat;
    for (const double logp : {-3000.0, -1e-3, -700.0, -90.0}) {
        Cand c;
        c.logp = logp;
        c.ref_logp = -400;
        c.length = 2;
        step.candidates.push_back(c);
    }
    step.relations = {{1, 0, 1}, {1, 1, 0}, {1, 2, 3}, {1, 3, 2}};
    for (const char* divergence : {"forward_kl", "js_divergence", "alpha_divergence"}) {
        CAPTURE(divergence);
        auto objective = make("dpo", {{"divergence", str(divergence)}});
        for (const double g : step.run(objective).grad) {
            CHECK(std::isfinite(g));
        }
    }
}

TEST_CASE("A setting that would do nothing, or means nothing, is refused", "[preference]") {
    const auto refused = [](const Given& given, const std::string& part) {
        try {
            make("dpo", given);
            FAIL("not refused: " << part);
        } catch (const Error& error) {
            CHECK_THAT(error.what(), Catch::Matchers::ContainsSubstring(part));
        }
    };
    refused({{"alpha", 0.3}}, "only alpha_divergence reads it");
    refused({{"tau", 0.1}}, "only loss \"discopop\" reads it");
    refused({{"loss", str("hinge")}, {"label_smoothing", 0.1}}, "label_smoothing is given");
    refused({{"loss", str("exo")}, {"label_smoothing", 0.0}}, "infinite");
    for (const char* loss : {"nca", "bco", "sppo_hard", "apo_zero", "apo_down"}) {
        refused({{"loss", str(loss)}, {"divergence", str("forward_kl")}}, loss);
        refused({{"loss", str(loss)}, {"normalise", str("length")}}, loss);
    }
    BoundParams out;
    const samara_plugin& d = *plugin("dpo").descriptor;
    for (const Given& given :
         std::vector<Given>{{{"ld_alpha", 1.0}}, {{"alpha", 1.0}}, {{"alpha", 0.0}}}) {
        CHECK(bind_params(d, given, out).size() == 1);
    }
}
