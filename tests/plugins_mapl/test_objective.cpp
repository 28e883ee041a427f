// samara.mapl through the host: closed forms written with std::log and std::exp, derivatives by
// finite differences, and the identities that the relations rest on.
#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>
#undef CHECK  // c10's ends the process; below it is Catch2's

#include "harness.hpp"
#include "runtime/objective.hpp"

#include <catch2/catch_approx.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <cmath>
#include <numeric>

using namespace samara::test;
using namespace samara::host;
using Catch::Approx;

namespace {

/// Relations over `scores`, as plain numbers; from them the columns of the host's contract.
struct Case {
    std::vector<double> scores;
    std::vector<Relation> relations;

    at::Tensor score(at::ScalarType dtype) const {
        return at::tensor(scores, at::kDouble).to(dtype).requires_grad_();
    }
    at::Tensor index(int64_t Relation::*field) const {
        std::vector<int64_t> out;
        for (const Relation& r : relations) {
            out.push_back(r.*field);
        }
        return at::tensor(out, at::kLong);
    }
    at::Tensor number(double Relation::*field, at::ScalarType dtype) const {
        std::vector<double> out;
        for (const Relation& r : relations) {
            out.push_back(r.*field);
        }
        return at::tensor(out, at::kDouble).to(dtype);
    }
    at::Tensor gap(const at::Tensor& score) const {
        std::vector<at::Tensor> out;
        for (const Relation& r : relations) {
            at::Tensor gap = score[r.i] - score[r.j];
            out.push_back(r.order == 2 ? gap - (score[r.k] - score[r.l]) : gap);
        }
        return at::stack(out);
    }
    at::Tensor column(const std::string& name, const at::Tensor& score) const {
        if (name == "score")
            return score;
        if (name == "gap.score")
            return gap(score);
        if (name == "rel.i")
            return index(&Relation::i);
        if (name == "rel.j")
            return index(&Relation::j);
        if (name == "rel.k")
            return index(&Relation::k);
        if (name == "rel.l")
            return index(&Relation::l);
        if (name == "rel.order")
            return index(&Relation::order);
        if (name == "rel.margin")
            return number(&Relation::margin, score.scalar_type());
        if (name == "rel.flip")
            return number(&Relation::flip, score.scalar_type());
        FAIL("the test offers no column " << name);
        return {};
    }
    at::Tensor loss(ObjectiveInstance& objective, const at::Tensor& score) const {
        std::vector<at::Tensor> columns;
        for (const std::string& name : objective.columns()) {
            columns.push_back(column(name, score));
        }
        const Extent extent{static_cast<int64_t>(relations.size()), score.size(0), 0};
        return objective.forward(columns, extent, RunInfo{}, nullptr).at(0);
    }
    /// Loss of each relation and the gradient of their sum.
    std::pair<std::vector<double>, std::vector<double>> run(
        ObjectiveInstance& objective,
        at::ScalarType dtype = at::kDouble) const {
        const at::Tensor s = score(dtype);
        const at::Tensor loss = this->loss(objective, s);
        const at::Tensor grad = torch::autograd::grad({loss.sum()}, {s}, {}, {}, false, true)[0];
        const auto list = [](const at::Tensor& t) {
            const at::Tensor d = t.detach().to(at::kDouble).contiguous();
            return std::vector<double>(d.data_ptr<double>(), d.data_ptr<double>() + d.numel());
        };
        return {list(loss), grad.defined() ? list(grad) : std::vector<double>(scores.size(), 0.0)};
    }
};

/// (x, y_w), (x, y_l), (x', y_w), (x', y_l), and preferences and contrasts with margins and flips
/// among them.
Case make_case() {
    Case c;
    c.scores = {0.7, -0.4, 1.9, -1.1, 0.2, 2.3};
    c.relations = {{1, 0, 1, -1, -1, 1, 0.0, 0.0, "base"},
                   {1, 3, 2, -1, -1, 1, 0.3, 0.0, "intra"},
                   {1, 4, 5, -1, -1, 1, 0.0, 0.2, "intra"},
                   {2, 2, 3, 0, 1, 1, 0.0, 0.0, "inter"},
                   {2, 0, 1, 2, 3, 1, 0.4, 0.0, "inter"},
                   {2, 2, 3, 0, 1, 1, 0.1, 0.5, "inter"},
                   {2, 4, 5, 1, 0, 1, -0.2, 0.1, "inter"}};
    return c;
}

struct Objectives {
    Room room{{own("samara_mapl")}};
    ObjectiveInstance make(const Given& given = {}) const {
        return ObjectiveInstance(room.plugin("samara.mapl"),
                                 bind(room.plugin("samara.mapl"), given));
    }
};

double log_sigmoid(double z) {
    return -std::log1p(std::exp(-z));
}
double logistic(double z, double p) {
    return -(1 - p) * log_sigmoid(z) - p * log_sigmoid(-z);
}

}  // namespace

TEST_CASE("Each form of samara.mapl equals its closed form, relation by relation") {
    const Case c = make_case();
    const double beta = 0.7, h = 1.3;
    const std::string form = GENERATE("margin_gap", "hinge", "squared", "logprob_strength");
    const std::string stop = GENERATE("none", "stronger", "weaker");
    const Objectives objectives;
    ObjectiveInstance objective = objectives.make(
        {{"beta", beta}, {"form", form}, {"hinge_margin", h}, {"stop_gradient", stop}});
    CHECK(objective.orders() == 3);
    const auto [loss, grad] = c.run(objective);
    for (size_t n = 0; n < c.relations.size(); ++n) {
        CAPTURE(form, stop, n);
        const Relation& r = c.relations[n];
        const auto s = [&](int64_t at) { return c.scores[static_cast<size_t>(at)]; };
        const double strong = s(r.i) - s(r.j);
        double expected = 0;
        if (r.order == 1) {
            expected = logistic(beta * strong - r.margin, r.flip);
        } else {
            const double weak = s(r.k) - s(r.l);
            const double z = beta * (strong - weak) - r.margin;
            const double u = log_sigmoid(beta * strong) - log_sigmoid(beta * weak) - r.margin;
            expected = form == "margin_gap" ? logistic(z, r.flip)
                       : form == "squared"  ? z * z
                       : form == "hinge"
                           ? (1 - r.flip) * std::max(0.0, h - z) + r.flip * std::max(0.0, h + z)
                           : logistic(u, r.flip);
        }
        CHECK(loss[n] == Approx(expected).epsilon(1e-12));
    }
}

TEST_CASE("Gradients of every form equal finite differences of what is not detached") {
    const Case c = make_case();
    const std::string form = GENERATE("margin_gap", "hinge", "squared", "logprob_strength");
    const std::string stop = GENERATE("none", "stronger", "weaker");
    CAPTURE(form, stop);
    const Objectives objectives;
    ObjectiveInstance objective =
        objectives.make({{"beta", 0.7}, {"form", form}, {"stop_gradient", stop}});
    ObjectiveInstance free_objective = objectives.make({{"beta", 0.7}, {"form", form}});
    // Candidates of a detached side get copies of their own that stay where they are.
    Case split = c;
    const auto n = static_cast<int64_t>(c.scores.size());
    split.scores.insert(split.scores.end(), c.scores.begin(), c.scores.end());
    for (Relation& r : split.relations) {
        if (r.order == 2 && stop == "stronger") {
            r.i += n;
            r.j += n;
        } else if (r.order == 2 && stop == "weaker") {
            r.k += n;
            r.l += n;
        }
    }
    const auto [loss, grad] = c.run(objective);
    const double step = 1e-6;
    for (size_t at = 0; at < c.scores.size(); ++at) {
        double sums[2];
        for (const int side : {0, 1}) {
            Case moved = split;
            moved.scores[at] += side == 0 ? step : -step;
            const auto [values, unused] = moved.run(free_objective);
            sums[side] = std::accumulate(values.begin(), values.end(), 0.0);
        }
        CAPTURE(at);
        CHECK(grad[at] == Approx((sums[0] - sums[1]) / (2 * step)).epsilon(1e-7).margin(1e-8));
    }
}

TEST_CASE("With margin_gap samara.mapl equals samara.bradley_terry to the last bit") {
    const Case c = make_case();
    Room room({own("samara_mapl"), own("samara_preference")});
    const auto dtype = GENERATE(at::kFloat, at::kDouble);
    const double beta = GENERATE(1.0, 0.1);
    const Given given = {{"beta", beta}};
    const Plugin& mine = room.plugin("samara.mapl");
    const Plugin& reference = room.plugin("samara.bradley_terry");
    ObjectiveInstance a(mine, bind(mine, given));
    ObjectiveInstance b(reference, bind(reference, given));
    const auto [loss_a, grad_a] = c.run(a, dtype);
    const auto [loss_b, grad_b] = c.run(b, dtype);
    CHECK(loss_a == loss_b);
    CHECK(grad_a == grad_b);
    CHECK(a.losses()[0].normaliser == b.losses()[0].normaliser);
}

TEST_CASE("The margin gap is the difference of two intra contrasts on the same prompt pair") {
    const Objectives objectives;
    ObjectiveInstance objective = objectives.make();
    at::manual_seed(3);
    for (int n = 0; n < 100; ++n) {
        const at::Tensor r = at::randn({4}, at::kDouble);
        Case c;
        c.scores.assign(r.data_ptr<double>(),
                        r.data_ptr<double>() + 4);  // x y_w, x y_l, x' y_w, x' y_l
        c.relations = {{2, 2, 3, 0, 1, 1, 0, 0, ""}, {2, 2, 0, 3, 1, 1, 0, 0, ""}};
        const auto [loss, grad] = c.run(objective);
        CHECK(loss[0] == Approx(loss[1]).epsilon(1e-12));
    }
}

TEST_CASE("Adding a(x) + b(y) to the reward moves base by b, intra by a, and inter not at all") {
    const Objectives objectives;
    ObjectiveInstance objective = objectives.make();
    Case c;
    c.scores = {0.7, -0.4, 1.9, -1.1};  // (x, y_w), (x, y_l), (x', y_w), (x', y_l)
    c.relations = {{1, 0, 1, -1, -1, 1, 0, 0, "base"},
                   {1, 2, 0, -1, -1, 1, 0, 0, "intra"},
                   {2, 2, 3, 0, 1, 1, 0, 0, "inter"}};
    const auto [before, g0] = c.run(objective);
    Case by_prompt = c, by_response = c;
    for (const size_t n : {2, 3}) {
        by_prompt.scores[n] += 5.5;
    }
    for (const size_t n : {1, 3}) {
        by_response.scores[n] -= 2.5;
    }
    const auto [prompt, g1] = by_prompt.run(objective);
    const auto [response, g2] = by_response.run(objective);
    CHECK(prompt[0] == Approx(before[0]).epsilon(1e-12));
    CHECK(prompt[1] != Approx(before[1]).epsilon(1e-3));
    CHECK(prompt[2] == Approx(before[2]).epsilon(1e-12));
    CHECK(response[0] != Approx(before[0]).epsilon(1e-3));
    CHECK(response[1] == Approx(before[1]).epsilon(1e-12));
    CHECK(response[2] == Approx(before[2]).epsilon(1e-12));
}

TEST_CASE(
    "At reward zero each logistic form costs ln 2, and hinge and squared their own constant") {
    Case c = make_case();
    std::fill(c.scores.begin(), c.scores.end(), 0.0);
    for (Relation& r : c.relations) {
        r.margin = 0.0;
    }
    const Objectives objectives;
    for (const auto& [form, contrast] :
         std::map<std::string, double>{{"margin_gap", std::log(2.0)},
                                       {"logprob_strength", std::log(2.0)},
                                       {"hinge", 1.25},
                                       {"squared", 0.0}}) {
        ObjectiveInstance objective = objectives.make({{"form", form}, {"hinge_margin", 1.25}});
        const auto [loss, grad] = c.run(objective);
        for (size_t n = 0; n < loss.size(); ++n) {
            CAPTURE(form, n);
            CHECK(loss[n] ==
                  Approx(c.relations[n].order == 1 ? std::log(2.0) : contrast).epsilon(1e-12));
        }
    }
}

TEST_CASE("When x' is x the margin gap has no gradient at all") {
    Case c;
    c.scores = {0.7, -0.4};
    c.relations = {{2, 0, 1, 0, 1, 1, 0, 0, "inter"}};
    const Objectives objectives;
    ObjectiveInstance objective = objectives.make();
    const auto [loss, grad] = c.run(objective);
    CHECK(loss[0] == Approx(std::log(2.0)));
    CHECK(grad == std::vector<double>(2, 0.0));
}

TEST_CASE("The plain margin gap asks for gaps alone, the other forms for scores and indices") {
    const Objectives objectives;
    const std::vector<std::string> gaps = {"gap.score", "rel.margin", "rel.flip"};
    CHECK(objectives.make().columns() == gaps);
    CHECK(objectives.make({{"stop_gradient", std::string("weaker")}}).columns().size() == 9);
    for (const auto& given : {Given{{"beta", 0.0}}, Given{{"form", std::string("cubic")}}}) {
        BoundParams out;
        CHECK(bind_params(*objectives.room.plugin("samara.mapl").descriptor, given, out).size() ==
              1);
    }
}
