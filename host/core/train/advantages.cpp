// See advantages.hpp.
#include "core/train/advantages.hpp"

#include <cmath>

namespace samara::host {
namespace {

double mean_of(std::span<const double> values) {
    double sum = 0;
    for (const double value : values) {
        sum += value;
    }
    return sum / static_cast<double>(values.size());
}

/// Sum of squared distances from the mean over n - 1.
double variance_of(std::span<const double> values, double mean) {
    double sum = 0;
    for (const double value : values) {
        sum += (value - mean) * (value - mean);
    }
    return values.size() > 1 ? sum / static_cast<double>(values.size() - 1) : 0.0;
}

}  // namespace

double kl_k1(double policy, double reference) {
    return policy - reference;
}
double kl_k3(double policy, double reference) {
    return std::expm1(reference - policy) - (reference - policy);
}

std::vector<double> gae(std::span<const double> rewards,
                        std::span<const double> values,
                        double gamma,
                        double lambda) {
    std::vector<double> advantages(rewards.size());
    double later_value = 0, later = 0;
    for (size_t t = rewards.size(); t-- > 0;) {
        later = rewards[t] + gamma * later_value - values[t] + gamma * lambda * later;
        later_value = values[t];
        advantages[t] = later;
    }
    return advantages;
}

std::vector<double> group_relative(std::span<const double> rewards, bool scale) {
    const double mean = mean_of(rewards);
    const double by = scale ? std::sqrt(variance_of(rewards, mean)) + 1e-4 : 1.0;
    std::vector<double> out;
    for (const double reward : rewards) {
        out.push_back((reward - mean) / by);
    }
    return out;
}

std::vector<double> leave_one_out(std::span<const double> rewards) {
    const auto n = static_cast<double>(rewards.size());
    const double mean = mean_of(rewards);
    std::vector<double> out;
    for (const double reward : rewards) {
        out.push_back(n > 1 ? (reward - mean) * n / (n - 1) : 0.0);
    }
    return out;
}

void whiten(std::span<double> values, bool shift) {
    if (values.empty()) {
        return;
    }
    const double mean = mean_of(values), by = std::sqrt(variance_of(values, mean) + 1e-8);
    for (double& value : values) {
        value = (value - mean) / by + (shift ? 0.0 : mean);
    }
}

}  // namespace samara::host
