"""SIGTERM in the phases of a run: status 75, and a folder that --resume brings to the bytes of a run left alone.  An objective
of the test's own sends the signal at the call that it is told, so that the moment is exact."""
import json
import subprocess

from support import CONFIG, EXAMPLES, ROOT, Case, main, samara, tiny_model, write_config

SMALL = dict(hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1)
COMPARED = ("metrics.jsonl", "model/model.safetensors", "eval/held-out-step-3.jsonl")
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


class Signals(Case):
    def setUp(self):
        super().setUp()
        self.model = tiny_model(self.folder / "model", **SMALL)

    def striking_objective(self):
        """hello_objective that sends the signal when it is created, or in the call of that number."""
        text = (EXAMPLES / "hello_objective/hello_objective.c").read_text()
        for before, after in (("#include <stdlib.h>\n", "#include <stdio.h>\n#include <stdlib.h>\n" + STRIKE),
                              ("    hello* me = malloc", '    strike("create");\n    hello* me = malloc'),
                              ("    const int64_t n = in[0].shape[0];", '    strike("call");\n    const int64_t n = in[0].shape[0];')):
            self.assertEqual(text.count(before), 1)
            text = text.replace(before, after)
        source = self.folder / "strike.c"
        source.write_text(text)
        subprocess.run(["cc", "-shared", "-fPIC", "-I", ROOT / "sdk/include", source, "-o", self.folder / "strike.so", "-lm"], check=True)
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
        config = write_config(self.folder, self.model, "unused", steps=3, text=self.striking_objective())
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


if __name__ == "__main__":
    main()
