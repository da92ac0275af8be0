#!/usr/bin/env python3
"""PyTorch's side of bench/compare.py: one job of diffusers' inpainting pipeline per process.

    torch_bench.py unet|text|vae-encode|vae-decode --model DIR [--dtype f32|bf16] [--runs N]
        prints {"seconds": median of N runs after one that is not counted}
    torch_bench.py tryon --model DIR --image PNG --mask PNG --out PNG --steps N
        writes the picture; the caller takes the time from process start to process end
    torch_bench.py difference A.png B.png
        prints {"largest": of 255, "psnr": in dB}
"""
import argparse
import json
import os
import statistics
import time


def arguments():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("job", choices=["unet", "text", "vae-encode", "vae-decode", "tryon", "difference", "versions"])
    p.add_argument("pictures", nargs="*")
    p.add_argument("--model")
    p.add_argument("--dtype", choices=["f32", "bf16"], default="f32")
    p.add_argument("--width", type=int, default=512)
    p.add_argument("--height", type=int, default=512)
    p.add_argument("--runs", type=int, default=1)
    p.add_argument("--threads", type=int, default=0)
    p.add_argument("--image")
    p.add_argument("--mask")
    p.add_argument("--out")
    p.add_argument("--steps", type=int, default=4)
    p.add_argument("--seed", type=int, default=0)
    return p.parse_args()


def load(cls, a, folder):
    import torch
    dtype = torch.bfloat16 if a.dtype == "bf16" else torch.float32
    model = cls.from_pretrained(os.path.join(a.model, folder)).to(dtype)
    return model.eval(), dtype


def unet(a):
    import torch
    from diffusers import UNet2DConditionModel
    model, dtype = load(UNet2DConditionModel, a, "unet")
    with open(os.path.join(a.model, "vae", "config.json"), encoding="utf-8") as f:
        factor = 2 ** (len(json.load(f)["block_out_channels"]) - 1)
    x = torch.randn(2, model.config.in_channels, a.height // factor, a.width // factor, dtype=dtype)
    text = torch.randn(2, 77, model.config.cross_attention_dim, dtype=dtype)
    t = torch.tensor(500)
    return lambda: model(x, t, encoder_hidden_states=text, return_dict=False)


def text(a):
    from transformers import CLIPTextModel, CLIPTokenizer
    tokenizer = CLIPTokenizer.from_pretrained(os.path.join(a.model, "tokenizer"))
    model, _ = load(CLIPTextModel, a, "text_encoder")

    def run():
        ids = tokenizer(["", "t-shirt"], padding="max_length", max_length=77, return_tensors="pt").input_ids
        return model(ids)[0]
    return run


def vae_encode(a):
    import torch
    from diffusers import AutoencoderKL
    model, dtype = load(AutoencoderKL, a, "vae")
    x = torch.randn(1, 3, a.height, a.width, dtype=dtype)
    return lambda: model.encode(x).latent_dist.parameters


def vae_decode(a):
    import torch
    from diffusers import AutoencoderKL
    model, dtype = load(AutoencoderKL, a, "vae")
    factor = 2 ** (len(model.config.block_out_channels) - 1)
    z = torch.randn(1, model.config.latent_channels, a.height // factor, a.width // factor, dtype=dtype)
    return lambda: model.decode(z).sample


def stage(a, prepare):
    import torch
    with torch.inference_mode():
        run = prepare(a)
        run()
        seconds = []
        for _ in range(a.runs):
            start = time.perf_counter()
            run()
            seconds.append(time.perf_counter() - start)
    return {"seconds": statistics.median(seconds)}


def tryon(a):
    import torch
    from diffusers import StableDiffusionInpaintPipeline
    from PIL import Image
    pipe = StableDiffusionInpaintPipeline.from_pretrained(a.model, torch_dtype=torch.float32, safety_checker=None)
    pipe.set_progress_bar_config(disable=True)
    picture = pipe(prompt="red t-shirt", image=Image.open(a.image).convert("RGB"), mask_image=Image.open(a.mask).convert("L"),
                   num_inference_steps=a.steps, guidance_scale=7.5, height=a.height, width=a.width,
                   generator=torch.Generator().manual_seed(a.seed)).images[0]
    picture.save(a.out)
    return {}


def difference(a):
    import numpy
    from PIL import Image
    x, y = (numpy.asarray(Image.open(p).convert("RGB"), dtype=numpy.float64) for p in a.pictures)
    d = x - y
    mse = float((d * d).mean())
    return {"largest": float(abs(d).max()), "psnr": 10 * float(numpy.log10(255 ** 2 / mse)) if mse else None}


def versions(a):
    import diffusers
    import torch
    import transformers
    del a
    return {"torch": torch.__version__, "diffusers": diffusers.__version__, "transformers": transformers.__version__,
            "threads": torch.get_num_threads()}


def main():
    a = arguments()
    if a.job != "difference" and a.threads:
        import torch
        torch.set_num_threads(a.threads)
    stages = {"unet": unet, "text": text, "vae-encode": vae_encode, "vae-decode": vae_decode}
    other = {"tryon": tryon, "difference": difference, "versions": versions}
    result = stage(a, stages[a.job]) if a.job in stages else other[a.job](a)
    print(json.dumps(result))


main()
