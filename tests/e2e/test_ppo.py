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

    # ---- rewards ----

    def texts(self, n=8):
        """Prompts as text, with an instruction in IFEval's form and a field for the plugin."""
        path = self.folder / "texts.jsonl"
        path.write_text("".join(json.dumps(
            {"id": f"t{k}", "prompt": f"Write the word {word} twice.", "instruction_id_list": [TASK["id"]],
             "kwargs": [{**TASK["kwargs"], "relation": "at least" if k % 2 else "less than"}], "answer": "e"}) + "\n"
            for k, word in enumerate(["river", "stone", "cloud", "lamp", "paper", "green", "seven", "north"][:n])))
        return path

    def test_every_term_is_judged_by_somebody_else_too(self):
        """A reward model on the chat format's tokens, instructions by `samara verify`, plugins by hand; weights, clip, penalty."""
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        model, judge = tiny_model(self.folder / "model"), reward_model(self.folder / "judge", 3)
        reward = (f'model = "{judge}"\nweight = 0.5\n[[ppo.reward]]\ninstructions = "all"\nweight = 2.0\n'
                  '[[ppo.reward]]\nplugin = "samara.overlong"\nparams = { limit = 8, buffer = 4 }\n'
                  '[[instructions]]\nplugin = "samara.ifeval"')
        samara("run", self.config("terms", "reward_clip = 1.5\nmissing_end_penalty = 0.25\nkl_coef = 0.0\nadvantage = \"leave_one_out\"",
                                  reward, steps=1, train=self.texts(), dtype="float32"), "--set", "ppo.max_new_tokens=7", env=self.env)
        tokenizer = AutoTokenizer.from_pretrained(model)
        classifier = AutoModelForSequenceClassification.from_pretrained(judge).eval()
        samples = rows(self.folder / "terms/rollouts/batch-000000.jsonl")
        batch = self.batch("terms", 0)
        prompts = {row["id"]: row for row in rows(self.texts())}
        verdicts = self.folder / "responses.jsonl"
        verdicts.write_text("".join(json.dumps({**prompts[s["record"]], "response": s["response"]}) + "\n" for s in samples))
        said = [json.loads(line) for line in samara("verify", verdicts, "--json", env=self.env).stdout.splitlines()]
        self.assertEqual((len(samples), len(said)), (12, 12))
        followed = set()
        for n, (sample, one) in enumerate(zip(samples, batch)):
            prompt = prompts[sample["record"]]["prompt"]
            text = tokenizer.apply_chat_template([{"role": "user", "content": prompt}, {"role": "assistant", "content": sample["response"]}],
                                                 tokenize=False)
            ids = tokenizer(text, add_special_tokens=False)["input_ids"]
            with torch.no_grad():
                score = classifier.score(classifier.model(input_ids=torch.tensor([ids])).last_hidden_state)[0, -1, 0].item()
            self.assertAlmostEqual(sample["reward/model"], score, delta=1e-4 * max(1, abs(score)))
            follows = 1.0 if all(said[n]["strict"]) else 0.0
            followed.add(follows)
            self.assertEqual(sample["reward/instructions"], follows, said[n])
            long = min(0.0, max(-1.0, (8 - 4 - len(one["ids"])) / 4))
            self.assertEqual(sample["reward/samara.overlong"], long)
            total = min(1.5, max(-1.5, 0.5 * sample["reward/model"] + 2.0 * follows + long))
            total -= 0.0 if one["ids"][-1] in tokenizer.all_special_ids else 0.25
            self.assertAlmostEqual(one["reward"], total, places=6)
        self.assertEqual(followed, {0.0, 1.0})
        for n in range(0, 12, 3):  # RLOO
            total = sum(one["reward"] for one in batch[n:n + 3])
            for one in batch[n:n + 3]:
                self.assertAlmostEqual(one["advantage"][0], one["reward"] - (total - one["reward"]) / 2, places=9)

    def test_a_policy_learns_what_is_rewarded_and_nothing_from_a_constant(self):
        """The reward model's score rises; with weight 0 there is no gradient at all."""
        self.small_models()
        rate = ("--set", "schedule.learning_rate=0.01", "--set", "ppo.samples=8", "--set", "ppo.prompts=10")
        scores = {}
        for name, weight in (("learns", 1.0), ("constant", 0.0)):
            reward = f'model = "{self.folder / "judge"}"\nweight = {weight}'
            samara("run", self.config(name, "kl_coef = 0.0", reward, steps=25, dtype="float32"), *rate, env=self.env)
            rollouts, steps = self.metrics(name)
            timed = [row for row in rows(self.folder / name / "timing.jsonl") if "rollout" in row]
            self.assertEqual([row["rollout"] for row in timed], [row["rollout"] for row in rollouts])
            for row in timed:
                parts = [row[part + "_seconds"] for part in ("sampling", "log_probs", "rewards")]
                self.assertTrue(all(part > 0 for part in parts), row)
                self.assertAlmostEqual(sum(parts), row["seconds"], delta=1e-4)
            scores[name] = [row["reward/model"] for row in rollouts]
            if weight == 0:
                self.assertEqual({row["grad_norm"] for row in steps}, {0.0})
        mean = lambda values: sum(values) / len(values)
        spread = lambda values: math.sqrt(mean([(v - mean(values)) ** 2 for v in values]))
        self.assertGreater(mean(scores["learns"][-5:]) - mean(scores["learns"][:5]), 5 * spread(scores["constant"]))

    # ---- limits and refusals ----

    def test_a_diverging_run_is_stopped_when_asked(self):
        self.small_models()
        done = samara("run", self.config("far", "kl_stop = 0.05", steps=30), "--set", "schedule.learning_rate=0.05", env=self.env)
        rollouts, steps = self.metrics("far")
        self.assertLess(len(steps), 30)
        self.assertGreater(rollouts[-1]["objective/kl"], 0.05)
        self.assertTrue(all(row["objective/kl"] <= 0.05 for row in rollouts[:-1]))
        self.assertEqual(rollouts[-1]["step"], len(steps), "nothing is learned from the batch that went too far")
        self.assertIn("kl_stop", done.stdout + done.stderr)
        self.assertTrue((self.folder / "far/model/model.safetensors").exists())

    def test_non_finite_rewards_stop_before_the_update_and_name_the_record(self):
        self.small_models()
        self.bad_judge()
        done = samara("run", self.config("nan", dtype="float32"), env=self.env, check=False)
        self.assertEqual(done.returncode, 7, done.stderr)
        self.assertRegex(done.stderr, r"record p\d")
        self.assertEqual(self.metrics("nan")[1], [])

    def bad_judge(self):
        import torch
        from safetensors.torch import load_file, save_file
        path = self.folder / "judge/model.safetensors"
        weights = load_file(path)
        weights["model.norm.weight"] = torch.full_like(weights["model.norm.weight"], 3e38)
        save_file(weights, path, metadata={"format": "pt"})

    def test_what_cannot_work_is_refused_before_any_work(self):
        self.small_models()
        judge = f'model = "{self.folder / "judge"}"'
        for n, (config, options, code, said) in enumerate([
                (dict(ppo="gamma = 0.9"), (), 2, "gamma has no effect"),
                (dict(), ("--set", "ppo.samples=1"), 2, "one response has nothing to be compared with"),
                (dict(reward='instructions = "fraction"\nmodel = "x"'), (), 2, "got several"),
                (dict(reward="weight = 1.0"), (), 2, "got none"),
                (dict(reward='plugin = "samara.adamw"'), (), 2, "expected a reward"),
                (dict(reward='plugin = "samara.overlong"\nparams = { limit = 4 }'), (), 2, "buffer"),
                (dict(reward=judge + "\nparams = { limit = 4 }"), (), 2, "params has no effect"),
                (dict(reward=f'model = "{self.folder / "model"}"'), (), 2, "no score head"),
                (dict(reward='instructions = "all"'), (), 2, "no prompt has an instruction"),
                (dict(objectives=CRITIC), (), 2, "tok.value"),
                (dict(ppo='reference = "none"'), (), 2, "kl_coef"),
                (dict(ppo="minibatches = 5"), (), 2, "more than ppo.prompts"),
                (dict(), ("--set", "synthesizer.0.params={rollout_prompts=false}"), 3, '"no response":10'),
        ]):
            done = samara("run", self.config(f"bad{n}", **config), *options, env=self.env, check=False)
            self.assertEqual(done.returncode, code, f"case {n}: {done.stderr}")
            self.assertIn(said, done.stderr, f"case {n}")

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
