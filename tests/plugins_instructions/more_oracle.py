"""The published checkers of the types beyond IFEval, as a source of expected verdicts.

IFBench's rules come from the package if-verifiable.  Those of IFEval's extension in open-instruct and of M-IFEval are in no
package; they are one or two lines of Python each, restated here from their papers' repositories.

    more_oracle.py SHARED OUT   writes {"id", "kwargs", "response", "strict", "loose"} rows to OUT
"""
import importlib
import importlib.util
import json
import random
import re
import sys
import types

import nltk


def load_registry():
    spec = importlib.util.find_spec("if_verifiable")
    package = types.ModuleType("if_verifiable")
    package.__path__ = list(spec.submodule_search_locations)
    sys.modules["if_verifiable"] = package
    for name in ("emoji", "syllapy"):  # of types that are not compared
        sys.modules[name] = types.ModuleType(name)
    nltk.download = lambda *args, **kwargs: True  # sentence models, likewise
    return importlib.import_module("if_verifiable.ifbench.instructions_registry").INSTRUCTION_DICT


REGISTRY = load_registry()


def bigrams(value):
    words = value.split()
    return all(words[i].startswith("<<") and words[i + 1].endswith(">>") for i in range(0, len(words) - 1, 2))


RESTATED = {
    "keywords:word_once": lambda v, keyword: len(re.findall(keyword.strip(), v, flags=re.IGNORECASE)) == 1,
    "first_word:first_word_answer": lambda v, first_word: v.split()[0].strip().lower() == first_word.strip().lower(),
    "last_word:last_word_answer":
        lambda v, last_word: re.sub(r"[^\w\s]", "", v.split()[-1].strip()).lower() == last_word.strip().lower(),
    "punctuation:punctuation_dot": lambda v: not re.search(r"\.", v),
    "punctuation:punctuation_exclamation": lambda v: not re.search(r"\!", v),
    "letters:letter_counting":
        lambda v, N, relation: (len(re.findall(r"[a-zA-Z]", v)) >= N) == (relation == "at least"),
    "count:lowercase_counting": lambda v, N: len(re.findall(r"\b[a-z]+\b", v)) <= N,
    "detectable_format:square_brackets": lambda v: all(w.startswith("[") and w.endswith("]") for w in v.split()),
    "detectable_format:bigram_wrapping": bigrams,
    "detectable_content:no_digits": lambda v: not re.search(r"\d", v),
    "punctuation:question_marks": lambda v: "?" in v,
}


def variants(response):
    """evaluation_lib.py: the order does not matter, only whether one of them follows."""
    lines = response.split("\n")
    four = [response, "\n".join(lines[1:]).strip(), "\n".join(lines[:-1]).strip(), "\n".join(lines[1:-1]).strip()]
    return four + [v.replace("*", "") for v in four]


def checker(id_, kwargs):
    if id_ in RESTATED:
        return lambda v: RESTATED[id_](v, **kwargs)
    built = REGISTRY[id_](id_)
    built.build_description(**kwargs)
    return built.check_following


PIECES = ["!", "?", ".", ",", "\n", "\n\n", " ", "7", "1,000", "3.5", "٣", "½", "[a]", "<<a", "b>>", "(", ")", "[", "]", "{", "}", "((((({", "})))))",
          "É", "é", "ß", "İ", "ſ", "Σ", "ς", "ΟΔΟΣ", "Ж", "漢字", "_", "don't", "--", "\u00a0", "\x1c", "\u2019", "*", "**", "level", "Radar", "civic",
          "kayak", "refer", "rotor", "madam", "tenet", "stats", "solos", "My Answer:", "My Conclusion:", "Future Outlook:", "x1", "a_b"]


def fuzzed(rng, text):
    parts = re.split(r"(\s+)", text)
    start = rng.randrange(max(1, len(parts)))
    parts = parts[start:start + rng.randrange(1, 40)]
    for _ in range(rng.randrange(0, 16)):
        parts.insert(rng.randrange(len(parts) + 1), rng.choice(PIECES))
    text = "".join(parts)
    words = text.split()
    form = rng.randrange(9)
    if form == 0:
        text = "\n".join(words)
    elif form == 1:
        text = "".join(words)
    elif form == 2:
        text = " ".join("[" + w + "]" for w in words)
    elif form == 3:
        text = " ".join(("<<" if i % 2 == 0 else "") + w + (">>" if i % 2 == 1 else "") for i, w in enumerate(words))
    elif form == 4:  # about ten palindromes
        text += " " + ", ".join(rng.choice(["level", "Radar", "civic", "kayak's", "No-on", "été", "stats"])
                                for _ in range(rng.randrange(9, 16)))
    return rng.choice([str, str, str, str.upper, str.lower, str.title])(text)


def some_kwargs(rng, id_, response):
    words = re.findall(r"\w+", response) or ["x"]
    tokens = response.split()
    near = lambda n: max(1, n + rng.randrange(-2, 3))
    if id_ == "count:word_count_range":
        low = near(len(words))
        return {"min_words": low, "max_words": low + rng.randrange(0, 4)}
    if id_ == "count:unique_word_count":
        return {"N": near(len({t.lower() for t in tokens}))}
    if id_ == "count:numbers":
        return {"N": near(len(re.findall(r"\d+", response)))}
    if id_ == "words:repeats":
        return {"small_n": near(max((tokens.count(t) for t in tokens), default=1))}
    if id_ == "count:lowercase_counting":
        return {"N": near(len(re.findall(r"\b[a-z]+\b", response)))}
    if id_ == "letters:letter_counting":
        return {"N": near(len(re.findall(r"[a-zA-Z]", response))), "relation": rng.choice(["at least", "less than"])}
    if id_ == "keywords:word_once":
        return {"keyword": rng.choice(words)}
    if id_ == "first_word:first_word_answer":
        return {"first_word": rng.choice([tokens[0], tokens[-1], words[0]]).lower()}
    if id_ == "last_word:last_word_answer":
        return {"last_word": rng.choice([tokens[0], tokens[-1], words[-1]]).upper()}
    return {}


IDS = ["count:word_count_range", "count:unique_word_count", "count:numbers", "words:repeats", "words:no_consecutive",
       "words:palindrome", "format:parentheses", "format:newline", "format:no_whitespace", "format:output_template", *RESTATED]


def main():
    shared, out = sys.argv[1:3]
    rng = random.Random(20260102)
    pairs = [json.loads(line) for line in open(shared + "/data/prefs/ifeval_open_pairs.jsonl", encoding="utf-8")]
    pool = [p[side] for p in pairs for side in ("chosen", "rejected") if p[side].strip()]
    with open(out, "w", encoding="utf-8") as file:
        for id_ in IDS:
            for n in range(1500):
                response = rng.choice(pool) if n < 300 else fuzzed(rng, rng.choice(pool))
                if not response.strip():
                    continue
                kwargs = some_kwargs(rng, id_, response)
                follows = checker(id_, kwargs)
                strict = bool(follows(response))
                loose = any(bool(v.strip() and follows(v)) for v in variants(response))
                file.write(json.dumps({"id": id_, "kwargs": kwargs, "response": response, "strict": strict,
                                       "loose": loose}) + "\n")


if __name__ == "__main__":
    main()
