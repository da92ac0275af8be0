#!/usr/bin/env python3
"""HR-VITON's networks in drape next to PyTorch: published widths, random weights, 1024x768, the two taking turns.

    bench/compare_hr_viton.py --python VENV/bin/python
    bench/compare_hr_viton.py --rounds 5 --no-torch

Three stages: the condition generator (256x192), what lies between the networks, and the image generator (1024x768) with
a drawn person's map. drape runs them as golden cases, `drape verify`, which also compares every number with PyTorch's;
its time has that comparison in it. PyTorch runs the published program's operations (tools/golden/hr_viton.py). Every
measurement is a process of its own with a run that is not counted. Memory is the process's peak, both networks loaded.
"""
import argparse
import json
import os
import statistics
import sys

from side_by_side import HERE, Failed, have_torch, note, run

STAGES = ["condition", "glue", "generator"]


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--drape", default=os.path.join(HERE, "..", "build", "drape"), help="the program (build/drape)")
    p.add_argument("--python", default=sys.executable, help="Python with torch and safetensors (this one)")
    p.add_argument("--work", default=os.path.join(HERE, "..", "build", "bench"), help="where the networks go (build/bench)")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--runs", type=int, default=1, help="counted runs in each process; their median counts")
    p.add_argument("--threads", type=int, default=2, help="for both")
    p.add_argument("--no-torch", action="store_true", help="drape alone, once the cases are made")
    return p.parse_args()


def drape_job(a):
    cases = [os.path.join(a.dir, s + ".safetensors") for s in STAGES for _ in range(a.runs + 1)]
    r = run([a.drape, "verify", "--model", a.dir, "--threads", str(a.threads), "--json"] + cases, codes=(0, 1))
    got = {s: [] for s in STAGES}
    for c in json.loads(r["out"]):
        if "error" in c or c["rel"] > 1e-3:  # f32 against f32: PyTorch's own rounding is up to 1e-4 at this size
            raise Failed(f"{c['case']}: drape's numbers are not PyTorch's: {c.get('error', c['rel'])}")
        got[os.path.basename(c["case"])[:-len(".safetensors")]].append(c["seconds"])
    return {s: statistics.median(t[1:]) for s, t in got.items()}, r["gib"]


def torch_job(a):
    r = run([a.python, os.path.join(HERE, "torch_hr_viton.py"), "time", a.dir, "--runs", str(a.runs), "--threads",
             str(a.threads)])
    return json.loads(r["out"].splitlines()[-1])["seconds"], r["gib"]


def main():
    a = arguments()
    torch = None if a.no_torch else have_torch("compare_hr_viton", a.python, "torch_hr_viton.py")
    a.dir = os.path.join(a.work, "hr-viton")
    if not os.path.exists(os.path.join(a.dir, "generator.safetensors")):
        note(f"compare_hr_viton: making {a.dir}")
        run([a.python, os.path.join(HERE, "torch_hr_viton.py"), "make", a.dir])
    jobs = {"drape": drape_job} | ({"PyTorch": torch_job} if torch else {})
    got = {side: [] for side in jobs}
    for i in range(a.rounds):
        for side, job in jobs.items():
            seconds, gib = job(a)
            got[side].append((seconds | {"all": sum(seconds.values())}, gib))
            note(f"round {i + 1}: {side}: " + ", ".join(f"{s} {t:.2f} s" for s, t in got[side][-1][0].items()) +
                 f", {gib:.2f} GiB")
    print(f"1024x768, {a.threads} threads" + (f", torch {torch['torch']}" if torch else ""))
    for stage in STAGES + ["all"]:
        sides = {side: statistics.median(s[stage] for s, _ in r) for side, r in got.items()}
        ratio = ""
        if torch:
            pairs = zip(got["drape"], got["PyTorch"])
            ratio = f"  ratio {statistics.median(d[stage] / t[stage] for (d, _), (t, _) in pairs):.2f}"
        print(f"{stage:10} " + "  ".join(f"{side} {t:.2f} s" for side, t in sides.items()) + ratio)
    sides = {side: statistics.median(gib for _, gib in r) for side, r in got.items()}
    print(f"{'peak':10} " + "  ".join(f"{side} {gib:.2f} GiB" for side, gib in sides.items()) +
          (f"  ratio {sides['drape'] / sides['PyTorch']:.2f}" if torch else ""))


try:
    main()
except Failed as failure:
    sys.exit(f"compare_hr_viton: {failure}")
