"""The dpo pipeline beside a training loop written with transformers and torch alone; its reference cache; refusals."""
import json
import math
import random

from support import Case, main, rows, samara, tiny_model, write_config

CONFIG = """
[run]
pipeline = "{pipeline}"
output = "{output}"
seed = 7
[model]
path = "{model}"
dtype = "float64"
[data]
train = ["{train}"]
order = "file"
[[synthesizer]]
plugin = "samara.pairs"
[[objective]]
plugin = "{objective}"
params = {params}
[optimizer]
plugin = "samara.adamw"
[schedule]
learning_rate = 1e-3
kind = "constant"
[train]
max_steps = {steps}
groups_per_step = 4
tokens_per_batch = {batch}
max_grad_norm = 0
{more}
"""
SMALL = dict(vocab_size=120, max_position_embeddings=128, bos_token_id=1, eos_token_id=2, pad_token_id=0)


def token_rows(n, seed):
    """Pairs as ids: the prompt's length, the responses' lengths and their shared beginning all vary."""
    draw = random.Random(seed)
    ids = lambda low, high: [draw.randrange(3, 120) for _ in range(draw.randint(low, high))]
    out = []
    for k in range(n):
        shared = ids(0, 12)
        out.append({"id": f"r{k}", "prompt_ids": ids(1, 20), "chosen_ids": shared + ids(1, 9) + [2],
                    "rejected_ids": shared + ids(1, 15) + [2]})
    return out


def logp(model, prompt, response):
    import torch
    ids = torch.tensor([prompt + response])
    logits = model(input_ids=ids).logits[0, len(prompt) - 1:-1]
    return torch.log_softmax(logits, -1).gather(1, torch.tensor(response)[:, None]).sum()


def score(model, prompt, response):
    """The reward head on the last token of the row: no padding, so no question where it ends."""
    import torch
    hidden = model.model(input_ids=torch.tensor([prompt + response])).last_hidden_state
    return model.score(hidden)[0, -1, 0]


class Dpo(Case):
    def config(self, name, pipeline="dpo", objective="samara.bradley_terry", params="{ beta = 0.1 }", steps=10,
               batch=2048, more="", model=None):
        data = self.folder / "rows.jsonl"
        if not data.exists():
            data.write_text("".join(json.dumps(row) + "\n" for row in token_rows(24, 3)))
        path = self.folder / f"{name}.toml"
        path.write_text(CONFIG.format(pipeline=pipeline, output=self.folder / name, model=model or self.folder / "model",
                                      train=data, objective=objective, params=params, steps=steps, batch=batch, more=more))
        return path

    def metrics(self, name):
        return rows(self.folder / name / "metrics.jsonl")

    def follow(self, name, model, of, beta, reference=None):
        """Ten steps of four pairs in file order with torch's AdamW; losses and gradient norms as the run's."""
        import torch
        data = rows(self.folder / "rows.jsonl")
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0)
        base = {}
        with torch.no_grad():
            for row in data if reference else []:
                for side in ("chosen_ids", "rejected_ids"):
                    base[row["id"], side] = of(reference, row["prompt_ids"], row[side])
        for got in self.metrics(name):
            at = (got["step"] - 1) * 4 % len(data)
            optimizer.zero_grad()
            losses, rewards, logps = [], [], []
            for row in data[at:at + 4]:
                raw = [of(model, row["prompt_ids"], row[side]) for side in ("chosen_ids", "rejected_ids")]
                mine = [v - base.get((row["id"], side), 0.0) for v, side in zip(raw, ("chosen_ids", "rejected_ids"))]
                losses.append(-torch.nn.functional.logsigmoid(beta * (mine[0] - mine[1])))
                rewards.append([beta * v.item() for v in mine])
                logps.append([v.item() for v in raw])
            loss = torch.stack(losses).mean()
            loss.backward()
            norm = math.sqrt(sum(float((p.grad.double() ** 2).sum()) for p in model.parameters() if p.grad is not None))
            optimizer.step()
            self.assertAlmostEqual(got["loss"], loss.item(), delta=1e-6 * abs(loss.item()))  # its norms and rotations are float32
            self.assertAlmostEqual(got["grad_norm"], norm, delta=1e-5 * norm)
            mean = lambda values: sum(values) / len(values)
            if reference:
                self.assertAlmostEqual(got["logps/chosen"], mean([p[0] for p in logps]), places=6)
                self.assertAlmostEqual(got["logps/rejected"], mean([p[1] for p in logps]), places=6)
                self.assertAlmostEqual(got["rewards/chosen"], mean([r[0] for r in rewards]), places=7)
                self.assertAlmostEqual(got["rewards/margins"], mean([r[0] - r[1] for r in rewards]), places=7)
                self.assertAlmostEqual(got["rewards/accuracies"], mean([r[0] > r[1] for r in rewards]), places=9)
            else:
                self.assertAlmostEqual(got["mean_reward"], mean([r for pair in rewards for r in pair]), places=6)
                self.assertAlmostEqual(got["max_reward"], max(r for pair in rewards for r in pair), places=6)
        self.assertEqual(len(self.metrics(name)), 10)

    def test_ten_steps_of_dpo_equal_an_independent_loop(self):
        import torch
        from transformers import AutoModelForCausalLM
        folder = tiny_model(self.folder / "model", **SMALL)
        samara("run", self.config("out", batch=90), env=self.env)  # several micro-batches a step
        load = lambda: AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64).eval()
        self.follow("out", load(), logp, 0.1, reference=load())
        # What was trained is a language model: transformers gives the log-probabilities of `samara score`.
        trained = AutoModelForCausalLM.from_pretrained(self.folder / "out/model", dtype=torch.float64).eval()
        done = samara("score", self.folder / "out/model", self.folder / "rows.jsonl", "--json", env=self.env)
        for row, line in zip(rows(self.folder / "rows.jsonl"), done.stdout.splitlines()):
            with torch.no_grad():
                theirs = logp(trained, row["prompt_ids"], row["chosen_ids"]).item()
            self.assertAlmostEqual(json.loads(line)["chosen"]["logp"], theirs, delta=1e-3)

    def test_ten_steps_of_a_reward_model_equal_an_independent_loop(self):
        import torch
        from transformers import AutoModelForSequenceClassification, LlamaConfig, LlamaForSequenceClassification
        folder = tiny_model(self.folder / "model", **SMALL)
        torch.manual_seed(5)
        config = LlamaConfig.from_pretrained(folder, num_labels=1)
        LlamaForSequenceClassification.from_pretrained(folder, config=config).save_pretrained(folder)
        samara("run", self.config("out", pipeline="reward", params="{}", batch=90), env=self.env)
        model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float64).eval()
        self.follow("out", model, score, 1.0)

    def test_ten_steps_of_orpo_over_the_prompt_equal_an_independent_loop(self):
        """The prompt's tokens are learned too: the loss needs prompt_logp, whatever the split of a step."""
        import torch
        from transformers import AutoModelForCausalLM
        folder = tiny_model(self.folder / "model", **SMALL)
        params = '{ beta = 0.1, nll = "token", nll_over = "prompt_and_response" }'
        samara("run", self.config("out", objective="samara.orpo", params=params, batch=90,
                                  more='[dpo]\nreference = "none"\n'), env=self.env)
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64).eval()
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.0)
        data = rows(self.folder / "rows.jsonl")
        log_odds = lambda a: a - torch.log1p(-torch.exp(a))
        for got in self.metrics("out"):
            at = (got["step"] - 1) * 4 % len(data)
            optimizer.zero_grad()
            odds, nll, count = [], [], 0
            for row in data[at:at + 4]:
                p, w, l = row["prompt_ids"], row["chosen_ids"], row["rejected_ids"]
                gap = log_odds(logp(model, p, w) / len(w)) - log_odds(logp(model, p, l) / len(l))
                odds.append(-torch.nn.functional.logsigmoid(gap))
                nll.append(-logp(model, (p + w)[:1], (p + w)[1:]))  # everything after the first token
                count += len(p + w) - 1
            loss = 0.1 * torch.stack(odds).mean() + torch.stack(nll).sum() / count
            loss.backward()
            norm = math.sqrt(sum(float((p.grad.double() ** 2).sum()) for p in model.parameters() if p.grad is not None))
            optimizer.step()
            self.assertAlmostEqual(got["loss"], loss.item(), delta=1e-6 * loss.item())
            self.assertAlmostEqual(got["grad_norm"], norm, delta=1e-5 * norm)
        self.assertEqual(len(self.metrics("out")), 10)

    def test_the_reference_is_computed_once_and_may_be_named(self):
        folder = tiny_model(self.folder / "model", **SMALL)
        first = samara("run", self.config("a"), env=self.env)
        self.assertIn("log-probs of 24 groups computed", first.stderr)
        second = samara("run", self.config("b", objective="samara.mapl", params="{ beta = 0.1 }"), env=self.env)
        self.assertIn("log-probs of 24 groups reused", second.stderr)
        self.assertEqual(*(self.metrics(n) for n in "ab"))  # the same loss on pairs
        named = samara("run", self.config("c", more=f'[dpo]\nreference = "{folder}"\n'), env=self.env)
        self.assertIn("log-probs of 24 groups reused", named.stderr)  # the same weights: the same content
        self.assertEqual(*(self.metrics(n) for n in "ac"))
        # Another order reaches other groups first: only what no run has seen is computed.
        part = samara("run", self.config("e", steps=2), "--set", "data.order=shuffle", "--set", "run.seed=3", env=self.env)
        self.assertIn("log-probs of 8 groups reused", part.stderr)
        self.assertNotIn("groups computed", part.stderr)
        # Damage is found, kept aside, and computed again.
        cache, = (self.folder / "cache/reference").glob("*/*.h5")
        whole = cache.read_bytes()
        cache.write_bytes(whole[:-40] + bytes(b ^ 1 for b in whole[-40:]))
        again = samara("run", self.config("d"), env=self.env)
        self.assertIn("computed again", again.stderr)
        self.assertEqual(*(self.metrics(n) for n in "ad"))
        self.assertEqual(self.values(cache.read_bytes()), self.values(whole))

    def test_runs_that_share_some_groups_share_their_reference(self):
        tiny_model(self.folder / "model", **SMALL)
        first = samara("run", self.config("a", steps=2), env=self.env)
        self.assertIn("log-probs of 8 groups computed", first.stderr)
        second = samara("run", self.config("b", steps=4), env=self.env)
        self.assertIn("log-probs of 8 groups computed", second.stderr)
        self.assertIn("log-probs of 8 groups reused", second.stderr)
        # What came from the cache is what is computed without one.
        alone = {"SAMARA_CACHE_DIR": str(self.folder / "another")}
        samara("run", self.config("c", steps=4), env=alone)
        self.assertEqual(*(self.metrics(n) for n in "bc"))
        # Another precision has other values.
        third = samara("run", self.config("d", steps=2), "--set", "model.dtype=float32", env=self.env)
        self.assertIn("log-probs of 8 groups computed", third.stderr)
        self.assertNotIn("groups reused", third.stderr)

    def values(self, data):
        import h5py
        path = self.folder / "whole.h5"
        path.write_bytes(data)
        with h5py.File(path) as f:
            return [f["reference"][k][:].tolist() for k in ("groups", "logp", "tok_logp")]

    def test_another_reference_or_none_changes_the_scores(self):
        tiny_model(self.folder / "model", **SMALL)
        tiny_model(self.folder / "other", seed=1, **SMALL)
        samara("run", self.config("initial", steps=1), env=self.env)
        samara("run", self.config("other_run", steps=1, more=f'[dpo]\nreference = "{self.folder}/other"\n'), env=self.env)
        samara("run", self.config("none", steps=1, more='[dpo]\nreference = "none"\n'), env=self.env)
        start = [self.metrics(n)[0] for n in ("initial", "other_run", "none")]
        self.assertAlmostEqual(start[0]["rewards/chosen"], 0.0, places=9)
        self.assertAlmostEqual(start[0]["loss"], math.log(2), places=9)
        self.assertGreater(abs(start[1]["rewards/chosen"]), 1e-3)
        self.assertAlmostEqual(start[2]["rewards/chosen"], 0.1 * start[2]["logps/chosen"], places=6)

    def test_what_cannot_be_is_refused_before_work(self):
        tiny_model(self.folder / "model", **SMALL)
        section = samara("check", self.config("a", pipeline="reward", params="{}", more='[dpo]\nreference = "none"\n'),
                         env=self.env, check=False)
        self.assertEqual(section.returncode, 2)
        self.assertIn('[dpo] has no effect with run.pipeline = "reward"', section.stderr)
        missing = samara("check", self.config("b", more='[dpo]\nreference = "nowhere"\n'), env=self.env, check=False)
        self.assertEqual(missing.returncode, 2)
        self.assertIn("dpo.reference: no folder 'nowhere'", missing.stderr)
        self.assertFalse((self.folder / "b").exists())

    def test_nothing_to_train_on_is_an_error(self):
        tiny_model(self.folder / "model", **SMALL)
        for pipeline in ("reward", "dpo"):
            done = samara("run", self.config(pipeline, pipeline=pipeline, params="{}"), "--set",
                          "objective.0.tags={base=0.0}", env=self.env, check=False)
            self.assertEqual(done.returncode, 3, done.stderr)
            self.assertIn("every tag of the data has weight 0", done.stderr)
            self.assertFalse((self.folder / pipeline / "model").exists())

    def test_another_tokenizer_than_the_references_is_refused(self):
        tiny_model(self.folder / "model", **SMALL)
        other = tiny_model(self.folder / "other", **SMALL)
        tokenizer = json.loads((other / "tokenizer.json").read_text())
        tokenizer["model"]["merges"].pop()
        (other / "tokenizer.json").write_text(json.dumps(tokenizer))
        done = samara("run", self.config("a", more=f'[dpo]\nreference = "{other}"\n'), env=self.env, check=False)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("another tokenizer", done.stderr)

    def test_resuming_against_another_reference_is_refused(self):
        folder = tiny_model(self.folder / "model", **SMALL)
        other = tiny_model(self.folder / "other", seed=1, **SMALL)
        more = f'[dpo]\nreference = "{other}"\n[checkpoint]\nevery_steps = 2\n'
        config = self.config("a", more=more, steps=4)
        samara("run", config, env=self.env)
        (self.folder / "a/done.json").unlink()  # as after a kill
        import shutil
        shutil.copy(folder / "model.safetensors", other)
        done = samara("run", config, "--resume", env=self.env, check=False)
        self.assertEqual(done.returncode, 8, done.stderr)
        self.assertIn("another reference model", done.stderr)

    def test_kto_with_mismatched_pairs_equals_its_formula(self):
        """The baseline is the mean score of mismatched pairs, which no loss learns from."""
        import torch
        from transformers import AutoModelForCausalLM
        folder = tiny_model(self.folder / "model", seed=1, **SMALL)
        other = tiny_model(self.folder / "other", **SMALL)
        done = samara("run", self.config("none", objective="samara.kto"), env=self.env, check=False)
        self.assertIn('auxiliary = "mismatched"', done.stderr)
        samara("run", self.config("out", objective="samara.kto", steps=1, more=f'[dpo]\nreference = "{other}"\n', batch=60),
               "--set", 'synthesizer.0.params={auxiliary="mismatched"}', env=self.env)
        load = lambda path: AutoModelForCausalLM.from_pretrained(path, dtype=torch.float64).eval()
        data = rows(self.folder / "rows.jsonl")
        with torch.no_grad():
            policy, reference = load(folder), load(other)
            score = lambda p, y: (logp(policy, p, y) - logp(reference, p, y)).item()
            mismatched = [score(data[k]["prompt_ids"], data[k + 1]["chosen_ids"]) for k in range(4)]
            kl = max(0.0, sum(mismatched) / 4)
            value = lambda sign, row, side: 1 / (1 + math.exp(sign * 0.1 * (score(row["prompt_ids"], row[side]) - kl)))
            losses = [v for row in data[:4] for v in (value(1, row, "chosen_ids"), value(-1, row, "rejected_ids"))]
        got = self.metrics("out")[0]
        self.assertGreater(kl, 0.0)  # or the baseline would not be seen
        self.assertAlmostEqual(got["kto/baseline"], kl, places=5)
        self.assertAlmostEqual(got["loss"], sum(losses) / 8, places=6)

    def test_a_coupled_loss_does_not_depend_on_the_split_of_a_step(self):
        """AOT sorts the whole step's gaps: a second forward per micro-batch brings the gradients back."""
        tiny_model(self.folder / "model", **SMALL)
        for objective in ("samara.aot", "samara.aot_unpaired"):
            for name, batch in (("whole", 100000), ("split", 60)):
                samara("run", self.config(objective + name, objective=objective, params="{}", batch=batch, steps=4),
                       env=self.env)
            whole, split = self.metrics(objective + "whole"), self.metrics(objective + "split")
            self.assertEqual(len(whole), 4)
            for a, b in zip(whole, split):
                self.assertAlmostEqual(a["loss"], b["loss"], delta=1e-9 * abs(a["loss"]))
                self.assertAlmostEqual(a["grad_norm"], b["grad_norm"], delta=1e-7 * a["grad_norm"])
                self.assertGreater(a["grad_norm"], 1e-6)

    def test_prompt_side_pairs_alone_are_warned_about(self):
        model = tiny_model(self.folder / "model")
        for name, tags, warned in (("alone", "{ base = 0.0, intra = 1.0, inter = 0.0 }", True),
                                   ("anchored", "{ base = 1.0, intra = 1.0, inter = 0.0 }", False)):
            done = samara("run", write_config(self.folder, model, self.folder / name, steps=1), "--set",
                          "run.pipeline=dpo", "--set", f"objective.0.tags={tags}", "--set", "data.max_records=8",
                          env=self.env)
            self.assertEqual("as an anchor" in done.stderr, warned, done.stderr)

    def test_a_killed_run_resumes_to_the_same_bytes(self):
        tiny_model(self.folder / "model", **SMALL)
        more = "[checkpoint]\nevery_steps = 2\n"
        samara("run", self.config("whole", more=more), env=self.env)
        config = self.config("cut", more=more)
        samara("run", config, "--set", "train.max_steps=10", env=self.env)
        import shutil
        # As after a kill: the checkpoint of step 8 is the newest, logs run ahead of it, nothing is finished.
        for name in ("model", "done.json"):
            path = self.folder / "cut" / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        newest = sorted((self.folder / "cut/checkpoints").iterdir())[-1]
        if len(list((self.folder / "cut/checkpoints").iterdir())) > 1:
            shutil.rmtree(newest)
        samara("run", config, "--resume", env=self.env)
        for name in ("metrics.jsonl", "model/model.safetensors"):
            self.assertEqual((self.folder / "whole" / name).read_bytes(), (self.folder / "cut" / name).read_bytes())


if __name__ == "__main__":
    main()
