// leak_test.cpp - no instruction that the solvers emit may tell its own truth: the probe of
// leak_probe.py over thousands of draws, for every type that a data set can balance; and the probe
// itself must find a planted leak.
#include "harness.hpp"

#include <catch2/catch_test_macros.hpp>

#include <fstream>
#include <map>

using namespace samara;
using namespace samara::test;

namespace {

constexpr double kMostAuc = 0.55;  // the project's bar, for a truth that is a fair coin
constexpr size_t kDraws = 5000;
constexpr size_t kMost = 6000;  // whole passes over the data, but no more than the probe needs

Row as_draw(const std::string& type,
            size_t record,
            bool truth,
            const Solution& solution,
            const std::string& text) {
    const Row kwargs = Row::parse(solution.kwargs);
    int64_t number = 0;
    bool less = false;
    for (const auto& [key, value] : kwargs.items()) {
        number = value.is_number_integer() ? value.get<int64_t>() : number;
        less = less || value == "less than";
    }
    const int direction = less != solution.negated ? -1 : 1;
    return {{"type", type},
            {"record", record},
            {"truth", truth ? 1 : 0},
            {"direction", direction},
            {"number", number},
            {"text", text}};
}

// Draws of every type over `data`, the truth demanded by a fair coin; the types that gave none are
// named.  `plain`: negated draws are thrown away, as the synthesizers do with negation = false.
std::vector<std::string> draw_all(const Library& library,
                                  const Rows& data,
                                  const std::string& path,
                                  bool plain) {
    std::ofstream file(path);
    std::vector<std::string> none;
    const auto types = library.types();
    for (size_t t = 0; t < types.size(); ++t) {
        Random random(17, types[t]->id);
        size_t drawn = 0;
        for (size_t round = 0; drawn < kDraws && round < 200; ++round) {
            for (size_t i = 0; i < data.size() && drawn < kMost; ++i) {
                const bool truth = random.below(2) == 1;
                const std::vector<Demand> demand{{data.response(i), truth}};
                const auto found =
                    library.solve(data.dataset(), static_cast<int64_t>(t), demand, random.next());
                if (found && !(plain && found->negated)) {
                    const std::string text =
                        library.phrase(types[t]->id, *found, Wordings::all, random.next());
                    file << as_draw(types[t]->id, i / 2, truth, *found, text) << '\n';
                    ++drawn;
                }
            }
            if (drawn == 0) {
                break;
            }
        }
        if (drawn == 0) {
            none.emplace_back(types[t]->id);
        }
    }
    return none;
}

void require_no_leak(const Rows& data, size_t least_types, bool plain = false) {
    const Library library;
    const std::string path = scratch("draws.jsonl");
    const auto none = draw_all(library, data, path, plain);
    const Row table = Row::parse(run_python("leak_probe.py", {path}));
    std::string report;
    for (const auto& [type, row] : table.items()) {
        report += type + " " + row.dump() + "\n";
    }
    for (const std::string& type : none) {
        report += type + " cannot be balanced here\n";
    }
    std::ofstream(scratch("leak_report.txt"), std::ios::app) << report << '\n';
    INFO(report);
    CHECK(table.size() >= least_types);
    for (const auto& [type, row] : table.items()) {
        INFO(type);
        CHECK(row.at("draws").get<size_t>() >= kDraws);
        CHECK(row.at("auc").get<double>() <= kMostAuc);
        CHECK(row.at("auc_numbers").get<double>() <= kMostAuc);
    }
}

}  // namespace

TEST_CASE("no drawn instruction tells its truth on the example data", "[instructions][leak]") {
    const Rows data(read_rows(SAMARA_SOURCE_DIR "/examples/data/preferences.jsonl"));
    require_no_leak(data, 12);
}

TEST_CASE("no plain instruction tells its truth on the example data", "[instructions][leak]") {
    const Rows data(read_rows(SAMARA_SOURCE_DIR "/examples/data/preferences.jsonl"));
    require_no_leak(data, 12, true);
}

TEST_CASE("no drawn instruction tells its truth on long model answers", "[instructions][leak]") {
    std::vector<Row> rows = read_rows(shared_or_skip() + "/data/prefs/ifeval_open_pairs.jsonl");
    rows.resize(700);
    const Rows data(std::move(rows));
    require_no_leak(data, 12);
}

TEST_CASE("the probe finds a planted leak", "[instructions][leak]") {
    // The naive draw of mapl.md section 9: a number around the true count, the direction by the
    // truth demanded.
    const Rows data(read_rows(SAMARA_SOURCE_DIR "/examples/data/preferences.jsonl"));
    const std::string path = scratch("planted.jsonl");
    std::ofstream file(path);
    Random random(5);
    for (int round = 0; round < 4; ++round) {
        for (size_t i = 0; i < data.size(); ++i) {
            const auto words = static_cast<int64_t>(data.response(i).size() / 6);
            const bool truth = random.below(2) == 1;
            const bool less = random.below(2) == 1;
            const int64_t shift = random.between(1, words / 2);
            const int64_t n = truth == less ? words + shift : words - shift;
            const Solution s{
                Row{{"num_words", n}, {"relation", less ? "less than" : "at least"}}.dump(), false};
            file << as_draw("planted",
                            i / 2,
                            truth,
                            s,
                            (less ? "less than " : "at least ") + std::to_string(n))
                 << '\n';
        }
    }
    file.close();
    const Row table = Row::parse(run_python("leak_probe.py", {path}));
    CHECK(table.at("planted").at("auc").get<double>() > 0.6);
}
