#!/usr/bin/env python3
"""Writes tests/golden/NAME-cases/catvton_train.safetensors for nano and nano1: a few steps of training on pairs.

    tools/golden/make_catvton_train.py tests/golden

Needs torch, diffusers (made with 2.15, 0.42.1). Rules of arXiv 2407.15886: person above garment in latents of twice the
height, cross-attention skipped (it gives back what it is given), the self-attention alone is trained, the loss is over
both halves, and a sample without its garment has zeros in that half of the condition.
"""
import json
import os
import sys

import torch
import torch.nn.functional as F
from diffusers import DDPMScheduler, UNet2DConditionModel
from safetensors.torch import save_file

OUT = sys.argv[1]
STEPS, N, H, W = 3, 2, 6, 5
ADAMW = dict(lr=1e-3, betas=(0.9, 0.999), weight_decay=1e-2, eps=1e-5)  # or the rounding of tiny gradients decides signs
CLIP = 0.1  # low, so that it clips in some of the steps


class Skip:
    """What stands in the place of cross-attention."""

    def __call__(self, attn, hidden_states, *args, **kwargs):
        return hidden_states


def load(name):
    variant = {"variant": "fp16"} if name == "nano1" else {}
    unet = UNet2DConditionModel.from_pretrained(os.path.join(OUT, name, "unet"), torch_dtype=torch.float32, **variant)
    unet.requires_grad_(False)
    learns = {}
    for path, module in unet.named_modules():
        if path.endswith(".attn2"):
            module.set_processor(Skip())
        if path.endswith(".attn1"):
            module.requires_grad_(True)
            learns |= {f"{path}.{k}": p for k, p in module.named_parameters()}
    with open(os.path.join(OUT, name, "scheduler", "scheduler_config.json")) as f:
        return unet.train(), learns, DDPMScheduler.from_config(json.load(f))


def draw(g):
    rn = lambda *shape: torch.randn(*shape, generator=g)
    return {"person": rn(N, 4, H, W), "garment": rn(N, 4, H, W), "masked": rn(N, 4, H, W),
            "mask": (torch.rand(N, 1, H, W, generator=g) > 0.5).float(), "noise": rn(N, 4, 2 * H, W),
            "timestep": torch.randint(0, 1000, (N,), generator=g), "dropped": torch.randint(0, 2, (N,), generator=g)}


def loss_of(unet, ddpm, d):
    latents = torch.cat([d["person"], d["garment"]], dim=2)
    noisy = ddpm.add_noise(latents, d["noise"], d["timestep"])
    shown = d["garment"] * (1 - d["dropped"].float()).view(N, 1, 1, 1)
    mask = torch.cat([d["mask"], torch.zeros_like(d["mask"])], dim=2)
    x = torch.cat([noisy, mask, torch.cat([d["masked"], shown], dim=2)], dim=1)
    v = ddpm.config.prediction_type == "v_prediction"
    target = ddpm.get_velocity(latents, d["noise"], d["timestep"]) if v else d["noise"]
    return F.mse_loss(unet(x, d["timestep"], encoder_hidden_states=None).sample, target)


def make(name, seed):
    unet, learns, ddpm = load(name)
    g = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(learns.values(), **ADAMW)
    tensors, losses, norms = {}, [], []
    for i in range(STEPS):
        d = draw(g)
        d["dropped"][i % N] = i % 2  # both kinds are among them
        loss = loss_of(unet, ddpm, d)
        optimizer.zero_grad()
        loss.backward()
        tensors |= {f"in/{i}/{k}": v for k, v in d.items()}
        tensors |= {f"want/{i}/grad/{k}": p.grad.clone() for k, p in learns.items() if i in (0, STEPS - 1)}
        losses.append(loss.detach())
        norms.append(torch.nn.utils.clip_grad_norm_(learns.values(), CLIP))
        optimizer.step()
    tensors |= {f"want/trained/{k}": p for k, p in learns.items()}
    tensors |= {"want/loss": torch.stack(losses), "want/norm": torch.stack(norms)}
    tensors = {k: (v.to(torch.int32) if v.dtype == torch.int64 else v.detach().float()).contiguous() for k, v in tensors.items()}
    args = {"steps": STEPS, "lr": ADAMW["lr"], "betas": ADAMW["betas"], "weight_decay": ADAMW["weight_decay"],
            "eps": ADAMW["eps"], "max_grad_norm": CLIP}
    path = os.path.join(OUT, name + "-cases", "catvton_train.safetensors")
    save_file(tensors, path, {"kind": "catvton_train", "args": json.dumps(args)})
    os.chmod(path, 0o644)
    print(name, len(learns), "tensors, losses", losses, "norms", norms, os.path.getsize(path), "bytes")


make("nano", 21)
make("nano1", 22)
