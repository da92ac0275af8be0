#!/usr/bin/env python3
"""Golden adapters of LyCORIS, and of peft beyond a plain LoRA, with the weights that these libraries make of them.

    make_lycoris.py OUT_DIR        (tests/golden/lycoris)

Needs torch, diffusers, transformers, peft and lycoris-lora 4.1. base.safetensors has some layers of a tiny UNet
("unet/NAME") and a tiny text encoder ("text/NAME", without text_model.). CASE.safetensors, or the folder CASE as peft
saves one, is an adapter; CASE-want.safetensors has the layers that it changes, merged with a scale of 0.7.

What LyCORIS makes of a layer is what its module's forward computes with (checked here on random input): merge_to() of
version 4.1 applies alpha / rank twice to LoHa and LoKr. With weight_decompose the scale goes from the weights to the
module's result on a straight line, as in AUTOMATIC1111 and ComfyUI.
"""
import json
import os
import shutil
import sys

import torch
from diffusers import StableDiffusionInpaintPipeline
from lycoris.modules.full import FullModule
from lycoris.modules.locon import LoConModule
from lycoris.modules.loha import LohaModule
from lycoris.modules.lokr import LokrModule
from lycoris.modules.norms import NormModule
from peft import LoHaConfig, LoKrConfig, LoraConfig, PeftModel, get_peft_model
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file, save_file

from make_lora_pipe import SCALE, TEXT, TEXT_MORE, UNET, UNET_MORE, make_pipe

OUT = sys.argv[1]
NORMS = ["down_blocks.0.resnets.0.norm1", "mid_block.attentions.0.transformer_blocks.0.norm2"]
OPEN_CLIP = {"layer_norm1": "ln_1", "layer_norm2": "ln_2", "self_attn.out_proj": "attn.out_proj", "mlp.fc1": "mlp.c_fc",
             "mlp.fc2": "mlp.c_proj"}


def layer(pipe, name):
    """The module "unet/NAME" or "text/NAME"."""
    model, path = name.split("/")
    m = pipe.unet if model == "unet" else getattr(pipe.text_encoder, "text_model", pipe.text_encoder)
    return m.get_submodule(path)


def names():
    return ["unet/" + n for n in UNET + UNET_MORE] + ["text/" + n for n in TEXT + TEXT_MORE]


def kohya(name):
    model, path = name.split("/")
    return ("lora_te_text_model_" if model == "text" else "lora_unet_") + path.replace(".", "_")


def save(name, tensors):
    save_file({k: v.detach().contiguous() for k, v in tensors.items()}, f"{OUT}/{name}.safetensors", {"format": "pt"})


def base():
    pipe, out = make_pipe(), {}
    for n in names() + ["unet/" + n for n in NORMS] + [f"text/encoder.layers.1.self_attn.{p}_proj" for p in "qkv"]:
        for k, v in layer(pipe, n).state_dict().items():
            out[f"{n}.{k}"] = v
    save("base", out)


def delta(m):
    return m.make_weight() * m.scale if isinstance(m, LoConModule) else m.get_weight(m.shape)


def merged(m, org):
    """The layer's weight at SCALE."""
    with torch.no_grad():
        whole = org.weight + delta(m)
        if m.wd:
            whole = m.apply_weight_decompose(whole, 1)
        x = torch.randn(2, *([5] if org.weight.dim() == 2 else []), org.weight.shape[1],
                        *([6, 6] if org.weight.dim() == 4 else []))
        want = m.op(x, whole, org.bias, **m.kw_dict)
        assert torch.allclose(m(x), want, atol=1e-4), (type(m), (m(x) - want).abs().max())
        return org.weight + SCALE * (whole - org.weight)


def randomize(m, g):
    with torch.no_grad():
        for k, p in m.named_parameters():
            if k == "dora_scale":
                p.mul_(0.7 + 0.6 * torch.rand(p.shape, generator=g))
            else:
                p.copy_(torch.randn(p.shape, generator=g) * 0.4)


def lycoris_case(name, make, dtype=torch.float32, drop=()):
    """make(i, layer's name, layer) -> module or None"""
    pipe, g, file, want = make_pipe(), torch.Generator().manual_seed(len(name)), {}, {}
    for i, n in enumerate(names()):
        org = layer(pipe, n)
        m = make(i, n, org)
        if m is None:
            continue
        randomize(m, g)
        state = {k: v.detach().clone() for k, v in m.state_dict().items()}
        with torch.no_grad():
            for k, p in m.named_parameters():  # values that the file's type holds
                p.copy_(p.to(dtype).float())
        file.update({f"{kohya(n)}.{k}": v.to(dtype) for k, v in state.items() if k not in drop})
        want[f"{n}.weight"] = merged(m, org)
    kinds = sorted({k.split(".", 1)[1] + str(v.dim()) for k, v in file.items()})
    print(name, len(want), "layers:", " ".join(kinds))
    save(name, file)
    save(name + "-want", want)


def locon(i, n, org, **kw):
    return LoConModule(n, org, 1.0, lora_dim=1 + i % 3, alpha=[1, 3, 0.5][i % 3], **kw)


def loha(i, n, org, **kw):
    return LohaModule(n, org, 1.0, lora_dim=1 + i % 3, alpha=[1, 3, 0.5][i % 3], use_tucker=i % 2 == 0, **kw)


def lokr(i, n, org, **kw):
    """Whole and factored halves, with and without a core, and one of whole halves alone, whose alpha means nothing."""
    return LokrModule(n, org, 1.0, lora_dim=1 + i % 2, alpha=3, decompose_both=i % 3 == 0, factor=2 if i % 4 else -1,
                      unbalanced_factorization=i % 3 == 0, use_tucker=i != 6, full_matrix=i == 5, **kw)


def dora(i, n, org, on_out):
    kw = {"weight_decompose": True, "wd_on_out": on_out}
    return [locon, loha, lokr][i % 3](i, n, org, **kw)


def full_case():
    pipe, g, file, want = make_pipe(), torch.Generator().manual_seed(7), {}, {}
    for n in names()[3:] + ["unet/" + n for n in NORMS]:
        org = layer(pipe, n)
        norm = n.removeprefix("unet/") in NORMS
        m = (NormModule if norm else FullModule)(n, org)
        randomize(m, g)
        diff, diff_b = m.get_diff_weight(1)
        new, new_b = m.get_merged_weight(SCALE) if not norm else (org.weight + SCALE * diff, org.bias + SCALE * diff_b)
        file[kohya(n) + (".w_norm" if norm else ".diff")] = diff
        want[n + ".weight"] = new
        if diff_b is not None:
            file[kohya(n) + (".b_norm" if norm else ".diff_b")] = diff_b
            want[n + ".bias"] = new_b
    n = "unet/up_blocks.1.attentions.0.transformer_blocks.0.attn2.to_out.0"  # this one has its bias alone
    del file[kohya(n) + ".diff"], want[n + ".weight"]
    print("full", len(file), "tensors")
    save("full", file)
    save("full-want", want)


def open_clip_case():
    """The names of SD 2's own text encoder: three projections in one, and a last layer that is not read."""
    pipe, g, file, want = make_pipe(), torch.Generator().manual_seed(9), {}, {}
    rand = lambda *s: torch.randn(s, generator=g) * 0.4  # noqa: E731
    for hf, oc in OPEN_CLIP.items():
        n = "text/encoder.layers.1." + hf
        if n not in names():
            continue
        w = layer(pipe, n).weight.detach()
        down, up = rand(2, w.shape[1]), rand(w.shape[0], 2)
        key = "lora_te_model_transformer_resblocks_1_" + oc.replace(".", "_")
        file.update({key + ".lora_down.weight": down, key + ".lora_up.weight": up, key + ".alpha": torch.tensor(1.0)})
        want[n + ".weight"] = w + SCALE * 0.5 * up @ down
    w = torch.cat([layer(pipe, f"text/encoder.layers.1.self_attn.{p}_proj").weight.detach() for p in "qkv"])
    a = [rand(w.shape[0], 2), rand(2, w.shape[1]), rand(w.shape[0], 2), rand(2, w.shape[1])]
    key = "lora_te_model_transformer_resblocks_1_attn_in_proj"
    file.update({f"{key}.hada_{k}": v for k, v in zip(("w1_a", "w1_b", "w2_a", "w2_b"), a)})
    file[key + ".alpha"] = torch.tensor(3.0)
    new = (w + SCALE * 1.5 * (a[0] @ a[1]) * (a[2] @ a[3])).chunk(3)
    want.update({f"text/encoder.layers.1.self_attn.{p}_proj.weight": v for p, v in zip("qkv", new)})
    key = "lora_te_model_transformer_resblocks_2_attn_in_proj"  # the layer that Stable Diffusion 2 leaves out
    file.update({key + ".lora_down.weight": rand(1, w.shape[1]), key + ".lora_up.weight": rand(w.shape[0], 1)})
    save("open-clip", file)
    save("open-clip-want", want)


def peft_case(name, config, layers):
    pipe = make_pipe()
    torch.manual_seed(len(name))
    model, g = get_peft_model(pipe.unet, config), torch.Generator().manual_seed(len(name))
    for k, p in model.named_parameters():
        if "magnitude" in k:
            p.data.mul_(0.7 + 0.6 * torch.rand(p.shape, generator=g))
        elif "hada_" in k or "lokr_" in k or "lora_" in k:
            p.data.copy_(torch.randn(p.shape, generator=g) * 0.4)
    model.save_pretrained(f"{OUT}/{name}")
    path = f"{OUT}/{name}/adapter_config.json"
    pipe, c = make_pipe(), json.load(open(path))
    model = PeftModel.from_pretrained(pipe.unet, f"{OUT}/{name}")
    for m in model.modules():
        if hasattr(m, "scale_layer"):
            m.scale_layer(SCALE)
    unet = model.merge_and_unload()
    save(name + "-want", {f"unet/{n}.weight": unet.get_submodule(n).weight for n in layers})
    for k in ("base_model_name_or_path", "target_modules", "auto_mapping"):
        c[k] = None
    json.dump(c, open(path, "w"), indent=1)
    os.remove(f"{OUT}/{name}/README.md")
    print(name, len(layers), "layers")


def diffusers_dora():
    """As save_lora_weights writes it, with alpha in the metadata, and fuse_lora() makes of it."""
    pipe, g = make_pipe(), torch.Generator().manual_seed(11)
    pipe.unet.add_adapter(LoraConfig(r=2, lora_alpha=3, target_modules=UNET[:2] + UNET_MORE[:1], use_dora=True))
    for k, p in pipe.unet.named_parameters():
        if "magnitude" in k:
            p.data.mul_(0.7 + 0.6 * torch.rand(p.shape, generator=g))
        elif "lora_" in k:
            p.data.copy_(torch.randn(p.shape, generator=g) * 0.4)
    StableDiffusionInpaintPipeline.save_lora_weights(
        OUT, unet_lora_layers=get_peft_model_state_dict(pipe.unet), weight_name="diffusers-dora.safetensors",
        unet_lora_adapter_metadata=pipe.unet.peft_config["default"].to_dict())
    pipe = make_pipe()
    pipe.load_lora_weights(OUT, weight_name="diffusers-dora.safetensors")
    pipe.fuse_lora(lora_scale=SCALE)
    pipe.unload_lora_weights()
    save("diffusers-dora-want", {f"unet/{n}.weight": pipe.unet.get_submodule(n).weight for n in UNET[:2] + UNET_MORE[:1]})


def pickles():
    """The same adapters as torch.save writes them: a file, and a folder of peft from before safetensors."""
    torch.save(load_file(f"{OUT}/loha.safetensors"), f"{OUT}/loha.pt")
    os.makedirs(f"{OUT}/peft-dora-bin", exist_ok=True)
    torch.save(load_file(f"{OUT}/peft-dora/adapter_model.safetensors"), f"{OUT}/peft-dora-bin/adapter_model.bin")
    shutil.copy(f"{OUT}/peft-dora/adapter_config.json", f"{OUT}/peft-dora-bin")


def main():
    os.makedirs(OUT, exist_ok=True)
    base()
    lycoris_case("locon", lambda i, n, m: locon(i, n, m, use_tucker=True))
    lycoris_case("locon-bf16", lambda i, n, m: LoConModule(n, m, 1.0, lora_dim=2, alpha=2), torch.bfloat16, ("alpha",))
    lycoris_case("loha", loha)
    lycoris_case("lokr", lokr)
    lycoris_case("dora-rows", lambda i, n, m: dora(i, n, m, True))
    lycoris_case("dora-columns", lambda i, n, m: dora(i, n, m, False))
    full_case()
    open_clip_case()
    layers = UNET[:2] + UNET_MORE[:3]
    peft_case("peft-dora", LoraConfig(r=2, lora_alpha=3, use_dora=True, target_modules=layers,
                                      rank_pattern={"attn2.to_k": 3}, alpha_pattern={"proj_in": 5}), layers)
    peft_case("peft-loha", LoHaConfig(r=2, alpha=3, target_modules=layers, use_effective_conv2d=True,
                                      alpha_pattern={"attn2.to_k": 5}), layers)
    peft_case("peft-lokr", LoKrConfig(r=2, alpha=5, target_modules=layers, use_effective_conv2d=True,
                                      decompose_both=True, rank_pattern={"attn1.to_q": 40}), layers)
    diffusers_dora()
    pickles()


main()
