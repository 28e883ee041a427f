"""Ablations with a tiny model: arms and seeds, kill and continue, a failing arm, shared caches, and the four reports."""
import csv
import fcntl
import gzip
import html.parser
import json
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time

from support import ROOT, SAMARA, Case, main, rows, samara, tiny_model, write_config

ABLATION = """
base = "run.toml"
output = "{output}"
seeds = [1, 2, 3]
jobs = {jobs}
[set]
train.max_steps = 4
eval.0.every_steps = 2
eval.0.max_records = 8
[arms.plain]
objective.0.tags = {{ base = 1.0, intra = 0.0, inter = 0.0 }}
[arms.mapl]
{more}
"""


class Page(html.parser.HTMLParser):
    """Elements that do not close in order, tags, and text of a page."""

    VOID = {"meta", "line", "br"}

    def __init__(self):
        super().__init__()
        self.open, self.wrong, self.seen, self.attributes, self.text = [], [], [], [], ""

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.attributes += [(tag, *a) for a in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)
        self.attributes += [(tag, *a) for a in attrs]

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        self.text += data


class Ablate(Case):
    def setUp(self):
        super().setUp()
        self.model = tiny_model(self.folder / "model")
        write_config(self.folder, self.model, self.folder / "unused")
        self.out = self.folder / "abl"

    def ablation(self, jobs=1, more="", name="abl"):
        file = self.folder / f"{name}.toml"
        file.write_text(ABLATION.format(output=self.folder / name, jobs=jobs, more=more))
        return file

    def test_arms_over_seeds_share_caches_and_are_reported(self):
        file = self.ablation()
        listed = samara("ablate", file, "--dry-run", env=self.env).stdout
        self.assertIn("objective.0.tags.intra=1.0", listed)
        self.assertFalse(self.out.exists())
        done = samara("ablate", file, env=self.env)
        self.assertIn("left, about", done.stderr)
        self.check_caches()
        self.check_numbers(json.loads((self.out / "report.json").read_text()))
        text = (self.out / "report.txt").read_text()
        self.assertIn(text, done.stdout)
        self.assertEqual(samara("report", self.out, env=self.env).stdout, text)
        self.check_csv()
        self.check_page(self.out / "report.html")
        # Each arm is what `samara run` makes of the same --set options.
        same = ["--set", "train.max_steps=4", "--set", "eval.0.every_steps=2", "--set", "eval.0.max_records=8"]
        samara("run", self.folder / "run.toml", *same, "--set", "run.seed=2", "--set", f"run.output={self.folder / 'alone'}",
               env=self.env)
        for name in ("metrics.jsonl", "model/model.safetensors"):
            self.assertEqual((self.folder / "alone" / name).read_bytes(), (self.out / "mapl/seed-2" / name).read_bytes())
        # Again: nothing is run, the report is the same.
        again = samara("ablate", file, env=self.env)
        self.assertIn("6 runs, 6 done", again.stderr)
        self.assertNotIn("[1/6]", again.stderr)
        self.assertEqual((self.out / "report.txt").read_text(), text)
        # A folder that was moved is still that of these runs; a later call with other seeds adds to it.
        self.out = self.out.rename(self.folder / "moved")
        moved = samara("ablate", file, "--output", self.out, "--seeds", "3,4", env=self.env)
        self.assertIn("4 runs, 2 done | 2 left, about", moved.stderr)
        self.assertEqual([arm["seeds"] for arm in json.loads((self.out / "report.json").read_text())["arms"]], [[1, 2, 3, 4]] * 2)
        self.out.rename(self.folder / "abl")
        # Two ablations that name the same folder but not the same runs are not mixed.
        file.write_text(file.read_text().replace("max_steps = 4", "max_steps = 3"))
        other = samara("ablate", file, env=self.env, check=False)
        self.assertEqual(other.returncode, 8)
        self.assertIn("train.max_steps was 4, now 3", other.stderr)

    def check_caches(self):
        keys = set()
        for run, log in sorted((p.parent, p.read_text()) for p in self.out.glob("*/*/log.txt")):
            environment = json.loads((run / "environment.json").read_text())
            keys.add(tuple(part["cache_key"] for part in environment["data"].values()))
            first = run.name == "seed-1" and run.parent.name == "plain"
            self.assertEqual(log.count("reused from the cache"), 0 if first else 2, run)
        self.assertEqual(len(keys), 1)

    def check_numbers(self, report):
        """Accuracies and differences again, from the gaps on disk."""
        self.assertEqual(report["control"], "plain")
        whole = [row for row in report["results"] if not row["part"]]
        self.assertEqual(len(whole), 6)
        self.assertEqual({(row["tag"], row["part"]) for row in report["results"] if row["part"]},
                         {("base", "longer"), ("base", "shorter")})  # other relations' responses are equally long
        for row in report["results"]:
            means = {arm: [] for arm in ("plain", row["arm"])}
            for arm in means:
                for seed in (1, 2, 3):
                    gaps = [g["gap"] for g in rows(self.out / f"{arm}/seed-{seed}/eval/held-out-step-4.jsonl")
                            if g["tag"] == row["tag"] and (not row["part"] or row["part"] in g.get("parts", []))]
                    means[arm].append(sum(g > 0 for g in gaps) / len(gaps))
            self.assertAlmostEqual(row["accuracy"], statistics.mean(means[row["arm"]]))
            self.assertAlmostEqual(row["sd"], statistics.stdev(means[row["arm"]]))
            for name, key in (("loss", f"loss/{row['tag']}"), ("length_correlation", f"length_correlation/{row['tag']}")):
                values = [r.get(key) for seed in (1, 2, 3) for r in
                          rows(self.out / f"{row['arm']}/seed-{seed}/metrics.jsonl") if "eval" in r and r["step"] == 4]
                if row["part"] or None in values:
                    self.assertIsNone(row[name])
                else:
                    self.assertAlmostEqual(row[name], statistics.mean(values))
            if row["arm"] == "plain":
                self.assertIsNone(row["difference"])
                continue
            pairs = [a - b for a, b in zip(means[row["arm"]], means["plain"])]
            self.assertAlmostEqual(row["difference"]["mean"], statistics.mean(pairs))
            self.assertEqual(row["difference"]["seeds"], 3)
            self.assertLessEqual(row["difference"]["low"], row["difference"]["mean"])
            self.assertGreaterEqual(row["difference"]["high"], row["difference"]["mean"])
            self.assertIn(row["difference"]["verdict"], ("open", "better", "worse", "too few records"))
        for arm in report["arms"]:
            tokens = [sum(r["tokens"] for r in rows(self.out / f"{arm['name']}/seed-{seed}/metrics.jsonl") if "eval" not in r)
                      for seed in (1, 2, 3)]
            self.assertAlmostEqual(arm["tokens"], statistics.mean(tokens), places=6)
            self.assertGreater(arm["tokens"], arm["tree_tokens"])
            self.assertGreater(arm["seconds"], 0)
            self.assertGreater(arm["peak_bytes"], 50 << 20)
        self.assertLess(report["arms"][0]["tokens"], report["arms"][1]["tokens"] / 2)  # weight 0 leaves the batches
        self.assertEqual([p["step"] for p in report["curves"][0]["points"]], [0, 2, 4])
        self.assertEqual(report["notes"], [])

    def check_csv(self):
        table = list(csv.DictReader((self.out / "report.csv").read_text().splitlines()))
        report = json.loads((self.out / "report.json").read_text())
        self.assertEqual(len(table), 10)
        for line, row in zip(table, report["results"]):
            self.assertEqual([line[key] for key in ("set", "tag", "part", "arm")],
                             [row[key] for key in ("set", "tag", "part", "arm")])
            self.assertEqual(float(line["accuracy"]), row["accuracy"])
            self.assertEqual(line["difference"], "" if row["difference"] is None else str(row["difference"]["mean"]))

    def check_page(self, file):
        page = Page()
        page.feed(file.read_text())
        self.assertEqual((page.open, page.wrong), ([], []))
        self.assertEqual(page.seen.count("svg"), 3)
        self.assertEqual(page.seen.count("polyline"), 6)
        self.assertEqual(page.seen.count("polygon"), 6)
        self.assertNotIn("script", page.seen)
        self.assertFalse([a for a in page.attributes if a[1] in ("src", "href") or a[1].startswith("on")])
        self.assertIn("prefers-color-scheme: dark", page.text)
        for _, name, value in page.attributes:
            if name == "points":
                for point in value.split():
                    x, y = map(float, point.split(","))
                    self.assertTrue(0 <= x <= 420 and 0 <= y <= 230, point)

    def start(self, file, *more):
        return subprocess.Popen([SAMARA, "ablate", file, *more], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                env={**os.environ, **self.env})

    def strike(self, file, number, line):
        """Sends the signal while the run of the line-th message trains.  The ablation's status and what it said."""
        process, said = self.start(file), []
        for message in process.stderr:
            said.append(message)
            if "log " in message and message.startswith("["):
                line -= 1
                if line < 0:
                    break
        steps = pathlib.Path(said[-1].split("log ")[1].strip()).parent / "metrics.jsonl"
        while process.poll() is None and '"step": 1,' not in (steps.read_text() if steps.exists() else ""):
            time.sleep(0.0005)
        process.send_signal(number)
        said += process.communicate()[1].splitlines(keepends=True)
        return process.returncode, "".join(said)

    def test_a_stopped_or_killed_ablation_continues(self):
        more = "[arms.longer]\ntrain.max_steps = 5\n"
        samara("ablate", self.ablation(name="left_alone", more=more), env=self.env)
        file = self.ablation(more=more)
        # As the second of the nine runs trains, then as the first of those that are left does, twice: several are still to
        # come each time, should the signal reach a later one.
        continued = ""
        for number, line in ((signal.SIGTERM, 1), (signal.SIGKILL, 0), (signal.SIGTERM, 0)):
            code, said = self.strike(file, number, line)
            self.assertEqual(code, 75 if number == signal.SIGTERM else -9, said)
            continued += said
        done = samara("ablate", file, env=self.env)
        self.assertRegex(done.stderr, r"9 runs, [1-8] done")
        self.assertIn(": continues, log ", continued + done.stderr)
        for arm in ("plain", "mapl", "longer"):
            for seed in (1, 2, 3):
                for name in ("metrics.jsonl", "model/model.safetensors", f"eval/held-out-step-{5 if arm == 'longer' else 4}.jsonl"):
                    part = f"{arm}/seed-{seed}/{name}"
                    self.assertEqual((self.out / part).read_bytes(), (self.folder / "left_alone" / part).read_bytes(), part)
        few = samara("report", *[self.out / arm / f"seed-{seed}" for arm in ("plain", "mapl") for seed in (1, 2)])
        self.assertIn("too few seeds", few.stdout)

    def test_a_failing_arm_does_not_stop_the_others(self):
        file = self.ablation(jobs=2, more="[arms.broken]\ntrain.max_grad_norm = 0\nschedule.learning_rate = 1e30\n"
                                          "[arms.last]\nschedule.kind = \"linear\"\n")
        done = samara("ablate", file, "--seeds", "1", env=self.env, check=False)
        self.assertEqual(done.returncode, 7, done.stderr)
        self.assertIn("broken seed 1: failed with exit code 7", done.stderr)
        self.assertIn("error[non-finite]", done.stderr)
        self.assertTrue((self.out / "broken/seed-1/log.txt").exists())
        report = json.loads((self.out / "report.json").read_text())
        self.assertEqual([arm["name"] for arm in report["arms"]], ["plain", "mapl", "last"])
        self.assertTrue(any("broken/seed-1 is not finished" in note for note in report["notes"]))
        # The first run builds the caches alone; the others wait for it.
        for run in ("mapl", "last"):
            self.assertEqual((self.out / run / "seed-1/log.txt").read_text().count("reused from the cache"), 2, run)
        threads = {json.loads(p.read_text())["threads"] for p in self.out.glob("*/*/environment.json")}
        self.assertEqual(threads, {max(1, len(os.sched_getaffinity(0)) // 2)})

    def test_a_memory_budget_for_one_starts_one_at_a_time(self):
        done = samara("ablate", self.ablation(jobs=2), "--seeds", "1,2", "--memory-gib", "0.01", env=self.env)
        said = [line.split("]")[0] + (" end" if "done in" in line else "") for line in done.stderr.splitlines() if line[0] == "["]
        self.assertEqual(said, [f"[{n}/4{end}" for n in (1, 2, 3, 4) for end in ("", " end")])

    def test_within_a_budget_an_arms_first_run_goes_alone_and_the_others_together(self):
        done = samara("ablate", self.ablation(jobs=3), "--memory-gib", "100", "--set", "train.max_steps=60", env=self.env)
        said = [line.split("]")[0] + (" end" if "done in" in line else "") for line in done.stderr.splitlines() if line[0] == "["]
        self.assertEqual(said[:2] + said[6:8], ["[1/6", "[1/6 end", "[4/6", "[4/6 end"])
        self.assertEqual((said[2:4], sorted(said[4:6])), (["[2/6", "[3/6"], ["[2/6 end", "[3/6 end"]))

    def test_two_builds_of_a_plugin_are_arms(self):
        for name in ("one.so", "two.so"):
            subprocess.run(["cc", "-shared", "-fPIC", "-I", ROOT / "sdk/include", ROOT / "examples/hello_objective/hello_objective.c",
                            "-o", self.folder / name, "-lm"], check=True)
        with open(self.folder / "two.so", "ab") as file:
            file.write(b" ")
        file = self.folder / "builds.toml"
        file.write_text(f'base = "run.toml"\noutput = "{self.out}"\nseeds = [1]\n[set]\ntrain.max_steps = 2\n' + "".join(
            f'[arms.{name}]\nplugins.load = ["{name}.so"]\nobjective.0 = {{ plugin = "example.hello_objective" }}\n'
            for name in ("one", "two")))
        samara("ablate", file, env=self.env)
        hashes = {json.loads((self.out / arm / "seed-1/environment.json").read_text())["plugins"]["example.hello_objective"]["sha256"]
                  for arm in ("one", "two")}
        self.assertEqual(len(hashes), 2)
        rows_of_two = [row for row in json.loads((self.out / "report.json").read_text())["results"] if row["arm"] == "two"]
        self.assertEqual({row["difference"]["mean"] for row in rows_of_two}, {0})  # the same code

    def test_two_ablations_do_not_share_a_folder(self):
        file = self.ablation()
        self.out.mkdir()
        with open(self.out / "lock", "w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            process = self.start(file)
            self.assertIn("waiting for runs of an earlier start", process.stderr.readline())
            process.send_signal(signal.SIGTERM)
            self.assertIn("another ablation", process.communicate()[1])
            self.assertEqual(process.returncode, 75)
        self.assertEqual([p.name for p in self.out.iterdir()], ["lock"])

    def test_what_an_arm_cannot_do_is_refused_before_the_first_starts(self):
        """Tags are known to the synthesizers, columns to the objectives: both are asked, without data and model."""
        file = self.ablation(more="objective.0.tags = { base = 1.0, intr = 1.0 }\n[arms.odds]\n"
                                  "objective.0 = { plugin = \"samara.orpo\" }\n")
        for more in ((), ("--dry-run",)):
            done = samara("ablate", file, *more, env=self.env, check=False)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn("arm 'mapl' cannot run:\nerror[config]: objective.0.tags: no synthesizer emits tag 'intr'", done.stderr)
            self.assertIn("did you mean 'intra'?", done.stderr)
            self.assertIn("arm 'odds' cannot run:\nerror[config]: samara.orpo needs the column", done.stderr)
            self.assertNotIn("arm 'plain'", done.stderr)
            self.assertFalse(self.out.exists())
        alone = samara("run", self.folder / "run.toml", "--dry-run", "--set", "objective.0.tags.bse=1.0", env=self.env, check=False)
        self.assertEqual(alone.returncode, 2)
        self.assertIn("no synthesizer emits tag 'bse'", alone.stderr)

    def test_mistakes_are_named_before_anything_runs(self):
        file = self.ablation(more="[arms.a]\nobjective.0.pluginn = \"x\"\n[arms.b]\ntrain.mix = \"no\"\n")
        done = samara("ablate", file, env=self.env, check=False)
        self.assertEqual(done.returncode, 2)
        for place in (":14:13", ":16:7"):
            self.assertIn(str(file) + place, done.stderr)
        self.assertFalse(self.out.exists())
        self.assertEqual(samara("report", self.folder, env=self.env, check=False).returncode, 2)

    def test_values_on_the_command_line(self):
        """A sweep without a second file; several processes with a memory budget; reports of other runs."""
        out = self.folder / "sweep"
        samara("ablate", self.folder / "run.toml", "--vary", "objective.0.plugin=samara.mapl,samara.bradley_terry", "--set",
               "train.max_steps=2", "--set", "eval.0.max_records=4", "--seeds", "4", "--output", out, "--jobs", "2",
               "--memory-gib", "100", env=self.env)
        self.assertEqual({p.name for p in out.iterdir() if p.is_dir()}, {"samara.mapl", "samara.bradley_terry"})
        # Folders of runs, in the order given: the first is the control, and its plugins are not the second's.
        text = samara("report", out / "samara.bradley_terry/seed-4", out / "samara.mapl/seed-4", env=self.env).stdout
        self.assertIn("Difference: accuracy minus that of 'samara.bradley_terry'", text)
        self.assertIn("too few seeds", text)
        environment = out / "samara.mapl/seed-4/environment.json"
        changed = json.loads(environment.read_text())
        changed["plugins"]["samara.adamw"]["sha256"] = "0" * 64
        environment.write_text(json.dumps(changed))
        text = samara("report", out, env=self.env).stdout
        self.assertIn("is not compared with 'samara.mapl': the file of plugin samara.adamw", text)

    def test_reference_log_probs_are_shared_between_arms_and_seeds(self):
        config = (self.folder / "run.toml").read_text().replace('"reward"', '"dpo"').replace("[data]\n", "[data]\nmax_records = 8\n")
        (self.folder / "run.toml").write_text(config)
        out = self.folder / "dpo"
        # A whole epoch: every seed reaches the same groups.
        samara("ablate", self.folder / "run.toml", "--vary", "objective.0.params.beta=0.1,0.5", "--seeds", "1,2", "--set",
               "train.max_steps=2", "--set", "eval.0.max_records=4", "--output", out, env=self.env)
        said = re.compile(r"(training data|'held-out'): reference log-probs of (\d+) groups (computed|reused)")
        whole = [("training data", "8"), ("'held-out'", "4")]
        for run in sorted(out.glob("*/*/log.txt")):
            first = run.parent.relative_to(out) == pathlib.Path("0.1/seed-1")
            self.assertEqual(said.findall(run.read_text()), [(*of, "computed" if first else "reused") for of in whole], run)
            # A policy that has made no step equals its reference: what is shared are the right groups' values.
            for row in rows(run.parent / "eval/held-out-step-0.jsonl"):
                self.assertAlmostEqual(row["gap"], 0, places=3)
        self.assertEqual(len(list(out.glob("*/*/log.txt"))), 4)
        self.assertEqual(len([p for p in (self.folder / "cache/reference").iterdir() if p.is_dir()]), 1)

    def test_the_shipped_ablations_are_sound(self):
        arms = {"quickstart": ["plain", "mapl", "intra"], "mapl_reward": ["plain", "naive", "intra", "inter", "both", "both_ways", "placebo"],
                "mapl_reward_rates": [f"{arm},{rate}" for arm in ("plain", "naive", "intra", "inter", "both")
                                      for rate in ("2e-05", "5e-05", "1e-04")],
                "mapl_reward_more": ["both", "both_stop", "base_3", "both_avoid", "plain_tokens", "hinge", "squared", "logprob_strength", "k1", "k2", "k3", "k4"],
                "mapl_reward_blind": ["prompt_only", "no_question"], "mapl_reward_own_rates": ["plain", "naive", "intra", "inter", "both"]}
        copy = self.folder / "copy"  # beside rows as scripts/benchmark_rows.py leaves them: the repository has none
        shutil.copytree(ROOT / "configs", copy / "configs")
        (copy / "examples").symlink_to(ROOT / "examples")
        (copy / "runs/mapl-rows").mkdir(parents=True)
        for part in ("train", "tune", "held_out", "llmbar", "oasst"):
            (copy / f"runs/mapl-rows/{part}.jsonl").write_text('{"prompt": "Why?", "chosen": "So.", "rejected": "No."}\n')
        for name, expected in arms.items():
            done = samara("ablate", copy / f"configs/ablations/{name}.toml", "--dry-run", cwd=self.folder)
            self.assertEqual([line.split()[0] for line in done.stdout.splitlines()], ["arm", *expected])
        self.assertEqual(sorted(arms), sorted(p.stem for p in (ROOT / "configs/ablations").glob("*.toml") if "_base" not in p.stem))

    def test_benchmarks_as_rows(self):
        """Files in the shapes of their authors, a few rows each, written for this test."""
        sources, out = self.folder / "sources", self.folder / "rows"
        sources.mkdir()
        (sources / "ifeval_open_pairs.jsonl").write_text("".join(
            json.dumps({"key": 1000 + n // 2, "prompt": f"Name {n // 2} birds.", "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}], "chosen": f"Wren {n}.", "rejected": "x" * (2000 if n == 7 else 9)})
            + "\n" for n in range(80)))
        talk = "\n\nHuman: Is it {n}?\n\nYes or no?\n\nAssistant: Which?\n\nHuman: It.\n\nAssistant: {end}"
        with gzip.open(sources / "hh-rlhf_harmless-base_test.jsonl.gz", "wt") as file:
            for n in range(80):
                file.write(json.dumps({"chosen": talk.format(n=n, end="Yes."), "rejected": talk.format(n=n, end="No." if n else "Yes.")}) + "\n")
        for subset in ("Natural", "Adversarial_Manual"):
            (sources / f"llmbar_{subset}.json").write_text(json.dumps(
                [{"input": f"Add {n}.", "output_1": "one", "output_2": "two", "label": 1 + n % 2} for n in range(3)]))
        reply = {"role": "assistant", "replies": [{"role": "prompter", "text": "And?", "replies": [
            {"role": "assistant", "text": "worse", "rank": 1}, {"role": "assistant", "text": "good", "rank": 0},
            {"role": "assistant", "text": "unranked"}]}]}
        (sources / "oasst_en_100_tree.jsonl").write_text(json.dumps({"prompt": {"role": "prompter", "text": "Why?", "replies": [
            {**reply, "text": "A.", "rank": 1}, {**reply, "text": "B.", "rank": 0}]}}) + "\n")
        subprocess.run([sys.executable, ROOT / "scripts/benchmark_rows.py", sources, out], check=True, capture_output=True)
        parts = {name: rows(out / f"{name}.jsonl") for name in ("train", "tune", "held_out")}
        prompts = {name: {json.dumps(row["prompt"]) for row in part} for name, part in parts.items()}
        self.assertFalse(prompts["train"] & prompts["tune"] or prompts["train"] & prompts["held_out"] or prompts["tune"] & prompts["held_out"])
        everything = [row for part in parts.values() for row in part]
        self.assertEqual({row["from"] for row in everything}, {"ifeval", "hh"})
        self.assertGreater(len(parts["train"]), 60)
        self.assertNotIn("Wren 7.", [row["chosen"] for row in everything])  # too long
        for name in ("tune", "held_out"):  # one pair a prompt: records are independent
            self.assertEqual(len(prompts[name]), len(parts[name]))
        self.assertLess(len(prompts["train"]), len(parts["train"]))
        self.assertEqual({tuple(row.get("instruction_id_list", ())) for row in everything}, {("punctuation:no_comma",), ()})
        dialogue = next(row for row in everything if row["from"] == "hh")
        self.assertEqual([turn["role"] for turn in dialogue["prompt"]], ["user", "assistant", "user"])
        self.assertRegex(dialogue["prompt"][0]["content"], r"^Is it \d+\?\n\nYes or no\?$")
        self.assertEqual((dialogue["prompt"][2]["content"], dialogue["chosen"], dialogue["rejected"]), ("It.", "Yes.", "No."))
        self.assertEqual([(row["subset"], row["chosen"]) for row in rows(out / "llmbar.jsonl")],
                         [(s, e) for e in ("one", "two", "one") for s in ("Adversarial_Manual", "Natural")])
        self.assertEqual([(row["chosen"], row["rejected"], len(row["prompt"])) for row in rows(out / "oasst.jsonl")],
                         [("B.", "A.", 1), ("good", "worse", 3), ("good", "worse", 3)])
        for path in out.iterdir():  # and Samara reads them
            config = write_config(self.folder, self.model, self.folder / "unused", train=path)
            samara("synth", config, "--show", "1", env=self.env)


if __name__ == "__main__":
    main()
