#!/usr/bin/env python3
"""Writes a very small text-to-image pipeline and whole runs of inpainting with it.

    tools/golden/make_text_to_image.py tests/golden

Needs torch, diffusers, transformers (made with 2.15, 0.42.1, 5.23). nano4/ is nano/ with a UNet that takes noisy latents
alone (the first four of its nine channels); what else it needs is linked to nano/. nano4-cases/runs/ has the runs:
NAME.json the arguments, NAME.png the picture. StableDiffusionInpaintPipeline holds the photo around the mask by masked
denoising where a UNet has four channels.
"""
import json
import os
import shutil
import sys

import diffusers
import torch
from diffusers import StableDiffusionInpaintPipeline, UNet2DConditionModel
from PIL import Image

OUT = sys.argv[1]
RUNS = [("PNDMScheduler", dict(num_inference_steps=6, guidance_scale=7.5)),
        ("DDIMScheduler", dict(num_inference_steps=8, guidance_scale=4.0, strength=0.6, negative_prompt="blurry")),
        ("EulerAncestralDiscreteScheduler", dict(num_inference_steps=4, guidance_scale=1.0, height=40, width=24)),
        ("HeunDiscreteScheduler", dict(num_inference_steps=4, guidance_scale=3.0)),
        ("DPMSolverMultistepScheduler", dict(num_inference_steps=6, guidance_scale=3.0)),
        ("UniPCMultistepScheduler", dict(num_inference_steps=5, guidance_scale=3.0, strength=0.8))]


def write_folder(dir):
    nano = os.path.join(OUT, "nano")
    shutil.rmtree(dir, ignore_errors=True)
    os.makedirs(dir)
    for part in ("vae", "text_encoder", "tokenizer", "scheduler", "model_index.json"):
        os.symlink("../nano/" + part, os.path.join(dir, part))
    unet = UNet2DConditionModel.from_pretrained(os.path.join(nano, "unet"), torch_dtype=torch.float32)
    config = dict(unet.config) | {"in_channels": 4}
    small = UNet2DConditionModel.from_config(config)
    weights = unet.state_dict()
    weights["conv_in.weight"] = weights["conv_in.weight"][:, :4].contiguous()
    small.load_state_dict(weights)
    small.to(torch.float16).save_pretrained(os.path.join(dir, "unet"))


def pictures(dir, width, height):
    names = {"image": f"image-{width}x{height}.png", "mask": f"mask-{width}x{height}.png"}
    for name in names.values():
        shutil.copy(os.path.join(OUT, "nano-cases", "runs", name), dir)
    return Image.open(os.path.join(dir, names["image"])), Image.open(os.path.join(dir, names["mask"])), names


def main():
    dir, runs = os.path.join(OUT, "nano4"), os.path.join(OUT, "nano4-cases", "runs")
    write_folder(dir)
    shutil.rmtree(runs, ignore_errors=True)
    os.makedirs(runs)
    pipe = StableDiffusionInpaintPipeline.from_pretrained(dir, torch_dtype=torch.float32, safety_checker=None)
    pipe.set_progress_bar_config(disable=True)
    base = pipe.scheduler.config
    for cls, options in RUNS:
        args = {"prompt": "a person wearing a t-shirt", "seed": 5, "height": 32, "width": 32, "strength": 1.0} | options
        image, mask, names = pictures(runs, args["width"], args["height"])
        pipe.scheduler = getattr(diffusers, cls).from_config(base)
        call = {k: v for k, v in args.items() if k != "seed"}
        r = pipe(image=image, mask_image=mask, generator=torch.Generator().manual_seed(args["seed"]), **call).images[0]
        name = f"{cls.removesuffix('Scheduler')}-{args['num_inference_steps']}-{args['guidance_scale']}-{args['strength']}"
        r.save(os.path.join(runs, name + ".png"))
        json.dump(args | names | {"scheduler": cls}, open(os.path.join(runs, name + ".json"), "w"), indent=1)


main()
