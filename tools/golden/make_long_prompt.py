#!/usr/bin/env python3
"""Prompts of more than 75 tokens as AUTOMATIC1111 reads them (tokenize_line in its modules/sd_hijack_clip.py, version
1.10, without emphasis and embeddings), written out plainly.

    tools/golden/make_long_prompt.py tests/golden      (torch 2.15, diffusers 0.42.1, transformers 5.23)

Writes clip-tokenizer/chunks.json (ids per chunk, and the text that 75 tokens leave out as transformers decodes it) and
nano-cases/runs/long-*.json with .png: diffusers' pictures from the chunks' embeddings, one behind the other.
"""
import json
import os
import re
import sys

import torch
from diffusers import StableDiffusionInpaintPipeline
from PIL import Image
from transformers import CLIPTokenizer

OUT = sys.argv[1]
CHUNK, BACKTRACK = 75, 20
COLOURS = "red, dark green, pale blue and grey, "
LONG = ("a photo of a person in " + COLOURS * 9 + "with a very long sentence that goes on without any comma so that the "
        "chunk has to end in the middle of it because the nearest one is too far away, a bright red silk blouse")
TEXTS = ["", "t-shirt", "word " * 75, "word " * 76, "word " * 150, "word " * 151, LONG, COLOURS * 40,
         "word " * 74 + ", comma at the end, and more", "word " * 75 + ", comma behind the end, and more",
         "word " * 54 + ", " + "more " * 30, "word " * 55 + ", " + "more " * 30, "word " * 56 + ", " + "more " * 30,
         "a BREAK b", "BREAK", "a BREAKFAST, a coffee BREAK.", "one, two BREAK " + "word " * 80 + "BREAK three",
         "supercalifragilisticexpialidocious" * 12, "robe à fleurs, été naïve — 👗 " * 12, "12 " * 60]


def chunks_of(tok, line):
    comma = tok.convert_tokens_to_ids(",</w>")
    chunks, chunk, last_comma = [], [], -1

    def next_chunk():
        nonlocal chunk, last_comma
        chunks.append(chunk)
        chunk, last_comma = [], -1

    for i, part in enumerate(re.split(r"\s*\bBREAK\b\s*", line, flags=re.S)):
        if i > 0:
            next_chunk()
        for token in tok(part, truncation=False, add_special_tokens=False)["input_ids"]:
            if token == comma:
                last_comma = len(chunk)
            elif len(chunk) == CHUNK and last_comma != -1 and len(chunk) - last_comma <= BACKTRACK:
                moved = chunk[last_comma + 1:]
                chunk = chunk[:last_comma + 1]
                next_chunk()
                chunk = moved
            if len(chunk) == CHUNK:
                next_chunk()
            chunk.append(token)
    if chunk or not chunks:
        next_chunk()
    return [framed(tok, c) for c in chunks]


def framed(tok, tokens):
    ids = [tok.bos_token_id] + tokens + [tok.eos_token_id]
    return ids + [tok.pad_token_id] * (CHUNK + 2 - len(ids))


def cut(tok, text):
    ids = tok(text, truncation=False, add_special_tokens=False)["input_ids"]
    return re.sub(r" +([,.!?])", r"\1", tok.decode(ids[CHUNK:]).strip()) if len(ids) > CHUNK else None


def embed(pipe, chunks, n):
    chunks = chunks + [framed(pipe.tokenizer, [])] * (n - len(chunks))
    with torch.no_grad():
        return torch.cat([pipe.text_encoder(torch.tensor([c]))[0] for c in chunks], dim=1)


def run(pipe, name, prompt, negative, **options):
    runs = os.path.join(OUT, "nano-cases", "runs")
    args = {"seed": 5, "height": 32, "width": 32, "strength": 1.0, "num_inference_steps": 4, "guidance_scale": 7.5} | options
    a, b = chunks_of(pipe.tokenizer, prompt), chunks_of(pipe.tokenizer, negative)
    n = max(len(a), len(b))
    names = {"image": "image-32x32.png", "mask": "mask-32x32.png"}
    image, mask = (Image.open(os.path.join(runs, names[k])) for k in ("image", "mask"))
    call = {k: v for k, v in args.items() if k != "seed"}
    picture = pipe(image=image, mask_image=mask, prompt_embeds=embed(pipe, a, n), negative_prompt_embeds=embed(pipe, b, n),
                   generator=torch.Generator().manual_seed(args["seed"]), **call).images[0]
    picture.save(os.path.join(runs, name + ".png"))
    json.dump({"prompt": prompt, "negative_prompt": negative, "long_prompt": True} | args | names | {"scheduler": "PNDMScheduler"},
              open(os.path.join(runs, name + ".json"), "w"), indent=1)


def main():
    dir = os.path.join(OUT, "clip-tokenizer")
    tok = CLIPTokenizer.from_pretrained(dir, pad_token="!")
    cases = [{"text": t, "chunks": chunks_of(tok, t), "cut": cut(tok, t)} for t in TEXTS]
    json.dump(cases, open(os.path.join(dir, "chunks.json"), "w"), ensure_ascii=True)
    pipe = StableDiffusionInpaintPipeline.from_pretrained(os.path.join(OUT, "nano"), safety_checker=None,
                                                          torch_dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    run(pipe, "long-prompt", LONG, "blurry")
    run(pipe, "long-negative", "a red coat BREAK on a hanger", "blurry, " * 60 + "grey")


main()
