// Good configurations: the plan they give, the resolved text and its round trip, overrides,
// folders, documentation.
#include "support.hpp"

#include <catch2/catch_test_macros.hpp>

#include <clocale>
#include <limits>
#include <locale>
#include <sstream>

using namespace samara::host;
using namespace samara::host::test;

namespace {

// Every section, most keys away from their defaults.
const std::string kFull = R"([run]
output = "out"
seed = 7

[model]
path = "cache:tiny"
dtype = "float64"

[data]
train = ["train.jsonl", "held.jsonl"]
columns = { prompt = "instruction" }
format = "hh"
on_bad_row = "skip"
max_bad_rows = 12
max_tokens = 512
order = "file"
response = "shuffled"
max_records = 100
seed = 11

[plugins]
load = []

[[instructions]]
plugin = "test.rules"

[[synthesizer]]
plugin = "test.pairs"

[[synthesizer]]
plugin = "test.draw"
params = { count = [2, 2], functions = ["a", "b$${c}\"\\\u00fc\t"], wordings = "words.txt", temperatures = [1, 0.25] }

[[objective]]
plugin = "test.loss"
weight = 0.5
params = { form = "hinge" }
tags = { base = 1, "in.tra" = 0.1 }

[[objective]]
plugin = "test.loss"

[optimizer]
plugin = "test.momentum"
params.momentum = 0.9

[schedule]
learning_rate = 3e-5
kind = "linear"
warmup_steps = 2

[train]
max_steps = 40
mix = "union"

[checkpoint]
every_steps = 10
keep = 3

[[eval]]
name = "held-out"
path = "held.jsonl"
every_steps = 20

[[eval]]
name = "blind"
path = "held.jsonl"
on_start = "skip"
prompt = "empty"
max_records = 5
by = ["kind"]

[[eval.instructions]]
plugin = "test.rules"

[[eval.synthesizer]]
plugin = "test.draw"
)";

// Written by hand from the schema's defaults and kFull.
const std::string kResolved = R"([run]
pipeline = "reward"
output = "out"
seed = 7
device = "cpu"

[model]
path = "cache:tiny"
dtype = "float64"

[data]
train = ["train.jsonl", "held.jsonl"]
columns = { prompt = "instruction" }
format = "hh"
on_bad_row = "skip"
max_bad_rows = 12
chat = "auto"
max_tokens = 512
too_long = "drop"
order = "file"
prompt = "as_is"
response = "shuffled"
max_records = 100
seed = 11

[plugins]
load = []

[[instructions]]
plugin = "test.rules"
params = {}

[[synthesizer]]
plugin = "test.pairs"
params = {}

[[synthesizer]]
plugin = "test.draw"
params = { count = [2, 2], functions = ["a", "b$${c}\"\\ü\u0009"], temperatures = [1.0, 0.25], wordings = "words.txt", rollout_prompts = false }

[[objective]]
plugin = "test.loss"
params = { beta = 0.1, form = "hinge" }
weight = 0.5
tags = { base = 1.0, "in.tra" = 0.1 }

[[objective]]
plugin = "test.loss"
params = { beta = 0.1, form = "sigmoid" }
weight = 1.0
tags = {}

[optimizer]
plugin = "test.momentum"
params = { momentum = 0.9 }

[schedule]
learning_rate = 3e-05
kind = "linear"
warmup_steps = 2

[train]
max_steps = 40
groups_per_step = 4
mix = "union"
tokens_per_batch = 4096
max_grad_norm = 1.0

[checkpoint]
every_steps = 10
keep = 3

[[eval]]
name = "held-out"
path = "held.jsonl"
every_steps = 20
on_start = "evaluate"
prompt = "as_is"
response = "as_is"
max_records = 0
by = []

[[eval]]
name = "blind"
path = "held.jsonl"
every_steps = 0
on_start = "skip"
prompt = "empty"
response = "as_is"
max_records = 5
by = ["kind"]

[[eval.instructions]]
plugin = "test.rules"
params = {}

[[eval.synthesizer]]
plugin = "test.draw"
params = { count = [1, 3], functions = [], temperatures = [0.5, 1.0], rollout_prompts = false }
)";

}  // namespace

TEST_CASE("Every key reaches the plan") {
    const Folder folder;
    const Environment cache("SAMARA_CACHE_DIR", folder.path("cache").c_str());
    fs::create_directories(folder.path("cache/models/tiny"));
    const LoadedConfig loaded = folder.load(kFull);
    const Plan& plan = loaded.plan;
    CHECK(loaded.warnings.empty());
    CHECK(plan.file == folder.path("run.toml"));
    CHECK(plan.pipeline == "reward");
    CHECK(plan.output == (fs::current_path() / "out").string());
    CHECK(plan.seed == 7);
    CHECK(plan.device == "cpu");
    CHECK(plan.model_path == "cache:tiny");
    CHECK(plan.dtype == "float64");
    CHECK(plan.data.files ==
          std::vector<std::string>{folder.path("train.jsonl"), folder.path("held.jsonl")});
    CHECK(plan.data.columns == std::map<std::string, std::string>{{"prompt", "instruction"}});
    CHECK(plan.data.format == "hh");
    CHECK(plan.data.on_bad_row == "skip");
    CHECK(plan.data.max_bad_rows == 12);
    CHECK(plan.data.chat == "auto");
    CHECK(plan.data.max_tokens == 512);
    CHECK(plan.data.too_long == "drop");
    CHECK(plan.data.order == "file");
    CHECK(plan.data.prompt == "as_is");
    CHECK(plan.data.response == "shuffled");
    CHECK(plan.data.max_records == 100);
    CHECK(plan.data.seed == 11);
    CHECK(plan.evals[0].data.seed == 11);
    REQUIRE(plan.instructions.size() == 1);
    REQUIRE(plan.synthesizers.size() == 2);
    CHECK(plan.synthesizers[0].id == "test.pairs");
    CHECK(plan.synthesizers[1].where == folder.path("run.toml") + ":31:10");
    using Params = std::vector<std::pair<std::string, ParamValue>>;
    CHECK(plan.synthesizers[1].params.values() ==
          Params{{"count", std::vector<int64_t>{2, 2}},
                 {"functions", std::vector<std::string>{"a", "b${c}\"\\\u00fc\t"}},
                 {"temperatures", std::vector<double>{1.0, 0.25}},
                 {"wordings", folder.path("words.txt")},
                 {"rollout_prompts", false}});
    REQUIRE(plan.objectives.size() == 2);
    CHECK(plan.objectives[0].weight == 0.5);
    CHECK(plan.objectives[0].tags == std::map<std::string, double>{{"base", 1.0}, {"in.tra", 0.1}});
    CHECK(plan.objectives[0].params.values() ==
          Params{{"beta", 0.1}, {"form", std::string("hinge")}});
    CHECK(plan.objectives[1].tags.empty());
    CHECK(plan.optimizer.id == "test.momentum");
    CHECK(plan.learning_rate == 3e-5);
    CHECK(plan.schedule == "linear");
    CHECK(plan.warmup_steps == 2);
    CHECK(plan.max_steps == 40);
    CHECK(plan.groups_per_step == 4);
    CHECK(plan.mix == "union");
    CHECK(plan.tokens_per_batch == 4096);
    CHECK(plan.max_grad_norm == 1.0);
    CHECK(plan.checkpoint_every == 10);
    CHECK(plan.checkpoint_keep == 3);
}

TEST_CASE("An evaluation set inherits the data settings but not the blind controls") {
    const Folder folder;
    const Environment cache("SAMARA_CACHE_DIR", folder.path("cache").c_str());
    const LoadedConfig loaded = folder.load(kFull);
    CHECK(loaded.warnings.size() == 1);  // the model is not in the cache
    REQUIRE(loaded.plan.evals.size() == 2);
    const EvalSpec& held = loaded.plan.evals[0];
    const EvalSpec& blind = loaded.plan.evals[1];
    CHECK(held.name == "held-out");
    CHECK(held.every_steps == 20);
    CHECK(held.data.files == std::vector<std::string>{folder.path("held.jsonl")});
    CHECK(held.data.format == "hh");
    CHECK(held.data.max_tokens == 512);
    CHECK(held.data.response == "as_is");
    CHECK(held.data.max_records == 0);
    CHECK(held.synthesizers.empty());
    CHECK(blind.data.prompt == "empty");
    CHECK(blind.data.max_records == 5);
    CHECK(blind.by == std::vector<std::string>{"kind"});
    CHECK(held.by.empty());
    REQUIRE(blind.synthesizers.size() == 1);
    CHECK(blind.synthesizers[0].id == "test.draw");
    CHECK(blind.instructions.size() == 1);
}

TEST_CASE("The resolved configuration has every default, and loads to itself") {
    const Folder folder;
    const Environment cache("SAMARA_CACHE_DIR", folder.path("cache").c_str());
    const Plan plan = folder.load(kFull).plan;
    CHECK(plan.resolved == kResolved);
    const Plan again = folder.load(plan.resolved).plan;
    CHECK(again.resolved == plan.resolved);
    CHECK(again.data.files == plan.data.files);
    CHECK(again.synthesizers[1].params.values() == plan.synthesizers[1].params.values());
    CHECK(again.evals[1].synthesizers[0].params.canonical() ==
          plan.evals[1].synthesizers[0].params.canonical());

    const Plan small = folder.load(kBase).plan;
    CHECK(folder.load(small.resolved).plan.resolved == small.resolved);
    CHECK(small.epochs == 1.0);
    CHECK(small.max_steps == 0);
    CHECK(small.resolved.find("epochs = 1.0\n") != std::string::npos);
    CHECK(small.resolved.find("max_steps") == std::string::npos);
}

TEST_CASE("Overrides set keys, list entries and whole tables, in order") {
    const Folder folder;
    const LoadedConfig loaded = folder.load(kBase + "[train]\nepochs = 2\n",
                                            {"train.max_steps=10",
                                             "objective.0.params.beta=0.25",
                                             "objective.0.tags={ base = 2 }",
                                             "objective.0.tags.\"in.tra\"=3",
                                             "run.output=runs/b c",
                                             "schedule.kind=\"linear\"",
                                             "data.train.0=held.jsonl",
                                             "run.seed=1",
                                             "run.seed=2",
                                             "eval=[{ name = 'h', path = 'held.jsonl' }]"});
    const Plan& plan = loaded.plan;
    CHECK(plan.max_steps == 10);
    CHECK(std::get<double>(plan.objectives[0].params.values()[0].second) == 0.25);
    CHECK(plan.objectives[0].tags == std::map<std::string, double>{{"base", 2.0}, {"in.tra", 3.0}});
    CHECK(plan.output == (fs::current_path() / "runs/b c").string());
    CHECK(plan.schedule == "linear");
    CHECK(plan.data.files.front() == folder.path("held.jsonl"));
    CHECK(plan.seed == 2);
    CHECK(plan.evals.size() == 1);
    // The command line wins over the file, and says so.
    REQUIRE(loaded.warnings.size() == 1);
    CHECK(loaded.warnings[0] == "command line --set #1: train.max_steps replaces train.epochs");
    CHECK(plan.resolved.find("epochs") == std::string::npos);
    const Plan other = folder.load(kBase + "[train]\nmax_steps = 5\n", {"train.epochs=0.5"}).plan;
    CHECK(other.max_steps == 0);
    CHECK(other.epochs == 0.5);
}

TEST_CASE("The text of a path or a float does not depend on the locale") {
    const Folder folder;
    const std::string before = folder.load(kBase).plan.resolved;
    const std::string messages = render(folder.problem(replaced(kBase, "0.5", "-0.5")));
    struct Comma : std::numpunct<char> {
        char do_decimal_point() const override { return ','; }
        char do_thousands_sep() const override { return '.'; }
        std::string do_grouping() const override { return "\3"; }
    };
    // C++ streams by a facet of our own (always there), C functions by the systems' locales (where
    // installed).
    const std::locale old = std::locale::global(std::locale(std::locale::classic(), new Comma));
    for (const char* name : {"C", "de_DE.UTF-8", "tr_TR.UTF-8"}) {
        std::setlocale(LC_ALL, name);
        CHECK(folder.load(kBase).plan.resolved == before);
        CHECK(folder.load(before).plan.resolved == before);
        CHECK(render(folder.problem(replaced(kBase, "0.5", "-0.5"))) == messages);
    }
    std::locale::global(old);
    std::setlocale(LC_ALL, "C");
}

TEST_CASE("Tags that no synthesizer emits are refused with those that are") {
    Plan plan;
    ObjectiveUse use;
    use.tags_where = "run.toml:14:10";
    use.tags = {{"base", 1.0}, {"intr", 1.0}, {"zzz", 1.0}};
    plan.objectives = {ObjectiveUse{}, use};
    CHECK_NOTHROW(check_tags(plan, {"base", "intr", "zzz"}));
    try {
        check_tags(plan, {"base", "intra"});
        FAIL("no error");
    } catch (const Error& error) {
        REQUIRE(error.problems().size() == 2);
        CHECK(error.code() == Code::config);
        CHECK(error.problems()[0].what == "objective.1.tags: no synthesizer emits tag 'intr'");
        CHECK(error.problems()[0].where == "run.toml:14:10");
        CHECK(error.problems()[0].help ==
              "did you mean 'intra'? tags of this run: 'base', 'intra'");
        CHECK(error.problems()[1].help == "tags of this run: 'base', 'intra'");
    }
}

TEST_CASE("The cache folder is SAMARA_CACHE_DIR, then XDG, then the home folder") {
    const Environment own("SAMARA_CACHE_DIR", nullptr);
    const Environment xdg("XDG_CACHE_HOME", "relative/ignored");
    const Environment home("HOME", "/home/ann");
    CHECK(cache_folder() == "/home/ann/.cache/samara");
    const Environment xdg_set("XDG_CACHE_HOME", "/var/xdg");
    CHECK(cache_folder() == "/var/xdg/samara");
    const Environment own_set("SAMARA_CACHE_DIR", "/data/samara");
    CHECK(model_folder("cache:tiny-1.5") == "/data/samara/models/tiny-1.5");
    CHECK(model_folder("/models/tiny") == "/models/tiny");
    for (const char* bad : {"cache:", "cache:..", "cache:a/b", "cache:.hidden"}) {
        CHECK_THROWS_AS(model_folder(bad), Error);
    }
}

// SAMARA_APPROVE=1 rewrites the page; the difference is then reviewed.
TEST_CASE("docs/config.md is what the schema prints") {
    const std::string file = SAMARA_SOURCE_DIR "/docs/config.md";
    if (std::getenv("SAMARA_APPROVE") != nullptr) {
        std::ofstream(file, std::ios::binary) << describe_schema();
    }
    std::ifstream in(file, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    CHECK(text.str() == describe_schema());
}
