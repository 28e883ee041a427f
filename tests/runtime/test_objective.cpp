// Objectives through the ABI: equal to LibTorch called directly, and every broken rule refused by
// its message.
#include "support.hpp"

#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

using namespace samara::test;
using Catch::Matchers::ContainsSubstring;

namespace {

struct Columns {
    at::Tensor gap, margin, flip;
    explicit Columns(at::ScalarType dtype, int64_t n = 64) {
        const auto wave = [&](double a, double b) {
            return (at::sin(at::arange(n, at::kDouble) * a) * b).to(dtype);
        };
        gap = wave(0.7, 3.0).requires_grad_();
        margin = wave(1.3, 0.5);
        flip = ((wave(2.1, 0.5) + 0.5) * 0.9).to(dtype);
    }
};

ObjectiveInstance make(const std::string& file,
                       const std::string& id,
                       const Given& given = {},
                       HostHooks hooks = {}) {
    const Plugin& p = plugin(file, id);
    return ObjectiveInstance(p, bind(p, given), std::move(hooks));
}

ObjectiveInstance evil(const std::string& what, HostHooks hooks = {}) {
    return make(
        library("evil_objective"), "test.evil_objective", {{"what", what}}, std::move(hooks));
}

std::vector<at::Tensor> run_evil(ObjectiveInstance& objective,
                                 std::vector<Metric>* metrics = nullptr) {
    at::Tensor score = at::tensor({1.0, -2.0, 3.0, 0.5}, at::kDouble).requires_grad_();
    const std::vector<at::Tensor> in{score, at::Tensor()};
    return objective.forward(in, {0, 4, 0}, {}, metrics);
}

}  // namespace

TEST_CASE(
    "Bradley-Terry through the operator table equals LibTorch to the last bit, value and gradient",
    "[runtime]") {
    const auto dtype = GENERATE(at::kDouble, at::kFloat);
    const double beta = GENERATE(1.0, 0.1);
    const double smoothing = GENERATE(0.0, 0.125);
    auto objective = make(own("samara_preference"),
                          "samara.bradley_terry",
                          {{"beta", beta}, {"label_smoothing", smoothing}});
    const Columns here(dtype), there(dtype);
    const std::vector<at::Tensor> in{here.gap, here.margin, here.flip};
    const auto losses = objective.forward(in, {64, 0, 0}, {}, nullptr);
    REQUIRE(losses.size() == 1);

    const at::Tensor z = there.gap * beta - there.margin;
    const at::Tensor p = smoothing == 0 ? there.flip : there.flip * (1 - 2 * smoothing) + smoothing;
    const at::Tensor expected = -(1.0 - p) * at::log_sigmoid(z) - p * at::log_sigmoid(-z);
    CHECK(at::equal(losses[0], expected));
    losses[0].sum().backward();
    expected.sum().backward();
    CHECK(at::equal(here.gap.grad(), there.gap.grad()));
}

TEST_CASE("smoothing is a second, independent flip", "[runtime]") {
    // flip 0.2, smoothing 0.1: reversed with probability 0.2 * 0.9 + 0.8 * 0.1 = 0.26.  z = log 3:
    // sigmoid 0.75.
    auto objective =
        make(own("samara_preference"), "samara.bradley_terry", {{"label_smoothing", 0.1}});
    const std::vector<at::Tensor> in{at::full({1}, std::log(3.0), at::kDouble),
                                     at::zeros({1}, at::kDouble),
                                     at::full({1}, 0.2, at::kDouble)};
    const double loss = objective.forward(in, {1, 0, 0}, {}, nullptr)[0].item<double>();
    CHECK(std::abs(loss - (-0.74 * std::log(0.75) - 0.26 * std::log(0.25))) < 1e-15);
}

TEST_CASE("an objective says what it reads and gives", "[runtime]") {
    auto objective = make(library("evil_objective"), "test.evil_objective");
    CHECK(objective.columns() == std::vector<std::string>{"score", "rel.margin"});
    CHECK_FALSE(objective.optional(0));
    CHECK(objective.optional(1));
    CHECK(objective.losses()[0].level == SAMARA_PER_CANDIDATE);
    CHECK(objective.losses()[0].normaliser == SAMARA_BY_WEIGHT);
    CHECK_FALSE(objective.losses()[0].coupled);
    CHECK(objective.orders() == 3);
    CHECK(objective.has_forward());
    CHECK_FALSE(objective.has_weigh());
    CHECK_FALSE(make(library("hello"), "example.hello_objective").has_forward());
}

TEST_CASE("a C objective without tensors trains exactly like the C++ one", "[runtime]") {
    auto tensors = make(own("samara_preference"), "samara.bradley_terry", {{"beta", 0.5}});
    auto plain = make(library("hello"), "example.hello_objective", {{"beta", 0.5}});
    // Gradient descent on 6 scores that 5 relations read, 20 steps, float64.
    at::Tensor a = at::tensor({0.1, -0.3, 0.7, 0.2, -0.9, 0.4}, at::kDouble).requires_grad_();
    at::Tensor b = a.detach().clone().requires_grad_();
    const at::Tensor i = at::tensor({0, 1, 2, 3, 4}, at::kLong),
                     j = at::tensor({5, 0, 1, 4, 2}, at::kLong);
    const at::Tensor margin = at::tensor({0.0, 0.1, 0.0, -0.2, 0.3}, at::kDouble),
                     flip = at::tensor({0.0, 0.0, 0.5, 0.1, 1.0}, at::kDouble);
    const at::Tensor weight = at::tensor({0.2, 0.1, 0.3, 0.25, 0.15}, at::kDouble);
    double worst = 0;
    for (int step = 0; step < 20; ++step) {
        const std::vector<at::Tensor> in{a.index_select(0, i) - a.index_select(0, j), margin, flip};
        const at::Tensor first = (tensors.forward(in, {5, 6, 0}, {}, nullptr)[0] * weight).sum();
        const std::vector<at::Tensor> same{
            b.index_select(0, i) - b.index_select(0, j), margin, flip},
            weights{weight};
        std::vector<at::Tensor> losses;
        const at::Tensor second =
            plain.value_and_grad(same, weights, {5, 6, 0}, {}, &losses, nullptr);
        CHECK(std::abs((first - second).item<double>()) < 1e-14);
        CHECK(std::abs(((losses[0] * weight).sum() - second).item<double>()) < 1e-15);
        first.backward();
        (second * 1.0).backward();
        const at::NoGradGuard no_graph;
        worst = std::max(worst, (a.grad() - b.grad()).abs().max().item<double>());
        for (at::Tensor* x : {&a, &b}) {
            x->sub_(x->grad());
            x->mutable_grad() = at::Tensor();
        }
    }
    CHECK(worst < 1e-14);
    CHECK(
        (a - at::tensor({0.1, -0.3, 0.7, 0.2, -0.9, 0.4}, at::kDouble)).abs().max().item<double>() >
        0.1);
}

TEST_CASE("the plain path passes upstream gradients, dtypes and devices on", "[runtime]") {
    auto plain = make(library("hello"), "example.hello_objective");
    at::Tensor gap = at::zeros({3}, at::kFloat).requires_grad_();
    const std::vector<at::Tensor> in{gap, at::zeros({3}, at::kFloat), at::zeros({3}, at::kFloat)},
        weights{at::ones({3}, at::kFloat)};
    const at::Tensor total = plain.value_and_grad(in, weights, {3, 0, 0}, {}, nullptr, nullptr);
    CHECK(total.scalar_type() == at::kFloat);
    (total * 4.0).backward();
    CHECK(at::equal(gap.grad(), at::full({3}, -2.0f)));  // 4 * d softplus(-z) at 0 = 4 * -1/2
    const at::NoGradGuard no_graph;
    CHECK_FALSE(plain.value_and_grad(in, weights, {3, 0, 0}, {}, nullptr, nullptr).requires_grad());
}

TEST_CASE("every broken rule of forward is refused, naming plugin and rule", "[runtime]") {
    struct Row {
        const char* what;
        const char* message;
        Code code = Code::plugin_fault;
    };
    const Row row = GENERATE(values<Row>({
        {"throws exception", "plugin bug"},
        {"throws int", "no std::exception"},
        {"missing", "loss 'evil' is missing"},
        {"detached", "depends on no differentiable column"},
        {"nan", "is not finite, first at item 0", Code::non_finite},
        {"numeric", "exp overflowed", Code::non_finite},
        {"integer", "dtype int64"},
        {"scalar", "has shape [], declared is [4]"},
        {"shape", "has shape [2, 2], declared is [4]"},
        {"writes input", "shares memory with an input"},
        {"writes a view", "shares memory with an input"},
        {"writes by out", "shares memory with an input"},
        {"writes in a list", "shares memory with an input"},
        {"no such operator", "no such operator"},
        {"no such argument", "no argument 'dimension'"},
        {"argument without default", "'other' has no default"},
        {"random", "draws random numbers"},
        {"invented", "stale, released or invented"},
        {"released", "stale, released or invented"},
        {"operator fails", "aten::index_select"},
        {"requires_grad_", "not offered"},
        {"outside aten", "only operators of namespace aten::"},
        {"bare dtype", "'dtype' wants"},
        {"metric of another shape", "metric 'm' has shape [2], its level has [4]"},
        {"metric with unknown level", "unknown level 17"},
        {"parallel body throws", "body bug"},
    }));
    INFO(row.what);
    auto objective = evil(row.what);
    const auto error = thrown([&] { run_evil(objective); });
    REQUIRE(error);
    CHECK(error->code() == row.code);
    CHECK_THAT(error->what(),
               ContainsSubstring("plugin 'test.evil_objective': forward") &&
                   ContainsSubstring(row.message));
    CHECK_THAT(error->problems()[0].where, ContainsSubstring("rt_evil_objective.so"));
    // the instance is usable afterwards, and says the same again
    CHECK(thrown([&] { run_evil(objective); })->code() == row.code);
    CHECK(entered_plugin() == nullptr);
}

TEST_CASE("a handle of an earlier call is refused", "[runtime]") {
    auto objective = evil("stale");
    run_evil(objective);
    const auto error = thrown([&] { run_evil(objective); });
    REQUIRE(error);
    CHECK_THAT(error->what(), ContainsSubstring("stale, released or invented"));
}

TEST_CASE("what is legal works: in-place on own tensors, leaked handles, absent columns",
          "[runtime]") {
    for (const char* what :
         {"nothing", "writes own tensor", "leaks", "undeclared columns are absent"}) {
        INFO(what);
        auto objective = evil(what);
        for (int i = 0; i < 50; ++i) {
            CHECK(run_evil(objective)[0].requires_grad());
        }
    }
}

TEST_CASE("metrics arrive with their levels", "[runtime]") {
    auto objective = evil("good metrics");
    std::vector<Metric> metrics;
    run_evil(objective, &metrics);
    REQUIRE(metrics.size() == 2);
    CHECK(metrics[0].name == "mean");
    CHECK(metrics[0].level == SAMARA_SCALAR);
    CHECK(metrics[0].values.item<double>() == 2.5);
    CHECK(metrics[1].level == SAMARA_PER_CANDIDATE);
    CHECK(at::equal(metrics[1].values, at::tensor({3.0, -6.0, 9.0, 1.5}, at::kDouble)));
    CHECK_FALSE(metrics[1].values.requires_grad());
}

TEST_CASE("cancelling stops a plugin that asks, and is no fault", "[runtime]") {
    bool stop = false;
    auto objective = evil("cancelled", {{}, [&] { return stop; }});
    run_evil(objective);
    stop = true;
    CHECK(thrown([&] { run_evil(objective); })->code() == Code::preempted);
}

TEST_CASE("a constructor that refuses its parameters is a plugin error with its own words",
          "[runtime]") {
    for (const auto& [what, message] : std::map<std::string, std::string>{
             {"create fails", "beta and alpha cannot both be 0"},
             {"create throws", "constructor bug"},
             {"undeclared parameter", "'gamma' that it does not declare"}}) {
        const auto error = thrown([&] { evil(what); });
        REQUIRE(error);
        CHECK(error->code() == Code::plugin);
        CHECK_THAT(error->what(), ContainsSubstring("create") && ContainsSubstring(message));
    }
}

TEST_CASE(
    "the plain path refuses unwritten losses and infinite gradients, and keeps its inputs safe",
    "[runtime]") {
    const auto run = [&](const std::string& what) {
        auto objective = make(library("evil_objective"), "test.evil_arrays", {{"what", what}});
        at::Tensor score = at::tensor({1.0, 2.0}, at::kDouble).requires_grad_();
        const std::vector<at::Tensor> in{score}, weights{at::ones({2}, at::kDouble)};
        const auto error = thrown([&] {
            objective.value_and_grad(in, weights, {0, 2, 0}, {}, nullptr, nullptr).backward();
        });
        CHECK(at::equal(score.detach(), at::tensor({1.0, 2.0}, at::kDouble)));
        return error;
    };
    CHECK_FALSE(run("nothing"));
    CHECK_FALSE(run("writes input"));
    CHECK_THAT(run("forgets")->what(),
               ContainsSubstring("loss 'evil' is not finite, first at item 1"));
    CHECK_THAT(run("infinite gradient")->what(), ContainsSubstring("gradient by 'score'"));
    CHECK(run("infinite gradient")->code() == Code::non_finite);
}

TEST_CASE("weigh changes the weights, and only to what a weight may be", "[runtime]") {
    const std::vector<at::Tensor> in{at::Tensor(), at::tensor({1.0, 0.0, 2.0}, at::kDouble)};
    auto good = make(library("evil_objective"), "test.weigher", {{"factor", 3.0}});
    REQUIRE(good.has_weigh());
    std::vector<at::Tensor> weights{at::tensor({1.0, 1.0, 0.5}, at::kDouble)};
    good.weigh(in, {0, 3, 0}, {}, weights);
    CHECK(at::equal(weights[0], at::tensor({3.0, 0.0, 3.0}, at::kDouble)));
    auto bad = make(library("evil_objective"), "test.weigher", {{"factor", -1.0}});
    CHECK_THAT(thrown([&] {
                   bad.weigh(in, {0, 3, 0}, {}, weights);
               })->what(),
               ContainsSubstring("negative"));
}
