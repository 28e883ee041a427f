// Counter-based numbers: golden values, and the properties that runs rely on.
#include "runtime/random.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <set>

using namespace samara::host;

TEST_CASE("The stream is SplitMix64: the published outputs for seed 1234567") {
    // Rosetta Code, "Pseudo-random numbers/Splitmix64": the first five outputs for seed 1234567.
    const uint64_t expected[] = {6457827717110365317ULL,
                                 3203168211198807973ULL,
                                 9817491932198370423ULL,
                                 4593380528125082431ULL,
                                 16408922859458223821ULL};
    for (uint64_t k = 0; k < 5; ++k) {
        CHECK(random_word(1234567, k) == expected[k]);
    }
}

TEST_CASE("Orders are permutations that depend on seed and epoch alone") {
    const std::vector<int64_t> once = permutation(1000, 7, 0);
    CHECK(once == permutation(1000, 7, 0));
    CHECK(once != permutation(1000, 7, 1));
    CHECK(once != permutation(1000, 8, 0));
    std::vector<int64_t> sorted = once;
    std::sort(sorted.begin(), sorted.end());
    for (int64_t n = 0; n < 1000; ++n) {
        CHECK(sorted[static_cast<size_t>(n)] == n);
    }
    CHECK(permutation(0, 1, 0).empty());
    CHECK(permutation(1, 1, 0) == std::vector<int64_t>{0});
}

TEST_CASE("The order of ten items for seed 7 is the same on every machine") {
    // From a Python script that computes FNV-1a, SplitMix64 and Fisher-Yates with integers of any
    // size.
    CHECK(permutation(10, 7, 0) == std::vector<int64_t>{8, 4, 1, 3, 9, 5, 7, 2, 6, 0});
    CHECK(permutation(10, 7, 3) == std::vector<int64_t>{5, 2, 1, 9, 6, 3, 0, 7, 8, 4});
    CHECK(derive_seed(7, "synthesizer/samara.pairs", 2) == 2813120586498022301ULL);
}

TEST_CASE("Every order of three items is about equally frequent") {
    int counts[6] = {};
    const std::vector<std::vector<int64_t>> all = {
        {0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (int64_t epoch = 0; epoch < 6000; ++epoch) {
        ++counts[std::find(all.begin(), all.end(), permutation(3, 1, epoch)) - all.begin()];
    }
    for (const int count : counts) {
        CHECK(std::abs(count - 1000) < 150);  // five standard deviations of a binomial(6000, 1/6)
    }
}

TEST_CASE("Names and indices give streams of their own") {
    std::set<uint64_t> seen;
    for (const char* name : {"a", "b", "ab", ""}) {
        for (uint64_t index = 0; index < 100; ++index) {
            seen.insert(derive_seed(1, name, index));
            seen.insert(derive_seed(2, name, index));
        }
    }
    CHECK(seen.size() == 800);
}
