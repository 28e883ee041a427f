"""SIGTERM and SIGINT in the phases of a run: status 75, and a folder that --resume brings to the bytes of a run left alone.
Once an objective of the test's own sends the signal at the call that it is told, so that the moment is exact; once it comes
from outside, in every phase.  SAMARA_SIGNAL_TRIALS=100 for the long form of the latter."""
import collections
import json
import os
import signal
import subprocess
import time

from moments import PHASES, SMALL, Moments, striking_objective
from support import CONFIG, Case, main, samara, tiny_model, write_config

COMPARED = ("metrics.jsonl", "model/model.safetensors", "eval/held-out-step-3.jsonl")


class Signals(Case):
    def setUp(self):
        super().setUp()
        self.model = tiny_model(self.folder / "model", **SMALL)

    def striking_dpo(self):
        striking_objective(self.folder)
        return CONFIG.replace('pipeline = "reward"', 'pipeline = "dpo"').replace(
            'plugin = "samara.mapl"\ntags', 'plugin = "example.hello_objective"\ntags') + '[plugins]\nload = ["strike.so"]\n'

    def run_to(self, config, output, *more, code=0, **env):
        done = samara("run", config, "--set", f"run.output={output}", "--fp32-route", "stock", *more, env={**self.env, **env}, check=False)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def finish(self, config, output, *more):
        self.run_to(config, output, "--resume", *more)
        for name in COMPARED:
            self.assertEqual((output / name).read_bytes(), (self.folder / "whole" / name).read_bytes(), f"{name} of {output}")

    def test_reference_training_and_evaluation(self):
        config = write_config(self.folder, self.model, "unused", steps=3, text=self.striking_dpo())
        small = ("--set", "train.tokens_per_batch=1200")
        self.run_to(config, self.folder / "whole", *small)
        # The reference pass: the signal is there before its first group, and nothing of a checkpoint yet.
        output = self.folder / "reference-pass"
        self.env["SAMARA_CACHE_DIR"] = str(self.folder / "cache-2")
        self.run_to(config, output, *small, code=75, STRIKE="create")
        self.assertFalse((output / "checkpoints").exists())
        self.assertEqual(list((self.folder / "cache-2/reference").glob("*/*.h5")), [])
        self.finish(config, output, *small)
        # Every call of the objective, some 40: evaluation before, three steps, evaluation in between and after.
        met, number, code = set(), 0, 75
        while code == 75:
            number += 4 if number else 1
            output = self.folder / f"call-{number}"
            done = samara("run", config, "--set", f"run.output={output}", "--fp32-route", "stock", *small,
                          env={**self.env, "STRIKE": f"call {number}"}, check=False)
            code = done.returncode
            self.assertIn(code, (0, 75), done.stderr)
            if code == 75:
                state = json.loads(sorted((output / "checkpoints").glob("step-*"))[-1].joinpath("state.json").read_text())
                met.add(("evaluation" if state["next_eval"] == 0 else "training", state["step"]))
                self.assertIn("stopped by a signal", done.stderr)
            self.finish(config, output, *small)  # a run that came to its end is said to have ended
        self.assertLessEqual({("evaluation", 0), ("training", 0), ("training", 1), ("training", 2)}, met)
        self.assertIn("evaluation", {phase for phase, step in met if step == 3})


class EveryPhase(Moments):
    def test_signals_from_outside(self):
        ends, slowest = collections.Counter(), 0.0
        to_meet = {"start", "preparation", "reference", "evaluation", "training", "checkpoint"}
        phases = list(PHASES)
        trials = int(os.environ.get("SAMARA_SIGNAL_TRIALS", 2 * len(phases)))
        planned = [(phases[n % len(phases)], (signal.SIGTERM, signal.SIGINT)[n // len(phases) % 2]) for n in range(trials)]
        # A busy machine may look too late at a phase: each that was not met is tried again, five times.
        again = [(phase, signal.SIGTERM) for phase in sorted(to_meet) for _ in range(5)]
        for n, (phase, number) in enumerate([*planned, *again]):
            if n >= trials and phase not in to_meet:
                continue
            folder = self.trial(f"trial-{n}")
            code, said, seconds, last_step = self.strike(folder, phase, number)
            label = f"trial {n}: {number.name} in phase {phase}\n{said}"
            if code == 0:  # the last step was made: the run comes to its end
                self.assertTrue(last_step, label)
                self.assertTrue((folder / "out/done.json").exists(), label)
            elif code == -signal.SIGINT:  # a user at the terminal, before there is anything to save
                self.assertEqual(phase, "start", label)
                self.assertEqual(list(folder.glob("out/*.jsonl")), [], label)
            else:
                self.assertEqual(code, 75, label)
                self.assertIn("stopped by a signal", said, label)
                to_meet.discard(phase)
            ends[phase, code] += 1
            slowest = max(slowest, seconds)
            self.resumed_is_whole(folder, label)
        print(f"phase and status: {dict(ends)}; the slowest end took {slowest:.2f} s", flush=True)
        self.assertEqual(to_meet, set())

    def test_one_after_the_other(self):
        for numbers, codes in (((signal.SIGTERM, signal.SIGINT), (75,)), ((signal.SIGINT, signal.SIGINT), (75, 130))):
            folder = self.trial("-".join(number.name for number in numbers))
            with open(folder / "said", "w") as said:
                run = subprocess.Popen(self.command(folder), stdout=subprocess.DEVNULL, stderr=said, env=self.environment(folder))
                while run.poll() is None and "train 2/6" not in (folder / "said").read_text():
                    time.sleep(0.001)
                for number in numbers:
                    run.send_signal(number)
                    time.sleep(0.003)  # equal signals at one moment are one
                self.assertIn(run.wait(timeout=120), codes)
            self.resumed_is_whole(folder, str(numbers))


if __name__ == "__main__":
    main()
