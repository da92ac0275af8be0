#!/usr/bin/env python3
"""Writes whole runs whose UNet is computed in part, as the DeepCache package does it.

    tools/golden/make_deepcache.py tests/golden

Needs torch, diffusers, transformers, DeepCache (made with 2.15, 0.42.1, 5.23, 0.1.1). nano-cases/cached-runs/ and
nano1-cases/cached-runs/: NAME.json the arguments, NAME.png the picture. The package counts branches as Stable Diffusion's
UNet has them, three a level; for another UNet level and layer are set themselves, and `cache_branch` is the skip
connection that they are.
"""
import json
import os
import shutil
import sys

import diffusers
import torch
from DeepCache import DeepCacheSDHelper
from diffusers import AutoencoderKL, StableDiffusionInpaintPipeline
from PIL import Image
from safetensors.torch import load_file

OUT = sys.argv[1]
RUNS = {"nano": [("DDIMScheduler", 3, 0, dict(num_inference_steps=8, guidance_scale=7.5)),
                 ("DPMSolverMultistepScheduler", 2, 2, dict(num_inference_steps=7, guidance_scale=4.0, strength=0.8)),
                 ("UniPCMultistepScheduler", 4, 1, dict(num_inference_steps=8, guidance_scale=1.0, height=40, width=24))],
        "nano1": [("DDIMScheduler", 2, 1, dict(num_inference_steps=6, guidance_scale=3.0)),
                  ("DPMSolverMultistepScheduler", 3, 4, dict(num_inference_steps=7, guidance_scale=7.5))]}


def open_pipeline(dir, old):
    """`old`: laid out as years ago, with names in the VAE's attention that diffusers no longer reads."""
    parts = {"variant": "fp16"} if old else {}
    if old:
        vae = AutoencoderKL.from_config(AutoencoderKL.load_config(os.path.join(dir, "vae")))
        weights = {}
        for k, v in load_file(os.path.join(dir, "vae", "diffusion_pytorch_model.fp16.safetensors")).items():
            for name, was in (("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn")):
                k = k.replace("." + was + ".", "." + name + ".")
            weights[k] = (v[:, :, 0, 0] if ".to_" in k and v.dim() == 4 else v).float()
        vae.load_state_dict(weights)
        parts["vae"] = vae
    return StableDiffusionInpaintPipeline.from_pretrained(dir, torch_dtype=torch.float32, safety_checker=None, **parts)


def picture(pipe, helper, args, interval, branch, files):
    """`branch` of this UNet's skip connections, of which each level has one per layer and one for halving."""
    a_level = pipe.unet.config.layers_per_block + 1
    helper.set_params(cache_interval=interval)
    helper.params |= {"cache_block_id": branch // a_level, "cache_layer_id": branch % a_level}
    helper.enable()
    try:
        call = {k: v for k, v in args.items() if k != "seed"}
        return pipe(image=files[0], mask_image=files[1], generator=torch.Generator().manual_seed(args["seed"]), **call).images[0]
    finally:
        helper.disable()


def main():
    for model, runs in RUNS.items():
        dir = os.path.join(OUT, model + "-cases", "cached-runs")
        shutil.rmtree(dir, ignore_errors=True)
        os.makedirs(dir)
        pipe = open_pipeline(os.path.join(OUT, model), old=model == "nano1")
        pipe.set_progress_bar_config(disable=True)
        helper, base = DeepCacheSDHelper(pipe=pipe), pipe.scheduler.config
        for cls, interval, branch, options in runs:
            args = {"prompt": "a person wearing a t-shirt", "seed": 5, "height": 32, "width": 32, "strength": 1.0} | options
            names = {k: f"../runs/{k}-{args['width']}x{args['height']}.png" for k in ("image", "mask")}
            files = [Image.open(os.path.join(dir, name)) for name in names.values()]
            pipe.scheduler = getattr(diffusers, cls).from_config(base)
            name = f"{cls.removesuffix('Scheduler')}-{interval}-{branch}"
            picture(pipe, helper, args, interval, branch, files).save(os.path.join(dir, name + ".png"))
            with open(os.path.join(dir, name + ".json"), "w") as f:
                json.dump(args | names | {"scheduler": cls, "cache_interval": interval, "cache_branch": branch}, f, indent=1)


if __name__ == "__main__":
    main()
