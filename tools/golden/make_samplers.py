#!/usr/bin/env python3
"""Writes what diffusers' schedulers do with fixed model outputs, for tests/diffusion/test_sampler.c.

    python tools/golden/make_samplers.py tests/golden/diffusion/samplers.safetensors
    python tools/golden/make_samplers.py --sweep /tmp/sweep.safetensors   # every combination, some megabytes

Made with torch 2.15 and diffusers 0.42.1. Metadata `cases` is a JSON list; case i has the tensors
i/timesteps [calls], i/scaled [calls,B,C,H,W] (model inputs, only where they differ from the sample) and
i/samples [1+calls,B,C,H,W] (the start, then the sample after each call). A generator of seed `seed` draws the noise of
the start and then that of the steps; seed+1 draws the clean latents, seed+2 the model outputs: randn each, rounded to
multiples of 1/1024, since a first step from a sigma of thousands would enlarge the last bits of randn. `roundings` is
the largest error, in deviations, that one rounding per call makes.
"""
import argparse
import inspect
import itertools
import json
import warnings

import diffusers
import torch
from safetensors.torch import save_file

SHAPE = (1, 4, 4, 4)
PNDM = {"_class_name": "PNDMScheduler", "num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012,
        "beta_schedule": "scaled_linear", "set_alpha_to_one": False, "skip_prk_steps": True, "steps_offset": 1}
DDIM = {**{k: v for k, v in PNDM.items() if k != "skip_prk_steps"}, "_class_name": "DDIMScheduler",
        "clip_sample": False, "prediction_type": "v_prediction", "timestep_spacing": "leading"}
ZERO_SNR = {**DDIM, "timestep_spacing": "trailing", "rescale_betas_zero_snr": True}
LINEAR = {"_class_name": "DDIMScheduler", "num_train_timesteps": 1000, "beta_start": 0.0001, "beta_end": 0.02,
          "beta_schedule": "linear", "set_alpha_to_one": True, "clip_sample": True, "clip_sample_range": 2.0,
          "timestep_spacing": "linspace", "prediction_type": "epsilon"}
COSINE = {**DDIM, "beta_schedule": "squaredcos_cap_v2", "prediction_type": "sample", "timestep_spacing": "trailing"}
SHORT = {**PNDM, "num_train_timesteps": 300, "skip_prk_steps": False, "timestep_spacing": "trailing"}
BARE = {"_class_name": "PNDMScheduler", "beta_schedule": "linear"}
CONFIGS = (PNDM, DDIM, ZERO_SNR, LINEAR, COSINE, SHORT, BARE)
HEUN = ({**PNDM, "solver_type": "heun"}, {**ZERO_SNR, "solver_type": "heun", "timestep_spacing": "leading"})
SDE = {"algorithm_type": "sde-dpmsolver++"}
KARRAS = {"use_karras_sigmas": True}
KINDS = (("pndm", "PNDMScheduler", {}, 0), ("ddim", "DDIMScheduler", {}, 0), ("ddim", "DDIMScheduler", {}, 0.7),
         ("ddpm", "DDPMScheduler", {}, 0), ("euler", "EulerDiscreteScheduler", {}, 0),
         ("euler", "EulerDiscreteScheduler", KARRAS, 0), ("euler-a", "EulerAncestralDiscreteScheduler", {}, 0),
         ("heun", "HeunDiscreteScheduler", {}, 0), ("heun", "HeunDiscreteScheduler", KARRAS, 0),
         ("lms", "LMSDiscreteScheduler", {}, 0), ("lms", "LMSDiscreteScheduler", KARRAS, 0),
         ("dpm++2m", "DPMSolverMultistepScheduler", {}, 0), ("dpm++2m", "DPMSolverMultistepScheduler", KARRAS, 0),
         ("dpm++2m-sde", "DPMSolverMultistepScheduler", SDE, 0),
         ("dpm++2m-sde", "DPMSolverMultistepScheduler", {**SDE, **KARRAS}, 0),
         ("unipc", "UniPCMultistepScheduler", {}, 0), ("unipc", "UniPCMultistepScheduler", KARRAS, 0),
         ("lcm", "LCMScheduler", {}, 0))


def drive(config, cls, options, eta, steps, strength, seed, wobble=0.0):
    """As StableDiffusionInpaintPipeline does. `wobble` moves every sample by that part of the larger of itself and the
    one before: what one rounding does."""
    sch = getattr(diffusers, cls).from_config(dict(config), **options)
    sch.set_timesteps(steps)
    skipped = max(steps - min(int(steps * strength), steps), 0) * sch.order
    ts = sch.timesteps[skipped:]
    if hasattr(sch, "set_begin_index"):
        sch.set_begin_index(skipped)
    gen, clean, model = (torch.Generator().manual_seed(seed + i) for i in range(3))
    noise, latents = torch.randn(SHAPE, generator=gen), torch.randn(SHAPE, generator=clean)
    x = noise * sch.init_noise_sigma if strength == 1 else sch.add_noise(latents, noise, ts[:1])
    taken = inspect.signature(sch.step).parameters
    extra = {k: v for k, v in (("generator", gen), ("eta", eta)) if k in taken}
    samples, scaled = [x], []
    for t in ts:
        scaled.append(sch.scale_model_input(x, t))
        e = torch.randn(SHAPE, generator=model).mul(1024).round() / 1024
        before, x = x, sch.step(e, t, x, **extra).prev_sample
        x = x + wobble * torch.randn(SHAPE, generator=clean).sign() * torch.maximum(x.abs(), before.abs())
        samples.append(x)
    return sch, ts, torch.stack(samples), torch.stack(scaled)


def run(config, kind, cls, options, eta, steps, strength, seed):
    """None where diffusers cannot, or gives no finite numbers."""
    sch, ts, samples, scaled = drive(config, cls, options, eta, steps, strength, seed)
    if not samples.isfinite().all() or not len(ts) or (ts < 0).any():
        return None
    moved = drive(config, cls, options, eta, steps, strength, seed, wobble=2.0**-23)[2]
    roundings = ((moved - samples).abs().amax((1, 2, 3, 4)) / samples.std((1, 2, 3, 4))).max()
    tensors = {"timesteps": ts.float(), "samples": samples}
    if not torch.equal(scaled, samples[:-1]):
        tensors["scaled"] = scaled
    case = dict(config=config, sampler=kind, karras="use_karras_sigmas" in options, eta=eta, steps=steps,
                strength=strength, seed=seed, init_sigma=float(sch.init_noise_sigma), roundings=float(f"{roundings:.1e}"))
    return case, tensors


def small():
    """Each kind with every config over its steps in turn: 3 to 6 calls each."""
    for (i, kind), (j, config) in itertools.product(enumerate(KINDS), enumerate(CONFIGS)):
        steps, strength = ((4, 1.0), (6, 0.6), (3, 1.0), (1, 1.0), (20, 0.2), (2, 1.0))[(i + j) % 6]
        if kind[0] == "pndm" and config is SHORT:
            steps, strength = 7, 1.0
        yield config, *kind, steps, strength
    for kind in ("dpm++2m", "unipc"):  # from 15 steps on DPM-Solver++ treats its last steps otherwise
        yield PNDM, *next(k for k in KINDS if k[0] == kind), 16, 0.25
    for config in HEUN:  # UniPC takes "heun" for its own default
        for kind in KINDS:
            if kind[0] in ("dpm++2m", "dpm++2m-sde", "unipc"):
                yield config, *kind, 5, 1.0
    yield {**PNDM, "solver_type": "bh1"}, *next(k for k in KINDS if k[0] == "dpm++2m"), 4, 1.0  # taken for midpoint


def sweep():
    configs = [{**c, "timestep_spacing": sp, "prediction_type": pr} for c in CONFIGS
               for sp in ("leading", "linspace", "trailing") for pr in ("epsilon", "v_prediction", "sample")]
    for kind, config in itertools.product(KINDS, configs):
        for steps, strength in ((1, 1.0), (2, 1.0), (3, 1.0), (4, 1.0), (5, 0.6), (9, 0.3), (20, 0.9), (50, 1.0),
                                (16, 0.5)):
            yield config, *kind, steps, strength


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--sweep", action="store_true")
    p.add_argument("out")
    a = p.parse_args()
    warnings.simplefilter("ignore")
    diffusers.logging.set_verbosity_error()
    cases, tensors, failed = [], {}, 0
    for seed, args in enumerate(sweep() if a.sweep else small()):
        try:
            r = run(*args, seed)
        except (ValueError, IndexError, NotImplementedError, RuntimeError):
            r = None
        failed += r is None
        if r:
            tensors.update({f"{len(cases)}/{k}": v.contiguous() for k, v in r[1].items()})
            cases.append(r[0])
    save_file(tensors, a.out, {"cases": json.dumps(cases, separators=(",", ":"))})
    print(f"{len(cases)} cases, {failed} left out as diffusers cannot do them")


if __name__ == "__main__":
    main()
