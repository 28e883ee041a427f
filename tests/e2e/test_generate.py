"""samara generate against transformers: greedy text, the prompt's ids, stops, samples, signals."""
import json
import os
import signal
import subprocess
import time

from support import DEMO_MODEL, SAMARA, Case, main, need, samara, tiny_model

PROMPTS = ["What is the capital of France?", "Hi", "Write one sentence about rain, and one about the sea in winter.",
           [{"role": "system", "content": "You are terse."}, {"role": "user", "content": "Name three colours, please."}],
           [{"role": "user", "content": "1+1?"}, {"role": "assistant", "content": "2"}, {"role": "user", "content": "2+2?"}]]


class Generate(Case):
    def write(self, prompts, name="prompts.jsonl"):
        file = self.folder / name
        file.write_text("".join(json.dumps({"id": f"p{i}", "prompt": p}) + "\n" for i, p in enumerate(prompts)))
        return file

    def lines(self, *args):
        return [json.loads(line) for line in samara("generate", *args, env=self.env).stdout.splitlines()]

    def theirs(self, folder, prompts, tokens):
        """Greedy ids of every prompt alone, with the margin of each choice over the second best."""
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
        torch.set_num_threads(1)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        out = []
        for prompt in prompts:
            turns = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
            ids = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=True, return_dict=True,
                                                return_tensors="pt")
            done = model.generate(**ids, max_new_tokens=tokens, do_sample=False, output_scores=True,
                                  return_dict_in_generate=True)
            new = done.sequences[0, ids["input_ids"].shape[1]:].tolist()
            top = [score[0].topk(2).values for score in done.scores]
            out.append((new, [(a - b).item() for a, b in top], tokenizer))
        return out

    def compare(self, folder, tokens):
        ours = self.lines(folder, self.write(PROMPTS), "--max-tokens", tokens)
        self.assertEqual([row["id"] for row in ours], [f"p{i}" for i in range(len(PROMPTS))])
        for row, prompt, (new, margins, tokenizer) in zip(ours, PROMPTS, self.theirs(folder, PROMPTS, tokens)):
            self.assertGreater(min(margins), 1e-4, "a tie proves nothing: take another seed")
            self.assertEqual(row["prompt"], prompt)
            self.assertEqual(row["tokens"], new)
            self.assertEqual(row["stopped"], new[-1] == tokenizer.eos_token_id)
            self.assertEqual(row["response"], tokenizer.decode(new[:-1] if row["stopped"] else new))

    def test_greedy_text_of_a_small_random_model_equals_transformers(self):
        self.compare(tiny_model(self.folder / "model", seed=1), 24)

    def test_greedy_text_of_normed_heads_equals_transformers(self):
        self.compare(tiny_model(self.folder / "model", seed=2, family="Qwen3", head_dim=16), 24)

    def test_greedy_text_through_a_window_equals_transformers(self):
        """Prompts are longer than the window, and the window moves on while the answers grow."""
        model = tiny_model(self.folder / "model", seed=3, family="Mistral", sliding_window=16)
        self.compare(model, 24)
        prompts = samara("tokenize", model, self.pairs(PROMPTS), "--chat", env=self.env).stdout.splitlines()
        self.assertGreater(max(len(json.loads(prompt)["prompt_ids"]) for prompt in prompts), 16)
        self.assertEqual(json.loads((model / "config.json").read_text())["sliding_window"], 16)

    def test_greedy_text_of_the_demo_model_equals_transformers(self):
        need(DEMO_MODEL / "model.safetensors", "the demo model (scripts/get_model)")
        self.compare(DEMO_MODEL, 32)

    def test_samples_do_not_depend_on_batch_threads_or_neighbours(self):
        model = tiny_model(self.folder / "model")
        draw = ("--temperature", 1, "--top-k", 50, "--samples", 3, "--max-tokens", 12)
        file = self.write(PROMPTS)
        first = samara("generate", model, file, *draw, env=self.env).stdout
        self.assertEqual(len(first.splitlines()), 3 * len(PROMPTS))
        self.assertEqual(samara("generate", model, file, *draw, "--batch", 2, env=self.env).stdout, first)
        self.assertEqual(samara("generate", model, file, *draw, "--threads", 1, env=self.env).stdout, first)
        self.assertNotEqual(samara("generate", model, file, *draw, "--seed", 1, env=self.env).stdout, first)
        last = self.folder / "last.jsonl"
        last.write_text(file.read_text().splitlines()[-1] + "\n")
        self.assertEqual(samara("generate", model, last, *draw, env=self.env).stdout, "".join(first.splitlines(True)[-3:]))
        rows = [json.loads(line) for line in first.splitlines()]
        self.assertEqual([row["sample"] for row in rows[:3]], [0, 1, 2])
        self.assertEqual(len({tuple(row["tokens"]) for row in rows}), len(rows))

    def test_logp_is_that_of_score(self):
        model = tiny_model(self.folder / "model")
        rows = self.lines(model, self.write(PROMPTS[:2]), "--max-tokens", 8, "--temperature", 0.7)
        prompts = samara("tokenize", model, self.pairs(PROMPTS[:2]), "--chat", env=self.env).stdout.splitlines()
        file = self.folder / "ids.jsonl"
        file.write_text("".join(json.dumps({"prompt_ids": json.loads(prompt)["prompt_ids"],
                                            "response_ids": row["tokens"]}) + "\n" for row, prompt in zip(rows, prompts)))
        for row, line in zip(rows, samara("score", model, file, "--json", env=self.env).stdout.splitlines()):
            self.assertAlmostEqual(row["logp"], json.loads(line)["response"]["logp"], delta=1e-4)
        again = self.lines(model, self.ids_of(prompts), "--max-tokens", 8, "--temperature", 0.7)
        self.assertEqual([row["prompt_ids"] for row in again], [json.loads(prompt)["prompt_ids"] for prompt in prompts])
        self.assertEqual([row["tokens"] for row in again], [row["tokens"] for row in rows])

    def pairs(self, prompts):
        file = self.folder / "pairs.jsonl"
        file.write_text("".join(json.dumps({"prompt": p, "chosen": "a", "rejected": "b"}) + "\n" for p in prompts))
        return file

    def ids_of(self, prompts):
        file = self.folder / "prompt_ids.jsonl"
        file.write_text("".join(json.dumps({"id": f"p{i}", "prompt_ids": json.loads(p)["prompt_ids"]}) + "\n"
                                for i, p in enumerate(prompts)))
        return file

    def test_stops(self):
        need(DEMO_MODEL / "model.safetensors", "the demo model (scripts/get_model)")
        file = self.write(PROMPTS[:1])
        full = self.lines(DEMO_MODEL, file, "--max-tokens", 12)[0]
        self.assertEqual(full["response"], "The capital of France is Paris.")
        for args, response in ((("--stop", " of Fr"), "The capital"), (("--stop", "e is"), "The capital of Franc"),
                               (("--stop-id", full["tokens"][2]), "The capital")):
            row = self.lines(DEMO_MODEL, file, "--max-tokens", 12, *args)[0]
            self.assertEqual((row["response"], row["stopped"]), (response, True))
            self.assertEqual(row["tokens"], full["tokens"][:len(row["tokens"])])
            self.assertLess(len(row["tokens"]), len(full["tokens"]))
        short = self.lines(DEMO_MODEL, file, "--max-tokens", 3)[0]
        self.assertEqual((short["tokens"], short["stopped"]), (full["tokens"][:3], False))

    def test_ends_of_every_file_stop_a_response(self):
        model = tiny_model(self.folder / "model")
        file = self.write(PROMPTS[:1])
        tokens = self.lines(model, file, "--max-tokens", 12)[0]["tokens"]
        later = next(i for i in range(2, 12) if tokens[i] not in tokens[:i])
        for name, value in (("config.json", tokens[later]), ("generation_config.json", [2, tokens[later]])):
            path = model / name
            before = path.read_text()
            path.write_text(json.dumps({**json.loads(before), "eos_token_id": value}))
            row = self.lines(model, file, "--max-tokens", 12)[0]
            self.assertEqual((row["tokens"], row["stopped"]), (tokens[:later + 1], True))
            path.write_text(before)

    def test_a_signal_leaves_whole_rows(self):
        model = tiny_model(self.folder / "model")
        file = self.write([f"Question {i}?" for i in range(400)])
        command = [SAMARA, "generate", model, file, "--max-tokens", "400", "--batch", "2", "--temperature", "1"]
        with subprocess.Popen(command, env={**os.environ, **self.env}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True) as process:
            first = process.stdout.readline()  # it is under way
            process.send_signal(signal.SIGINT)
            started = time.monotonic()
            rest, error = process.stdout.read(), process.stderr.read()
        self.assertLess(time.monotonic() - started, 20)
        self.assertEqual(process.returncode, 75, error)
        lines = (first + rest).splitlines(True)
        self.assertLess(len(lines), 400)
        self.assertTrue(all(line.endswith("\n") and json.loads(line)["id"] == f"p{i}" for i, line in enumerate(lines)))
        self.assertIn(f"{len(lines)} of 400 responses are written", error)

    def test_mistakes_are_named(self):
        model = tiny_model(self.folder / "model", max_position_embeddings=64)
        file = self.write(["Hello"])

        def refusal(*args, file=file, code):
            done = samara("generate", model, file, *args, env=self.env, check=False)
            self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
            return done.stderr

        self.assertIn("(0, 1]", refusal("--temperature", 1, "--top-p", 1.5, code=2))
        self.assertIn("at temperature 0", refusal("--samples", 2, code=2))
        self.assertIn("at temperature 0", refusal("--top-k", 2, code=2))
        self.assertIn("--stop", refusal("--stop", "", code=2))
        self.assertIn("max_new_tokens", refusal("--max-tokens", 0, code=2))
        self.assertIn(f"{file}:1", refusal("--max-tokens", 60, code=3))
        empty = self.write([""], "empty.jsonl")
        self.assertIn("is empty", refusal("--max-tokens", 5, file=empty, code=3))
        nothing = self.folder / "none.jsonl"
        nothing.write_text('{"text": "x"}\n')
        self.assertIn("prompt", refusal("--max-tokens", 5, file=nothing, code=3))


if __name__ == "__main__":
    main()
