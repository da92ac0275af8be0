#!/usr/bin/env python3
"""PSNR, SSIM and MS-SSIM of small drawn pictures, as scikit-image, torchmetrics and pytorch-msssim compute them.

    tools/golden/make_metrics.py tests/golden/eval

Writes pairs of pictures (NAME-a.png, NAME-b.png), a mask for each (NAME-mask.png) and metrics.json. Made with
scikit-image 0.26.0, torchmetrics 1.9.0, pytorch-msssim 1.0.0, torch 2.15.
"""
import json
import os
import sys

import numpy as np
import pytorch_msssim
import torch
import torchmetrics.functional.image as tm
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity


def drawn(width, height, seed):
    """Cloth on a wall: a gradient, stripes in a disc, a flat patch."""
    r = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    wall = np.stack([120 + 90 * x / width, 140 + 60 * y / height, 200 - 80 * x / width], -1)
    stripes = 60 * np.sin(2 * np.pi * (x * r.uniform(.05, .15) + y * r.uniform(.05, .15)))
    disc = (x - .5 * width) ** 2 + (y - .55 * height) ** 2 < (.35 * min(width, height)) ** 2
    wall[disc] = np.stack([150 + stripes, 60 + .5 * stripes, 70 + .2 * stripes], -1)[disc]
    wall[:height // 6, :width // 5] = 255
    return np.clip(np.rint(wall), 0, 255).astype(np.uint8), disc


def spoiled(a, how, where, seed):
    r = np.random.default_rng(seed)
    b = a.astype(np.float64)
    if how == "noise":
        b += r.normal(0, 12, a.shape)
    elif how == "blur":
        for axis in (0, 1):
            b = (np.roll(b, 1, axis) + 2 * b + np.roll(b, -1, axis)) / 4
        b = .8 * b + 25
    elif how == "inside":
        b[where] = 255 - b[where]
    return np.clip(np.rint(b), 0, 255).astype(np.uint8)


def torch_of(a):
    return torch.from_numpy(a.copy()).permute(2, 0, 1)[None].double()


def finite(v):
    return float(v) if np.isfinite(v) else None


def measured(a, b, where):
    gaussian = dict(gaussian_weights=True, sigma=1.5)
    out = {"psnr": finite(peak_signal_noise_ratio(a, b, data_range=255))}
    for name, more, pad in (("ssim_skimage", {}, 3), ("ssim_skimage_gaussian", gaussian, 5)):
        mean, full = structural_similarity(a, b, data_range=255, channel_axis=-1, full=True, **more)
        inner = np.zeros(where.shape, bool)
        inner[pad:-pad, pad:-pad] = True
        out[name] = float(mean)
        out[name + "_inside"] = float(full[inner & where].mean())
        out[name + "_outside"] = float(full[inner & ~where].mean())
    x, y = torch_of(a), torch_of(b)
    mean, full = tm.structural_similarity_index_measure(x, y, data_range=255., return_full_image=True)
    full = full[0].permute(1, 2, 0).numpy()
    out["psnr_torchmetrics"] = finite(tm.peak_signal_noise_ratio(x, y, data_range=255.))
    out["ssim_torchmetrics"] = float(mean)
    out["ssim_torchmetrics_f32"] = float(tm.structural_similarity_index_measure(x.float(), y.float(), data_range=255.))
    out["ssim_torchmetrics_inside"] = float(full[where].mean(dtype=np.float64))
    out["ssim_torchmetrics_outside"] = float(full[~where].mean(dtype=np.float64))
    if min(a.shape[:2]) >= 176:
        out["ms_ssim_torchmetrics"] = float(tm.multiscale_structural_similarity_index_measure(x, y, data_range=255.))
        out["ms_ssim_pytorch"] = float(pytorch_msssim.ms_ssim(x, y, data_range=255))
    return out


def main():
    folder, found = sys.argv[1], {}
    cases = [("noise", 61, 47), ("blur", 64, 80), ("inside", 48, 64), ("large", 187, 203)]
    for seed, (name, width, height) in enumerate(cases):
        a, where = drawn(width, height, seed)
        b = spoiled(a, "noise" if name == "large" else name, where, seed)
        if name == "large":
            b = spoiled(b, "blur", where, seed)
        for end, picture in (("a", a), ("b", b), ("mask", where.astype(np.uint8) * 255)):
            Image.fromarray(picture).save(os.path.join(folder, f"{name}-{end}.png"), optimize=True)
        found[name] = measured(a, b, where)
    with open(os.path.join(folder, "metrics.json"), "w", encoding="utf-8") as f:
        json.dump(found, f, indent=1)
        f.write("\n")


main()
