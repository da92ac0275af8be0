#!/usr/bin/env python3
"""PyTorch's side of bench/compare_catvton.py: CatVTON's published rules on diffusers' UNet and VAE, one job a process.

    torch_catvton.py tryon --model DIR --attention FILE --image PNG --mask PNG --garment PNG --out PNG --steps N
        writes the picture and prints {"step": median seconds of a guided step, the first left out}
    torch_catvton.py versions
"""
import argparse
import json
import os
import statistics
import time


def arguments():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("job", choices=["tryon", "versions"])
    for name in ("model", "attention", "image", "mask", "garment", "out"):
        p.add_argument(f"--{name}")
    p.add_argument("--width", type=int, default=384)
    p.add_argument("--height", type=int, default=512)
    p.add_argument("--steps", type=int, default=3)
    p.add_argument("--guidance", type=float, default=2.5)
    p.add_argument("--threads", type=int, default=0)
    p.add_argument("--seed", type=int, default=0)
    return p.parse_args()


def load_unet(a):
    import torch
    from diffusers import UNet2DConditionModel
    from safetensors.torch import load_file
    unet = UNet2DConditionModel.from_pretrained(os.path.join(a.model, "unet")).to(torch.float32).eval()
    layers = [n for n, _ in unet.named_modules() if n.endswith(".attn1")]
    layers.sort(key=lambda n: ("down", "up_b", "mid_").index(n[:4]))
    attention = load_file(a.attention)
    for i, name in enumerate(layers):
        start = f"{8 * i}."
        unet.get_submodule(name).load_state_dict({k[len(start):]: v.float() for k, v in attention.items()
                                                  if k.startswith(start)})
    for name, module in unet.named_modules():
        if name.endswith(".attn2"):  # skipped: it gives back what it gets
            module.forward = lambda hidden_states, *args, **more: hidden_states
    return unet


def picture(path, size):
    import numpy as np
    import torch
    from PIL import Image
    im = Image.open(path).convert("RGB").resize(size, Image.LANCZOS)
    return torch.from_numpy(np.asarray(im, np.float32).transpose(2, 0, 1)[None] / 127.5 - 1)


def tryon(a):
    import numpy as np
    import torch
    from diffusers import AutoencoderKL, DDIMScheduler
    from PIL import Image
    size, h, w = (a.width, a.height), a.height // 8, a.width // 8
    vae = AutoencoderKL.from_pretrained(os.path.join(a.model, "vae")).to(torch.float32).eval()
    unet = load_unet(a)
    scheduler = DDIMScheduler.from_pretrained(os.path.join(a.model, "scheduler"))
    scheduler.set_timesteps(a.steps)
    torch.manual_seed(a.seed)
    mask = np.asarray(Image.open(a.mask).convert("L").resize(size, Image.LANCZOS)) >= 128
    person = picture(a.image, size) * torch.from_numpy(~mask)[None, None]
    z = [vae.encode(x).latent_dist.sample() * vae.config.scaling_factor for x in (person, picture(a.garment, size))]
    m = torch.zeros(1, 1, 2 * h, w)
    m[:, :, :h] = torch.from_numpy(mask[::8, ::8].astype(np.float32))
    x = torch.randn(1, 4, 2 * h, w)
    both = torch.cat([torch.cat([z[0], torch.zeros_like(z[1])], 2), torch.cat(z, 2)])
    seconds = []
    for t in scheduler.timesteps:
        start = time.perf_counter()
        batch = torch.cat([torch.cat([x, x]), torch.cat([m, m]), both], 1)
        e = unet(batch, t, encoder_hidden_states=None, return_dict=False)[0]
        e = e[:1] + a.guidance * (e[1:] - e[:1])
        x = scheduler.step(e, t, x, eta=1.0).prev_sample
        seconds.append(time.perf_counter() - start)
    y = vae.decode(x[:, :, :h] / vae.config.scaling_factor).sample
    y = (y / 2 + 0.5).clamp(0, 1)[0].permute(1, 2, 0).numpy()
    Image.fromarray((y * 255).round().astype(np.uint8)).save(a.out)
    print(json.dumps({"step": statistics.median(seconds[1:] or seconds)}))


def main():
    a = arguments()
    import diffusers
    import torch
    if a.job == "versions":
        print(json.dumps({"torch": torch.__version__, "diffusers": diffusers.__version__}))
        return
    if a.threads:
        torch.set_num_threads(a.threads)
    with torch.inference_mode():
        tryon(a)


if __name__ == "__main__":
    main()
