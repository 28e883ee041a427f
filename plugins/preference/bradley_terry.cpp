// samara.bradley_terry - the logistic preference loss on gaps.  One line serves reward models (beta
// 1), DPO (beta 0.1 on implicit rewards), MAPL's relations and IOPO's contrasts, because a gap
// means all of them (samara.h, section 6).
#include "family.hpp"

namespace {

using samara::Tensor;

/// Math     z = beta * gap.score - rel.margin;  loss = -(1-p) log sigmoid(z) - p log sigmoid(-z),
/// with
///          p = rel.flip + s - 2 s rel.flip: the order was drawn reversed, or smoothed away, but
///          not both
///          likelihood "joint" adds the prompts' log-ratios to the scores: log pi(x, y) in place of
///          log pi(y | x).  Between responses to one prompt, and in a contrast of two such pairs,
///          they cancel; between two prompts they do not
/// Inputs   gap.score [R], requires grad;  rel.margin, rel.flip [R];  with "joint" gap.prompt_logp,
///          and gap.ref_prompt_logp where there is a reference
/// Output   bradley_terry [R], divided by the relations' weights
/// Ranges   beta > 0;  s = label_smoothing in [0, 0.5)
/// Source   Bradley and Terry 1952; reward models arXiv 2009.01325 eq. 1; DPO arXiv 2305.18290 eq.
/// 7; smoothing as
///          conservative DPO. Deviations: none
class BradleyTerry {
public:
    static constexpr samara_param params[] = {
        samara::param::number("beta",
                              "1.0",
                              0,
                              samara::kInfinity,
                              "scale of the scores: 1 for reward models, 0.1 is usual in DPO",
                              SAMARA_P_OPEN_MIN),
        samara::param::number("label_smoothing",
                              "0.0",
                              0,
                              0.5,
                              "probability that a label is wrong, for every relation",
                              SAMARA_P_OPEN_MAX),
        samara::param::choice("likelihood",
                              "\"conditional\"",
                              "conditional|joint",
                              "joint: of prompt and response (pipeline dpo)")};
    static constexpr const char* kColumns[] = {"gap.score",
                                               "rel.margin",
                                               "rel.flip",
                                               "gap.prompt_logp",
                                               "gap.ref_prompt_logp?"};

    static constexpr samara_loss losses[] = {samara::loss("bradley_terry")};
    static constexpr int64_t orders = 3;

    explicit BradleyTerry(const samara::Params& params)
        : beta_(params.number("beta")),
          smoothing_(params.number("label_smoothing")),
          joint_(params.string("likelihood") == "joint") {}

    std::span<const char* const> columns() const { return {kColumns, joint_ ? 5U : 3U}; }

    void forward(std::span<const Tensor> in, std::span<Tensor> out) const {
        const Tensor z = beta_ * gap(in) - in[1];
        out[0] = smoothing_ == 0 ? logistic(z, in[2])
                                 : logistic(z, (1.0 - 2.0 * smoothing_) * in[2] + smoothing_);
    }

private:
    Tensor gap(std::span<const Tensor> in) const {
        if (!joint_) {
            return Tensor::borrow(in[0].handle());
        }
        return in[4] ? in[0] + in[3] - in[4] : in[0] + in[3];
    }
    static Tensor logistic(const Tensor& z, const Tensor& flip) {
        return -(1.0 - flip) * log_sigmoid(z) - flip * log_sigmoid(-z);
    }
    double beta_, smoothing_;
    bool joint_;
};

}  // namespace

namespace samara::preference {

const samara_plugin kBradleyTerry = objective<BradleyTerry>(
    {.id = "samara.bradley_terry",
     .doc =
         "Bradley-Terry on score gaps: reward models, DPO, and every other preference or contrast.",
     .formula =
         "z = beta*gap.score - rel.margin; -(1-p)*log sigmoid(z) - p*log sigmoid(-z), "
         "p = rel.flip smoothed by label_smoothing; likelihood \"joint\": score + prompt_logp - "
         "ref_prompt_logp",
     .source = "Bradley and Terry 1952; arXiv 2009.01325 eq. 1; arXiv 2305.18290 eq. 7; joint: "
               "JPO arXiv 2404.00530, Rc-DPO arXiv 2502.00814 read literally"});

}  // namespace samara::preference
