#!/usr/bin/env python3
"""How training scales over ranks on this machine: `drape train` alone, as one rank of MPI, and as several.

    bench/scale.py                                  full-size SD 2 inpainting, random weights, LoRA, 1 and 2 ranks
    bench/scale.py --ranks 1,2,4                    more ranks than cores: they take turns
    bench/scale.py --model models/mini --resolution 256 --flags= --ranks 1,2     a small model, all of it
    bench/scale.py --model models/mini --resolution 128 --flags= --ranks 1 --steps 60 --runs 20     what MPI costs one rank

Every rank has one thread, pinned to a core, and batch 1, so that N ranks train N pictures in a step. Efficiency is the pictures a
second and core over those of a step alone: with N ranks on N cores the seconds of a step alone over those with N ranks, with more
ranks than cores times ranks by cores. Ways take turns, in another order each round; seconds are medians of the steps after
the first, or after the first pass where that encodes the photos.

The overhead of MPI is that of one rank under mpirun: from six rounds on there is an interval for it, of the rounds' ratios, each
of two trainings that ran one after the other. It is one that holds the median of such ratios in 95 % of cases whatever their
distribution (order statistics). CPU seconds are those of the whole training, with its start and mpirun's own.
"""
import argparse
import json
import math
import os
import shlex
import shutil
import statistics

from side_by_side import HERE, heading, make_model, note, run, write_png


def parser(doc):
    p = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--drape", default=os.path.join(HERE, "..", "build", "drape"), help="the program (build/drape)")
    p.add_argument("--work", default=os.path.join(HERE, "..", "build", "bench"), help="where model and photos go (build/bench)")
    p.add_argument("--model", help="pipeline folder (made when not given)")
    p.add_argument("--resolution", type=int, default=512)
    p.add_argument("--flags", type=shlex.split, default=["--lora_rank=4"], help="of drape train (--lora_rank=4)")
    return p


def arguments():
    p = parser(__doc__)
    p.add_argument("--mpirun", default="mpirun --allow-run-as-root --oversubscribe --bind-to none",
                   help="how ranks are started (Open MPI's; MPICH: mpirun.mpich)")
    p.add_argument("--ranks", default="1,2", help="numbers of ranks (1,2)")
    p.add_argument("--steps", type=int, default=4, help="of each training, those before the counted ones being one (4)")
    p.add_argument("--runs", type=int, default=1, help="rounds (1)")
    a = p.parse_args()
    a.ranks = [int(n) for n in a.ranks.split(",")]
    a.photos = max(a.ranks)  # one for each rank, or some would have nothing to do
    return a


def prepare(a):
    n = a.resolution
    os.environ["OMP_NUM_THREADS"] = "1"
    os.makedirs(a.work, exist_ok=True)
    for name, channels, pixel in (("photos", 3, lambda x, y: (255 * x // n, 255 * y // n, x * y % 256)),
                                  ("masks", 1, lambda x, y: (255 * (n // 4 <= x < 3 * n // 4),))):
        folder = os.path.join(a.work, "scale-" + name)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        for i in range(a.photos):
            write_png(os.path.join(folder, f"t-shirt ({i + 1}).png"), n, n, channels, pixel)
    a.model = os.path.abspath(a.model or make_model("scale", a.drape, a.work, "f16"))


def cores():
    return sorted(os.sched_getaffinity(0))


def pinned():
    """What a rank's command begins with: rank k is for the k-th core, and again from the first."""
    these = " ".join(str(c) for c in cores())
    return ["sh", "-c", f"""set -- {these} -- "$@"
n=$((${{OMPI_COMM_WORLD_RANK:-${{PMI_RANK:-0}}}} % {len(cores())}))
while [ $n -gt 0 ]; do shift; n=$((n - 1)); done
core=$1
while [ "$1" != -- ]; do shift; done
shift
exec taskset -c "$core" "$@\"""", "sh"]


def training(a, steps, more=()):
    """Command of a rank, and where it writes the seconds of its steps."""
    out = os.path.abspath(os.path.join(a.work, "scale-out"))
    shutil.rmtree(out, ignore_errors=True)
    return [*pinned(), os.path.abspath(a.drape), "train", f"--pretrained_model_name_or_path={a.model}",
            "--instance_data_dir=" + os.path.abspath(os.path.join(a.work, "scale-photos")),
            "--instance_masks_data_dir=" + os.path.abspath(os.path.join(a.work, "scale-masks")), f"--output_dir={out}",
            f"--resolution={a.resolution}", "--train_batch_size=1", "--gradient_checkpointing", "--learning_rate=1e-4",
            "--lr_scheduler=constant", "--lr_warmup_steps=0", "--seed=0", "--threads=1", f"--max_train_steps={steps}",
            "--checkpointing_steps=1000000", "--quiet", *a.flags, *more], out


def seconds_of(out):
    try:
        with open(os.path.join(out, "logs", "train.jsonl"), encoding="utf-8") as f:
            lines = f.read().split("\n")[:-1]  # what has its end
    except FileNotFoundError:
        return []
    return [s["seconds"] for s in map(json.loads, lines) if "seconds" in s]


def measure(a, ranks):
    """Seconds of the steps after the first, and CPU seconds of all; `ranks` 0: alone, without mpirun."""
    first = a.photos if ranks < 2 else 1  # one rank encodes a photo when it first comes up: its first pass is not counted
    command, out = training(a, first + a.steps - 1)
    launcher = [*shlex.split(a.mpirun), "-n", str(ranks)] if ranks else []
    cpu = run(launcher + command)["cpu"]
    seconds = seconds_of(out)
    shutil.rmtree(out)
    return seconds[first:], cpu


def interval(x, level=0.95):
    """Of the median of what x is drawn from, by order statistics; None where there are too few."""
    x, n = sorted(x), len(x)
    k = 0  # the k lowest and the k highest are left out
    while 1 - 2 * sum(math.comb(n, i) for i in range(k + 2)) / 2 ** n >= level:
        k += 1
    return (x[k], x[n - 1 - k]) if 1 - 2 ** (1 - n) >= level else None


def overhead(got):
    """Of one rank under mpirun, in a sentence."""
    for what, i in (("a step", 0), ("CPU seconds of a training", 1)):
        ratios = [statistics.median(one[i]) / statistics.median(alone[i]) - 1 for alone, one in zip(got[0], got[1])]
        within = interval(ratios)
        yield (f"One rank under mpirun, {what}: {100 * statistics.median(ratios):+.2f} %" +
               (f", within {100 * within[0]:+.2f} and {100 * within[1]:+.2f} % (95 %, {len(ratios)} rounds)" if within else ""))


def main():
    a = arguments()
    prepare(a)
    ways = [0, *a.ranks]
    got = {n: [] for n in ways}
    for i in range(a.runs):
        for n in ways if i % 2 == 0 else reversed(ways):
            seconds, cpu = measure(a, n)
            note(f"round {i + 1}: {f'{n} ranks' if n else 'alone'}: {', '.join(f'{s:.2f}' for s in seconds)} s, "
                 f"{cpu:.2f} CPU seconds in all")
            got[n].append((seconds, [cpu]))
    print(heading(a.drape, a.model, f"{a.resolution}x{a.resolution}", 1, None)[0])
    print("\n| ranks | a step | efficiency |\n| --- | --- | --- |")
    step = {n: statistics.median(s for seconds, _ in got[n] for s in seconds) for n in ways}
    for n in ways:
        efficiency = step[0] * max(n, 1) / step[n] / min(max(n, 1), len(cores()))
        print(f"| {n or 'alone, without MPI'} | {step[n]:.3g} s | {efficiency:.3f} |")
    if 1 in ways:
        print("\n" + "\n".join(overhead(got)))


if __name__ == "__main__":
    main()
