"""samara synth and samara verify: report, re-check, placebo, and the per-type table; a run's report shows the synthesis."""
import json
import re
import time

from support import EXAMPLES, ROOT, Case, main, need, rows, samara, tiny_model, write_config


class Synth(Case):
    def test_report_and_recheck(self):
        model = tiny_model(self.folder / "model")
        config = write_config(self.folder, model, self.folder / "run")
        done = samara("synth", config, "--report", "--verify", env=self.env)
        for part in ("length_constraints:number_words", "satisfied of asked", "2/2 > ", "widen", "length of the better prompt",
                     "Does the text of an instruction tell its truth?", "follow"):
            self.assertIn(part, done.stdout)
        self.assertEqual(done.stdout.count("group of record"), 10)
        truths = re.search(r"re-checked (\d+) truths: 0 differ", done.stdout)
        relations = re.search(r"re-checked (\d+) relations: 0 do not follow from the verdicts; 0 placebos", done.stdout)
        self.assertGreater(int(truths.group(1)), 1000)
        self.assertGreater(int(relations.group(1)), 500)
        summary = json.loads(samara("synth", config, "--report", "--json", env=self.env).stdout)
        counts = summary["instructions"]
        self.assertEqual(set(counts["tags"]), {"intra", "inter"})
        self.assertEqual(sum(counts["tags"]["intra"]["patterns"].values()), summary["relations"]["intra"])
        self.assertTrue(all(abs(leak["auc"] - 0.5) < 5 * leak["standard_error"] for leak in summary["leaks"]))
        placebo = samara("synth", config, "--verify", "--set", 'synthesizer.1.params={count=[1, 2], truth="permuted"}',
                         "--set", 'synthesizer.2.params={count=[1, 2], truth="permuted"}', env=self.env)
        self.assertIn("re-checked 0 relations", placebo.stdout)

    def test_the_run_report_shows_what_was_synthesised(self):
        model = tiny_model(self.folder / "model")
        config = write_config(self.folder, model, self.folder / "run", steps=1)
        samara("run", config, env=self.env)
        page = self.folder / "report.html"
        done = samara("report", self.folder / "run", "--html", page, env=self.env)
        self.assertIn("Instructions in the training data", done.stdout)
        self.assertIn("keywords:existence", done.stdout)
        self.assertIn("Instructions in the training data", page.read_text())

    def test_both_libraries_together(self):
        model = tiny_model(self.folder / "model")
        config = write_config(self.folder, model, self.folder / "run")
        text = config.read_text().replace('[[instructions]]\nplugin = "samara.ifeval"',
                                          '[[instructions]]\nplugin = "samara.ifeval"\n[[instructions]]\nplugin = "samara.more_instructions"')
        config.write_text(text)
        done = samara("synth", config, "--report", "--verify", env=self.env)
        self.assertIn("count:unique_word_count", done.stdout)
        self.assertIn(" 0 differ", done.stdout)

    def test_verify_541_rows(self):
        data = ROOT.parent / "shared/data/instructions/ifeval_input_data.jsonl"
        need(data, "the shared data folder")
        answers = [row["chosen"] for row in rows(EXAMPLES / "data/preferences.jsonl")]
        file = self.folder / "rows.jsonl"
        file.write_text("".join(json.dumps({**row, "response": answers[n % len(answers)]}) + "\n"
                                for n, row in enumerate(rows(data))))
        begin = time.time()
        done = samara("verify", file, env=self.env)
        self.assertLess(time.time() - begin, 20)  # docs/performance.md has the figure of a calm machine
        table = dict(re.match(r"(\S+)\s+(\d+)", line).groups() for line in done.stdout.splitlines()[1:])
        self.assertEqual(len(table), 25)
        self.assertEqual(table["punctuation:no_comma"], "66")
        self.assertRegex(done.stdout, r"language:response_language\s+0\s+-\s+-\s+31")
        # Rows with a type that needs language detection are left out of the prompts' accuracy, and counted.
        self.assertIn("prompts 446:", done.stderr)
        self.assertIn("not available: 95 instructions, and with them 95 prompts", done.stderr)


if __name__ == "__main__":
    main()
