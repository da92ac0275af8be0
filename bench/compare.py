#!/usr/bin/env python3
"""drape next to PyTorch, and to stable-diffusion.cpp, on one machine: the same jobs, taking turns, medians of several rounds.

    bench/compare.py                                   full-size SD 2 inpainting, random weights made by drape init
    bench/compare.py --rows unet,tryon --runs 5        some figures only
    bench/compare.py --summary [--sdcpp sd-cli]        one round of the rows that say most, some 25 minutes on two cores
    bench/compare.py --model DIR --size 64x64          another model

What is timed, the same on both sides, f32 arithmetic except where a row says otherwise:
    unet        one guided step: a forward of batch 2, after one that is not counted
    vae-encode  picture to the distribution of its latents; vae-decode: latents to picture
    text        tokenizer and text encoder, two prompts
    tryon       a whole try-on, 4 steps of the folder's sampler (PNDM), from process start to the PNG written and the process gone;
                its peak is the largest resident memory of the process, mapped files included
    balanced, fast    a whole try-on with drape's preset against 50 steps of the other programs. These are not run: a whole try-on
                of 4 steps, and 46 times what one step takes
    memory-q8   the peak of drape tryon --weights q8, 16-bit files, against PyTorch's of f32
    train-full, train-lora    a training step of drape in bf16 (all of the UNet with 8-bit Adam; LoRA of rank 4) and of PyTorch in f32,
                512x512, batch 1, gradient checkpointing, the median of those after the first. PyTorch has plain AdamW where there
                is no bitsandbytes. Like diffusers' script it encodes the photo and the prompt at every step
    first-step  from process start to the first step, 8 photos, LoRA in bf16. PyTorch's is loading the models alone
Every measurement is a process of its own. drape remembers which algorithms are fastest here; one run that is not counted sees to
that before the first round, and the first step of a training.
stable-diffusion.cpp (--sdcpp) gets the same model as a single file of 16 bits, picture, mask, steps and guidance, Euler for PNDM,
which it has not. Its step is its own report of sampling by the number of steps.
"""
import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time

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
    "balanced": ("whole picture, preset balanced; 50 steps", ("preset", "balanced"), ("50 steps", "f32"), "s"),
    "fast": ("whole picture, preset fast; 50 steps", ("preset", "fast"), ("50 steps", "f32"), "s"),
    "memory-q8": ("peak memory, weights in 8 bits; f32", ("tryon-q8", "exact"), ("tryon", "f32"), "GiB"),
    "train-full": ("training step, full UNet, 8-bit Adam, bf16; f32", ("train", "full"), ("train", "full"), "s"),
    "train-lora": ("training step, LoRA rank 4, bf16; f32", ("train", "lora"), ("train", "lora"), "s"),
    "first-step": ("before the first step, 8 photos, bf16", ("first-step", "bf16"), ("first-step", "lora"), "s"),
}
QUICK = "unet,text"
SUMMARY = "unet,unet-auto,balanced,fast,memory-q8,train-full,train-lora,first-step"
# what PyTorch's and stable-diffusion.cpp's 50 steps are made of, and which run else says what a job asks
PARTS = {("50 steps", "f32"): [("tryon", "f32"), ("unet", "f32")], ("first-step", "lora"): [("train", "lora")]}
SDCPP = {"unet": "step", "unet-auto": "step", "tryon": "s", "tryon-auto": "s", "balanced": "50", "fast": "50", "memory": "GiB",
         "memory-f16": "GiB", "memory-q8": "GiB"}
LONG = 50
PHOTOS = 8
TRAINING = {"full": ["--use_8bit_adam"], "lora": ["--lora_rank=4"]}


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
    p.add_argument("--sdcpp", help="stable-diffusion.cpp's program sd-cli, for a third column")
    p.add_argument("--summary", action="store_true", help=f"one round of {SUMMARY}")
    p.add_argument("--rows", help="any of " + ",".join(ROWS))
    p.add_argument("--runs", type=int, default=0, help="rounds (3; of --quick and --summary 1)")
    p.add_argument("--threads", type=int, default=0, help="for both (what drape takes by itself)")
    p.add_argument("--quick", action="store_true", help=f"one round of {QUICK}")
    p.add_argument("--json", help="also write every measurement to this file")
    a = p.parse_args()
    a.width, a.height = (int(n) for n in a.size.split("x"))
    a.rows = (a.rows or (QUICK if a.quick else SUMMARY if a.summary else ",".join(ROWS))).split(",")
    a.runs = a.runs or (1 if a.quick or a.summary else 3)
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
    if any(r.startswith("train") or r == "first-step" for r in a.rows):
        write_photos(a)
    wanted_f16 = a.sdcpp or {"memory-f16", "memory-q8", "train-lora", "train-full", "first-step"} & set(a.rows)
    if wanted_f16 and a.model and not a.model_f16:
        a.model_f16 = a.model
    elif wanted_f16 and not a.model_f16:
        a.model_f16 = make_model("compare", a.drape, a.work, "f16")
    a.model = a.model or make_model("compare", a.drape, a.work, "f32")


def write_photos(a):
    """Photos and masks to train on."""
    w, h = a.width, a.height
    a.photos, a.masks, a.out = (os.path.join(a.work, "compare-" + d) for d in ("photos", "masks", "out"))
    for d in (a.photos, a.masks):
        os.makedirs(d, exist_ok=True)
    for i in range(PHOTOS):
        name = f"t-shirt ({i + 1}).png"
        write_png(os.path.join(a.photos, name), w, h, 3, lambda x, y, i=i: (255 * x // w, 255 * y // h, (x * y >> i) % 256))
        shutil.copy(a.mask, os.path.join(a.masks, name))


def picture_of(a, side, job):
    return os.path.join(a.work, f"{side}-{job[0]}-{job[1]}.png")


def train_command(a, kind, steps, photos):
    """drape train in bf16, on the first `photos` photos."""
    some = os.path.join(a.work, f"compare-some-{photos}")
    for d, name in ((a.photos, "photos"), (a.masks, "masks")):
        os.makedirs(os.path.join(some, name), exist_ok=True)
        for f in sorted(os.listdir(d))[:photos]:
            shutil.copy(os.path.join(d, f), os.path.join(some, name, f))
    shutil.rmtree(a.out, ignore_errors=True)
    return [a.drape, "train", f"--pretrained_model_name_or_path={a.model_f16}", f"--instance_data_dir={some}/photos",
            f"--instance_masks_data_dir={some}/masks", f"--output_dir={a.out}", f"--resolution={a.width}", "--train_batch_size=1",
            "--gradient_checkpointing", "--mixed_precision=bf16", "--learning_rate=2e-6", "--lr_scheduler=constant", "--seed=0",
            f"--max_train_steps={steps}", "--checkpointing_steps=1000000", "--quiet"] + TRAINING[kind] + \
        ([f"--threads={a.threads}"] if a.threads else [])


def logged_steps(a):
    try:
        with open(os.path.join(a.out, "logs", "train.jsonl"), encoding="utf-8") as f:
            return [s["seconds"] for s in map(json.loads, f) if "seconds" in s]
    except (OSError, ValueError):  # not there yet, or a line that is being written
        return []


def drape_training(a, kind):
    try:
        r = run(train_command(a, kind, 4, 1))
        return {"s": statistics.median(logged_steps(a)[1:]), "GiB": r["gib"]}
    finally:
        shutil.rmtree(a.out, ignore_errors=True)


def drape_first_step(a):
    """When the first step is told, less what it took; the run ends there."""
    start = time.perf_counter()
    try:
        with subprocess.Popen(train_command(a, "lora", 1000, PHOTOS), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              text=True) as p:
            while p.poll() is None and not logged_steps(a):
                time.sleep(0.02)
            seconds, steps = time.perf_counter() - start, logged_steps(a)
            p.kill()
            if not steps:
                raise Failed((p.stderr.read().strip().splitlines() or ["no step"])[-1])
        return {"s": seconds - steps[0], "GiB": 0}
    finally:
        shutil.rmtree(a.out, ignore_errors=True)


def drape_job(a, job):
    what, precision = job
    if what == "train":
        return drape_training(a, precision)
    if what == "first-step":
        return drape_first_step(a)
    settings = ["--preset", precision] if what == "preset" else ["--steps", str(a.steps)]
    settings += ["--weights", "q8"] if what == "tryon-q8" else []
    common = (["--precision", precision] if what != "preset" else []) + (["--threads", str(a.threads)] if a.threads else [])
    if what != "preset" and not what.startswith("tryon"):
        report = run([a.drape, "bench", "--model", a.model, "--stages", what, "--size", a.size, "--runs", "1", "--json"] +
                     common)
        return {"s": json.loads(report["out"])["stages"][0]["median_s"], "GiB": report["gib"]}
    r = run([a.drape, "tryon", "--model", a.model_f16 if what in ("tryon-f16", "tryon-q8") else a.model, "--image", a.image, "--mask",
             a.mask, "--prompt", "red t-shirt", *settings, "--seed", "0", "--size", a.size, "--region", "whole", "--paste", "off",
             "--quiet", "-o", picture_of(a, "drape", job)] + common)
    return {"s": r["seconds"], "GiB": r["gib"]}


def torch_job(a, job):
    what, dtype = job
    common = ["--width", str(a.width), "--height", str(a.height), "--threads", str(a.threads)]
    script = [a.python, os.path.join(HERE, "torch_bench.py")]
    if what == "train":
        optimizer = "lora" if dtype == "lora" else "adamw8" if a.torch_train["bitsandbytes"] else "adamw"
        r = run([a.python, os.path.join(HERE, "torch_train.py"), "train", "--optimizer", optimizer, "--model", a.model, "--image",
                 a.image, "--mask", a.mask, "--resolution", str(a.width), "--steps", "2", "--threads", str(a.threads)])
        steps = json.loads(r["out"].splitlines()[-1])["seconds"]
        return {"s": statistics.median(steps[1:]), "GiB": r["gib"], "before": r["seconds"] - sum(steps)}
    if not what.startswith("tryon"):
        r = run(script + [what, "--model", a.model, "--dtype", dtype] + common)
        return {"s": json.loads(r["out"].splitlines()[-1])["seconds"], "GiB": r["gib"]}
    r = run(script + ["tryon", "--model", a.model_f16 if what == "tryon-f16" else a.model, "--image", a.image, "--mask",
                      a.mask, "--out", picture_of(a, "torch", job), "--steps", str(a.steps)] + common)
    return {"s": r["seconds"], "GiB": r["gib"]}


def sdcpp_job(a):
    """A whole try-on; its sampling by the number of steps as "step"."""
    if not os.path.exists(a.single):
        run([a.drape, "convert", "--quiet", "--dtype", "f16", a.model_f16, a.single])
    out = picture_of(a, "sdcpp", ("tryon", "f16"))
    r = run([a.sdcpp, "-M", "img_gen", "-m", a.single, "-p", "red t-shirt", "--init-img", a.image, "--mask", a.mask, "-W",
             str(a.width), "-H", str(a.height), "--steps", str(a.steps), "--cfg-scale", "7.5", "--strength", "1",
             "--sampling-method", "euler", "--seed", "0", "-t", str(a.threads), "-o", out])
    # "sampling completed, taking 40.1s"
    sampling = re.search(r"sampling completed, taking ([\d.]+)s", r["out"])
    step = float(sampling[1]) / a.steps if sampling else None
    return {"s": r["seconds"], "GiB": r["gib"], "step": step, "50": r["seconds"] + (LONG - a.steps) * step if step else None}


def jobs_of(a, torch):
    """The jobs that the rows need, drape's and PyTorch's next to each other."""
    jobs = []
    for row in a.rows:
        theirs = ROWS[row][2]
        wanted = [("drape", ROWS[row][1])] + [("torch", j) for j in PARTS.get(theirs, [theirs]) if torch]
        wanted += [("sdcpp", ("tryon", "f16"))] if a.sdcpp and row in SDCPP else []
        jobs += [j for j in wanted if j not in jobs]
    return jobs


def measure(a, torch):
    """Rounds of all jobs in turn. {(side, job): [measurement, ...]}"""
    jobs = jobs_of(a, torch)
    got = {j: [] for j in jobs}
    for i in range(a.runs + 1):  # round 0 is not counted, and the others have nothing to remember
        for side, job in jobs:
            if got[side, job] is None or (i == 0 and (side != "drape" or job[0] in ("preset", "train", "first-step"))):
                continue
            try:
                m = drape_job(a, job) if side == "drape" else torch_job(a, job) if side == "torch" else sdcpp_job(a)
            except (Failed, OSError, statistics.StatisticsError) as e:
                note(f"compare: {side} {' '.join(job)} failed: {e}")
                got[side, job] = None
                continue
            note(f"{'warm-up' if i == 0 else f'round {i}'}: {side} {' '.join(job)}: {m['s']:.3f} s, {m['GiB']:.2f} GiB")
            if i:
                got[side, job].append(m)
    return got


def median(got, side, job, unit):
    values = [m[unit] for m in got.get((side, job)) or [] if m.get(unit) is not None]
    return statistics.median(values) if values else None


def theirs_of(a, got, row):
    """PyTorch's figure of a row."""
    job, unit = ROWS[row][2:]
    if job[0] == "first-step":
        return median(got, "torch", ("train", "lora"), "before")
    if job[0] != "50 steps":
        return median(got, "torch", job, unit)
    whole, step = (median(got, "torch", j, "s") for j in PARTS[job])
    return whole + (LONG - a.steps) * step if whole and step else None


def cell(value, unit):
    return "-" if value is None else f"{value:.2f} {unit}" if value >= 1 else f"{value:.3f} {unit}"


def table(a, got):
    third = " stable-diffusion.cpp | ratio |" if a.sdcpp else ""
    print(f"| figure | drape | PyTorch | ratio |{third}\n| --- | --- | --- | --- |{' --- | --- |' if a.sdcpp else ''}")
    for row in a.rows:
        title, mine, _, unit = ROWS[row]
        x, others = median(got, "drape", mine, unit), [theirs_of(a, got, row)]
        if a.sdcpp:
            others.append(median(got, "sdcpp", ("tryon", "f16"), SDCPP.get(row)))
        cells = [cell(x, unit)]
        for y in others:
            cells += [cell(y, unit), f"{x / y:.2f}" if x is not None and y else "-"]
        print(f"| {title} | {' | '.join(cells)} |", flush=True)


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
        a.single = os.path.join(a.work, f"compare-{os.path.basename(os.path.normpath(a.model_f16))}.safetensors") if a.sdcpp else None
        torch = have_torch("compare", a.python, "torch_bench.py")
        if torch and any(r.startswith("train") or r == "first-step" for r in a.rows):
            a.torch_train = json.loads(run([a.python, os.path.join(HERE, "torch_train.py"), "versions"])["out"].splitlines()[-1])
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
