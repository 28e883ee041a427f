// Optimizers and instruction libraries that break the contract in the way that parameter `what`
// names.
#include <samara/samara.hpp>

#include <cfenv>
#include <cmath>
#include <csignal>

namespace {

samara_param constexpr kWhat = samara::param::string("what", "\"nothing\"", "the way");

struct Optimizer {
    static constexpr samara_param params[] = {kWhat};
    std::string what;
    int64_t seen = 0;
    explicit Optimizer(const samara::Params& p) : what(p.string("what")) {
        if (what == "changes rounding") {
            std::fesetround(FE_UPWARD);
        } else if (what == "installs a handler") {
            std::signal(SIGUSR2, [](int) {});
        }
    }
    std::span<const samara_slot> slots(const samara_param_info&) const {
        static constexpr samara_slot kTwice[] = {samara::slot("a"), samara::slot("a")};
        static constexpr samara_slot kShape[] = {samara::slot("a", 9)};
        static constexpr samara_slot kInit[] = {
            samara::slot("a", SAMARA_SHAPE_SAME, SAMARA_SAME, samara::kInfinity)};
        if (what == "slot twice") {
            return kTwice;
        }
        if (what == "slot shape") {
            return kShape;
        }
        if (what == "slot init") {
            return kInit;
        }
        return {};
    }
    void step_arrays(const samara_step& step) {
        ++seen;
        for (int64_t p = 0; p < step.n; ++p) {
            int64_t n = 1;
            for (int64_t d = 0; d < step.param_arrays[p].ndim; ++d) {
                n *= step.param_arrays[p].shape[d];
            }
            auto* x = static_cast<float*>(step.param_arrays[p].data);
            const auto* g = static_cast<const float*>(step.grad_arrays[p].data);
            for (int64_t i = 0; i < n; ++i) {
                const double rate =
                    what == "hidden state" ? step.lr * static_cast<double>(seen) : step.lr;
                x[i] = what == "nan" ? NAN : x[i] - static_cast<float>(rate) * g[i];
            }
        }
    }
};

struct Stateful : Optimizer {
    using Optimizer::Optimizer;
    std::string save() const { return std::to_string(seen); }
    void load(std::string_view bytes) {
        if (what != "forgets") {
            seen = bytes.empty() ? 0 : std::stol(std::string(bytes));
        }
    }
    void step_arrays(const samara_step& step) {
        what = "hidden state";
        Optimizer::step_arrays(step);
    }
};

struct Types {
    static constexpr samara_param params[] = {kWhat};
    static constexpr samara::InstructionType types[] = {{"test:long", "at least 10 bytes"}};
    std::string what;
    explicit Types(const samara::Params& p) : what(p.string("what")) {}
    samara::Verdict check(std::string_view,
                          std::string_view kwargs,
                          bool negated,
                          std::span<const samara_message>,
                          std::string_view response) {
        if (kwargs != "{}") {
            samara::fail("it takes no arguments");
        }
        const int64_t holds = (response.size() >= 10) != negated ? 1 : 0;
        return {what == "verdict" ? 7 : holds, holds};
    }
    std::optional<samara::Solution> solve(const samara::Dataset&,
                                          std::string_view,
                                          std::span<const samara_message>,
                                          std::span<const samara::Demand> demands,
                                          uint64_t) {
        if (what == "lies") {
            return samara::Solution{"{}", false};
        }
        if (what == "never solves") {
            return std::nullopt;
        }
        for (const bool negated : {false, true}) {
            bool good = true;
            for (const samara::Demand& d : demands) {
                good = good && ((d.response.size() >= 10) != negated) == d.truth;
            }
            if (good) {
                return samara::Solution{"{}", negated};
            }
        }
        return std::nullopt;
    }
    std::string phrase(std::string_view,
                       std::string_view,
                       bool negated,
                       samara::Wordings,
                       uint64_t) {
        return what == "speechless" ? "" : negated ? "Be brief." : "Write at least ten characters.";
    }
};
/// The same type id from another plugin.
struct Twin : Types {
    using Types::Types;
};
/// The same type id twice.
struct Stutter : Types {
    using Types::Types;
    static constexpr samara::InstructionType types[] = {{"test:once", ""}, {"test:once", ""}};
};

struct Reward {
    static constexpr samara_param params[] = {kWhat};
    std::string what;
    int64_t seen = 0;
    explicit Reward(const samara::Params& p) : what(p.string("what")) {}
    void reward(const samara::Rollouts& rollouts, std::span<double> out) {
        for (size_t n = 0; n < rollouts.size() && what != "silent"; ++n) {
            out[n] = what == "nan"                  ? std::nan("")
                     : what == "depends on batch"   ? static_cast<double>(rollouts.size())
                     : what == "depends on history" ? static_cast<double>(seen++)
                                                    : 1.0;
        }
    }
};

constexpr samara_plugin kOptimizer =
    samara::optimizer<Optimizer>({.id = "test.evil_optimizer", .doc = "evil"});
constexpr samara_plugin kStateful =
    samara::optimizer<Stateful>({.id = "test.stateful", .doc = "counts its steps"});
constexpr samara_plugin kTypes = samara::instructions<Types>({.id = "test.types", .doc = "evil"});
constexpr samara_plugin kTwin = samara::instructions<Twin>({.id = "test.twin", .doc = "evil"});
constexpr samara_plugin kStutter =
    samara::instructions<Stutter>({.id = "test.stutter", .doc = "evil"});
constexpr samara_plugin kReward = samara::reward<Reward>({.id = "test.evil_reward", .doc = "evil"});

}  // namespace

SAMARA_PLUGINS(&kOptimizer, &kStateful, &kTypes, &kTwin, &kStutter, &kReward)
