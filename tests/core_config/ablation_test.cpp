// Ablations: arms, lists of values and seeds become the overrides that `samara run --set` takes;
// every mistake is named at its place in the ablation's file.
#include "core/config/ablation.hpp"

#include "support.hpp"

using namespace samara::host;
using namespace samara::host::test;

namespace {

struct Ablations : Folder {
    Ablations() { write("run.toml", kBase); }

    [[nodiscard]] Ablation read(const std::string& text, AblationArguments more = {}) const {
        more.file = write("ablation.toml", text);
        return read_ablation(more);
    }
    [[nodiscard]] std::vector<PlannedRun> plan(Ablation ablation) const {
        return plan_runs(ablation, [] {
            SearchPath search;
            search.files = {CONFIG_TEST_PLUGINS};
            return std::make_unique<Registry>(search);
        });
    }
    [[nodiscard]] std::vector<PlannedRun> plan(const std::string& text,
                                               const AblationArguments& more = {}) const {
        return plan(read(text, more));
    }
    /// "where: what" of every problem, without the folder.
    [[nodiscard]] std::vector<std::string> mistakes(const std::string& text,
                                                    const AblationArguments& more = {}) const {
        std::vector<std::string> found;
        try {
            (void)plan(text, more);
        } catch (const Error& error) {
            for (const Problem& problem : error.problems()) {
                std::string line = problem.where + ": " + problem.what;
                for (size_t at = 0; (at = line.find(path(""))) != std::string::npos;) {
                    line.erase(at, path("").size());
                }
                found.push_back(line);
            }
        }
        return found;
    }
};

std::vector<std::string> names(const Ablation& ablation) {
    std::vector<std::string> out;
    for (const Arm& arm : ablation.arms) {
        out.push_back(arm.name);
    }
    return out;
}

std::vector<std::string> texts(const Arm& arm) {
    std::vector<std::string> out;
    for (const Override& each : arm.overrides) {
        out.push_back(each.text);
    }
    return out;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("Arms stand in the file's order, and what they set is what --set takes") {
    const Ablations folder;
    const Ablation ablation = folder.read(
        "base = \"run.toml\"\n"
        "seeds = [3, 1]\n"
        "jobs = 2\n"
        "memory_gib = 1.5\n"
        "[set]\n"
        "train.max_steps = 4\n"
        "[arms.zero]\n"
        "[arms.all]\n"
        "objective.0.tags = { base = 1.0, intra = 0.5 }\n"
        "\"objective.0.params.beta\" = 0.25\n"
        "synthesizer = [{ plugin = \"test.pairs\" }]\n");
    CHECK(names(ablation) == Texts{"zero", "all"});  // not by name: the first is the control
    CHECK(ablation.seeds == std::vector<int64_t>{3, 1});
    CHECK(ablation.jobs == 2);
    CHECK(ablation.memory_gib == 1.5);
    CHECK(texts(ablation.arms[0]) == Texts{"train.max_steps=4"});
    CHECK(texts(ablation.arms[1]) == Texts{"train.max_steps=4",
                                           "objective.0.tags={ base = 1.0, intra = 0.5 }",
                                           "objective.0.params.beta=0.25",
                                           "synthesizer=[{ plugin = \"test.pairs\" }]"});
    CHECK(ablation.arms[1].overrides[2].where == folder.path("ablation.toml") + ":10:1");
}

TEST_CASE("The runs of an ablation have the plans of their overrides, seeds and folders") {
    const Ablations folder;
    const std::vector<PlannedRun> runs = folder.plan(
        "base = \"run.toml\"\n"
        "output = \"out-ablation\"\n"
        "seeds = [1, 2]\n"
        "[arms.a]\n"
        "objective.0.tags = { base = 1.0 }\n"
        "[arms.b]\n"
        "objective.0.weight = 2\n"
        "objective.1 = { plugin = \"test.loss\", weight = 0.5 }\n");
    REQUIRE(runs.size() == 4);
    CHECK(runs[0].arm == "a");
    CHECK(runs[1].arm == "a");
    CHECK(runs[1].seed == 2);
    CHECK(runs[1].plan.seed == 2);
    CHECK(runs[1].plan.output == (fs::current_path() / "out-ablation/a/seed-2").string());
    CHECK(runs[1].plan.objectives[0].tags == std::map<std::string, double>{{"base", 1.0}});
    REQUIRE(runs[2].plan.objectives.size() == 2);  // the number after the last appends
    CHECK(runs[2].plan.objectives[0].weight == 2.0);
    CHECK(runs[2].plan.objectives[1].weight == 0.5);
    CHECK(runs[2].plan.data.seed == runs[0].plan.data.seed);
    // What a run is given on the command line leads to the same plan.
    SearchPath search;
    search.files = {CONFIG_TEST_PLUGINS};
    Registry registry(search);
    CHECK(load_plan(folder.path("run.toml"), runs[2].set, registry).plan.resolved ==
          runs[2].plan.resolved);
}

TEST_CASE("Lists of values multiply, and multiply the arms") {
    const Ablations folder;
    const Ablation grid = folder.read(
        "base = \"run.toml\"\n"
        "[matrix]\n"
        "schedule.learning_rate = [1e-4, 2e-4]\n"
        "objective.0.tags = [{ base = 1.0 }, { base = 0.5 }]\n");
    CHECK(names(grid) == Texts{"learning_rate=1e-04,tags-1",
                               "learning_rate=1e-04,tags-2",
                               "learning_rate=2e-04,tags-1",
                               "learning_rate=2e-04,tags-2"});
    CHECK(texts(grid.arms[1]) ==
          Texts{"schedule.learning_rate=1e-04", "objective.0.tags={ base = 0.5 }"});
    CHECK(folder.plan(grid).size() == 12);  // seeds 1, 2, 3 unless given
    const Ablation both = folder.read(
        "base = \"run.toml\"\nseeds = [1]\n[arms.a]\n[arms.b]\nrun.device = \"cpu\"\n"
        "[matrix]\ntrain.max_steps = [1, 2]\n");
    CHECK(names(both) == Texts{"a,1", "a,2", "b,1", "b,2"});
    CHECK(texts(both.arms[3]) == Texts{"run.device=\"cpu\"", "train.max_steps=2"});
}

TEST_CASE("A run's file and the command line make an ablation, too") {
    const Ablations folder;
    AblationArguments arguments;
    arguments.file = folder.path("run.toml");
    arguments.set = {"train.max_steps=3"};
    arguments.vary = {"objective.0.params.form=hinge,relu",
                      "objective.0.tags={base=1, x=2},{base=3}"};
    arguments.seeds = {5};
    arguments.output = "elsewhere";
    arguments.jobs = 4;
    const Ablation ablation = read_ablation(arguments);
    CHECK(ablation.base == folder.path("run.toml"));
    CHECK(ablation.output == (fs::current_path() / "elsewhere").string());
    CHECK(ablation.seeds == std::vector<int64_t>{5});
    CHECK(ablation.jobs == 4);
    CHECK(names(ablation) ==
          Texts{"form=hinge,tags-1", "form=hinge,tags-2", "form=relu,tags-1", "form=relu,tags-2"});
    CHECK(texts(ablation.arms[1]) ==
          Texts{"objective.0.params.form=hinge", "objective.0.tags={base=3}", "train.max_steps=3"});
    arguments.vary.clear();
    CHECK(names(read_ablation(arguments)) == Texts{"base"});
    // Without an output the folder is named after the run's.
    arguments.output.clear();
    const std::vector<PlannedRun> runs = folder.plan(read_ablation(arguments));
    CHECK(runs[0].plan.output == (fs::current_path() / "out-ablation/base/seed-5").string());
}

TEST_CASE("The mistakes of all arms are named at once, at their places in the ablation's file") {
    const Ablations folder;
    CHECK(folder.mistakes("base = \"run.toml\"\n"           // 1
                          "[arms.a]\n"                      // 2
                          "objective.0.params.betta = 1\n"  // 3
                          "objective.7.weight = 1\n"        // 4
                          "[arms.b]\n"                      // 5
                          "  train.max_steps = \"many\"\n"  // 6
                          "[arms.c]\n"                      // 7
                          "run.seed = 4\n") ==
          Texts{"ablation.toml:3:20: unknown key 'betta' in params of test.loss",
                "ablation.toml:4:13: 'objective' has no entry '7', its length is 1",
                "ablation.toml:6:9: train.max_steps: expected an integer in [0, 1000000000], got "
                "the string \"many\"",
                "ablation.toml:8:5: arm 'c': run.seed is set by the ablation"});
    // A value of a list is its own place; what is wrong in the base is said once for all arms.
    CHECK(folder.mistakes("base = \"run.toml\"\n[matrix]\ntrain.max_steps = [1, -1]\n") ==
          Texts{"ablation.toml:3:23: train.max_steps: expected an integer in [0, 1000000000], got "
                "-1"});
    folder.write("bad.toml", kBase + "[train]\nmix = \"no\"\n");
    CHECK(folder.mistakes("base = \"bad.toml\"\n[arms.a]\n[arms.b]\n").size() == 1);
    CHECK(folder.mistakes("base = \"run.toml\"\n", {"", {"train.mix=no"}, {}, {}, "", 0, 0}) ==
          Texts{"command line --set #1: train.mix: expected one of 'by_tag', 'union', got the "
                "string \"no\""});
}

TEST_CASE("The mistakes of the ablation itself are named together") {
    const Ablations folder;
    CHECK(folder.mistakes("base = \"none.toml\"\n"     // 1
                          "seeds = [1, 1, -2]\n"       // 2
                          "jobs = 0\n"                 // 3
                          "memory_gib = \"4\"\n"       // 4
                          "jops = 2\n"                 // 5
                          "[arms.\"a/b\"]\n"           // 6
                          "[arms]\n"                   // 7
                          "b = 3\n"                    // 8
                          "[matrix]\n"                 // 9
                          "train.max_steps = 4\n") ==  // 10
          Texts{"ablation.toml:1:8: base: no file 'none.toml'",
                "ablation.toml:2:13: seeds: 1 is given twice",
                "ablation.toml:2:16: seeds: expected integers of at least 0, got -2",
                "ablation.toml:3:8: jobs: expected an integer in [1, 1000], got 0",
                "ablation.toml:4:14: memory_gib: expected a number above 0, got the string \"4\"",
                "ablation.toml:5:1: unknown key 'jops' in an ablation",
                "ablation.toml:6:7: 'a/b' cannot be the name of an arm",
                "ablation.toml:8:5: arms.b: expected a table of keys and values, got 3",
                "ablation.toml:10:19: matrix train.max_steps: expected an array of values, got 4"});
    CHECK(folder.mistakes("base = \"run.toml\"\n[matrix]\ntrain.max_steps = [1, 1]\n") ==
          Texts{"ablation.toml: two arms are named '1'"});
    AblationArguments vary;
    vary.vary = {"train.max_steps"};
    CHECK(folder.mistakes("base = \"run.toml\"\n", vary) ==
          Texts{"command line --vary #1: expected KEY=VALUE,VALUE,..., got 'train.max_steps'"});
}

TEST_CASE("Settings and differences of resolved configurations") {
    const Ablations folder;
    const std::string a = folder.load(kBase).plan.resolved;
    const std::string b = folder
                              .load(kBase,
                                    {"objective.0.params.beta=0.25",
                                     "run.seed=9",
                                     "run.output=x",
                                     "objective.0.tags={base=2}"})
                              .plan.resolved;
    const auto settings = settings_of(a);
    CHECK(settings.at("objective.0.params.beta") == "0.5");
    CHECK(settings.at("data.train") == "[\"train.jsonl\"]");
    const std::vector<SettingChange> changes = differences(settings, settings_of(b));
    REQUIRE(changes.size() == 2);
    CHECK(changes[0].key == "objective.0.params.beta");
    CHECK(changes[0].was == "0.5");
    CHECK(changes[0].is == "0.25");
    CHECK(changes[1].key == "objective.0.tags.base");
    CHECK(changes[1].was.empty());
    CHECK(changes[1].is == "2.0");
}

TEST_CASE("Seeds of the command line are as different as those of a file") {
    const Ablations folder;
    for (const std::vector<int64_t>& seeds : {std::vector<int64_t>{1, 1}, {2, -1}}) {
        AblationArguments arguments;
        arguments.seeds = seeds;
        CHECK(folder.mistakes("base = \"run.toml\"\n", arguments) ==
              Texts{"command line --seeds: expected different integers of at least 0"});
    }
}

TEST_CASE("An arm's name is no file of the ablation's own") {
    const Ablations folder;
    for (const char* name : {"lock", "report.txt", "ablation.json"}) {
        const Texts found =
            folder.mistakes("base = \"run.toml\"\n[arms.\"" + std::string(name) + "\"]\n");
        REQUIRE(found.size() == 1);
        CHECK(found[0].find("cannot be the name of an arm") != std::string::npos);
    }
}
