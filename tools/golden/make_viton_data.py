#!/usr/bin/env python3
"""Draws a small data folder laid out as VITON-HD, with what its preprocessing makes of it, for tests/warp and tests/cli.

    python tools/golden/make_viton_data.py tests/golden/viton

Made with Pillow 13.0. Two persons and two cloths of simple shapes, no photo: p0 of 128x256 with all points and a map with
a palette, p1 of 256x512 without a right wrist and with a grey map. c0 has a mask, c1 has none. The agnostic maps and
pictures are drawn with Pillow by the rules of docs/hr-viton.md; resized/ has p1's pictures at 128x256.
"""
import json
import os
import random
import sys

from PIL import Image, ImageDraw

COLOURS = [(0, 0, 0), (128, 0, 0), (254, 0, 0), (0, 85, 0), (169, 0, 51), (254, 85, 0), (0, 0, 85), (0, 119, 220),
           (85, 85, 0), (0, 85, 85), (85, 51, 0), (52, 86, 128), (0, 128, 0), (0, 0, 254), (51, 169, 220), (0, 254, 254),
           (85, 254, 169), (169, 254, 85), (254, 254, 0), (254, 169, 0)]
ARMS = ((14, (5, 6, 7), 2), (15, (2, 3, 4), 5))


def points_of(w, h, missing, r):
    """A person who stands in the middle, arms a little off the body."""
    at = {0: (.5, .13), 1: (.5, .24), 2: (.37, .245), 3: (.29, .4), 4: (.25, .53), 5: (.63, .25), 6: (.7, .41), 7: (.72, .54),
          8: (.5, .54), 9: (.43, .54), 10: (.42, .74), 11: (.42, .93), 12: (.57, .54), 13: (.58, .74), 14: (.58, .93),
          15: (.47, .115), 16: (.53, .115), 17: (.43, .125), 18: (.57, .125)}
    p = [(0.0, 0.0)] * 25
    for i, (x, y) in at.items():
        if i not in missing:
            p[i] = (round(x * w + r.uniform(-1, 1), 3), round(y * h + r.uniform(-1, 1), 3))
    return p


def draw_map(w, h, p):
    im = Image.new("P", (w, h))
    d = ImageDraw.Draw(im)
    s = w / 128
    box = lambda a, b, c, e: (a * w, b * h, c * w, e * h)
    for side, hip in ((16, 12), (17, 9)):
        d.line([p[hip], (p[hip][0], .93 * h)], side, width=int(15 * s))
    d.rectangle(box(.38, .52, .62, .72), 9)
    d.ellipse(box(.54, .92, .64, .97), 18)
    d.ellipse(box(.36, .92, .46, .97), 19)
    for label, ids, _ in ARMS:
        chain = [p[i] for i in ids if p[i] != (0.0, 0.0)]
        d.line(chain, label, width=int(11 * s), joint="curve")
        d.ellipse([chain[-1][0] - 7 * s, chain[-1][1] - 7 * s, chain[-1][0] + 7 * s, chain[-1][1] + 24 * s], label)  # a hand
    d.polygon([(.34 * w, .25 * h), (.66 * w, .25 * h), (.62 * w, .56 * h), (.38 * w, .56 * h)], 5)
    d.rectangle(box(.46, .17, .54, .25), 10)
    d.ellipse(box(.41, .05, .59, .15), 2)
    d.ellipse(box(.43, .07, .57, .19), 13)
    im.putpalette(sum(COLOURS, ()))
    return im


def paint(labels, r, colours):
    """A picture of a map: a colour a label, with a little unevenness."""
    w, h = labels.size
    im = Image.new("RGB", (w, h))
    px, lp = im.load(), labels.load()
    for y in range(h):
        for x in range(w):
            c = colours[lp[x, y]]
            v = ((x * 5 + y * 3) // 8) % 8
            px[x, y] = tuple(min(255, max(0, k + v)) for k in c)
    return im


def densepose(w, h, p):
    im = Image.new("RGB", (w, h))
    d = ImageDraw.Draw(im)
    s = w / 128
    d.polygon([p[2], p[5], p[12], p[9]], (1 * 8, 90, 160))
    for n, ids in enumerate(((2, 3, 4), (5, 6, 7), (9, 10, 11), (12, 13, 14))):
        chain = [p[i] for i in ids if p[i] != (0.0, 0.0)]
        d.line(chain, (24 + 40 * n, 60 + 30 * n, 200 - 35 * n), width=int(12 * s), joint="curve")
    d.ellipse((.43 * w, .06 * h, .57 * w, .18 * h), (190, 120, 80))
    return im


def ring(d, p, a, b, ink):
    d.ellipse((p[0] - a, p[1] - b, p[0] + a, p[1] + b), ink, ink)


def there(p, *ids):
    return all(p[i] != (0.0, 0.0) for i in ids)


def agnostic_map(labels, p, r):
    out = labels.copy()
    for label, ids, other in ARMS:
        canvas = Image.new("L", labels.size)
        d = ImageDraw.Draw(canvas)
        last = other
        for i in ids:
            if not there(p, last, i):
                continue
            d.line([p[last], p[i]], 255, width=10 * r)
            a = 4 * r if i == ids[-1] else 15 * r
            ring(d, p[i], a, a, 255)
            last = i
        cp, op = canvas.load(), out.load()
        for y in range(labels.size[1]):
            for x in range(labels.size[0]):
                if op[x, y] == label and cp[x, y]:
                    op[x, y] = 0
    return out.point([0 if v in (5, 6, 7, 10) else v for v in range(256)])


def agnostic_picture(photo, labels, points):
    p = list(points)
    dist = lambda a, b: ((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2) ** 0.5
    a, b = dist(p[5], p[2]), dist(p[12], p[9])
    mid = ((p[9][0] + p[12][0]) / 2, (p[9][1] + p[12][1]) / 2)
    for i in (9, 12):
        p[i] = tuple(m + (v - m) / b * a for v, m in zip(p[i], mid))
    r = int(a / 16) + 1
    grey = (128, 128, 128)
    out = photo.copy()
    d = ImageDraw.Draw(out)
    for i in (9, 12):
        ring(d, p[i], 3 * r, 6 * r, grey)
    d.line([p[2], p[9]], grey, width=6 * r)
    d.line([p[5], p[12]], grey, width=6 * r)
    d.line([p[9], p[12]], grey, width=12 * r)
    d.polygon([p[2], p[5], p[12], p[9]], grey, grey)
    d.rectangle((p[1][0] - 5 * r, p[1][1] - 9 * r, p[1][0] + 5 * r, p[1][1]), grey, grey)
    d.line([p[2], p[5]], grey, width=12 * r)
    for i in (2, 5):
        ring(d, p[i], 5 * r, 6 * r, grey)
    for i in (3, 4, 6, 7):
        if there(p, i - 1, i):
            d.line([p[i - 1], p[i]], grey, width=10 * r)
            ring(d, p[i], 5 * r, 5 * r, grey)
    shown = Image.new("L", photo.size)
    sp, lp = shown.load(), labels.load()
    for label, ids, _ in ARMS:
        canvas = Image.new("L", photo.size)
        c = ImageDraw.Draw(canvas)
        end = p[ids[0]]
        ring(c, end, 5 * r, 6 * r, 255)
        for i in ids[1:]:
            if not there(p, i - 1, i):
                continue
            end = p[i]
            c.line([p[i - 1], end], 255, width=10 * r)
            if i != ids[-1]:
                ring(c, end, 5 * r, 5 * r, 255)
        ring(c, end, 4 * r, 4 * r, 255)
        cp = canvas.load()
        for y in range(photo.size[1]):
            for x in range(photo.size[0]):
                if lp[x, y] == label and not cp[x, y]:
                    sp[x, y] = 255
    for y in range(photo.size[1]):
        for x in range(photo.size[0]):
            if lp[x, y] in (4, 13, 9, 12, 16, 17, 18, 19):
                sp[x, y] = 255
    out.paste(photo, None, shown)
    return out


def cloth(w, h, colour, r):
    mask = Image.new("L", (w, h))
    d = ImageDraw.Draw(mask)
    d.polygon([(.2 * w, .25 * h), (.4 * w, .2 * h), (.6 * w, .2 * h), (.8 * w, .25 * h), (.95 * w, .45 * h), (.8 * w, .5 * h),
               (.74 * w, .4 * h), (.74 * w, .8 * h), (.26 * w, .8 * h), (.26 * w, .4 * h), (.2 * w, .5 * h), (.05 * w, .45 * h)],
              255)
    im = Image.new("RGB", (w, h), (255, 255, 255))
    stripes = Image.new("RGB", (w, h), colour)
    d = ImageDraw.Draw(stripes)
    for y in range(0, h, 24):
        d.rectangle((0, y, w, y + 7), tuple(c // 2 + 40 for c in colour))
    im.paste(stripes, None, mask)
    return im, mask


def save(im, out, *parts):
    path = os.path.join(out, *parts)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    im.save(path, optimize=True)


def person(out, name, w, h, missing, grey, r):
    p = points_of(w, h, missing, r)
    labels = draw_map(w, h, p)
    colours = [(210, 205, 195)] + [(r.randint(20, 230), r.randint(20, 230), r.randint(20, 230)) for _ in range(19)]
    photo = paint(labels, r, colours)
    radius = int(10 * h / 1024 + 0.5)
    bare = agnostic_map(labels, p, radius)
    stored = lambda im: Image.frombytes("L", im.size, im.tobytes()) if grey else im
    save(photo, out, "image", name + ".png")
    save(stored(labels), out, "image-parse-v3", name + ".png")
    save(densepose(w, h, p), out, "image-densepose", name + ".png")
    save(stored(bare), out, "image-parse-agnostic-v3.2", name + ".png")
    save(agnostic_picture(photo, labels, p), out, "agnostic", name + ".png")
    flat = sum(([x, y, 0.0 if (x, y) == (0.0, 0.0) else round(r.uniform(.5, 1), 3)] for x, y in p), [])
    os.makedirs(os.path.join(out, "openpose_json"), exist_ok=True)
    with open(os.path.join(out, "openpose_json", name + "_keypoints.json"), "w") as f:
        json.dump({"version": 1.3, "people": [{"person_id": [-1], "pose_keypoints_2d": flat}]}, f)


def main():
    out = sys.argv[1]
    r = random.Random(3)
    person(out, "p0", 128, 256, (), False, r)
    person(out, "p1", 256, 512, (4,), True, r)
    for name, size, colour, masked in (("c0", (128, 256), (200, 40, 60), True), ("c1", (256, 512), (40, 90, 200), False)):
        im, mask = cloth(*size, colour, r)
        save(im, out, "cloth", name + ".png")
        if masked:
            save(mask, out, "cloth-mask", name + ".png")
    with open(os.path.join(out, "test_pairs.txt"), "w") as f:
        f.write("p0.png c0.png\np1.png c1.png\n")
    for part in ("agnostic", "image-densepose"):
        im = Image.open(os.path.join(out, part, "p1.png")).convert("RGB").resize((128, 256), Image.BILINEAR)
        save(im, out, "resized", part + ".png")
    im = Image.open(os.path.join(out, "image-parse-agnostic-v3.2", "p1.png"))
    save(im.resize((128, 256), Image.NEAREST), out, "resized", "parse-agnostic.png")
    for name in ("p0", "p1"):
        case = {"kind": "hrviton_preprocess", "args": {"person": name},
                "in": [f"image/{name}.png", f"image-parse-v3/{name}.png", f"openpose_json/{name}_keypoints.json"],
                "want": {"parse_agnostic": f"image-parse-agnostic-v3.2/{name}.png", "agnostic": f"agnostic/{name}.png"}}
        with open(os.path.join(out, f"case-{name}.json"), "w") as f:
            json.dump(case, f, indent=1)
            f.write("\n")


if __name__ == "__main__":
    main()
