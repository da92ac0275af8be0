#!/usr/bin/env python3
"""drape next to PyTorch on one machine: the same jobs, taking turns, medians of several rounds.

    bench/compare.py                                   full-size SD 2 inpainting, random weights made by drape init
    bench/compare.py --rows unet,tryon --runs 5        some figures only
    bench/compare.py --model DIR --size 64x64          another model

What is timed, the same on both sides, f32 arithmetic except where a row says otherwise:
    unet        one guided step: a forward of batch 2, after one that is not counted
    vae-encode  picture to the distribution of its latents; vae-decode: latents to picture
    text        tokenizer and text encoder, two prompts
    tryon       a whole try-on, 4 steps of the folder's sampler (PNDM), from process start to the PNG written and the process gone;
                its peak is the largest resident memory of the process, mapped files included
Every measurement is a process of its own. drape remembers which convolution algorithms are fastest here; one run that
is not counted sees to that before the first round.
"""
import argparse
import json
import os
import statistics
import sys

from side_by_side import HERE, Failed, have_torch, heading, make_model, note, run, write_png

# row: (title, drape's job, PyTorch's job, unit). A job is (what, precision); rows share jobs.
ROWS = {
    "unet": ("guided UNet step, exact", ("unet", "exact"), ("unet", "f32"), "s"),
    "unet-auto": ("guided UNet step, auto precision", ("unet", "auto"), ("unet", "f32"), "s"),
    "unet-bf16": ("the same, PyTorch in bf16", ("unet", "auto"), ("unet", "bf16"), "s"),
    "vae-encode": ("VAE encode", ("vae-encode", "exact"), ("vae-encode", "f32"), "s"),
    "vae-decode": ("VAE decode", ("vae-decode", "exact"), ("vae-decode", "f32"), "s"),
    "text": ("text encoder, batch 2", ("text", "exact"), ("text", "f32"), "s"),
    "tryon": ("whole try-on, 4 steps", ("tryon", "exact"), ("tryon", "f32"), "s"),
    "tryon-auto": ("whole try-on, 4 steps, auto precision", ("tryon", "auto"), ("tryon", "f32"), "s"),
    "memory": ("its peak memory, f32 weights", ("tryon", "exact"), ("tryon", "f32"), "GiB"),
    "memory-f16": ("its peak memory, f16 weights in the file", ("tryon-f16", "exact"), ("tryon-f16", "f32"), "GiB"),
}
QUICK = "unet,text"


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--drape", default=os.path.join(HERE, "..", "build", "drape"), help="the program (build/drape)")
    p.add_argument("--python", default=sys.executable, help="Python with torch and diffusers (this one)")
    p.add_argument("--work", default=os.path.join(HERE, "..", "build", "bench"),
                   help="where models and pictures go (build/bench; 8 GB for the full size)")
    p.add_argument("--model", help="pipeline folder with f32 weights (made when not given)")
    p.add_argument("--model-f16", help="the same model in f16, for memory-f16 (made when neither is given)")
    p.add_argument("--size", default="512x512", help="WxH")
    p.add_argument("--steps", type=int, default=4, help="of the whole try-on")
    p.add_argument("--rows", help="any of " + ",".join(ROWS))
    p.add_argument("--runs", type=int, default=3, help="rounds (3)")
    p.add_argument("--threads", type=int, default=0, help="for both (what drape takes by itself)")
    p.add_argument("--quick", action="store_true", help=f"one round of {QUICK}")
    p.add_argument("--json", help="also write every measurement to this file")
    a = p.parse_args()
    a.width, a.height = (int(n) for n in a.size.split("x"))
    a.rows = (a.rows or (QUICK if a.quick else ",".join(ROWS))).split(",")
    a.runs = 1 if a.quick else a.runs
    unknown = [r for r in a.rows if r not in ROWS]
    if unknown:
        p.error(f"no row '{unknown[0]}'; there are {', '.join(ROWS)}")
    return a


def prepare(a):
    """Pictures and, unless given, models."""
    os.makedirs(a.work, exist_ok=True)
    w, h = a.width, a.height
    a.image, a.mask = os.path.join(a.work, "photo.png"), os.path.join(a.work, "mask.png")
    write_png(a.image, w, h, 3, lambda x, y: (255 * x // w, 255 * y // h, (x * y // 64) % 256))
    write_png(a.mask, w, h, 1, lambda x, y: (255 * (w // 4 <= x < 3 * w // 4 and h // 4 <= y < 3 * h // 4),))
    wanted_f16 = "memory-f16" in a.rows
    if wanted_f16 and a.model and not a.model_f16:
        note("compare: no --model-f16: memory-f16 is left out")
        a.rows.remove("memory-f16")
    elif wanted_f16 and not a.model_f16:
        a.model_f16 = make_model("compare", a.drape, a.work, "f16")
    a.model = a.model or make_model("compare", a.drape, a.work, "f32")


def picture_of(a, side, job):
    return os.path.join(a.work, f"{side}-{job[0]}-{job[1]}.png")


def drape_job(a, job):
    what, precision = job
    common = ["--precision", precision] + (["--threads", str(a.threads)] if a.threads else [])
    if not what.startswith("tryon"):
        report = run([a.drape, "bench", "--model", a.model, "--stages", what, "--size", a.size, "--runs", "1", "--json"] +
                     common)
        return {"s": json.loads(report["out"])["stages"][0]["median_s"], "GiB": report["gib"]}
    r = run([a.drape, "tryon", "--model", a.model_f16 if what == "tryon-f16" else a.model, "--image", a.image, "--mask",
             a.mask, "--prompt", "red t-shirt", "--steps", str(a.steps), "--seed", "0", "--size",
             a.size, "--region", "whole", "--paste", "off", "--quiet", "-o", picture_of(a, "drape", job)] + common)
    return {"s": r["seconds"], "GiB": r["gib"]}


def torch_job(a, job):
    what, dtype = job
    common = ["--width", str(a.width), "--height", str(a.height), "--threads", str(a.threads)]
    script = [a.python, os.path.join(HERE, "torch_bench.py")]
    if not what.startswith("tryon"):
        r = run(script + [what, "--model", a.model, "--dtype", dtype] + common)
        return {"s": json.loads(r["out"].splitlines()[-1])["seconds"], "GiB": r["gib"]}
    r = run(script + ["tryon", "--model", a.model_f16 if what == "tryon-f16" else a.model, "--image", a.image, "--mask",
                      a.mask, "--out", picture_of(a, "torch", job), "--steps", str(a.steps)] + common)
    return {"s": r["seconds"], "GiB": r["gib"]}


def measure(a, torch):
    """Rounds of all jobs that the rows need, drape and PyTorch in turn. {(side, job): [measurement, ...]}"""
    jobs = []
    for row in a.rows:
        for side, job in (("drape", ROWS[row][1]), ("torch", ROWS[row][2])):
            if (side, job) not in jobs and (side == "drape" or torch):
                jobs.append((side, job))
    got = {j: [] for j in jobs}
    for i in range(a.runs + 1):  # round 0 is not counted, and PyTorch has nothing to remember
        for side, job in jobs:
            if got[side, job] is None or (i == 0 and side == "torch"):
                continue
            try:
                m = (drape_job if side == "drape" else torch_job)(a, job)
            except Failed as e:
                note(f"compare: {side} {' '.join(job)} failed: {e}")
                got[side, job] = None
                continue
            note(f"{'warm-up' if i == 0 else f'round {i}'}: {side} {' '.join(job)}: {m['s']:.3f} s, {m['GiB']:.2f} GiB")
            if i:
                got[side, job].append(m)
    return got


def median(got, side, job, unit):
    values = [m[unit] for m in got.get((side, job)) or []]
    return statistics.median(values) if values else None


def table(a, got):
    print("| figure | drape | PyTorch | ratio |\n| --- | --- | --- | --- |")
    for row in a.rows:
        title, mine, theirs, unit = ROWS[row]
        x, y = median(got, "drape", mine, unit), median(got, "torch", theirs, unit)
        cells = [f"{v:.2f} {unit}" if v is not None and v >= 1 else f"{v:.3f} {unit}" if v is not None else "-"
                 for v in (x, y)]
        print(f"| {title} | {cells[0]} | {cells[1]} | {f'{x / y:.2f}' if x is not None and y else '-'} |")


def compare_pictures(a, got, torch):
    """Says how near the pictures of the whole try-ons came: the sides must have done the same work."""
    if not torch:
        return
    exact = ("drape", ("tryon", "exact"))
    pairs = [(exact, ("torch", ("tryon", "f32")), "drape's picture and PyTorch's"),
             (("drape", ("tryon", "auto")), exact, "drape's picture with auto precision and the exact one"),
             (("drape", ("tryon-f16", "exact")), ("torch", ("tryon-f16", "f32")), "the same from f16 weights")]
    for x, y, title in pairs:
        if not got.get(x) or not got.get(y):
            continue
        r = run([a.python, os.path.join(HERE, "torch_bench.py"), "difference", picture_of(a, *x), picture_of(a, *y)])
        d = json.loads(r["out"])
        psnr = f"{d['psnr']:.1f} dB" if d["psnr"] is not None else "none at all"
        print(f"\n{title[0].upper() + title[1:]}: largest difference {d['largest']:.0f} of 255, PSNR {psnr}.")


def main():
    a = arguments()
    try:
        prepare(a)
        torch = have_torch("compare", a.python, "torch_bench.py")
        line, a.threads = heading(a.drape, a.model, a.size, a.threads, torch)
        print(f"{line}; {a.width}x{a.height}, median of {a.runs} in turn.\n")
        sys.stdout.flush()
        got = measure(a, torch)
        table(a, got)
        compare_pictures(a, got, torch)
    except (Failed, OSError) as e:
        sys.exit(f"compare: {e}")
    if a.json:
        with open(a.json, "w", encoding="utf-8") as f:
            json.dump([{"side": side, "job": job, "measurements": m} for (side, job), m in got.items()], f, indent=1)
    return 1 if any(m is None for m in got.values()) else 0


sys.exit(main())
