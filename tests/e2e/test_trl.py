"""Runs of ten steps beside TRL's own trainers on the same weights and tokens, and its losses in the installed version."""
import json
import subprocess
import sys

from support import Case, ROOT, main, need, rows, samara, tiny_model
from test_dpo import CONFIG, SMALL, token_rows

STEPS, BATCH = 10, 4
LOSSES = ROOT / "tests/plugins_preference/trl_losses.py"


def sequential(trainer_class):
    """The trainer in the order of the file, on rows that are token ids already, keeping every step's loss unrounded."""
    from torch.utils.data import SequentialSampler

    class Sequential(trainer_class):
        def _prepare_dataset(self, dataset, *_):
            return dataset

        def _get_train_sampler(self, dataset=None):
            return SequentialSampler(self.train_dataset if dataset is None else dataset)

        def compute_loss(self, *args, **kwargs):
            result = super().compute_loss(*args, **kwargs)
            self.losses = [*getattr(self, "losses", []), (result[0] if isinstance(result, tuple) else result).item()]
            return result

    return Sequential


def settings(folder):
    return dict(output_dir=str(folder), max_steps=STEPS, per_device_train_batch_size=BATCH, learning_rate=1e-3,
                lr_scheduler_type="constant", optim="adamw_torch", weight_decay=0.0, max_grad_norm=1e9, logging_steps=1,
                report_to="none", save_strategy="no", use_cpu=True, bf16=False, gradient_checkpointing=False,
                max_length=None, disable_tqdm=True)


class Trl(Case):
    def run_samara(self, pipeline, objective, params, more=""):
        data = self.folder / "rows.jsonl"
        data.write_text("".join(json.dumps(row) + "\n" for row in token_rows(24, 11)))
        path = self.folder / "run.toml"
        path.write_text(CONFIG.format(pipeline=pipeline, output=self.folder / "out", model=self.folder / "model", train=data,
                                      objective=objective, params=params, steps=STEPS, batch=90, more=more))
        samara("run", path, env=self.env)
        return rows(self.folder / "out/metrics.jsonl"), rows(data)

    def tokenizer(self):
        """Its only task here is to know the pad id: 0, which ends no response."""
        from transformers import PreTrainedTokenizerFast
        tokenizer = PreTrainedTokenizerFast.from_pretrained(self.folder / "model")
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(SMALL["pad_token_id"])
        return tokenizer

    def follow(self, ours, trainer, names):
        """Every step's loss, gradient norm and metrics."""
        trainer.train()
        theirs = [row for row in trainer.state.log_history if "grad_norm" in row]
        self.assertEqual([len(ours), len(theirs), len(trainer.losses)], [STEPS] * 3)
        for a, b, loss in zip(ours, theirs, trainer.losses):
            self.assertAlmostEqual(a["loss"], loss, delta=1e-5 * abs(loss))
            self.assertAlmostEqual(a["grad_norm"], b["grad_norm"], delta=1e-5 * b["grad_norm"])
            for name in names:
                self.assertAlmostEqual(a[name], b[name], delta=1e-5 * max(1.0, abs(b[name])), msg=name)
        # The runs went somewhere: equal losses of a model that never moved would prove nothing.
        self.assertGreater(abs(ours[0]["loss"] - ours[-1]["loss"]), 1e-3)

    def dpo(self, objective, params, names, **changes):
        import torch
        from datasets import Dataset
        from transformers import AutoModelForCausalLM
        from trl import DPOConfig, DPOTrainer
        folder = tiny_model(self.folder / "model", **SMALL)
        ours, data = self.run_samara("dpo", objective, params)
        load = lambda: AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64)
        keep = ("prompt_ids", "chosen_ids", "rejected_ids")
        trainer = sequential(DPOTrainer)(model=load(), ref_model=load(), processing_class=self.tokenizer(),
                                         args=DPOConfig(**settings(self.folder / "trl"), beta=0.1, **changes),
                                         train_dataset=Dataset.from_list([{k: row[k] for k in keep} for row in data]))
        self.follow(ours, trainer, names)

    def test_dpo_follows_trl_for_ten_steps(self):
        self.dpo("samara.bradley_terry", "{ beta = 0.1 }",
                 ("rewards/chosen", "rewards/rejected", "rewards/margins", "rewards/accuracies", "logps/chosen",
                  "logps/rejected"))

    def test_dpo_with_its_options_follows_trl_for_ten_steps(self):
        # No metrics: with ld_alpha TRL logs the shortened sums under the names of the whole ones.
        self.dpo("samara.dpo", '{ divergence = "js_divergence", ld_alpha = 0.4, weighting = "wpo" }', (),
                 f_divergence_type="js_divergence", ld_alpha=0.4, use_weighting=True)

    def test_a_reward_model_follows_trl_for_ten_steps(self):
        import torch
        from datasets import Dataset
        from transformers import AutoModelForSequenceClassification, LlamaConfig, LlamaForSequenceClassification
        from trl import RewardConfig, RewardTrainer
        folder = tiny_model(self.folder / "model", **SMALL)
        torch.manual_seed(5)
        config = LlamaConfig.from_pretrained(folder, num_labels=1)
        LlamaForSequenceClassification.from_pretrained(folder, config=config).save_pretrained(folder)
        ours, data = self.run_samara("reward", "samara.bradley_terry", "{}", more=CENTER)
        model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float64)
        pairs = [{side: row["prompt_ids"] + row[side] for side in ("chosen_ids", "rejected_ids")} for row in data]
        args = RewardConfig(**settings(self.folder / "trl"), center_rewards_coefficient=0.01)
        trainer = sequential(RewardTrainer)(model=model, processing_class=self.tokenizer(), args=args,
                                            train_dataset=Dataset.from_list(pairs))
        self.follow(ours, trainer, ("accuracy", "margin", "mean_reward", "min_reward", "max_reward"))

    def test_the_installed_version_gives_the_losses_that_the_unit_tests_hold(self):
        """trl_losses.json is TRL 1.16's; 1.9 leaves the divergences' constants out, which a gap of sums cannot see."""
        need(LOSSES, "the script of the golden numbers")
        done = subprocess.run([sys.executable, LOSSES], capture_output=True, text=True, check=True)
        installed, golden = json.loads(done.stdout), json.loads(LOSSES.with_suffix(".json").read_text())
        self.assertEqual(installed["trl"].split(".")[:2], ["1", "9"])
        self.assertEqual(len(installed["cases"]), len(golden["cases"]))
        for key in ("logp", "ref_logp", "log_p2"):
            self.assertEqual(installed[key], golden[key])
        differing = set()
        for a, b in zip(installed["cases"], golden["cases"]):
            if abs(a["loss"] - b["loss"]) > 3e-6 * max(1.0, abs(b["loss"])):
                differing.add((b["loss_type"], b.get("f_divergence_type")))
        self.assertEqual(differing, {(loss, divergence) for loss in ("ipo", "sigmoid_norm")
                                     for divergence in ("forward_kl", "js_divergence", "alpha_divergence")})


CENTER = """
[[objective]]
plugin = "samara.center"
weight = 0.01
"""

if __name__ == "__main__":
    main()
