#!/usr/bin/env python3
"""Writes what Pillow draws, for tests/io/test_pillow_draw.c.

    python tools/golden/make_pillow_draw.py 500 > tests/golden/pillow-draw.txt
    python tools/golden/make_pillow_draw.py 20000 --seed 1 > /tmp/shapes.txt && build/io_test_pillow_draw /tmp/shapes.txt

Made with Pillow 13.0. Each line is a shape: its kind, the size of the black picture that it is drawn on in grey 128,
numbers (of a line the width behind them), a colon, and the CRC-32 of the picture's pixels. Half of the numbers are
whole, many shapes reach beyond the picture, and a good part of lines and polygons is flat, upright or thin: there the
rules of corners and rounding show.
"""
import argparse
import random
import zlib

from PIL import Image, ImageDraw


def number(r, size):
    v = r.uniform(-0.6 * size, 1.6 * size) if r.random() < 0.3 else r.uniform(-2, size + 2)
    return float(round(v)) if r.random() < 0.5 else round(v, 3)


def point(r, size):
    return [number(r, size[0]), number(r, size[1])]


def near(r, p, size):
    """Another point: anywhere, or so that the two make a flat, upright or thin shape."""
    q = point(r, size)
    how = r.random()
    if how < 0.15:
        q[0] = p[0] + r.choice([0, 0, 1, -1, 2])
    elif how < 0.3:
        q[1] = p[1] + r.choice([0, 0, 1, -1, 2])
    elif how < 0.32:
        q = list(p)
    return q


def shape(r):
    size = [r.randint(1, 90), r.randint(1, 90)]
    kind = r.choice(["line", "line", "polygon", "polygon", "ellipse", "ellipse", "rectangle"])
    p = point(r, size)
    q = near(r, p, size)
    if kind == "line":
        return kind, size, p + q + [r.randint(2, 40)]
    if kind == "polygon":
        corners = [p, q]
        for _ in range(r.choice([0, 1, 2, 2, 2, 2, 3, 6])):
            corners.append(near(r, corners[-1], size))
        if r.random() < 0.1:
            corners.append(list(corners[0]))
        return kind, size, sum(corners, [])
    if kind == "ellipse" and r.random() < 0.5:  # as the scripts have it: radii around a point
        a, b = r.randint(0, 40), r.randint(0, 40)
        return kind, size, [p[0] - a, p[1] - b, p[0] + a, p[1] + b]
    return kind, size, [min(p[0], q[0]), min(p[1], q[1]), max(p[0], q[0]), max(p[1], q[1])]


def draw(kind, size, n):
    im = Image.new("L", size)
    d = ImageDraw.Draw(im)
    if kind == "line":
        d.line([tuple(n[0:2]), tuple(n[2:4])], 128, width=n[4])
    elif kind == "polygon":
        d.polygon([tuple(n[i:i + 2]) for i in range(0, len(n), 2)], 128, 128)
    elif kind == "ellipse":
        d.ellipse(n, 128, 128)
    else:
        d.rectangle(n, 128, 128)
    return zlib.crc32(im.tobytes())


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("count", type=int)
    a.add_argument("--seed", type=int, default=0)
    o = a.parse_args()
    r = random.Random(o.seed)
    for _ in range(o.count):
        kind, size, n = shape(r)
        print(kind, *size, *(f"{v:.10g}" for v in n), ":", draw(kind, size, n))


if __name__ == "__main__":
    main()
