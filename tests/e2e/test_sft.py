"""Supervised fine-tuning beside a loop written with transformers and torch alone; objectives that add up; the configurations."""
import json
import math
import random

from support import DEMO_MODEL, ROOT, Case, main, need, rows, samara, tiny_model
from test_dpo import CONFIG, SMALL, logp, token_rows

NONE = '[dpo]\nreference = "none"\n'


def demonstrations(n, seed):
    draw = random.Random(seed)
    ids = lambda low, high: [draw.randrange(3, 120) for _ in range(draw.randint(low, high))]
    return [{"id": f"d{k}", "prompt_ids": ids(1, 20), "completion_ids": ids(1, 15) + [2]} for k in range(n)]


class Sft(Case):
    def run_samara(self, data, objective="samara.sft", params="{}", more=NONE):
        path = self.folder / "rows.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in data))
        config = self.folder / "run.toml"
        config.write_text(CONFIG.format(pipeline="dpo", output=self.folder / "out", model=self.folder / "model", train=path,
                                        objective=objective, params=params, steps=10, batch=60, more=more))
        samara("run", config, env=self.env)
        return rows(self.folder / "out/metrics.jsonl")

    def follow(self, got, data, loss_of, model):
        """Ten steps of four rows in file order with torch's AdamW; losses and gradient norms as the run's."""
        import torch
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0)
        self.assertEqual([row["step"] for row in got], list(range(1, 11)))
        for row in got:
            at = (row["step"] - 1) * 4 % len(data)
            optimizer.zero_grad()
            loss = loss_of(model, data[at:at + 4])
            loss.backward()
            norm = math.sqrt(sum(float((p.grad.double() ** 2).sum()) for p in model.parameters() if p.grad is not None))
            optimizer.step()
            self.assertAlmostEqual(row["loss"], loss.item(), delta=1e-5 * abs(loss.item()))
            self.assertAlmostEqual(row["grad_norm"], norm, delta=1e-5 * norm)
        self.assertGreater(abs(got[0]["loss"] - got[-1]["loss"]), 1e-3)

    def policy(self, folder):
        import torch
        from transformers import AutoModelForCausalLM
        return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64).eval()

    def test_ten_steps_equal_an_independent_loop(self):
        """The mean over the step's response tokens, the end included and the prompt left out, however a step is split."""
        folder, data = tiny_model(self.folder / "model", **SMALL), demonstrations(24, 5)
        got = self.run_samara(data, params='{ nll = "token" }')

        def nll(model, batch):
            total = sum(logp(model, row["prompt_ids"], row["completion_ids"]) for row in batch)
            return -total / sum(len(row["completion_ids"]) for row in batch)

        self.follow(got, data, nll, self.policy(folder))

    def test_dpo_and_a_weighted_likelihood_add_up_to_rpo(self):
        """RPO: DPO plus a weight times the chosen response's mean negative log-likelihood."""
        import torch
        folder, data = tiny_model(self.folder / "model", **SMALL), token_rows(24, 6)
        second = '[[objective]]\nplugin = "samara.sft"\nparams = { nll = "average" }\nweight = 0.3\n'
        got = self.run_samara(data, "samara.bradley_terry", "{ beta = 0.1 }", second)
        reference = self.policy(folder)

        def rpo(model, batch):
            losses = []
            for row in batch:
                scores = []
                for side in ("chosen_ids", "rejected_ids"):
                    with torch.no_grad():
                        base = logp(reference, row["prompt_ids"], row[side])
                    scores.append(logp(model, row["prompt_ids"], row[side]) - base)
                nll = -logp(model, row["prompt_ids"], row["chosen_ids"]) / len(row["chosen_ids"])
                losses.append(-torch.nn.functional.logsigmoid(0.1 * (scores[0] - scores[1])) + 0.3 * nll)
            return torch.stack(losses).mean()

        self.follow(got, data, rpo, self.policy(folder))


class Configurations(Case):
    def test_every_configuration_is_sound(self):
        need(DEMO_MODEL, "the demo model (scripts/get_model)")
        found = sorted((ROOT / "configs").glob("*.toml"))
        self.assertGreaterEqual(len(found), 7)
        for config in found:
            done = samara("check", config, env={"SAMARA_CACHE_DIR": str(DEMO_MODEL.parents[1])}, check=False)
            self.assertEqual(done.returncode, 0, f"{config}\n{done.stderr}")
            self.assertNotIn("warning", done.stderr)

    def test_sft_toml_lowers_the_held_out_loss_and_keeps_the_best_weights(self):
        folder = tiny_model(self.folder / "model")
        done = samara("run", ROOT / "configs/sft.toml", "--set", f"model.path={folder}", "--set", f"run.output={self.folder}/out",
                      "--set", "schedule.learning_rate=3e-3", env=self.env)
        metrics = rows(self.folder / "out/metrics.jsonl")
        held = {row["step"]: row["loss/base"] for row in metrics if row.get("eval") == "held-out"}
        self.assertEqual(list(held), [0, 6, 12, 18])
        self.assertLess(held[18], held[0] - 0.1)
        self.assertEqual(json.loads((self.folder / "out/done.json").read_text())["best"]["value"], min(held.values()))
        # Rows without pairs have a loss before and after, and no accuracy.
        line, = [line for line in done.stdout.splitlines() if line.startswith("held-out")]
        self.assertEqual(line.split()[:5], ["held-out", "base", "0", "-", "-"])
        self.assertEqual(line.split()[-2:], [f"{held[0]:.4f}", f"{min(held.values()):.4f}"])


if __name__ == "__main__":
    main()
