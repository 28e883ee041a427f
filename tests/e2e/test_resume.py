"""A run that is killed or stopped at any moment and resumed ends with the bytes of the run that was left alone.
SAMARA_KILL_TRIALS=200 for the long form of EveryPhase, SAMARA_MATRIX=all for that of Matrix."""
import json
import os
import random
import signal
import subprocess
import time

from moments import PHASES, ROUTE, SMALL, Moments, striking_objective
from support import EXAMPLES, ROOT, SAMARA, Case, main, samara, tiny_model, write_config

COMPARED = ("metrics.jsonl", "model/model.safetensors", "eval/held-out-step-6.jsonl")


class Resume(Case):
    def setUp(self):
        super().setUp()
        self.model = tiny_model(self.folder / "model")
        self.reference = self.folder / "reference"
        # micro-batches smaller than a step, so that a kill also lands between two of them
        self.more = ""
        samara("run", self.config(self.reference), "--set", "train.tokens_per_batch=900", env=self.env)

    def config(self, output):
        return write_config(self.folder, self.model, output)

    def start(self, output, *more):
        return subprocess.Popen([SAMARA, "run", self.config(output), "--set", "train.tokens_per_batch=900", *more],
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env={**os.environ, **self.env})

    def stop_after(self, process, lines, delay, number):
        """Sends the signal `delay` seconds after the given number of progress lines; returns the last line seen."""
        last = ""
        for _ in range(lines):
            line = process.stderr.readline()
            if not line:
                break
            last = line.strip()
        time.sleep(delay)
        process.send_signal(number)
        process.communicate()
        return last

    def finish_and_compare(self, output, label):
        done = samara("run", self.config(output), "--set", "train.tokens_per_batch=900", "--resume", env=self.env)
        for name in COMPARED:
            self.assertEqual((output / name).read_bytes(), (self.reference / name).read_bytes(), f"{name} after {label}\n{done.stderr}")

    def test_kill_9_at_20_moments(self):
        draw = random.Random(20)
        phases = set()
        for trial in range(20):
            output = self.folder / f"killed-{trial}"
            process = self.start(output)
            last = self.stop_after(process, draw.randrange(1, 24), draw.uniform(0, 0.08), signal.SIGKILL)
            phases.add(last.split(" ")[0])
            self.finish_and_compare(output, f"kill {trial} at '{last}'")
        self.assertLessEqual({"train", "evaluate"}, phases)

    def test_sigterm_saves_and_exits_75(self):
        draw = random.Random(75)
        stopped = 0
        for trial in range(8):
            output = self.folder / f"stopped-{trial}"
            process = self.start(output)
            last = self.stop_after(process, trial + 1, draw.uniform(0, 0.02), signal.SIGTERM)
            self.assertIn(process.returncode, (75, 0), last)
            stopped += process.returncode == 75
            self.finish_and_compare(output, f"SIGTERM at '{last}'")
        self.assertGreaterEqual(stopped, 4)

    def test_a_step_dropped_by_sigterm_leaves_no_trace_in_an_objective(self):
        """BCO keeps running sums: what a dropped step has added must not be in the checkpoint."""
        options = ("--set", "objective.0.plugin=samara.bco", "--set", "objective.0.tags={base=1.0}",
                   "--set", "train.tokens_per_batch=60", "--set", "train.groups_per_step=40")
        whole = self.folder / "whole"
        samara("run", self.config(whole), *options, env=self.env)
        within = 0
        for trial in range(5):
            output = self.folder / f"bco-{trial}"
            process = subprocess.Popen([SAMARA, "run", self.config(output), *options], stdout=subprocess.DEVNULL,
                                       stderr=subprocess.PIPE, text=True, env={**os.environ, **self.env})
            for line in process.stderr:
                if line.startswith(f"train {trial % 3 + 1}/6"):
                    break
            time.sleep(0.05 + 0.05 * trial)  # a step takes longer: it is stopped among its micro-batches
            process.send_signal(signal.SIGTERM)
            process.communicate()
            within += process.returncode == 75
            samara("run", self.config(output), *options, "--resume", env=self.env)
            for name in COMPARED[:2]:
                self.assertEqual((output / name).read_bytes(), (whole / name).read_bytes(), f"{name}, trial {trial}")
        self.assertGreaterEqual(within, 3)

    def test_a_damaged_checkpoint_is_skipped(self):
        output = self.folder / "damaged"
        process = self.start(output)
        while process.stderr.readline() and not (output / "checkpoints/step-00000004").exists():
            pass
        process.kill()
        process.communicate()
        newest = sorted((output / "checkpoints").glob("step-????????"))[-1] / "tensors.safetensors"
        data = bytearray(newest.read_bytes())
        data[len(data) // 2] ^= 1
        newest.write_bytes(data)
        self.finish_and_compare(output, "a flipped bit in the newest checkpoint")

    def test_a_run_goes_on_with_the_plugins_and_the_data_that_it_began_with(self):
        output, library, data = (self.folder / name for name in ("mixed", "hello.so", "rows.jsonl"))
        subprocess.run(["cc", "-shared", "-fPIC", "-I", ROOT / "sdk/include", EXAMPLES / "hello_objective/hello_objective.c", "-o",
                        library, "-lm"], check=True)
        data.write_bytes((EXAMPLES / "data/preferences.jsonl").read_bytes())
        config = write_config(self.folder, self.model, output, train=data, more='[plugins]\nload = ["hello.so"]\n')
        config.write_text(config.read_text().replace('plugin = "samara.mapl"\n', 'plugin = "example.hello_objective"\n'))
        process = subprocess.Popen([SAMARA, "run", config], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                   env={**os.environ, **self.env})
        while process.stderr.readline() and not (output / "checkpoints/step-00000002").exists():
            pass
        process.kill()
        process.communicate()
        self.assertFalse((output / "done.json").exists())
        before = (output / "environment.json").read_bytes()
        one_more = {**json.loads(data.read_text().splitlines()[0]), "id": "one more"}
        for path, words in ((library, "another build of plugin 'example.hello_objective'"), (data, "another version of the data 'train'")):
            whole = path.read_bytes()
            path.write_bytes(whole + (b" " if path == library else json.dumps(one_more).encode() + b"\n"))
            done = samara("run", config, "--resume", env=self.env, check=False)
            self.assertEqual(done.returncode, 8, done.stderr)
            self.assertIn(words, done.stderr)
            self.assertEqual((output / "environment.json").read_bytes(), before)
            path.write_bytes(whole)
        threads = "2" if json.loads(before)["threads"] == 1 else "1"
        other = samara("run", config, "--resume", env={**self.env, "OMP_NUM_THREADS": threads})
        self.assertIn("begun with another threads", other.stderr)

    def test_a_folder_with_another_run_is_refused(self):
        done = samara("run", self.config(self.reference), "--set", "train.tokens_per_batch=900", env=self.env, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--resume", done.stderr)
        other = samara("run", self.config(self.reference), "--set", "train.tokens_per_batch=901", "--resume", env=self.env, check=False)
        self.assertEqual(other.returncode, 8)
        self.assertIn("tokens_per_batch", other.stderr)


class EveryPhase(Moments):
    def test_kill_9_in_every_phase(self):
        for n in range(int(os.environ.get("SAMARA_KILL_TRIALS", len(PHASES)))):
            phase = list(PHASES)[n % len(PHASES)]
            folder = self.trial(f"trial-{n}")
            code, said, _, _ = self.strike(folder, phase, signal.SIGKILL)
            self.assertIn(code, (-9, 0))
            self.resumed_is_whole(folder, f"kill {n} in phase {phase}\n{said}")


MATRIX = """[run]
pipeline = "{pipeline}"
output = "{output}"
[model]
path = "model"
[data]
train = ["{data}"]
max_records = 12
[plugins]
load = ["strike.so"]
[[synthesizer]]
plugin = "samara.pairs"
[[objective]]
plugin = "example.hello_objective"
[optimizer]
plugin = "samara.adamw"
[train]
epochs = 2
groups_per_step = 4
tokens_per_batch = 1
"""


class Matrix(Case):
    """Every group is a micro-batch and a call of the objective: 4 calls a step, 3 steps an epoch, 24 calls in all."""
    CALLS = {"step 0": "create", "within a step": "call 6", "between steps": "call 8", "between epochs": "call 12",
             "the last step": "call 22"}

    def test_resume_matrix(self):
        tiny_model(self.folder / "model", **SMALL)
        striking_objective(self.folder)
        pairs = [("reward", 1), ("dpo", 4)]
        if os.environ.get("SAMARA_MATRIX") == "all":
            pairs = [(pipeline, threads) for pipeline in ("reward", "dpo") for threads in (1, 4)]
        for pipeline, threads in pairs:
            def run(name, code, *more, **env):
                config = self.folder / f"{name}.toml"
                config.write_text(MATRIX.format(pipeline=pipeline, output=self.folder / name, data=EXAMPLES / "data/preferences.jsonl"))
                done = samara("run", config, *ROUTE, *more, env={**self.env, "OMP_NUM_THREADS": str(threads), **env}, check=False)
                self.assertEqual(done.returncode, code, done.stderr)

            whole = f"{pipeline}-{threads}-whole"
            run(whole, 0)
            steps = []
            for moment, call in self.CALLS.items():
                name = f"{pipeline}-{threads}-{call.replace(' ', '-')}"
                run(name, 75, STRIKE=call)
                found = sorted((self.folder / name / "checkpoints").glob("step-*/state.json"))
                steps.append(json.loads(found[-1].read_text())["step"] if found else 0)
                run(name, 0, "--resume")
                for file in ("metrics.jsonl", "model/model.safetensors"):
                    self.assertEqual((self.folder / name / file).read_bytes(), (self.folder / whole / file).read_bytes(),
                                     f"{file}, {pipeline}, {threads} threads, {moment}")
            self.assertEqual(steps, [0, 1, 2, 3, 5])


if __name__ == "__main__":
    main()
