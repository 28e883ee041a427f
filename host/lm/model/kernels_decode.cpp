// See kernels_decode.hpp.  The order of every sum is written out in vectors of a fixed width, so
// that a compiler's choice for one tile size or another cannot change it.
#include "lm/model/kernels_decode.hpp"

#include "lm/model/kernels_common.hpp"

#include <ATen/Parallel.h>

#include <cmath>
#include <vector>

namespace samara::host::kernels {
namespace {

constexpr int64_t kLanes = 16;
typedef float Lanes __attribute__((vector_size(kLanes * sizeof(float)), aligned(4), may_alias));

#define SAMARA_INLINE inline __attribute__((always_inline))

SAMARA_INLINE const Lanes& load(const float* x) {
    return *reinterpret_cast<const Lanes*>(x);
}

SAMARA_INLINE float sum_of(const Lanes& x) {
    float half[kLanes];
    for (int64_t i = 0; i < kLanes; ++i)
        half[i] = x[i];
    for (int64_t n = kLanes / 2; n > 0; n /= 2)
        for (int64_t i = 0; i < n; ++i)
            half[i] += half[i + n];
    return half[0];
}

constexpr int64_t kRows = 4, kOutputs = 4;  // a tile's sums fill the vector registers

/// R rows of x against O rows of w.
template <int R, int O>
SAMARA_INLINE void tile(const float* x,
                        const float* w,
                        const float* bias,
                        float* y,
                        int64_t in,
                        int64_t out) {
    Lanes sums[O][R] = {};
    int64_t j = 0;
    for (; j + kLanes <= in; j += kLanes) {
        Lanes xs[R];
        for (int r = 0; r < R; ++r)
            xs[r] = load(x + r * in + j);
        for (int o = 0; o < O; ++o) {
            const Lanes ws = load(w + o * in + j);
            for (int r = 0; r < R; ++r)
                sums[o][r] += ws * xs[r];
        }
    }
    for (int o = 0; o < O; ++o)
        for (int r = 0; r < R; ++r) {
            float sum = sum_of(sums[o][r]);
            for (int64_t i = j; i < in; ++i)
                sum += w[o * in + i] * x[r * in + i];
            y[r * out + o] = bias ? sum + bias[o] : sum;
        }
}

template <int O>
SAMARA_INLINE void tiles(const float* x,
                         const float* w,
                         const float* bias,
                         float* y,
                         int64_t n,
                         int64_t in,
                         int64_t out) {
    int64_t r = 0;
    for (; r + kRows <= n; r += kRows)
        tile<kRows, O>(x + r * in, w, bias, y + r * out, in, out);
    if (n - r == 3)
        tile<3, O>(x + r * in, w, bias, y + r * out, in, out);
    else if (n - r == 2)
        tile<2, O>(x + r * in, w, bias, y + r * out, in, out);
    else if (n - r == 1)
        tile<1, O>(x + r * in, w, bias, y + r * out, in, out);
}

SAMARA_CLONES void products(const float* x,
                            const float* w,
                            const float* bias,
                            float* y,
                            int64_t n,
                            int64_t in,
                            int64_t out,
                            int64_t begin,
                            int64_t end) {
    int64_t o = begin;
    for (; o + kOutputs <= end; o += kOutputs)
        tiles<kOutputs>(x, w + o * in, bias ? bias + o : nullptr, y + o, n, in, out);
    for (; o < end; ++o)
        tiles<1>(x, w + o * in, bias ? bias + o : nullptr, y + o, n, in, out);
}

/// Scores of G queries [G, dim] against tokens [begin, size) of a stretch, appended to each query's
/// row of scores.
template <int G>
SAMARA_INLINE void score(const float* q,
                         const float* k,
                         int64_t begin,
                         int64_t size,
                         int64_t dim,
                         float* scores,
                         int64_t row) {
    for (int64_t block = begin / kKeyBlock; block * kKeyBlock < size; ++block) {
        Lanes sums[G] = {};
        const float* keys = k + block * kKeyBlock * dim;
        for (int64_t d = 0; d < dim; ++d) {
            const Lanes key = load(keys + d * kKeyBlock);
            for (int g = 0; g < G; ++g)
                sums[g] += q[g * dim + d] * key;
        }
        const int64_t first = block * kKeyBlock, from = std::max<int64_t>(begin - first, 0);
        const int64_t to = std::min(size - first, kKeyBlock);
        for (int g = 0; g < G; ++g)
            for (int64_t i = from; i < to; ++i)
                scores[g * row + first + i - begin] = sums[g][i];
    }
}

/// row = softmax(scale * row)
SAMARA_INLINE void soften(float* row, int64_t n, float scale) {
    float most = -INFINITY, sum = 0;
#pragma omp simd reduction(max : most)
    for (int64_t j = 0; j < n; ++j)
        most = row[j] > most ? row[j] : most;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < n; ++j) {
        row[j] = exp_of((row[j] - most) * scale);
        sum += row[j];
    }
    const float factor = 1.0f / sum;
#pragma omp simd
    for (int64_t j = 0; j < n; ++j)
        row[j] *= factor;
}

/// out [G, dim] += weights [G, row] of tokens [begin, size) times their values.
template <int G>
SAMARA_INLINE void blend(const float* weights,
                         int64_t row,
                         const float* v,
                         int64_t begin,
                         int64_t size,
                         int64_t dim,
                         float* out) {
    int64_t d = 0;
    for (; d + kLanes <= dim; d += kLanes) {
        Lanes sums[G];
        for (int g = 0; g < G; ++g)
            sums[g] = load(out + g * dim + d);
        for (int64_t t = begin; t < size; ++t) {
            const Lanes value = load(v + t * dim + d);
            for (int g = 0; g < G; ++g)
                sums[g] += weights[g * row + t - begin] * value;
        }
        for (int g = 0; g < G; ++g)
            *reinterpret_cast<Lanes*>(out + g * dim + d) = sums[g];
    }
    for (; d < dim; ++d)
        for (int g = 0; g < G; ++g)
            for (int64_t t = begin; t < size; ++t)
                out[g * dim + d] += weights[g * row + t - begin] * v[t * dim + d];
}

/// G queries of one row and key head.
template <int G>
SAMARA_INLINE void attend(const float* q,
                          const Sight& sight,
                          int64_t head,
                          int64_t dim,
                          int64_t window,
                          float scale,
                          float* scores,
                          float* out) {
    const Stretch &shared = sight.shared, &own = sight.own;
    const int64_t all = shared.size + own.size;
    const int64_t skip = window > 0 ? std::max<int64_t>(all - window, 0) : 0, seen = all - skip;
    const int64_t in_shared = std::min(skip, shared.size), in_own = skip - in_shared;
    float* later = scores + shared.size - in_shared;
    score<G>(q, shared.k + head * shared.stride, in_shared, shared.size, dim, scores, seen);
    score<G>(q, own.k + head * own.stride, in_own, own.size, dim, later, seen);
    for (int g = 0; g < G; ++g)
        soften(scores + g * seen, seen, scale);
    std::fill(out, out + G * dim, 0.0f);
    blend<G>(scores, seen, shared.v + head * shared.stride, in_shared, shared.size, dim, out);
    blend<G>(later, seen, own.v + head * own.stride, in_own, own.size, dim, out);
}

SAMARA_CLONES void attend_group(const float* q,
                                const Sight& sight,
                                int64_t head,
                                int64_t group,
                                int64_t dim,
                                int64_t window,
                                float scale,
                                float* scores,
                                float* out) {
    int64_t g = 0;
    for (; g + 4 <= group; g += 4)
        attend<4>(q + g * dim, sight, head, dim, window, scale, scores, out + g * dim);
    if (group - g == 3)
        attend<3>(q + g * dim, sight, head, dim, window, scale, scores, out + g * dim);
    else if (group - g == 2)
        attend<2>(q + g * dim, sight, head, dim, window, scale, scores, out + g * dim);
    else if (group - g == 1)
        attend<1>(q + g * dim, sight, head, dim, window, scale, scores, out + g * dim);
}

}  // namespace

void row_products(const float* x,
                  const float* w,
                  const float* bias,
                  float* y,
                  int64_t n,
                  int64_t in,
                  int64_t out) {
    // Whole tiles to every thread; one task reads about 64 K weights at least.
    const int64_t count = (out + kOutputs - 1) / kOutputs;
    const int64_t least = std::max<int64_t>(1, (int64_t{1} << 16) / (kOutputs * in));
    at::parallel_for(0, count, least, [&](int64_t begin, int64_t end) {
        products(x, w, bias, y, n, in, out, begin * kOutputs, std::min(end * kOutputs, out));
    });
}

void store_row(const float* k,
               const float* v,
               int64_t t,
               Heads heads,
               float* to_k,
               float* to_v,
               int64_t stride,
               int64_t at) {
    for (int64_t head = 0; head < heads.kv; ++head) {
        const int64_t from = (head * heads.tokens + t) * heads.dim;
        float* keys =
            to_k + head * stride + at / kKeyBlock * kKeyBlock * heads.dim + at % kKeyBlock;
        for (int64_t d = 0; d < heads.dim; ++d)
            keys[d * kKeyBlock] = k[from + d];
        std::copy_n(v + from, heads.dim, to_v + head * stride + at * heads.dim);
    }
}

void cached_attention(const float* q,
                      const Sight* sights,
                      float* out,
                      Heads heads,
                      int64_t window,
                      float scale) {
    const int64_t width = heads.group * heads.dim;
    int64_t longest = 0;
    for (int64_t t = 0; t < heads.tokens; ++t)
        longest = std::max(longest, sights[t].shared.size + sights[t].own.size);
    // Head by head: samples of one prompt then find its keys in a cache.
    const int64_t least = grain(longest * heads.group);
    at::parallel_for(0, heads.kv * heads.tokens, least, [&](int64_t begin, int64_t end) {
        std::vector<float> scores(4 * longest + kKeyBlock);
        for (int64_t i = begin; i < end; ++i) {
            const int64_t head = i / heads.tokens, t = i % heads.tokens;
            attend_group(q + i * width,
                         sights[t],
                         head,
                         heads.group,
                         heads.dim,
                         window,
                         scale,
                         scores.data(),
                         out + (t * heads.kv + head) * width);
        }
    });
}

}  // namespace samara::host::kernels
