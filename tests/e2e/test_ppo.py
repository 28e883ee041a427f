"""The ppo pipeline beside a loop written with transformers and torch alone: rollouts, rewards, divergence, advantages,
losses, steps; what it logs; exact resume in every phase; what it refuses."""
import json
import math
import os
import random
import signal
import subprocess
import time

from support import SAMARA, Case, main, rows, samara, tiny_model

CONFIG = """
[run]
pipeline = "ppo"
output = "{output}"
seed = 7
[model]
path = "{model}"
dtype = "{dtype}"
[ppo]
prompts = 4
samples = 3
max_new_tokens = 6
{ppo}
[[ppo.reward]]
{reward}
[data]
train = ["{train}"]
order = "file"
{data}
[[synthesizer]]
plugin = "samara.pairs"
params = {{ rollout_prompts = true }}
{objectives}
[optimizer]
plugin = "samara.adamw"
[schedule]
learning_rate = 1e-3
kind = "constant"
[train]
max_steps = {steps}
tokens_per_batch = 60
max_grad_norm = 0
{more}
"""
SMALL = dict(vocab_size=120, max_position_embeddings=128, bos_token_id=1, eos_token_id=2, pad_token_id=None)  # a padding row has no gradient there
CLIP = '[[objective]]\nplugin = "samara.ppo_clip"\n'
CRITIC = CLIP + '[[objective]]\nplugin = "samara.value_clip"\nparams = { range = 0.05, coefficient = 0.5 }\n'
TASK = {"id": "length_constraints:number_words", "kwargs": {"num_words": 4, "relation": "at least"}}


def reward_model(folder, seed, **changes):
    """A random sequence classifier of one score."""
    import shutil

    import torch
    from transformers import AutoModelForSequenceClassification

    base = tiny_model(folder / "base", seed=seed, **changes)
    torch.manual_seed(seed)
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=1)
    torch.nn.init.normal_(model.score.weight, std=0.5)
    model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(base / name, folder)
    return folder


class Ppo(Case):
    def setUp(self):
        super().setUp()
        draw = random.Random(5)
        prompts = [{"id": f"p{k}", "prompt_ids": [draw.randrange(3, 120) for _ in range(draw.randint(1, 12))]}
                   for k in range(10)]
        self.prompts = self.folder / "prompts.jsonl"
        self.prompts.write_text("".join(json.dumps(row) + "\n" for row in prompts))

    def config(self, name, ppo="", reward=None, objectives=CLIP, steps=6, more="", model=None, train=None, data="",
               dtype="float64"):
        path = self.folder / f"{name}.toml"
        reward = reward or f'model = "{self.folder / "judge"}"'
        path.write_text(CONFIG.format(output=self.folder / name, model=model or self.folder / "model", ppo=ppo, reward=reward,
                                      train=train or self.prompts, objectives=objectives, steps=steps, more=more, data=data,
                                      dtype=dtype))
        return path

    def small_models(self):
        tiny_model(self.folder / "model", **SMALL)
        reward_model(self.folder / "judge", 3, **SMALL)

    def batch(self, name, number):
        """A batch of rollouts as written: a list of dicts, one per response."""
        import h5py
        out, at = [], 0
        with h5py.File(self.folder / name / f"rollouts/batch-{number:06d}.h5") as file:
            all = {key: file["rollouts"][key][()].tolist() for key in file["rollouts"] if key != "sha256"}
        for n, size in enumerate(all["tokens"]):
            out.append({key: values[at:at + size] for key, values in all.items() if len(values) == sum(all["tokens"])}
                       | {"reward": all["reward"][n]})
            at += size
        return out

    def metrics(self, name):
        lines = rows(self.folder / name / "metrics.jsonl")
        return [r for r in lines if "rollout" in r], [r for r in lines if "loss" in r and "eval" not in r]

    def follow(self, name, gamma=1.0, lam=0.95, coef=0.05, epochs=2, critic=True, clip=0.2):
        """Steps of whole batches; every number that the run froze or logged is computed anew from the sampled ids."""
        import torch
        from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

        load = lambda kind, path: kind.from_pretrained(self.folder / path, dtype=torch.float64).eval()
        policy, reference = load(AutoModelForCausalLM, "model"), load(AutoModelForCausalLM, "model")
        judge, value = load(AutoModelForSequenceClassification, "judge"), load(AutoModelForSequenceClassification, "judge")
        models = [policy, value] if critic else [policy]
        parameters = [p for m in models for p in m.parameters()]
        optimizer = torch.optim.AdamW(parameters, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0)
        prompts = [row["prompt_ids"] for row in rows(self.prompts)]

        def logp(model, prompt, ids):
            logits = model(input_ids=torch.tensor([prompt + ids])).logits[0, len(prompt) - 1:-1]
            return torch.log_softmax(logits, -1).gather(1, torch.tensor(ids)[:, None])[:, 0]

        def hidden_score(model, prompt, ids):
            return model.score(model.model(input_ids=torch.tensor([prompt + ids])).last_hidden_state)[0, :, 0]

        close = lambda got, want, what: torch.testing.assert_close(
            torch.tensor(got, dtype=torch.float64), want.detach(), rtol=2e-5, atol=2e-6, msg=lambda m: f"{what}\n{m}")
        rollouts, steps = self.metrics(name)
        for number, row in enumerate(rollouts):
            batch, scores, kls = self.batch(name, number), [], []
            for n, one in enumerate(batch):
                prompt = one["prompt"] = prompts[(4 * number + n // 3) % len(prompts)]
                ids = one["ids"]
                self.assertTrue(len(ids) <= 6 and 2 not in ids[:-1] and (len(ids) == 6 or ids[-1] == 2), ids)
                with torch.no_grad():
                    old, ref = logp(policy, prompt, ids), logp(reference, prompt, ids)
                    close(one["old_logp"], old, "log-probs of the policy")
                    close(one["ref_logp"], ref, "log-probs of the reference")
                    score = hidden_score(judge, prompt, ids)[-1]
                    rewards = -coef * (old - ref)
                    rewards[-1] += score
                    scores.append(score)
                    kls.append((old - ref).sum())
                    close(one["reward"], rewards.sum(), "reward")
                    if critic:  # Schulman et al. 2016, eq. 16
                        v = hidden_score(value, prompt, ids)[len(prompt) - 1:-1]
                        close(one["old_value"], v, "values")
                        gae, last = torch.zeros(len(ids), dtype=torch.float64), 0.0
                        for t in reversed(range(len(ids))):
                            after = v[t + 1] if t + 1 < len(ids) else 0.0
                            last = rewards[t] + gamma * after - v[t] + gamma * lam * last
                            gae[t] = last
                        close(one["returns"], gae + v, "returns")
                        one["A"] = gae
            if critic:
                every = torch.cat([one["A"] for one in batch])
                mean, spread = every.mean(), torch.sqrt(every.var(unbiased=True) + 1e-8)
            for n, one in enumerate(batch):
                if critic:
                    one["A"] = (one["A"] - mean) / spread
                else:  # DeepSeekMath, section 4.1.2
                    own = torch.tensor([other["reward"] for other in batch[n // 3 * 3:n // 3 * 3 + 3]], dtype=torch.float64)
                    one["A"] = ((one["reward"] - own.mean()) / (own.std() + 1e-4)).expand(len(one["ids"]))
                close(one["advantage"], one["A"], "advantages")
            close(row["objective/scores"], torch.stack(scores).mean(), "scores")
            close(row["objective/kl"], torch.stack(kls).mean(), "kl")
            for got in steps[number * epochs:(number + 1) * epochs]:
                optimizer.zero_grad()
                policies, values = [], []
                for one in batch:
                    ratio = torch.exp(logp(policy, one["prompt"], one["ids"]) - torch.tensor(one["old_logp"], dtype=torch.float64))
                    policies.append(torch.maximum(-one["A"] * ratio, -one["A"] * ratio.clamp(1 - clip, 1 + clip)))
                    if critic:
                        v = hidden_score(value, one["prompt"], one["ids"])[len(one["prompt"]) - 1:-1]
                        old, target = (torch.tensor(one[key], dtype=torch.float64) for key in ("old_value", "returns"))
                        bounded = torch.clamp(v, old - 0.05, old + 0.05)
                        values.append(0.5 * torch.maximum((v - target) ** 2, (bounded - target) ** 2))
                loss = torch.cat(policies).mean() + (0.5 * torch.cat(values).mean() if critic else 0.0)
                loss.backward()
                norm = math.sqrt(sum(float((p.grad ** 2).sum()) for p in parameters if p.grad is not None))
                optimizer.step()
                self.assertAlmostEqual(got["loss"], loss.item(), delta=2e-5 * max(abs(loss.item()), 1e-2))
                self.assertAlmostEqual(got["grad_norm"], norm, delta=5e-5 * norm)

    def test_steps_with_a_critic_follow_transformers_and_torch(self):
        self.small_models()
        samara("run", self.config("gae", 'epochs = 2\nadvantage = "gae"\nwhiten = "advantages"\n'
                                  f'critic = "{self.folder / "judge"}"', objectives=CRITIC), env=self.env)
        self.follow("gae")

    def test_steps_compared_within_a_prompt_follow_transformers_and_torch(self):
        self.small_models()
        samara("run", self.config("group", "epochs = 2"), env=self.env)
        self.follow("group", critic=False)

    # ---- stopped and continued ----

    def long_run(self, name, *more):
        """A run with everything that has a state: critic, adapted divergence, passes, minibatches, evaluations."""
        preferences = "".join(json.dumps({"id": f"q{k}", "prompt_ids": [5 + k, 9], "chosen_ids": [11, 12 + k, 2],
                                          "rejected_ids": [40 + k, 2]}) + "\n" for k in range(6))
        mixed = self.folder / "mixed.jsonl"
        mixed.write_text(self.prompts.read_text() + preferences)
        ppo = (f'epochs = 2\nminibatches = 2\nadvantage = "gae"\ncritic = "{self.folder / "judge"}"\n'
               'kl_target = 0.5\nkl_horizon = 40\ntemperature = 0.9\ntop_k = 50\nmissing_end_penalty = 0.5\nreward_clip = 2.0')
        objectives = CRITIC + '[[objective]]\nplugin = "samara.bradley_terry"\nparams = { beta = 0.1 }\nweight = 0.5\ntags = { base = 1.0 }\n'
        evals = (f'groups_per_step = 2\n[checkpoint]\nevery_steps = 3\n[[eval]]\nname = "held-out"\npath = "{mixed}"\nevery_steps = 4\n'
                 '[[eval.synthesizer]]\nplugin = "samara.pairs"\nparams = { rollout_prompts = true }\n')
        return ["run", self.config(name, ppo, objectives=objectives, steps=10, more=evals, train=mixed, dtype="float32"), *more]

    def same_as_whole(self, name, label):
        done = samara(*self.long_run(name, "--resume"), env=self.env)
        for file in ("metrics.jsonl", "model/model.safetensors", "eval/held-out-step-10.jsonl",
                     "eval/held-out-responses-step-8.jsonl", "rollouts/batch-000002.jsonl", "rollouts/batch-000002.h5"):
            self.assertEqual((self.folder / name / file).read_bytes(), (self.folder / "whole" / file).read_bytes(),
                             f"{file} after {label}\n{done.stderr}")

    def stop(self, name, phase, count, delay, number):
        """Sends the signal `delay` seconds after the count-th line of progress that begins with `phase`."""
        process = subprocess.Popen([SAMARA, *map(str, self.long_run(name))], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                   text=True, env={**os.environ, **self.env})
        for line in process.stderr:
            if line.startswith(phase):
                count -= 1
                if count <= 0:
                    break
        time.sleep(delay)
        process.send_signal(number)
        process.communicate()
        return process.returncode

    def test_stopped_anywhere_and_continued_the_bytes_are_the_same(self):
        self.small_models()
        samara(*self.long_run("whole"), env=self.env)
        draw = random.Random(7)
        codes = []
        for trial in range(12):
            phase, count = [("rollout", draw.randint(1, 12)), ("train", draw.randint(1, 10)), ("evaluate", 1),
                            ("respond", draw.randint(1, 3))][trial % 4]
            number = signal.SIGKILL if trial % 3 == 2 else signal.SIGTERM
            name = f"stopped-{trial}"
            codes.append(self.stop(name, phase, count, draw.uniform(0, 0.02), number))
            if number == signal.SIGTERM:
                self.assertIn(codes[-1], (0, 75), f"{phase} {count}")
            self.same_as_whole(name, f"signal {number} at {phase} {count}")
        self.assertGreaterEqual(codes.count(75), 5, codes)
        self.assertGreaterEqual(codes.count(-9), 2, codes)


if __name__ == "__main__":
    main()
