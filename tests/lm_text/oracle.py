"""Expected values for the text room, from `tokenizers`, `transformers` and Jinja.

    oracle.py ids TOKENIZER_JSON shared:DIR|fuzz:COUNT OUT     every text with its ids; special:COUNT: with special tokens
    oracle.py base bytes|characters|files:VOCAB:MERGES OUT     a tokenizer.json
    oracle.py pieces TOKENIZER_JSON OUT                        every code point's probe with its pieces' byte lengths
    oracle.py decode TOKENIZER_JSON OUT                        random ids with their text
    oracle.py chat FOLDER OUT                                  message lists, rendered and tokenised (JSON lines)
    oracle.py render TEMPLATES_JSON OUT                        message lists through each template (JSON lines); null: it raises
    oracle.py form NFC|NFKC|... OUT                            every code point's probe and its form, joined

Binary records: u32 size, that many bytes of UTF-8, u32 count, that many u32 numbers; little endian."""
import gzip
import json
import pathlib
import random
import struct
import sys
import unicodedata


def write_record(out, text, numbers):
    data = text.encode("utf-8")
    out.write(struct.pack("<I", len(data)) + data)
    out.write(struct.pack(f"<I{len(numbers)}I", len(numbers), *numbers))


# ---- texts ----------------------------------------------------------------------------------------------------
def strings_in(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from strings_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings_in(item)


def shared_texts(folder):
    """Every string of every file, and each file's text as a whole, so that JSON and escapes are texts too."""
    seen = {}
    files = sorted(p for part in ("prefs", "instructions") for p in (pathlib.Path(folder) / part).iterdir())
    for path in files:
        raw = (gzip.open if path.suffix == ".gz" else open)(path, "rb").read().decode("utf-8")
        rows = [json.loads(raw)] if path.suffix == ".json" else [json.loads(row) for row in raw.splitlines() if row]
        for text in strings_in(rows):
            seen.setdefault(text)
        seen.setdefault(raw[:200_000])
    return list(seen)


ASSIGNED = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000 and unicodedata.category(chr(c)) not in ("Cn", "Co")]
BY_CATEGORY = {}
for _c in ASSIGNED:
    BY_CATEGORY.setdefault(unicodedata.category(chr(_c)), []).append(chr(_c))
SPACES = [chr(c) for c in (9, 10, 11, 12, 13, 32, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F,
                           0x205F, 0x3000, 0x180E, 0x200B, 0xFEFF, 0x1C, 0x1D, 0x1E, 0x1F)]
WORDS = ("the of and to don't can't I'll we'd they've he's DON'T I'M Hello world tokenization running 12345 3.14 "
         "naïve façade Straße Ωmega привет мир 你好世界 こんにちは 안녕하세요 مرحبا שלום नमस्ते ไทย 👩‍👩‍👧‍👦 🇩🇪 e\u0301 "
         "'ſ 'K’s ﬃ Ǆ İ ı ß ẞ '' '‘s `` __init__ std::vector<int>& \\n \\u0041 <|im <|im_start| |> </s> <s>").split()


def fuzz_text(rng, added):
    def any_char():
        return chr(rng.choice(ASSIGNED)) if rng.random() < 0.9 else chr(rng.choice([rng.randrange(0xE000, 0xF900),
                                                                                  rng.randrange(0xF0000, 0x10FFFE)]))

    makers = [
        lambda: "".join(any_char() for _ in range(rng.randrange(1, 20))),
        lambda: "".join(rng.choice(SPACES) for _ in range(rng.randrange(1, 12))),
        lambda: rng.choice(SPACES) * rng.randrange(1, 40),
        lambda: "".join(chr(rng.randrange(0, 32)) for _ in range(rng.randrange(1, 6))),
        lambda: "".join(rng.choice(BY_CATEGORY[rng.choice(("Nd", "Nl", "No"))]) for _ in range(rng.randrange(1, 9))),
        lambda: "".join(rng.choice(BY_CATEGORY[rng.choice(sorted(BY_CATEGORY))]) for _ in range(rng.randrange(1, 9))),
        lambda: rng.choice("aeiou") + "".join(rng.choice(BY_CATEGORY["Mn"]) for _ in range(rng.randrange(1, 6))),
        lambda: "".join(chr(rng.randrange(0x1100, 0x1200)) for _ in range(rng.randrange(1, 8))),
        lambda: rng.choice(added) if added else "",
        lambda: rng.choice(added)[rng.randrange(2):] if added else "",
        lambda: " ".join(rng.choice(WORDS) for _ in range(rng.randrange(1, 9))),
        lambda: rng.choice(WORDS),
        lambda: rng.choice("\"'.,;:!?-_()[]{}<>|/\\@#$%^&*+=~`") * rng.randrange(1, 12),
        lambda: rng.choice("'’") + rng.choice(["s", "t", "re", "ve", "m", "ll", "d", "S", "LL", "x"]),
    ]
    text = "".join(rng.choice(makers)() for _ in range(rng.randrange(1, 12)))
    if rng.random() < 0.004:  # very long words and runs
        unit = rng.choice(["a", "ab", "é", "한", " ", "\n", "-", "9", "thequickbrownfox", "\u0301", "🎉"])
        text += unit * rng.randrange(500, 8000)
        if rng.random() < 0.5:
            text += "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(5000))
    return text


def texts_of(corpus, added):
    kind, _, rest = corpus.partition(":")
    if kind == "shared":
        return shared_texts(rest)
    rng = random.Random(20260117)
    return ["", " ", "\n"] + [fuzz_text(rng, added) for _ in range(int(rest))]


# ---- commands -------------------------------------------------------------------------------------------------
def load(path):
    from tokenizers import Tokenizer
    return Tokenizer.from_file(path)


def command_ids(tokenizer_path, corpus, out_path):
    tokenizer = load(tokenizer_path)
    added = [t.content for t in tokenizer.get_added_tokens_decoder().values()]
    texts = texts_of(corpus, added)
    with open(out_path, "wb") as out:
        for begin in range(0, len(texts), 512):
            part = texts[begin:begin + 512]
            special = corpus.startswith("special:")
            for text, encoding in zip(part, tokenizer.encode_batch(part, add_special_tokens=special)):
                write_record(out, text, encoding.ids)


def command_base(kind, out_path):
    """bytes: a byte-level tokenizer.  characters: spaces are written as Metaspace writes them, <0x00> to <0xFF> are in
    the vocabulary.  Both know <unk>, <s> and </s> (0 to 2) and more added tokens with flags."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    if kind.startswith("files:"):
        _, vocab, merges = kind.split(":")
        tokenizer = Tokenizer(models.BPE.from_file(vocab, merges))
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        pathlib.Path(out_path).write_text(tokenizer.to_str(), encoding="utf-8")
        return
    rng = random.Random(3)
    texts = [" ".join(rng.choice(WORDS) for _ in range(30)) for _ in range(300)]
    tokenizer = Tokenizer(models.BPE())
    special = ["<unk>", "<s>", "</s>"]
    alphabet = []
    if kind == "bytes":
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        tokenizer.decoder = decoders.Metaspace()
        special += [f"<0x{byte:02X}>" for byte in range(256)]
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=900, special_tokens=special, initial_alphabet=alphabet, show_progress=False))
    value = json.loads(tokenizer.to_str())
    value["added_tokens"] = value["added_tokens"][:3]
    tokenizer = Tokenizer.from_str(json.dumps(value))
    tokenizer.add_tokens([AddedToken("<|im_start|>", special=True, normalized=False), AddedToken("[A b]", normalized=True),
                          AddedToken("the", single_word=True, normalized=True), AddedToken("<l>", lstrip=True, normalized=False),
                          AddedToken("<r>", rstrip=True, special=True, normalized=False)])
    pathlib.Path(out_path).write_text(tokenizer.to_str(), encoding="utf-8")


def probe_of(char):
    return f"a{char}a1{char}1.{char}. {char} \n{char}{char}'s"


def command_pieces(tokenizer_path, out_path):
    """Planes 4 to 13 hold nothing; of the private planes a few code points stand for all."""
    tokenizer = load(tokenizer_path)
    letters = "ByteLevel" in str(tokenizer.pre_tokenizer)  # one letter stands for one byte
    codes = [*range(0, 0xD800), *range(0xE000, 0x40000), *range(0xE0000, 0xE1000), 0xF0000, 0x10FFFD]
    with open(out_path, "wb") as out:
        for code in codes:
            text = probe_of(chr(code))
            if tokenizer.normalizer is not None:
                text = tokenizer.normalizer.normalize_str(text)
            pieces = tokenizer.pre_tokenizer.pre_tokenize_str(text)
            size = len if letters else lambda piece: len(piece.encode("utf-8"))
            write_record(out, probe_of(chr(code)), [code, *(size(piece) for piece, _ in pieces)])


def command_decode(tokenizer_path, out_path):
    tokenizer = load(tokenizer_path)
    rng = random.Random(5)
    known = sorted(tokenizer.get_vocab(with_added_tokens=True).values())
    with open(out_path, "wb") as out:
        for _ in range(3000):
            ids = [rng.choice(known) for _ in range(rng.randrange(0, 12))]
            write_record(out, tokenizer.decode(ids, skip_special_tokens=False), ids)
        for _ in range(500):
            ids = tokenizer.encode(fuzz_text(rng, []), add_special_tokens=True).ids
            write_record(out, tokenizer.decode(ids, skip_special_tokens=False), ids)


def conversations(rng, count=400):
    def content():
        return "".join(fuzz_text(rng, ["<|im_start|>", "<|im_end|>", "<|endoftext|>"]) for _ in range(rng.randrange(0, 3)))

    for _ in range(count):
        roles = ["system"] if rng.random() < 0.4 else []
        for turn in range(rng.randrange(1, 6)):
            roles.append(("user", "assistant")[turn % 2])
        if rng.random() < 0.1:
            roles.append("tool")
        if rng.random() < 0.1:
            roles.insert(rng.randrange(len(roles) + 1), "system")
        yield [{"role": role, "content": content()} for role in roles], content()
    yield [{"role": "user", "content": ""}], ""
    yield [{"role": "user", "content": "Hi"}], "\n\nleading line feeds merge with the template's own"
    yield [{"role": "user", "content": "Hi"}], " leading space"


def command_chat(folder, out_path):
    from jinja2.exceptions import TemplateError
    from transformers import AutoTokenizer
    tokenizer = AutoTokenizer.from_pretrained(folder)

    def both(messages, generation):
        text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=generation)
        ids = tokenizer.apply_chat_template(messages, tokenize=True, add_generation_prompt=generation, return_dict=False)
        return text, ids

    with open(out_path, "w", encoding="utf-8") as out:
        for messages, response in conversations(random.Random(11)):
            try:
                prompt, prompt_ids = both(messages, True)
                full, full_ids = both([*messages, {"role": "assistant", "content": response}], False)
            except TemplateError:
                continue  # roles that the template does not have, or out of turn
            row = {"messages": messages, "response": response, "prompt": prompt, "prompt_ids": prompt_ids,
                   "full": full, "full_ids": full_ids}
            out.write(json.dumps(row) + "\n")


def command_render(templates_path, out_path):
    from jinja2.exceptions import TemplateError
    from transformers.utils.chat_template_utils import render_jinja_template
    templates = json.loads(pathlib.Path(templates_path).read_text(encoding="utf-8"))
    with open(out_path, "w", encoding="utf-8") as out:
        for number, template in enumerate(templates):
            for messages, _ in conversations(random.Random(number), 57):
                for generation in (False, True):
                    try:
                        rendered, _ = render_jinja_template([messages], chat_template=template, bos_token="<s>",
                                                            eos_token="</s>", add_generation_prompt=generation)
                        text = rendered[0]
                    except (TemplateError, TypeError):
                        text = None
                    row = {"template": number, "messages": messages, "generation": generation, "text": text}
                    out.write(json.dumps(row) + "\n")


def command_form(name, out_path):
    from tokenizers import normalizers
    form = getattr(normalizers, name)()
    with open(out_path, "wb") as out:
        for code in [*range(0, 0xD800), *range(0xE000, 0x40000), *range(0xE0000, 0xE1000)]:
            # Alone; before and after a mark of class 230; after a starter that takes marks.
            text = f"{chr(code)}|a{chr(code)}\u0301\u0323|a\u0301{chr(code)}|\u1100{chr(code)}"
            write_record(out, text + form.normalize_str(text), [code, len(text.encode("utf-8"))])


if __name__ == "__main__":
    globals()["command_" + sys.argv[1]](*sys.argv[2:])
