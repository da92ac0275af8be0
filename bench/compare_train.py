#!/usr/bin/env python3
"""drape train next to PyTorch on one machine: the same training steps, taking turns.

    bench/compare_train.py                             full-size SD 2 inpainting, random weights made by drape init
    bench/compare_train.py --rows lora --runs 2        one figure, two rounds
    bench/compare_train.py --quick --model DIR --resolution 64    any small model, to see that all works

512x512, batch 1, gradient checkpointing, f32, clipping to norm 1. Seconds are those of a step, median of the steps
after the first; memory is the largest resident memory of the process, mapped files included, from start to end: for
drape that is with the saving of the result. PyTorch's side does what diffusers' DreamBooth inpainting script does in a
step; like the script it encodes photo and masked photo, and the prompt, at every step. drape does so once, before the
first step; those seconds are part of the whole run, which is told on standard error.
"""
import argparse
import json
import os
import shlex
import shutil
import statistics
import sys

from side_by_side import HERE, Failed, have_torch, heading, make_model, note, run, write_png

# row: (title, drape's flags, PyTorch's optimizer, GiB that PyTorch and drape need at full size)
ROWS = {
    "adamw": ("full UNet, AdamW", [], "adamw", 16, 14.5),
    "adamw8": ("full UNet, 8-bit AdamW", ["--use_8bit_adam"], "adamw8", 12, 10),
    "command": ("full UNet and text encoder, 8-bit AdamW", ["--train_text_encoder", "--use_8bit_adam"], None, 0, 14),
    "lora": ("LoRA rank 4", ["--lora_rank=4"], "lora", 7, 5),
}
NEEDS = {"adamw8": "bitsandbytes", "lora": "peft"}
FULL_UNET = 866e6 * 4  # bytes in f32; what a smaller one needs is less in proportion
FULL_FOLDER = 5.3e9
PHOTOS = 3


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--drape", default=os.path.join(HERE, "..", "build", "drape"), help="the program (build/drape)")
    p.add_argument("--python", default=sys.executable,
                   help="Python with torch, diffusers and peft, for adamw8 also bitsandbytes (this one)")
    p.add_argument("--work", default=os.path.join(HERE, "..", "build", "bench"),
                   help="where model, photos and results go (build/bench; 11 GB for the full size, 5 of them kept)")
    p.add_argument("--model", help="pipeline folder with f32 weights (made when not given)")
    p.add_argument("--resolution", type=int, default=512)
    p.add_argument("--rows", help="any of " + ",".join(ROWS))
    p.add_argument("--steps", type=int, default=3, help="of drape (3)")
    p.add_argument("--torch-steps", type=int, default=2, help="of PyTorch (2)")
    p.add_argument("--runs", type=int, default=1, help="rounds (1)")
    p.add_argument("--threads", type=int, default=0, help="for both (what drape takes by itself)")
    p.add_argument("--flags", type=shlex.split, default=[], help="more flags for drape train, in one argument")
    p.add_argument("--quick", action="store_true", help="one round of two steps, with a small --model")
    p.add_argument("--json", help="also write every measurement to this file")
    a = p.parse_args()
    a.rows = (a.rows or ",".join(ROWS)).split(",")
    unknown = [r for r in a.rows if r not in ROWS]
    if unknown:
        p.error(f"no row '{unknown[0]}'; there are {', '.join(ROWS)}")
    if a.quick:
        a.steps, a.torch_steps, a.runs = 2, 2, 1
        if not a.model:
            p.error("--quick needs a small --model: the full size is not quick")
    if min(a.steps, a.torch_steps) < 2 or a.runs < 1:
        p.error("two steps are the least: the first is not counted")
    return a


def bytes_in(folder):
    return sum(os.path.getsize(os.path.join(d, f)) for d, _, files in os.walk(folder) for f in files)


def check_disk(a, wanted, what):
    free = shutil.disk_usage(a.work).free
    if free < wanted:
        raise Failed(f"'{a.work}' has {free / 1e9:.1f} GB free, {what} takes {wanted / 1e9:.1f}; choose another --work")


def available_gib():
    with open("/proc/meminfo", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("MemAvailable")) / 2 ** 20


def prepare(a):
    """Photos, masks and, unless given, a model."""
    a.photos, a.masks, a.out = (os.path.join(a.work, "train-" + d) for d in ("photos", "masks", "out"))
    for d in (a.photos, a.masks):
        os.makedirs(d, exist_ok=True)
    n = a.resolution
    for i in range(PHOTOS):
        name = f"t-shirt ({i + 1}).png"
        write_png(os.path.join(a.photos, name), n, n, 3, lambda x, y, i=i: (255 * x // n, 255 * y // n, (x * y >> i) % 256))
        write_png(os.path.join(a.masks, name), n, n, 1,
                  lambda x, y: (255 * (n // 4 <= x < 3 * n // 4 and n // 4 <= y < 3 * n // 4),))
    a.first = name
    if not a.model:
        if not os.path.isdir(os.path.join(a.work, "sd2-inpainting-f32")):
            check_disk(a, FULL_FOLDER, "a model")
        a.model = make_model("compare_train", a.drape, a.work, "f32")
    if a.rows != ["lora"]:
        check_disk(a, 1.1 * bytes_in(a.model), "a result")


def unet_bytes(a):
    return bytes_in(os.path.join(a.model, "unet"))


def warn_of_memory(a, row, side):
    """Nobody is stopped: the figures are for full size, and an estimate."""
    need = ROWS[row][3 if side == "torch" else 4] * unet_bytes(a) / FULL_UNET
    free = available_gib()
    if need > free:
        note(f"compare_train: {side} {row} needs about {need:.1f} GiB, {free:.1f} are free: it may be killed")


def drape_steps(a, row):
    shutil.rmtree(a.out, ignore_errors=True)
    try:
        r = run([a.drape, "train", f"--pretrained_model_name_or_path={a.model}", f"--instance_data_dir={a.photos}",
                 f"--instance_masks_data_dir={a.masks}", f"--output_dir={a.out}", f"--resolution={a.resolution}",
                 "--train_batch_size=1", "--gradient_accumulation_steps=1", "--gradient_checkpointing",
                 "--learning_rate=2e-6", "--lr_scheduler=constant", "--lr_warmup_steps=0", "--seed=0",
                 f"--max_train_steps={a.steps}", "--checkpointing_steps=1000000", "--quiet"] +
                ([f"--threads={a.threads}"] if a.threads else []) + ROWS[row][1] + a.flags)
        with open(os.path.join(a.out, "logs", "train.jsonl"), encoding="utf-8") as f:
            steps = [s for s in map(json.loads, f) if "seconds" in s]
    finally:
        shutil.rmtree(a.out, ignore_errors=True)
    return {"steps": [s["seconds"] for s in steps], "loss": [s["loss"] for s in steps], "whole": r["seconds"],
            "gib": r["gib"]}


def torch_steps(a, row):
    r = run([a.python, os.path.join(HERE, "torch_train.py"), "train", "--optimizer", ROWS[row][2], "--model", a.model,
             "--image", os.path.join(a.photos, a.first), "--mask", os.path.join(a.masks, a.first), "--resolution",
             str(a.resolution), "--steps", str(a.torch_steps), "--threads", str(a.threads)])
    d = json.loads(r["out"].splitlines()[-1])
    return {"steps": d["seconds"], "loss": d["loss"], "whole": r["seconds"], "gib": r["gib"]}


def torch_can(row, torch):
    if not torch or not ROWS[row][2]:
        return False
    library = NEEDS.get(row)
    if library and not torch[library]:
        note(f"compare_train: {row} needs {library}, which this Python has not; PyTorch's side is left out")
        return False
    return True


def measure(a, torch):
    """Rounds of all rows, PyTorch and drape in turn. {(side, row): [measurement, ...], None where it failed}"""
    jobs = [(side, row) for row in a.rows for side in ("torch", "drape") if side == "drape" or torch_can(row, torch)]
    got = {j: [] for j in jobs}
    for i in range(a.runs):
        for side, row in jobs:
            if got[side, row] is None:
                continue
            warn_of_memory(a, row, side)
            try:
                m = (drape_steps if side == "drape" else torch_steps)(a, row)
            except Failed as e:
                note(f"compare_train: {side} {row} failed: {e}")
                got[side, row] = None
                continue
            steps = ", ".join(f"{s:.2f}" for s in m["steps"])
            losses = ", ".join(f"{v:.3f}" for v in m["loss"])
            note(f"round {i + 1}: {side} {row}: steps {steps} s, loss {losses}, {m['gib']:.2f} GiB, "
                 f"whole run {m['whole']:.1f} s")
            got[side, row].append(m)
    return got


def figures(got, side, row):
    """Median seconds of the steps after the first of each round, and the largest peak in GiB."""
    runs = got.get((side, row))
    if not runs:
        return None, None
    return statistics.median(s for m in runs for s in m["steps"][1:]), max(m["gib"] for m in runs)


def table(a, got):
    print("| figure, per step after the first | PyTorch | drape | ratio of times | of memory |\n| --- | --- | --- | --- | --- |")
    for row in a.rows:
        theirs, mine = figures(got, "torch", row), figures(got, "drape", row)
        cells = ["-" if f[0] is None else f"{f[0]:.2f} s, {f[1]:.2f} GiB" for f in (theirs, mine)]
        ratios = [f"{m / t:.2f}" if m is not None and t else "-" for m, t in zip(mine, theirs)]
        print(f"| {ROWS[row][0]} | {' | '.join(cells + ratios)} |")


def main():
    a = arguments()
    try:
        prepare(a)
        torch = have_torch("compare_train", a.python, "torch_train.py")
        line, a.threads = heading(a.drape, a.model, f"{a.resolution}x{a.resolution}", a.threads, torch)
        libraries = [f"{n} {torch[n]}" for n in ("peft", "bitsandbytes") if torch and torch[n]]
        print(", ".join([line] + libraries) + f"; {a.resolution}x{a.resolution}, batch 1, gradient checkpointing, f32, "
              f"{a.steps} steps of drape and {a.torch_steps} of PyTorch in turn" +
              (f"; drape train {shlex.join(a.flags)}" if a.flags else "") + ".\n", flush=True)
        got = measure(a, torch)
    except (Failed, OSError) as e:
        sys.exit(f"compare_train: {e}")
    table(a, got)
    if a.json:
        with open(a.json, "w", encoding="utf-8") as f:
            json.dump([{"side": side, "row": row, "measurements": m} for (side, row), m in got.items()], f, indent=1)
    return 1 if any(m is None for m in got.values()) else 0


sys.exit(main())
