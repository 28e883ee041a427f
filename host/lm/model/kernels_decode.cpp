// See kernels_decode.hpp.  The order of every sum is written out in vectors of a fixed width, so
// that a compiler's choice for one tile size or another cannot change it.
#include "lm/model/kernels_decode.hpp"

#include "lm/model/kernels_common.hpp"

#include <ATen/Parallel.h>

#include <cmath>
#include <vector>

namespace samara::host::kernels {
namespace {

#define SAMARA_INLINE inline __attribute__((always_inline))

/// L floats of an unaligned row.
template <int L>
struct VectorOf {
    typedef float Type __attribute__((vector_size(L * sizeof(float)), aligned(4), may_alias));
};
template <int L>
using Vector = typename VectorOf<L>::Type;
using Four = Vector<4>;

template <int L>
SAMARA_INLINE const Vector<L>& load(const float* x) {
    return *reinterpret_cast<const Vector<L>*>(x);
}

/// The vector's quarters, or halves, added up in order.
template <int L>
SAMARA_INLINE Four fold(const Vector<L>& x) {
    const auto* parts = reinterpret_cast<const Four*>(&x);
    Four sum = parts[0];
    for (int i = 1; i < L / 4; ++i)
        sum += parts[i];
    return sum;
}

/// The sums of four vectors' lanes.
template <int L>
SAMARA_INLINE Four
sums_of(const Vector<L>& a, const Vector<L>& b, const Vector<L>& c, const Vector<L>& d) {
    const Four fa = fold<L>(a), fb = fold<L>(b), fc = fold<L>(c), fd = fold<L>(d);
    const Four ab =
        __builtin_shufflevector(fa, fb, 0, 1, 4, 5) + __builtin_shufflevector(fa, fb, 2, 3, 6, 7);
    const Four cd =
        __builtin_shufflevector(fc, fd, 0, 1, 4, 5) + __builtin_shufflevector(fc, fd, 2, 3, 6, 7);
    return __builtin_shufflevector(ab, cd, 0, 2, 4, 6) +
           __builtin_shufflevector(ab, cd, 1, 3, 5, 7);
}

/// Rows of weights that are fetched into the second-level cache before they are read.  Into the
/// first, or by the processor's own prediction, a step takes 1.7 times as long (measured).
constexpr int kAhead = 16;

struct Product {
    const float *x, *w, *bias;
    float* y;
    int64_t n, in, out;
};

/// Outputs o .. o + O of rows r .. r + R.  Every sum: lanes j, j + L, ..., their tree, the rest.
template <int L, int R, int O>
SAMARA_INLINE void tile(const Product& p, int64_t r, int64_t o) {
    const float *x = p.x + r * p.in, *w = p.w + o * p.in;
    Vector<L> sums[R][O];
    for (int i = 0; i < R; ++i)
        for (int k = 0; k < O; ++k)
            sums[i][k] = Vector<L>{};
    int64_t j = 0;
    for (; j + L <= p.in; j += L) {
        Vector<L> rows[R];
        for (int i = 0; i < R; ++i)
            rows[i] = load<L>(x + i * p.in + j);
        for (int k = 0; k < O; ++k) {
            const Vector<L> weights = load<L>(w + k * p.in + j);
            __builtin_prefetch(w + (k + kAhead) * p.in + j, 0, 2);
            for (int i = 0; i < R; ++i)
                sums[i][k] += weights * rows[i];
        }
    }
    for (int i = 0; i < R; ++i) {
        const Four four = sums_of<L>(sums[i][0], sums[i][1 % O], sums[i][2 % O], sums[i][3 % O]);
        for (int k = 0; k < O; ++k) {
            float sum = four[k];
            for (int64_t t = j; t < p.in; ++t)
                sum += w[k * p.in + t] * x[i * p.in + t];
            p.y[(r + i) * p.out + o + k] = p.bias ? sum + p.bias[o + k] : sum;
        }
    }
}

template <int L, int R, int O>
SAMARA_INLINE void rows_of(const Product& p, int64_t o) {
    int64_t r = 0;
    for (; r + R <= p.n; r += R)
        tile<L, R, O>(p, r, o);
    if constexpr (R > 2) {
        for (; r + 2 <= p.n; r += 2)
            tile<L, 2, O>(p, r, o);
    }
    for (; r < p.n; ++r)
        tile<L, 1, O>(p, r, o);
}

constexpr int64_t kOutputs = 4;

/// Outputs [begin, end) of all rows; the sums of R x 4 fill the vector registers.
template <int L, int R>
SAMARA_INLINE void outputs_of(const Product& p, int64_t begin, int64_t end) {
    int64_t o = begin;
    for (; o + kOutputs <= end; o += kOutputs)
        rows_of<L, R, kOutputs>(p, o);
    for (; o < end; ++o)
        rows_of<L, R, 1>(p, o);
}

using Outputs = void (*)(const Product&, int64_t, int64_t);

void outputs_any(const Product& p, int64_t begin, int64_t end) {
    outputs_of<4, 2>(p, begin, end);
}
#ifdef SAMARA_HAS_CLONES
__attribute__((target("arch=x86-64-v3"))) void outputs_v3(const Product& p,
                                                          int64_t begin,
                                                          int64_t end) {
    outputs_of<8, 2>(p, begin, end);
}
__attribute__((target("arch=x86-64-v4"))) void outputs_v4(const Product& p,
                                                          int64_t begin,
                                                          int64_t end) {
    outputs_of<16, 4>(p, begin, end);
}
#endif

/// As SAMARA_CLONES chooses, but each with the tile that fits its registers.
Outputs choose_outputs() {
#ifdef SAMARA_HAS_CLONES
    if (__builtin_cpu_supports("x86-64-v4"))
        return outputs_v4;
    if (__builtin_cpu_supports("x86-64-v3"))
        return outputs_v3;
#endif
    return outputs_any;
}

constexpr int kLanes = 8;
using Lanes = Vector<kLanes>;
constexpr int kHalves = kKeyBlock / kLanes;

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
        Lanes sums[G][kHalves];
        for (int g = 0; g < G; ++g)
            for (int h = 0; h < kHalves; ++h)
                sums[g][h] = Lanes{};
        const float* keys = k + block * kKeyBlock * dim;
        for (int64_t d = 0; d < dim; ++d)
            for (int h = 0; h < kHalves; ++h) {
                const Lanes key = load<kLanes>(keys + d * kKeyBlock + h * kLanes);
                for (int g = 0; g < G; ++g)
                    sums[g][h] += q[g * dim + d] * key;
            }
        const int64_t first = block * kKeyBlock, from = std::max<int64_t>(begin - first, 0);
        const int64_t to = std::min(size - first, kKeyBlock);
        for (int g = 0; g < G; ++g)
            for (int64_t i = from; i < to; ++i)
                scores[g * row + first + i - begin] = sums[g][i / kLanes][i % kLanes];
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
            sums[g] = load<kLanes>(out + g * dim + d);
        for (int64_t t = begin; t < size; ++t) {
            const Lanes value = load<kLanes>(v + t * dim + d);
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
    static const Outputs outputs = choose_outputs();
    const Product product{x, w, bias, y, n, in, out};
    // Whole tiles to every thread; one task reads about 64 K weights at least.
    const int64_t count = (out + kOutputs - 1) / kOutputs;
    const int64_t least = std::max<int64_t>(1, (int64_t{1} << 16) / (kOutputs * in));
    at::parallel_for(0, count, least, [&](int64_t begin, int64_t end) {
        outputs(product, begin * kOutputs, std::min(end * kOutputs, out));
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
