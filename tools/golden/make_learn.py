#!/usr/bin/env python3
"""Writes tests/golden/learn/*.safetensors: what PyTorch and diffusers give (torch 2.15, diffusers 0.42.1).

    make_learn.py OUT_DIR
"""
import itertools, os, sys
import torch
from diffusers.optimization import get_scheduler
from diffusers.training_utils import EMAModel
from safetensors.torch import save_file


def dynamic_map(signed):
    """bitsandbytes.functional.create_dynamic_map(signed, max_exponent_bits=7, total_bits=8)"""
    data = [0.0, 1.0]
    for i in range(7):
        b = torch.linspace(0.1, 1, (2 ** i if signed else 2 ** (i + 1)) + 1)
        v = (10.0 ** (i - 6) * (b[:-1] + b[1:]) / 2).tolist()
        data += v + ([-x for x in v] if signed else [])
    return torch.tensor(sorted(data))


def rates():
    """Every schedule with warm-ups and lengths that meet the corners, 12 steps beyond the end."""
    out = {}
    for name, warmup, steps, cycles, power in itertools.product(
            ("linear", "cosine", "cosine_with_restarts", "polynomial", "constant", "constant_with_warmup"),
            (0, 1, 7), (20, 8), (1, 3), (1.0, 2.5)):
        opt = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=5e-6)
        sch = get_scheduler(name, opt, num_warmup_steps=warmup, num_training_steps=steps, num_cycles=cycles, power=power)
        vals = []
        for _ in range(steps + 12):
            vals.append(opt.param_groups[0]["lr"]); opt.step(); sch.step()
        out[f"{name}/{warmup}/{steps}/{cycles}/{power}"] = torch.tensor(vals, dtype=torch.float64)
    return out


def adamw():
    """Two parameters clipped together, the gradients growing through the clipping limit."""
    g = torch.Generator().manual_seed(0)
    rn = lambda *s: torch.randn(*s, generator=g)
    a, b = torch.nn.Parameter(rn(9, 11)), torch.nn.Parameter(rn(70))
    out = {"start/a": a.detach().clone(), "start/b": b.detach().clone()}
    opt = torch.optim.AdamW([a, b], lr=1e-3, betas=(0.9, 0.999), weight_decay=1e-2, eps=1e-8)
    for i in range(6):
        for n, p in (("a", a), ("b", b)):
            p.grad = rn(*p.shape) * 10.0 ** (i - 3)
            out[f"grad/{n}/{i}"] = p.grad.clone()
        out[f"norm/{i}"] = torch.nn.utils.clip_grad_norm_([a, b], 1.0).reshape(1)
        opt.step()
        out[f"param/a/{i}"], out[f"param/b/{i}"] = a.detach().clone(), b.detach().clone()
    return out


def ema():
    """A parameter that wanders, and its average after each of 30 steps."""
    g = torch.Generator().manual_seed(1)
    p = torch.nn.Parameter(torch.randn(33, generator=g))
    e = EMAModel([p], decay=0.7)  # low, so that the warm-up's end is seen
    params, averages = [p.detach().clone()], []
    for _ in range(30):
        p.data += torch.randn(33, generator=g)
        e.step([p])
        params.append(p.detach().clone()); averages.append(e.shadow_params[0].clone())
    return {"params": torch.stack(params), "averages": torch.stack(averages)}


out = sys.argv[1]
os.makedirs(out, exist_ok=True)
save_file({"signed": dynamic_map(True), "unsigned": dynamic_map(False)}, f"{out}/quant8.safetensors")
save_file(rates(), f"{out}/lr.safetensors")
save_file(adamw(), f"{out}/adamw.safetensors")
save_file(ema(), f"{out}/ema.safetensors")
