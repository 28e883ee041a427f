"""Data: prompts cut on their left beside TRL, transformers' chat template and whole conversations; Parquet by docs/data.md."""
import json
import random
import re
import subprocess
import sys

from support import EXAMPLES, ROOT, Case, main, rows, samara, tiny_model, write_config

PAIRS = """
[run]
pipeline = "reward"
output = "{output}"
[model]
path = "{model}"
[data]
train = ["{train}"]
{more}
[[synthesizer]]
plugin = "samara.pairs"
[[objective]]
plugin = "samara.bradley_terry"
[optimizer]
plugin = "samara.adamw"
[schedule]
learning_rate = 1e-3
[train]
max_steps = {steps}
"""


def words(draw, n):
    return " ".join(draw.choice(["river", "stone", "a", "of", "light,", "seven", "house.", "Ünder", "die"]) for _ in range(n))


class Data(Case):
    def setUp(self):
        super().setUp()
        self.model = tiny_model(self.folder / "model")

    def config(self, data, more, text=PAIRS):
        path = self.folder / "rows.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in data))
        return write_config(self.folder, self.model, self.folder / "run", steps=1, train=path, more=more, text=text)

    def groups(self, config, *more):
        """What a synth leaves in the cache, by record id; and its summary."""
        summary = json.loads(samara("synth", config, "--report", "--json", *more, env=self.env).stdout)
        found = {}
        for file in (self.folder / "cache/groups").glob("*.h5"):
            out = subprocess.run([sys.executable, ROOT / "examples/read_cache.py", file], capture_output=True, text=True, check=True)
            found.update({row["record_id"]: row for row in map(json.loads, out.stdout.splitlines())})
        return found, summary

    def test_token_rows_lose_what_trl_cuts_with_keep_end(self):
        from trl.trainer.dpo_trainer import DataCollatorForPreference

        draw = random.Random(3)
        ids = lambda low, high: [draw.randrange(3, 40000) for _ in range(draw.randint(low, high))]
        data = [{"id": f"r{n}", "prompt_ids": ids(1, 40), "chosen_ids": ids(1, 36), "rejected_ids": ids(1, 36)} for n in range(60)]
        limit = 32
        groups, summary = self.groups(self.config(data, f'max_tokens = {limit}\ntoo_long = "truncate_prompt"'))
        collator = DataCollatorForPreference(pad_token_id=0, max_length=limit, truncation_mode="keep_end")
        cut = dropped = 0
        for row in data:
            prompt = row["prompt_ids"]
            over = max(len(prompt) + len(row[side]) - limit for side in ("chosen_ids", "rejected_ids"))
            if over >= len(prompt):  # TRL cuts into the answer; here the pair goes
                self.assertNotIn(row["id"], groups)
                dropped += 1
                continue
            batch = collator([row])
            for c, side in enumerate(("chosen_ids", "rejected_ids")):
                candidate = groups[row["id"]]["candidates"][c]
                self.assertEqual(candidate["response_ids"], row[side])
                self.assertEqual(candidate["prompt_ids"], prompt[max(over, 0):])
                if len(prompt) + len(row[side]) - limit == over:  # the longer side: TRL's own ids
                    theirs = batch["input_ids"][c][batch["attention_mask"][c].bool()].tolist()
                    self.assertEqual(candidate["prompt_ids"] + candidate["response_ids"], theirs)
            cut += over > 0
        self.assertGreater(cut, 10)
        self.assertGreater(dropped, 5)
        self.assertEqual(summary["truncated"]["candidates"], 2 * cut)
        self.assertEqual(summary["too_long"]["groups"], dropped)

    def test_a_cut_conversation_is_one_of_the_model_s_format(self):
        import transformers

        tokenizer = transformers.AutoTokenizer.from_pretrained(self.model)
        draw = random.Random(5)
        data = []
        for n in range(30):
            talk = [{"role": "system", "content": words(draw, 6)}] if n % 3 == 0 else []
            for turn in range(draw.choice([1, 1, 3, 5])):
                talk.append({"role": ("user", "assistant")[turn % 2], "content": words(draw, draw.randint(1, 60))})
            answer = lambda: [{"role": "assistant", "content": words(draw, draw.randint(1, 20))}]
            data.append({"id": f"r{n}", "prompt": talk, "chosen": answer(), "rejected": answer()})
        limit = 100
        groups, _ = self.groups(self.config(data, f'max_tokens = {limit}\ntoo_long = "truncate_prompt"'))
        render = lambda talk: tokenizer.apply_chat_template(talk, tokenize=False, add_generation_prompt=True)
        cut = jumped = 0
        for row in data:
            if row["id"] not in groups:
                continue
            one, two = groups[row["id"]]["candidates"]
            self.assertEqual(one["prompt_ids"], two["prompt_ids"])
            longest = len(one["prompt_ids"]) + max(len(one["response_ids"]), len(two["response_ids"]))
            self.assertLessEqual(longest, limit)
            # A character of several tokens may have lost the first of them.
            text = tokenizer.decode(one["prompt_ids"]).replace("\ufffd", "")
            talk = row["prompt"]
            if text == render(talk):
                continue
            cut += 1
            head, turns = talk[:talk[0]["role"] == "system"], talk[talk[0]["role"] == "system":]
            left = [head + [{"role": "user", "content": turn["content"][at:]}] + turns[k + 1:]
                    for k, turn in enumerate(turns) if turn["role"] == "user" for at in range(len(turn["content"]))]
            found = [l for l in left if render(l) == text]
            self.assertTrue(found, (text, talk))
            jump = len(found[0]) < len(talk)
            jumped += jump
            if not jump:  # nothing more was cut than had to be
                self.assertEqual(longest, limit)
        self.assertGreater(cut, 10)
        self.assertGreater(jumped, 2)

    def test_instructions_stay_whole_and_groups_keep_their_common_text(self):
        draw = random.Random(8)
        data = [{**row, "prompt": words(draw, 300) + " " + row["prompt"]} for row in rows(EXAMPLES / "data/preferences.jsonl")[:12]]
        from support import CONFIG
        config = self.config(data, "", text=CONFIG.replace("max_tokens = 400", 'max_tokens = 300\ntoo_long = "truncate_prompt"'))
        groups, summary = self.groups(config, "--set", "data.max_records=12")
        self.assertGreater(summary["truncated"]["candidates"], 20)
        import transformers
        tokenizer = transformers.AutoTokenizer.from_pretrained(self.model)
        asked = 0
        for row in data:
            group = groups[row["id"]]
            prompts = [tokenizer.decode(c["prompt_ids"]).replace("\ufffd", "") for c in group["candidates"]]
            self.assertEqual(len({p[:p.index("<|im_start|>user\n") + 40] for p in prompts}), 1)  # one beginning, cut in one place
            for candidate, prompt in zip(group["candidates"], prompts):
                whole = candidate["prompt"][0][1]
                kept = prompt[prompt.index("<|im_start|>user\n") + 17:prompt.rindex("<|im_end|>")]
                self.assertTrue(whole.endswith(kept) and len(kept) < len(whole))
                self.assertIn(row["prompt"][-20:], kept)
                asked += whole != row["prompt"]
        self.assertGreater(asked, 20)
        self.assertIn(" 0 differ", samara("synth", config, "--verify", env=self.env).stdout)

    def test_the_run_says_it_also_from_the_cache(self):
        data = [{"id": f"r{n}", "prompt_ids": list(range(3, 43)), "chosen_ids": [5, 6], "rejected_ids": [7]} for n in range(4)]
        config = self.config(data, 'max_tokens = 30\ntoo_long = "truncate_prompt"')
        for output, word in (("a", "synthesised"), ("b", "reused from the cache")):
            done = samara("run", config, "--set", f"run.output={self.folder / output}", env=self.env)
            self.assertIn(word, done.stderr)
            self.assertIn('8 prompts cut on their left to fit max_tokens, by 96 tokens in all, first: ["r0","r1","r2","r3"]', done.stderr)
            summary = json.loads((self.folder / output / "environment.json").read_text())["data"]["train"]["summary"]
            self.assertEqual(summary["truncated"], {"candidates": 8, "tokens": 96, "first": ["r0", "r1", "r2", "r3"]})
            self.assertEqual(summary["too_long"]["candidates"], 0)
        explained = samara("cache", "explain", config, "--set", "data.too_long=drop", env=self.env).stdout
        self.assertIn("limits", explained)
        refused = samara("run", config, "--set", f"run.output={self.folder / 'c'}", "--set", "data.too_long=error", env=self.env, check=False)
        self.assertEqual(refused.returncode, 3)
        self.assertIn("a candidate has 42 tokens (40 of them in the prompt), max_tokens is 30", refused.stderr)

    def test_parquet_becomes_rows_by_the_documented_lines(self):
        import datasets
        import pyarrow
        import pyarrow.parquet

        code = re.search(r"```python\n(.*?)```", (ROOT / "docs/data.md").read_text(), re.S).group(1)
        plain = rows(EXAMPLES / "data/preferences.jsonl")[:20]
        talk = lambda role, text: [{"role": role, "content": text}]
        chats = [{"id": row["id"], "prompt": talk("user", row["prompt"]), "chosen": talk("assistant", row["chosen"]),
                  "rejected": talk("assistant", row["rejected"]), "margin": None if n % 2 else 0.5, "weight": 1.5}
                 for n, row in enumerate(plain)]
        ids = [{"prompt_ids": [1, n + 3], "chosen_ids": [7, 2], "rejected_ids": [8]} for n in range(9)]
        for name, data in (("plain", plain), ("chats", chats), ("ids", ids)):
            folder = self.folder / name
            folder.mkdir()
            pyarrow.parquet.write_table(pyarrow.Table.from_pylist(data), folder / "pairs.parquet", row_group_size=7)
            subprocess.run([sys.executable, "-c", code], cwd=folder, check=True)
            written = rows(folder / "pairs.jsonl")
            self.assertEqual(written, [{k: v for k, v in row.items() if v is not None} for row in data])
            theirs = datasets.load_dataset("parquet", data_files=str(folder / "pairs.parquet"), split="train",
                                           cache_dir=str(self.folder / "datasets"))
            theirs.to_json(str(folder / "theirs.jsonl"))
            for same in (theirs.to_list(), rows(folder / "theirs.jsonl")):
                self.assertEqual(written, [{k: v for k, v in row.items() if v is not None} for row in same])
            config = write_config(folder, self.model, folder / "run", steps=1, train=folder / "pairs.jsonl", more="", text=PAIRS)
            self.assertIn(f"{len(data)} groups", samara("run", config, env=self.env).stderr)


if __name__ == "__main__":
    main()
