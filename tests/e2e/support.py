"""What the end-to-end tests share: the command, a tiny random model, a run's files.  Uses the test-only environment."""
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SAMARA_BUILD_DIR", ROOT / "build/release"))
SAMARA = BUILD / "bin/samara"
EXAMPLES = ROOT / "examples"


def cache_folder():
    if "SAMARA_CACHE_DIR" in os.environ:
        return pathlib.Path(os.environ["SAMARA_CACHE_DIR"])
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "samara"


DEMO_MODEL = cache_folder() / "models/smollm2-135m-instruct"


def need(path, what):
    """Skips with a message where `path` is absent; in CI that is a failure."""
    if pathlib.Path(path).exists():
        return
    if os.environ.get("CI"):
        raise AssertionError(f"{what} is absent: {path}")
    raise unittest.SkipTest(f"{what} is absent: {path}")


def samara(*args, cwd=None, env=None, check=True, timeout=600, preexec=None):
    """Runs the command; returns the finished process (text)."""
    done = subprocess.run([SAMARA, *map(str, args)], cwd=cwd, env={**os.environ, **(env or {})}, capture_output=True,
                          text=True, timeout=timeout, preexec_fn=preexec)
    if check and done.returncode != 0:
        raise AssertionError(f"samara {' '.join(map(str, args))} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


def rows(path):
    return [json.loads(line) for line in pathlib.Path(path).read_text().splitlines()]


def sha256(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


# The smallest of the tiny models, for tests of what a run does and not of what it learns.
SMALL = dict(hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1)


def tiny_model(folder, seed=0, family="Llama", **changes):
    """A random model with the demo model's tokenizer: norms moved off 1, so nothing is invisible."""
    need(DEMO_MODEL / "tokenizer.json", "the demo model (scripts/get_model)")
    import shutil

    import torch
    import transformers

    torch.manual_seed(seed)
    config = getattr(transformers, f"{family}Config")(**{**dict(vocab_size=49152, hidden_size=32, intermediate_size=80, num_hidden_layers=2,
                                   num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=2048,
                                   tie_word_embeddings=True, bos_token_id=1, eos_token_id=2, pad_token_id=2,
                                   initializer_range=0.1), **changes})
    model = getattr(transformers, f"{family}ForCausalLM")(config)
    for name, value in model.named_parameters():
        if "norm" in name:
            value.data += 0.2 * torch.randn_like(value)
    model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(DEMO_MODEL / name, folder)
    return pathlib.Path(folder)


CONFIG = """
[run]
pipeline = "reward"
output = "{output}"
seed = {seed}
[model]
path = "{model}"
[data]
train = ["{train}"]
max_tokens = 400
[[instructions]]
plugin = "samara.ifeval"
[[synthesizer]]
plugin = "samara.pairs"
[[synthesizer]]
plugin = "samara.mapl_intra"
params = {{ count = [1, 2] }}
[[synthesizer]]
plugin = "samara.mapl_inter"
params = {{ count = [1, 2] }}
[[objective]]
plugin = "samara.mapl"
tags = {{ base = 1.0, intra = 1.0, inter = 1.0 }}
[optimizer]
plugin = "samara.adamw"
[schedule]
learning_rate = 1e-3
kind = "cosine"
warmup_steps = 2
[train]
max_steps = {steps}
groups_per_step = 4
tokens_per_batch = 2048
[checkpoint]
every_steps = 2
keep = 2
[[eval]]
name = "held-out"
path = "{eval}"
every_steps = 3
max_records = 12
{more}
"""


def write_config(folder, model, output, steps=6, seed=7, more="", train=None, text=None):
    path = pathlib.Path(folder) / "run.toml"
    path.write_text((text or CONFIG).format(output=output, model=model, steps=steps, seed=seed, more=more,
                                  train=train or EXAMPLES / "data/preferences.jsonl",
                                  eval=EXAMPLES / "data/preferences_eval.jsonl"))
    return path


class Case(unittest.TestCase):
    """A test with a folder and a cache of its own."""

    def setUp(self):
        need(SAMARA, "the built command")
        self._folder = tempfile.TemporaryDirectory(prefix="samara-e2e-")
        self.folder = pathlib.Path(self._folder.name)
        self.env = {"SAMARA_CACHE_DIR": str(self.folder / "cache")}

    def tearDown(self):
        self._folder.cleanup()


def main():
    unittest.main(verbosity=2, argv=[sys.argv[0], *sys.argv[1:]])
