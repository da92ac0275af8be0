#!/usr/bin/env python3
"""Writes a very small pipeline whose VAE is diffusers' AutoencoderTiny (TAESD), cases of its two halves, and whole runs.

    tools/golden/make_vae_tiny.py tests/golden

Needs torch, diffusers, transformers, safetensors (made with 2.15, 0.42.1, 5.23, 0.7). nanot/ is nano/ with another VAE, of
random weights, in f16; all else is linked to nano/. nanot-cases/ has the cases, nanot-cases/runs/ the runs as nano4's.
"""
import json
import os
import shutil
import sys

import diffusers
import torch
from diffusers import AutoencoderTiny, StableDiffusionInpaintPipeline
from PIL import Image
from safetensors.torch import save_file

OUT = sys.argv[1]
RUNS = [("PNDMScheduler", dict(num_inference_steps=6, guidance_scale=7.5)),
        ("EulerDiscreteScheduler", dict(num_inference_steps=5, guidance_scale=3.0, strength=0.7))]


def write_folder(dir):
    shutil.rmtree(dir, ignore_errors=True)
    os.makedirs(dir)
    for part in ("unet", "text_encoder", "tokenizer", "scheduler"):
        os.symlink("../nano/" + part, os.path.join(dir, part))
    index = json.load(open(os.path.join(OUT, "nano", "model_index.json")))
    index["vae"] = ["diffusers", "AutoencoderTiny"]
    json.dump(index, open(os.path.join(dir, "model_index.json"), "w"), indent=1)
    torch.manual_seed(11)
    vae = AutoencoderTiny(encoder_block_out_channels=(12, 12, 12), decoder_block_out_channels=(8, 8, 8),
                          num_encoder_blocks=(1, 2, 3), num_decoder_blocks=(2, 3, 1), scaling_factor=0.9)
    with torch.no_grad():  # so that latents reach into the bend of the decoder's tanh
        list(vae.encoder.parameters())[-2].mul_(8)
    vae.to(torch.float16).save_pretrained(os.path.join(dir, "vae"))


def save_case(dir, name, kind, inputs, outputs):
    tensors = {f"in/{k}": v for k, v in inputs.items()} | {f"want/{k}": v for k, v in outputs.items()}
    save_file({k: v.detach().contiguous() for k, v in tensors.items()}, os.path.join(dir, name + ".safetensors"),
              {"kind": kind, "args": "{}"})


def pictures(dir, width, height):
    names = {"image": f"image-{width}x{height}.png", "mask": f"mask-{width}x{height}.png"}
    for name in names.values():
        shutil.copy(os.path.join(OUT, "nano-cases", "runs", name), dir)
    return Image.open(os.path.join(dir, names["image"])), Image.open(os.path.join(dir, names["mask"])), names


def main():
    dir, cases = os.path.join(OUT, "nanot"), os.path.join(OUT, "nanot-cases")
    runs = os.path.join(cases, "runs")
    write_folder(dir)
    shutil.rmtree(cases, ignore_errors=True)
    os.makedirs(runs)
    vae = AutoencoderTiny.from_pretrained(os.path.join(dir, "vae"), torch_dtype=torch.float32)
    g = torch.Generator().manual_seed(3)
    with torch.no_grad():
        x = torch.rand(2, 3, 32, 24, generator=g) * 2 - 1
        save_case(cases, "vae_encode", "vae_encode", {"image": x}, {"mean": vae.encode(x).latents})
        z = torch.randn(2, 4, 7, 5, generator=g) * 3
        save_case(cases, "vae_decode", "vae_decode", {"latents": z}, {"image": vae.decode(z).sample})
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
