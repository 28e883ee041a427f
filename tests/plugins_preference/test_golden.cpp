// The objectives against numbers of another implementation: TRL's losses (v1.9.0) restated in
// float64 in Python, on three pairs with summed log-probabilities and lengths.  The numbers were
// computed for this project and checked against TRL's own lines to 1e-9.  Its metrics are in
// core_train/step_stats_test.cpp, its log-probabilities from logits in lm_model, and TRL's own
// lines with tokens in test_trl.cpp.
#include "support.hpp"

#include <algorithm>

using namespace samara::test;

namespace {

// policy_chosen, policy_rejected, ref_chosen, ref_rejected, chosen_len, rejected_len; beta 0.1.
Step golden() {
    const double policy[2][3] = {{-12.5, -20.25, -7.0}, {-14.0, -18.5, -9.75}};
    const double reference[2][3] = {{-13.0, -19.75, -7.5}, {-13.5, -19.0, -9.0}};
    const int64_t length[2][3] = {{5, 8, 3}, {6, 7, 4}};
    Step s;
    for (size_t side = 0; side < 2; ++side) {
        for (size_t n = 0; n < 3; ++n) {
            Cand c;
            c.logp = policy[side][n];
            c.ref_logp = reference[side][n];
            c.length = length[side][n];
            c.label = side == 0 ? 1 : -1;
            s.candidates.push_back(c);
        }
    }
    for (int64_t n = 0; n < 3; ++n) {
        Rel r;
        r.i = n;
        r.j = n + 3;
        s.relations.push_back(r);
    }
    return s;
}

struct Golden {
    const char* name;  // as TRL calls it
    const char* id;
    Given given;
    std::vector<double> per_pair;
    double mean;
};

std::string text(const char* s) {
    return s;
}

const std::vector<Golden>& numbers() {
    static const std::vector<Golden> all = {
        {"sigmoid",
         "bradley_terry",
         {{"beta", 0.1}},
         {0.6443966600735709, 0.7443966600735709, 0.6325990353171691},
         0.673797451821437},
        {"sigmoid, label_smoothing 0.1 (up to v0.28)",
         "bradley_terry",
         {{"beta", 0.1}, {"label_smoothing", 0.1}},
         {0.6543966600735709, 0.7343966600735709, 0.6450990353171692},
         0.6779641184881037},
        {"hinge", "hinge", {}, {0.9, 1.1, 0.875}, 0.9583333333333334},
        {"ipo",
         "ipo",
         {{"normalise", text("length")}},
         {23.200277777777774, 26.35722257653061, 21.583767361111107},
         23.713755905139834},
        {"ipo of sums (OpenRLHF, CPO paper)", "ipo", {}, {16.0, 36.0, 14.0625}, 22.020833333333332},
        {"robust",
         "robust",
         {{"label_smoothing", 0.1}},
         {0.6318966600735709, 0.7568966600735708, 0.6169740353171691},
         0.6685891184881037},
        {"sigmoid_norm",
         "sigmoid_norm",
         {},
         {0.6840225271937918, 0.6998660300416137, 0.6755956315673863},
         0.6864947296009306},
        {"exo_pair",
         "exo",
         {{"label_smoothing", 1e-3}},
         {2.5899540258452562, 2.93500427081911, 2.547624537324593},
         2.6908609446629863},
        {"nca_pair",
         "nca",
         {},
         {1.3619192960265725, 1.4119192960265725, 1.355864542433327},
         1.3765677114954906},
        {"bco_pair",
         "bco",
         {{"delta", text("none")}},
         {1.3369192960265726, 1.4369192960265726, 1.3248097888400814},
         1.366216126964409},
        {"sppo_hard", "sppo_hard", {}, {40.5, 60.5, 38.3125}, 46.4375},
        {"apo_zero",
         "apo_zero",
         {},
         {0.9750052070315793, 1.0249947929684207, 0.9687613876372544},
         0.9895871292124182},
        {"apo_down",
         "apo_down",
         {},
         {0.9875182090052703, 1.0124817909947297, 0.981288023110454},
         0.9937626743701514},
        {"discopop",
         "discopop",
         {},
         {0.8737921186731876, 0.7874020058177797, 0.8635401051824982},
         0.8415780765578219},
        {"aot",
         "aot",
         {},
         {0.7443966600735709, 0.6443966600735709, 0.6325990353171691},
         0.673797451821437},
        {"aot, label_smoothing 0.1",
         "aot",
         {{"label_smoothing", 0.1}},
         {0.7343966600735709, 0.6543966600735709, 0.6450990353171692},
         0.6779641184881037},
        {"aot_unpaired",
         "aot_unpaired",
         {},
         {0.6807253035255248, 0.6443966600735709, 0.6931471805599453},
         0.6727563813863471},
        {"aot_unpaired, label_smoothing 0.1",
         "aot_unpaired",
         {{"label_smoothing", 0.1}},
         {0.6832253035255249, 0.6543966600735709, 0.6931471805599453},
         0.6769230480530136},
        {"sigmoid, f_divergence_type forward_kl",
         "dpo",
         {{"divergence", text("forward_kl")}},
         {0.6423947375909711, 0.7466137986897206, 0.6204729028234223},
         0.669827146368038},
        {"sigmoid, js_divergence",
         "dpo",
         {{"divergence", text("js_divergence")}},
         {0.6684596480132863, 0.7184596480132863, 0.6605564988761363},
         0.6824919316342363},
        {"sigmoid, alpha_divergence",
         "dpo",
         {{"divergence", text("alpha_divergence")}},
         {0.6439004342734244, 0.7449453609966916, 0.6278125461881756},
         0.6722194471527638}};
    return all;
}

}  // namespace

TEST_CASE("Every loss equals TRL's number for each pair and for the mean", "[preference]") {
    const Step step = golden();
    for (const Golden& g : numbers()) {
        CAPTURE(g.name);
        auto objective = make(g.id, g.given);
        std::vector<double> loss = step.run(objective).losses[0], expected = g.per_pair;
        if (objective.losses()[0].coupled) {  // theirs are in the order of the sort
            std::sort(loss.begin(), loss.end());
            std::sort(expected.begin(), expected.end());
        }
        for (size_t n = 0; n < 3; ++n) {
            CAPTURE(n);
            CHECK(std::abs(loss[n] - expected[n]) < 1e-9);
        }
        auto again = make(g.id, g.given);
        CHECK(std::abs(step.reduced(again) - g.mean) < 1e-9);
    }
}

TEST_CASE("Float32 gives the same numbers to its own precision", "[preference]") {
    Step step = golden();
    step.dtype = at::kFloat;
    for (const Golden& g : numbers()) {
        CAPTURE(g.name);
        auto objective = make(g.id, g.given);
        CHECK(step.reduced(objective) == Approx(g.mean).epsilon(3e-6));
    }
}

TEST_CASE("The gradient of DPO by the chosen log-probabilities is the golden one", "[preference]") {
    auto objective = make("bradley_terry", {{"beta", 0.1}});
    const std::vector<double> grad = golden().run(objective).grad;
    const double expected[] = {-0.015834027084035335, -0.017499306249298, -0.015626354220874793};
    for (size_t n = 0; n < 3; ++n) {
        CHECK(std::abs(grad[n] / 3 - expected[n]) < 1e-12);
        CHECK(std::abs(grad[n + 3] / 3 + expected[n]) < 1e-12);
    }
}

TEST_CASE("MPO's preference terms are a weighted list of objectives", "[preference]") {
    auto sigmoid = make("bradley_terry", {{"beta", 0.1}});
    auto bco = make("bco", {{"delta", text("none")}});
    const Step step = golden();
    CHECK(std::abs(0.8 * step.reduced(sigmoid) + 0.2 * step.reduced(bco) - 0.8122811868500315) <
          1e-9);
}

TEST_CASE("The losses without a reference equal the golden terms of CPO and ORPO", "[preference]") {
    const Step step = golden();
    auto simpo = make("simpo", {{"beta", 0.1}, {"gamma", 0.5}});
    CHECK(std::abs(step.reduced(simpo) - 0.9730780791145115) < 1e-9);
    auto cpo = make("cpo", {{"beta", 0.1}, {"alpha", 0.0}});
    CHECK(std::abs(step.reduced(cpo) - 0.6568327153807263) < 1e-9);
    auto orpo = make("orpo", {{"beta", 0.1}, {"alpha", 0.0}});
    CHECK(std::abs(step.reduced(orpo) - 0.06869607248741966) < 1e-9);
}

TEST_CASE("On rewards Bradley-Terry and the centring term equal the golden reward-model losses",
          "[preference]") {
    const double chosen[] = {1.2, -0.3, 0.8}, rejected[] = {0.5, 0.1, 0.8},
                 margin[] = {0.5, 0.0, 1.0};
    Step step;
    for (const auto& side : {chosen, rejected}) {
        for (size_t n = 0; n < 3; ++n) {
            step.candidates.push_back({side[n]});
        }
    }
    for (int64_t n = 0; n < 3; ++n) {
        step.relations.push_back({1, n, n + 3});
    }
    auto objective = make("bradley_terry");
    auto center = make("center");
    CHECK(std::abs(step.reduced(objective) - 0.6697828272817853) < 1e-9);
    CHECK(std::abs(step.reduced(objective) + 0.01 * step.reduced(center) - 0.6880828272817853) <
          1e-9);
    for (size_t n = 0; n < 3; ++n) {
        step.relations[n].margin = margin[n];
    }
    CHECK(std::abs(step.reduced(objective) - 0.9414719364332558) < 1e-9);
    CHECK(std::abs(step.reduced(objective) + 0.01 * step.reduced(center) - 0.9597719364332558) <
          1e-9);
}
