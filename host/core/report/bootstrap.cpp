// Statistics; see bootstrap.hpp.
#include "core/report/bootstrap.hpp"

#include "runtime/random.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

namespace samara::host {
namespace {

// Student's 0.975 quantiles of 1 to 30 degrees of freedom.
constexpr std::array<double, 30> kStudent = {
    12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912, 2.364624, 2.306004,
    2.262157,  2.228139, 2.200985, 2.178813, 2.160369, 2.144787, 2.131450, 2.119905,
    2.109816,  2.100922, 2.093024, 2.085963, 2.079614, 2.073873, 2.068658, 2.063899,
    2.059539,  2.055529, 2.051831, 2.048407, 2.045230, 2.042272};

}  // namespace

double mean(const std::vector<double>& values) {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double standard_deviation(const std::vector<double>& values) {
    if (values.size() < 2) {
        return std::numeric_limits<double>::quiet_NaN();
    }
    const double centre = mean(values);
    double squares = 0;
    for (const double value : values) {
        squares += (value - centre) * (value - centre);
    }
    return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

double quantile(const std::vector<double>& sorted, double p) {
    const double at = p * static_cast<double>(sorted.size() - 1);
    const auto below = static_cast<size_t>(at);
    const size_t above = std::min(below + 1, sorted.size() - 1);
    return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

std::vector<double> per_seed(const SeedSums& data) {
    const double count = std::accumulate(data.counts.begin(), data.counts.end(), 0.0);
    std::vector<double> out;
    for (const std::vector<double>& sums : data.sums) {
        out.push_back(std::accumulate(sums.begin(), sums.end(), 0.0) / count);
    }
    return out;
}

Interval bootstrap(const SeedSums& data, int64_t resamples) {
    const size_t records = data.counts.size(), seeds = data.sums.size();
    const uint64_t stream = derive_seed(0, "bootstrap", seeds);
    uint64_t draw = 0;
    std::vector<double> values, sums(seeds);
    for (int64_t b = 0; b < resamples; ++b) {
        double count = 0, total = 0;
        std::fill(sums.begin(), sums.end(), 0.0);
        for (size_t r = 0; r < records; ++r) {
            const size_t record = below(random_word(stream, draw++), records);
            count += data.counts[record];
            for (size_t s = 0; s < seeds; ++s) {
                sums[s] += data.sums[s][record];
            }
        }
        for (size_t s = 0; s < seeds; ++s) {
            total += sums[below(random_word(stream, draw++), seeds)];
        }
        values.push_back(total / (count * static_cast<double>(seeds)));
    }
    std::sort(values.begin(), values.end());
    return {quantile(values, 0.025), quantile(values, 0.975)};
}

Interval t_interval(const std::vector<double>& values) {
    const size_t degrees = values.size() - 1;
    const double t = degrees <= kStudent.size() ? kStudent.at(degrees - 1) : 1.96;
    const double half =
        t * standard_deviation(values) / std::sqrt(static_cast<double>(values.size()));
    return {mean(values) - half, mean(values) + half};
}

}  // namespace samara::host
