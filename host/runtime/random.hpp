// Numbers that depend on (seed, name, index) alone: every draw is a function of a counter, so
// adding a consumer, a thread or a restart never shifts another's.  Not for cryptography.
#pragma once
#include <cstdint>
#include <numeric>
#include <string_view>
#include <utility>
#include <vector>

namespace samara::host {

/// SplitMix64's finaliser: a bijection of 64-bit words.  Source: Steele, Lea, Flood, OOPSLA 2014,
/// variant 13.
constexpr uint64_t mix64(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

/// The k-th word of the stream `seed`; equals the (k+1)-th output of SplitMix64 started at `seed`.
constexpr uint64_t random_word(uint64_t seed, uint64_t k) {
    return mix64(seed + (k + 1) * 0x9e3779b97f4a7c15ULL);
}

/// A seed of its own for every (root, name, index).
constexpr uint64_t derive_seed(uint64_t root, std::string_view name, uint64_t index) {
    uint64_t hash = 0xcbf29ce484222325ULL;  // FNV-1a, 64 bit
    for (const char c : name) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    }
    return random_word(random_word(root, hash), index);
}

/// `word` mapped to [0, n) by the high half of the product; the bias is below n / 2^64.
constexpr uint64_t below(uint64_t word, uint64_t n) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<uint64_t>((static_cast<Wide>(word) * n) >> 64);
}

/// The order of n items in `epoch`: Fisher-Yates over the stream (seed, "order", epoch).  The same
/// on every machine.
inline std::vector<int64_t> permutation(int64_t n, uint64_t seed, int64_t epoch) {
    std::vector<int64_t> order(static_cast<size_t>(n));
    std::iota(order.begin(), order.end(), int64_t{0});
    const uint64_t stream = derive_seed(seed, "order", static_cast<uint64_t>(epoch));
    for (size_t k = order.size(); k > 1; --k) {
        std::swap(order[k - 1], order[below(random_word(stream, order.size() - k), k)]);
    }
    return order;
}

}  // namespace samara::host
