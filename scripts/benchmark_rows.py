#!/usr/bin/env python3
"""Public benchmarks as preference rows, for configs/ablations/mapl_reward.toml.  Standard library only.

    scripts/benchmark_rows.py SOURCES OUTPUT

SOURCES is a folder with these files as their authors publish them:

    ifeval_open_pairs.jsonl             preferences over IFEval prompts: key, prompt, chosen, rejected, instruction_id_list, kwargs
    hh-rlhf_harmless-base_test.jsonl.gz Anthropic's HH-RLHF, harmless-base/test.jsonl.gz (arXiv 2204.05862)
    llmbar_*.json                       LLMBar (arXiv 2310.07641), one file a subset: input, output_1, output_2, label
    oasst_en_100_tree.jsonl             trees of OpenAssistant (arXiv 2304.07327): replies with ranks

OUTPUT gets train.jsonl, tune.jsonl (to choose a learning rate), held_out.jsonl, llmbar.jsonl and oasst.jsonl.  Prompts are split
by the SHA-256 of their IFEval key or first user turn, 70 / 10 / 20 %, so no prompt is in two of them.  train.jsonl is half IFEval
prompts, half HH; the rows that are judged have one pair a prompt, so that they are independent.  Rows are short, as a run on two
cores needs: with 550 characters (about 130 tokens) in prompt and longer answer, `max_tokens = 192` leaves room for instructions."""
import gzip
import hashlib
import json
import pathlib
import sys

LONGEST = 550  # characters in training, tuning and held-out rows
LONGEST_OF_OTHERS = 700  # LLMBar, OASST: no instructions are added to them
JUDGED = {"tune": 60, "held_out": 80}


def part_of(name):
    place = int(hashlib.sha256(str(name).encode()).hexdigest(), 16) % 10
    return "train" if place < 7 else "tune" if place == 7 else "held_out"


def short(row, longest=LONGEST):
    prompt = row["prompt"] if isinstance(row["prompt"], str) else "".join(turn["content"] for turn in row["prompt"])
    return len(prompt) + max(len(row["chosen"]), len(row["rejected"])) < longest


def ifeval_rows(path):
    for line in path.open(encoding="utf-8"):
        row = json.loads(line)
        yield part_of(row["key"]), {
            "prompt": row["prompt"], "chosen": row["chosen"], "rejected": row["rejected"], "from": "ifeval",
            "instruction_id_list": row["instruction_id_list"], "kwargs": row["kwargs"]}


def turns_of(dialogue):
    turns = []
    for piece in dialogue.split("\n\n")[1:]:
        for speaker, role in (("Human:", "user"), ("Assistant:", "assistant")):
            if piece.startswith(speaker):
                turns.append({"role": role, "content": piece.removeprefix(speaker).removeprefix(" ")})
                break
        else:
            if not turns:
                return [{"role": "", "content": dialogue}]  # no dialogue: its row is left out
            turns[-1]["content"] += "\n\n" + piece
    return turns


def hh_rows(path):
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            chosen, rejected = turns_of(row["chosen"]), turns_of(row["rejected"])
            ends = chosen[-1]["content"], rejected[-1]["content"]
            if chosen[:-1] == rejected[:-1] and all(ends) and ends[0] != ends[1] and chosen[-1]["role"] == "assistant":
                yield part_of(chosen[0]["content"]), {"prompt": chosen[:-1], "chosen": ends[0], "rejected": ends[1], "from": "hh"}


def first_of_each_prompt(rows):
    """By the prompt's beginning: the first user turn, as `part_of` has it."""
    seen = {}
    for row in rows:
        seen.setdefault(row["prompt"] if isinstance(row["prompt"], str) else row["prompt"][0]["content"], row)
    return list(seen.values())


def llmbar_rows(paths):
    """The subsets in turn, so that a beginning has some of each."""
    subsets = [[(path.stem.removeprefix("llmbar_"), row) for row in json.loads(path.read_text(encoding="utf-8"))] for path in paths]
    for n in range(max(map(len, subsets))):
        for subset in subsets:
            if n < len(subset):
                name, row = subset[n]
                yield {"prompt": row["input"], "chosen": row[f"output_{row['label']}"],
                       "rejected": row[f"output_{3 - row['label']}"], "subset": name}


def oasst_rows(path):
    """The best against the worst ranked reply of every prompt that has two; several prompts of a tree share its beginning."""
    def walk(node, turns):
        turns = [*turns, {"role": "user" if node["role"] == "prompter" else "assistant", "content": node["text"]}]
        ranked = sorted((reply["rank"], reply["text"]) for reply in node.get("replies", []) if reply.get("rank") is not None)
        if node["role"] == "prompter" and len(ranked) > 1 and ranked[0][1] != ranked[-1][1]:
            yield {"prompt": turns, "chosen": ranked[0][1], "rejected": ranked[-1][1]}
        for reply in node.get("replies", []):
            yield from walk(reply, turns)

    for line in path.open(encoding="utf-8"):
        yield from walk(json.loads(line)["prompt"], [])


def main(sources, output):
    for name in ("ifeval_open_pairs.jsonl", "hh-rlhf_harmless-base_test.jsonl.gz", "llmbar_*.json", "oasst_en_100_tree.jsonl"):
        if not list(sources.glob(name)):
            sys.exit(f"{sources / name} is absent: SOURCES needs it as its authors publish it (--help lists all)")
    parts = {"train": [], "tune": [], "held_out": []}
    ifeval = [(part, row) for part, row in ifeval_rows(sources / "ifeval_open_pairs.jsonl") if short(row)]
    hh = [(part, row) for part, row in hh_rows(sources / "hh-rlhf_harmless-base_test.jsonl.gz") if short(row)]
    for part, rows in parts.items():
        ours = [row for of, row in ifeval if of == part]
        theirs = [row for of, row in hh if of == part]
        if part in JUDGED:
            ours, theirs = first_of_each_prompt(ours), first_of_each_prompt(theirs)
        theirs = theirs[:max(0, JUDGED.get(part, 2 * len(ours)) - len(ours))]
        rows += [row for pair in zip(ours, theirs) for row in pair] + theirs[len(ours):]  # in turn
    parts["llmbar"] = [row for row in llmbar_rows(sorted(sources.glob("llmbar_*.json"))) if short(row, LONGEST_OF_OTHERS)]
    parts["oasst"] = [row for row in oasst_rows(sources / "oasst_en_100_tree.jsonl") if short(row, LONGEST_OF_OTHERS)]
    output.mkdir(parents=True, exist_ok=True)
    for name, rows in parts.items():
        (output / f"{name}.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
        print(f"{output / name}.jsonl: {len(rows)} rows")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__ if "--help" not in sys.argv else print(__doc__))
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
