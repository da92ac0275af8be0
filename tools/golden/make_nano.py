#!/usr/bin/env python3
"""Writes two very small pipelines that have between them the traits of the published ones, and golden cases for them.

    tools/golden/make_nano.py tests/golden

Needs torch, diffusers, transformers (made with 2.15, 0.42.1, 5.23). NAME/ is the pipeline folder, NAME-cases/ its cases,
NAME-cases/runs/ whole runs: NAME.json the arguments, NAME.png the picture.

  nano   as Stable Diffusion 2: linear projections, a list of heads, gelu, pads with "!", PNDM; f16 weights
  nano1  as old Stable Diffusion 1 folders: convolutions as projections, one number of heads, quick_gelu, pads with the end
         token; v-prediction with DDIM; weights in bf16, .fp16 file names, the UNet in shards, text_model. in front of names,
         position_ids among them, VAE attention as query, key, value, proj_attn and 1x1 convolutions

Weights are random, biases and gains too, so that none of them can be left out unnoticed.
"""
import json
import os
import shutil
import sys

import diffusers
import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, DDPMScheduler, StableDiffusionInpaintPipeline, UNet2DConditionModel
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

OUT = sys.argv[1]
BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000,
         "set_alpha_to_one": False, "steps_offset": 1, "clip_sample": False, "trained_betas": None}
TEXT = {"vocab_size": 49408, "max_position_embeddings": 77, "bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 1}
NANO = {
    "seed": 1, "dtype": torch.float16, "pad": "!", "size": 32,
    "unet": dict(sample_size=8, in_channels=9, out_channels=4, layers_per_block=1, block_out_channels=(8, 16, 16),
                 attention_head_dim=(1, 2, 4), cross_attention_dim=8, norm_num_groups=4, use_linear_projection=True,
                 down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
                 up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D")),
    "vae": dict(block_out_channels=(8, 8, 16), layers_per_block=1, norm_num_groups=4, sample_size=32, latent_channels=4,
                down_block_types=("DownEncoderBlock2D",) * 3, up_block_types=("UpDecoderBlock2D",) * 3),
    "text": dict(hidden_size=8, intermediate_size=20, num_hidden_layers=2, num_attention_heads=2, projection_dim=8,
                 hidden_act="gelu"),
    "scheduler": ("PNDMScheduler", dict(skip_prk_steps=True)),
    "runs": [("PNDMScheduler", dict(num_inference_steps=6, guidance_scale=7.5)),
             ("DDIMScheduler", dict(num_inference_steps=8, guidance_scale=4.0, strength=0.6, negative_prompt="blurry")),
             ("EulerAncestralDiscreteScheduler", dict(num_inference_steps=4, guidance_scale=1.0, height=40, width=24))],
}
NANO1 = {
    "seed": 2, "dtype": torch.bfloat16, "pad": "<|endoftext|>", "size": 32,
    "unet": dict(sample_size=16, in_channels=9, out_channels=4, layers_per_block=2, block_out_channels=(6, 12),
                 attention_head_dim=2, cross_attention_dim=6, norm_num_groups=3, use_linear_projection=False,
                 down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
                 up_block_types=("UpBlock2D", "CrossAttnUpBlock2D")),
    "vae": dict(block_out_channels=(6, 12), layers_per_block=2, norm_num_groups=3, sample_size=32, latent_channels=4,
                scaling_factor=0.31, down_block_types=("DownEncoderBlock2D",) * 2,
                up_block_types=("UpDecoderBlock2D",) * 2),
    "text": dict(hidden_size=6, intermediate_size=16, num_hidden_layers=3, num_attention_heads=3, projection_dim=6,
                 hidden_act="quick_gelu"),
    "scheduler": ("DDIMScheduler", dict(prediction_type="v_prediction", timestep_spacing="leading")),
    "runs": [("DDIMScheduler", dict(num_inference_steps=5, guidance_scale=7.5)),
             ("DPMSolverMultistepScheduler", dict(num_inference_steps=6, guidance_scale=3.0, height=36, width=28))],
}
PROMPTS = ["a photo of a person wearing a red wool sweater", "t-shirt", "été: robe à fleurs!!", ""]
ZERO_SNR = {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
SAMPLERS = [("PNDMScheduler", {}, 0, 12), ("DDIMScheduler", {}, 0.7, 6), ("EulerAncestralDiscreteScheduler", {}, 0, 6),
            ("EulerDiscreteScheduler", {"use_karras_sigmas": True}, 0, 6), ("EulerDiscreteScheduler", ZERO_SNR, 0, 6),
            ("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}, 0, 6),
            ("UniPCMultistepScheduler", {}, 0, 6), ("LMSDiscreteScheduler", {}, 0, 6), ("HeunDiscreteScheduler", {}, 0, 4)]


# --- the pipelines ---

def scheduler_config(c):
    """With the keys of published folders and no others: what is not there has a default, and not the same in all samplers."""
    return {"_class_name": c["scheduler"][0], "_diffusers_version": "0.8.0"} | BETAS | c["scheduler"][1]


def load_scheduler(c):
    return getattr(diffusers, c["scheduler"][0]).from_config(scheduler_config(c))


def make_pipeline(c):
    torch.manual_seed(c["seed"])
    unet, vae = UNet2DConditionModel(**c["unet"]), AutoencoderKL(**c["vae"])
    text = CLIPTextModel(CLIPTextConfig(**TEXT, **c["text"]))
    for model in (unet, vae, text):
        for name, p in model.named_parameters():
            if p.dim() == 1:
                p.data.add_(0.1 * torch.randn_like(p))  # gains of 1 and biases of 0 would hide that they are not applied
            elif model is text:
                p.data.mul_(8)  # CLIP's start near zero would hide errors
        model.to(c["dtype"]).to(torch.float32).eval()
    return StableDiffusionInpaintPipeline(
        vae=vae, text_encoder=text, unet=unet, scheduler=load_scheduler(c),
        tokenizer=CLIPTokenizer.from_pretrained(os.path.join(OUT, "clip-tokenizer"), pad_token=c["pad"]),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False)


def write_folder(dir, pipe, c):
    """What save_pretrained writes, but for the tokenizer, which is the one beside it."""
    shutil.rmtree(dir, ignore_errors=True)
    for part in ("unet", "vae", "text_encoder"):
        getattr(pipe, part).to(c["dtype"]).save_pretrained(os.path.join(dir, part))
        getattr(pipe, part).to(torch.float32)
    os.mkdir(os.path.join(dir, "scheduler"))
    json.dump(scheduler_config(c), open(os.path.join(dir, "scheduler", "scheduler_config.json"), "w"), indent=1)
    json.dump({"_class_name": "StableDiffusionInpaintPipeline", "_diffusers_version": "0.30.0",
               "feature_extractor": [None, None], "requires_safety_checker": False, "safety_checker": [None, None],
               "scheduler": ["diffusers", type(pipe.scheduler).__name__], "text_encoder": ["transformers", "CLIPTextModel"],
               "tokenizer": ["transformers", "CLIPTokenizer"], "unet": ["diffusers", "UNet2DConditionModel"],
               "vae": ["diffusers", "AutoencoderKL"]}, open(os.path.join(dir, "model_index.json"), "w"), indent=1)


def own_tokenizer(dir, pad):
    """The common vocabulary with a padding token of its own."""
    os.makedirs(dir)
    for name in ("vocab.json", "merges.txt"):
        os.symlink("../../clip-tokenizer/" + name, os.path.join(dir, name))
    with open(os.path.join(OUT, "clip-tokenizer", "tokenizer_config.json")) as f:
        config = json.load(f) | {"pad_token": pad}
    json.dump(config, open(os.path.join(dir, "tokenizer_config.json"), "w"), indent=1)


def save(tensors, *path):
    save_file({k: v.contiguous() for k, v in tensors.items()}, os.path.join(*path), {"format": "pt"})
    os.chmod(os.path.join(*path), 0o644)


def make_old(dir, pipe, dtype):
    """Turns a new folder into one as diffusers and transformers wrote them years ago."""
    for part, name in (("unet", "diffusion_pytorch_model"), ("vae", "diffusion_pytorch_model"), ("text_encoder", "model")):
        os.remove(os.path.join(dir, part, name + ".safetensors"))
    text = {"text_model." + k.removeprefix("text_model."): v.to(dtype) for k, v in pipe.text_encoder.state_dict().items()}
    text["text_model.embeddings.position_ids"] = torch.arange(77)[None]
    save(text, dir, "text_encoder", "model.fp16.safetensors")
    vae = {}
    for k, v in pipe.vae.state_dict().items():
        if ".attentions." in k:
            for new, old in (("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn")):
                k = k.replace(new, old)
            v = v[:, :, None, None] if v.dim() == 2 else v
        vae[k] = v.to(dtype)
    save(vae, dir, "vae", "diffusion_pytorch_model.fp16.safetensors")
    unet = {k: v.to(dtype) for k, v in pipe.unet.state_dict().items()}
    shards = [sorted(unet)[i::3] for i in range(3)]
    names = [f"diffusion_pytorch_model.fp16-{i + 1:05}-of-00003.safetensors" for i in range(3)]
    for keys, name in zip(shards, names):
        save({k: unet[k] for k in keys}, dir, "unet", name)
    index = {"metadata": {"total_size": sum(v.numel() * 2 for v in unet.values())},
             "weight_map": {k: name for keys, name in zip(shards, names) for k in keys}}
    json.dump(index, open(os.path.join(dir, "unet", "diffusion_pytorch_model.safetensors.index.fp16.json"), "w"), indent=1)


# --- the cases ---

def save_case(dir, name, kind, args, inputs, want):
    t = {f"in/{k}": v for k, v in inputs.items()} | {f"want/{k}": v for k, v in want.items()}
    t = {k: (v.to(torch.int32) if v.dtype == torch.int64 else v.detach().float()).contiguous().clone() for k, v in t.items()}
    save_file(t, os.path.join(dir, name + ".safetensors"), {"kind": kind, "args": json.dumps(args)})


def gradients(*models):
    for m in models:
        for p in m.parameters():
            p.grad = None
            p.requires_grad_(True)


def forward_cases(dir, pipe, g):
    f, n = 2 ** (len(pipe.vae.config.block_out_channels) - 1), 8
    rn = lambda *shape: torch.randn(*shape, generator=g)
    ids = pipe.tokenizer(PROMPTS, padding="max_length", truncation=True, max_length=77, return_tensors="pt").input_ids
    with torch.no_grad():
        save_case(dir, "tokenize", "tokenize", {"prompts": PROMPTS}, {}, {"input_ids": ids})
        save_case(dir, "text_encoder", "text_encoder", {}, {"input_ids": ids}, {"last_hidden_state": pipe.text_encoder(ids)[0]})
        for name, h, w in (("", n, n), ("-9x7", 9, 7)):
            x, z = rn(1, 3, h * f, w * f).clamp(-1, 1), rn(2, 4, h, w)
            d = pipe.vae.encode(x).latent_dist
            save_case(dir, "vae_encode" + name, "vae_encode", {}, {"image": x}, {"mean": d.mean, "logvar": d.logvar})
            save_case(dir, "vae_decode" + name, "vae_decode", {}, {"latents": z}, {"image": pipe.vae.decode(z).sample})
            s, t, c = rn(2, 9, h, w), torch.tensor([17, 803]), rn(2, 77, pipe.unet.config.cross_attention_dim)
            save_case(dir, "unet" + name, "unet", {}, {"sample": s, "timestep": t, "encoder_hidden_states": c},
                      {"sample": pipe.unet(s, t, c).sample})
    save_case(dir, "randn", "randn", {"seed": 1234, "shape": (2, 4, 5, 6)}, {},
              {"noise": torch.randn(2, 4, 5, 6, generator=torch.Generator().manual_seed(1234))})


def train_case(dir, pipe, g):
    """Gradients of the loss that training lowers, for the UNet and the text encoder."""
    rn = lambda *shape: torch.randn(*shape, generator=g)
    ids = pipe.tokenizer(PROMPTS[:2], padding="max_length", truncation=True, max_length=77, return_tensors="pt").input_ids
    noise, latents, masked = rn(2, 4, 6, 5), rn(2, 4, 6, 5), rn(2, 4, 6, 5)
    mask, t = (torch.rand(2, 1, 6, 5, generator=g) > 0.5).float(), torch.tensor([41, 677])
    ddpm = DDPMScheduler.from_config(pipe.scheduler.config)
    noisy = ddpm.add_noise(latents, noise, t)
    gradients(pipe.unet, pipe.text_encoder)
    pred = pipe.unet(torch.cat([noisy, mask, masked], 1), t, pipe.text_encoder(ids)[0]).sample
    target = noise if ddpm.config.prediction_type == "epsilon" else ddpm.get_velocity(latents, noise, t)
    loss = F.mse_loss(pred, target)
    loss.backward()
    want = {"loss": loss.reshape(1), "noisy_latents": noisy, "target": target}
    for prefix, m in (("unet", pipe.unet), ("text_encoder", pipe.text_encoder)):
        want |= {f"grad/{prefix}/{k}": p.grad for k, p in m.named_parameters() if "token_embedding" not in k}
    save_case(dir, "train_gradients", "train_gradients", {},
              {"latents": latents, "noise": noise, "mask": mask, "masked_latents": masked, "timestep": t, "input_ids": ids}, want)


def vae_case(dir, pipe, g):
    """Gradients of an autoencoder's loss: squared error plus a thousandth of the KL term per latent value."""
    vae = pipe.vae
    f = 2 ** (len(vae.config.block_out_channels) - 1)
    x, eps = torch.randn(1, 3, 6 * f, 5 * f, generator=g).clamp(-1, 1), torch.randn(1, 4, 6, 5, generator=g)
    gradients(vae)
    d = vae.encode(x).latent_dist
    y = vae.decode(d.mean + d.std * eps).sample
    kl = 0.5 * (d.mean ** 2 + d.var - 1 - d.logvar).mean()
    loss = F.mse_loss(y, x) + 1e-3 * kl
    loss.backward()
    save_case(dir, "vae_gradients", "vae_gradients", {"kl_weight": 1e-3}, {"image": x, "noise": eps},
              {"loss": loss.reshape(1)} | {f"grad/{k}": p.grad for k, p in vae.named_parameters()})


def sampler_cases(dir, c):
    """Samplers that are fed with fixed model outputs."""
    base = load_scheduler(c).config
    shape, seed = (1, 4, 3, 5), 11
    for cls, options, eta, steps in SAMPLERS:
        sch = getattr(diffusers, cls).from_config(base, **options)
        sch.set_timesteps(steps)
        gen, model = torch.Generator().manual_seed(seed), torch.Generator().manual_seed(seed + 1)
        x = torch.randn(shape, generator=gen) * sch.init_noise_sigma
        start, samples, outputs, scaled = x.clone(), [], [], []
        extra = {"eta": eta} if eta else {}
        if "generator" in sch.step.__code__.co_varnames:
            extra["generator"] = gen
        for t in sch.timesteps:
            scaled.append(sch.scale_model_input(x, t))
            outputs.append(0.9 * torch.randn(shape, generator=model))
            x = sch.step(outputs[-1], t, x, **extra).prev_sample
            samples.append(x.clone())
        name = "sampler-" + cls.removesuffix("Scheduler") + ("-zero-snr" if "rescale_betas_zero_snr" in options else "")
        save_case(dir, name, "sampler",
                  {"class": cls, "options": options, "eta": eta or None, "steps": steps, "noise_seed": seed,
                   "init_noise_sigma": float(sch.init_noise_sigma), "config": scheduler_config(c)},
                  {"start": start, "model_outputs": torch.stack(outputs)},
                  {"timesteps": torch.as_tensor(sch.timesteps).float(), "scaled_inputs": torch.stack(scaled),
                   "samples": torch.stack(samples)})


def write_pictures(dir, width, height):
    yy, xx = np.mgrid[0:height, 0:width]
    image = np.stack([128 + 100 * np.sin(xx / 5.0), 255 * yy / height, 128 + 90 * np.cos((xx + yy) / 7.0)], -1)
    mask = ((xx / width - 0.5) / 0.3) ** 2 + ((yy / height - 0.55) / 0.3) ** 2 < 1
    image, mask = Image.fromarray(image.clip(0, 255).astype(np.uint8)), Image.fromarray(mask.astype(np.uint8) * 255)
    names = {"image": f"image-{width}x{height}.png", "mask": f"mask-{width}x{height}.png"}
    image.save(os.path.join(dir, names["image"]))
    mask.save(os.path.join(dir, names["mask"]))
    return image, mask, names


def run_cases(dir, pipe, c):
    os.makedirs(dir)
    base = pipe.scheduler.config
    pipe.set_progress_bar_config(disable=True)
    for cls, options in c["runs"]:
        args = {"prompt": "a person wearing a t-shirt", "seed": 5, "height": c["size"], "width": c["size"], "strength": 1.0} | options
        image, mask, names = write_pictures(dir, args["width"], args["height"])
        pipe.scheduler = getattr(diffusers, cls).from_config(base)
        call = {k: v for k, v in args.items() if k != "seed"}
        r = pipe(image=image, mask_image=mask, generator=torch.Generator().manual_seed(args["seed"]), **call).images[0]
        name = f"{cls.removesuffix('Scheduler')}-{args['num_inference_steps']}-{args['guidance_scale']}-{args['strength']}"
        r.save(os.path.join(dir, name + ".png"))
        json.dump(args | names | {"scheduler": cls}, open(os.path.join(dir, name + ".json"), "w"), indent=1)


def main():
    for name, c in (("nano", NANO), ("nano1", NANO1)):
        pipe = make_pipeline(c)
        dir, cases = os.path.join(OUT, name), os.path.join(OUT, name + "-cases")
        write_folder(dir, pipe, c)
        if name == "nano":
            os.symlink("../clip-tokenizer", os.path.join(dir, "tokenizer"))
        else:
            own_tokenizer(os.path.join(dir, "tokenizer"), c["pad"])
            make_old(dir, pipe, c["dtype"])
        shutil.rmtree(cases, ignore_errors=True)
        os.makedirs(cases)
        g = torch.Generator().manual_seed(c["seed"])
        forward_cases(cases, pipe, g)
        run_cases(os.path.join(cases, "runs"), pipe, c)
        pipe.scheduler = load_scheduler(c)
        train_case(cases, pipe, g)
        vae_case(cases, pipe, g)
        sampler_cases(cases, c)
        print(dir, sum(p.numel() for m in (pipe.unet, pipe.vae, pipe.text_encoder) for p in m.parameters()), "parameters")


main()
