// Bad configurations: message, code and place.  Numbers in the names are the cases of the fault
// catalogue (reliability, section 5).
#include "support.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <sys/resource.h>

using namespace samara::host;
using namespace samara::host::test;

TEST_CASE("The base configuration of these tests has no problem") {
    const Folder folder;
    CHECK(folder.problems(kBase).empty());
}

TEST_CASE("Case 1: an unknown key is named with its place and its nearest neighbour") {
    const Folder folder;
    const Problem problem = folder.problem(kBase + "\n[schedule]\nlearing_rate = 1e-5\n");
    CHECK(problem.code == Code::config);
    CHECK(problem.what == "unknown key 'learing_rate' in [schedule]");
    CHECK(problem.where == "run.toml:21:1");
    CHECK(problem.help == "did you mean 'learning_rate'?");
}

TEST_CASE("Case 2: a known key in the wrong table is sent to the right one") {
    const Folder folder;
    const Problem problem = folder.problem(kBase + "\n[schedule]\n  epochs = 2\n");
    CHECK(problem.what == "unknown key 'epochs' in [schedule]");
    CHECK(problem.where == "run.toml:21:3");
    CHECK(problem.help == "'epochs' belongs under [ppo] or [train]");

    const Problem outside = folder.problem("max_steps = 3\n" + kBase);
    CHECK(outside.what == "unknown key 'max_steps' outside of any section");
    CHECK(outside.where == "run.toml:1:1");
    CHECK(outside.help == "'max_steps' belongs under [train]");

    const Problem near = folder.problem(kBase + "\n[schedule]\ngroups_per_stp = 2\n");
    CHECK(near.help == "did you mean 'groups_per_step' under [train]?");

    const Problem section = folder.problem(kBase + "\n[trian]\nepochs = 2\n");
    CHECK(section.what == "unknown section 'trian'");
    CHECK(section.where == "run.toml:20:2");
    CHECK(section.help == "did you mean [train]?");
}

TEST_CASE("Case 3: a wrong type says what was expected and shows the value") {
    const Folder folder;
    const Problem problem = folder.problem(kBase + "\n[schedule]\nlearning_rate = \"1e-5\"\n");
    CHECK(problem.what ==
          "schedule.learning_rate: expected a float in [0, inf), got the string \"1e-5\"");
    CHECK(problem.where == "run.toml:21:17");
    CHECK(problem.help == "write it without quotes: 1e-5");

    CHECK(folder.problem(kBase + "[train]\nmax_steps = 1.5\n").what ==
          "train.max_steps: expected an integer in [0, 1000000000], got 1.5");
    CHECK(folder.problem(kBase + "[train]\nmix = 1979-05-27\n").what ==
          "train.mix: expected one of 'by_tag', 'union', got a date");
    const Problem list = folder.problem(replaced(kBase, "[\"train.jsonl\"]", "\"train.jsonl\""));
    CHECK(list.what == "data.train: expected an array of strings, got the string \"train.jsonl\"");
    CHECK(list.help == "write it in brackets: [\"train.jsonl\"]");
    CHECK(folder.problem(replaced(kBase, "[[objective]]", "[objective]")).help ==
          "write [[objective]], with double brackets");
    CHECK(folder.problem(kBase + "[[train]]\nepochs = 1\n").what ==
          "train: expected a table [train], got an array of 1");
}

TEST_CASE(
    "Case 4: a value out of range states the range, for keys, choices and parameters of plugins") {
    const Folder folder;
    const Problem key = folder.problem(kBase + "[checkpoint]\nkeep = 1\n");
    CHECK(key.what == "checkpoint.keep: expected an integer in [2, 1000000000], got 1");
    CHECK(key.where == "run.toml:20:8");
    const Problem choice = folder.problem(kBase + "[schedule]\nkind = \"cosin\"\n");
    CHECK(
        choice.what ==
        "schedule.kind: expected one of 'constant', 'linear', 'cosine', got the string \"cosin\"");
    CHECK(choice.help == "did you mean 'cosine'?");

    const Problem beta = folder.problem(replaced(kBase, "beta = 0.5", "beta = -0.1"));
    CHECK(beta.code == Code::config);
    CHECK(beta.what.starts_with("objective.0.params.beta: expected a float in (0, inf), got -0.1"));
    CHECK(beta.what.ends_with("(test.loss)"));
    CHECK(beta.where == "run.toml:15:19");
}

TEST_CASE("Case 5: a key given twice names both places, and the rest is still checked") {
    const Folder folder;
    const std::vector<Problem> found =
        folder.problems(kBase +
                        "[train]\nepochs = 1\n  epochs = 2\n[schedule]\nrate = 1\nkind = "
                        "\"linear\"\nkind = [\n1]\n");
    REQUIRE(found.size() == 3);
    CHECK(found[0].what == "key 'train.epochs' is given twice");
    CHECK(found[0].where == "run.toml:21:3");
    CHECK(found[0].help == "first given at run.toml:20:1; keep one of them");
    CHECK(found[1].what == "unknown key 'rate' in [schedule]");
    CHECK(found[2].what == "key 'schedule.kind' is given twice");
    CHECK(found[2].where == "run.toml:25:1");
    CHECK(found[2].help == "first given at run.toml:24:1; keep one of them");

    const Problem table =
        folder.problem(kBase + "[train]\nepochs = 1\n[schedule]\n[train]\nmax_steps = 2\n");
    CHECK(table.what == "table [train] is given twice");
    CHECK(table.where == "run.toml:22:1");
    CHECK(table.help == "first given at run.toml:19:2; keep one of them");

    const Problem nested =
        folder.problem(replaced(kBase, "params = {", "params.beta = 1.0\nparams.beta = 2.0 #"));
    CHECK(nested.what == "key 'objective.params.beta' is given twice");
    CHECK(nested.where == "run.toml:16:1");
}

TEST_CASE("Case 6: a syntax error has the parser's place and a caret") {
    const Folder folder;
    const Problem problem = folder.problem(replaced(kBase, "\"model\"", "\"model"));
    CHECK(problem.code == Code::config);
    CHECK(problem.where == "run.toml:5:14");
    CHECK(problem.what.starts_with("syntax error: "));
    CHECK(problem.what.ends_with("\n    path = \"model\n                 ^"));
    CHECK(problem.help == "is a closing quote missing?");
    CHECK(folder.problem(kBase + "[train]\nepochs = one\n").where == "run.toml:20:10");
}

TEST_CASE("Texts that run into the parser's own assertions are located errors") {
    const Folder folder;
    const Problem problem = folder.problem(kBase + "[train]\n[=model]\nepochs = 1\n");
    CHECK(problem.code == Code::config);
    CHECK(problem.where == "run.toml:20:1");
    CHECK(problem.what == "syntax error: this line cannot be read\n    [=model]\n    ^");
    CHECK(folder.problem(kBase, {"train.mix=[[=x"}).where == "command line --set #1");
}

TEST_CASE("Case 7: independent errors are all reported, by line, then those of the command line") {
    const Folder folder;
    std::string text =
        replaced(kBase, "output = \"out\"", "outptu = \"out\"");  // 1: unknown, 2: missing output
    text = replaced(text, "train.jsonl", "gone.jsonl");           // 3: no file
    text = replaced(text, "test.pairs", "test.pears");            // 4: no plugin
    text = replaced(text, "beta = 0.5", "beta = 0, betta = 1");   // 5 and 6
    text += "[train]\ntokens_per_batch = 0\n";                    // 7
    const std::vector<Problem> found = folder.problems(text, {"train.mix=none"});  // 8
    std::vector<std::string> places;
    for (const Problem& problem : found) {
        places.push_back(problem.where);
    }
    CHECK(places == std::vector<std::string>{"run.toml:1:1",
                                             "run.toml:2:1",
                                             "run.toml:8:10",
                                             "run.toml:11:10",
                                             "run.toml:15:19",
                                             "run.toml:15:22",
                                             "run.toml:20:20",
                                             "command line --set #1"});
}

TEST_CASE("Case 8: deep nesting of any kind is a bounded error") {
    const Folder folder;
    const std::string deep_array = "x = " + std::string(10000, '[');
    CHECK(folder.problem(deep_array).what.find("64") != std::string::npos);
    std::string tables;
    for (int i = 0; i < 10000; ++i) {
        tables += "{a=";
    }
    CHECK(folder.problem("x = " + tables).what.find("64") != std::string::npos);
    std::string dotted = "a";
    for (int i = 0; i < 200000; ++i) {
        dotted += ".a";
    }
    for (const std::string& text :
         {dotted + " = 1", "[" + dotted + "]", "x = [{ " + dotted + " = 1 }]"}) {
        CHECK(folder.problem(text).what == "a key nests deeper than 64 levels");
    }
    // Dots in strings and comments are no nesting.
    const std::string dots(500, '.');
    CHECK(folder
              .problems(kBase + "# " + dots + "\n[[eval]]\nname = \"" + dots +
                        "\"\npath = \"held.jsonl\"\n")
              .empty());
    CHECK(folder.problem(kBase, {"train.x=" + std::string(10000, '[')}).where ==
          "command line --set #1");
}

TEST_CASE("Case 9: byte order mark and CRLF are accepted, bytes that are no UTF-8 are located") {
    const Folder folder;
    std::string crlf;
    for (const char c : kBase) {
        crlf += c == '\n' ? "\r\n" : std::string(1, c);
    }
    CHECK(folder.problems("\xef\xbb\xbf" + crlf).empty());
    CHECK(folder.load("\xef\xbb\xbf" + crlf).plan.resolved == folder.load(kBase).plan.resolved);
    CHECK(folder.problems("\xef\xbb\xbf" + replaced(crlf, "output", "outptu")).front().where ==
          "run.toml:1:1");

    // u-umlaut is one column; then a lone continuation byte.
    const Problem bad = folder.problem("[run]\nx = \"\xc3\xbc\x80\"\n");
    CHECK(bad.code == Code::config);
    CHECK(bad.what == "byte 0x80 is not valid UTF-8");
    CHECK(bad.where == "run.toml:2:7");
    for (const char* bytes :
         {"\xc0\xaf", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xe2\x82"}) {  // overlong, surrogate, ..
        CHECK(folder.problem("[run]\nx = '" + std::string(bytes) + "'\n").where == "run.toml:2:6");
    }
}

TEST_CASE("Case 10: files that are empty, missing, a folder, or cannot be read have their codes") {
    const Folder folder;
    Registry registry{SearchPath{}};
    const auto code_of = [&](const std::string& file) {
        try {
            load_plan(file, {}, registry);
        } catch (const Error& error) {
            CHECK(error.problems().front().where == file);
            return error.code();
        }
        return Code::internal;
    };
    CHECK(code_of(folder.write("empty.toml", "")) == Code::config);
    CHECK(code_of(folder.write("blank.toml", " \r\n\n")) == Code::config);
    CHECK(code_of(folder.path("none.toml")) == Code::config);
    CHECK(code_of(folder.path("model")) == Code::config);
    CHECK(code_of(folder.write("huge.toml", std::string(1100000, '#'))) == Code::config);
    // Opens for everybody, and cannot be read at its start, even by root.
    CHECK(code_of("/proc/self/mem") == Code::io);
    if (::geteuid() != 0) {
        const std::string locked = folder.write("locked.toml", kBase);
        fs::permissions(locked, fs::perms::none);
        CHECK(code_of(locked) == Code::io);
    }
}

TEST_CASE("Case 11: overrides go through the same checks and name themselves") {
    const Folder folder;
    const std::vector<Problem> found = folder.problems(kBase,
                                                       {"schedule.learning_rate=abc",
                                                        "nope=1",
                                                        "schedule.rate=1",
                                                        "train",
                                                        "objective.1.weight=2",
                                                        "eval.0.name=x",
                                                        "run.output.x=1",
                                                        "objective.0.params.form=\"relu"});
    REQUIRE(found.size() == 8);
    CHECK(found[0].what ==
          "schedule.learning_rate: expected a float in [0, inf), got the string \"abc\"");
    CHECK(found[0].where == "command line --set #1");
    CHECK(found[1].what == "unknown key 'nope' outside of any section");
    CHECK(found[1].where == "command line --set #2");
    CHECK(found[2].what == "unknown key 'rate' in [schedule]");
    CHECK(found[3].what == "expected KEY=VALUE, got 'train'");
    CHECK(found[4].what == "'objective' has no entry '1', its length is 1");
    CHECK(found[5].what == "'eval' has no entry '0'");
    CHECK(found[6].what == "'run.output' is the string \"out\" and has no key 'x'");
    CHECK(found[7].what.starts_with("objective.0.params.form: "));
    CHECK(found[7].where == "command line --set #8");
}

TEST_CASE("Case 12: overflow, NaN and infinities are refused") {
    const Folder folder;
    CHECK(folder.problem(kBase + "[train]\nmax_steps = 1e30\n").what ==
          "train.max_steps: expected an integer in [0, 1000000000], got 1e+30");
    CHECK(folder.problem(kBase + "[train]\nmax_steps = 99999999999999999999\n").where ==
          "run.toml:20:33");
    CHECK(folder.problem(kBase + "[schedule]\nlearning_rate = nan\n").what ==
          "schedule.learning_rate: expected a finite number, got nan");
    CHECK(folder.problem(kBase, {"schedule.learning_rate=-inf"}).what ==
          "schedule.learning_rate: expected a finite number, got -inf");
    CHECK(folder.problem(replaced(kBase, "beta = 0.5", "beta = inf")).what ==
          "objective.0.params.beta: expected a finite number, got inf");
    CHECK(folder.problem(kBase + "[objective.tags]\nbase = nan\n").where == "run.toml:20:8");
    CHECK(folder.problem(kBase + "[run]\nseed = -1\n").what == "table [run] is given twice");
    CHECK(folder.problem(kBase, {"run.seed=-1"}).what ==
          "run.seed: expected an integer in [0, inf), got -1");
}

TEST_CASE("Case 13: keys that contradict each other are both named") {
    const Folder folder;
    const Problem length = folder.problem(kBase + "[train]\nmax_steps = 10\nepochs = 2\n");
    CHECK(length.what == "train.epochs and train.max_steps are both given");
    CHECK(length.where == "run.toml:21:10");
    CHECK(length.help == "keep one of them; the other is at run.toml:20:13");
    CHECK(folder.problem(kBase, {"train.epochs=1", "train.max_steps=3"})
              .help.ends_with("command line --set #1"));

    const Problem rows = folder.problem(replaced(kBase, "[data]\n", "[data]\nmax_bad_rows = 3\n"));
    CHECK(rows.what == "data.max_bad_rows has no effect with data.on_bad_row = \"error\"");
}

TEST_CASE("Case 15: an unset environment variable is named with its key") {
    const Folder folder;
    const Environment unset("SAMARA_TEST_ROOT", nullptr);
    const std::string text = replaced(kBase, "\"model\"", "\"${SAMARA_TEST_ROOT}/model\"");
    const Problem problem = folder.problem(text);
    CHECK(problem.what == "model.path: environment variable 'SAMARA_TEST_ROOT' is not set");
    CHECK(problem.where == "run.toml:5:8");
    CHECK(folder.problem(replaced(kBase, "\"train.jsonl\"", "\"${\"")).what ==
          "data.train.0: '${' without a name and '}'");

    const Environment set("SAMARA_TEST_ROOT", folder.path("model").c_str());
    CHECK(folder.load(replaced(kBase, "\"model\"", "\"${SAMARA_TEST_ROOT}\"")).plan.model_path ==
          folder.path("model"));
}

TEST_CASE("Required keys are asked for, each by name") {
    const Folder folder;
    std::vector<std::string> texts;
    for (const Problem& problem : folder.problems("# nothing\n")) {
        texts.push_back(problem.what);
        CHECK(problem.where == "run.toml");
    }
    CHECK(texts == std::vector<std::string>{"missing key 'output' in [run]",
                                            "missing key 'path' in [model]",
                                            "missing key 'train' in [data]",
                                            "missing [[synthesizer]]: at least one is needed",
                                            "missing [[objective]]: at least one is needed",
                                            "missing key 'plugin' in [optimizer]"});
    CHECK(folder.problem(kBase + "\n[[eval]]\nname = \"a\"\n").where == "run.toml:20:1");
}

TEST_CASE("What a later version will have is refused by name") {
    const Folder folder;
    const Problem problem =
        folder.problem(replaced(kBase, "[run]\n", "[run]\ndevice = \"auto\"\n"));
    CHECK(problem.what == "run.device: 'auto' is not available in this version");
    CHECK(problem.help == "this version has one of 'cpu', 'cuda'");
    CHECK(folder.problem(kBase, {"model.dtype=bfloat16"}).what ==
          "model.dtype: 'bfloat16' is not available in this version");
    CHECK(folder.problem("base = \"other.toml\"\n" + kBase).what ==
          "'base' belongs to an ablation, not to a run");
}

TEST_CASE("Plugins: unknown ids, wrong kinds, parameters in the wrong place") {
    const Folder folder;
    const Problem unknown = folder.problem(replaced(kBase, "test.loss", "test.los"));
    CHECK(unknown.code == Code::config);
    CHECK(unknown.what == "objective.0: no plugin 'test.los'");
    CHECK(unknown.where == "run.toml:14:10");
    CHECK(unknown.help == "did you mean 'test.loss'? `samara plugins list` shows all");

    const Problem kind = folder.problem(replaced(kBase, "test.plain_step", "test.rules"));
    CHECK(kind.what == "optimizer: 'test.rules' is an instruction, expected an optimizer");
    CHECK(kind.help == "it belongs under [[instructions]]");

    const Problem beside = folder.problem(replaced(kBase, "params = { beta = 0.5 }", "beta = 0.5"));
    CHECK(beside.what == "unknown key 'beta' in [[objective]]");
    CHECK(beside.help == "'beta' is a parameter of the plugin: params = { beta = ... }");
    const Problem inside = folder.problem(replaced(kBase, "beta = 0.5", "weight = 0.5"));
    CHECK(inside.what == "unknown key 'weight' in params of test.loss");
    CHECK(inside.where == "run.toml:15:12");
    CHECK(inside.help == "'weight' stands beside params, not in them");
    CHECK(folder.problem(replaced(kBase, "beta = 0.5", "betta = 0.5")).help.find("'beta'") !=
          std::string::npos);

    const Problem missing = folder.problem(replaced(kBase, "test.plain_step", "test.momentum"));
    CHECK(missing.what.starts_with("optimizer.params.momentum: "));
    CHECK(missing.where == "run.toml:17:1");
    const Problem table = folder.problem(replaced(kBase, "beta = 0.5", "beta = { x = 1 }"));
    CHECK(
        table.what ==
        "objective.0.params.beta: expected a plain value or a flat array of one type, got a table");
}

TEST_CASE(
    "A library that cannot be loaded is one problem among the others, with the plugin's code") {
    const Folder folder;
    folder.write("broken.so", "no library");
    const std::vector<Problem> found = folder.problems(
        kBase + "[plugins]\nload = [\"gone.so\",\n  \"broken.so\"]\n[train]\nmix = 1\n");
    REQUIRE(found.size() == 3);
    CHECK(found[0].code == Code::plugin);
    CHECK(found[0].where == "run.toml:20:9");
    CHECK(found[0].what.starts_with("plugins.load.0: "));
    CHECK(found[1].code == Code::plugin);
    CHECK(found[1].where == "run.toml:21:3");
    CHECK(found[2].code == Code::config);
}

TEST_CASE("Files and folders that are not there are named with where they were looked for") {
    const Folder folder;
    const Problem file = folder.problem(replaced(kBase, "train.jsonl", "../gone/train.jsonl"));
    CHECK(file.code == Code::config);
    CHECK(file.what == "data.train.0: no file '../gone/train.jsonl'");
    CHECK(file.where == "run.toml:8:10");
    CHECK(file.help.find("relative to the configuration file") != std::string::npos);
    CHECK(folder.problem(replaced(kBase, "\"model\"", "\"modl\"")).what ==
          "model.path: no folder 'modl'");
    CHECK(folder.problem(kBase + "[[eval]]\nname = \"h\"\npath = \"model\"\n").what ==
          "eval.0.path: a folder, not a file: 'model'");
    CHECK(folder.problem(replaced(kBase, "\"model\"", "\"cache:../x\""))
              .what.starts_with("model.path: 'cache:../x'"));
}

TEST_CASE("Two evaluation sets need two names") {
    const Folder folder;
    const std::string eval = "[[eval]]\nname = \"h\"\npath = \"held.jsonl\"\n";
    const Problem problem = folder.problem(kBase + eval + eval);
    CHECK(problem.what == "eval.1.name: 'h' names two sets");
    CHECK(problem.where == "run.toml:23:8");
}

TEST_CASE("Checking takes less than 0.2 seconds of processor time, plugins included") {
    const Folder folder;
    const auto used = [] {
        rusage usage{};
        ::getrusage(RUSAGE_SELF, &usage);
        const auto seconds = [](const timeval& t) {
            return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
        };
        return seconds(usage.ru_utime) + seconds(usage.ru_stime);
    };
    const double before = used();
    (void)folder.load(kBase);
    const double taken = used() - before;
    INFO(taken << " s");
    CHECK(taken < 0.2);
}
