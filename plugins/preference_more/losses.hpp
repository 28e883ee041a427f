// The losses of this library as plain functions, so that an objective of their name and samara.dpo
// share them: of a gap, and of the two scores of a preference.
#pragma once
#include <samara/objective.hpp>

namespace samara::preference {

/// The expectation over the flip of a loss that is `stated` as it stands and `reversed` otherwise.
inline Tensor expect(const Tensor& stated, const Tensor& reversed, const Tensor& flip) {
    return (1.0 - flip) * stated + flip * reversed;
}

// ---- of a gap: z = beta * gap - margin [R] ------------------------------------------------------

/// -(1-e) log sigmoid(z) - e log sigmoid(-z)
inline Tensor smoothed(const Tensor& z, double smoothing) {
    return (smoothing - 1.0) * log_sigmoid(z) - smoothing * log_sigmoid(-z);
}

/// arXiv 2403.00409: (-(1-e) log sigmoid(z) + e log sigmoid(-z)) / (1-2e)
inline Tensor robust(const Tensor& z, double wrong) {
    return (1.0 / (1.0 - 2.0 * wrong)) * (wrong * log_sigmoid(-z) - (1.0 - wrong) * log_sigmoid(z));
}

/// arXiv 2402.00856 eq. 16: KL((s, 1-s) | (1-q, q)), s = sigmoid(z), q the labels' own probability
/// of being wrong.
inline Tensor exo(const Tensor& z, const Tensor& wrong) {
    return sigmoid(z) * (log_sigmoid(z) - log(1.0 - wrong)) +
           sigmoid(-z) * (log_sigmoid(-z) - log(wrong));
}

/// arXiv 2406.08414 eq. 5: -log sigmoid(z) (1-m) + exp(-z) m, m = sigmoid(z/tau)
inline Tensor discopop(const Tensor& z, double tau) {
    // exp(-z) sigmoid(z/tau) as one exponential: for z = -100 it would be infinity times 0.
    return -log_sigmoid(z) * sigmoid(-z / tau) + exp(log_sigmoid(z / tau) - z);
}

// ---- of two scores: s_i of the preferred end, s_j of the other [R] ------------------------------

using PairFunction = Tensor (*)(const Tensor& i, const Tensor& j, double beta);

/// arXiv 2402.05369, two responses
inline Tensor nca(const Tensor& i, const Tensor& j, double beta) {
    const Tensor c = beta * i, r = beta * j;
    return -log_sigmoid(c) - 0.5 * log_sigmoid(-c) - 0.5 * log_sigmoid(-r);
}

/// arXiv 2404.04656 with a shift of 0
inline Tensor bco(const Tensor& i, const Tensor& j, double beta) {
    return -log_sigmoid(beta * i) - log_sigmoid(-beta * j);
}

/// arXiv 2405.00675 with winning probabilities 1 and 0
inline Tensor sppo_hard(const Tensor& i, const Tensor& j, double beta) {
    const double target = 0.5 / beta;
    return square(i - target) + square(j + target);
}

/// arXiv 2408.06266 eq. 7
inline Tensor apo_zero(const Tensor& i, const Tensor& j, double beta) {
    return sigmoid(-beta * i) + sigmoid(beta * j);
}

/// arXiv 2408.06266 eq. 8
inline Tensor apo_down(const Tensor& i, const Tensor& j, double beta) {
    return sigmoid(beta * i) + sigmoid(beta * (j - i));
}

}  // namespace samara::preference
