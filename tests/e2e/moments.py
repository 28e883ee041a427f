"""Moments of a run as they are seen from outside, by what lies on disk and what the progress lines say: there the tests of
signals and kills strike.  Every trial has a folder of its own; its run is a DPO run, which has all phases."""
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import time

from support import EXAMPLES, ROOT, SAMARA, SMALL, Case, samara, tiny_model

ROUTE = ("--fp32-route", "stock")
COMPARED = ("metrics.jsonl", "model/model.safetensors", "model/config.json", "done.json", "eval/held-out-step-6.jsonl")
CONFIG = """[run]
pipeline = "dpo"
output = "{folder}/out"
[model]
path = "{model}"
[data]
train = ["{data}"]
max_tokens = 300
[[instructions]]
plugin = "samara.ifeval"
[[synthesizer]]
plugin = "samara.pairs"
[[synthesizer]]
plugin = "samara.mapl_inter"
[[objective]]
plugin = "samara.mapl"
[optimizer]
plugin = "samara.adamw"
[train]
max_steps = 6
groups_per_step = 8
tokens_per_batch = 900
[checkpoint]
every_steps = 2
[[eval]]
name = "held-out"
path = "{eval}"
every_steps = 3
max_records = 24
"""
STRIKE = """#include <signal.h>
#include <string.h>
#include <unistd.h>
static int calls;
static void strike(const char* where) {
    const char* at = getenv("STRIKE");
    char name[32] = "create";
    if (strcmp(where, "call") == 0) snprintf(name, sizeof name, "call %d", ++calls);
    if (at != NULL && strcmp(at, name) == 0) kill(getpid(), SIGTERM);
}
"""


def holds_termination(run):
    """main() has been reached: SIGTERM is blocked until the handlers stand."""
    try:
        status = pathlib.Path(f"/proc/{run.pid}/status").read_text()
    except OSError:
        return False
    return int(re.search(r"SigBlk:\s*(\w+)", status).group(1), 16) >> (signal.SIGTERM - 1) & 1 == 1


# Phase -> whether it has begun, by the trial's folder, what its run has said, and its process.
PHASES = {
    "start": lambda folder, said, run: holds_termination(run),
    "preparation": lambda folder, said, run: (folder / "out/config.toml").exists(),
    "reference": lambda folder, said, run: any(folder.glob("cache/groups/*.json")),
    "evaluation": lambda folder, said, run: "\nevaluate held-out" in said,
    "training": lambda folder, said, run: re.search(r"\ntrain [1-5]/6", said) is not None,
    "checkpoint": lambda folder, said, run: any(folder.glob("out/checkpoints/*.tmp.*")),
    "model": lambda folder, said, run: any(folder.glob("out/model.tmp.*")),
}


def striking_objective(folder):
    """strike.so in `folder`: hello_objective that sends SIGTERM when it is created, or in the call of that number (STRIKE)."""
    text = (EXAMPLES / "hello_objective/hello_objective.c").read_text()
    for before, after in (("#include <stdlib.h>\n", "#include <stdio.h>\n#include <stdlib.h>\n" + STRIKE),
                          ("    hello* me = malloc", '    strike("create");\n    hello* me = malloc'),
                          ("    const int64_t n = in[0].shape[0];", '    strike("call");\n    const int64_t n = in[0].shape[0];')):
        assert text.count(before) == 1
        text = text.replace(before, after)
    source = folder / "strike.c"
    source.write_text(text)
    subprocess.run(["cc", "-shared", "-fPIC", "-I", ROOT / "sdk/include", source, "-o", folder / "strike.so", "-lm"], check=True)


class Moments(Case):
    def setUp(self):
        super().setUp()
        self.seed = int(os.environ.get("SAMARA_TRIAL_SEED", 20))
        print(f"SAMARA_TRIAL_SEED={self.seed}", flush=True)
        self.draw = random.Random(self.seed)
        self.model = tiny_model(self.folder / "model", **SMALL)
        self.data = self.folder / "train.jsonl"
        rows = (EXAMPLES / "data/preferences.jsonl").read_text().splitlines(keepends=True)
        self.data.write_text("".join(rows * 3))  # so that no phase is too short to be met
        self.whole = self.trial("whole")
        start = time.monotonic()
        self.complete(self.whole)
        self.seconds = time.monotonic() - start

    def trial(self, name):
        folder = self.folder / name
        folder.mkdir()
        (folder / "run.toml").write_text(CONFIG.format(folder=folder, model=self.model, data=self.data,
                                                       eval=EXAMPLES / "data/preferences_eval.jsonl"))
        return folder

    def environment(self, folder):
        return {**os.environ, "SAMARA_CACHE_DIR": str(folder / "cache")}

    def command(self, folder):
        return [SAMARA, "run", folder / "run.toml", *ROUTE]

    def complete(self, folder, *more):
        return samara("run", folder / "run.toml", *ROUTE, *more, env=self.environment(folder)).stderr

    def strike(self, folder, phase, number):
        """Starts the trial's run, sends signal `number` in the phase.  Its status, what it said, the seconds that its end took,
        and whether its last step had been made before."""
        with open(folder / "said", "w") as said:
            run = subprocess.Popen(self.command(folder), stdout=subprocess.DEVNULL, stderr=said, env=self.environment(folder))
            while run.poll() is None and not PHASES[phase](folder, "\n" + (folder / "said").read_text(), run):
                time.sleep(0.0005)
            # Phases last long or short: from no delay at all to a fifth of the whole run.
            time.sleep(0 if phase in ("checkpoint", "model") else self.draw.random() ** 3 * self.seconds / 5)
            metrics = folder / "out/metrics.jsonl"
            last_step = metrics.exists() and '\n{"step": 6,' in metrics.read_text()
            run.send_signal(number)
            start = time.monotonic()
            run.wait(timeout=120)
        return run.returncode, (folder / "said").read_text(), time.monotonic() - start, last_step

    def resumed_is_whole(self, folder, label):
        self.complete(folder, "--resume")
        for name in COMPARED:
            self.assertEqual((folder / "out" / name).read_bytes(), (self.whole / "out" / name).read_bytes(), f"{name}, {label}")
        orphans = [path for path in (folder / "out").rglob("*.tmp.*")]
        self.assertEqual(orphans, [], label)
        self.assertIn(" 0 damaged", samara("cache", "verify", env=self.environment(folder)).stdout, label)
        shutil.rmtree(folder)
