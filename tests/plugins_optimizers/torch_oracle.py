"""torch.optim on the parameters and gradients of the optimizer tests: the values after every step.

    python torch_oracle.py IN OUT

IN is a list of cases: {"optimizer", "options", "dtype", "learning_rates" [steps], "parameters": [{"role", "shape",
"start", "gradients" [steps]}]}; OUT gets [case][step][parameter][value].  Numbers go through JSON as doubles, so
float32 and float64 arrive exactly.  Which parameters are decayed, and which are matrices, is decided here anew.
"""
import json
import sys
from unittest import mock

import torch


def groups(parameters, decay):
    """Norms and biases are never decayed."""
    plain = [p for p, role in parameters if role in ("norm", "bias")]
    decayed = [p for p, role in parameters if role not in ("norm", "bias")]
    return [group for group in ({"params": decayed, "weight_decay": decay}, {"params": plain, "weight_decay": 0.0})
            if group["params"]]


def make(name, options, parameters):
    """The optimizers that together move all parameters, each with its factor on the learning rate."""
    options = dict(options)
    decay = options.pop("weight_decay", 0.0)
    if name in ("SGD", "AdamW"):
        return [(1.0, getattr(torch.optim, name)(groups(parameters, decay), **options))]
    assert name == "Muon", name
    factor = options.pop("adamw_lr_factor")
    adamw = options.pop("adamw")
    matrices = [p for p, role in parameters if role == "matrix" and p.ndim == 2]
    others = [(p, role) for p, role in parameters if not (role == "matrix" and p.ndim == 2)]
    return [(1.0, torch.optim.Muon(matrices, weight_decay=decay, **options)),
            (factor, torch.optim.AdamW(groups(others, decay), **adamw))]


def run(case):
    dtype = getattr(torch, case["dtype"])

    def tensor(values, shape):
        return torch.tensor(values, dtype=torch.float64).to(dtype).reshape(shape)

    rows = case["parameters"]
    parameters = [(torch.nn.Parameter(tensor(row["start"], row["shape"])), row["role"]) for row in rows]
    options = dict(case["options"])
    ns_dtype = options.pop("ns_dtype", "bfloat16")
    optimizers = make(case["optimizer"], options, parameters)
    trace = []
    for step, rate in enumerate(case["learning_rates"]):
        for (parameter, _), row in zip(parameters, rows):
            parameter.grad = tensor(row["gradients"][step], row["shape"])
        for factor, optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate * factor
            if ns_dtype == "bfloat16":
                optimizer.step()
            else:  # the published iteration, in the parameter's own type: its cast becomes a copy
                with mock.patch.object(torch.Tensor, "bfloat16", lambda self: self.clone()):
                    optimizer.step()
        trace.append([parameter.detach().double().flatten().tolist() for parameter, _ in parameters])
    return trace


if __name__ == "__main__":
    torch.set_num_threads(1)
    with open(sys.argv[1], encoding="utf-8") as file:
        cases = json.load(file)
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        json.dump([run(case) for case in cases], file)
