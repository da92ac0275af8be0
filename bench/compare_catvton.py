#!/usr/bin/env python3
"""Dressing from a photo of the garment: drape next to diffusers with CatVTON's published rules, on one machine.

    bench/compare_catvton.py                               SD-1.5-sized random weights, 384x512, f32 and f16 files
    bench/compare_catvton.py --size 768x1024 --dtypes f16 --steps 2 --no-torch      drape's memory alone

Whole try-ons of a few guided steps, from process start to process end; a step's time is the difference of two runs of
other length on drape's side and PyTorch's own clock on the other. Peak memory is the process's largest resident size,
mapped files included. Models are made once below --work (4 GB for f32, 2 GB for f16).
"""
import argparse
import array
import json
import os
import random
import statistics
import struct
import sys

from side_by_side import HERE, Failed, have_torch, heading, note, run, write_png

WIDTHS = [320, 320, 640, 640, 1280, 1280, 1280, 1280, 1280, 640, 640, 640, 320, 320, 320, 1280]  # down, up, mid


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--drape", default=os.path.join(HERE, "..", "build", "drape"), help="the program (build/drape)")
    p.add_argument("--python", default=sys.executable, help="Python with torch and diffusers (this one)")
    p.add_argument("--work", default=os.path.join(HERE, "..", "build", "bench"), help="where models go (build/bench)")
    p.add_argument("--size", default="384x512", help="WxH")
    p.add_argument("--steps", type=int, default=3, help="guided steps of the longer run (3); the shorter has 1")
    p.add_argument("--runs", type=int, default=3, help="rounds (3)")
    p.add_argument("--dtypes", default="f32,f16", help="of the model's files")
    p.add_argument("--threads", type=int, default=0, help="for both (what drape takes by itself)")
    p.add_argument("--no-torch", action="store_true", help="drape alone")
    a = p.parse_args()
    a.width, a.height = (int(n) for n in a.size.split("x"))
    return a


def write_attention(path):
    """Random attention weights of the published layout: the same block of values again and again."""
    if os.path.exists(path):
        return
    r = random.Random(0)
    block = array.array("f", (r.gauss(0, 0.03) for _ in range(65536)))
    entries, at = {}, 0
    for i, c in enumerate(WIDTHS):
        for name, shape in (("to_q.weight", [c, c]), ("to_k.weight", [c, c]), ("to_v.weight", [c, c]),
                            ("to_out.0.weight", [c, c]), ("to_out.0.bias", [c])):
            n = 4 * shape[0] * (shape[1] if len(shape) > 1 else 1)
            entries[f"{8 * i}.{name}"] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + n]}
            at += n
    head = json.dumps(entries).encode()
    head += b" " * (-len(head) % 8)
    with open(path + ".tmp", "wb") as f:
        f.write(struct.pack("<Q", len(head)) + head)
        data = block.tobytes()
        while at > 0:
            f.write(data[:at])
            at -= len(data)
    os.rename(path + ".tmp", path)


def prepare(a):
    os.makedirs(a.work, exist_ok=True)
    w, h = a.width, a.height
    path = lambda name: os.path.join(a.work, name)
    a.image, a.mask, a.garment, a.attention = (path(f"catvton-{n}") for n in
                                               ("photo.png", "mask.png", "garment.png", "attention.safetensors"))
    write_png(a.image, w, h, 3, lambda x, y: (255 * x // w, 255 * y // h, (x * y // 64) % 256))
    write_png(a.garment, w, h, 3, lambda x, y: ((x * y // 64) % 256, 255 * x // w, 255 * y // h))
    write_png(a.mask, w, h, 1, lambda x, y: (255 * (w // 4 <= x < 3 * w // 4 and h // 4 <= y < 3 * h // 4),))
    write_attention(a.attention)
    a.models = {}
    for dtype in a.dtypes.split(","):
        a.models[dtype] = path("sd15-inpainting-" + dtype)
        if not os.path.exists(os.path.join(a.models[dtype], "model_index.json")):
            note(f"compare_catvton: making {a.models[dtype]}")
            run([a.drape, "init", "--arch", "sd15-inpainting", "--dtype", dtype, "--quiet", a.models[dtype]])


def drape(a, dtype, steps, precision):
    out = os.path.join(a.work, f"catvton-drape-{dtype}-{precision}.png")
    return run([a.drape, "tryon", "--model", a.models[dtype], "--attention", a.attention, "--image", a.image, "--mask",
                a.mask, "--garment", a.garment, "--fit", "stretch", "--region", "whole", "--paste", "off", "--size", a.size,
                "--steps", str(steps), "--seed", "0", "--precision", precision, "--quiet", "-o", out] +
               (["--threads", str(a.threads)] if a.threads else []))


def torch(a, dtype):
    out = os.path.join(a.work, f"catvton-torch-{dtype}.png")
    r = run([a.python, os.path.join(HERE, "torch_catvton.py"), "tryon", "--model", a.models[dtype], "--attention",
             a.attention, "--image", a.image, "--mask", a.mask, "--garment", a.garment, "--out", out, "--steps",
             str(a.steps), "--width", str(a.width), "--height", str(a.height), "--threads", str(a.threads)])
    return {**r, "step": json.loads(r["out"].splitlines()[-1])["step"]}


def measure(a, with_torch):
    rows = {}
    for i in range(a.runs + 1):  # the first round makes drape remember what is fastest here
        for dtype in a.models:
            for precision in ("exact", "auto"):
                short, long = drape(a, dtype, 1, precision), drape(a, dtype, a.steps, precision)
                step = (long["seconds"] - short["seconds"]) / max(a.steps - 1, 1)
                rows.setdefault((dtype, precision, "drape"), []).append((long["seconds"], step, long["gib"]))
            if with_torch and i:
                r = torch(a, dtype)
                rows.setdefault((dtype, "exact", "torch"), []).append((r["seconds"], r["step"], r["gib"]))
        note(f"compare_catvton: round {i} of {a.runs}")
    return {k: v if k[2] == "torch" else v[1:] for k, v in rows.items()}


def main():
    a = arguments()
    try:
        prepare(a)
        versions = None if a.no_torch else have_torch("compare_catvton", a.python, "torch_catvton.py")
        line, a.threads = heading(a.drape, next(iter(a.models.values())), a.size, a.threads, versions)
        print(f"{line}; {a.size}, {a.steps} steps, median of {a.runs} in turn.\n", flush=True)
        rows = measure(a, versions)
    except (Failed, OSError) as e:
        sys.exit(f"compare_catvton: {e}")
    print("| files, precision | whole | PyTorch | ratio | step | PyTorch | ratio | memory | PyTorch |\n" + "| --- " * 9 + "|")
    for dtype, precision, side in rows:
        if side != "drape":
            continue
        mine = [statistics.median(v) for v in zip(*rows[dtype, precision, side])]
        theirs = rows.get((dtype, "exact", "torch"))
        theirs = [statistics.median(v) for v in zip(*theirs)] if theirs else [None] * 3
        cells = [f"{dtype}, {precision}"]
        for k, unit in ((0, "s"), (1, "s"), (2, "GiB")):
            cells += [f"{mine[k]:.2f} {unit}", f"{theirs[k]:.2f} {unit}" if theirs[k] else "-"]
            if unit == "s":
                cells.append(f"{mine[k] / theirs[k]:.2f}" if theirs[k] else "-")
        print("| " + " | ".join(cells) + " |")
    return 0


sys.exit(main())
