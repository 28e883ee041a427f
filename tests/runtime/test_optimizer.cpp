// Optimizers through the ABI: AdamW against the formula in float64, state, slots, faults, the
// canary.
#include "support.hpp"

#include <catch2/matchers/catch_matchers_string.hpp>

#include <cfenv>
#include <csignal>

using namespace samara::test;
using Catch::Matchers::ContainsSubstring;

namespace {

OptimizerInstance make(const std::string& file,
                       const std::string& id,
                       const Given& given = {},
                       HostHooks hooks = {}) {
    const Plugin& p = plugin(file, id);
    return OptimizerInstance(p, bind(p, given), std::move(hooks));
}

at::Tensor gradient(int step, const at::Tensor& like) {
    return at::sin(at::arange(like.numel(), at::kDouble) + step).reshape(like.sizes());
}

}  // namespace

TEST_CASE("AdamW equals the formula of its paper, and decays matrices only", "[runtime]") {
    auto adamw = make(own("samara_optimizers"),
                      "samara.adamw",
                      {{"weight_decay", 0.1}, {"beta1", 0.8}, {"beta2", 0.95}, {"eps", 1e-6}});
    const std::vector<ParamInfo> infos{{"w", SAMARA_ROLE_MATRIX, {2, 3}, SAMARA_F64},
                                       {"norm", SAMARA_ROLE_NORM, {3}, SAMARA_F64},
                                       {"b", SAMARA_ROLE_BIAS, {2}, SAMARA_F64}};
    std::vector<at::Tensor> params, expected, slots(9);
    std::vector<at::Tensor> m, v;
    for (size_t p = 0; p < infos.size(); ++p) {
        params.push_back(at::linspace(-1, 1, c10::multiply_integers(infos[p].shape), at::kDouble)
                             .reshape(infos[p].shape)
                             .requires_grad_());
        expected.push_back(params.back().detach().clone());
        m.push_back(at::zeros_like(expected.back()));
        v.push_back(at::zeros_like(expected.back()));
        const std::vector<Slot> list = adamw.slots(infos[p]);
        REQUIRE(list.size() == 3);
        for (size_t s = 0; s < 3; ++s) {
            slots[s * 3 + p] = make_slot(list[s], params.back());  // slot-major
        }
    }
    CHECK(slots[0].sizes() == at::IntArrayRef({2, 3}));
    CHECK(slots[0].scalar_type() == at::kDouble);
    CHECK(slots[6].dim() == 0);
    CHECK_FALSE(slots[0].requires_grad());
    for (int t = 1; t <= 5; ++t) {
        const double lr = 0.01 * t;
        std::vector<at::Tensor> grads;
        for (size_t p = 0; p < infos.size(); ++p) {
            const at::Tensor g = gradient(t, params[p]);
            grads.push_back(g.clone());
            expected[p].mul_(1 - lr * (p == 0 ? 0.1 : 0.0));
            m[p] = 0.8 * m[p] + 0.2 * g;
            v[p] = 0.95 * v[p] + 0.05 * g * g;
            expected[p] -= lr * (m[p] / (1 - std::pow(0.8, t))) /
                           ((v[p] / (1 - std::pow(0.95, t))).sqrt() + 1e-6);
        }
        adamw.step(t, 5, lr, infos, params, grads, slots);
    }
    for (size_t p = 0; p < infos.size(); ++p) {
        INFO(infos[p].name);
        CHECK((params[p].detach() - expected[p]).abs().max().item<double>() < 1e-14);
        CHECK(slots[6 + p].item<float>() == 5.0f);
    }
    CHECK(params[0].requires_grad());
    CHECK(params[0].is_leaf());
}

TEST_CASE("an optimizer on plain memory moves tensors of any layout", "[runtime]") {
    auto sgd = make(library("evil_others"), "test.evil_optimizer");
    const std::vector<ParamInfo> infos{{"w", SAMARA_ROLE_MATRIX, {2, 3}, SAMARA_F32}};
    const std::vector<at::Tensor> params{at::zeros({3, 2}).t()},
        grads{at::arange(6, at::kFloat).reshape({2, 3})};
    sgd.step(1, 1, 0.5, infos, params, grads, {});
    CHECK(at::equal(params[0], at::arange(6, at::kFloat).reshape({2, 3}) * -0.5));
}

TEST_CASE("the example optimizer is momentum", "[runtime]") {
    auto momentum =
        make(library("hello_optimizer"), "example.hello_optimizer", {{"momentum", 0.5}});
    const std::vector<ParamInfo> infos{{"w", SAMARA_ROLE_MATRIX, {1}, SAMARA_F32}};
    const std::vector<at::Tensor> params{at::zeros({1})}, grads{at::ones({1})};
    const std::vector<at::Tensor> slots{make_slot(momentum.slots(infos[0])[0], params[0])};
    momentum.step(1, 2, 0.1, infos, params, grads, slots);
    momentum.step(2, 2, 0.1, infos, params, grads, slots);
    CHECK(std::abs(params[0].item<float>() + 0.25f) < 1e-7f);  // 0.1 * 1 + 0.1 * 1.5
}

TEST_CASE("state goes out and comes back, and state for a plugin without any is refused",
          "[runtime]") {
    auto first = make(library("evil_others"), "test.stateful");
    const std::vector<ParamInfo> infos{{"w", 0, {1}, SAMARA_F32}};
    const std::vector<at::Tensor> params{at::zeros({1})}, grads{at::ones({1})};
    first.step(1, 9, 1, infos, params, grads, {});
    first.step(2, 9, 1, infos, params, grads, {});
    CHECK(first.save() == "2");
    auto second = make(library("evil_others"), "test.stateful");
    second.load("2");
    CHECK(second.save() == "2");
    auto without = make(own("samara_optimizers"), "samara.adamw");
    CHECK(without.save().empty());
    CHECK_NOTHROW(without.load(""));
    CHECK(thrown([&] { without.load("x"); })->code() == Code::corrupt);
}

TEST_CASE("bad slots and parameters that are not finite are refused", "[runtime]") {
    const ParamInfo info{"w", 0, {1}, SAMARA_F32};
    for (const char* what : {"slot twice", "slot shape", "slot init"}) {
        auto optimizer =
            make(library("evil_others"), "test.evil_optimizer", {{"what", std::string(what)}});
        const auto error = thrown([&] { (void)optimizer.slots(info); });
        REQUIRE(error);
        CHECK(error->code() == Code::plugin_fault);
        CHECK_THAT(error->what(), ContainsSubstring("slot 'a' of parameter 'w'"));
    }
    auto nan = make(library("evil_others"), "test.evil_optimizer", {{"what", std::string("nan")}});
    const std::vector<at::Tensor> params{at::zeros({1})}, grads{at::ones({1})};
    nan.check_finite({&info, 1}, params);
    nan.step(1, 1, 1, {&info, 1}, params, grads, {});
    const auto error = thrown([&] { nan.check_finite({&info, 1}, params); });
    REQUIRE(error);
    CHECK(error->code() == Code::non_finite);
    CHECK_THAT(error->what(), ContainsSubstring("test.evil_optimizer") && ContainsSubstring("'w'"));
    const std::vector<at::Tensor> huge{
        at::full({4}, 3e38f)};  // a float32 sum would overflow; the values are finite
    CHECK_NOTHROW(nan.check_finite({&info, 1}, huge));
}

TEST_CASE("slots have the declared shapes and types", "[runtime]") {
    const at::Tensor param = at::zeros({4, 3}, at::kFloat);
    CHECK(make_slot({"a", SAMARA_F64, SAMARA_SHAPE_ROWS, 2.5}, param).sizes() ==
          at::IntArrayRef({4}));
    CHECK(make_slot({"a", SAMARA_F64, SAMARA_SHAPE_COLUMNS, 2.5}, param).sizes() ==
          at::IntArrayRef({3}));
    CHECK(make_slot({"a", SAMARA_F64, SAMARA_SHAPE_SCALAR, 2.5}, param).item<double>() == 2.5);
    CHECK(make_slot({"a"}, param).scalar_type() == at::kFloat);
}

TEST_CASE("what a constructor changes for the whole process is reported", "[runtime]") {
    std::vector<std::string> lines;
    const HostHooks hooks{
        [&](int level, const std::string& line) { lines.push_back(std::to_string(level) + line); },
        {}};
    make(library("evil_others"), "test.evil_optimizer", {}, hooks);
    CHECK(lines.empty());
    make(library("evil_others"),
         "test.evil_optimizer",
         {{"what", std::string("changes rounding")}},
         hooks);
    std::fesetround(FE_TONEAREST);
    REQUIRE(lines.size() == 1);
    CHECK_THAT(lines[0],
               ContainsSubstring("2test.evil_optimizer") && ContainsSubstring("rounding mode"));
    make(library("evil_others"),
         "test.evil_optimizer",
         {{"what", std::string("installs a handler")}},
         hooks);
    std::signal(SIGUSR2, SIG_DFL);
    REQUIRE(lines.size() == 2);
    CHECK_THAT(lines[1], ContainsSubstring("signal handler"));
}
