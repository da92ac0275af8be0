#!/usr/bin/env python3
"""PyTorch's side of bench/compare_train.py: steps of diffusers' DreamBooth inpainting script.

    torch_train.py train --optimizer adamw|adamw8|lora --model DIR --image PNG --mask PNG --resolution N --steps N
        prints {"seconds": [of each step], "loss": [of each step]}
    torch_train.py versions
        prints versions, null for a library that is not there

A step is what the script does in one, in f32 with gradient checkpointing, batch 1: photo and masked photo through the
VAE, text encoder, UNet, backward, clipping, AdamW. VAE and text encoder are frozen. Prompts are padded to 77 tokens,
as drape does, so that both sides do the same work.
"""
import argparse
import importlib.metadata
import importlib.util
import json
import os
import time


def arguments():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("job", choices=["train", "versions"])
    p.add_argument("--optimizer", choices=["adamw", "adamw8", "lora"], default="adamw")
    p.add_argument("--model")
    p.add_argument("--image")
    p.add_argument("--mask")
    p.add_argument("--prompt", default="t-shirt")
    p.add_argument("--resolution", type=int, default=512)
    p.add_argument("--steps", type=int, default=2)
    p.add_argument("--threads", type=int, default=0)
    p.add_argument("--seed", type=int, default=0)
    return p.parse_args()


class Models:
    """The parts of the folder, in f32, frozen."""

    def __init__(self, folder):
        import torch
        from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
        from transformers import CLIPTextModel, CLIPTokenizer
        self.tokenizer = CLIPTokenizer.from_pretrained(os.path.join(folder, "tokenizer"))
        self.schedule = DDPMScheduler.from_pretrained(folder, subfolder="scheduler")
        self.text, self.vae, self.unet = (
            c.from_pretrained(os.path.join(folder, part)).to(torch.float32).requires_grad_(False)
            for c, part in ((CLIPTextModel, "text_encoder"), (AutoencoderKL, "vae"), (UNet2DConditionModel, "unet")))


def make_trainable(unet, optimizer):
    """The parameters to train: all of the UNet, or rank 4 adapters on its attention projections."""
    if optimizer == "lora":
        from peft import LoraConfig
        unet.add_adapter(LoraConfig(r=4, lora_alpha=4, init_lora_weights="gaussian",
                                    target_modules=["to_q", "to_k", "to_v", "to_out.0"]))
    else:
        unet.requires_grad_(True)
    unet.enable_gradient_checkpointing()
    unet.train()
    return [p for p in unet.parameters() if p.requires_grad]


def make_optimizer(parameters, optimizer):
    import torch
    cls = torch.optim.AdamW
    if optimizer == "adamw8":
        import bitsandbytes
        cls = bitsandbytes.optim.AdamW8bit
    return cls(parameters, lr=2e-6, betas=(0.9, 0.999), weight_decay=1e-2, eps=1e-8)


def load_batch(a, tokenizer):
    """pixels [1,3,N,N] in [-1,1], the same with the mask grey, mask [1,1,N,N], ids [1,77]"""
    import numpy
    import torch
    from PIL import Image
    size = (a.resolution, a.resolution)
    photo = numpy.asarray(Image.open(a.image).convert("RGB").resize(size), dtype=numpy.float32)
    mask = numpy.asarray(Image.open(a.mask).convert("L").resize(size), dtype=numpy.float32)
    pixels = torch.from_numpy(photo / 127.5 - 1).permute(2, 0, 1)[None].contiguous()
    mask = torch.from_numpy(mask >= 127.5).float()[None, None]
    ids = tokenizer([a.prompt], padding="max_length", truncation=True, max_length=77, return_tensors="pt").input_ids
    return pixels, pixels * (mask < 0.5), mask, ids


def predict(m, batch):
    """One draw of noise and timestep: the UNet's prediction and what it should have been."""
    import torch
    pixels, masked, mask, ids = batch
    scale = m.vae.config.scaling_factor
    latents = m.vae.encode(pixels).latent_dist.sample() * scale
    masked_latents = m.vae.encode(masked).latent_dist.sample() * scale
    small = torch.nn.functional.interpolate(mask, size=latents.shape[-2:])
    noise = torch.randn_like(latents)
    t = torch.randint(0, m.schedule.config.num_train_timesteps, (1,))
    noisy = m.schedule.add_noise(latents, noise, t)
    prediction = m.unet(torch.cat([noisy, small, masked_latents], dim=1), t, m.text(ids)[0]).sample
    velocity = m.schedule.config.prediction_type == "v_prediction"
    return prediction, m.schedule.get_velocity(latents, noise, t) if velocity else noise


def train(a):
    import torch
    torch.manual_seed(a.seed)
    m = Models(a.model)
    parameters = make_trainable(m.unet, a.optimizer)
    optimizer = make_optimizer(parameters, a.optimizer)
    batch = load_batch(a, m.tokenizer)
    seconds, losses = [], []
    for _ in range(a.steps):
        start = time.perf_counter()
        loss = torch.nn.functional.mse_loss(*predict(m, batch))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        seconds.append(time.perf_counter() - start)
    return {"seconds": seconds, "loss": losses}


def versions():
    names = ["torch", "diffusers", "transformers", "peft", "bitsandbytes"]
    found = {n: importlib.metadata.version(n) if importlib.util.find_spec(n) else None for n in names}
    missing = [n for n in names[:3] if not found[n]]
    if missing:
        raise SystemExit(f"no {', '.join(missing)}")
    return found


def main():
    a = arguments()
    if a.job == "versions":
        result = versions()
    else:
        import torch
        if a.threads:
            torch.set_num_threads(a.threads)
        result = train(a)
    print(json.dumps(result))


main()
