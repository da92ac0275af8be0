#!/usr/bin/env python3
"""Writes two very small networks of HR-VITON's layout with random weights, and golden cases for them.

    tools/golden/make_hr_viton.py tests/golden

Needs torch and safetensors (made with torch 2.15). hr-viton/ has both networks as `.pth` and safetensors, under names as
they are found: hr-viton/trained/ has the condition generator as a parallel training saves it (`module.`) and the image
generator in the format before PyTorch 1.6 with older names (`.Spade`, `ace_0`). hr-viton-cases/ has one file per case as
`drape verify` reads them. Widths, and the image generator's number of doublings, are unlike the published ones, so that
nothing but the tensors can tell them; computed in double precision, given as f32.
"""
import json
import os
import sys

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

import hr_viton as hr

OUT = sys.argv[1]
MODEL, CASES = os.path.join(OUT, "hr-viton"), os.path.join(OUT, "hr-viton-cases")


def blobs(g, n, c, h, w, size=4):
    """Labels that lie in patches: the largest of c smooth noises."""
    return F.interpolate(torch.randn(n, c, h // size, w // size, generator=g), size=(h, w), mode="bicubic").argmax(1)


def one_hot(labels, c):
    return F.one_hot(labels, c).permute(0, 3, 1, 2).float()


def doubles(t):
    return {k: v.double() if v.is_floating_point() else v for k, v in t.items()}


def save_case(name, kind, args, inputs, want):
    t = {f"in/{k}": v for k, v in inputs.items()} | {f"want/{k}": v for k, v in want.items()}
    t = {k: (v.float() if v.dtype == torch.float64 else v.int() if v.dtype == torch.int64 else v) for k, v in t.items()}
    path = os.path.join(CASES, name + ".safetensors")
    save_file({k: v.detach().contiguous().clone() for k, v in t.items()}, path,
              {"kind": "hrviton_" + kind, "args": json.dumps(args)})
    os.chmod(path, 0o644)


def save_weights(condition, generator):
    os.makedirs(os.path.join(MODEL, "trained"), exist_ok=True)
    save_file(condition, os.path.join(MODEL, "mtviton.safetensors"))
    torch.save(generator, os.path.join(MODEL, "gen.pth"))
    torch.save({"module." + k: v for k, v in condition.items() if not k.startswith("conv2.")},
               os.path.join(MODEL, "trained", "mtviton.pth"))
    old = {k.replace(".norm_", ".ace_").replace(".conv_gamma", ".Spade.conv_gamma"): v for k, v in generator.items()}
    torch.save(old, os.path.join(MODEL, "trained", "gen.pth"), _use_new_zipfile_serialization=False)
    for folder, _, files in os.walk(MODEL):
        for f in files:
            os.chmod(os.path.join(folder, f), 0o644)


def condition_case(t, g):
    n, h, w = 1, 24, 16
    cloth, mask = torch.randn(n, 3, h, w, generator=g), one_hot(blobs(g, n, 2, h, w), 2)[:, 1:]
    parse, pose = one_hot(blobs(g, n, 13, h, w), 13), torch.randn(n, 3, h, w, generator=g)
    out, blocks = hr.condition(doubles(t), torch.cat([cloth, mask], 1).double(), torch.cat([parse, pose], 1).double())
    for name, weights in (("condition", "mtviton"), ("condition-trained", "trained/mtviton.pth")):
        save_case(name, "condition", {"weights": weights},
                  {"cloth": cloth, "cloth_mask": mask, "parse_agnostic": parse, "densepose": pose},
                  out | {f"block/{k}": v for k, v in blocks.items()})


def generator_case(t, g):
    h, w = 48, 32
    x, labels = torch.randn(1, 9, h // 2, w // 2, generator=g), blobs(g, 1, 7, h, w)
    big, map = x.repeat_interleave(2, 2).repeat_interleave(2, 3), one_hot(labels, 7)
    for name, weights, seed in (("generator", "gen", 77), ("generator-trained", "trained/gen.pth", 78),
                                ("generator-quiet", "gen.pth", None)):
        noise = None if seed is None else hr.drawn_noise(seed)
        y = hr.generator(doubles(t), big.double(), map.double(), noise)
        save_case(name, "generator", {"weights": weights} | ({} if seed is None else {"noise_seed": seed}),
                  {"x": x, "labels7": labels}, {"image": y})
    convs = [k[:-len(".weight_orig")] for k in t if k.endswith(".weight_orig")]
    save_case("spectral", "spectral", {"weights": "gen"}, {}, {f"sigma/{c}": hr.sigma(doubles(t), c).view(1) for c in convs})


def norm_cases(g):
    for type, regions in (("instance", 7), ("mask", 8)):
        m = hr.Maker(5)
        m.spade_norm("", 5, 4, regions)
        t = {k[1:]: v for k, v in m.t.items()}
        n, h, w = 2, 9, 6
        x, noise = torch.randn(n, 5, h, w, generator=g) + 2, torch.randn(n, 1, h, w, generator=g)
        map = one_hot(torch.randint(0, regions, (n, h, w), generator=g), regions)
        mask = (torch.rand(n, 1, h, w, generator=g) > 0.6).float() * torch.tensor([1.0, 0.0]).view(2, 1, 1, 1)
        y, out = hr.spade_norm(doubles(t), "", x.double(), map.double(), noise.double(),
                               mask.double() if type == "mask" else None)
        save_case("spade-norm-" + type, "spade_norm", {"type": type},
                  {"x": x, "seg": map, "noise": noise} | ({"mask": mask} if type == "mask" else {}) |
                  {f"param/{k}": v for k, v in t.items()}, {"normalized": y, "out": out})


def glue_cases(g):
    n, h, w, fh, fw = 1, 16, 24, 4, 6
    segmap = F.relu(torch.randn(n, 13, 2 * fh, 2 * fw, generator=g)) * 2
    low, cloth = torch.rand(n, 1, 2 * fh, 2 * fw, generator=g), torch.randn(n, 3, h, w, generator=g)
    mask, flow = one_hot(blobs(g, n, 2, h, w), 2)[:, 1:], 2 * torch.randn(n, fh, fw, 2, generator=g)
    for composition, occlusion in (("warp_grad", False), ("detach", True), ("no_composition", True)):
        b = hr.logits(segmap.double(), low.double(), composition, (h, w))
        labels = b.argmax(1)
        c, m = hr.warp_full(torch.cat([cloth, mask], 1), flow).double().split([3, 1], 1)  # f32: positions are rounded
        if occlusion:
            c, m = hr.occlude(b, c, m)
        save_case("glue-" + composition, "glue",
                  {"composition": composition, "occlusion": occlusion, "height": h, "width": w},
                  {"segmap": segmap, "warped_mask_low": low, "cloth": cloth, "cloth_mask": mask, "flow": flow},
                  {"blurred": b, "labels13": labels, "labels7": torch.tensor(hr.REGION)[labels], "warped_cloth": c,
                   "warped_mask": m})


def warp_case(g):
    cloth, mask = torch.randn(1, 3, 40, 31, generator=g), torch.rand(1, 1, 40, 31, generator=g)
    flow = 3 * torch.randn(1, 16, 12, 2, generator=g)
    c, m = hr.warp_full(torch.cat([cloth, mask], 1), flow).split([3, 1], 1)
    save_case("warp", "warp", {"height": 40, "width": 31}, {"cloth": cloth, "cloth_mask": mask, "flow": flow},
              {"warped_cloth": c, "warped_mask": m})


os.makedirs(CASES, exist_ok=True)
torch.set_num_threads(1)
with torch.no_grad():
    condition = hr.random_condition(0, 1, width=[3, 5, 4], decoder=[6, 4, 3], middle=7)
    generator = hr.random_generator(0, 3, 2, width=[4, 4, 6, 3, 2], feature=[4, 3, 2, 3, 2])
    save_weights(condition, generator)
    g = torch.Generator().manual_seed(17)
    condition_case(condition, g)
    generator_case(generator, g)
    norm_cases(g)
    glue_cases(g)
    warp_case(g)
