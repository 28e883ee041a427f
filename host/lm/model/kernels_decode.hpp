// Kernels of decoding (kernels.hpp has those that training shares): few rows, weights far larger
// than a cache.  Every sum of a row is taken in an order of its own, so a result never depends on
// the other rows nor on the number of threads.  float32 on CPU memory.
#pragma once
#include "lm/model/kernels.hpp"

namespace samara::host::kernels {

/// y [n, out] = x [n, in] W^T + bias for a row-major W [out, in]; bias [out] may be null.  Reads
/// every weight from memory once; meant for n up to about 64.
void row_products(const float* x,
                  const float* w,
                  const float* bias,
                  float* y,
                  int64_t n,
                  int64_t in,
                  int64_t out);

/// Keys stand in blocks of this many tokens, [blocks, D, kKeyBlock], values as [tokens, D].
constexpr int64_t kKeyBlock = 16;

/// Consecutive tokens of one layer's cache; the next key head's begin `stride` floats later.
struct Stretch {
    const float *k = nullptr, *v = nullptr;
    int64_t stride = 0, size = 0;
};
/// What one row attends to: the tokens of `shared`, then those of `own`.
struct Sight {
    Stretch shared, own;
};

/// k and v [kv, tokens, D] of row t into position `at` of the layer's cache.
void store_row(const float* k,
               const float* v,
               int64_t t,
               Heads heads,
               float* to_k,
               float* to_v,
               int64_t stride,
               int64_t at);

/// q [kv, tokens, group, D] against each row's sight -> out [tokens, kv * group * D].  A row sees
/// the last `window` tokens of its sight; 0: all.
void cached_attention(const float* q,
                      const Sight* sights,
                      float* out,
                      Heads heads,
                      int64_t window,
                      float scale);

}  // namespace samara::host::kernels
