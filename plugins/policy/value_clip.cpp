// samara.value_clip - the critic's loss of PPO: squared error, whose step is bounded by a clip.
#include "family.hpp"

namespace samara::policy {
namespace {

/// Math     L = 0.5 max((v - R)^2, (clip(v, v_old - range, v_old + range) - R)^2);
///          range 0: 0.5 (v - R)^2
/// Inputs   tok.value, tok.return [T];  with range > 0 tok.old_value [T]
/// Output   value [T], divided by the tokens' weights, times `coefficient`.  Metrics:
///          loss/value_avg (before the coefficient), val/clipfrac_avg
/// Ranges   range >= 0, in the unit of rewards; coefficient > 0
/// Source   the public implementation of arXiv 1707.06347; TRL's PPO (cliprange_value, vf_coef),
///          which also counts a slot after the end of each response: here only its tokens
class ValueClip {
public:
    static constexpr samara_param params[] = {
        param::number("range",
                      "0.2",
                      0,
                      kInfinity,
                      "how far the value may move from the rollout's; 0: no clip"),
        param::number("coefficient",
                      "0.1",
                      0,
                      kInfinity,
                      "factor of the loss beside the policy's: TRL's vf_coef",
                      SAMARA_P_OPEN_MIN)};

    explicit ValueClip(const Params& params)
        : range_(params.number("range")),
          loss_(loss("value", SAMARA_PER_TOKEN, SAMARA_BY_WEIGHT, params.number("coefficient"))) {}

    std::span<const char* const> columns() const {
        static constexpr const char* all[] = {"tok.value", "tok.return", "tok.old_value"};
        return std::span(all).first(range_ > 0 ? 3 : 2);
    }
    std::span<const samara_loss> losses() const { return {&loss_, 1}; }

    void forward(std::span<const Tensor> in, std::span<Tensor> out) const {
        Tensor error = square(in[0] - in[1]);
        if (range_ > 0) {
            // Inside the range the clip returns the value itself, bit for bit.
            const Tensor clipped =
                call<"aten::clamp.Tensor(self, min, max)">(in[0], in[2] - range_, in[2] + range_);
            const Tensor bounded = square(clipped - in[1]);
            metric("val/clipfrac_avg", SAMARA_PER_TOKEN, exceeds(bounded, error));
            error = maximum(error, bounded);
        }
        out[0] = 0.5 * error;
        metric("loss/value_avg", SAMARA_PER_TOKEN, out[0]);
    }

private:
    double range_;
    samara_loss loss_;
};

}  // namespace

const samara_plugin kValueClip = objective<ValueClip>(
    {.id = "samara.value_clip",
     .doc = "The critic's clipped squared error per token, beside samara.ppo_clip where advantages "
            "are made with a critic (gae)",
     .formula = "coefficient * 0.5*max((v - R)^2, (clip(v, v_old - range, v_old + range) - R)^2), "
                "v = tok.value, R = tok.return, v_old = tok.old_value",
     .source = "arXiv 1707.06347, its public implementation; TRL's vf_coef and cliprange_value"});

}  // namespace samara::policy
