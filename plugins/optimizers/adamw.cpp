// samara.adamw - Adam with decoupled weight decay, by LibTorch's fused kernel: one pass over
// parameters and state.
#include <samara/optimizer.hpp>

namespace {

using Handles = std::span<const samara_tensor>;

/// Math     t <- t + 1;  p <- p - lr * weight_decay * p;  m <- beta1 m + (1-beta1) g;  v <- beta2 v
/// + (1-beta2) g^2;
///          p <- p - lr * (m / (1-beta1^t)) / (sqrt(v / (1-beta2^t)) + eps)
/// Decay    matrices, embeddings and heads only: norms and biases are never decayed
/// Slots    exp_avg, exp_avg_sq (as the parameter), step [] float32, as in torch.optim.AdamW
/// Source   arXiv 1711.05101 alg. 2; deviations: none
class AdamW {
public:
    static constexpr samara_param params[] = {
        samara::param::number("beta1", "0.9", 0, 1, "decay of the first moment", SAMARA_P_OPEN_MAX),
        samara::param::number("beta2",
                              "0.999",
                              0,
                              1,
                              "decay of the second moment",
                              SAMARA_P_OPEN_MAX),
        samara::param::number("eps", "1e-8", 0, samara::kInfinity, "added to the denominator"),
        samara::param::number("weight_decay",
                              "0.0",
                              0,
                              samara::kInfinity,
                              "decoupled decay; norms and biases are never decayed")};

    explicit AdamW(const samara::Params& params)
        : beta1_(params.number("beta1")),
          beta2_(params.number("beta2")),
          eps_(params.number("eps")),
          weight_decay_(params.number("weight_decay")) {}

    std::span<const samara_slot> slots(const samara_param_info& /*param*/) const { return kSlots; }

    void step(const samara::Step& step) const {
        if (weight_decay_ == 0) {
            run(step.params(),
                step.grads(),
                step.slots(0),
                step.slots(1),
                step.slots(2),
                step.lr(),
                0);
            return;
        }
        for (const bool decayed : {true, false}) {
            std::vector<samara_tensor> lists[5];
            for (size_t p = 0; p < step.size(); ++p) {
                if (is_decayed(step.info(p).role) == decayed) {
                    const Handles from[] = {
                        step.params(), step.grads(), step.slots(0), step.slots(1), step.slots(2)};
                    for (size_t k = 0; k < std::size(lists); ++k) {
                        lists[k].push_back(from[k][p]);
                    }
                }
            }
            if (!lists[0].empty()) {
                run(lists[0],
                    lists[1],
                    lists[2],
                    lists[3],
                    lists[4],
                    step.lr(),
                    decayed ? weight_decay_ : 0);
            }
        }
    }

private:
    static constexpr samara_slot kSlots[] = {samara::slot("exp_avg"),
                                             samara::slot("exp_avg_sq"),
                                             samara::slot("step", SAMARA_SHAPE_SCALAR, SAMARA_F32)};

    static bool is_decayed(int64_t role) {
        return role != SAMARA_ROLE_NORM && role != SAMARA_ROLE_BIAS;
    }

    void run(Handles params,
             Handles grads,
             Handles m,
             Handles v,
             Handles t,
             double lr,
             double decay) const {
        samara::call_into<"aten::_foreach_add_.Scalar(self, scalar)">({}, t, 1.0);
        samara::call_into<
            "aten::_fused_adamw_(self, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs, state_steps, "
            "lr, "
            "beta1, beta2, weight_decay, eps, amsgrad, maximize)">(
            {}, params, grads, m, v, Handles{}, t, lr, beta1_, beta2_, decay, eps_, false, false);
    }

    double beta1_, beta2_, eps_, weight_decay_;
};

constexpr samara_plugin kAdamW = samara::optimizer<AdamW>(
    {.id = "samara.adamw",
     .doc = "Adam with decoupled weight decay; norms and biases are never decayed.",
     .formula = "p -= lr*weight_decay*p; p -= lr*mhat/(sqrt(vhat)+eps)",
     .source = "arXiv 1711.05101 alg. 2"});

}  // namespace

SAMARA_PLUGINS(&kAdamW)
