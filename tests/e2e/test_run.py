"""A whole run with a tiny model: metrics, evaluation, events, and the model that transformers opens."""
import json

from support import Case, main, rows, samara, tiny_model, write_config


class Run(Case):
    def test_run_leaves_what_it_promises(self):
        model = tiny_model(self.folder / "model")
        config = write_config(self.folder, model, self.folder / "out")
        done = samara("run", config, env=self.env)
        out = self.folder / "out"
        for tag in ("base", "intra", "inter"):
            self.assertIn(tag, done.stdout)
        metrics = rows(out / "metrics.jsonl")
        steps = [r for r in metrics if "eval" not in r]
        self.assertEqual([r["step"] for r in steps], [1, 2, 3, 4, 5, 6])
        wanted = {"step", "epoch", "loss", "grad_norm", "learning_rate", "tokens", "tree_tokens"}
        wanted |= {f"{what}/{tag}" for what in ("loss", "accuracy", "gap") for tag in ("base", "intra", "inter")}
        for row in steps:
            self.assertLessEqual(wanted, set(row))
            self.assertLess(row["tree_tokens"], row["tokens"])
            total = sum(row[f"loss/{tag}"] for tag in ("base", "intra", "inter"))
            self.assertAlmostEqual(row["loss"], total, places=5)
        evals = [(r["eval"], r["step"]) for r in metrics if "eval" in r]
        self.assertEqual(evals, [("held-out", 0), ("held-out", 3), ("held-out", 6)])
        self.assertTrue((out / "config.toml").exists())
        environment = json.loads((out / "environment.json").read_text())
        self.assertEqual(set(environment["plugins"]), {"samara.ifeval", "samara.pairs", "samara.mapl_intra",
                                                       "samara.mapl_inter", "samara.mapl", "samara.adamw"})
        self.assertEqual(len(list((out / "checkpoints").iterdir())), 2)
        self.check_events(out, steps)
        self.check_model(out / "model")

    def check_events(self, out, steps):
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
        events = EventAccumulator(str(out))
        events.Reload()
        got = [(e.step, e.value) for e in events.Scalars("train/loss")]
        self.assertEqual([s for s, _ in got], [r["step"] for r in steps])
        for (_, value), row in zip(got, steps):
            self.assertAlmostEqual(value, row["loss"], places=5)

    def check_model(self, folder):
        """transformers opens the folder, pads a batch by itself, and gives the scores of `samara score`."""
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer
        pairs = self.folder / "pairs.jsonl"
        lines = (self.examples()[:6])
        pairs.write_text("".join(json.dumps(line) + "\n" for line in lines))
        ours = [json.loads(line) for line in samara("score", folder, pairs, "--json", env=self.env).stdout.splitlines()]
        model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
        tokenizer = AutoTokenizer.from_pretrained(folder)
        texts = [tokenizer.apply_chat_template([{"role": "user", "content": line["prompt"]},
                                                {"role": "assistant", "content": line[side]}], tokenize=False)
                 for line in lines for side in ("chosen", "rejected")]
        batch = tokenizer(texts, return_tensors="pt", padding=True, padding_side="right", add_special_tokens=False)
        with torch.no_grad():
            theirs = model(**batch).logits[:, 0].tolist()
        mine = [row[side]["score"] for row in ours for side in ("chosen", "rejected")]
        for a, b in zip(mine, theirs):
            self.assertAlmostEqual(a, b, delta=1e-4)

    def test_parts_of_an_evaluation_equal_those_of_transformers_scores(self):
        """Accuracy by a field and by length, and the correlation of score and length, from the saved model alone."""
        import numpy
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer
        config = write_config(self.folder, tiny_model(self.folder / "model"), self.folder / "out", steps=2, more='by = ["kind"]')
        done = samara("run", config, env=self.env)
        model = AutoModelForSequenceClassification.from_pretrained(self.folder / "out/model", dtype=torch.float32).eval()
        tokenizer = AutoTokenizer.from_pretrained(self.folder / "out/model")

        def tokens(*turns, **more):
            chat = [{"role": role, "content": text} for role, text in zip(("user", "assistant"), turns)]
            text = tokenizer.apply_chat_template(chat, tokenize=False, **more)
            return tokenizer(text, add_special_tokens=False)["input_ids"]

        lengths, scores, kinds = [], [], []
        for row in self.examples()[:12]:
            prompt = len(tokens(row["prompt"], add_generation_prompt=True))
            whole = [tokens(row["prompt"], row[side]) for side in ("chosen", "rejected")]
            lengths.append([len(ids) - prompt for ids in whole])
            with torch.no_grad():
                scores.append([model(torch.tensor([ids])).logits[0, 0].item() for ids in whole])
            kinds.append(row["kind"])
        lengths, scores, kinds = numpy.array(lengths), numpy.array(scores), numpy.array(kinds)
        right, more = scores[:, 0] > scores[:, 1], lengths[:, 0] - lengths[:, 1]
        expected = {"longer": right[more > 0], "shorter": right[more < 0]}
        expected |= {f"kind={kind}": right[kinds == kind] for kind in set(kinds)}
        expected = {part: accuracy for part, accuracy in expected.items() if len(accuracy)}
        self.assertIn("longer", expected)
        self.assertIn("shorter", expected)
        self.assertGreater(len(set(kinds)), 2)
        last = [r for r in rows(self.folder / "out/metrics.jsonl") if "eval" in r][-1]
        self.assertEqual({key.split("/", 2)[2] for key in last if key.startswith("accuracy/base/")}, set(expected))
        for part, accuracy in expected.items():
            self.assertAlmostEqual(last[f"accuracy/base/{part}"], accuracy.mean(), msg=part)
        self.assertAlmostEqual(last["length_correlation/base"], numpy.corrcoef(lengths.ravel(), scores.ravel())[0, 1], places=4)
        self.assertTrue(any(key.startswith("accuracy/inter/kind=") for key in last))
        # The same in done.json, in the table at the end and in the report of this one run.
        changes = json.loads((self.folder / "out/done.json").read_text())["changes"]
        base = {c.get("part", ""): c for c in changes if c["tag"] == "base"}
        self.assertEqual({part: c["accuracy_after"] for part, c in base.items() if part},
                         {part: last[f"accuracy/base/{part}"] for part in expected})
        self.assertEqual({part: c["relations"] for part, c in base.items() if part},
                         {part: len(accuracy) for part, accuracy in expected.items()})
        self.assertEqual(base[""]["length_correlation_after"], last["length_correlation/base"])
        self.assertIn(f"base, kind={kinds[0]}", done.stdout)
        self.assertNotIn("base, longer", done.stdout)
        report = json.loads(samara("report", self.folder / "out", "--json", env=self.env).stdout)["results"]
        self.assertEqual({r["part"]: r["accuracy"] for r in report if r["tag"] == "base" and r["part"]},
                         {part: last[f"accuracy/base/{part}"] for part in expected})
        self.assertEqual(report[0]["length_correlation"], last["length_correlation/base"])
        self.assertRegex(samara("report", self.folder / "out", env=self.env).stdout, r"held-out +base +longer +out ")
        # A field that is in no row is refused by name, before a model is loaded.
        wrong = samara("run", config, "--set", f"run.output={self.folder / 'wrong'}", "--set", 'eval.0.by=["knd"]',
                       env=self.env, check=False)
        self.assertEqual(wrong.returncode, 2)
        self.assertIn("no row of evaluation set 'held-out' has the field 'knd'", wrong.stderr)
        self.assertIn("'kind'", wrong.stderr)

    def examples(self):
        from support import EXAMPLES
        return rows(EXAMPLES / "data/preferences_eval.jsonl")

    def test_without_the_evaluation_before_the_first_step(self):
        """The end is the same; of before nothing is said, and the report compares the ends."""
        config = write_config(self.folder, tiny_model(self.folder / "model"), self.folder / "whole")
        samara("run", config, env=self.env)
        short = ["--set", 'eval.0.on_start="skip"', "--set", f'run.output="{self.folder}/short"']
        done = samara("run", config, *short, env=self.env)
        whole, short = ([r for r in rows(self.folder / name / "metrics.jsonl")] for name in ("whole", "short"))
        self.assertEqual(short, [r for r in whole if r["step"] > 0])
        ends = [json.loads((self.folder / name / "done.json").read_text())["changes"] for name in ("whole", "short")]
        self.assertGreater(len(ends[0]), 3)
        for full, row in zip(*ends, strict=True):
            self.assertEqual(row["accuracy_after"], full["accuracy_after"])
            self.assertEqual([row[key] for key in ("accuracy_before", "difference_low", "difference_high")], [None] * 3)
        base = next(line for line in done.stdout.splitlines() if line.split()[1:2] == ["base"])
        self.assertEqual([base.split()[n] for n in (3, 5)], ["-", "-"])
        text = samara("report", self.folder / "whole", self.folder / "short", "--json", env=self.env).stdout
        cells = {(row["arm"], row["tag"], row["part"]): row for row in json.loads(text)["results"]}
        for tag in ("base", "intra", "inter"):
            full, short = (cells[name, tag, cells_part] for name, cells_part in (("whole", ""), ("short", "")))
            self.assertEqual(short["accuracy"], full["accuracy"])
            self.assertIsNotNone(full["before"])
            self.assertIsNone(short["before"])

    def test_cuda_is_refused_by_name_before_any_work(self):
        import torch
        if torch.cuda.is_available():
            self.skipTest("a card is here")
        model = tiny_model(self.folder / "model")
        config = write_config(self.folder, model, self.folder / "out")
        ablation = self.folder / "ablation.toml"
        ablation.write_text(f'base = "{config.name}"\noutput = "{self.folder}/arms"\nseeds = [1]\n[set]\nrun.device = "cuda"\n[arms.one]\n')
        for asked in (("run", config, "--set", "run.device=cuda"), ("run", config, "--set", "run.device=cuda", "--dry-run"),
                      ("ablate", ablation), ("ablate", ablation, "--dry-run")):
            refused = samara(*asked, env=self.env, check=False)
            self.assertEqual(refused.returncode, 9, refused.stderr)
            self.assertIn("run.device: 'cuda' is not available", refused.stderr)
            self.assertIn('set run.device = "cpu"', refused.stderr)
        self.assertFalse((self.folder / "arms").exists())
        self.assertFalse((self.folder / "out").exists())
        self.assertFalse((self.folder / "cache/groups").exists())
        prompts = self.folder / "prompts.jsonl"
        prompts.write_text('{"prompt": "Hello", "response": "Hi"}\n')
        for verb in ("generate", "score"):
            refused = samara(verb, model, prompts, "--device", "cuda", env=self.env, check=False)
            self.assertEqual(refused.returncode, 9, refused.stderr)
            self.assertIn("device 'cuda' is not available", refused.stderr)
            self.assertEqual(refused.stdout, "")

    def test_a_second_run_reuses_the_cache_and_gives_the_same_bytes(self):
        model = tiny_model(self.folder / "model")
        first = samara("run", write_config(self.folder, model, self.folder / "a"), env=self.env)
        second = samara("run", write_config(self.folder, model, self.folder / "b"), env=self.env)
        self.assertIn("synthesised", first.stderr)
        self.assertIn("reused from the cache", second.stderr)
        for name in ("metrics.jsonl", "model/model.safetensors"):
            self.assertEqual((self.folder / "a" / name).read_bytes(), (self.folder / "b" / name).read_bytes(), name)
        explained = samara("cache", "explain", self.folder / "run.toml", "--set", "data.seed=8", env=self.env).stdout
        self.assertIn("seed", explained)

    def test_zero_intra_and_inter_weights_equal_plain_bradley_terry(self):
        model = tiny_model(self.folder / "model")
        config = write_config(self.folder, model, self.folder / "zero")
        samara("run", config, "--set", "objective.0.tags={base=1.0, intra=0.0, inter=0.0}", env=self.env)
        plain = config.read_text().replace(str(self.folder / "zero"), str(self.folder / "plain"))
        plain = plain.replace("samara.mapl\"", "samara.bradley_terry\"").replace(", intra = 1.0, inter = 1.0", "")
        while "[[synthesizer]]\nplugin = \"samara.mapl_" in plain:
            start = plain.index("[[synthesizer]]\nplugin = \"samara.mapl_")
            plain = plain[:start] + plain[plain.index("\n[", start + 5) + 1:]
        (self.folder / "plain.toml").write_text(plain)
        samara("run", self.folder / "plain.toml", env=self.env)
        self.assertEqual((self.folder / "zero/model/model.safetensors").read_bytes(),
                         (self.folder / "plain/model/model.safetensors").read_bytes())
        keys = ("step", "loss", "grad_norm", "loss/base", "accuracy/base", "gap/base", "tokens", "tree_tokens")
        train = [[{k: r[k] for k in keys} for r in rows(self.folder / run / "metrics.jsonl") if "eval" not in r]
                 for run in ("zero", "plain")]
        self.assertEqual(train[0], train[1])


if __name__ == "__main__":
    main()
