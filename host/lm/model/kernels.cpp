// Kernels of norms, rotation and sums; see kernels.hpp.  Reductions carry `omp simd` so that a
// compiler may use vector lanes without the licence of -ffast-math.
#include "lm/model/kernels.hpp"

#include "lm/model/kernels_common.hpp"

#include <ATen/Parallel.h>

#include <cmath>

namespace samara::host::kernels {
namespace {

SAMARA_CLONES void add_rms_rows(const float* x,
                                const float* delta,
                                const float* w,
                                float eps,
                                float* sum,
                                float* y,
                                float* rstd,
                                int64_t begin,
                                int64_t end,
                                int64_t h) {
    for (int64_t i = begin; i < end; ++i) {
        const float* row = x + i * h;
        if (delta) {
            float* out = sum + i * h;
            const float* more = delta + i * h;
#pragma omp simd
            for (int64_t j = 0; j < h; ++j)
                out[j] = row[j] + more[j];
            row = out;
        }
        float square = 0;
#pragma omp simd reduction(+ : square)
        for (int64_t j = 0; j < h; ++j)
            square += row[j] * row[j];
        const float r = 1.0f / std::sqrt(square / static_cast<float>(h) + eps);
        rstd[i] = r;
        float* out = y + i * h;
#pragma omp simd
        for (int64_t j = 0; j < h; ++j)
            out[j] = row[j] * r * w[j];
    }
}

SAMARA_CLONES void apply_rms_rows(const float* x,
                                  const float* rstd,
                                  const float* w,
                                  float* y,
                                  int64_t begin,
                                  int64_t end,
                                  int64_t h) {
    for (int64_t i = begin; i < end; ++i) {
        const float r = rstd[i];
#pragma omp simd
        for (int64_t j = 0; j < h; ++j)
            y[i * h + j] = x[i * h + j] * r * w[j];
    }
}

SAMARA_CLONES void rms_backward_rows(const float* gy,
                                     const float* x,
                                     const float* w,
                                     const float* rstd,
                                     float* gx,
                                     int64_t begin,
                                     int64_t end,
                                     int64_t h) {
    for (int64_t i = begin; i < end; ++i) {
        const float *g = gy + i * h, *row = x + i * h;
        float* out = gx + i * h;
        const float r = rstd[i];
        float dot = 0;
#pragma omp simd reduction(+ : dot)
        for (int64_t j = 0; j < h; ++j)
            dot += g[j] * w[j] * row[j];
        const float mean = dot * r * r / static_cast<float>(h);
#pragma omp simd
        for (int64_t j = 0; j < h; ++j)
            out[j] += r * (g[j] * w[j] - row[j] * mean);
    }
}

/// Weight gradient of columns [begin, end): every column sums over all rows in order, whatever the
/// threads.
SAMARA_CLONES void rms_weight_columns(const float* gy,
                                      const float* x,
                                      const float* rstd,
                                      float* gw,
                                      int64_t n,
                                      int64_t begin,
                                      int64_t end,
                                      int64_t h) {
    for (int64_t i = 0; i < n; ++i) {
        const float r = rstd[i];
#pragma omp simd
        for (int64_t j = begin; j < end; ++j)
            gw[j] += gy[i * h + j] * x[i * h + j] * r;
    }
}

/// One half pair of rows: (a, b) -> (a c - s b, b c + s a); sign -1 turns back.
inline void rotate_row(const float* from,
                       const float* bias,
                       const float* c,
                       const float* s,
                       float sign,
                       float* to,
                       int64_t half) {
#pragma omp simd
    for (int64_t j = 0; j < half; ++j) {
        const float a = from[j] + bias[j], b = from[half + j] + bias[half + j];
        to[j] = a * c[j] - sign * s[j] * b;
        to[half + j] = b * c[j] + sign * s[j] * a;
    }
}

SAMARA_CLONES void split_rows(const float* qkv,
                              const float* bias,
                              const float* cos,
                              const float* sin,
                              float* q,
                              float* k,
                              float* v,
                              Heads s,
                              int64_t begin,
                              int64_t end) {
    const int64_t width = (s.group + 2) * s.kv * s.dim, half = s.dim / 2, queries = s.kv * s.group;
    for (int64_t t = begin; t < end; ++t) {
        const float *c = cos + t * half, *n = sin + t * half;
        for (int64_t x = 0; x < queries; ++x)
            rotate_row(qkv + t * width + x * s.dim,
                       bias + x * s.dim,
                       c,
                       n,
                       1,
                       q + ((x / s.group * s.tokens + t) * s.group + x % s.group) * s.dim,
                       half);
        for (int64_t x = 0; x < s.kv; ++x) {
            const int64_t key = (queries + x) * s.dim, value = (queries + s.kv + x) * s.dim;
            rotate_row(
                qkv + t * width + key, bias + key, c, n, 1, k + (x * s.tokens + t) * s.dim, half);
            const float* from = qkv + t * width + value;
            float* to = v + (x * s.tokens + t) * s.dim;
#pragma omp simd
            for (int64_t j = 0; j < s.dim; ++j)
                to[j] = from[j] + bias[value + j];
        }
    }
}

SAMARA_CLONES void merge_rows(const float* dq,
                              const float* dk,
                              const float* dv,
                              const float* zeros,
                              const float* cos,
                              const float* sin,
                              float* dqkv,
                              Heads s,
                              int64_t begin,
                              int64_t end) {
    const int64_t width = (s.group + 2) * s.kv * s.dim, half = s.dim / 2, queries = s.kv * s.group;
    for (int64_t t = begin; t < end; ++t) {
        const float *c = cos + t * half, *n = sin + t * half;
        for (int64_t x = 0; x < queries; ++x)
            rotate_row(dq + ((x / s.group * s.tokens + t) * s.group + x % s.group) * s.dim,
                       zeros,
                       c,
                       n,
                       -1,
                       dqkv + t * width + x * s.dim,
                       half);
        for (int64_t x = 0; x < s.kv; ++x) {
            const int64_t key = (queries + x) * s.dim, value = (queries + s.kv + x) * s.dim;
            rotate_row(
                dk + (x * s.tokens + t) * s.dim, zeros, c, n, -1, dqkv + t * width + key, half);
            const float* from = dv + (x * s.tokens + t) * s.dim;
            float* to = dqkv + t * width + value;
#pragma omp simd
            for (int64_t j = 0; j < s.dim; ++j)
                to[j] = from[j];
        }
    }
}

SAMARA_CLONES void dot_rows(const float* a,
                            const float* b,
                            float* out,
                            int64_t begin,
                            int64_t end,
                            int64_t dim) {
    for (int64_t i = begin; i < end; ++i) {
        float sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int64_t j = 0; j < dim; ++j)
            sum += a[i * dim + j] * b[i * dim + j];
        out[i] = sum;
    }
}

SAMARA_CLONES void add_scaled(float* to, const float* from, float scale, int64_t h) {
#pragma omp simd
    for (int64_t j = 0; j < h; ++j)
        to[j] += scale * from[j];
}

}  // namespace

void add_rms(const float* x,
             const float* delta,
             const float* w,
             float eps,
             float* sum,
             float* y,
             float* rstd,
             int64_t n,
             int64_t h) {
    at::parallel_for(0, n, grain(h), [&](int64_t begin, int64_t end) {
        add_rms_rows(x, delta, w, eps, sum, y, rstd, begin, end, h);
    });
}

void apply_rms(const float* x, const float* rstd, const float* w, float* y, int64_t n, int64_t h) {
    at::parallel_for(0, n, grain(h), [&](int64_t begin, int64_t end) {
        apply_rms_rows(x, rstd, w, y, begin, end, h);
    });
}

void rms_backward(const float* gy,
                  const float* x,
                  const float* w,
                  const float* rstd,
                  float* gx,
                  float* gw,
                  int64_t n,
                  int64_t h) {
    at::parallel_for(0, n, grain(h), [&](int64_t begin, int64_t end) {
        rms_backward_rows(gy, x, w, rstd, gx, begin, end, h);
    });
    at::parallel_for(0, h, std::max<int64_t>(64, grain(n)), [&](int64_t begin, int64_t end) {
        rms_weight_columns(gy, x, rstd, gw, n, begin, end, h);
    });
}

void split_rotate(const float* qkv,
                  const float* bias,
                  const float* cos,
                  const float* sin,
                  float* q,
                  float* k,
                  float* v,
                  Heads heads) {
    const int64_t width = (heads.group + 2) * heads.kv * heads.dim;
    at::parallel_for(0, heads.tokens, grain(width), [&](int64_t begin, int64_t end) {
        split_rows(qkv, bias, cos, sin, q, k, v, heads, begin, end);
    });
}

void merge_rotate(const float* dq,
                  const float* dk,
                  const float* dv,
                  const float* zeros,
                  const float* cos,
                  const float* sin,
                  float* dqkv,
                  Heads heads) {
    const int64_t width = (heads.group + 2) * heads.kv * heads.dim;
    at::parallel_for(0, heads.tokens, grain(width), [&](int64_t begin, int64_t end) {
        merge_rows(dq, dk, dv, zeros, cos, sin, dqkv, heads, begin, end);
    });
}

void row_dots(const float* a, const float* b, float* out, int64_t n, int64_t dim) {
    at::parallel_for(0, n, grain(dim), [&](int64_t begin, int64_t end) {
        dot_rows(a, b, out, begin, end, dim);
    });
}

void add_rows(float* to,
              const int64_t* index,
              const float* from,
              const int64_t* source,
              const float* scale,
              int64_t n,
              int64_t h) {
    for (int64_t i = 0; i < n; ++i)
        add_scaled(
            to + index[i] * h, from + (source ? source[i] : i) * h, scale ? scale[i] : 1.0f, h);
}

}  // namespace samara::host::kernels
