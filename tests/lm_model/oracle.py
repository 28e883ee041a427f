"""What transformers says about small random checkpoints: the oracle of the tests in this folder.

make OUT             writes one folder per case: a checkpoint, case.json (the candidates and the coefficients of the
                     loss) and reference.safetensors (scores or log-probabilities, hidden states, gradients)
open FOLDER IN OUT   opens a saved reward model, scores the sequences of IN in one padded batch, writes them to OUT
shard FOLDER OUT     writes the checkpoint again in many small files
head SEED N RANGE    prints the first N values of a score head drawn from SEED, in Python's own integers
warp FILE            prints the probabilities that the temperature, top-k and top-p warpers leave of FILE's logits
fields FOLDER        prints the architecture, dtype, label count and pad id that transformers reads
"""
import json
import os
import sys

import torch
from safetensors.torch import save_file
from transformers import (AutoConfig, AutoModel, AutoModelForCausalLM,
                          AutoModelForSequenceClassification, LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config)

VOCABULARY = 97  # not a multiple of any vector width; neither are the widths below


def shape(**changes):
    base = dict(vocab_size=VOCABULARY, hidden_size=40, num_hidden_layers=3, num_attention_heads=4,
                num_key_value_heads=2, intermediate_size=52, rms_norm_eps=1e-5, max_position_embeddings=256,
                initializer_range=0.15, tie_word_embeddings=False, bos_token_id=1, eos_token_id=2,
                pad_token_id=None)
    return base | changes


def llama3_rope(factor, low, high, original):
    return {"rope_type": "llama3", "rope_theta": 900.0, "factor": factor, "low_freq_factor": low,
            "high_freq_factor": high, "original_max_position_embeddings": original}


CASES = {
    "llama_tied_gqa": (LlamaConfig, shape(tie_word_embeddings=True), "lm", torch.float32),
    "llama_untied": (LlamaConfig, shape(hidden_size=48, num_attention_heads=3, num_key_value_heads=3,
                                        rope_parameters={"rope_type": "default", "rope_theta": 500.0}),
                     "lm", torch.float32),
    "llama_biases": (LlamaConfig, shape(attention_bias=True, mlp_bias=True), "lm", torch.float32),
    "llama_head_dim": (LlamaConfig, shape(hidden_size=36, head_dim=14, num_key_value_heads=1), "lm", torch.float32),
    "llama_spelling_4": (LlamaConfig, shape(rope_parameters={"rope_type": "default", "rope_theta": 700.0}), "lm",
                         torch.float32),
    "qwen2_tied": (Qwen2Config, shape(tie_word_embeddings=True, num_key_value_heads=4), "lm", torch.float32),
    "qwen2_untied": (Qwen2Config, shape(hidden_size=72, num_attention_heads=6, num_key_value_heads=2,
                                        rope_parameters={"rope_type": "default", "rope_theta": 1e6}),
                     "lm", torch.float32),
    "llama_bf16": (LlamaConfig, shape(tie_word_embeddings=True), "lm", torch.bfloat16),
    "llama_f16": (LlamaConfig, shape(tie_word_embeddings=True), "lm", torch.float16),
    "llama_reward": (LlamaConfig, shape(num_labels=1), "reward", torch.float32),
    "qwen2_reward": (Qwen2Config, shape(num_labels=1, tie_word_embeddings=True), "reward", torch.float32),
    # Wavelengths on both sides of the ramp and in it; the second is spelled as transformers 4 does.
    "llama_rope3": (LlamaConfig, shape(hidden_size=72, num_attention_heads=6, num_key_value_heads=6,
                                       rope_parameters=llama3_rope(3.0, 1.0, 4.0, 64)), "lm", torch.float32),
    "llama_rope3_spelling_4": (LlamaConfig, shape(head_dim=22, rope_parameters=llama3_rope(8.0, 1.5, 3.0, 40)), "lm",
                               torch.float32),
    "mistral_window": (MistralConfig, shape(sliding_window=37), "lm", torch.float32),
    "mistral_no_window": (MistralConfig, shape(sliding_window=None, head_dim=18, num_key_value_heads=1), "lm",
                          torch.float32),
    "qwen2_windows": (Qwen2Config, shape(use_sliding_window=True, sliding_window=21, max_window_layers=1), "lm",
                      torch.float32),
    "qwen3_tied": (Qwen3Config, shape(head_dim=14, tie_word_embeddings=True), "lm", torch.float32),
    "qwen3_biases": (Qwen3Config, shape(head_dim=22, num_key_value_heads=1, attention_bias=True), "lm", torch.float32),
    "qwen3_windows": (Qwen3Config, shape(head_dim=10, num_key_value_heads=4, use_sliding_window=True,
                                         sliding_window=130, layer_types=["sliding_attention", "full_attention",
                                                                          "sliding_attention"]), "lm", torch.float32),
    "mistral_reward": (MistralConfig, shape(num_labels=1, sliding_window=50), "reward", torch.float32),
    "qwen3_reward": (Qwen3Config, shape(num_labels=1, head_dim=14), "reward", torch.float32),
    "llama_base": (LlamaConfig, shape(), "base", torch.float32),
}


def candidates(seed):
    """Eight (prompt, response): a MAPL-like group in which prompts and responses are shared, plus duplicates, a
    one-token response, and a response that is a prefix of another."""
    draw = torch.Generator().manual_seed(seed)
    ids = lambda n: torch.randint(3, VOCABULARY, (n,), generator=draw).tolist()
    x, extra, y, z = ids(150), ids(12), ids(35), ids(9)
    rows = [(x, y), (x, z), (x + extra, y), (x + extra[:5], z), (x, y[:20] + ids(6)), (x, y[:1]), (x, y[:20]), (x, y)]
    return [{"prompt": p, "response": r} for p, r in rows]


def move_off(model, seed):
    """Norms away from 1 and biases away from 0, so that forgetting either shows."""
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.add_(torch.randn(parameter.shape, generator=draw) * 0.2)


def reference(model, rows, kind, coefficients):
    out, loss = {}, 0.0
    for n, row in enumerate(rows):
        ids = torch.tensor([row["prompt"] + row["response"]])
        got = model(input_ids=ids, output_hidden_states=True)
        hidden = got.last_hidden_state if kind == "base" else got.hidden_states[-1]
        out[f"hidden.{n}"] = hidden[0].detach().clone()
        if kind == "base":
            continue
        if kind == "reward":
            value = got.logits[0, 0]
        else:
            start = len(row["prompt"])
            logps = torch.log_softmax(got.logits[0].float(), -1)[start - 1:-1]
            tokens = logps.gather(1, ids[0, start:, None])[:, 0]
            out[f"tok_logp.{n}"] = tokens.detach().clone()
            out[f"logits.{n}"] = got.logits[0].detach().clone()
            value = tokens.sum()
        out[f"value.{n}"] = value.detach().clone()
        loss = loss + coefficients[n] * value
    if kind != "base":
        loss.backward()
        for name, parameter in model.named_parameters():
            out["grad." + name] = parameter.grad.clone()
    return out


def old_spelling(folder):
    """config.json as transformers 4 writes it."""
    path = os.path.join(folder, "config.json")
    config = json.load(open(path))
    rope = config.pop("rope_parameters")
    config["rope_theta"] = rope.pop("rope_theta")
    config["rope_scaling"] = rope if rope["rope_type"] != "default" else None
    config["torch_dtype"] = config.pop("dtype")
    json.dump(config, open(path, "w"))


def make(out):
    for number, (name, (family, keys, kind, dtype)) in enumerate(CASES.items()):
        torch.manual_seed(number)
        opener = {"lm": AutoModelForCausalLM, "reward": AutoModelForSequenceClassification, "base": AutoModel}[kind]
        model = opener.from_config(family(**keys), attn_implementation="eager").float().eval()
        move_off(model, number)
        folder = os.path.join(out, name)
        model.to(dtype).save_pretrained(folder)
        # The file's rounded values, computed in float32 with rotation angles that were never rounded.
        model = opener.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
        if name.endswith("spelling_4"):
            old_spelling(folder)
        rows = candidates(number)
        coefficients = [0.5, -1.0, 0.25, 1.5, -0.75, 0.3, 1.0, -0.2]
        json.dump({"kind": kind, "candidates": rows, "coefficients": coefficients},
                  open(os.path.join(folder, "case.json"), "w"))
        save_file(reference(model, rows, kind, coefficients), os.path.join(folder, "reference.safetensors"))


def open_saved(folder, rows_file, out):
    model = AutoModelForSequenceClassification.from_pretrained(folder).float().eval()
    rows = json.load(open(rows_file))
    width = max(map(len, rows))
    ids = torch.tensor([row + [model.config.pad_token_id] * (width - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    with torch.no_grad():
        save_file({"scores": model(input_ids=ids, attention_mask=mask).logits[:, 0].contiguous()}, out)


def warp(file):
    from transformers.generation.logits_process import (LogitsProcessorList, TemperatureLogitsWarper, TopKLogitsWarper,
                                                        TopPLogitsWarper)
    given = json.load(open(file))
    out = []
    for case in given["cases"]:
        warpers = LogitsProcessorList([TemperatureLogitsWarper(case["temperature"])])
        if case["top_k"] > 0:
            warpers.append(TopKLogitsWarper(case["top_k"]))
        if case["top_p"] < 1:
            warpers.append(TopPLogitsWarper(case["top_p"]))
        out.append(warpers(None, torch.tensor(given["logits"], dtype=torch.float64)).softmax(-1).tolist())
    print(json.dumps(out))


def shard(folder, out):
    model = AutoModelForCausalLM.from_pretrained(folder)
    model.save_pretrained(out, max_shard_size="9KB")


def fields(folder):
    config = AutoConfig.from_pretrained(folder)
    print(json.dumps({"architectures": config.architectures, "labels": config.num_labels,
                      "pad": config.pad_token_id, "dtype": str(config.dtype),
                      "theta": config.rope_parameters["rope_theta"]}))


def head(seed, count, spread):
    mask = (1 << 64) - 1

    def mix(x):
        x = (x + 0x9E3779B97F4A7C15) & mask
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
        return x ^ (x >> 31)

    def value(i):
        words = [mix(mix(int(seed)) ^ mix(4 * i + w)) for w in range(4)]
        total = sum(word >> (16 * part) & 0xFFFF for word in words for part in range(4)) - 8 * 65535
        return torch.tensor(total * (float(spread) / (16 * (2**32 - 1) / 12) ** 0.5), dtype=torch.float32).item()

    print(json.dumps([value(i) for i in range(int(count))]))


if __name__ == "__main__":
    torch.set_num_threads(1)
    {"make": make, "open": open_saved, "warp": warp, "fields": fields, "shard": shard, "head": head}[sys.argv[1]](*sys.argv[2:])
