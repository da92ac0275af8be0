#!/usr/bin/env python3
"""FID of folders of pictures in drape next to pytorch-fid, the two taking turns.

    bench/compare_fid.py --backbones DIR A B              two folders with pictures of the same names
    bench/compare_fid.py --backbones DIR --count 500 A    the first 500 of A against themselves mirrored

DIR has pytorch-fid's weights (`drape pull --backbones --only fid DIR`), which pytorch-fid then reads as well; random ones of that
layout serve as well (tools/golden/make_backbones.py --full --only fid). Each measurement is a process of its own, from the files to
the number; a first round of drape, which is not counted, lets it remember which algorithms are fastest here. pytorch-fid
wants pictures of one size in a folder.
"""
import argparse
import glob
import json
import os
import shutil
import statistics
import sys

from side_by_side import HERE, note, run

PYTORCH_FID = """
import sys, torch
threads, weights, a, b = int(sys.argv[1]), *sys.argv[2:]
torch.set_num_threads(threads)
from pytorch_fid import fid_score, inception
inception.load_state_dict_from_url = lambda *a, **k: torch.load(weights, weights_only=True)
print(fid_score.calculate_fid_given_paths([a, b], 50, torch.device("cpu"), 2048, num_workers=0))
"""


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("folders", nargs="+", help="one or two folders of pictures")
    p.add_argument("--backbones", required=True, help="folder with Inception's weights")
    p.add_argument("--drape", default=os.path.join(HERE, "..", "build", "drape"), help="the program (build/drape)")
    p.add_argument("--python", default=sys.executable, help="Python with torch and pytorch-fid (this one)")
    p.add_argument("--work", default=os.path.join(HERE, "..", "build", "bench"), help="where pictures go (build/bench)")
    p.add_argument("--count", type=int, default=500)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--threads", type=int, default=2, help="for both")
    return p.parse_args()


def pictures(a):
    """Two folders with `count` pictures of one size each."""
    from PIL import Image, ImageOps

    out = [os.path.join(a.work, "fid-a"), os.path.join(a.work, "fid-b")]
    for d in out:
        shutil.rmtree(d, ignore_errors=True)
        os.makedirs(d)
    files = sorted(f for f in glob.glob(os.path.join(a.folders[0], "*")) if f.lower().endswith((".jpg", ".png")))
    size, n = None, 0
    for f in files:
        im = Image.open(f).convert("RGB")
        size = size or im.size
        if im.size != size or n == a.count:
            continue
        n += 1
        name = os.path.basename(f)
        shutil.copy(f, os.path.join(out[0], name))
        if len(a.folders) > 1:
            shutil.copy(os.path.join(a.folders[1], name), os.path.join(out[1], name))
        else:
            ImageOps.mirror(im).save(os.path.join(out[1], name), quality=90)
    note(f"compare_fid: {n} pictures of {size[0]}x{size[1]} in each folder")
    return out


def drape_job(a, dirs):
    r = run([a.drape, "eval", "--results", dirs[0], "--reference", dirs[1], "--metrics", "fid", "--backbones", a.backbones,
             "--cache", "", "--threads", str(a.threads), "--json", "-q"])
    return {"s": r["seconds"], "cpu": r["cpu"], "GiB": r["gib"], "fid": json.loads(r["out"])["summary"]["fid"]["mean"]}


def torch_job(a, dirs):
    weights = sorted(glob.glob(os.path.join(a.backbones, "pt_inception*")))[0]
    r = run([a.python, "-c", PYTORCH_FID, str(a.threads), weights, *dirs])
    return {"s": r["seconds"], "cpu": r["cpu"], "GiB": r["gib"], "fid": float(r["out"].split()[-1])}


def main():
    a = arguments()
    dirs = pictures(a)
    jobs = {"drape": drape_job, "pytorch-fid": torch_job}
    got = {side: [] for side in jobs}
    drape_job(a, dirs)
    for i in range(a.rounds):
        for side, job in jobs.items():
            got[side].append(job(a, dirs))
            note(f"compare_fid: round {i + 1}: {side} {got[side][-1]['s']:.1f} s")
    median = {side: statistics.median(r["s"] for r in got[side]) for side in jobs}
    for side in jobs:
        cpu = statistics.median(r["cpu"] for r in got[side])
        print(f"{side:12} {median[side]:8.1f} s  {cpu:8.1f} s of CPU  {max(r['GiB'] for r in got[side]):.2f} GiB  FID {got[side][-1]['fid']:.6f}")
    print(f"drape takes {median['drape'] / median['pytorch-fid']:.2f} of pytorch-fid's time")


if __name__ == "__main__":
    main()
