// See family.hpp.
#include "family.hpp"

#include <algorithm>

namespace samara::policy {

Normaliser::Normaliser(const Params& params)
    : per_response_(params.string("normaliser") == "sequence") {
    const bool constant = params.string("normaliser") == "constant";
    if (constant != params.given("max_length")) {
        fail(constant ? "normaliser is \"constant\", but max_length is not given: the most tokens "
                        "that a response may have"
                      : "max_length is given, but normaliser is \"" + params.string("normaliser") +
                            "\", not \"constant\"");
    }
    if (constant) {
        max_length_ = static_cast<double>(params.integer("max_length"));
    }
}

samara_loss Normaliser::loss(const char* name, double coefficient) const {
    return max_length_ > 0
               ? samara::loss(
                     name, SAMARA_PER_TOKEN, SAMARA_BY_CANDIDATES, coefficient / max_length_)
               : samara::loss(name, SAMARA_PER_TOKEN, SAMARA_BY_WEIGHT, coefficient);
}

void Normaliser::weigh(std::span<const samara_array> columns,
                       std::span<const samara_array> weights) const {
    if (!per_response_) {
        return;
    }
    const samara_array& column = columns.back();
    const std::span candidate(static_cast<const int64_t*>(column.data),
                              static_cast<size_t>(column.shape[0]));
    std::vector<double> length;
    for (const int64_t c : candidate) {
        length.resize(std::max(length.size(), static_cast<size_t>(c) + 1));
        length[static_cast<size_t>(c)] += 1;
    }
    for (const samara_array& loss : weights) {
        auto* weight = static_cast<double*>(loss.data);
        for (size_t t = 0; t < candidate.size(); ++t) {
            weight[t] /= length[static_cast<size_t>(candidate[t])];
        }
    }
}

Tensor clipped_surrogate(const Tensor& logp,
                         const Tensor& old_logp,
                         const Tensor& advantage,
                         double low,
                         double high) {
    const Tensor log_ratio = logp - old_logp;
    const Tensor ratio = exp(clamp(log_ratio, -kMaxLogRatio, kMaxLogRatio));
    const Tensor plain = -(advantage * ratio);
    const Tensor clipped = -(advantage * clamp(ratio, 1.0 - low, 1.0 + high));
    metric("val/ratio", SAMARA_PER_TOKEN, ratio);
    metric("policy/approxkl_avg", SAMARA_PER_TOKEN, 0.5 * square(log_ratio));
    metric("policy/clipfrac_avg", SAMARA_PER_TOKEN, exceeds(clipped, plain));
    return maximum(plain, clipped);
}

}  // namespace samara::policy
