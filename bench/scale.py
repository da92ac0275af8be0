#!/usr/bin/env python3
"""How training scales over ranks on this machine: `drape train` alone, as one rank of MPI, and as several.

    bench/scale.py                                  full-size SD 2 inpainting, random weights, LoRA, 1 and 2 ranks
    bench/scale.py --model models/mini --resolution 256 --flags= --ranks 1,2     a small model, all of it

Every rank has one thread and batch 1, so that N ranks train N pictures in a step: efficiency is the seconds of a step alone over
those with N ranks. The overhead of MPI is that of one rank under mpirun. Ways take turns; seconds are medians of the steps after
the first. More ranks than cores say nothing.
"""
import argparse
import json
import os
import shlex
import shutil
import statistics

from side_by_side import HERE, heading, make_model, note, run, write_png

PHOTOS = 4


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--drape", default=os.path.join(HERE, "..", "build", "drape"), help="the program (build/drape)")
    p.add_argument("--mpirun", default="mpirun --allow-run-as-root --bind-to none", help="how ranks are started")
    p.add_argument("--work", default=os.path.join(HERE, "..", "build", "bench"), help="where model and photos go (build/bench)")
    p.add_argument("--model", help="pipeline folder (made when not given)")
    p.add_argument("--resolution", type=int, default=512)
    p.add_argument("--ranks", default="1,2", help="numbers of ranks (1,2)")
    p.add_argument("--steps", type=int, default=4, help="of each training (4)")
    p.add_argument("--runs", type=int, default=1, help="rounds (1)")
    p.add_argument("--flags", type=shlex.split, default=["--lora_rank=4"], help="of drape train (--lora_rank=4)")
    a = p.parse_args()
    a.ranks = [int(n) for n in a.ranks.split(",")]
    return a


def prepare(a):
    n = a.resolution
    for name, channels, pixel in (("photos", 3, lambda x, y: (255 * x // n, 255 * y // n, x * y % 256)),
                                  ("masks", 1, lambda x, y: (255 * (n // 4 <= x < 3 * n // 4),))):
        folder = os.path.join(a.work, "scale-" + name)
        os.makedirs(folder, exist_ok=True)
        for i in range(PHOTOS):
            write_png(os.path.join(folder, f"t-shirt ({i + 1}).png"), n, n, channels, pixel)
    a.model = a.model or make_model("scale", a.drape, a.work, "f16")


def step(a, ranks):
    """Seconds of the steps after the first; `ranks` 0: alone, without mpirun."""
    out = os.path.join(a.work, "scale-out")
    shutil.rmtree(out, ignore_errors=True)
    launcher = [*shlex.split(a.mpirun), "-n", str(ranks)] if ranks else []
    run(launcher + [a.drape, "train", f"--pretrained_model_name_or_path={a.model}", "--instance_data_dir=" +
                    os.path.join(a.work, "scale-photos"), "--instance_masks_data_dir=" + os.path.join(a.work, "scale-masks"),
                    f"--output_dir={out}", f"--resolution={a.resolution}", "--train_batch_size=1", "--gradient_checkpointing",
                    "--learning_rate=1e-4", "--lr_scheduler=constant", "--lr_warmup_steps=0", "--seed=0", "--threads=1",
                    f"--max_train_steps={a.steps}", "--checkpointing_steps=1000000", "--quiet", *a.flags])
    with open(os.path.join(out, "logs", "train.jsonl"), encoding="utf-8") as f:
        seconds = [s["seconds"] for s in map(json.loads, f) if "seconds" in s]
    shutil.rmtree(out)
    return seconds[1:]


def main():
    os.environ["OMP_NUM_THREADS"] = "1"
    a = arguments()
    os.makedirs(a.work, exist_ok=True)
    prepare(a)
    ways = [0, *a.ranks]
    got = {n: [] for n in ways}
    for i in range(a.runs):
        for n in ways:
            seconds = step(a, n)
            note(f"round {i + 1}: {f'{n} ranks' if n else 'alone'}: {', '.join(f'{s:.2f}' for s in seconds)} s")
            got[n] += seconds
    print(heading(a.drape, a.model, f"{a.resolution}x{a.resolution}", 1, None)[0])
    print(f"\n| ranks | a step | efficiency |\n| --- | --- | --- |")
    alone = statistics.median(got[0])
    for n in ways:
        t = statistics.median(got[n])
        print(f"| {n or 'alone, without MPI'} | {t:.2f} s | {alone / t:.3f} |")


if __name__ == "__main__":
    main()
