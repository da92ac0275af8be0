#!/usr/bin/env python3
"""Writes tests/golden/clothes-nano: drape's own clothes parser (src/models/clothes_net.h), very small and with random
weights, and in tests/golden/clothes-nano-cases what PyTorch computes with it.

    tools/golden/make_clothes_net.py        (torch 2.15, safetensors 0.8)
"""
import json
import os

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "golden")
LABELS = ["Background", "Hat", "Hair", "Sunglasses", "Upper-clothes", "Skirt", "Pants", "Dress", "Belt", "Left-shoe",
          "Right-shoe", "Face", "Left-leg", "Right-leg", "Left-arm", "Right-arm", "Bag", "Scarf"]
CONFIG = {"model_type": "drape_clothes_net", "hidden_sizes": [4, 8, 12], "depths": [1, 2, 1],
          "decoder_depths": [1, 0, 0], "kernel_size": 5, "expansion": 2, "norm_groups": 2,
          "id2label": {str(i): n for i, n in enumerate(LABELS)}}


class Block(nn.Module):
    def __init__(self, c, k, expansion, groups):
        super().__init__()
        self.depthwise = nn.Conv2d(c, c, k, padding=k // 2, groups=c)
        self.norm = nn.GroupNorm(groups, c)
        self.expand = nn.Linear(c, c * expansion)
        self.project = nn.Linear(c * expansion, c)

    def forward(self, x):
        h = self.norm(self.depthwise(x)).permute(0, 2, 3, 1)
        return x + self.project(F.relu(self.expand(h))).permute(0, 3, 1, 2)


def linear(layer, x):
    return layer(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ClothesNet(nn.Module):
    def __init__(self, c):
        super().__init__()
        w, n = c["hidden_sizes"], len(c["hidden_sizes"])
        block = lambda i: Block(w[i], c["kernel_size"], c["expansion"], c["norm_groups"])
        self.levels = nn.ModuleList()
        for i in range(n):
            level = nn.Module()
            level.down = nn.Conv2d(w[i - 1] if i else 3, w[i], 3, stride=2, padding=1)
            level.norm = nn.GroupNorm(c["norm_groups"], w[i])
            level.blocks = nn.ModuleList(block(i) for _ in range(c["depths"][i]))
            if i:
                level.up = nn.Linear(w[i], w[i - 1])
            level.up_blocks = nn.ModuleList(block(i) for _ in range(c["decoder_depths"][i] if i + 1 < n else 0))
            self.levels.append(level)
        self.norm_out = nn.GroupNorm(c["norm_groups"], w[0])
        self.head = nn.Linear(w[0], len(c["id2label"]))

    def forward(self, x):
        skips = []
        for level in self.levels:
            x = level.norm(level.down(x))
            for b in level.blocks:
                x = b(x)
            skips.append(x)
        for i in range(len(self.levels) - 1, 0, -1):
            above = self.levels[i - 1]
            x = F.interpolate(linear(self.levels[i].up, x), size=skips[i - 1].shape[2:], mode="bilinear",
                              align_corners=False) + skips[i - 1]
            for b in above.up_blocks:
                x = b(x)
        return linear(self.head, F.silu(self.norm_out(x)))


def main():
    torch.manual_seed(7)
    net = ClothesNet(CONFIG)
    with torch.no_grad():
        for name, p in net.named_parameters():
            if p.dim() == 1:
                p.add_(0.3 * torch.randn_like(p))
    model, cases = os.path.join(ROOT, "clothes-nano"), os.path.join(ROOT, "clothes-nano-cases")
    os.makedirs(model, exist_ok=True)
    os.makedirs(cases, exist_ok=True)
    save_file(net.state_dict(), os.path.join(model, "model.safetensors"), {"format": "pt"})
    with open(os.path.join(model, "config.json"), "w") as f:
        json.dump(CONFIG, f, indent=1)
    with open(os.path.join(model, "preprocessor_config.json"), "w") as f:
        json.dump({"size": {"longest_edge": 64}, "image_mean": [0.485, 0.456, 0.406],
                   "image_std": [0.229, 0.224, 0.225], "flip_average": True}, f, indent=1)
    x = torch.randn(2, 3, 24, 16)
    y = torch.randint(0, 18, (2, 12, 8))
    y[0, :3] = 255
    logits = net(x)
    save_file({"in/pixel_values": x, "want/logits": logits.detach().contiguous()},
              os.path.join(cases, "clothes_net.safetensors"), {"kind": "clothes_net", "args": "{}"})
    loss = F.cross_entropy(logits, y, ignore_index=255)
    loss.backward()
    t = {"in/pixel_values": x, "in/labels": y.to(torch.int32), "want/loss": loss.detach().reshape(1)}
    t |= {f"want/grad/{n}": p.grad.contiguous() for n, p in net.named_parameters()}
    save_file(t, os.path.join(cases, "clothes_net_gradients.safetensors"),
              {"kind": "clothes_net_gradients", "args": "{}"})
    print(sum(p.numel() for p in net.parameters()), "parameters, loss", loss.item())


main()
