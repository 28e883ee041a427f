// What the preference objectives share: the list of descriptors, the logistic loss with flips, gaps
// of a number per candidate, and the negative log-likelihood that some add to their preference
// loss.  plugin.cpp puts the descriptors into the library samara_preference.
//
// In all of them  z = beta * gap - rel.margin,  and a relation that is reversed with probability
// p = rel.flip costs  (1-p) f(z) + p f(-z):  the expectation over what was meant.
#pragma once
#include <samara/objective.hpp>

#include <string>

namespace samara::preference {

extern const samara_plugin kBradleyTerry, kIpo, kHinge, kRobust, kSigmoidNorm, kSimpo, kCpo, kOrpo,
    kKto, kSft;

/// The parameter of nearly all: score gaps are multiplied by it.
constexpr samara_param beta_param(const char* fallback, const char* doc) {
    return param::number("beta", fallback, 0, kInfinity, doc, SAMARA_P_OPEN_MIN);
}
inline constexpr const char* kBetaDoc =
    "scale of the gap: 0.1 is usual for DPO's scores, 1 for reward models";

/// s in [0, 0.5): every relation is taken to be reversed with this probability.
constexpr samara_param smoothing_param() {
    return param::number("label_smoothing",
                         "0.0",
                         0,
                         0.5,
                         "probability that a label is wrong, for every relation",
                         SAMARA_P_OPEN_MAX);
}

/// The expectation over the flip of a loss that is `stated` as it stands and `reversed` otherwise.
inline Tensor expect(const Tensor& stated, const Tensor& reversed, const Tensor& flip) {
    return (1.0 - flip) * stated + flip * reversed;
}

/// flip + s - 2 s flip: drawn reversed, or smoothed away, but not both.
inline Tensor with_smoothing(const Tensor& flip, double smoothing) {
    return (1.0 - 2.0 * smoothing) * flip + smoothing;
}

/// -(1-p) log sigmoid(z) - p log sigmoid(-z)
inline Tensor logistic(const Tensor& z, const Tensor& flip) {
    return expect(-log_sigmoid(z), -log_sigmoid(-z), flip);
}

/// v / length, for a column that is a sum over the response's tokens.  No response has 0 tokens,
/// but a candidate that waits for its rollout has: it counts 1, as in other trainers.
inline Tensor per_token(const Tensor& v, const Tensor& length) {
    return v / clamp(length, int64_t{1}, none);
}

/// One list of columns after the other, at compile time.
template <size_t a, size_t b>
constexpr std::array<const char*, a + b> join(const std::array<const char*, a>& first,
                                              const std::array<const char*, b>& second) {
    std::array<const char*, a + b> out{};
    for (size_t n = 0; n < a + b; ++n) {
        out[n] = n < a ? first[n] : second[n - a];
    }
    return out;
}

/// The columns by which gap_of() finds a relation's ends.
inline constexpr std::array kEnds = {"rel.i", "rel.j", "rel.k", "rel.l", "rel.order"};

/// (v[i] - v[j]) - (v[k] - v[l]), without the second part in a preference: what the column gap.C is
/// for a column C, here for numbers [N] that no column holds.  `ends` begins with kEnds.
inline Tensor gap_of(const Tensor& v, std::span<const Tensor> ends) {
    const auto at = [&](size_t end) {
        // The -1 of preferences reads candidate 0, whose value where() leaves out.
        return take(v, clamp(ends[end], int64_t{0}, none));
    };
    const Tensor first = at(0) - at(1);
    return where(equal(ends[4], 2.0), first - (at(2) - at(3)), first);
}

// ---- negative log-likelihood of what was chosen -------------------------------------------------

/// What the likelihood is divided by.  L(c) = -logp of a candidate, |c| its tokens, w its weight.
///   token     sum w L / sum w |c|: every token of the step counts the same
///   sequence  mean of L: every response the same, long ones cost more
///   average   mean of L / |c|: every response the same, whatever its length
enum class PerNll { token, sequence, average };

constexpr samara_param nll_param(const char* key) {
    return param::choice(key,
                         "\"token\"",
                         "token|sequence|average",
                         "the likelihood's unit: the mean over tokens, over responses, or over "
                         "responses of their mean over tokens");
}
constexpr samara_param nll_tag_param() {
    return param::string("nll_tag", "\"base\"", "the preferences whose chosen response is learned");
}
PerNll nll_of(const std::string& choice);

/// -log-likelihood of each candidate [N] in the unit of `per`; `tokens` is what logp sums over.
Tensor nll(const Tensor& logp, const Tensor& tokens, PerNll per);

/// The columns of objectives with a likelihood; they begin with these, in this order.
inline constexpr std::array kNllColumns =
    join(join(std::array{"rel.margin", "rel.flip", "logp", "length"}, kEnds),
         std::array{"rel.tag", "label"});
enum NllColumn : size_t { kMargin, kFlip, kLogp, kLength, kFirstEnd, kTag = 9, kLabel };

/// Weights of nll(): changes `weights` [N], which hold the defaults, in place.
///
/// Counts   the chosen candidate of a preference of `tag`, with its share 1 - rel.flip (the
///          rejected one with rel.flip: so probable is it to be the chosen), the largest share if
///          there are several preferences; and candidates with label 1 that are in no preference
///          of `tag`.  Everything else weighs 0: in (x_2w, y_l) > (x_2l, y_l), which MAPL makes, a
///          prompt is preferred, and y_l is no answer to learn.  A margin says how much better a
///          response is, which changes nothing here.
/// Inputs   columns that begin with kNllColumns; prompt_length, or nullptr where logp is the
///          response's alone
/// Errors   `tag` is none of the run's: nothing would ever be learned
void weigh_chosen(std::span<const samara_array> columns,
                  const samara_array* prompt_length,
                  const std::string& tag,
                  PerNll per,
                  const samara_array& weights);

}  // namespace samara::preference
