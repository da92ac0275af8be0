#!/usr/bin/env python3
"""Writes the ids that transformers' CLIPTokenizer gives to a list of texts.

    make_tokens.py TOKENIZER_DIR OUT.json

    tools/golden/make_tokens.py tests/golden/clip-tokenizer tests/golden/clip-tokenizer/tokens.json

TOKENIZER_DIR has vocab.json and merges.txt; OUT.json has one table per way that the special tokens are told in
published folders. "ids" ends with the first end token behind the text, "count" is the length before truncation.
"""
import json
import os
import random
import shutil
import sys
import tempfile

import transformers

START, END = "<|startoftext|>", "<|endoftext|>"

TEXTS = [
    "t-shirt", "a photo of a person wearing a red wool sweater, studio light", "Jeans & JACKET!!  100%  cotton",
    "été naïve — robe à fleurs 👗", "", " ", "don't they've we'll I'm 12345 3.14 ___ #hash", "long " * 100,
    "<|startoftext|>odd<|endoftext|> prompt", "人物 着物を着た人", "a\tb\nc  d", "!", "wow!!!", "a ! b!c",
    "<|STARTOFTEXT|>!!? <|EndOfText|>", "x<|endoftext|><|endoftext|>y", "<|endoftext", "|endoftext|>",
    "'s 'S ''s 'sst 'LL'd O'D rock'n'roll '", "İstanbul ÍIıi ΟΔΟΣ Straße ǅ ẞ Ⅷ Ⓐ", "e\u0301 E\u0301 \u00e9 \u0065\u0323\u0307",
    "a\u0316\u0301\u0334b \u0301alone", "a\u0305\u0301 e\u0327\u0301\u0302 \u1e69\u0323", "\u212b \u2126 \u1fef \u037e \u2000\u2001", "\u1112\u1161\u11ab\u1100\u1161 한국어",
    "हिन्दी भाषा العربية עברית ไทย", "👩\u200d🦰🏳\ufe0f\u200d🌈🇩🇪", "a\u00a0b\u2003c\u3000d\u0085e\u2028f\u200bg\ufeffh",
    "\x01\x02\x1c\x1d\x1f\x7f", "½ ² ٣ ௧ 一 12 1a2b", "\u24b6\u24d0 \U00010400 \U0001d400", "\U000e0001\U000f0000\U0010ffff",
    "supercalifragilisticexpialidocious" * 5, "a" * 500, "ab" * 300, "!" * 200, "12 " * 60, "the red <My Garment> sks asks",
    "<my garment>sks été Été3 étés", "\ufb01 ﬃ ſ K",
]


def token(content, **more):
    return {"content": content, "lstrip": False, "normalized": True, "rstrip": False, "single_word": False} | more


def typed(content):
    return token(content, __type="AddedToken")


CONFIG = {"model_max_length": 77, "tokenizer_class": "CLIPTokenizer"}
PLAIN = CONFIG | {"bos_token": START, "eos_token": END, "unk_token": END}
TYPED = CONFIG | {"bos_token": typed(START), "eos_token": typed(END), "unk_token": typed(END), "pad_token": END}
MAP = {"bos_token": token(START), "eos_token": token(END), "unk_token": token(END)}
DECODER = {"0": token("!", normalized=False, special=True), "49406": token(START, special=True),
           "49407": token(END, special=True), "49408": token("<My Garment>", special=False),
           "49409": token("sks", normalized=False, special=False, single_word=True),
           "49410": token("été", special=False, single_word=True)}

FOLDERS = {
    "no settings": {},
    "pads with !": {"config": PLAIN | {"pad_token": "!"}},
    "Stable Diffusion 1": {"config": TYPED, "special": MAP | {"pad_token": END}},
    "Stable Diffusion 2": {"config": TYPED, "special": MAP | {"pad_token": "!"}},
    "added_tokens_decoder": {"config": PLAIN | {"added_tokens_decoder": DECODER, "pad_token": "!"}},
    "added_tokens.json": {"config": PLAIN, "special": MAP, "added": {"<My Garment>": 49408, "sks": 49409}},
    "more special tokens": {"config": PLAIN | {"additional_special_tokens": ["the", typed("red")]}},
}
NAMES = {"config": "tokenizer_config.json", "special": "special_tokens_map.json", "added": "added_tokens.json"}


def tells_apart(text):
    """Whether the folders may differ in it."""
    return any(part in text.lower() for part in ("<", "!", "sks", "été", "red"))


def random_texts(n):
    """Texts of any code points, mostly from the first planes, with a fixed seed."""
    r = random.Random(0)
    tops = [0x80, 0x250, 0x3100, 0x10000, 0x20000]
    for _ in range(n):
        code = [r.randrange(1, r.choice(tops)) for _ in range(r.randrange(1, 24))]
        yield "".join(chr(c) for c in code if not 0xD800 <= c < 0xE000)


def main():
    source, out = sys.argv[1:]
    tables = []
    for name, files in FOLDERS.items():
        with tempfile.TemporaryDirectory() as folder:
            for f in ("vocab.json", "merges.txt"):
                shutil.copy(os.path.join(source, f), folder)
            for key, value in files.items():
                with open(os.path.join(folder, NAMES[key]), "w") as f:
                    json.dump(value, f)
            tok = transformers.CLIPTokenizer.from_pretrained(folder)
        texts = TEXTS + list(random_texts(60)) if name == "pads with !" else [t for t in TEXTS if tells_apart(t)]
        cases = []
        for text in texts:
            full = tok(text, verbose=False).input_ids
            ids = full if len(full) <= 77 else full[:76] + full[-1:]
            assert tok(text, truncation=True, max_length=77).input_ids == ids
            cases.append({"text": text, "ids": ids, "count": len(full) - 2})
        tables.append({"name": name, "files": files, "pad": tok.pad_token_id, "size": len(tok), "cases": cases})
    made = f"make_tokens.py with transformers {transformers.__version__}"
    with open(out, "w") as f:
        head = json.dumps({"made": made})[:-1]
        f.write(head + ', "tables": [\n')
        for i, t in enumerate(tables):
            cases = t.pop("cases")
            f.write((",\n" if i else "") + json.dumps(t)[:-1] + ', "cases": [\n')
            f.write(",\n".join(json.dumps(c, ensure_ascii=True) for c in cases) + "\n]}")
        f.write("\n]}\n")


if __name__ == "__main__":
    main()
