// samara.orpo - odds ratio preference optimisation: the likelihood of what was chosen, and a
// penalty on the odds of what was not.  No reference model.
#include "family.hpp"

namespace samara::preference {
namespace {

constexpr auto kWithPrompt = join(kNllColumns, std::array{"prompt_logp", "prompt_length"});

/// log(1 - exp(a)) for a < 0.  A mean log-probability of 0 (a response known by heart, to float32)
/// would be log 0: it counts as -1e-12, with gradient 0.
Tensor log1mexp(const Tensor& a) {
    return log(-call<"aten::expm1(self)">(clamp(a, none, -1e-12)));
}

/// Math     a = logp/length of a candidate, odds o = a - log(1 - exp(a));
///          odds_ratio = -(1-p) log sigmoid(z) - p log sigmoid(-z),
///          z = gap of o - rel.margin,  p = rel.flip;
///          nll = -logp of the chosen, in the unit `nll`;  loss = beta * odds_ratio + alpha * nll
/// Inputs   kNllColumns;  with nll_over "prompt_and_response" also prompt_logp, prompt_length [N]
/// Output   odds_ratio [R], divided by the relations' weights;  with alpha > 0 nll [N], divided by
///          the weights of weigh_chosen().  Contrasts have no chosen response: first loss only
/// Ranges   beta > 0 (the paper's lambda: a factor of the loss, not of the gap), alpha >= 0
/// Source   arXiv 2403.07691 eq. 4 and 7.  nll_over "prompt_and_response" is what TRL computes: its
///          likelihood runs over the prompt's tokens as well (all but the very first), as a mean
///          over the tokens of its micro-batch; here over the step
class Orpo {
public:
    static constexpr samara_param params[] = {
        beta_param("0.1", "weight of the odds ratio: the paper's lambda"),
        param::number("alpha", "1.0", 0, kInfinity, "weight of the chosen response's likelihood"),
        nll_param("nll"),
        param::choice("nll_over",
                      "\"response\"",
                      "response|prompt_and_response",
                      "whose tokens are learned: TRL learns the prompt's too"),
        nll_tag_param()};
    static constexpr int64_t orders = 3;

    explicit Orpo(const Params& params)
        : alpha_(params.number("alpha")),
          per_(nll_of(params.string("nll"))),
          with_prompt_(params.string("nll_over") != "response"),
          tag_(params.string("nll_tag")),
          losses_{loss("odds_ratio", SAMARA_PER_RELATION, SAMARA_BY_WEIGHT, params.number("beta")),
                  loss("nll", SAMARA_PER_CANDIDATE, SAMARA_BY_WEIGHT, alpha_)} {}

    std::span<const char* const> columns() const {
        return with_prompt_ ? std::span<const char* const>(kWithPrompt)
                            : std::span<const char* const>(kNllColumns);
    }
    std::span<const samara_loss> losses() const {
        return std::span(losses_).first(alpha_ > 0 ? 2 : 1);
    }

    void weigh(std::span<const samara_array> in, std::span<const samara_array> weights) const {
        if (alpha_ > 0) {
            const samara_array* prompt_length = with_prompt_ ? &in[kPromptLength] : nullptr;
            weigh_chosen(in, prompt_length, tag_, per_, weights[1]);
        }
    }

    void forward(std::span<const Tensor> in, std::span<Tensor> out) const {
        const Tensor average = per_token(in[kLogp], in[kLength]);
        const Tensor odds = average - log1mexp(average);
        out[0] = logistic(gap_of(odds, in.subspan(kFirstEnd)) - in[kMargin], in[kFlip]);
        if (alpha_ > 0 && with_prompt_) {
            const Tensor scored = clamp(in[kPromptLength] - 1.0, 0.0, none);
            out[1] = nll(in[kLogp] + in[kPromptLogp], in[kLength] + scored, per_);
        } else if (alpha_ > 0) {
            out[1] = nll(in[kLogp], in[kLength], per_);
        }
    }

private:
    static constexpr size_t kPromptLogp = kNllColumns.size(), kPromptLength = kPromptLogp + 1;
    double alpha_;
    PerNll per_;
    bool with_prompt_;
    std::string tag_;
    std::array<samara_loss, 2> losses_;
};

}  // namespace

const samara_plugin kOrpo = objective<Orpo>(
    {.id = "samara.orpo",
     .doc = "ORPO: the odds ratio of mean log-probabilities, and the likelihood of what was chosen",
     .formula = "beta*(-log sigmoid(z)) + alpha*nll, z = (gap of a - log(1 - exp(a))) - "
                "rel.margin, a = logp/length, nll = -logp of the chosen per token, sequence or "
                "average; rel.flip p: (1-p)*L(z) + p*L(-z)",
     .source = "arXiv 2403.07691 eq. 4, 7; nll_over \"prompt_and_response\" as TRL"});

}  // namespace samara::preference
