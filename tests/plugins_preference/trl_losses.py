"""Losses of TRL's DPO trainer, computed by TRL's own lines on three fixed pairs, as JSON on stdout.

    python trl_losses.py > trl_losses.json       # with trl 1.16.0 beside torch: the file that test_trl.cpp reads

Only DPOTrainer._compute_loss runs: in place of a model there are fixed logits, in place of the trainer an object with
the settings that the function reads.  tests/e2e/test_trl.py runs this file with the TRL of the test environment and
compares (TRL 1.9 leaves constants out of the divergences; what that changes is named there)."""
import importlib.metadata
import json
import sys
import types

import torch
from trl import DPOTrainer

VOCABULARY = 11
PROMPTS = [3, 2, 4]  # tokens, per pair
CHOSEN = [5, 3, 6]
REJECTED = [4, 6, 6]

PLAIN = dict(beta=0.1, ld_alpha=None, f_divergence_type="reverse_kl", f_alpha_divergence_coef=0.5, label_smoothing=0.0,
             use_weighting=False, discopop_tau=0.05)
GAP = {"sigmoid": {}, "hinge": {}, "ipo": {}, "sigmoid_norm": {}, "robust": dict(label_smoothing=0.1),
       "exo_pair": dict(label_smoothing=1e-3), "discopop": {}}
PAIR = ["nca_pair", "bco_pair", "sppo_hard", "apo_zero", "apo_down"]


def cases():
    """(TRL's loss type, settings that differ from PLAIN)"""
    for loss, own in GAP.items():
        yield loss, own
        for divergence in ("forward_kl", "js_divergence", "alpha_divergence"):
            yield loss, {**own, "f_divergence_type": divergence}
    yield "sigmoid", dict(f_divergence_type="alpha_divergence", f_alpha_divergence_coef=0.2)
    for loss in [*GAP, *PAIR]:
        own = GAP.get(loss, {})
        yield loss, {**own, "ld_alpha": 0.4}
        yield loss, {**own, "use_weighting": True}
    yield "sigmoid", dict(ld_alpha=0.0, use_weighting=True, f_divergence_type="js_divergence")


def tokens():
    """Rows chosen 0..2, rejected 0..2, padded on the right, with policy and reference logits."""
    draw = torch.Generator().manual_seed(20)
    lengths = list(zip(PROMPTS * 2, CHOSEN + REJECTED))
    width = max(p + c for p, c in lengths)
    ids = torch.randint(0, VOCABULARY, (6, width), generator=draw)
    ids[3:, :4] = ids[:3, :4]
    mask = torch.zeros(6, width, dtype=torch.long)
    for row, (prompt, completion) in enumerate(lengths):
        mask[row, prompt:prompt + completion] = 1
    logits = [0.5 * torch.randn(6, width, VOCABULARY, generator=draw, dtype=torch.float64) for _ in range(2)]
    return ids, mask, logits


def outputs(logits, ids, mask):
    """What a model gives: logits (TRL 1.9), or the columns that TRL 1.16 asks for instead."""
    shifted = logits[:, :-1]
    log_probs = torch.log_softmax(shifted, -1)
    picked = log_probs.gather(2, ids[:, 1:, None]).squeeze(2).masked_fill(mask[:, 1:] == 0, 0.0)
    blank = torch.zeros_like(picked)
    return types.SimpleNamespace(logits=logits, log_probs=picked, entropy=blank, mean_logits=blank, is_top1=blank > 0,
                                 log_sum_sq_probs=torch.logsumexp(2 * log_probs, -1))


def compute(loss, changes, ids, mask, logits):
    """The mean loss, and its gradient by the policy's log-probability of every scored token (float64 where TRL can)."""
    from collections import defaultdict
    settings = {**PLAIN, **changes}
    dtype = torch.float32 if settings["f_divergence_type"] == "alpha_divergence" else torch.float64
    policy, reference = (outputs(x.to(dtype), ids, mask) for x in logits)
    policy.log_probs.requires_grad_()
    policy.logits.requires_grad_()
    model = lambda made: lambda **_: made
    call = model(policy)
    call.training = True
    keep = lambda x: x
    trainer = types.SimpleNamespace(
        **settings, model=call, ref_model=model(reference), args=types.SimpleNamespace(
            discopop_tau=settings["discopop_tau"], gradient_checkpointing_kwargs=None, gradient_checkpointing=False),
        accelerator=types.SimpleNamespace(device="cpu", gather=keep, gather_for_metrics=keep),
        aux_loss_enabled=False, precompute_ref_logps=False, loss_types=[loss], loss_weights=[1.0],
        _total_train_tokens=0, _tp_size=1, _metrics={"train": defaultdict(list)})
    call.is_gradient_checkpointing = False
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "completion_mask": mask}
    value = DPOTrainer._compute_loss(trainer, call, inputs, False)
    if loss == "hinge" and settings["use_weighting"]:  # TRL multiplies in place there, which autograd refuses
        return value.item(), None
    gradient = torch.autograd.grad(value, policy.log_probs, allow_unused=True)[0]
    scored = mask[:, 1:].bool()
    return value.item(), None if gradient is None else [row[m].tolist() for row, m in zip(gradient, scored)]


def main():
    ids, mask, logits = tokens()
    scored = mask[:, 1:].bool()
    rows = lambda x: [row[m].tolist() for row, m in zip(x, scored)]
    made = [outputs(x, ids, mask) for x in logits]
    out = {"trl": importlib.metadata.version("trl"), "prompt_tokens": PROMPTS, "logp": rows(made[0].log_probs),
           "ref_logp": rows(made[1].log_probs), "log_p2": rows(made[0].log_sum_sq_probs), "cases": []}
    for loss, changes in cases():
        value, gradient = compute(loss, changes, ids, mask, logits)
        case = {"loss_type": loss, **changes, "loss": value}
        if gradient is not None:
            case["gradient"] = gradient
        out["cases"].append(case)
    text = json.dumps(out).replace('{"loss_type"', '\n{"loss_type"')  # a case a line
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
