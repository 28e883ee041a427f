// See sample.hpp.  Sums run in a fixed order over one row, so a draw depends on its row alone.
#include "lm/model/sample.hpp"

#include "lm/model/kernels_common.hpp"
#include "runtime/error.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace samara::host {
namespace {

constexpr int64_t kBlock = 256;  // values under one partial sum

SAMARA_CLONES float max_of(const float* x, int64_t n) {
    float most = -INFINITY;
#pragma omp simd reduction(max : most)
    for (int64_t j = 0; j < n; ++j)
        most = x[j] > most ? x[j] : most;
    return most;
}

/// p = e^((x - most) * scale); sums[b] is that of block b.
SAMARA_CLONES void exp_blocks(const float* x,
                              float* p,
                              float* sums,
                              int64_t n,
                              float most,
                              float scale) {
    for (int64_t begin = 0; begin < n; begin += kBlock) {
        const int64_t end = std::min(n, begin + kBlock);
        float sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int64_t j = begin; j < end; ++j) {
            p[j] = kernels::exp_of((x[j] - most) * scale);
            sum += p[j];
        }
        sums[begin / kBlock] = sum;
    }
}

/// One row's unnormalised probabilities.
struct Weighed {
    std::vector<float> p, sums;
    double total = 0;

    void fill(const float* logits, int64_t v, float most, double temperature) {
        p.resize(v);
        sums.resize((v + kBlock - 1) / kBlock);
        exp_blocks(logits, p.data(), sums.data(), v, most, static_cast<float>(1 / temperature));
        total = std::accumulate(sums.begin(), sums.end(), 0.0);
    }
    /// The id at which the cumulative sum passes u * total.
    [[nodiscard]] int64_t pick(double u) const {
        double left = u * total;
        size_t block = 0;
        while (block + 1 < sums.size() && left >= sums[block])
            left -= sums[block++];
        auto id = static_cast<int64_t>(block) * kBlock;
        const int64_t end = std::min(id + kBlock, static_cast<int64_t>(p.size()));
        while (id + 1 < end && left >= p[id])
            left -= p[id++];
        return id;
    }
};

/// Ids by falling probability, the smaller id first of equals, sorted as far as is asked for.
class Ranking {
public:
    explicit Ranking(const float* logits, int64_t v) : logits_(logits), ids_(v) {
        std::iota(ids_.begin(), ids_.end(), int64_t{0});
    }
    [[nodiscard]] int64_t size() const { return static_cast<int64_t>(ids_.size()); }
    int64_t operator[](int64_t rank) {
        while (rank >= sorted_) {
            const int64_t next = std::min(size(), std::max<int64_t>(64, 4 * sorted_));
            std::partial_sort(ids_.begin() + sorted_,
                              ids_.begin() + next,
                              ids_.end(),
                              [this](int64_t a, int64_t b) {
                                  return logits_[a] != logits_[b] ? logits_[a] > logits_[b] : a < b;
                              });
            sorted_ = next;
        }
        return ids_[rank];
    }

private:
    const float* logits_;
    std::vector<int64_t> ids_;
    int64_t sorted_ = 0;
};

/// Picks among what top_k and then top_p leave.  A token stays under top_p if those before it do
/// not reach the share.
int64_t pick_restricted(const float* logits,
                        const Weighed& weighed,
                        const Sampling& sampling,
                        double u) {
    const auto v = static_cast<int64_t>(weighed.p.size());
    Ranking ranked(logits, v);
    const auto weight = [&](int64_t rank) -> double { return weighed.p[ranked[rank]]; };
    int64_t kept = v;
    double total = weighed.total;
    if (sampling.top_k > 0 && sampling.top_k < v) {
        kept = sampling.top_k;
        const float last = logits[ranked[kept - 1]];
        while (kept < v && logits[ranked[kept]] == last)
            ++kept;
        total = 0;
        for (int64_t rank = 0; rank < kept; ++rank)
            total += weight(rank);
    }
    if (sampling.top_p < 1) {
        const double share = sampling.top_p * total;
        total = weight(0);
        int64_t rank = 1;
        for (; rank < kept && total < share; ++rank)
            total += weight(rank);
        kept = rank;
    }
    double left = u * total;
    int64_t rank = 0;
    while (rank + 1 < kept && left >= weight(rank))
        left -= weight(rank++);
    return ranked[rank];
}

}  // namespace

Drawn draw_token(const float* logits, int64_t v, const Sampling& sampling, double u) {
    thread_local Weighed weighed;  // 200 KB at a vocabulary of 49,152: kept between draws
    const float most = max_of(logits, v);
    weighed.fill(logits, v, most, 1);
    const double log_total = std::log(weighed.total);
    if (!std::isfinite(most) || !std::isfinite(log_total))
        throw Error(Code::non_finite,
                    "the logits of the next token are not finite",
                    "",
                    "the model's weights have diverged");
    Drawn drawn;
    if (sampling.temperature == 0) {
        drawn.id = std::find(logits, logits + v, most) - logits;
    } else {
        if (sampling.temperature != 1)
            weighed.fill(logits, v, most, sampling.temperature);
        const bool all = sampling.top_p >= 1 && (sampling.top_k <= 0 || sampling.top_k >= v);
        drawn.id = all ? weighed.pick(u) : pick_restricted(logits, weighed, sampling, u);
    }
    drawn.logp = static_cast<double>(logits[drawn.id]) - most - log_total;
    return drawn;
}

}  // namespace samara::host
