// Draws of one token: the distribution that temperature, top_k and top_p leave, against
// transformers' warpers; and that of whole generations, against the forward pass.
#include "lm/model/sample.hpp"

#include "support.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include <cmath>
#include <fstream>
#include <random>

using namespace samara::host;
using namespace samara::test;
using nlohmann::json;

namespace {

constexpr int64_t kGrid = 4000;

/// Rows of logits, all different but for the second, which has 40 equal ones: top_k = 5 keeps all
/// of them, as transformers does.
std::vector<std::vector<float>> some_logits() {
    std::mt19937_64 random(9);
    const auto draw = [&] { return static_cast<float>(random() >> 40) * 0x1p-20f - 8.0f; };
    std::vector<std::vector<float>> rows(4, std::vector<float>(700));
    for (auto& row : rows)
        for (float& x : row)
            x = draw();
    for (int i = 0; i < 40; ++i)
        rows[1][static_cast<size_t>(16 * i + 3)] = 11.0f;
    for (float& x : rows[2])
        x *= 0.01f;  // nearly even: top_p keeps hundreds
    rows[3].resize(700, 0.0f);
    rows[3][699] = 30.0f;  // nearly certain, the last of all
    return rows;
}

/// How often each token is drawn for kGrid even numbers in [0, 1).
std::vector<int64_t> counts_of(const std::vector<float>& logits, const Sampling& sampling) {
    std::vector<int64_t> counts(logits.size());
    for (int64_t i = 0; i < kGrid; ++i) {
        const double u = (static_cast<double>(i) + 0.5) / kGrid;
        ++counts[static_cast<size_t>(
            draw_token(logits.data(), static_cast<int64_t>(logits.size()), sampling, u).id)];
    }
    return counts;
}

/// sum (seen - expected)^2 / expected over cells of at least 5 expected; the rest is one cell.
/// Returns its distance from the mean in standard deviations of the chi-square distribution.
double chi_square_deviations(const std::vector<int64_t>& seen, const std::vector<double>& p) {
    double n = 0, statistic = 0, rest_seen = 0, rest_expected = 0;
    for (const int64_t count : seen)
        n += static_cast<double>(count);
    int cells = 0;
    const auto add = [&](double count, double expected) {
        statistic += (count - expected) * (count - expected) / expected;
        ++cells;
    };
    for (size_t i = 0; i < seen.size(); ++i) {
        if (n * p[i] >= 5) {
            add(static_cast<double>(seen[i]), n * p[i]);
        } else {
            rest_seen += static_cast<double>(seen[i]);
            rest_expected += n * p[i];
        }
    }
    if (rest_expected >= 5)
        add(rest_seen, rest_expected);
    return (statistic - (cells - 1)) / std::sqrt(2.0 * (cells - 1));
}

std::vector<double> next_probabilities(DecoderModel& model, const Ids& ids) {
    const at::NoGradGuard no_grad;
    std::vector<double> p(97);
    Group group;
    for (int64_t next = 0; next < 97; ++next) {
        group.candidates.emplace_back();
        group.candidates.back().prompt_ids = ids;
        group.candidates.back().response_ids = {next};
    }
    const at::Tensor logp = score(model, group, {.logp = true}).logp;
    for (size_t i = 0; i < p.size(); ++i)
        p[i] = std::exp(logp[static_cast<int64_t>(i)].item<double>());
    return p;
}

}  // namespace

TEST_CASE("draws follow what transformers' warpers leave of the logits") {
    const auto rows = some_logits();
    json given = {{"logits", rows}, {"cases", json::array()}};
    std::vector<Sampling> cases;
    for (const double temperature : {1.0, 0.6})
        for (const int64_t top_k : {0, 1, 5, 650})
            for (const double top_p : {1.0, 0.9, 0.3, 1e-6}) {
                Sampling sampling;
                sampling.temperature = temperature;
                sampling.top_k = top_k;
                sampling.top_p = top_p;
                cases.push_back(sampling);
                given["cases"].push_back(
                    {{"temperature", temperature}, {"top_k", top_k}, {"top_p", top_p}});
            }
    const TemporaryFolder folder;
    const std::string file = folder.path() + "/logits.json";
    std::ofstream(file) << given;
    const json expected = json::parse(run_oracle({"warp", file}));
    for (size_t c = 0; c < cases.size(); ++c)
        for (size_t r = 0; r < rows.size(); ++r) {
            // Which of equal logits top_p cuts is nobody's promise: transformers' sort is unstable.
            if (r == 1 && cases[c].top_p < 1)
                continue;
            const auto counts = counts_of(rows[r], cases[c]);
            const auto p = expected[c][r].get<std::vector<double>>();
            int64_t wrong = 0;
            for (size_t id = 0; id < p.size(); ++id) {
                // An interval of length p holds p kGrid points, give or take one at either end.
                wrong += std::abs(static_cast<double>(counts[id]) - p[id] * kGrid) > 1.01;
                wrong += p[id] == 0 && counts[id] > 0;
            }
            INFO("row " << r << " case " << given["cases"][c].dump());
            CHECK(wrong == 0);
        }
}

TEST_CASE("a draw's log-probability is the model's own, whatever restricts the draw") {
    const auto rows = some_logits();
    for (const auto& row : rows) {
        double total = 0;
        for (const float x : row)
            total += std::exp(static_cast<double>(x));
        Sampling sampling;
        for (const double temperature : {0.0, 1.0, 0.5})
            for (const int64_t top_k : {0, 20}) {
                sampling.temperature = temperature;
                sampling.top_k = top_k;
                const Drawn drawn = draw_token(row.data(), 700, sampling, 0.37);
                CHECK_THAT(drawn.logp,
                           Catch::Matchers::WithinAbs(
                               row[static_cast<size_t>(drawn.id)] - std::log(total), 2e-6));
            }
    }
    Sampling greedy;
    greedy.temperature = 0;
    CHECK(draw_token(rows[1].data(), 700, greedy, 0.99).id == 3);  // the first of 40 equals
    CHECK(draw_token(rows[3].data(), 700, greedy, 0.0).id == 699);
}

TEST_CASE("logits that are not finite are an error, not a token") {
    for (const float bad : {std::nanf(""), INFINITY}) {
        std::vector<float> logits(300, 0.5f);
        logits[170] = bad;
        for (const double temperature : {0.0, 1.0}) {
            Sampling sampling;
            sampling.temperature = temperature;
            try {
                static_cast<void>(draw_token(logits.data(), 300, sampling, 0.5));
                FAIL("was drawn");
            } catch (const Error& error) {
                CHECK(error.code() == Code::non_finite);
            }
        }
    }
}

TEST_CASE("generated tokens follow the model's probabilities, the second given the first too") {
    DecoderModel model(request_for(case_folder("llama_tied_gqa"), false), Route::fused);
    const Prompt prompt{{5, 9, 33, 7}, 3, ""};
    Sampling sampling;
    sampling.samples = 30000;
    sampling.max_new_tokens = 2;
    sampling.batch = 64;
    sampling.seed = 21;
    const Generated result = model.generate({&prompt, 1}, sampling, {});
    std::vector<int64_t> first(97);
    std::vector<std::vector<int64_t>> second(97, std::vector<int64_t>(97));
    for (const Sampled& sample : result.samples) {
        ++first[static_cast<size_t>(sample.ids[0])];
        ++second[static_cast<size_t>(sample.ids[0])][static_cast<size_t>(sample.ids[1])];
    }
    CHECK(std::abs(chi_square_deviations(first, next_probabilities(model, prompt.ids))) < 4);
    const auto most = std::max_element(first.begin(), first.end()) - first.begin();
    REQUIRE(first[static_cast<size_t>(most)] > 1000);
    Ids longer = prompt.ids;
    longer.push_back(most);
    CHECK(std::abs(chi_square_deviations(second[static_cast<size_t>(most)],
                                         next_probabilities(model, longer))) < 4);
}
