"""The verbs that print one object per row, against transformers and tokenizers."""
import json

from support import DEMO_MODEL, EXAMPLES, Case, main, need, rows, samara, tiny_model


class Verbs(Case):
    def lines(self, *args):
        return [json.loads(line) for line in samara(*args, env=self.env).stdout.splitlines()]

    def test_tokenize_equals_the_library(self):
        need(DEMO_MODEL / "tokenizer.json", "the demo model (scripts/get_model)")
        from transformers import AutoTokenizer
        tokenizer = AutoTokenizer.from_pretrained(DEMO_MODEL)
        texts = ["Hello  world 123", "naïve café 👩‍🚀", "<|im_start|>user\nx<|im_end|>", "\n\n  tabs\tand\r\nlines", ""]
        file = self.folder / "texts.jsonl"
        file.write_text("".join(json.dumps({"text": t}) + "\n" for t in texts))
        ours = [row["ids"] for row in self.lines("tokenize", DEMO_MODEL, file)]
        self.assertEqual(ours, [tokenizer(t, add_special_tokens=False)["input_ids"] for t in texts])
        pairs = rows(EXAMPLES / "data/preferences_tune.jsonl")[:20]
        file.write_text("".join(json.dumps(p) + "\n" for p in pairs))
        for ours, pair in zip(self.lines("tokenize", DEMO_MODEL, file, "--chat"), pairs):
            prompt = [{"role": "user", "content": pair["prompt"]}]
            ids = tokenizer.apply_chat_template(prompt, add_generation_prompt=True, tokenize=True, return_dict=False)
            full = tokenizer.apply_chat_template([*prompt, {"role": "assistant", "content": pair["chosen"]}], tokenize=True,
                                                 return_dict=False)
            self.assertEqual(ours["prompt_ids"], ids)
            self.assertEqual(ours["prompt_ids"] + ours["chosen_ids"], full)

    def test_score_of_a_language_model_equals_transformers(self):
        import torch
        from transformers import AutoModelForCausalLM
        folder = tiny_model(self.folder / "model")
        file = self.folder / "pairs.jsonl"
        file.write_text("".join(json.dumps(p) + "\n" for p in rows(EXAMPLES / "data/preferences_tune.jsonl")[:5]))
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        prompts = [row["prompt_ids"] for row in self.lines("tokenize", folder, file, "--chat")]
        for row, prompt in zip(self.lines("score", folder, file, "--json"), prompts):
            for side in ("chosen", "rejected"):
                ids = torch.tensor([prompt + row[side]["ids"]])
                with torch.no_grad():
                    logps = model(ids).logits[0, :-1].log_softmax(-1).gather(1, ids[0, 1:, None])[:, 0]
                theirs = logps[len(prompt) - 1:]
                self.assertLess(max(abs(a - b) for a, b in zip(row[side]["token_logps"], theirs.tolist())), 1e-4)
                self.assertAlmostEqual(row[side]["logp"], theirs.sum().item(), delta=1e-3)

    def test_verify_prints_one_object_per_row(self):
        file = self.folder / "rows.jsonl"
        file.write_text(json.dumps({"key": 1, "prompt": "p", "response": "no commas here",
                                    "instruction_id_list": ["punctuation:no_comma", "length_constraints:number_words",
                                                            "language:response_language"],
                                    "kwargs": [{}, {"num_words": 4, "relation": "at least"}, {"language": "en"}]}) + "\n")
        self.assertEqual(self.lines("verify", file, "--json"),
                         [{"key": 1, "strict": [True, False, None], "loose": [True, False, None]}])

    def test_doctor_and_plugins(self):
        self.assertIn("libtorch", self.lines("doctor", "--json")[0])
        ids = {row["id"] for row in self.lines("plugins", "list", "--json")}
        self.assertLessEqual({"samara.pairs", "samara.mapl_intra", "samara.mapl_inter", "samara.mapl",
                              "samara.bradley_terry", "samara.adamw", "samara.ifeval"}, ids)
        for plugin in sorted(ids):
            self.assertIn(f'plugin = "{plugin}"', samara("plugins", "describe", plugin, env=self.env).stdout)

    def test_bad_input_is_located(self):
        file = self.folder / "bad.jsonl"
        file.write_text('{"text": "x"}\n{"text": \n')
        done = samara("tokenize", DEMO_MODEL, file, env=self.env, check=False)
        self.assertEqual(done.returncode, 3)
        self.assertIn(f"{file}:2:", done.stderr)


if __name__ == "__main__":
    main()
