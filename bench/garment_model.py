#!/usr/bin/env python3
"""How well a model dresses from photos of garments that it has not seen: colour distances, and a sheet to look at.

    bench/garment_model.py --model models/mini --persons DIR --garments DIR --out DIR [--count 40] [--people 10]

Of the garments those with a number divisible by 40 are taken, which tools/mini leaves out of its training. Every garment
is put on one person, in turn; --all puts it on each. The colour of a garment is the mean of the middle of its photo, that
of the picture the mean of what the clothes parser takes for the garment inside the mask, away from its edge; the distance
is that of CIE 1976 in L*a*b*. Needs numpy and Pillow.
"""
import argparse
import json
import os
import re
import subprocess
import sys

import numpy as np
from PIL import Image, ImageFilter

KINDS = ("tshirt", "longsleeve", "shirt", "outwear")


def lab(rgb):
    """sRGB [..,3] of 0..255 as CIE L*a*b*, D65."""
    c = np.asarray(rgb, np.float64) / 255
    c = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    m = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]])
    x = c @ m.T / np.array([0.95047, 1, 1.08883])
    f = np.where(x > 216 / 24389, np.cbrt(x), (24389 / 27 * x + 16) / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


def colour_of_flat(path):
    im = Image.open(path).convert("RGB")
    w, h = im.size
    side_x, side_y = min(0.3 * w, 0.28 * h), min(0.36 * h, 0.8 * w)
    box = [w / 2 - side_x / 2, 0.52 * h - side_y / 2, w / 2 + side_x / 2, 0.52 * h + side_y / 2]
    return lab(np.asarray(im.crop([int(v) for v in box]))).reshape(-1, 3).mean(0)


def inner(mask, share=0.03):
    """A mask without its edge."""
    n = int(share * max(mask.size)) | 1
    return np.asarray(mask.filter(ImageFilter.MinFilter(max(n, 3)))) >= 128


def run(*command):
    r = subprocess.run(command, capture_output=True, text=True)
    if r.returncode:
        sys.exit(f"{' '.join(command)}:\n{r.stderr}")
    return r.stdout


def flats(folder, count):
    names = [n for n in sorted(os.listdir(folder)) if re.fullmatch(r"[a-z]+-\d+\.jpg", n)]
    names = [n for n in names if n.split("-")[0] in KINDS and int(n.split("-")[1][:-4]) % 40 == 0]
    return [names[i * len(names) // count] for i in range(min(count, len(names)))]


def sheet(rows, path, side=192):
    """Person, garment, result from top to bottom, ten to a band."""
    bands = [rows[i : i + 10] for i in range(0, len(rows), 10)]
    out = Image.new("RGB", (10 * side, 3 * side * len(bands)), "white")
    for b, band in enumerate(bands):
        for i, pictures in enumerate(band):
            for k, im in enumerate(pictures):
                im = im.copy()
                im.thumbnail((side, side), Image.LANCZOS)
                out.paste(im, (i * side + (side - im.width) // 2, (3 * b + k) * side + (side - im.height) // 2))
    out.save(path, quality=88)


def around(mask, photo):
    x0, y0, x1, y1 = mask.getbbox()
    pad = (x1 - x0 + y1 - y0) // 12
    return [max(x0 - pad, 0), max(y0 - pad, 0), min(x1 + pad, photo.width), min(y1 + pad, photo.height)]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--drape", default="build/drape")
    p.add_argument("--model", default="models/mini")
    p.add_argument("--persons", required=True)
    p.add_argument("--garments", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--count", type=int, default=40)
    p.add_argument("--people", type=int, default=10)
    p.add_argument("--all", action="store_true", help="every garment on every person")
    p.add_argument("--more", default="", help="further flags of drape tryon")
    o = p.parse_args()
    os.makedirs(o.out, exist_ok=True)
    people = [n for n in sorted(os.listdir(o.persons)) if n.lower().endswith((".jpg", ".png"))][: o.people]
    wear = flats(o.garments, o.count)
    distances, rows = [], []
    for i, person in enumerate(people):
        photo, stem = os.path.join(o.persons, person), os.path.splitext(person)[0]
        mask = os.path.join(o.out, stem + "-mask.png")
        run(o.drape, "mask", photo, "--sleeve", "long", "-o", mask, "--quiet")
        area = Image.open(mask).convert("L")
        for g in wear if o.all else wear[i :: len(people)]:
            result = os.path.join(o.out, f"{stem}+{g[:-4]}.png")
            flat = os.path.join(o.garments, g)
            run(o.drape, "tryon", "--model", o.model, "--image", photo, "--mask", mask, "--garment", flat, "--seed", "1",
                "--quiet", "-o", result, *o.more.split())
            worn = os.path.join(o.out, "worn.png")
            made = subprocess.run([o.drape, "mask", result, "--what", "garment", "-o", worn, "--quiet"], capture_output=True)
            where = inner(area)
            if made.returncode == 0:
                both = where & (np.asarray(Image.open(worn).convert("L")) >= 128)
                where = both if both.sum() > 0.2 * where.sum() else where
            picture = Image.open(result).convert("RGB")
            d = float(np.linalg.norm(lab(np.asarray(picture))[where].mean(0) - colour_of_flat(flat)))
            distances.append({"person": person, "garment": g, "distance": round(d, 2)})
            box = around(area, picture)
            rows.append([Image.open(photo).convert("RGB").crop(box), Image.open(flat).convert("RGB"), picture.crop(box)])
            print(f"{d:6.1f}  {person}  {g}", flush=True)
    sheet(rows, os.path.join(o.out, "sheet.jpg"))
    values = [d["distance"] for d in distances]
    summary = {"model": o.model, "pictures": len(values), "mean": float(np.mean(values)), "median": float(np.median(values)),
               "below_10": int(sum(v < 10 for v in values))}
    with open(os.path.join(o.out, "colours.json"), "w") as f:
        json.dump({"summary": summary, "pictures": distances}, f, indent=1)
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
