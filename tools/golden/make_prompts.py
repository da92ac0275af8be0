#!/usr/bin/env python3
"""Prompts with weights as AUTOMATIC1111 1.10 reads them, and learned words as diffusers' load_textual_inversion does.

    make_prompts.py tests/golden      (torch 2.15, diffusers 0.42.1, transformers 5.23)

Written to OUT/prompts:

  weights.json       texts, the pieces of each with their weights (parse_prompt_attention in modules/prompt_parser.py),
                     the chunks' ids and weights (tokenize_line in modules/sd_hijack_clip.py)
  weights.safetensors  "N": what the nano pipeline's text encoder makes of the Nth, [chunks*77,C], weighted (emphasis
                     "Original" in modules/sd_emphasis.py); "N-skip1" for some, with its last layer left out
  *.safetensors, *.pt, *.bin  embedding files in the forms in which they are published
  words.json, words.safetensors  prompts with their words, and diffusers' hidden states
"""
import json
import os
import re
import sys

import torch
from diffusers import StableDiffusionInpaintPipeline
from safetensors.torch import save_file

OUT = os.path.join(sys.argv[1], "prompts")
CHUNK, BACKTRACK = 75, 20
TEXTS = [
    "a red coat", "a (red) coat", "a (red:1.3) coat", "a [red] coat", "((red)) [[coat]]", "(a (red:1.5) coat:0.8)",
    r"a \(red\) coat", r"\\(red) \[coat\] \x", "a (red coat", "[a red coat", "a red) coat]", "a (red:1.2.3) coat",
    "a red:1.3) coat", "(red: 1.4 ) coat", "(red:-0.5) coat", "(red:+.5) coat", "(red:2.) (coat:0)", "(:1.2) coat", "()",
    "", "(a)(b)", "(a:1.1)(b)", "(a [b:1.5] c)", "(red, green:1.2), (blue:1.2)", "a (b BREAK c:1.5) d",
    "(a:1.2) BREAK [b] BREAK", "BREAK BREAK", "(x:0.9)BREAK(y:1.1)", "(word:1.3) " * 40,
    "(one two three four five six seven, :1.2) " * 9, "[b:c:0.5] and [x|y]", "(a\n:1.5)", "été (naïf:1.25) 👗",
    "(red:1e3)", "(((((deep)))))" + "]" * 3,
]


def pieces(text):
    """[text, weight] of each piece, in the order of the text; neighbours of one weight are joined."""
    out, round_open, square_open = [], [], []

    def weigh(start, by):
        for piece in out[start:]:
            piece[1] *= by

    token = re.compile(r"\\[()\[\]\\]|\\|[(\[)\]]|:\s*(?P<weight>[+-]?[.\d]+)\s*\)|[^\\()\[\]:]+|:")
    at = 0
    while at < len(text):
        m = token.match(text, at)
        at, s, weight = m.end(), m.group(), m.group("weight")
        if weight is not None:
            try:
                float(weight)
            except ValueError:  # AUTOMATIC1111 stops here; drape reads the colon as text, and so on from there
                at, s, weight = m.start() + 1, ":", None
        if s[0] == "\\":
            out.append([s[1:], 1.0])
        elif s == "(":
            round_open.append(len(out))
        elif s == "[":
            square_open.append(len(out))
        elif weight is not None and round_open:
            weigh(round_open.pop(), float(weight))
        elif s == ")" and round_open:
            weigh(round_open.pop(), 1.1)
        elif s == "]" and square_open:
            weigh(square_open.pop(), 1 / 1.1)
        else:
            for i, part in enumerate(re.split(r"\s*\bBREAK\b\s*", s)):
                out += [["BREAK", -1]] * (i > 0) + [[part, 1.0]]
    for start in round_open:
        weigh(start, 1.1)
    for start in square_open:
        weigh(start, 1 / 1.1)
    joined = []
    for s, weight in [list(p) for p in out] or [["", 1.0]]:
        if joined and joined[-1][1] == weight:
            joined[-1][0] += s
        else:
            joined.append([s, weight])
    return joined


def chunks_of(tok, text):
    comma = tok.convert_tokens_to_ids(",</w>")
    chunks, chunk, last_comma = [], [], -1  # of (token, weight)

    def close(n):
        nonlocal chunk, last_comma
        chunks.append(chunk[:n])
        chunk, last_comma = chunk[n:], -1

    for s, weight in pieces(text):
        if s == "BREAK" and weight == -1:
            close(len(chunk))
            continue
        for token in tok(s, truncation=False, add_special_tokens=False)["input_ids"]:
            if token == comma:
                last_comma = len(chunk)
            elif len(chunk) == CHUNK and last_comma != -1 and len(chunk) - last_comma <= BACKTRACK:
                close(last_comma + 1)
            if len(chunk) == CHUNK:
                close(CHUNK)
            chunk.append((token, weight))
    if chunk or not chunks:
        close(len(chunk))
    pad = lambda x, start, end, rest: [start] + x + [end] + [rest] * (CHUNK - len(x))  # noqa: E731
    return [(pad([t for t, _ in c], tok.bos_token_id, tok.eos_token_id, tok.pad_token_id),
             pad([float(w) for _, w in c], 1.0, 1.0, 1.0)) for c in chunks]


def states(pipe, ids, skip=0):
    model = getattr(pipe.text_encoder, "text_model", pipe.text_encoder)
    with torch.no_grad():
        out = pipe.text_encoder(torch.tensor([ids]), output_hidden_states=True)
        return model.final_layer_norm(out.hidden_states[-1 - skip])


def emphasized(pipe, chunks, skip):
    done = []
    for ids, weights in chunks:
        z = states(pipe, ids, skip)
        before = z.mean()
        z = z * torch.tensor(weights).reshape(1, -1, 1)
        done.append(z * (before / z.mean()))
    return torch.cat(done, dim=1)[0].contiguous()


def weights(pipe):
    cases, tensors = [], {}
    for i, text in enumerate(TEXTS):
        chunks = chunks_of(pipe.tokenizer, text)
        cases.append({"text": text, "pieces": pieces(text), "ids": [c[0] for c in chunks], "weights": [c[1] for c in chunks]})
        if len(chunks) <= 4:
            tensors[str(i)] = emphasized(pipe, chunks, 0)
            if i % 8 == 2:
                tensors[f"{i}-skip1"] = emphasized(pipe, chunks, 1)
    with open(f"{OUT}/weights.json", "w") as f:
        json.dump({"cases": cases}, f, separators=(",", ":"))
    save_file(tensors, f"{OUT}/weights.safetensors")


def words(pipe):
    g, C = torch.Generator().manual_seed(1), pipe.text_encoder.config.hidden_size
    rand = lambda *s: torch.randn(s, generator=g) * 0.02  # noqa: E731
    toy, two, three, params = rand(C), rand(2, C), rand(3, C), rand(2, C)
    meta = {"string_to_token": {"*": torch.tensor(265)}, "name": "old-coat", "step": 500, "sd_checkpoint": None,
            "sd_checkpoint_name": None}
    save_file({"<toy>": toy}, f"{OUT}/learned_embeds.safetensors")
    torch.save({"<two-coats>": two.half()}, f"{OUT}/two.bin")
    torch.save({"string_to_param": {"*": three}} | meta, f"{OUT}/old-coat.pt")
    torch.save({"string_to_param": torch.nn.ParameterDict({"*": torch.nn.Parameter(three)})} | meta,
               f"{OUT}/parameters.pt")
    torch.save({"string_to_param": {"*": three}} | meta, f"{OUT}/legacy.pt", _use_new_zipfile_serialization=False)
    save_file({"emb_params": params.bfloat16()}, f"{OUT}/my_coat.safetensors")
    pipe.load_textual_inversion({"<toy>": toy})
    pipe.load_textual_inversion({"<two-coats>": two.half().float()})
    pipe.load_textual_inversion({"string_to_param": {"*": three}} | meta)
    pipe.load_textual_inversion({"my_coat": params.bfloat16().float()})
    cases, tensors = [], {}
    for i, text in enumerate(["a person in <toy>", "<two-coats> and <toy>, old-coat", "a my_coat, red", "<TOY> old-coat!",
                              "a person", "x<toy>y", "word " * 74 + "<two-coats> more", "word " * 75 + "<toy>"]):
        ids = pipe.tokenizer(pipe.maybe_convert_prompt(text, pipe.tokenizer), padding="max_length", max_length=77,
                             truncation=True)["input_ids"]
        print(text[:50], [t for t in ids if t >= 49408])
        cases.append({"text": text, "ids": ids})
        tensors[str(i)] = states(pipe, ids)[0].contiguous()
    with open(f"{OUT}/words.json", "w") as f:
        json.dump({"cases": cases}, f, separators=(",", ":"))
    save_file(tensors, f"{OUT}/words.safetensors")


def main():
    os.makedirs(OUT, exist_ok=True)
    pipe = StableDiffusionInpaintPipeline.from_pretrained(os.path.join(sys.argv[1], "nano"), safety_checker=None,
                                                          requires_safety_checker=False)
    pipe.to(dtype=torch.float32)
    weights(pipe)
    words(pipe)


main()
