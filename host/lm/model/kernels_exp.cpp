// Kernels around the exponential: SwiGLU, softmax and log-sum-exp; see kernels.hpp.
#include "lm/model/kernels.hpp"
#include "lm/model/kernels_common.hpp"

#include <ATen/Parallel.h>

#include <cmath>

namespace samara::host::kernels {
namespace {

SAMARA_CLONES void swiglu_rows(const float* gate_up,
                               float* z,
                               int64_t begin,
                               int64_t end,
                               int64_t inner) {
    for (int64_t i = begin; i < end; ++i) {
        const float *gate = gate_up + 2 * i * inner, *up = gate + inner;
        float* out = z + i * inner;
#pragma omp simd
        for (int64_t j = 0; j < inner; ++j)
            out[j] = gate[j] * sigmoid(gate[j]) * up[j];
    }
}

SAMARA_CLONES void swiglu_backward_rows(const float* gate_up,
                                        const float* dz,
                                        float* d,
                                        float* z,
                                        int64_t begin,
                                        int64_t end,
                                        int64_t inner) {
    for (int64_t i = begin; i < end; ++i) {
        const float *gate = gate_up + 2 * i * inner, *up = gate + inner, *g = dz + i * inner;
        float *dgate = d + 2 * i * inner, *dup = dgate + inner, *out = z + i * inner;
#pragma omp simd
        for (int64_t j = 0; j < inner; ++j) {
            const float s = sigmoid(gate[j]), silu = gate[j] * s;
            out[j] = silu * up[j];
            dup[j] = g[j] * silu;
            dgate[j] = g[j] * up[j] * (s + silu * (1.0f - s));
        }
    }
}

inline float max_of(const float* row, int64_t n) {
    float most = -INFINITY;
#pragma omp simd reduction(max : most)
    for (int64_t j = 0; j < n; ++j)
        most = row[j] > most ? row[j] : most;
    return most;
}

/// row = e^(scale * row - shift); returns the sum.
inline float exp_row(float* row, int64_t n, float scale, float shift) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < n; ++j) {
        const float e = exp_of(scale * row[j] - shift);
        row[j] = e;
        sum += e;
    }
    return sum;
}

inline void scale_row(float* row, int64_t n, float factor) {
#pragma omp simd
    for (int64_t j = 0; j < n; ++j)
        row[j] *= factor;
}

SAMARA_CLONES void causal_softmax_rows(float* s,
                                       int64_t queries,
                                       int64_t group,
                                       int64_t keys,
                                       int64_t first,
                                       int64_t window,
                                       float scale,
                                       int64_t begin,
                                       int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
        const int64_t stop = first + i % (queries * group) / group + 1;
        const int64_t start = window > 0 ? std::max<int64_t>(0, stop - window) : 0;
        float *all = s + i * keys, *row = all + start;
        const int64_t seen = stop - start;
        const float sum = exp_row(row, seen, scale, max_of(row, seen) * scale);
        scale_row(row, seen, 1.0f / sum);
        std::fill(all, row, 0.0f);
        std::fill(all + stop, all + keys, 0.0f);
    }
}

SAMARA_CLONES void softmax_backward_rows(const float* p,
                                         float* dp,
                                         const float* delta,
                                         int64_t stride,
                                         int64_t rows,
                                         int64_t keys,
                                         float scale,
                                         int64_t begin,
                                         int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
        const float* prob = p + i * keys;
        float* out = dp + i * keys;
        const float d = delta[i / rows * stride + i % rows];
#pragma omp simd
        for (int64_t j = 0; j < keys; ++j)
            out[j] = scale * prob[j] * (out[j] - d);
    }
}

SAMARA_CLONES void log_sum_exp_rows(float* logits,
                                    float* lse,
                                    bool keep,
                                    int64_t begin,
                                    int64_t end,
                                    int64_t v) {
    for (int64_t i = begin; i < end; ++i) {
        float* row = logits + i * v;
        const float most = max_of(row, v);
        const float sum = exp_row(row, v, 1.0f, most);
        lse[i] = most + std::log(sum);
        if (keep)
            scale_row(row, v, 1.0f / sum);
    }
}

}  // namespace

void swiglu(const float* gate_up, float* z, int64_t n, int64_t inner) {
    at::parallel_for(0, n, grain(inner), [&](int64_t begin, int64_t end) {
        swiglu_rows(gate_up, z, begin, end, inner);
    });
}

void swiglu_backward(const float* gate_up,
                     const float* dz,
                     float* d,
                     float* z,
                     int64_t n,
                     int64_t inner) {
    at::parallel_for(0, n, grain(inner), [&](int64_t begin, int64_t end) {
        swiglu_backward_rows(gate_up, dz, d, z, begin, end, inner);
    });
}

void causal_softmax(float* s,
                    int64_t kv,
                    int64_t queries,
                    int64_t group,
                    int64_t keys,
                    int64_t first,
                    int64_t window,
                    float scale) {
    at::parallel_for(0, kv * queries * group, grain(keys), [&](int64_t begin, int64_t end) {
        causal_softmax_rows(s, queries, group, keys, first, window, scale, begin, end);
    });
}

void softmax_backward(const float* p,
                      float* dp,
                      const float* delta,
                      int64_t delta_stride,
                      int64_t kv,
                      int64_t rows,
                      int64_t keys,
                      float scale) {
    at::parallel_for(0, kv * rows, grain(keys), [&](int64_t begin, int64_t end) {
        softmax_backward_rows(p, dp, delta, delta_stride, rows, keys, scale, begin, end);
    });
}

void log_sum_exp(float* logits, float* lse, bool keep, int64_t n, int64_t v) {
    at::parallel_for(0, n, grain(v), [&](int64_t begin, int64_t end) {
        log_sum_exp_rows(logits, lse, keep, begin, end, v);
    });
}

}  // namespace samara::host::kernels
