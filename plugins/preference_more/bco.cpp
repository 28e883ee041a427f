// samara.bco - binary classifier optimisation: is a response one of the good ones?  Scores are
// compared with a reward shift, delta, not with each other.
#include "family.hpp"

#include <algorithm>
#include <charconv>

namespace samara::preference {
namespace {

constexpr const char* kLabelColumns[] = {"score", "label", "auxiliary"};

/// Math     c = beta score;  good(c) = -log sigmoid(c - delta), bad(c) = -log sigmoid(delta - c);
///          of "pair"      good(c_i) + bad(c_j);  rel.flip p: (1-p) L(i, j) + p L(j, i)
///          of "unpaired"  good(c) for label 1, bad(c) for label -1, nothing for label 0
/// delta    "running"  the mean, over the steps before this one, of each step's mean c: a number
///                     that a checkpoint holds, 0 in the first step
///          "batch"    the mean c of this very step, a constant for the gradient: coupled
///          "none"     0
/// Inputs   kPairColumns, or score, label, auxiliary [N]
/// Output   bco [R] or [N], divided by the weights (of labelled candidates).  Metric bco/delta
/// Ranges   beta > 0.  No contrasts, no margins
/// Cost     "running" reads one sum per micro-batch from the device
/// Source   arXiv 2404.04656.  Trainers differ: TRL's DPO loss `bco_pair` is of "pair", delta
///          "none" now and a running mean before 0.29; its BCO trainer is of "unpaired" with a
///          running mean.  Deviations: those running means hold the micro-batch at hand, too, which
///          would couple the step; ours ends with the step before.  The paper's importance weights
///          for prompts of another distribution (UDM) are not here
class Bco {
public:
    static constexpr samara_param params[] = {
        beta_param(),
        param::choice("of", "\"pair\"", "pair|unpaired", "preferences, or labelled candidates"),
        param::choice("delta",
                      "\"running\"",
                      "running|batch|none",
                      "reward shift: the mean of earlier steps, of this step (coupled), or 0")};
    static constexpr int64_t orders = 1;

    explicit Bco(const Params& params)
        : beta_(params.number("beta")),
          pairs_(params.string("of") == "pair"),
          running_(params.string("delta") == "running"),
          batch_(params.string("delta") == "batch"),
          loss_(loss("bco",
                     pairs_ ? SAMARA_PER_RELATION : SAMARA_PER_CANDIDATE,
                     SAMARA_BY_WEIGHT,
                     1.0,
                     batch_)) {}

    std::span<const char* const> columns() const {
        return pairs_ ? std::span<const char* const>(kPairColumns)
                      : std::span<const char* const>(kLabelColumns);
    }
    std::span<const samara_loss> losses() const { return {&loss_, 1}; }

    void weigh(std::span<const samara_array> in, std::span<const samara_array> weights) const {
        if (pairs_) {
            return;
        }
        const auto* label = static_cast<const int64_t*>(in[1].data);
        auto* weight = static_cast<double*>(weights[0].data);
        for (int64_t c = 0; c < weights[0].shape[0]; ++c) {
            weight[c] *= label[c] == 0 ? 0.0 : 1.0;
        }
    }

    void forward(std::span<const Tensor> in, std::span<Tensor> out) {
        if (pairs_) {
            const Tensor i = beta_ * take(in[0], in[1]), j = beta_ * take(in[0], in[2]);
            const double shift =
                delta([&] { return total(i) + total(j); },
                      [&] { return 2.0 * static_cast<double>(describe(in[3]).shape[0]); });
            out[0] = expect(-log_sigmoid(i - shift) - log_sigmoid(shift - j),
                            -log_sigmoid(j - shift) - log_sigmoid(shift - i),
                            in[3]);
            return;
        }
        const Tensor c = beta_ * in[0];
        const double shift =
            delta([&] { return total(c * counted(in)); }, [&] { return total(counted(in)); });
        out[0] = -log_sigmoid(in[1] * (c - shift));
    }

    // Shortest texts that read back as the same numbers, whatever the locale.
    std::string save() const {
        std::string out;
        if (running_) {
            const double state[] = {
                static_cast<double>(step_), static_cast<double>(steps_), mean_, sum_, count_};
            for (const double number : state) {
                char digits[32];
                out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
                out += ' ';
            }
        }
        return out;
    }
    void load(std::string_view bytes) {
        double state[5];
        const char *at = bytes.data(), *end = at + bytes.size();
        for (double& number : state) {
            const auto [stop, error] = std::from_chars(at, end, number);
            if (error != std::errc() || stop == end) {
                fail("the saved state is '" + std::string(bytes) + "', expected five numbers");
                return;
            }
            at = stop + 1;
        }
        step_ = static_cast<int64_t>(state[0]);
        steps_ = static_cast<int64_t>(state[1]);
        mean_ = state[2];
        sum_ = state[3];
        count_ = state[4];
    }

private:
    static double total(const Tensor& values) {
        return item(call<"aten::sum(self, dtype)">(detach(values), Dtype::f64));
    }
    /// 1 for candidates that are labelled and not auxiliary.
    static Tensor counted(std::span<const Tensor> in) { return square(in[1]) * (1.0 - in[2]); }

    /// The shift of this call, from the sum of c and the number of its values in the call.
    template <class Sum, class Count>
    double delta(Sum sum_of_call, Count count_of_call) {
        double shift = 0;
        if (batch_) {
            shift = sum_of_call() / std::max(count_of_call(), 1.0);
        } else if (running_) {
            const bool next = info().step != step_ && count_ > 0;
            const double steps = static_cast<double>(steps_ + (next ? 1 : 0));
            const double mean = next ? mean_ + (sum_ / count_ - mean_) / steps : mean_;
            if (info().evaluating == 0) {
                if (info().step != step_) {
                    mean_ = mean;
                    steps_ += next ? 1 : 0;
                    step_ = info().step;
                    sum_ = count_ = 0;
                }
                sum_ += sum_of_call();
                count_ += count_of_call();
            }
            shift = mean;
        }
        metric("bco/delta", shift);
        return shift;
    }

    double beta_;
    bool pairs_, running_, batch_;
    samara_loss loss_;
    int64_t step_ = -1;           // the step that sum_ and count_ belong to
    int64_t steps_ = 0;           // steps in mean_
    double mean_ = 0;             // mean of the steps' means
    double sum_ = 0, count_ = 0;  // of step_, so far
};

static_assert(samara::Stateful<Bco>);

}  // namespace

const samara_plugin kBco = objective<Bco>(
    {.id = "samara.bco",
     .doc = "BCO: classifies responses as good or bad against a reward shift, in pairs or one by "
            "one",
     .formula = "-log sigmoid(c_i - delta) - log sigmoid(delta - c_j), or -log sigmoid(label*(c - "
                "delta)), c = beta*score, delta the mean c of earlier steps, of this step, or 0; "
                "rel.flip p: (1-p)*L(i,j) + p*L(j,i)",
     .source = "arXiv 2404.04656; of \"pair\", delta \"none\" is TRL's bco_pair",
     .flags = SAMARA_DETERMINISTIC | SAMARA_STOPS_GRADIENT});

}  // namespace samara::preference
