// Who is pooled with whom, who is compared with whom, and what the four forms of a report say.
#include "core/report/compare.hpp"

#include "core/report/render.hpp"
#include "runtime/error.hpp"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <unistd.h>

using namespace samara::host;
using Catch::Approx;
namespace fs = std::filesystem;

namespace {

// A finished run of 40 records with one relation each, of which the first `right` are right.
RunRecord make_run(const std::string& arm, int64_t seed, int right, const std::string& beta) {
    RunRecord run;
    run.arm = arm;
    run.seed = seed;
    run.folder = "/runs/" + arm + "/seed-" + std::to_string(seed);
    run.finished = true;
    run.step = 10;
    run.config = {{"objective.0.params.beta", beta},
                  {"run.seed", std::to_string(seed)},
                  {"run.output", run.folder}};
    run.plugins = {{"samara.adamw", "aaaa"}, {"samara.mapl", "bbbb"}};
    run.data = {{"train", "t"}, {"eval held-out", "h"}};
    run.facts = {{"samara", "1"}, {"libtorch", "2"}, {"threads", "2"}};
    for (const int64_t step : {0, 10}) {
        Evaluation evaluation{
            step, {}, {{"base", 0.6}}, {{"base", step == 0 ? 0.0 : 0.1 * double(seed)}}};
        for (int r = 0; r < 40; ++r) {
            const Share share{r < (step == 0 ? 20 : right) ? 1.0 : 0.0, 1.0};
            evaluation.slices[{"base", ""}]["r" + std::to_string(r)] = share;
            evaluation.slices[{"base", r < 30 ? "longer" : "shorter"}]["r" + std::to_string(r)] =
                share;
        }
        run.evals["held-out"].push_back(evaluation);
    }
    run.cost = {
        9.5 + static_cast<double>(seed) / 2, 1234, 617, 2000000001.0 - (seed == 2 ? 0 : 1e6)};
    return run;
}

std::vector<RunRecord> two_arms(int seeds) {
    std::vector<RunRecord> runs;
    for (int seed = 1; seed <= seeds; ++seed) {
        runs.push_back(make_run("control", seed, 20 + seed, "0.1"));
    }
    for (int seed = 1; seed <= seeds; ++seed) {
        runs.push_back(make_run("other", seed, 36 + seed, "0.5"));
    }
    return runs;
}

// A control with 20 right answers in every seed, and an arm with those given, seed by seed.
std::vector<RunRecord> against_twenty(const std::vector<int>& right) {
    std::vector<RunRecord> runs;
    for (size_t s = 0; s < right.size(); ++s) {
        runs.push_back(make_run("control", static_cast<int64_t>(s) + 1, 20, "0.1"));
    }
    for (size_t s = 0; s < right.size(); ++s) {
        runs.push_back(make_run("other", static_cast<int64_t>(s) + 1, right[s], "0.5"));
    }
    return runs;
}

// Of the whole tag.
Difference difference_in(const std::vector<RunRecord>& runs) {
    const Report report = compare_runs(runs);
    REQUIRE(report.cells.size() > 1);
    REQUIRE(report.cells[1].difference);
    return *report.cells[1].difference;
}

size_t count_notes(const Report& report, const std::string& part) {
    size_t count = 0;
    for (const std::string& note : report.notes) {
        count += note.find(part) != std::string::npos ? 1 : 0;
    }
    return count;
}

bool says(const Report& report, const std::string& part) {
    return count_notes(report, part) > 0;
}

}  // namespace

TEST_CASE("Arms are compared with the first, paired by seed and record") {
    const Report report = compare_runs(two_arms(3));
    REQUIRE(report.arms.size() == 2);
    CHECK(report.notes.empty());
    CHECK(report.arms[0].name == "control");
    CHECK(report.arms[1].seeds == std::vector<int64_t>{1, 2, 3});
    REQUIRE(report.arms[1].changes.size() == 1);
    CHECK(report.arms[1].changes[0].key == "objective.0.params.beta");
    CHECK(report.arms[1].cost.seconds == Approx(10.5));
    CHECK(report.arms[1].cost.peak_bytes == 2000000001);
    REQUIRE(report.cells.size() == 6);  // the whole tag, then its two parts, of each arm
    const Cell& cell = report.cells[1];
    CHECK(cell.mean == Approx((37 + 38 + 39) / 120.0));
    CHECK(cell.sd == Approx(1 / 40.0));
    CHECK(cell.before == Approx(0.5));
    CHECK(cell.loss == Approx(0.6));
    CHECK(cell.length_correlation == Approx(0.2));  // of 0.1, 0.2 and 0.3
    CHECK(cell.relations == 40);
    REQUIRE(cell.difference);
    CHECK(cell.difference->seeds == 3);
    CHECK(cell.difference->mean == Approx(16 / 40.0));
    CHECK(cell.difference->per_seed.size() == 3);
    // 16 of 40 records differ, in every seed alike: the t-interval over the seeds has no width, and
    // the bootstrap's is the binomial's, about 0.4 +- 1.96 * sqrt(0.4 * 0.6 / 40) = 0.4 +- 0.152.
    CHECK(cell.difference->interval.low == Approx(0.248).margin(0.03));
    CHECK(cell.difference->interval.high == Approx(0.552).margin(0.03));
    CHECK(cell.difference->verdict == Verdict::better);
    CHECK_FALSE(report.cells[0].difference);
    REQUIRE(report.curves.size() == 2);
    CHECK(report.curves[1].points[0].step == 0);
    CHECK(report.curves[1].points[1].mean == Approx(cell.mean));
}

TEST_CASE("Parts of a tag are compared like whole ones") {
    const Report report = compare_runs(two_arms(3));
    const Cell &longer = report.cells[3], &shorter = report.cells[5];
    CHECK(longer.slice.part == "longer");
    CHECK(longer.relations == 30);
    CHECK(longer.mean == 1);
    CHECK(longer.difference->mean == Approx((9 + 8 + 7) / 90.0));  // the control has 21, 22, 23
    CHECK(shorter.slice.part == "shorter");
    CHECK(shorter.relations == 10);
    CHECK(shorter.mean == Approx((7 + 8 + 9) / 30.0));
    CHECK(shorter.before == 0);
    CHECK(shorter.difference->mean == Approx(shorter.mean));
    // 0.7, 0.8 and 0.9: t reaches 0.8 + 4.302653 * 0.1 / sqrt(3) = 1.048, further than there is.
    CHECK(shorter.difference->interval.high == 1);
    CHECK(std::isnan(shorter.loss));
    CHECK(std::isnan(shorter.length_correlation));
    CHECK(report.curves.size() == 2);  // of whole tags
    const std::string text = report_text(report);
    CHECK(text.find("held-out  base  longer   other        3         30       100.0") !=
          std::string::npos);
    CHECK(text.find("better       0.20\n") != std::string::npos);
    const auto json = nlohmann::json::parse(report_json(report));
    CHECK(json["results"][1]["part"] == "");
    CHECK(json["results"][1]["length_correlation"].get<double>() == Approx(0.2));
    CHECK(json["results"][5]["part"] == "shorter");
    CHECK(json["results"][5]["accuracy"].get<double>() == Approx(0.8));
    CHECK(json["results"][5]["length_correlation"].is_null());
    CHECK(report_csv(report).find("\r\nheld-out,base,shorter,other,3,10,10,") != std::string::npos);
    CHECK(report_html(report, "x").find("<td class=\"t\">base, shorter</td>") != std::string::npos);
}

TEST_CASE("What a record is like in both arms falls out of the interval") {
    std::vector<RunRecord> runs = two_arms(3);
    for (RunRecord& run : runs) {
        // Twenty records that every run answers, twenty that none does, and one that only `other`
        // answers: the difference is 1/40 with certainty about all but that record.
        Shares& shares = run.evals["held-out"].back().slices[{"base", ""}];
        for (int r = 0; r < 40; ++r) {
            const bool right = r % 2 == 0 || (r == 7 && run.arm == "other");
            shares["r" + std::to_string(r)].right = right ? 1 : 0;
        }
    }
    const Difference difference = *compare_runs(runs).cells[1].difference;
    CHECK(difference.mean == Approx(1 / 40.0));
    CHECK(difference.interval.low == 0);
    // Draws of one record among 40: Poisson of mean 1, whose 97.5 % quantile is 3.  Without
    // pairing the interval would be about +-22 points.
    CHECK(difference.interval.high == Approx(3 / 40.0));
    CHECK(difference.verdict == Verdict::few_records);  // one
}

TEST_CASE("Seeds that disagree widen an interval beyond what drawing them again gives") {
    // 2, 8 and 14 of 40 records: 0.05, 0.2 and 0.35, of mean 0.2 and sd 0.15.
    const Difference difference = difference_in(against_twenty({22, 28, 34}));
    const double half = 4.302653 * 0.15 / std::sqrt(3.0);  // 0.3726
    CHECK(difference.interval.low == Approx(0.2 - half));
    CHECK(difference.interval.high == Approx(0.2 + half));
    CHECK(difference.verdict == Verdict::open);
    // The bootstrap alone leaves out 0: a resample is 0 only when it draws the first seed three
    // times and neither of its two records, 1/27 * (38/40)^40 = 0.5 %.
    SeedSums data{std::vector<double>(40, 1.0), {}};
    for (const size_t more : {2, 8, 14}) {
        std::vector<double>& sums = data.sums.emplace_back(40, 0.0);
        std::fill_n(sums.begin(), more, 1.0);
    }
    CHECK(bootstrap(data, kResamples).low > 0);
    // Two seeds: no winner is named, and the interval is the bootstrap's.
    const Difference two = difference_in(against_twenty({22, 34}));
    CHECK(two.interval.low >= 0);
    CHECK(two.verdict == Verdict::few_seeds);
}

TEST_CASE("No winner is named on fewer than six records that differ") {
    // Five, in every seed alike: resamples without them are (35/40)^40 = 0.5 %.
    const Difference five = difference_in(against_twenty({25, 25, 25}));
    CHECK(five.interval.low > 0);
    CHECK(five.verdict == Verdict::few_records);
    CHECK(std::string(name_of(five.verdict)) == "too few records");
    CHECK(difference_in(against_twenty({26, 26, 26})).verdict == Verdict::better);
    CHECK(difference_in(against_twenty({14, 14, 14})).verdict == Verdict::worse);
    CHECK(difference_in(against_twenty({25, 25})).verdict == Verdict::few_seeds);
    // A record that one seed wins and another loses does not count.
    std::vector<RunRecord> runs = against_twenty({26, 26, 26});
    for (RunRecord& run : runs) {
        const bool right = run.seed == (run.arm == "other" ? 1 : 2);
        run.evals["held-out"].back().slices[{"base", ""}]["r25"].right = right ? 1 : 0;
    }
    CHECK(difference_in(runs).interval.low > 0);
    CHECK(difference_in(runs).verdict == Verdict::few_records);
}

TEST_CASE("A control that has no finished run is not replaced by another arm") {
    std::vector<RunRecord> runs = two_arms(3);
    for (int64_t seed = 1; seed <= 3; ++seed) {
        runs.push_back(make_run("third", seed, 30, "0.7"));
    }
    for (size_t r = 0; r < 3; ++r) {
        runs[r].finished = false;
    }
    runs[1].config.clear();
    const Report report = compare_runs(runs);
    CHECK_FALSE(report.control);
    REQUIRE(report.arms.size() == 2);
    CHECK((report.arms[0].changes.empty() && report.arms[1].changes.empty()));
    REQUIRE(report.cells.size() == 6);
    for (const Cell& cell : report.cells) {
        CHECK_FALSE(cell.difference);
    }
    CHECK(report.notes == std::vector<std::string>{
                              "/runs/control/seed-1 is not finished; left out",
                              "/runs/control/seed-2 has not begun; left out",
                              "/runs/control/seed-3 is not finished; left out",
                              "the control 'control' has no finished run: nothing is compared"});
    const std::string text = report_text(report), page = report_html(report, "x");
    for (const std::string& form : {text, page}) {
        CHECK(form.find("accuracy minus that of") == std::string::npos);
        CHECK(form.find("What the arms change") == std::string::npos);
        CHECK(form.find("nothing is compared") != std::string::npos);
    }
    const auto json = nlohmann::json::parse(report_json(report));
    CHECK(json["control"].is_null());
    CHECK(json["arms"][1]["changes"].empty());
    CHECK(json["results"][1]["difference"].is_null());
    // One that has not even begun is told by its name.
    runs[0].config.clear();
    CHECK(says(compare_runs(runs), "the control 'control' has no finished run"));
}

TEST_CASE("The control is the arm of the first run given, whichever of its runs has finished") {
    std::vector<RunRecord> runs = two_arms(3);
    std::swap(runs[1], runs[3]);  // control 1, other 1, control 3, control 2, other 2, other 3
    runs[0].finished = false;
    for (const bool begun : {true, false}) {
        if (!begun) {
            runs[0].config.clear();
        }
        const Report report = compare_runs(runs);
        CHECK(report.control);
        CHECK(report.arms[0].name == "control");
        CHECK(report.cells[1].difference->seeds == 2);
    }
    // Another ablation's arm of that name is not it.
    runs = two_arms(1);
    runs[0].finished = false;
    runs.push_back(make_run("control", 1, 30, "0.9"));
    CHECK_FALSE(compare_runs(runs).control);
    // Outside an ablation it is the first folder.
    std::vector<RunRecord> alone = {make_run("", 1, 5, "1"), make_run("", 1, 6, "2")};
    alone[0].folder = "/runs/first";
    alone[1].folder = "/runs/second";
    alone[0].finished = false;
    const Report folders = compare_runs(alone);
    CHECK_FALSE(folders.control);
    CHECK(says(folders, "the control 'first' has no finished run"));
    alone.push_back(make_run("", 2, 7, "1"));
    alone[2].folder = "/runs/again";
    CHECK(compare_runs(alone).control);  // a seed of the first
    CHECK(compare_runs(alone).arms[0].name == "again");
}

TEST_CASE("Where the control lacks seeds the tables say how many are paired") {
    std::vector<RunRecord> runs = two_arms(3);
    CHECK(report_text(compare_runs(runs)).find("paired)") == std::string::npos);
    runs.erase(runs.begin());
    const Report report = compare_runs(runs);
    CHECK(seeds_text(report.cells[0]) == "2");
    CHECK(seeds_text(report.cells[1]) == "3 (2 paired)");
    CHECK(report_text(report).find("3 (2 paired)") != std::string::npos);
    CHECK(report_html(report, "x").find("<td>3 (2 paired)</td>") != std::string::npos);
    CHECK(report_csv(report).find("\r\nheld-out,base,,other,3,40,40,") != std::string::npos);
}

TEST_CASE("Runs whose evaluations compare no responses have costs and a note") {
    std::vector<RunRecord> runs = two_arms(1);
    for (RunRecord& run : runs) {
        for (Evaluation& evaluation : run.evals["held-out"]) {
            evaluation.slices.clear();
        }
    }
    const Report report = compare_runs(runs);
    CHECK(report.cells.empty());
    CHECK(report.notes == std::vector<std::string>{
                              "no evaluation set of these runs compares responses: metrics.jsonl "
                              "has their other numbers"});
    const std::string text = report_text(report);
    CHECK(text.starts_with("arm "));
    CHECK(text.find("note: no evaluation set") != std::string::npos);
    CHECK(report_html(report, "x").find("<li>no evaluation set") != std::string::npos);
}

TEST_CASE("A set that was not evaluated at the step of the model is left out and said once") {
    std::vector<RunRecord> runs = two_arms(3);
    runs[4].step = 5;
    const Report one = compare_runs(runs);
    CHECK(one.notes == std::vector<std::string>{
                           "'other', held-out: not evaluated at the step of the model that the run "
                           "left (step 5); left out"});
    CHECK(one.cells.size() == 3);  // the control's
    for (size_t r = 0; r < 6; ++r) {
        runs[r].step = 5;
    }
    const Report none = compare_runs(runs);
    CHECK(none.cells.empty());
    CHECK(none.notes.size() == 2);
    CHECK(count_notes(none, "'control', held-out: not evaluated at the step") == 1);
    // Nothing is said of sets that an arm does not have.
    runs = two_arms(3);
    for (size_t r = 3; r < 6; ++r) {
        runs[r].evals.clear();
        runs[r].data.erase("eval held-out");
    }
    CHECK(compare_runs(runs).notes.empty());
}

TEST_CASE("No winner is named below three seeds") {
    const Report two = compare_runs(two_arms(2));
    REQUIRE(two.cells[1].difference);
    CHECK(two.cells[1].difference->interval.low > 0);
    CHECK(two.cells[1].difference->verdict == Verdict::few_seeds);
    std::vector<RunRecord> runs = two_arms(3);
    runs.erase(runs.begin());  // the control lacks a seed: two pairs are left
    CHECK(compare_runs(runs).cells[1].difference->verdict == Verdict::few_seeds);
    CHECK(compare_runs(runs).cells[1].difference->seeds == 2);
    // The other way round the arm is worse; of equal arms no record differs.
    std::vector<RunRecord> turned = two_arms(3);
    std::rotate(turned.begin(), turned.begin() + 3, turned.end());
    CHECK(compare_runs(turned).cells[1].difference->verdict == Verdict::worse);
    for (RunRecord& run : turned) {
        run.evals = turned.front().evals;
    }
    CHECK(compare_runs(turned).cells[1].difference->verdict == Verdict::few_records);
}

TEST_CASE("Runs with other plugin files, data, versions or settings are not pooled silently") {
    const auto split = [](const auto& change, const std::string& reason) {
        std::vector<RunRecord> runs = two_arms(3);
        change(runs[4]);
        const Report report = compare_runs(runs);
        CAPTURE(reason, report.notes);
        CHECK(report.arms.size() == 3);
        CHECK(report.arms.back().name == "other (2)");
        CHECK(says(report, "'other (2)' is not pooled with 'other': " + reason));
        return report;
    };
    const Report plugin = split([](RunRecord& run) { run.plugins["samara.adamw"] = "cccc"; },
                                "the file of plugin samara.adamw is aaaa and cccc");
    CHECK(says(plugin, "'other (2)' is not compared with 'control': the file of plugin"));
    CHECK_FALSE(plugin.cells.back().difference);
    split([](RunRecord& run) { run.data["train"] = "u"; }, "data of train is t and u");
    split([](RunRecord& run) { run.facts["libtorch"] = "3"; }, "version of libtorch is 2 and 3");
    split([](RunRecord& run) { run.config["train.max_steps"] = "3"; },
          "train.max_steps is not set and 3");
    const Report data = split([](RunRecord& run) { run.data["eval held-out"] = "i"; },
                              "data of eval held-out is h and i");
    CHECK(says(data, "no common seed with the same evaluation set"));
}

TEST_CASE("Arms may change plugins and data by their settings, but not behind them") {
    std::vector<RunRecord> runs = two_arms(3);
    for (size_t r = 3; r < 6; ++r) {
        runs[r].plugins = {{"samara.adamw", "aaaa"}, {"samara.ipo", "dddd"}};
        runs[r].config["synthesizer.1.params.count"] = "[1, 2]";
        runs[r].data["train"] = "u";
        runs[r].facts["threads"] = "1";
    }
    const Report by_settings = compare_runs(runs);
    CHECK(by_settings.cells[1].difference);
    CHECK(says(by_settings, "the runs differ in threads"));
    for (size_t r = 3; r < 6; ++r) {
        runs[r].config.erase("synthesizer.1.params.count");
    }
    const Report behind = compare_runs(runs);
    CHECK_FALSE(behind.cells[1].difference);
    CHECK(says(behind, "the configurations name the same training data, but it was t and u"));
    runs = two_arms(3);
    for (size_t r = 3; r < 6; ++r) {
        runs[r].facts["libtorch"] = "3";
    }
    // Two builds of a plugin are compared where the arms load different files, else not.
    std::vector<RunRecord> builds = two_arms(3);
    for (size_t r = 3; r < 6; ++r) {
        builds[r].plugins["samara.mapl"] = "eeee";
    }
    CHECK_FALSE(compare_runs(builds).cells[1].difference);
    for (size_t r = 3; r < 6; ++r) {
        builds[r].config["plugins.load"] = "[\"new.so\"]";
    }
    CHECK(compare_runs(builds).cells[1].difference);
    const Report versions = compare_runs(runs);
    CHECK(versions.arms.size() == 2);
    CHECK_FALSE(versions.cells[1].difference);
    CHECK(says(versions, "'other' is not compared with 'control': version of libtorch is 2 and 3"));
}

TEST_CASE("A run that kept its best weights is judged by them") {
    std::vector<RunRecord> runs = two_arms(3);
    for (size_t r = 3; r < 6; ++r) {
        runs[r].step = 0;  // where 20 of 40 are right; the control has 21, 22 and 23
    }
    CHECK(compare_runs(runs).cells[1].mean == Approx(0.5));
    CHECK(compare_runs(runs).cells[1].difference->mean == Approx(-2 / 40.0));
}

TEST_CASE("Unfinished and repeated runs are left out and said; nothing finished is an error") {
    std::vector<RunRecord> runs = two_arms(2);
    runs[3].finished = false;
    runs.push_back(runs[0]);
    runs.back().folder = "/elsewhere/control";
    const Report report = compare_runs(runs);
    CHECK(report.arms[1].seeds == std::vector<int64_t>{1});
    CHECK(says(report, "/runs/other/seed-2 is not finished"));
    CHECK(says(report, "/elsewhere/control repeats seed 1 of 'control'"));
    for (RunRecord& run : runs) {
        run.finished = false;
    }
    CHECK_THROWS_AS(compare_runs(runs), Error);
    // Outside an ablation an arm is named after its folder.
    std::vector<RunRecord> alone = {make_run("", 1, 5, "1"), make_run("", 1, 6, "2")};
    alone[0].folder = "/runs/first";
    alone[1].folder = "/runs/second/seed-1";
    CHECK(compare_runs(alone).arms[0].name == "first");
    CHECK(compare_runs(alone).arms[1].name == "second");
}

TEST_CASE("Text, JSON and CSV say the same") {
    std::vector<RunRecord> runs = two_arms(3);
    for (size_t r = 3; r < 6; ++r) {
        runs[r].arm = "a,\"b\" <i>";
    }
    const Report report = compare_runs(runs);
    const std::string text = report_text(report);
    CHECK(text.find("+40.0") != std::string::npos);
    CHECK(text.find("better") != std::string::npos);
    CHECK(text.find("objective.0.params.beta = 0.5   (control: 0.1)") != std::string::npos);
    CHECK(text.find("1.9 GiB") != std::string::npos);
    const auto json = nlohmann::json::parse(report_json(report));
    CHECK(json["control"] == "control");
    CHECK(json["results"][1]["arm"] == "a,\"b\" <i>");
    CHECK(json["results"][1]["difference"]["mean"].get<double>() == Approx(0.4));
    CHECK(json["results"][0]["difference"].is_null());
    CHECK(json["arms"][1]["changes"][0]["arm"] == "0.5");
    const std::string csv = report_csv(report);
    CHECK(csv.find("\r\nheld-out,base,,\"a,\"\"b\"\" <i>\",3,40,40,0.9") != std::string::npos);
    CHECK(csv.find(",better,10.5,1234.0,617.0,2000000001.0\r\n") != std::string::npos);
    const std::string page = report_html(report, "x & <y>");
    CHECK(page.find("<title>x &amp; &lt;y&gt;</title>") != std::string::npos);
    CHECK(page.find("a,&quot;b&quot; &lt;i&gt;") != std::string::npos);
    CHECK(page.find("<i>") == std::string::npos);
    CHECK(page.find("<script") == std::string::npos);
    CHECK(page.find("http") == std::string::npos);  // nothing is fetched
}

TEST_CASE("Runs of an index that have not begun are kept") {
    std::string folder = (fs::temp_directory_path() / "samara-index-XXXXXX").string();
    REQUIRE(::mkdtemp(folder.data()) != nullptr);
    write_index(folder, {{"plain", 3, "plain/seed-3"}, {"mapl", 4, "mapl/seed-4"}});
    fs::create_directories(folder + "/mapl/seed-4");
    std::ofstream(folder + "/mapl/seed-4/config.toml") << "[run]\noutput = \"x\"\nseed = 4\n";
    const std::vector<RunRecord> runs = read_runs({folder + "/."});
    // A later call adds what it plans; what never began and is not planned any more goes.
    write_index(folder, {{"mapl", 2, "mapl/seed-2"}});
    const std::vector<RunRecord> later = read_runs({folder});
    fs::remove_all(folder);
    REQUIRE(later.size() == 2);
    CHECK(later[0].folder == folder + "/mapl/seed-2");
    CHECK(later[1].folder == folder + "/mapl/seed-4");
    REQUIRE(runs.size() == 2);
    CHECK(runs[0].arm == "plain");
    CHECK(runs[0].seed == 3);
    CHECK(runs[0].folder == folder + "/plain/seed-3");
    CHECK(runs[0].config.empty());
    CHECK(runs[1].arm == "mapl");
    CHECK(runs[1].seed == 4);
    CHECK_FALSE(runs[1].config.empty());
    CHECK_FALSE((runs[0].finished || runs[1].finished));
}

TEST_CASE(
    "A run's folder is read: ties are half, equal pairs do not count, a cut line is left out") {
    std::string name = (fs::temp_directory_path() / "samara-runs-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    const fs::path folder = name;
    fs::create_directory(folder / "eval");
    const auto write = [&](const std::string& file, const std::string& bytes) {
        std::ofstream(folder / file) << bytes;
    };
    CHECK_THROWS_AS(read_run(folder.string()), Error);
    write("config.toml", "[run]\noutput = \"x\"\nseed = 4\n");
    CHECK_FALSE(read_run(folder.string()).finished);
    write("done.json", R"({"steps": 9, "best": {"step": 2}})");
    write("environment.json",
          R"({"samara": "1", "threads": 2, "plugins": {"p": {"sha256": "ab"}},
              "data": {"train": {"cache_key": "t"}, "eval a-step-1": {"cache_key": "e"}}})");
    write("metrics.jsonl",
          "{\"eval\": \"a-step-1\", \"step\": 2, \"loss/base\": 0.5, "
          "\"length_correlation/base\": -0.25}\n"
          "{\"step\": 1, \"tokens\": 10, \"tree_tokens\": 6}\n"
          "{\"step\": 2, \"tokens\": 20, \"tree_tokens\": 9}\n");
    write("timing.jsonl",
          "{\"step\": 1, \"seconds\": 1.5, \"peak_bytes\": 7}\n"
          "{\"step\": 2, \"seconds\": 2.0, \"peak_bytes\": 9}\n{\"step\": 3, \"sec");
    write("eval/a-step-1-step-2.jsonl",
          "{\"record\":\"x\",\"tag\":\"base\",\"gap\":1.0,\"parts\":[\"longer\",\"kind=a\"]}\n"
          "{\"record\":\"x\",\"tag\":\"base\",\"gap\":0.0}\n"
          "{\"record\":\"y\",\"tag\":\"base\",\"gap\":-1.0}\n"
          "{\"record\":\"y\",\"tag\":\"base\",\"gap\":-1.0,\"flip\":0.9}\n"
          "{\"record\":\"y\",\"tag\":\"base\",\"gap\":3.0,\"flip\":0.5}\n");
    const RunRecord run = read_run(folder.string());
    CHECK(run.seed == 4);
    CHECK(run.step == 2);
    CHECK(run.plugins.at("p") == "ab");
    CHECK(run.data.at("train") == "t");
    CHECK(run.facts.at("threads") == "2");
    const Evaluation& evaluation = run.evals.at("a-step-1").at(0);
    CHECK(evaluation.step == 2);
    CHECK(evaluation.slices.size() == 3);
    CHECK(evaluation.slices.at({"base", ""}).at("x").right == 1.5);
    CHECK(evaluation.slices.at({"base", ""}).at("y").right == 1.0);
    CHECK(evaluation.slices.at({"base", ""}).at("y").count == 2.0);
    CHECK(evaluation.slices.at({"base", "longer"}).at("x").right == 1.0);
    CHECK(evaluation.slices.at({"base", "kind=a"}).at("x").count == 1.0);
    CHECK(evaluation.length_correlation.at("base") == -0.25);
    CHECK(evaluation.loss.at("base") == 0.5);
    CHECK(run.cost.seconds == 3.5);
    CHECK(run.cost.tokens == 30);
    CHECK(run.cost.tree_tokens == 15);
    CHECK(run.cost.peak_bytes == 9);
    write("environment.json", "{");
    CHECK_THROWS_AS(read_run(folder.string()), Error);
    fs::remove_all(folder);
}
