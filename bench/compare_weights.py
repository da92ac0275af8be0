#!/usr/bin/env python3
"""What weights in 8 bits change in a picture: each photo dressed with the weights of the file and with --weights q8, the
same seed, the same mask; PSNR inside the mask, over all photos and the worst.

    bench/compare_weights.py photos/*.jpg                            the small model that comes with drape
    bench/compare_weights.py --model DIR --size 64x64 --steps 6 photos/*.jpg

Masks are those of the small clothes parser (--mask auto:upper); photos without a mask are passed over. Needs numpy and Pillow.
"""
import argparse
import math
import os
import statistics
import subprocess
import sys
import tempfile

import numpy
from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--drape", default=os.path.join(HERE, "..", "build", "drape"), help="the program (build/drape)")
    p.add_argument("--model", help="folder or file (the small one)")
    p.add_argument("--size", help="working size, WxH (the model's)")
    p.add_argument("--steps", help="denoising steps (the model's)")
    p.add_argument("--prompt", default="a red t-shirt")
    p.add_argument("--keep", help="folder for the pictures")
    p.add_argument("photos", nargs="+")
    return p.parse_args()


def dress(a, photo, out, more):
    command = [a.drape, "tryon", "--quiet", "--image", photo, "--prompt", a.prompt, "--wardrobe", "off", "--seed", "7", "-o", out] + more
    for flag in ("model", "size", "steps"):
        if getattr(a, flag):
            command += ["--" + flag, getattr(a, flag)]
    return subprocess.run(command, capture_output=True, text=True)


def psnr(x, y, where):
    d = (x.astype(float) - y.astype(float))[where]
    error = float((d * d).mean())
    return 10 * math.log10(255 * 255 / error) if error else math.inf


def main():
    a, values = arguments(), []
    folder = a.keep or tempfile.mkdtemp()
    os.makedirs(folder, exist_ok=True)
    for photo in a.photos:
        stem = os.path.join(folder, os.path.splitext(os.path.basename(photo))[0])
        r = dress(a, photo, stem + "-file.png", ["--mask", "auto:upper", "--save-mask", stem + "-mask.png"])
        if r.returncode == 0:
            r = dress(a, photo, stem + "-q8.png", ["--mask", stem + "-mask.png", "--weights", "q8"])
        if r.returncode:
            print(f"{photo}: passed over: {r.stderr.strip()[-120:]}", file=sys.stderr)
            continue
        x, y, mask = (numpy.asarray(Image.open(f"{stem}-{k}.png")) for k in ("file", "q8", "mask"))
        mask = mask if mask.ndim == 2 else mask[..., 0]
        values.append(psnr(x, y, mask > 127))
        print(f"{values[-1]:6.2f} dB  {photo}")
    if values:
        print(f"{len(values)} photos: median {statistics.median(values):.1f} dB, least {min(values):.1f} dB")


main()
