// Statistics of seeds and records: means, spreads and intervals.  Pure functions of numbers; what
// the numbers are is compare.hpp's business.
#pragma once
#include <cstdint>
#include <vector>

namespace samara::host {

double mean(const std::vector<double>& values);
/// Over n - 1; NaN below two values.
double standard_deviation(const std::vector<double>& values);
/// The p-quantile of ascending values, linear between them (numpy's default).
double quantile(const std::vector<double>& sorted, double p);

/// Sums over the relations of each record, one list per seed; all seeds saw the same records.
struct SeedSums {
    std::vector<double> counts;             ///< relations of each record
    std::vector<std::vector<double>> sums;  ///< [seed][record]
};

/// The sum over the count of each seed.
std::vector<double> per_seed(const SeedSums& data);

struct Interval {
    double low = 0, high = 0;
};

/// 95 % percentile interval of the mean over seeds.
///
/// Each resample draws the records with replacement, once for all seeds, and the seeds with
/// replacement.  Records are shared between seeds, so that one hard record is hard in all of them:
/// drawing them anew in every seed would count it as several and make the interval too narrow
/// (Owen, "The pigeonhole bootstrap", 2007, for data crossed in two factors).  With one seed only
/// the records are drawn: the interval then says nothing of other seeds.
/// Deterministic: the draws depend on the numbers of seeds, records and resamples alone.
Interval bootstrap(const SeedSums& data, int64_t resamples);

constexpr int64_t kResamples = 5000;  ///< the Monte Carlo error of a bound is then 3 % of its width

/// 95 % interval of the mean of two values or more: mean +- t(0.975, n - 1) * sd / sqrt(n); 1.96
/// stands for t above 30 degrees of freedom.
///
/// Of a few seeds a percentile bootstrap says too little: it cannot leave the values that it draws
/// from, and with three of them its bounds are about the least and the greatest, where t asks for
/// 2.5 sd on each side.  Over values of seeds this interval knows nothing of other records.
Interval t_interval(const std::vector<double>& values);

}  // namespace samara::host
