#!/usr/bin/env python3
"""Writes golden cases of HR-VITON from the pictures of a folder to the result, for the networks of make_hr_viton.py.

    tools/golden/make_hr_chain.py tests/golden

Needs torch, numpy, Pillow and safetensors (made with torch 2.15); reads hr-viton/ and viton/ there, which
make_hr_viton.py and make_viton_data.py wrote, and adds chain.safetensors and, with every 4th pixel, a window, means and
counts in place of the whole, chain-every.safetensors to hr-viton-cases/.
"""
import json
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file, save_file

import hr_viton as hr

OUT = sys.argv[1]
MERGED = [0, 1, 1, 12, 2, 3, 3, 3, 11, 4, 0, 12, 4, 2, 5, 6, 7, 8, 9, 10]  # the class of each label


def picture(*parts):
    return np.array(Image.open(os.path.join(OUT, "viton", *parts)))


def rgb(*parts):
    return (torch.tensor(picture(*parts)).permute(2, 0, 1)[None].float() / 255) * 2 - 1


def save(name, args, want):
    want = {f"want/{k}": v.detach().contiguous().clone() for k, v in want.items()}
    path = os.path.join(OUT, "hr-viton-cases", name + ".safetensors")
    save_file(want, path, {"kind": "hrviton_chain", "args": json.dumps(args)})
    os.chmod(path, 0o644)


def run(condition, generator, occlusion, composition, seed):
    size, low = (256, 128), (64, 32)
    cloth, dense = rgb("cloth", "c0.png"), rgb("image-densepose", "p0.png")
    mask = torch.tensor(picture("cloth-mask", "c0.png") >= 128)[None, None].float()
    labels = torch.tensor(MERGED)[torch.tensor(picture("image-parse-agnostic-v3.2", "p0.png")).long()]
    parse = F.one_hot(labels, 13).permute(2, 0, 1)[None].float()
    small = lambda x: F.interpolate(x, low, mode="bilinear")
    a = torch.cat([small(cloth), F.interpolate(mask, low, mode="nearest")], 1)
    b = torch.cat([F.interpolate(parse, low, mode="nearest"), small(dense)], 1)
    got, _ = hr.condition(condition, a, b)
    flow = got[max(k for k in got if k.startswith("flow_"))]
    blurred = hr.logits(got["segmap"], got["warped_mask"], composition, size)
    classes = blurred.argmax(1)
    warped, warped_mask = hr.warp_full(torch.cat([cloth, mask], 1), flow).split([3, 1], 1)
    if occlusion:
        warped, warped_mask = hr.occlude(blurred, warped, warped_mask)
    map = F.one_hot(torch.tensor(hr.REGION)[classes], 7).permute(0, 3, 1, 2).float()
    x = torch.cat([rgb("agnostic", "p0.png"), dense, warped], 1)
    y = hr.generator(generator, x, map, hr.drawn_noise(seed))
    return flow, classes, warped, warped_mask, y


torch.set_num_threads(1)
with torch.no_grad():
    condition = load_file(os.path.join(OUT, "hr-viton", "mtviton.safetensors"))
    generator = torch.load(os.path.join(OUT, "hr-viton", "gen.pth"))
    args = {"data": "../viton", "person": "p0", "cloth": "c0", "height": 256, "width": 128, "cond_height": 64,
            "cond_width": 32, "condition": "mtviton", "generator": "gen"}
    flow, classes, _, _, y = run(condition, generator, False, "warp_grad", 5)
    save("chain", args | {"composition": "warp_grad", "occlusion": False, "noise_seed": 5},
         {"flow": flow, "labels13": classes.int(), "output": y})
    flow, classes, warped, mask, y = run(condition, generator, True, "detach", 6)
    v, x, h, w = 100, 40, 24, 32
    save("chain-every", args | {"composition": "detach", "occlusion": True, "noise_seed": 6, "every": 4, "window": [v, x, h, w]},
         {"flow": flow, "labels13_every": classes[:, ::4, ::4].int(),
          "labels13_count": torch.bincount(classes.flatten(), minlength=13).int(), "output_every": y[:, :, ::4, ::4],
          "output_mean": y.mean((0, 2, 3)), "output_window": y[:, :, v:v + h, x:x + w],
          "warped_cloth_every": warped[:, :, ::4, ::4], "warped_mask_every": mask[:, :, ::4, ::4]})
    print("classes", sorted(set(classes.flatten().tolist())), "picture", float(y.std()))
