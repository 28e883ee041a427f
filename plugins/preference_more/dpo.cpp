// samara.dpo - direct preference optimisation with what was added to it on the side of the scores:
// divergences other than the reverse KL, length desensitising, length normalisation, and weights by
// how far off-policy a pair is.  They combine with each other and with the losses below.
//
//   score of an end -> divergence -> per token -> loss of the gap (or of both scores) -> weight
#include "family.hpp"

#include <algorithm>
#include <numbers>
#include <optional>
#include <string>
#include <vector>

namespace samara::preference {
namespace {

enum class Loss { sigmoid, hinge, ipo, robust, exo, discopop, pair };

/// Losses that read the two scores by themselves.
constexpr std::pair<const char*, PairFunction> kPairLosses[] = {{"nca", nca},
                                                                {"bco", bco},
                                                                {"sppo_hard", sppo_hard},
                                                                {"apo_zero", apo_zero},
                                                                {"apo_down", apo_down}};

/// exp of more is infinite in float32 once it is multiplied; beyond it the gradient is 0.
constexpr double kMaxExponent = 80.0;

/// Math     x    = log pi - log pi_ref of an end y of the pair (y_w, y_l), nats:
///                 sum over its tokens; with ld_alpha those after the first min(|y_w|, |y_l|) count
///                 ld_alpha times, in the policy and the reference alike
///          s    = f'(exp x):  reverse_kl x;  forward_kl 1 - exp(-x);  js_divergence
///                 log 2 + log sigmoid(x);  alpha_divergence (exp((alpha-1) x) - 1) / (alpha-1)
///          s    / |y| with normalise "length"
///          z    = beta (s_w - s_l) - rel.margin
///          loss = L(z) of sigmoid, hinge, ipo, robust, exo, discopop, or L(s_w, s_l) of nca, bco,
///                 sppo_hard, apo_zero, apo_down: the formulas of the objectives of these names;
///                 rel.flip p: (1-p) L + p L reversed (exo: the target moves)
///          with weighting "wpo" times w(y_w) w(y_l), constants for the gradient,
///          w(y) = exp(mean over y's tokens of (log pi(token) - log sum of squared probabilities))
/// Inputs   logp, ref_logp [N], or with ld_alpha tok.logp, tok.ref_logp [T]; rel.i, rel.j, rel.flip
///          [R]; rel.margin for losses of a gap; length [N]; with "wpo" tok.log_p2 [T]
/// Output   dpo [R], divided by the relations' weights (w multiplies the loss, as elsewhere; it is
///          no part of the normaliser).  Metric wpo/weight
/// Ranges   beta > 0;  alpha in (0, 1): its ends are forward_kl and reverse_kl;  ld_alpha in
///          [0, 1): 1 is the plain sum.  Exponents stop at 80
/// Refused  a setting that the chosen loss or divergence does not read;  a divergence or normalise
///          with losses of two scores: a divergence leaves scores free up to a constant, which only
///          a gap cancels
/// Orders   preferences: min(|y_w|, |y_l|) and w(y_w) w(y_l) are said of a pair
/// Source   DPO arXiv 2305.18290; f-DPO 2309.16240; LD-DPO 2409.06411; WPO 2406.11827 eq. 2;
///          TRL 1.16's f_divergence_type, ld_alpha and use_weighting, with normalise "length" its
///          losses sigmoid_norm and ipo.  TRL 1.9 leaves the constants 1 and log 2 out of s, which
///          shows in those two, and lets divergences into losses of two scores.  Deviations: the
///          paper's code stops w at 1 (TRL does not any more); LD-DPO's code leaves the reference
///          as it is (so did TRL until 0.28)
class Dpo {
public:
    static constexpr samara_param params[] = {
        beta_param(),
        param::choice("loss",
                      "\"sigmoid\"",
                      "sigmoid|hinge|ipo|robust|exo|discopop|nca|bco|sppo_hard|apo_zero|apo_down",
                      "of the gap, or (nca and later) of the two scores"),
        param::choice("divergence",
                      "\"reverse_kl\"",
                      "reverse_kl|forward_kl|js_divergence|alpha_divergence",
                      "between policy and reference: reverse_kl is DPO's"),
        param::number("alpha",
                      nullptr,
                      0,
                      1,
                      "of alpha_divergence; 0.5 if left out",
                      SAMARA_P_OPTIONAL | SAMARA_P_OPEN_MIN | SAMARA_P_OPEN_MAX),
        param::choice("normalise", "\"none\"", "none|length", "length: scores per token"),
        param::number("ld_alpha",
                      nullptr,
                      0,
                      1,
                      "weight of the tokens beyond the shorter response's length (LD-DPO)",
                      SAMARA_P_OPTIONAL | SAMARA_P_OPEN_MAX),
        param::choice("weighting", "\"none\"", "none|wpo", "wpo: pairs that the policy might say"),
        param::number("label_smoothing",
                      nullptr,
                      0,
                      0.5,
                      "of sigmoid (0 if left out), robust (0.1), exo (0.001, never 0)",
                      SAMARA_P_OPTIONAL | SAMARA_P_OPEN_MAX),
        param::number("tau",
                      nullptr,
                      0,
                      1,
                      "of discopop; 0.05 if left out",
                      SAMARA_P_OPTIONAL | SAMARA_P_OPEN_MIN)};
    static constexpr samara_loss losses[] = {samara::loss("dpo")};
    static constexpr int64_t orders = 1;

    explicit Dpo(const Params& params);
    std::span<const char* const> columns() const { return columns_; }
    void forward(std::span<const Tensor> in, std::span<Tensor> out) const;

private:
    const Tensor& get(std::span<const Tensor> in, std::string_view name) const {
        return in[static_cast<size_t>(std::find(columns_.begin(), columns_.end(), name) -
                                      columns_.begin())];
    }
    Tensor score(std::span<const Tensor> in, const Tensor& end, const Tensor& other) const;
    Tensor divergence(Tensor x) const;
    Tensor of_gap(const Tensor& z, const Tensor& flip) const;
    Tensor weight(std::span<const Tensor> in, const Tensor& end) const;

    double beta_, smoothing_ = 0, tau_ = 0.05, alpha_ = 0.5;
    Loss loss_ = Loss::sigmoid;
    PairFunction pair_ = nullptr;
    std::string divergence_;
    bool per_token_, wpo_;
    std::optional<double> ld_alpha_;
    std::vector<const char*> columns_ = {"rel.i", "rel.j", "rel.flip"};
};

/// A number that the user may give only where it is read.
double read(const Params& params, const char* key, bool used, const char* by, double fallback) {
    if (params.given(key) && !used) {
        fail(std::string(key) + " is given, but only " + by + " reads it");
    }
    return params.given(key) ? params.number(key) : fallback;
}

Dpo::Dpo(const Params& params)
    : beta_(params.number("beta")),
      divergence_(params.string("divergence")),
      per_token_(params.string("normalise") == "length"),
      wpo_(params.string("weighting") == "wpo") {
    const std::string name = params.string("loss");
    constexpr const char* kGapLosses[] = {"sigmoid", "hinge", "ipo", "robust", "exo", "discopop"};
    loss_ = static_cast<Loss>(std::find(kGapLosses, std::end(kGapLosses), name) - kGapLosses);
    for (const auto& [id, function] : kPairLosses) {
        pair_ = name == id ? function : pair_;
    }
    if (pair_ != nullptr && (divergence_ != "reverse_kl" || per_token_)) {
        fail("loss \"" + name +
             "\" reads the two scores by themselves: divergence \"reverse_kl\" "
             "and normalise \"none\" only");
    }
    alpha_ = read(params, "alpha", divergence_ == "alpha_divergence", "alpha_divergence", 0.5);
    tau_ = read(params, "tau", loss_ == Loss::discopop, "loss \"discopop\"", 0.05);
    const bool smooths = loss_ == Loss::sigmoid || loss_ == Loss::robust || loss_ == Loss::exo;
    smoothing_ = read(params,
                      "label_smoothing",
                      smooths,
                      "loss \"sigmoid\", \"robust\" or \"exo\"",
                      loss_ == Loss::robust ? 0.1
                      : loss_ == Loss::exo  ? 0.001
                                            : 0.0);
    if (loss_ == Loss::exo && smoothing_ == 0) {
        fail("loss \"exo\" is infinite with label_smoothing 0");
    }
    if (params.given("ld_alpha")) {
        ld_alpha_ = params.number("ld_alpha");
    }
    const auto need = [&](bool needed, std::initializer_list<const char*> names) {
        columns_.insert(columns_.end(), names.begin(), needed ? names.end() : names.begin());
    };
    need(pair_ == nullptr, {"rel.margin"});
    need(!ld_alpha_, {"logp", "ref_logp"});
    need(per_token_ || ld_alpha_ || wpo_, {"length"});
    need(ld_alpha_ || wpo_, {"tok.candidate", "tok.logp"});
    need(ld_alpha_.has_value(), {"tok.position", "tok.ref_logp"});
    need(wpo_, {"tok.log_p2"});
}

void Dpo::forward(std::span<const Tensor> in, std::span<Tensor> out) const {
    const Tensor &i = get(in, "rel.i"), &j = get(in, "rel.j"), &flip = get(in, "rel.flip");
    const Tensor better = score(in, i, j), worse = score(in, j, i);
    Tensor loss = pair_ != nullptr
                      ? expect(pair_(better, worse, beta_), pair_(worse, better, beta_), flip)
                      : of_gap(beta_ * (better - worse) - get(in, "rel.margin"), flip);
    if (wpo_) {
        const Tensor both = weight(in, i) * weight(in, j);
        metric("wpo/weight", SAMARA_PER_RELATION, both);
        loss = loss * both;
    }
    out[0] = std::move(loss);
}

/// [R, T]: is the token one of the relation's end?
Tensor belongs(const Tensor& candidate, const Tensor& end) {
    return call<"aten::eq.Tensor(self, other)">(candidate,
                                                call<"aten::unsqueeze(self, dim)">(end, 1));
}

/// [R]: the sum of `values` ([T], or [R, T]) over the tokens of the relations' end.
Tensor sum_over(const Tensor& values, const Tensor& candidate, const Tensor& end) {
    const int64_t tokens[] = {1};
    return call<"aten::sum.dim_IntList(self, dim)">(values * belongs(candidate, end),
                                                    std::span<const int64_t>(tokens));
}

Tensor length_of(const Tensor& length, const Tensor& end) {
    return clamp(take(length, end), int64_t{1}, none);
}

Tensor Dpo::score(std::span<const Tensor> in, const Tensor& end, const Tensor& other) const {
    Tensor x;
    if (ld_alpha_) {
        const Tensor& length = get(in, "length");
        const Tensor shared = minimum(take(length, end), take(length, other));
        const Tensor ratio = get(in, "tok.logp") - get(in, "tok.ref_logp");
        const Tensor tail = call<"aten::ge.Tensor(self, other)">(
            get(in, "tok.position"), call<"aten::unsqueeze(self, dim)">(shared, 1));
        x = sum_over(where(tail, *ld_alpha_ * ratio, ratio), get(in, "tok.candidate"), end);
    } else {
        x = take(get(in, "logp") - get(in, "ref_logp"), end);
    }
    x = divergence(std::move(x));
    return per_token_ ? x / length_of(get(in, "length"), end) : std::move(x);
}

Tensor Dpo::divergence(Tensor x) const {
    const auto bounded_exp = [](const Tensor& power) {
        return exp(clamp(power, none, kMaxExponent));
    };
    if (divergence_ == "forward_kl") {
        return 1.0 - bounded_exp(-x);
    }
    if (divergence_ == "js_divergence") {
        return log_sigmoid(x) + std::numbers::ln2;
    }
    if (divergence_ == "alpha_divergence") {
        return (1.0 / (alpha_ - 1.0)) * (bounded_exp((alpha_ - 1.0) * x) - 1.0);
    }
    return x;
}

Tensor Dpo::of_gap(const Tensor& z, const Tensor& flip) const {
    const double target = 1.0 / (2.0 * beta_);
    switch (loss_) {
        case Loss::hinge:
            return expect(relu(1.0 - z), relu(1.0 + z), flip);
        case Loss::ipo:
            return expect(square(z / beta_ - target), square(z / beta_ + target), flip);
        case Loss::robust:
            return expect(robust(z, smoothing_), robust(-z, smoothing_), flip);
        case Loss::exo:
            return exo(z, (1.0 - 2.0 * smoothing_) * flip + smoothing_);
        case Loss::discopop:
            return expect(discopop(z, tau_), discopop(-z, tau_), flip);
        default:
            return expect(smoothed(z, smoothing_), smoothed(-z, smoothing_), flip);
    }
}

Tensor Dpo::weight(std::span<const Tensor> in, const Tensor& end) const {
    const Tensor aligned = detach(get(in, "tok.logp") - get(in, "tok.log_p2"));
    return exp(sum_over(aligned, get(in, "tok.candidate"), end) /
               length_of(get(in, "length"), end));
}

}  // namespace

const samara_plugin kDpo = objective<Dpo>(
    {.id = "samara.dpo",
     .doc =
         "DPO with f-divergences, length desensitising (LD-DPO), scores per token and off-policy "
         "weights (WPO), for the losses of TRL's DPO trainer except aot and sft; plain, it is "
         "samara.bradley_terry with beta 0.1",
     .formula =
         "w*L(beta*(s_i - s_j) - rel.margin) or w*L(s_i, s_j), s = f'(pi/pi_ref): x, 1 - exp(-x), "
         "log 2 + log sigmoid(x) or (exp((alpha-1)*x) - 1)/(alpha-1), x = logp - ref_logp, tokens "
         "beyond the shorter response times ld_alpha; w = 1 or exp(mean(tok.logp - tok.log_p2)) of "
         "both ends; rel.flip p: (1-p)*L + p*L reversed",
     .source = "arXiv 2305.18290; f-DPO 2309.16240; LD-DPO 2409.06411; WPO 2406.11827 eq. 2; "
               "constants of f' as TRL 1.16 (1.9 leaves them out)"});

}  // namespace samara::preference
