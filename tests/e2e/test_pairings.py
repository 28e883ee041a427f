"""Objectives and pipelines that do not go together, and settings without effect: refused before any work, by name and place."""
import json

from support import Case, main, samara, tiny_model
from test_dpo import CONFIG, SMALL, token_rows

POLICY_ONLY = "pipelines dpo and ppo have it; a reward model computes no log-probabilities"
ROLLOUTS_ONLY = "only rollouts (pipeline ppo) have it"
NONE = '[dpo]\nreference = "none"\n'

# objective, parameters, pipeline, more -> the column that is missing and why
REFUSED = [
    ("samara.sft", "{}", "reward", "", "logp", POLICY_ONLY),
    ("samara.simpo", "{}", "reward", "", "logp", POLICY_ONLY),
    ("samara.orpo", "{}", "reward", "", "logp", POLICY_ONLY),
    ("samara.bradley_terry", '{ likelihood = "joint" }', "reward", "", "gap.prompt_logp", POLICY_ONLY),
    ("samara.mapl", '{ likelihood = "joint" }', "reward", "", "gap.prompt_logp", POLICY_ONLY),
    ("samara.aot", "{}", "dpo", NONE, "gap.ref_logp", '[dpo] reference is "none"'),
    ("samara.ppo_clip", "{}", "dpo", "", "tok.old_logp", ROLLOUTS_ONLY),
    ("samara.value_clip", "{}", "reward", "", "tok.value", ROLLOUTS_ONLY),
]
ACCEPTED = [
    ("samara.bradley_terry", "{}", "reward", ""),
    ("samara.hinge", "{}", "reward", ""),
    ("samara.bradley_terry", '{ likelihood = "joint" }', "dpo", ""),
    ("samara.bradley_terry", '{ likelihood = "joint" }', "dpo", NONE),
    ("samara.simpo", "{}", "dpo", NONE),
    ("samara.sft", "{}", "dpo", NONE),
]


class Pairings(Case):
    def setUp(self):
        super().setUp()
        tiny_model(self.folder / "model", **SMALL)
        (self.folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in token_rows(8, 3)))

    def config(self, objective, params, pipeline, more, name="run"):
        path = self.folder / f"{name}.toml"
        path.write_text(CONFIG.format(pipeline=pipeline, output=self.folder / name, model=self.folder / "model", steps=1,
                                      train=self.folder / "rows.jsonl", objective=objective, params=params, batch=2048,
                                      more=more))
        return path

    def test_a_pair_that_a_pipeline_cannot_serve_is_refused_before_work(self):
        for objective, params, pipeline, more, column, why in REFUSED:
            with self.subTest(objective=objective, pipeline=pipeline):
                config = self.config(objective, params, pipeline, more)
                done = samara("run", config, env=self.env, check=False)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(f"{objective} needs the column '{column}', which pipeline {pipeline} does not have: {why}",
                              done.stderr)
                line = config.read_text().splitlines().index(f'plugin = "{objective}"') + 1
                self.assertIn(f"run.toml:{line}:", done.stderr)
                # Before any work: no run folder, no data read, nothing cached but the machine's fp32 route.
                self.assertFalse((self.folder / "run").exists())
                self.assertFalse((self.folder / "cache/groups").exists())
                self.assertNotIn("training data", done.stderr)

    def test_pairs_that_go_together_train(self):
        for number, (objective, params, pipeline, more) in enumerate(ACCEPTED):
            with self.subTest(objective=objective, pipeline=pipeline):
                samara("run", self.config(objective, params, pipeline, more, f"run{number}"), env=self.env)

    def test_settings_without_effect_are_errors(self):
        pairs = (
            ('params = { betta = 0.1 }', "unknown key 'betta' in params of samara.bradley_terry"),
            ('params = { beta = 0.1 }\nbeta = 0.2', "unknown key 'beta'"),
        )
        for params, message in pairs:
            config = self.config("samara.bradley_terry", "{}", "dpo", "")
            config.write_text(config.read_text().replace("params = {}", params))
            done = samara("check", config, env=self.env, check=False)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(message, done.stderr)
            self.assertRegex(done.stderr, r"run\.toml:\d+:\d+")
        sections = (
            ("reward", "[dpo]\nreference = \"none\"\n", '[dpo] has no effect with run.pipeline = "reward"'),
            ("dpo", "[ppo]\nsamples = 2\n", '[ppo] has no effect with run.pipeline = "dpo"'),
            ("dpo", "[best]\npatience = 2\n", "[best] has no effect without metric"),
        )
        for pipeline, more, message in sections:
            done = samara("check", self.config("samara.bradley_terry", "{}", pipeline, more), env=self.env, check=False)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(message, done.stderr)

    def test_a_refused_run_leaves_its_folder_to_the_next(self):
        """Data that cannot be trained on is found after the folder was made."""
        config = self.config("samara.bradley_terry", "{}", "dpo", "")
        dead = samara("run", config, "--set", "objective.0.tags={base=0.0}", env=self.env, check=False)
        self.assertEqual(dead.returncode, 3, dead.stderr)
        samara("run", config, env=self.env)
        self.assertTrue((self.folder / "run/done.json").exists())


if __name__ == "__main__":
    main()
