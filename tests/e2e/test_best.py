"""The best weights by a metric, early stop, and both across a stopped and continued run; metrics that do not exist."""
import json
import os
import shutil
import signal
import subprocess
import time

from support import SAMARA, Case, main, rows, samara, tiny_model
from test_dpo import CONFIG, SMALL, token_rows

MORE = """
[checkpoint]
every_steps = 1
keep = 50
[[eval]]
name = "held-out"
path = "{held}"
every_steps = 1
[[eval]]
name = "other"
path = "{held}"
every_steps = 2
max_records = 2
[[eval]]
name = "late"
path = "{held}"
[best]
metric = "{metric}"
goal = "{goal}"
patience = {patience}
"""


def tensors(path):
    """Name -> bytes, read by hand from the safetensors layout."""
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + size])
    header.pop("__metadata__", None)
    return {name: data[8 + size:][slice(*entry["data_offsets"])] for name, entry in header.items()}


class Best(Case):
    def setUp(self):
        super().setUp()
        tiny_model(self.folder / "model", **SMALL)
        # Half the steps teach the held-out pairs and half their reverse, so the best step lies between.
        pairs = token_rows(24, 3)
        reverse = [{**row, "id": row["id"] + "-reverse", "chosen_ids": row["rejected_ids"], "rejected_ids": row["chosen_ids"]}
                   for row in pairs]
        for name, lines in (("rows", pairs + reverse), ("held", pairs[:12])):
            (self.folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines))

    def config(self, name, metric="held-out/loss/base", goal="min", patience=0, steps=12):
        path = self.folder / f"{name}.toml"
        more = MORE.format(held=self.folder / "held.jsonl", metric=metric, goal=goal, patience=patience)
        path.write_text(CONFIG.format(pipeline="dpo", output=self.folder / name, model=self.folder / "model", steps=steps,
                                      train=self.folder / "rows.jsonl", objective="samara.bradley_terry",
                                      params="{ beta = 0.1 }", batch=2048, more=more).replace("1e-3", "3e-3"))
        return path

    def evaluations(self, name, metric="loss/base"):
        return {r["step"]: r[metric] for r in rows(self.folder / name / "metrics.jsonl") if r.get("eval") == "held-out"}

    def done(self, name):
        return json.loads((self.folder / name / "done.json").read_text())

    def check_model(self, name, step):
        """The saved model has the bytes of that step's checkpoint, and of no other's."""
        saved = tensors(self.folder / name / "model/model.safetensors")
        equal = []
        for folder in sorted((self.folder / name / "checkpoints").iterdir()):
            stored = tensors(folder / "tensors.safetensors")
            if all(stored[f"model.{key}"] == value for key, value in saved.items()):
                equal.append(int(folder.name.removeprefix("step-")))
        self.assertEqual(equal, [step])
        self.assertGreater(len(saved), 5)

    def test_the_saved_model_is_the_best_steps(self):
        for goal, best_of, metric in (("min", min, "loss/base"), ("max", max, "rewards/margins")):
            done = samara("run", self.config(goal, f"held-out/{metric}", goal), env=self.env)
            values = self.evaluations(goal, metric)
            best = best_of(values, key=values.get)
            self.assertNotIn(best, (0, 12), values)  # the first and the last step would prove nothing
            self.assertEqual(self.done(goal)["steps"], 12)
            self.assertEqual(self.done(goal)["best"], {"metric": f"held-out/{metric}", "step": best, "value": values[best]})
            self.check_model(goal, best)
            self.assertIn(f"at step {best}, whose weights are saved", done.stderr)
            row, = [row for row in self.done(goal)["changes"] if row["eval"] == "held-out" and "part" not in row]
            self.assertEqual(row["loss_after"], self.evaluations(goal)[best])

    def test_patience_ends_a_run_early(self):
        done = samara("run", self.config("out", patience=2), env=self.env)
        values = self.evaluations("out")
        best = min(values, key=values.get)
        self.assertEqual(list(values), list(range(best + 3)))  # two evaluations after the best, no more
        self.assertLess(best + 2, 12)
        self.assertEqual(self.done("out")["steps"], best + 2)
        self.assertIn(f"ended at step {best + 2} of 12: no better held-out/loss/base in 2 evaluations", done.stderr)
        self.check_model("out", best)
        # What was done is what the longer run did up to there; then the saved weights are evaluated on what they were not.
        samara("run", self.config("long"), env=self.env)
        short, long = ((self.folder / n / "metrics.jsonl").read_text().splitlines() for n in ("out", "long"))
        behind = [json.loads(row) for row in short[-2:] if json.loads(row).get("eval") in ("other", "late") and json.loads(row)["step"] == best]
        self.assertEqual([(row["eval"], row["step"]) for row in behind], ([("other", best)] if best % 2 else []) + [("late", best)])
        short = short[:-len(behind)]
        self.assertEqual(long[:len(short)], short)
        self.assertEqual([row["eval"] for row in self.done("out")["changes"] if "part" not in row], ["held-out", "other", "late"])
        held, late = ((self.folder / f"out/eval/{name}-step-{best}.jsonl").read_bytes() for name in ("held-out", "late"))
        self.assertEqual(held, late)  # the same records, scored by the same weights

    def test_a_continued_run_keeps_the_best_so_far(self):
        samara("run", self.config("whole", patience=3), env=self.env)
        last = self.done("whole")["steps"]
        compared = ("metrics.jsonl", "model/model.safetensors", "done.json")
        best = self.done("whole")["best"]["step"]
        self.assertGreater(best, 2)
        for step in (1, best - 1, best, last):
            for later in ("kept", "gone"):  # better weights stored after the checkpoint may be on the disk or not
                cut = self.folder / "cut"
                shutil.copytree(self.folder / "whole", cut)
                config = self.config("cut", patience=3)
                (cut / "config.toml").write_text((cut / "config.toml").read_text().replace("/whole", "/cut"))
                (cut / "done.json").unlink()  # as after a kill behind that checkpoint
                shutil.rmtree(cut / "model")
                number = lambda path: int(path.name.removeprefix("step-"))
                for path in (cut / "checkpoints").iterdir():
                    if number(path) > step:
                        shutil.rmtree(path)
                for path in (cut / "best/checkpoints").iterdir():
                    if later == "gone" and number(path) > step:
                        shutil.rmtree(path)
                samara("run", config, "--resume", env=self.env)
                for name in compared:
                    self.assertEqual((cut / name).read_bytes(), (self.folder / "whole" / name).read_bytes(), (step, later, name))
                shutil.rmtree(cut)

    def test_a_run_stopped_among_its_last_evaluations_ends_with_the_same_bytes(self):
        lines = (self.folder / "held.jsonl").read_text().splitlines()
        (self.folder / "many.jsonl").write_text("".join(
            json.dumps({**json.loads(line), "id": f"{n}-{m}"}) + "\n" for m in range(60) for n, line in enumerate(lines)))
        def config(name):
            path = self.config(name, patience=2)
            late = f'name = "late"\npath = "{self.folder / "held.jsonl"}"\n'
            self.assertIn(late, path.read_text())
            path.write_text(path.read_text().replace(late, f'name = "late"\npath = "{self.folder / "many.jsonl"}"\non_start = "skip"\n'))
            return path
        samara("run", config("whole"), env=self.env)
        stopped = 0
        for trial in range(6):
            name = f"cut-{trial}"
            process = subprocess.Popen([SAMARA, "run", config(name)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                       env={**os.environ, **self.env})
            for line in process.stderr:
                if "ended at step" in line:
                    break
            time.sleep(0.03 * trial)
            process.send_signal(signal.SIGTERM)
            process.communicate()
            stopped += process.returncode == 75
            samara("run", self.folder / f"{name}.toml", "--resume", env=self.env)
            for file in ("metrics.jsonl", "model/model.safetensors", "done.json"):
                self.assertEqual((self.folder / name / file).read_bytes(), (self.folder / "whole" / file).read_bytes(), (trial, file))
        self.assertGreaterEqual(stopped, 2)

    def test_a_metric_that_does_not_exist_is_refused_before_work_with_those_that_do(self):
        done = samara("run", self.config("a", "held-out/accuracy/bose"), env=self.env, check=False)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("best.metric: evaluations of 'held-out' have no 'accuracy/bose'", done.stderr)
        self.assertRegex(done.stderr, r"a\.toml:\d+:\d+")
        self.assertIn("did you mean 'accuracy/base'?", done.stderr)
        self.assertNotIn("log-probs of", done.stderr)  # no reference was computed
        self.assertFalse((self.folder / "a/metrics.jsonl").exists())
        # The list is what evaluations have, and the refused run stands in nobody's way.
        listed = done.stderr.split("they have ")[1].splitlines()[0].split(", ")
        samara("run", self.config("a", "held-out/rewards/margins", "max", steps=1), env=self.env)
        row = [row for row in rows(self.folder / "a/metrics.jsonl") if row.get("eval") == "held-out"][0]
        self.assertEqual(listed, [key for key, value in row.items() if isinstance(value, float) and key != "epoch"])
        # A set that is not evaluated on the way, or no set at all.
        for metric in ("nowhere/loss/base", "loss/base"):
            early = samara("check", self.config("b", metric), env=self.env, check=False)
            self.assertEqual(early.returncode, 2)
            self.assertIn("begins with no [[eval]] name that has every_steps above 0", early.stderr)

    def test_metrics_of_objectives_count_too(self):
        config = self.config("kto", "held-out/kto/baseline", "max", steps=2)
        options = ("--set", "objective.0.plugin=samara.kto", "--set", 'synthesizer.0.params={auxiliary="mismatched"}')
        samara("run", config, *options, env=self.env)
        self.assertEqual(self.done("kto")["best"]["metric"], "held-out/kto/baseline")


if __name__ == "__main__":
    main()
