#!/usr/bin/env python3
"""Writes golden cases that have what every block of UNet and VAE gives, beside the whole model's result.

    tools/golden/make_blocks.py tests/golden

Needs torch, diffusers (made with 2.15, 0.42.1) and the folders that make_nano.py wrote. A case NAME-blocks.safetensors is
one of kind NAME with want/block/MODULE besides: resnets, transformers and attentions, down, mid and up blocks, each under
its name in diffusers. The first of them that is wrong says where a fault is.
"""
import os
import sys

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.models.attention_processor import Attention
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.transformers.transformer_2d import Transformer2DModel
from safetensors.torch import load_file, save_file

OUT = sys.argv[1]


def is_block(name, module):
    parts = name.split(".")
    if isinstance(module, (ResnetBlock2D, Transformer2DModel)):
        return True
    if isinstance(module, Attention):  # the VAE's; those inside a transformer belong to it
        return parts[-2] == "attentions"
    return parts[-1] == "mid_block" or len(parts) > 1 and parts[-2] in ("down_blocks", "up_blocks")


def watch(model, call):
    """call()'s result, and what each block gave on the way."""
    seen, hooks = {}, []
    for name, module in model.named_modules():
        if is_block(name, module):
            def note(module, args, out, name=name):
                out = out[0] if isinstance(out, tuple) else getattr(out, "sample", out)
                seen[f"block/{name}"] = out.clone()
            hooks.append(module.register_forward_hook(note))
    with torch.no_grad():
        result = call()
    for h in hooks:
        h.remove()
    return result, seen


def save_case(dir, kind, inputs, want):
    t = {f"in/{k}": v for k, v in inputs.items()} | {f"want/{k}": v for k, v in want.items()}
    t = {k: (v.to(torch.int32) if v.dtype == torch.int64 else v.float()).contiguous().clone() for k, v in t.items()}
    path = os.path.join(dir, kind + "-blocks.safetensors")
    save_file(t, path, {"kind": kind, "args": "{}"})
    os.chmod(path, 0o644)
    print(dir, kind, len(want), "tensors")


def load(cls, *path):
    dir = os.path.join(OUT, *path)
    model, weights = cls.from_config(cls.load_config(dir)), {}
    for f in sorted(os.listdir(dir)):
        weights |= load_file(os.path.join(dir, f)) if f.endswith(".safetensors") else {}
    for new, old in (("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn")):
        weights = {k.replace(f".{old}.", f".{new}."): v for k, v in weights.items()}
    for k, v in weights.items():  # the VAE's attention as 1x1 convolutions
        if isinstance(model, AutoencoderKL) and ".attentions." in k and v.dim() == 4:
            weights[k] = v[:, :, 0, 0]
    model.load_state_dict({k: v.float() for k, v in weights.items()})
    return model.eval()


def main():
    for name, seed in (("nano", 21), ("nano1", 22)):
        dir, g = os.path.join(OUT, name + "-cases"), torch.Generator().manual_seed(seed)
        rn = lambda *shape: torch.randn(*shape, generator=g)
        unet, vae = load(UNet2DConditionModel, name, "unet"), load(AutoencoderKL, name, "vae")
        f = 2 ** (len(vae.config.block_out_channels) - 1)
        s, t, c = rn(1, 9, 5, 4), torch.tensor([299]), rn(1, 77, unet.config.cross_attention_dim)
        y, seen = watch(unet, lambda: unet(s, t, c).sample)
        save_case(dir, "unet", {"sample": s, "timestep": t, "encoder_hidden_states": c}, {"sample": y} | seen)
        x, z = rn(1, 3, 3 * f, 2 * f).clamp(-1, 1), rn(1, 4, 3, 2)
        d, seen = watch(vae.encoder, lambda: vae.encode(x).latent_dist)
        seen = {k.replace("block/", "block/encoder.", 1): v for k, v in seen.items()}
        save_case(dir, "vae_encode", {"image": x}, {"mean": d.mean, "logvar": d.logvar} | seen)
        y, seen = watch(vae.decoder, lambda: vae.decode(z).sample)
        seen = {k.replace("block/", "block/decoder.", 1): v for k, v in seen.items()}
        save_case(dir, "vae_decode", {"latents": z}, {"image": y} | seen)


main()
