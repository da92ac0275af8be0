#!/usr/bin/env python3
"""Writes a very small SegFormer clothes parser whose sizes are unlike those of the published ones, and golden cases for it.

    tools/golden/make_segformer.py tests/golden

Needs torch, transformers, Pillow (made with 2.15, 5.23, 13). segformer-nano/ has the layout of the published parsers:
config.json, model.safetensors, preprocessor_config.json. segformer-nano-cases/ has one file per case as `drape verify`
reads them: the forward at two sizes that no stride divides, gradients of the loss with respect to every parameter
(batch norm as after training), and a photo from its bytes to its labels.
"""
import json
import os
import shutil
import sys

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import SegformerConfig, SegformerForSemanticSegmentation
from transformers.models.segformer.image_processing_pil_segformer import SegformerImageProcessorPil

OUT = sys.argv[1]
LABELS = ["Background", "Hat", "Hair", "Sunglasses", "Upper-clothes", "Skirt", "Pants", "Dress", "Belt", "Left-shoe",
          "Right-shoe", "Face", "Left-leg", "Right-leg", "Left-arm", "Right-arm", "Bag", "Scarf"]
# Heads of 3, 2, 9 and 7 channels; an even patch; ratios that leave a rest.
SIZES = dict(hidden_sizes=[6, 10, 9, 14], depths=[1, 2, 1, 1], num_attention_heads=[2, 5, 1, 2], sr_ratios=[5, 3, 2, 1],
             patch_sizes=[7, 3, 5, 2], strides=[3, 2, 2, 2], mlp_ratios=[2, 3, 4, 3], decoder_hidden_size=11)
PREPROCESSOR = {"do_resize": True, "size": {"height": 57, "width": 43}, "resample": 2, "do_rescale": True,
                "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": [0.485, 0.456, 0.406],
                "image_std": [0.229, 0.224, 0.225], "image_processor_type": "SegformerImageProcessor"}


def make_model():
    torch.manual_seed(0)
    m = SegformerForSemanticSegmentation(SegformerConfig(id2label=dict(enumerate(LABELS)), layer_norm_eps=0.5, **SIZES))
    with torch.no_grad():
        for p in m.parameters():
            if p.dim() > 1:
                p.mul_(10)
            else:
                p.add_(0.1 * torch.randn_like(p))  # gains of 1 and biases of 0 would hide that they are not applied
        m.decode_head.batch_norm.running_mean.normal_()
        m.decode_head.batch_norm.running_var.uniform_(0.5, 2)
    return m.eval()


def save_case(dir, name, kind, inputs, want):
    t = {f"in/{k}": v for k, v in inputs.items()} | {f"want/{k}": v for k, v in want.items()}
    path = os.path.join(dir, name + ".safetensors")
    save_file({k: v.detach().contiguous().clone() for k, v in t.items()}, path, {"kind": kind, "args": "{}"})
    os.chmod(path, 0o644)


def forward_cases(dir, m, g):
    for name, h, w in (("", 53, 45), ("-29x70", 29, 70)):
        x = torch.randn(2, 3, h, w, generator=g)
        with torch.no_grad():
            save_case(dir, "segformer" + name, "segformer", {"pixel_values": x}, {"logits": m(x).logits})


def gradient_case(dir, m, g):
    x, y = torch.randn(2, 3, 37, 50, generator=g), torch.randint(0, 18, (2, 37, 50), generator=g)
    y[torch.rand(y.shape, generator=g) < 0.2] = 255
    m.zero_grad()
    loss = m(x, labels=y).loss
    loss.backward()
    save_case(dir, "segformer_gradients", "segformer_gradients", {"pixel_values": x, "labels": y.to(torch.int32)},
              {"loss": loss.reshape(1)} | {f"grad/{n}": p.grad for n, p in m.named_parameters()})


def photo_case(dir, m):
    """What transformers makes of a photo: resized as by Pillow, the logits enlarged again."""
    yy, xx = np.mgrid[0:97, 0:61]
    photo = np.stack([128 + 100 * np.sin(xx / 5.0), 255 * yy / 97, 128 + 90 * np.cos((xx + yy) / 7.0)], -1)
    photo = photo.clip(0, 255).astype(np.uint8)
    processor = SegformerImageProcessorPil(**PREPROCESSOR)
    with torch.no_grad():
        outputs = m(processor(photo, return_tensors="pt").pixel_values)
    labels = processor.post_process_semantic_segmentation(outputs, [photo.shape[:2]])[0]
    save_case(dir, "parser", "parser", {"photo": torch.from_numpy(photo)}, {"labels": labels.to(torch.uint8)})
    return labels


def main():
    dir, cases = os.path.join(OUT, "segformer-nano"), os.path.join(OUT, "segformer-nano-cases")
    for d in (dir, cases):
        shutil.rmtree(d, ignore_errors=True)
        os.makedirs(d)
    m = make_model()
    m.save_pretrained(dir)
    with open(os.path.join(dir, "preprocessor_config.json"), "w") as f:
        json.dump(PREPROCESSOR, f, indent=1)
    os.chmod(os.path.join(dir, "model.safetensors"), 0o644)
    g = torch.Generator().manual_seed(0)
    forward_cases(cases, m, g)
    gradient_case(cases, m, g)
    labels = photo_case(cases, m)
    print(dir, sum(p.numel() for p in m.parameters()), "parameters;", len(labels.unique()), "labels in the photo")


main()
