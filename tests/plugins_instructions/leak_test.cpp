// leak_test.cpp - no instruction that the solvers emit may tell its own truth: the probe of
// leak_probe.py over thousands of draws, for every type that a data set can balance; and the probe
// itself must find a planted leak.
#include "harness.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

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

// How draws are kept: each, plain ones only (the synthesizers' negation = false), or a response's
// two, one for either truth, drawn until both are found (samara.mapl_intra): whoever draws again
// must not choose by it.
enum class Keep { each, plain, both };

// Draws of every type over `data`, each truth demanded as often; the types that gave none are
// named.
std::vector<std::string> draw_all(const Library& library,
                                  const Rows& data,
                                  const std::string& path,
                                  Keep keep) {
    constexpr int kAttempts = 16;
    std::ofstream file(path);
    std::vector<std::string> none;
    const auto types = library.types();
    for (size_t t = 0; t < types.size(); ++t) {
        Random random(17, types[t]->id);
        const auto solved = [&](size_t i, bool truth) {
            const std::vector<Demand> demand{{data.response(i), truth}};
            return library.solve(data.dataset(), static_cast<int64_t>(t), demand, random.next());
        };
        size_t drawn = 0;
        const auto write = [&](size_t i, bool truth, const Solution& found) {
            const std::string text =
                library.phrase(types[t]->id, found, Wordings::all, random.next());
            file << as_draw(types[t]->id, i / 2, truth, found, text) << '\n';
            ++drawn;
        };
        for (size_t round = 0; drawn < kDraws && round < 1000; ++round) {
            for (size_t i = 0; i < data.size() && drawn < kMost; ++i) {
                if (keep == Keep::both) {
                    for (int attempt = 0; attempt < kAttempts; ++attempt) {
                        const auto yes = solved(i, true), no = solved(i, false);
                        if (yes && no) {
                            write(i, true, *yes);
                            write(i, false, *no);
                            break;
                        }
                    }
                    continue;
                }
                const bool truth = random.below(2) == 1;
                const auto found = solved(i, truth);
                if (found && !(keep == Keep::plain && found->negated)) {
                    write(i, truth, *found);
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

void require_no_leak(const Rows& data,
                     size_t least_types,
                     Keep keep = Keep::each,
                     const std::string& id = "samara.ifeval") {
    const Library library(id);
    const std::string path = scratch("draws.jsonl");
    const auto none = draw_all(library, data, path, keep);
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

// `text` with something of every form that a type looks for, each in some of the responses, so that
// every type can be balanced.
std::string decorated(std::string text, Random& random) {
    const auto chance = [&](uint64_t one_in) { return random.below(one_in) == 0; };
    const auto some = [&](const std::string& piece) {
        for (uint64_t n = random.below(4); n > 0; --n) {
            text += piece;
        }
    };
    const auto drop = [&](char c) { std::erase(text, c); };
    const auto each_word = [&](auto&& change) {
        std::string out;
        size_t n = 0;
        for (size_t i = 0; i < text.size(); ++n) {
            const size_t end = std::min(text.find_first_of(" \n", i), text.size());
            out += change(text.substr(i, end - i), n);
            i = end + 1;
        }
        text = out;
    };
    if (chance(3)) {
        drop('.');
    }
    if (chance(2)) {
        drop(',');
    }
    if (chance(2)) {
        text += " 19 of 84";
    }
    if (chance(2)) {
        text += " Go!";
    }
    if (chance(2)) {
        text += " Why not?";
    }
    some(" NASA");
    some(" [name]");
    some(" *really*");
    if (chance(2)) {
        text = "<<On this>>\n\n" + text;
    }
    some("\n* one more");
    some("\n***\nAnd on.");
    if (chance(2)) {
        text += random.below(2) == 0 ? "\nP.S. Bye" : "\nP.P.S. Bye";
    }
    if (chance(2)) {
        text += " My Answer: a My Conclusion: b Future Outlook: c";
    }
    if (chance(2)) {
        text += " ((((( deep )))))";
    }
    if (chance(2)) {
        text += " level radar civic kayak refer rotor madam tenet stats solos";
    }
    const std::string words[] = {"amber", "birch", "cedar", "dunes", "ember", "fjord"};
    switch (random.below(14)) {
        case 0:
        case 1:
            text = '"' + text + '"';
            break;
        case 2:
            each_word([](const std::string& w, size_t) { return w.empty() ? "" : w + "\n"; });
            break;
        case 3:
            each_word([](const std::string& w, size_t) { return w; });
            break;
        case 4:
            each_word([](const std::string& w, size_t) { return "[" + w + "] "; });
            break;
        case 5:
            each_word([](const std::string& w, size_t n) {
                return w.empty() ? "" : n % 2 == 0 ? "<<" + w + "x " : w + "x>> ";
            });
            break;
        case 6: {  // no two neighbours begin alike
            const uint64_t first = random.below(6), count = random.below(20) + 2;
            text.clear();
            for (uint64_t n = 0; n < count; ++n) {
                text += words[(first + n) % 6] + (n + 1 < count ? " " : "");
            }
            break;
        }
        default:
            break;
    }
    return text;
}

}  // namespace

TEST_CASE("no drawn instruction of any type tells its truth where every form occurs",
          "[instructions][leak]") {
    std::vector<Row> rows = read_rows(SAMARA_SOURCE_DIR "/examples/data/preferences.jsonl");
    Random random(11, "decorated");
    for (Row& row : rows) {
        for (const char* side : {"chosen", "rejected"}) {
            row[side] = decorated(row[side].get<std::string>(), random);
        }
    }
    const Rows data(std::move(rows));
    const bool more = GENERATE(false, true);
    // All types with a solver: none may be left out because the data cannot balance it.
    require_no_leak(
        data, more ? 21 : 17, Keep::each, more ? "samara.more_instructions" : "samara.ifeval");
}

TEST_CASE("no drawn instruction tells its truth in a data set larger than what is measured",
          "[instructions][leak]") {
    const auto examples = read_rows(SAMARA_SOURCE_DIR "/examples/data/preferences.jsonl");
    // 81 times as many, twice Corpus::kMeasured responses; most forms are rare, as in real
    // data: a type whose values are even could be drawn carelessly and nothing would tell.
    std::vector<Row> rows;
    Random random(13, "decorated");
    for (int copy = 0; copy < 81; ++copy) {
        for (Row row : examples) {
            for (const char* side : {"chosen", "rejected"}) {
                if (random.below(4) == 0) {
                    row[side] = decorated(row[side].get<std::string>(), random);
                }
            }
            rows.push_back(std::move(row));
        }
    }
    require_no_leak(Rows(std::move(rows)), 17, GENERATE(Keep::each, Keep::both));
}

TEST_CASE("no drawn instruction beyond IFEval tells its truth", "[instructions][leak]") {
    const Rows data(read_rows(SAMARA_SOURCE_DIR "/examples/data/preferences.jsonl"));
    require_no_leak(data, 8, GENERATE(Keep::each, Keep::plain), "samara.more_instructions");
}

TEST_CASE("no drawn instruction tells its truth on the example data", "[instructions][leak]") {
    const Rows data(read_rows(SAMARA_SOURCE_DIR "/examples/data/preferences.jsonl"));
    require_no_leak(data, 12);
}

TEST_CASE("no plain instruction tells its truth on the example data", "[instructions][leak]") {
    const Rows data(read_rows(SAMARA_SOURCE_DIR "/examples/data/preferences.jsonl"));
    require_no_leak(data, 12, Keep::plain);
}

TEST_CASE("no instruction of a response's two tells its truth on the example data",
          "[instructions][leak]") {
    const Rows data(read_rows(SAMARA_SOURCE_DIR "/examples/data/preferences.jsonl"));
    require_no_leak(data, 12, Keep::both);
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
