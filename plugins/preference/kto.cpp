// samara.kto - Kahneman-Tversky optimisation: desirable and undesirable responses, one by one, each
// against a common baseline.
#include "family.hpp"

namespace samara::preference {
namespace {

constexpr const char* kColumns[] = {"score", "label", "auxiliary"};

/// Math     z = label * beta * (score - K);  loss = w (1 - sigmoid(z)),
///          w = desirable_weight (label 1) or undesirable_weight (label -1), K >= 0 the baseline
/// K        kl = "batch"  max(0, mean score of the step's auxiliary candidates), a constant for the
///                        gradient: the paper's estimate of KL(policy | reference) from prompts
///                        beside other prompts' responses.  Needs a synthesizer that emits such
///                        pairs as auxiliary candidates.  Coupled: the loss of one depends on all
///          kl = "fixed"  the parameter kl_value, in nats
///          kl = "none"   0: what TRL calls apo_zero_unpaired
/// Inputs   score, label;  with "batch" auxiliary [N]
/// Output   kto [N], divided by the weights of labelled candidates, desirable or not alike, so that
///          w stays a factor.  A label 0 weighs nothing.  Metric kto/baseline
/// Ranges   beta > 0; weights >= 0 (paper: desirable weight times their number 1 to 4/3 times that
///          of the others); kl_value >= 0
/// Source   arXiv 2402.01306, L_KTO.  TRL's and LLaMA-Factory's K is of the micro-batch, here of
///          the step
class Kto {
public:
    static constexpr samara_param params[] = {
        beta_param("0.1", "scale of the score"),
        param::number("desirable_weight", "1.0", 0, kInfinity, "factor of label 1"),
        param::number("undesirable_weight", "1.0", 0, kInfinity, "factor of label -1"),
        param::choice("kl",
                      "\"batch\"",
                      "batch|fixed|none",
                      "the baseline: of the step's auxiliary candidates (coupled), kl_value, or 0"),
        param::number("kl_value", "0.0", 0, kInfinity, "the baseline of kl \"fixed\", in nats")};
    static constexpr int64_t orders = 3;  // reads no relation

    explicit Kto(const Params& params)
        : beta_(params.number("beta")),
          desirable_(params.number("desirable_weight")),
          undesirable_(params.number("undesirable_weight")),
          batch_(params.string("kl") == "batch"),
          baseline_(params.string("kl") == "fixed" ? params.number("kl_value") : 0.0),
          loss_(loss("kto", SAMARA_PER_CANDIDATE, SAMARA_BY_WEIGHT, 1.0, batch_)) {
        if (params.string("kl") != "fixed" && params.number("kl_value") != 0) {
            fail("kl_value is given, but kl is \"" + params.string("kl") + "\", not \"fixed\"");
        }
    }

    std::span<const char* const> columns() const { return std::span(kColumns, batch_ ? 3 : 2); }
    std::span<const samara_loss> losses() const { return {&loss_, 1}; }

    void weigh(std::span<const samara_array> in, std::span<const samara_array> weights) const {
        const auto* label = static_cast<const int64_t*>(in[1].data);
        auto* weight = static_cast<double*>(weights[0].data);
        for (int64_t c = 0; c < weights[0].shape[0]; ++c) {
            weight[c] *= label[c] == 0 ? 0.0 : 1.0;
        }
    }

    void forward(std::span<const Tensor> in, std::span<Tensor> out) const {
        const Tensor above = batch_ ? in[0] - baseline(in[0], in[2]) : in[0] - baseline_;
        // 1 - sigmoid(z) = sigmoid(-z), which keeps its digits when it is small.
        const Tensor loss = sigmoid(-(in[1] * (beta_ * above)));
        out[0] = where(in[1] > 0.0, desirable_ * loss, undesirable_ * loss);
    }

private:
    Tensor baseline(const Tensor& score, const Tensor& auxiliary) const {
        const Tensor number = sum(auxiliary);
        if (describe(score).shape[0] > 0 && item(number) == 0) {
            fail(
                "kl is \"batch\", but no candidate of this step is auxiliary: give samara.pairs "
                "params = { auxiliary = \"mismatched\" }, or take kl \"fixed\" or \"none\"");
        }
        const Tensor mean = sum(detach(score) * auxiliary) / clamp(number, 1.0, none);
        Tensor kl = relu(mean);
        metric("kto/baseline", SAMARA_SCALAR, kl);
        return kl;
    }
    double beta_, desirable_, undesirable_;
    bool batch_;
    double baseline_;
    samara_loss loss_;
};

}  // namespace

const samara_plugin kKto = objective<Kto>(
    {.id = "samara.kto",
     .doc = "KTO: labelled responses one by one against a baseline; kl \"batch\" is the paper's "
            "and couples the step",
     .formula = "w*(1 - sigmoid(label*beta*(score - K))), K = max(0, mean score of auxiliary "
                "candidates) without gradient, or kl_value, or 0",
     .source = "arXiv 2402.01306, L_KTO; kl \"none\" is TRL's apo_zero_unpaired",
     .flags = SAMARA_DETERMINISTIC | SAMARA_STOPS_GRADIENT});

}  // namespace samara::preference
