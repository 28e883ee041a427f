// Row kernels of the fused route: float32 on CPU memory, contiguous rows, threads by
// at::parallel_for.  Plain loops, compiled for several instruction sets and chosen when the program
// is loaded.  No tensors, no autograd: fused.cpp composes them.  The same number of threads gives
// the same bytes; so does any other, for no sum crosses rows that different threads own.
#pragma once
#include <cstdint>

namespace samara::host::kernels {

/// Sizes of an attention: query heads are kv * group, laid out [kv, tokens, group, dim].
struct Heads {
    int64_t tokens, kv, group, dim;
};

/// sum = x + delta (delta may be null: then sum is not written), y = rms_norm(sum) * w; rstd [n]
/// for the backward.
void add_rms(const float* x,
             const float* delta,
             const float* w,
             float eps,
             float* sum,
             float* y,
             float* rstd,
             int64_t n,
             int64_t h);
/// y = x * rstd * w: the normed rows again.
void apply_rms(const float* x, const float* rstd, const float* w, float* y, int64_t n, int64_t h);
/// gx += backward of the norm for gy [n, h]; gw [h] += its weight's gradient.
void rms_backward(const float* gy,
                  const float* x,
                  const float* w,
                  const float* rstd,
                  float* gx,
                  float* gw,
                  int64_t n,
                  int64_t h);

/// qkv [tokens, (group + 2) kv dim] + bias -> rotated q [kv, tokens, group, dim] and k [kv, tokens,
/// dim], plain v. cos, sin [tokens, dim / 2].
void split_rotate(const float* qkv,
                  const float* bias,
                  const float* cos,
                  const float* sin,
                  float* q,
                  float* k,
                  float* v,
                  Heads heads);
/// The inverse of split_rotate for gradients: dq, dk, dv -> dqkv.  zeros: as long as the bias.
void merge_rotate(const float* dq,
                  const float* dk,
                  const float* dv,
                  const float* zeros,
                  const float* cos,
                  const float* sin,
                  float* dqkv,
                  Heads heads);

/// z = silu(gate) * up of rows [gate, up]: gate_up [n, 2 inner] -> z [n, inner].
void swiglu(const float* gate_up, float* z, int64_t n, int64_t inner);
/// d [n, 2 inner] from dz, and z again.
void swiglu_backward(const float* gate_up,
                     const float* dz,
                     float* d,
                     float* z,
                     int64_t n,
                     int64_t inner);

/// In place softmax(scale * s) of rows [kv * queries * group, keys]; query t of a block sees keys
/// [0, first + t], of them the last `window` if that is above 0; the rest becomes 0.
void causal_softmax(float* s,
                    int64_t kv,
                    int64_t queries,
                    int64_t group,
                    int64_t keys,
                    int64_t first,
                    int64_t window,
                    float scale);
/// In place dp = scale * p * (dp - delta) for rows [kv, rows, keys]; delta of row (k, i) is at k *
/// delta_stride + i.
void softmax_backward(const float* p,
                      float* dp,
                      const float* delta,
                      int64_t delta_stride,
                      int64_t kv,
                      int64_t rows,
                      int64_t keys,
                      float scale);
/// out[i] = a[i] . b[i]
void row_dots(const float* a, const float* b, float* out, int64_t n, int64_t dim);

/// lse [n] of the rows of logits [n, v], nats; with `keep` the rows become their softmax, else they
/// are destroyed.
void log_sum_exp(float* logits, float* lse, bool keep, int64_t n, int64_t v);

/// to[index[i]] += scale[i] * from[source[i]] in the order of i.  source null: i; scale null: 1.
/// One thread.
void add_rows(float* to,
              const int64_t* index,
              const float* from,
              const int64_t* source,
              const float* scale,
              int64_t n,
              int64_t h);

}  // namespace samara::host::kernels
