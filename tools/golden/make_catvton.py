#!/usr/bin/env python3
"""Makes tests/golden/catvton: a tiny model laid out as CatVTON's published parts (Chong et al. 2024, arXiv:2407.15886), and
what diffusers' UNet, VAE and DDIM make of it with the rules of the published program.

Usage: python3 tools/golden/make_catvton.py  (torch, diffusers, safetensors, Pillow, numpy; made with diffusers 0.42.1,
torch 2.15 and Pillow 13.0)
"""
import json
import pathlib
import shutil

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from PIL import Image, ImageFilter
from safetensors.torch import save_file

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "catvton"
VERSIONS = {"tiny-4k-32": 5, "other-2k-32": 6}
SCHEDULER = {"_class_name": "PNDMScheduler", "beta_end": 0.012, "beta_schedule": "scaled_linear", "beta_start": 0.00085,
             "clip_sample": False, "num_train_timesteps": 1000, "set_alpha_to_one": False, "skip_prk_steps": True,
             "steps_offset": 1, "trained_betas": None}


def randomize(net, seed, gain):
    """Normal weights of a deviation that keeps signals alive, in half precision as the files have them."""
    g = torch.Generator().manual_seed(seed)
    for name, p in sorted(net.state_dict().items()):
        fan = p[0].numel() if p.dim() > 1 else 1
        noise = torch.randn(p.shape, generator=g)
        if p.dim() > 1:
            p.copy_((gain * noise / fan**0.5).half().float())
        else:
            p.copy_((("norm" in name and name.endswith("weight")) + 0.1 * noise).half().float())


def make_unet():
    net = UNet2DConditionModel(
        sample_size=16, in_channels=9, out_channels=4, layers_per_block=1, block_out_channels=(4, 8),
        attention_head_dim=2, cross_attention_dim=4, norm_num_groups=2,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"))
    randomize(net, 1, 0.8)
    return net.eval()


def make_vae(seed=2):
    net = AutoencoderKL(block_out_channels=(4, 4), norm_num_groups=2, latent_channels=4, layers_per_block=1,
                        sample_size=32, down_block_types=("DownEncoderBlock2D",) * 2,
                        up_block_types=("UpDecoderBlock2D",) * 2)
    randomize(net, seed, 1.0)
    return net.eval()


def old_names(tensors):
    for new, old in ((".to_q.", ".query."), (".to_k.", ".key."), (".to_v.", ".value."), (".to_out.0.", ".proj_attn.")):
        tensors = {k.replace(new, old): v for k, v in tensors.items()}
    return tensors


def layers(net):
    """Names of the self-attention in the order in which diffusers registers a UNet's blocks."""
    names = [n for n, _ in net.named_modules() if n.endswith(".attn1")]
    return sorted(names, key=lambda n: ("down", "up_b", "mid_").index(n[:4]))


def make_attention(net, seed):
    g = torch.Generator().manual_seed(seed)
    out = {}
    for i, name in enumerate(layers(net)):
        attn = net.get_submodule(name)
        for key, p in attn.state_dict().items():
            fan = p.shape[-1] if p.dim() > 1 else 1
            out[f"{8 * i}.{key}"] = torch.randn(p.shape, generator=g) * (1.2 / fan**0.5 if p.dim() > 1 else 0.1)
    return out


def dressed(net, attention):
    """The UNet with a version's self-attention, and with cross-attention that gives back what it gets."""
    for i, name in enumerate(layers(net)):
        net.get_submodule(name).load_state_dict({k.split(".", 1)[1]: v for k, v in attention.items()
                                                 if k.split(".", 1)[0] == str(8 * i)})
    for name, module in net.named_modules():
        if name.endswith(".attn2"):
            module.forward = lambda hidden_states, *a, **k: hidden_states
    return net


# --- pictures ---------------------------------------------------------------------------------------------


def lanczos(im, size):
    """Width first, as Pillow before 13 had it always."""
    return im.resize((size[0], im.height), Image.LANCZOS).resize(size, Image.LANCZOS)


def crop(im, size, how=lanczos):
    w, h = im.size
    W, H = size
    nw, nh = (w, w * H // W) if w / h < W / H else (h * W // H, h)
    return how(im.crop(((w - nw) // 2, (h - nh) // 2, (w + nw) // 2, (h + nh) // 2)), size)


def pad(im, size):
    w, h = im.size
    W, H = size
    nw, nh = (w * H // h, H) if w / h < W / H else (W, h * W // w)
    out = Image.new("RGB", size, (255, 255, 255))
    out.paste(lanczos(im, (nw, nh)), ((W - nw) // 2, (H - nh) // 2))
    return out


def prepare(fit, person, mask, garment, size):
    """-> person, garment as pictures, mask as 0 and 1."""
    hard = mask.mode in "P1"
    if fit == "stretch":
        person, garment = lanczos(person, size), lanczos(garment, size)
        mask = mask.resize(size, Image.NEAREST) if hard else lanczos(mask, size)
    else:
        if fit == "app":
            mask = Image.fromarray(np.where(np.asarray(mask.convert("L")) > 0, 255, 0).astype(np.uint8))
        nearest = hard and fit != "app"
        person, garment = crop(person, size), pad(garment, size)
        mask = crop(mask, size, lambda im, s: im.resize(s, Image.NEAREST)) if nearest else crop(mask, size)
        if fit == "app":
            mask = mask.filter(ImageFilter.GaussianBlur(9))
    return person, garment, (np.asarray(mask.convert("L")) / 255 >= 0.5).astype(np.int32)


def repaint(person, mask, result):
    W, H = result.size
    k = H // 50
    k += k % 2 == 0
    person = np.asarray(lanczos(person, (W, H)), np.float64)
    m = np.asarray(mask.resize((W, H), Image.NEAREST).filter(ImageFilter.GaussianBlur(k)), np.float64) / 255
    m = m[..., None] if m.ndim == 2 else m
    return Image.fromarray((person * (1 - m) + np.asarray(result, np.float64) * m).astype(np.uint8))


def chw(im):
    a = np.asarray(im, np.int32)
    return torch.from_numpy((a[None] if a.ndim == 2 else a.transpose(2, 0, 1))[None].copy())


def to_f32(im):
    return torch.from_numpy(np.asarray(im, np.float32).transpose(2, 0, 1)[None] / 127.5 - 1)


def scene(w, h, seed):
    """A smooth picture, small as a PNG."""
    r = np.random.default_rng(seed)
    y, x = np.mgrid[0:h, 0:w]
    a, b = r.uniform(0.05, 0.3, 3), r.uniform(0.05, 0.3, 3)
    return Image.fromarray(np.stack([127 + 120 * np.sin(a[c] * x + b[c] * y + c) for c in range(3)], -1).astype(np.uint8))


def blob(w, h, soft, seed):
    y, x = np.mgrid[0:h, 0:w]
    d = np.hypot((x - 0.5 * w) / (0.33 * w), (y - 0.55 * h) / (0.3 * h)) + 0.1 * np.sin(seed + 0.7 * x)
    return Image.fromarray(np.clip(255 * (1 - d) * (3 if soft else 100) + 128, 0, 255).astype(np.uint8))


# --- a run ------------------------------------------------------------------------------------------------


class Model:
    def __init__(self):
        self.vae = make_vae()
        self.factor = 2
        self.attention = {v: make_attention(make_unet(), s) for v, s in VERSIONS.items()}

    def unet(self, version):
        return dressed(make_unet(), self.attention[version])

    def encode(self, x, noise):
        d = self.vae.encode(x).latent_dist
        return (d.mean + d.std * noise) * 0.18215


def noises(seed, vae_seed, half, full, steps):
    """The draws in their order; `vae_seed` None is one stream."""
    own = torch.Generator().manual_seed(seed)
    vae = own if vae_seed is None else torch.Generator().manual_seed(vae_seed)
    first = torch.cat([torch.randn(half, generator=vae) for _ in range(2)])
    start = torch.randn(full, generator=own)
    return first, start, torch.cat([torch.randn(full, generator=own) for _ in range(steps)])


def scheduler(steps):
    s = DDIMScheduler.from_config({k: v for k, v in SCHEDULER.items() if k not in ("_class_name", "skip_prk_steps")})
    s.set_timesteps(steps)
    return s


def predict(unet, x, mask, person, garment, t, scale):
    """-> unconditional (or None), conditional, guided."""
    z = torch.cat([person, garment], 2)
    without = torch.cat([person, torch.zeros_like(garment)], 2)
    zs = [without, z] if scale > 1 else [z]
    batch = torch.cat([torch.cat([x, mask, k], 1) for k in zs])
    e = unet(batch, t, encoder_hidden_states=None, return_dict=False)[0]
    return (e[:1], e[1:], e[:1] + scale * (e[1:] - e[:1]), batch) if scale > 1 else (None, e, e, batch)


def run(model, a, person, mask_image, garment):
    size = (a["width"], a["height"])
    p, g, mask = prepare(a["fit"], person, mask_image, garment, size)
    f = model.factor
    h, w = size[1] // f, size[0] // f
    steps = a["num_inference_steps"]
    vae_noise, start, step_noise = noises(a["seed"], a["vae_seed"], (1, 4, h, w), (1, 4, 2 * h, w), steps)
    hole = to_f32(p) * torch.from_numpy(mask == 0)[None, None]
    zp, zg = model.encode(hole, vae_noise[:1]), model.encode(to_f32(g), vae_noise[1:])
    m = torch.zeros(1, 1, 2 * h, w)
    m[:, :, :h] = torch.from_numpy(mask[::f, ::f].astype(np.float32))
    unet, sched = model.unet(a["attention"]), scheduler(steps)
    x, latents, predicted = start, [], []
    for i, t in enumerate(sched.timesteps):
        e = predict(unet, x, m, zp, zg, t, a["guidance_scale"])[2]
        x = sched.step(e, t, x, eta=a["eta"], variance_noise=step_noise[i : i + 1]).prev_sample
        latents.append(x)
        predicted.append(e)
    y = model.vae.decode(x[:, :, :h] / 0.18215).sample
    y = (y / 2 + 0.5).clamp(0, 1)[0].permute(1, 2, 0).numpy()
    image = Image.fromarray((y * 255).round().astype(np.uint8))
    want = {"vae_noise": vae_noise, "noise": start, "step_noise": step_noise, "masked_latent": zp,
            "condition_latent": zg, "mask_latent": m, "timesteps": sched.timesteps.int(),
            "noise_pred": torch.cat(predicted), "latents": torch.cat(latents)}
    return image, want


# --- writing ----------------------------------------------------------------------------------------------


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1) + "\n")


def write_case(name, kind, args, tensors):
    path = OUT / name
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({k: v.contiguous() for k, v in tensors.items()}, path, {"kind": kind, "args": json.dumps(args)})


def write_model(model):
    unet, vae = make_unet(), model.vae
    half = lambda tensors: {k: v.half().contiguous() for k, v in tensors.items()}
    config = {k: v for k, v in unet.config.items() if not k.startswith("_") and v is not None
              and k in ("act_fn", "attention_head_dim", "block_out_channels", "cross_attention_dim", "down_block_types",
                        "flip_sin_to_cos", "freq_shift", "in_channels", "layers_per_block", "norm_eps",
                        "norm_num_groups", "out_channels", "sample_size", "up_block_types")}
    write_json(OUT / "base/unet/config.json", {"_class_name": "UNet2DConditionModel", **config})
    save_file(half(unet.state_dict()), OUT / "base/unet/diffusion_pytorch_model.fp16.safetensors", {"format": "pt"})
    write_json(OUT / "base/scheduler/scheduler_config.json", SCHEDULER)
    config = {k: v for k, v in vae.config.items() if k in ("act_fn", "block_out_channels", "down_block_types",
                                                           "in_channels", "latent_channels", "layers_per_block",
                                                           "norm_num_groups", "out_channels", "sample_size",
                                                           "up_block_types")}
    write_json(OUT / "sd-vae-ft-mse/config.json", {"_class_name": "AutoencoderKL", **config})
    save_file(half(old_names(vae.state_dict())), OUT / "sd-vae-ft-mse/diffusion_pytorch_model.safetensors",
              {"format": "pt"})
    for version, tensors in model.attention.items():
        path = OUT / "CatVTON" / version / "attention" / "model.safetensors"
        path.parent.mkdir(parents=True)
        save_file(tensors, path, {"format": "pt"})
    (OUT / "CatVTON/config.json").write_text("")


PARTS = {"base": "base", "vae": "sd-vae-ft-mse"}


def write_cases(model):
    g = torch.Generator().manual_seed(9)
    version = "tiny-4k-32"
    unet = model.unet(version)
    args = {"attention": version, **PARTS}
    write_case("cases/attention.safetensors", "catvton_attention", args,
               {f"want/{n}.{k}": v.flatten()[:8].clone() for n in layers(unet)
                for k, v in unet.get_submodule(n).state_dict().items()})
    for name, shape in (("unet", (2, 9, 8, 4)), ("unet_odd", (1, 9, 10, 5))):
        x, t = torch.randn(shape, generator=g), torch.tensor([500, 21][: shape[0]], dtype=torch.int32)
        write_case(f"cases/{name}.safetensors", "catvton_unet", args,
                   {"in/sample": x, "in/timestep": t,
                    "want/sample": unet(x, t, encoder_hidden_states=None, return_dict=False)[0]})
    a = {**args, "guidance_scale": 2.5, "eta": 1.0, "num_inference_steps": 3}
    sched, h, w = scheduler(3), 6, 5
    zp, zg = torch.randn(1, 4, h, w, generator=g), torch.randn(1, 4, h, w, generator=g)
    m = torch.zeros(1, 1, 2 * h, w)
    m[:, :, 2:h, 1:4] = 1
    x, noise = torch.randn(1, 4, 2 * h, w, generator=g), torch.randn(3, 4, 2 * h, w, generator=g)
    rows = {k: [] for k in ("latents", "noise_uncond", "noise_cond", "noise_pred", "prev_sample")}
    for i, t in enumerate(sched.timesteps):
        u, c, e, batch = predict(unet, x, m, zp, zg, t, 2.5)
        first = batch if i == 0 else first
        y = sched.step(e, t, x, eta=1.0, variance_noise=noise[i : i + 1]).prev_sample
        for k, v in zip(rows, (x, u, c, e, y)):
            rows[k].append(v)
        x = y
    rows = {k: torch.cat(v) for k, v in rows.items()}
    write_case("cases/guided_steps.safetensors", "catvton_step", a,
               {"in/latents": rows.pop("latents"), "in/timestep": sched.timesteps.int(), "in/variance_noise": noise,
                "in/masked_latent": zp, "in/condition_latent": zg, "in/mask_latent": m, "want/model_input": first,
                **{f"want/{k}": v for k, v in rows.items()}})


def write_pictures():
    person, garment = scene(19, 27, 3), scene(24, 15, 4)
    for fit, size, mask in (("crop-pad", (16, 24), blob(19, 27, True, 1).convert("RGB")),
                            ("crop-pad", (40, 16), blob(19, 27, True, 2)), ("stretch", (16, 24), blob(19, 27, True, 3)),
                            ("app", (24, 32), blob(19, 27, True, 4))):
        p, g, m = prepare(fit, person, mask, garment, size)
        masked = {"want/masked_person": to_f32(p) * torch.from_numpy(m == 0)[None, None]} if fit == "stretch" else {}
        write_case(f"cases/prepare-{fit}-{size[0]}x{size[1]}.safetensors", "catvton_prepare",
                   {"fit": fit, "width": size[0], "height": size[1]},
                   {"in/person": chw(person), "in/mask": chw(mask), "in/garment": chw(garment), "want/person": chw(p),
                    "want/garment": chw(g), "want/mask": torch.from_numpy(m)[None, None],
                    "want/mask_latent": torch.from_numpy(m[::8, ::8].copy())[None, None], **masked})
    p, r, m = scene(5, 104, 5), scene(5, 104, 6), blob(5, 104, True, 7)
    write_case("cases/repaint.safetensors", "catvton_repaint", {},
               {"in/person": chw(p), "in/mask": chw(m), "in/result": chw(r), "want/image": chw(repaint(p, m, r))})


RUNS = {
    "crop-pad": {"fit": "crop-pad", "seed": 42, "vae_seed": 7, "guidance_scale": 2.5, "num_inference_steps": 3,
                 "mask": "mask.png", "width": 12, "height": 16},
    "one-stream": {"fit": "crop-pad", "seed": 1234, "vae_seed": None, "guidance_scale": 1.0, "num_inference_steps": 2,
                   "mask": "mask.png", "width": 12, "height": 16},
    "stretch-repaint": {"fit": "stretch", "seed": 5, "vae_seed": None, "guidance_scale": 2.5, "num_inference_steps": 2,
                        "mask": "mask-rgb.png", "repaint": True, "attention": "other-2k-32", "width": 10, "height": 14},
    "app": {"fit": "app", "seed": 3, "vae_seed": None, "guidance_scale": 2.5, "num_inference_steps": 2,
            "mask": "stroke.png", "width": 16, "height": 10},
    "palette": {"fit": "crop-pad", "seed": 8, "vae_seed": None, "guidance_scale": 2.5, "num_inference_steps": 2,
                "mask": "mask-palette.png", "width": 12, "height": 16},
}


def write_runs(model):
    folder = OUT / "runs"
    folder.mkdir()
    pictures = {"person.png": scene(19, 27, 3), "garment.png": scene(24, 15, 4), "mask.png": blob(19, 27, True, 1),
                "mask-rgb.png": blob(19, 27, False, 2).convert("RGB"), "stroke.png": blob(19, 27, True, 3),
                "mask-palette.png": blob(19, 27, False, 4).convert("P")}
    for name, im in pictures.items():
        im.save(folder / name, optimize=True)
    for name, more in RUNS.items():
        a = {"person": "person.png", "garment": "garment.png", "attention": "tiny-4k-32", "eta": 1.0, "repaint": False,
             "scheduler": "DDIM", **PARTS, **more}
        person, mask, garment = (Image.open(folder / a[k]) for k in ("person", "mask", "garment"))
        image, want = run(model, a, person, mask, garment)
        if a["repaint"]:
            image.save(folder / f"{name}.before-repaint.png", optimize=True)
            image = repaint(person, mask, image)
        image.save(folder / f"{name}.png", optimize=True)
        write_case(f"runs/{name}.safetensors", "catvton_run", a, {f"want/{k}": v for k, v in want.items()})


@torch.no_grad()
def main():
    torch.set_num_threads(1)
    shutil.rmtree(OUT, ignore_errors=True)
    model = Model()
    write_model(model)
    write_cases(model)
    write_pictures()
    write_runs(model)


if __name__ == "__main__":
    main()
