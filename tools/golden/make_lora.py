#!/usr/bin/env python3
"""Golden LoRA files of every common maker, and the weights that diffusers merges from them.

    make_lora.py OUT_DIR        (tests/golden/lora)

Needs torch, diffusers, transformers, peft. base.safetensors has some layers of a tiny UNet ("unet/NAME") and a
tiny text encoder ("text/NAME", without text_model.). CASE.safetensors is an adapter, CASE-want.safetensors the same
layers after merging it with a scale of 0.7.
"""
import json
import os
import sys

import torch
from diffusers import StableDiffusionInpaintPipeline
from peft import LoraConfig, PeftModel, get_peft_model
from peft.utils import get_peft_model_state_dict
from safetensors.torch import save_file

from make_lora_pipe import SCALE, TEXT, TEXT_MORE, UNET, UNET_MORE, make_pipe

OUT = sys.argv[1]


def layer_weights(unet, text):
    u = unet.state_dict()
    t = {k.removeprefix("text_model."): v for k, v in text.state_dict().items()}
    out = {f"unet/{n}.weight": u[f"{n}.weight"] for n in UNET + UNET_MORE}
    out.update({f"text/{n}.weight": t[f"{n}.weight"] for n in TEXT + TEXT_MORE})
    return {k: v.detach().clone().contiguous() for k, v in out.items()}


def factors(weights, key, rank, g):
    """down and up for a layer; a convolution's down has its kernel, its up is 1x1."""
    w = weights[key + ".weight"]
    down = torch.randn((rank, *w.shape[1:]), generator=g) * 0.3
    up = torch.randn((w.shape[0], rank) + (1, 1) * (w.dim() == 4), generator=g) * 0.3
    return down, up


def merged(file):
    pipe = make_pipe()
    pipe.load_lora_weights(OUT, weight_name=file)
    pipe.fuse_lora(lora_scale=SCALE)
    pipe.unload_lora_weights()
    return layer_weights(pipe.unet, pipe.text_encoder)


def write(name, tensors, metadata=None):
    save_file({k: v.contiguous() for k, v in tensors.items()}, f"{OUT}/{name}.safetensors",
              {"format": "pt", **(metadata or {})})
    want, base = merged(f"{name}.safetensors"), layer_weights(*(lambda p: (p.unet, p.text_encoder))(make_pipe()))
    changed = sorted(k for k in want if not torch.equal(want[k], base[k]))
    print(name, len(tensors), "tensors,", len(changed), "layers changed")
    save_file(want, f"{OUT}/{name}-want.safetensors")


def diffusers_file(weights):
    """save_lora_weights, with metadata: alpha is not the rank, and differs for one layer."""
    pipe = make_pipe()
    torch.manual_seed(1)
    pipe.unet.add_adapter(LoraConfig(r=3, lora_alpha=5, target_modules=UNET + UNET_MORE[:1], init_lora_weights=False,
                                     alpha_pattern={"attn2.to_k": 2}, rank_pattern={"attn2.to_k": 1}))
    pipe.text_encoder.add_adapter(LoraConfig(r=2, lora_alpha=3, target_modules=TEXT, init_lora_weights=False))
    meta = {"unet": pipe.unet.peft_config["default"].to_dict(),
            "text_encoder": pipe.text_encoder.peft_config["default"].to_dict()}
    text = {("" if k.startswith("text_model.") else "text_model.") + k: v
            for k, v in get_peft_model_state_dict(pipe.text_encoder, adapter_name="default").items()}
    StableDiffusionInpaintPipeline.save_lora_weights(
        OUT, unet_lora_layers=get_peft_model_state_dict(pipe.unet), text_encoder_lora_layers=text,
        weight_name="tmp.safetensors", unet_lora_adapter_metadata=meta["unet"],
        text_encoder_lora_adapter_metadata=meta["text_encoder"])
    from safetensors import safe_open
    with safe_open(f"{OUT}/tmp.safetensors", "pt") as f:
        tensors = {k: f.get_tensor(k) for k in f.keys()}
        metadata = f.metadata()
    os.remove(f"{OUT}/tmp.safetensors")
    write("diffusers", tensors, metadata)


def kohya_file(weights):
    """One alpha per model: with one per layer diffusers 0.42 takes the commonest for attention layers."""
    g = torch.Generator().manual_seed(2)
    out = {}
    for i, n in enumerate(UNET + UNET_MORE + TEXT + TEXT_MORE):
        text = n in TEXT + TEXT_MORE
        down, up = factors(weights, ("text/" if text else "unet/") + n, 1 + i % 3, g)
        key = ("lora_te_text_model_" if text else "lora_unet_") + n.replace(".", "_")
        out[f"{key}.lora_down.weight"] = down.half()
        out[f"{key}.lora_up.weight"] = up.half()
        out[f"{key}.alpha"] = torch.tensor(1.5 if text else 2.5)
    write("kohya", out)


def old_diffusers_file(weights):
    g = torch.Generator().manual_seed(3)
    out = {}
    for n in UNET:
        down, up = factors(weights, "unet/" + n, 2, g)
        layer, proj = n.removesuffix(".0").rsplit(".", 1)
        out[f"unet.{layer}.processor.{proj}_lora.down.weight"] = down
        out[f"unet.{layer}.processor.{proj}_lora.up.weight"] = up
    for n in TEXT:
        down, up = factors(weights, "text/" + n, 2, g)
        layer, proj = n.rsplit(".", 1)
        out[f"text_encoder.text_model.{layer}.{proj}.lora_linear_layer.down.weight"] = down
        out[f"text_encoder.text_model.{layer}.{proj}.lora_linear_layer.up.weight"] = up
    write("old-diffusers", out)


def peft_folder(weights):
    """A UNet adapter saved by peft itself: alpha stands in adapter_config.json beside it."""
    pipe = make_pipe()
    torch.manual_seed(4)
    config = LoraConfig(r=2, lora_alpha=8, use_rslora=True, target_modules=UNET[:2], init_lora_weights=False)
    model = get_peft_model(pipe.unet, config)
    model.save_pretrained(f"{OUT}/peft")
    c = json.load(open(f"{OUT}/peft/adapter_config.json"))
    keep = {k: c[k] for k in ("r", "lora_alpha", "use_rslora", "alpha_pattern", "rank_pattern", "use_dora", "peft_type")}
    pipe = make_pipe()
    model = PeftModel.from_pretrained(pipe.unet, f"{OUT}/peft")
    for m in model.modules():
        if hasattr(m, "scale_layer"):
            m.scale_layer(SCALE)
    unet = model.merge_and_unload()
    save_file(layer_weights(unet, pipe.text_encoder), f"{OUT}/peft/want.safetensors")
    json.dump(keep, open(f"{OUT}/peft/adapter_config.json", "w"), indent=1)
    for f in os.listdir(f"{OUT}/peft"):
        if f.endswith(".md"):
            os.remove(f"{OUT}/peft/{f}")


def main():
    os.makedirs(OUT, exist_ok=True)
    pipe = make_pipe()
    weights = layer_weights(pipe.unet, pipe.text_encoder)
    save_file(weights, f"{OUT}/base.safetensors")
    diffusers_file(weights)
    kohya_file(weights)
    old_diffusers_file(weights)
    peft_folder(weights)


main()
