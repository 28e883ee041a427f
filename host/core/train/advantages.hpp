// The arithmetic of rollouts: divergence per token, advantages, whitening.  Pure functions of
// numbers; the ppo pipeline (rollouts.cpp) calls them in this order.
#pragma once
#include <span>
#include <vector>

namespace samara::host {

/// Estimates of KL(policy || reference) of one sampled token from its log-probabilities, nats.
/// k1 = a - b (unbiased, may be negative); k3 = exp(b - a) - 1 - (b - a) (never negative).
/// Source: J. Schulman, "Approximating KL divergence", 2020.
double kl_k1(double policy, double reference);
double kl_k3(double policy, double reference);

/// Generalised advantage estimation (arXiv 1506.02438, eq. 16) over one response:
/// A_t = r_t + gamma V_{t+1} - V_t + gamma lambda A_{t+1}, with V and A zero after the last token.
std::vector<double> gae(std::span<const double> rewards,
                        std::span<const double> values,
                        double gamma,
                        double lambda);

/// Advantages of one prompt's samples from their rewards, one number for each whole response.
/// GRPO (arXiv 2402.03300): r - mean, divided by the standard deviation (n - 1) + 1e-4 if `scale`.
/// A prompt of one sample has the advantage 0.
std::vector<double> group_relative(std::span<const double> rewards, bool scale);
/// RLOO (arXiv 2402.14740): r minus the mean reward of the prompt's other samples.
std::vector<double> leave_one_out(std::span<const double> rewards);

/// To mean 0 (kept if not `shift`) and variance 1 over all values: (x - mean) / sqrt(var + 1e-8),
/// var with n - 1.
void whiten(std::span<double> values, bool shift);

}  // namespace samara::host
