#!/usr/bin/env python3
"""A SegFormer clothes parser in drape next to PyTorch: a photo in memory to its labels, the two taking turns.

    bench/compare_parser.py                        B0 with random weights made by transformers, 512x512, 2 threads
    bench/compare_parser.py --arch b2 --runs 5     the size of the published parser
    bench/compare_parser.py --model DIR            another parser folder

Both resize the photo, run the net in f32, enlarge the logits to the photo's size and take the largest. Every
measurement is a process of its own with a run that is not counted; a round of drape before the first one lets it
remember which algorithms are fastest here.
"""
import argparse
import json
import os
import statistics
import sys

from side_by_side import HERE, Failed, have_torch, note, run


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--drape", default=os.path.join(HERE, "..", "build", "drape"), help="the program (build/drape)")
    p.add_argument("--python", default=sys.executable, help="Python with torch and transformers (this one)")
    p.add_argument("--work", default=os.path.join(HERE, "..", "build", "bench"), help="where the model goes (build/bench)")
    p.add_argument("--model", help="parser folder (made when not given)")
    p.add_argument("--arch", default="b0", help="of the folder that is made: b0, b1, b2 or b5")
    p.add_argument("--size", default="512x512", help="of the photo, WxH")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--runs", type=int, default=5, help="counted runs in each process; their median counts")
    p.add_argument("--threads", type=int, default=2, help="for both")
    return p.parse_args()


def drape_job(a):
    r = run([a.drape, "bench", "--model", a.model, "--size", a.size, "--runs", str(a.runs), "--threads", str(a.threads),
             "--json"])
    return {"s": json.loads(r["out"])["stages"][0]["median_s"], "GiB": r["gib"]}


def torch_job(a):
    r = run([a.python, os.path.join(HERE, "torch_parser.py"), "time", a.model, "--size", a.size, "--runs", str(a.runs),
             "--threads", str(a.threads)])
    return {"s": json.loads(r["out"].splitlines()[-1])["seconds"], "GiB": r["gib"]}


def main():
    a = arguments()
    torch = have_torch("compare_parser", a.python, "torch_parser.py")
    if not a.model:
        a.model = os.path.join(a.work, "segformer-" + a.arch)
        if not os.path.exists(os.path.join(a.model, "preprocessor_config.json")):
            note(f"compare_parser: making {a.model}")
            run([a.python, os.path.join(HERE, "torch_parser.py"), "make", a.model, "--arch", a.arch])
    jobs = {"drape": drape_job} | ({"PyTorch": torch_job} if torch else {})
    got = {side: [] for side in jobs}
    drape_job(a)
    for i in range(a.rounds):
        for side, job in jobs.items():
            got[side].append(job(a))
            note(f"round {i + 1}: {side}: {got[side][-1]['s']:.3f} s, {got[side][-1]['GiB']:.2f} GiB")
    print(f"{os.path.basename(os.path.normpath(a.model))}, photo {a.size}, {a.threads} threads" +
          (f", torch {torch['torch']}, transformers {torch['transformers']}" if torch else ""))
    for side, all_of_it in got.items():
        print(f"{side:8} {statistics.median(m['s'] for m in all_of_it):.3f} s"
              f"  peak {statistics.median(m['GiB'] for m in all_of_it):.2f} GiB")
    if torch:
        print(f"ratio    {statistics.median(x['s'] / y['s'] for x, y in zip(got['drape'], got['PyTorch'])):.2f}")


try:
    main()
except Failed as failure:
    sys.exit(f"compare_parser: {failure}")
