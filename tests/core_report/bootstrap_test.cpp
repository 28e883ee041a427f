// Statistics of seeds and records: against hand-made cases, and against numpy with draws of its
// own.
#include "core/report/bootstrap.hpp"

#include "runtime/random.hpp"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sys/wait.h>

using namespace samara::host;
using Catch::Approx;

namespace {

// [mean, sd, low, high] by bootstrap_oracle.py.
nlohmann::json oracle(const SeedSums& data) {
    const char* named = std::getenv("SAMARA_TEST_PYTHON");
    const std::string python =
        named != nullptr ? named : SAMARA_SOURCE_DIR "/.venv-test/bin/python";
    if (!std::filesystem::exists(python)) {
        const std::string why = "no test interpreter at " + python;
        if (std::getenv("CI") != nullptr) {
            FAIL(why);
        }
        SKIP(why);
    }
    const nlohmann::json given = {{"counts", data.counts}, {"sums", data.sums}};
    FILE* pipe =
        ::popen((python + " " SAMARA_SOURCE_DIR "/tests/core_report/bootstrap_oracle.py '" +
                 given.dump() + "'")
                    .c_str(),
                "r");
    REQUIRE(pipe != nullptr);
    std::string text;
    for (int c = 0; (c = std::fgetc(pipe)) != EOF;) {
        text += static_cast<char>(c);
    }
    REQUIRE(WEXITSTATUS(::pclose(pipe)) == 0);
    return nlohmann::json::parse(text);
}

// Records that are hard or easy for all seeds, with a few relations each.
SeedSums drawn(size_t records, size_t seeds, uint64_t stream) {
    SeedSums data;
    data.sums.resize(seeds);
    uint64_t k = 0;
    for (size_t r = 0; r < records; ++r) {
        data.counts.push_back(1.0 + static_cast<double>(below(random_word(stream, k++), 3)));
        const uint64_t hardness = below(random_word(stream, k++), 4);
        for (std::vector<double>& sums : data.sums) {
            double right = 0;
            for (double n = 0; n < data.counts.back(); ++n) {
                right += below(random_word(stream, k++), 4) < hardness ? 1 : 0;
            }
            sums.push_back(right);
        }
    }
    return data;
}

}  // namespace

TEST_CASE("Mean, spread and quantiles of small lists") {
    CHECK(mean({1, 2, 6}) == 3);
    CHECK(standard_deviation({1, 2, 6}) == Approx(std::sqrt(7.0)));  // (4 + 1 + 9) / 2
    CHECK(std::isnan(standard_deviation({1})));
    CHECK(quantile({0, 10, 20, 30, 40}, 0.5) == 20);
    CHECK(quantile({0, 10, 20, 30, 40}, 0.1) == Approx(4));  // numpy.quantile
    CHECK(quantile({7}, 0.975) == 7);
    CHECK(per_seed({{1, 3}, {{1, 1}, {0, 3}}}) == std::vector<double>{0.5, 0.75});
}

TEST_CASE("Student's interval of a few values, with scipy's quantiles") {
    const Interval two = t_interval({0, 2});  // sd sqrt(2), over sqrt(2)
    CHECK(two.low == Approx(1 - 12.706205));
    CHECK(two.high == Approx(1 + 12.706205));
    CHECK(t_interval({-1, 0, 1}).high == Approx(4.302653 / std::sqrt(3.0)));  // sd 1
    CHECK(t_interval({-1, 0, 1}).low == Approx(-4.302653 / std::sqrt(3.0)));
    CHECK(t_interval({-2, -1, 0, 1, 2}).high == Approx(2.776445 * std::sqrt(2.5 / 5)));
    std::vector<double> values = {0};
    for (int n = 0; n < 15; ++n) {
        values.insert(values.end(), {-1, 1});
    }
    CHECK(t_interval(values).high == Approx(2.042272 / std::sqrt(31.0)));  // 31 values, sd 1
    values.push_back(0);  // 31 degrees of freedom: the normal's quantile
    CHECK(t_interval(values).high == Approx(1.96 * std::sqrt(30.0 / 31) / std::sqrt(32.0)));
    const Interval equal = t_interval({0.5, 0.5, 0.5});
    CHECK((equal.low == 0.5 && equal.high == 0.5));
}

TEST_CASE("Means, spreads and intervals agree with numpy's own draws") {
    for (const size_t seeds : {1, 3, 5}) {
        for (const size_t records : {12, 80}) {
            CAPTURE(seeds, records);
            const SeedSums data = drawn(records, seeds, 10 * seeds + records);
            const nlohmann::json expected = oracle(data);
            const std::vector<double> values = per_seed(data);
            CHECK(mean(values) == Approx(expected[0].get<double>()));
            if (seeds > 1) {
                CHECK(standard_deviation(values) == Approx(expected[1].get<double>()));
            }
            const Interval interval = bootstrap(data, kResamples);
            const double width = expected[3].get<double>() - expected[2].get<double>();
            // Monte Carlo error of both: about 3 % of the width, three times.
            CHECK(interval.low == Approx(expected[2].get<double>()).margin(0.08 * width));
            CHECK(interval.high == Approx(expected[3].get<double>()).margin(0.08 * width));
        }
    }
}

TEST_CASE("Seeds that agree record by record add no certainty about records") {
    const SeedSums one = drawn(60, 1, 3);
    SeedSums four = one;
    four.sums.assign(4, one.sums.front());
    const Interval a = bootstrap(one, kResamples), b = bootstrap(four, kResamples);
    CHECK(b.high - b.low == Approx(a.high - a.low).epsilon(0.08));
}

TEST_CASE("Seeds that differ widen the interval, and equal calls give equal bounds") {
    SeedSums flat{std::vector<double>(50, 1.0), {}};
    for (const double level : {0.2, 0.5, 0.8}) {
        flat.sums.emplace_back(50, level);
    }
    // Records are all alike: only the draw of seeds is left, whose extremes are 0.2 and 0.8 with
    // probability 1/27 each, more than 2.5 %.
    const Interval interval = bootstrap(flat, kResamples);
    CHECK(interval.low == Approx(0.2));
    CHECK(interval.high == Approx(0.8));
    const SeedSums data = drawn(30, 3, 5);
    CHECK(bootstrap(data, 500).low == bootstrap(data, 500).low);
    CHECK(bootstrap(data, 500).high == bootstrap(data, 500).high);
}
