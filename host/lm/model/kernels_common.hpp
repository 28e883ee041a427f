// What the kernel files share: instruction-set variants, the size of a task, and the exponential.
#pragma once
#include <algorithm>
#include <bit>
#include <cstdint>

// Variants for AVX-512, AVX2 and the baseline, chosen by the dynamic loader.  Elsewhere, and under
// sanitizers (whose run-time is not up when the loader chooses), the baseline alone.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define SAMARA_HAS_CLONES
#define SAMARA_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define SAMARA_CLONES
#endif

namespace samara::host::kernels {

/// Rows that one task takes at least, for rows of `width` floats: about 16 K floats, so that waking
/// a thread pays.
inline int64_t grain(int64_t width) {
    return std::max<int64_t>(1, (int64_t{1} << 14) / std::max<int64_t>(width, 1));
}

/// e^x, at most 2 units in the last place on [-87, 88] and clamped outside; Cephes' polynomial.
inline float exp_of(float x) {
    x = x < -87.0f ? -87.0f : x;
    x = x > 88.0f ? 88.0f : x;
    const float n = (x * 1.44269504f + 12582912.0f) - 12582912.0f;  // rounds to a whole number
    float r = x - n * 0.693359375f;
    r += n * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    return p * std::bit_cast<float>((static_cast<int32_t>(n) + 127) << 23);
}

inline float sigmoid(float x) {
    return 1.0f / (1.0f + exp_of(-x));
}

}  // namespace samara::host::kernels
