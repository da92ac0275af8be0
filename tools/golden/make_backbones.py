#!/usr/bin/env python3
"""Writes the networks of published measures of pictures with random weights, and golden cases for them and the measures.

    tools/golden/make_backbones.py OUT            small ones: OUT/backbones-nano and OUT/backbones-nano-cases
    tools/golden/make_backbones.py OUT --full     the published sizes: OUT/backbones-full, half a gigabyte
    ... --photos DIR --count 60                   instead of noise, the first photos of a folder
    ... --only alex,vgg,squeeze,fid,clip          some of it

Needs torch, torchvision, transformers, lpips, pytorch-fid, clean-fid, torch-fidelity, scipy, Pillow (made with 2.15, 0.29,
5.23, 0.1.4, 0.3.0, 0.1.35, 0.4.0, 1.17, 13). The networks are the packages' own classes; the small ones are these classes
with fewer channels (a 32nd, of Inception a 16th), which the packages do not offer: their layers are made anew, the forwards stay. Files are in the forms
that are published: torch.save's state dictionaries under torchvision's, lpips's and pytorch-fid's names, and a folder of
transformers.
"""
import argparse
import json
import os
import pathlib
import types

import lpips
import numpy as np
import torch
import torchvision
from cleanfid.resize import build_resizer
from PIL import Image
from pytorch_fid import fid_score
from pytorch_fid import inception as fid_inception
from safetensors.torch import save_file
from torch import nn
from torch_fidelity.metric_kid import kid_features_to_metric
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

p = argparse.ArgumentParser()
p.add_argument("out", type=pathlib.Path)
p.add_argument("--full", action="store_true")
p.add_argument("--photos", type=pathlib.Path)
p.add_argument("--count", type=int, default=60)
p.add_argument("--only", default="alex,vgg,squeeze,fid,clip")
A = p.parse_args()
NAME = "backbones-full" if A.full else "backbones-nano"
MODELS, CASES = A.out / NAME, A.out / (NAME + "-cases")
for d in (MODELS, CASES):
    d.mkdir(parents=True, exist_ok=True)
G = torch.Generator()
THIN = 1 if A.full else 32


def save_case(name, kind, inputs, want, args=None):
    t = {f"in/{k}": v for k, v in inputs.items()} | {f"want/{k}": v for k, v in want.items()}
    t = {k: torch.as_tensor(v).detach().contiguous().clone() for k, v in t.items()}
    t = {k: v.float() if v.dtype == torch.float64 else v for k, v in t.items()}
    path = CASES / (name + ".safetensors")
    save_file(t, path, {"kind": kind, "args": json.dumps(args or {})})
    os.chmod(path, 0o644)


def save_weights(module, name, prefix=""):
    torch.save({prefix + k: v for k, v in module.state_dict().items()}, MODELS / name)
    os.chmod(MODELS / name, 0o644)


def part(seed):
    """Each part begins anew, so that it comes out the same with the others and without."""
    torch.manual_seed(seed)
    G.manual_seed(seed)


def thin(module, factor):
    """The same net with a `factor`-th of the channels: every layer is made anew."""
    if factor == 1:
        return module

    def fewer(n):
        return n if n == 3 else max(1, n // factor)

    for m in list(module.modules()):
        for name, child in list(m.named_children()):
            if isinstance(child, nn.Conv2d):
                new = nn.Conv2d(fewer(child.in_channels), fewer(child.out_channels), child.kernel_size, child.stride,
                                child.padding, bias=child.bias is not None)
                setattr(m, name, new)
            elif isinstance(child, nn.BatchNorm2d):
                setattr(m, name, nn.BatchNorm2d(fewer(child.num_features), eps=child.eps))
    return module


def shake(module, centred=False):
    """Random values of a size at which activations neither die nor explode. `centred`: filters whose weights add up to
    zero, without which a deep net says the same of all pictures."""
    with torch.no_grad():
        for m in module.modules():
            if isinstance(m, nn.Conv2d):
                fan = m.in_channels * m.kernel_size[0] * m.kernel_size[1]
                m.weight.normal_(0, (2 / fan) ** 0.5, generator=G)
                if centred:
                    m.weight.sub_(m.weight.mean((1, 2, 3), keepdim=True))
                if m.bias is not None:
                    m.bias.normal_(0, 0.2, generator=G)
            elif isinstance(m, nn.BatchNorm2d):
                m.weight.uniform_(0.7, 1.3, generator=G)
                m.bias.normal_(0.2, 0.2, generator=G)  # narrow nets die of too many zeros
                m.running_mean.normal_(0, 0.3, generator=G)
                m.running_var.uniform_(0.5, 1.5, generator=G)
    return module.eval()


def noise(n, h, w, channels=3):
    """Soft blots: what a net sees of white noise is nearly the same for all."""
    x = torch.rand(n, channels, h // 4 + 1, w // 4 + 1, generator=G)
    x = torch.nn.functional.interpolate(x, (h, w), mode="bicubic").clamp(0, 1)
    return (x * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def photos(n, h, w):
    """The first n photos, of the commonest size."""
    if not A.photos:
        return noise(n, h, w)
    files = sorted(f for f in A.photos.iterdir() if f.suffix in (".jpg", ".png"))
    out, size = [], None
    for f in files:
        im = Image.open(f).convert("RGB")
        size = size or im.size
        if im.size == size:
            out.append(torch.from_numpy(np.array(im)))
        if len(out) == n:
            break
    return torch.stack(out)


# --- LPIPS and its three nets ---------------------------------------------------------------------------------------

NETS = {"alex": ("alexnet", torchvision.models.alexnet, "alexnet-owt-7be5be79.pth", 67, 95),
        "vgg": ("vgg16", torchvision.models.vgg16, "vgg16-397923af.pth", 35, 50),
        "squeeze": ("squeezenet", torchvision.models.squeezenet1_1, "squeezenet1_1-b8a52dc0.pth", 50, 67)}


def make_lpips(short):
    part(list(NETS).index(short))
    kind, make, file, h, w = NETS[short]
    net = make(weights=None)
    if not A.full:  # the classifiers are large, and are only passed over
        net.classifier = nn.Sequential(nn.Dropout(), nn.Linear(3, 2))
    net.features = shake(thin(net.features, THIN))
    save_weights(net, file)
    loss = lpips.LPIPS(net=short, pnet_rand=True, pretrained=False, verbose=False)
    for slice in loss.net.children():
        for name, child in slice.named_children():
            setattr(slice, name, net.features[int(name)])
    x = torch.randn(1, 3, h, w, generator=G)
    with torch.no_grad():
        outs = loss.net(x)
    widths = [o.shape[1] for o in outs]
    if not A.photos:
        save_case(kind, kind, {"pixel_values": x}, {f"slice/{i}": o for i, o in enumerate(outs)})
    for i, n in enumerate(widths):
        lin = lpips.NetLinLayer(n, use_dropout=True)
        with torch.no_grad():
            lin.model[1].weight.uniform_(0, 1, generator=G)
        loss.lins[i] = lin
        setattr(loss, f"lin{i}", lin)
    torch.save({f"lin{i}.model.1.weight": loss.lins[i].model[1].weight.detach() for i in range(len(widths))},
               MODELS / f"lpips_{short}.pth")
    loss.eval()
    pictures = photos(2 if not A.photos else A.count, h, w)
    mask = torch.zeros(1, *pictures.shape[1:3], 1, dtype=torch.uint8)
    mask[:, mask.shape[1] // 4:, mask.shape[2] // 3:] = 255
    for i in range(0, len(pictures) - 1, 2):
        pair = [im.permute(2, 0, 1)[None].double() for im in pictures[i:i + 2]]
        a, b = [(im / (255 / 2) - 1).float() for im in pair]
        with torch.no_grad():
            loss.spatial = False
            d = loss(a, b)
            loss.spatial = True
            map = loss(a, b)[0, 0].double()
        inside = mask[0, :, :, 0] >= 128
        want = {"distance": d.reshape(1), "inside": map[inside].mean().reshape(1),
                "outside": map[~inside].mean().reshape(1)}
        name = f"lpips-{short}" + (f"-{i // 2:02}" if A.photos else "")
        save_case(name, "lpips", {"pictures": pictures[i:i + 2], "mask": mask}, want, {"net": short})


# --- Inception, FID, KID ----------------------------------------------------------------------------------------------

def make_inception():
    fid_inception.load_state_dict_from_url = lambda *a, **k: None
    load = torchvision.models.Inception3.load_state_dict
    torchvision.models.Inception3.load_state_dict = lambda *a, **k: None
    net = fid_inception.fid_inception_v3()
    torchvision.models.Inception3.load_state_dict = load
    net = shake(thin(net, 1 if A.full else 16), centred=not A.full)
    if not A.full:
        net.fc = nn.Linear(3, 2)
        net.half()  # what 16 bits keep: the file is half as large, and read as such
    save_weights(net, "pt_inception-2015-12-05-6726825d.pth")
    net.float()
    fid_inception.fid_inception_v3 = lambda: net
    return fid_inception.InceptionV3([3]).eval()


def features(model, x, clean):
    """x [n,H,W,3] bytes; pytorch-fid's own preprocessing is in its model, clean-fid's in front of its."""
    out = []
    resize = build_resizer("clean")
    with torch.no_grad():
        for im in x:
            if clean:
                y = torch.from_numpy(resize(im.numpy())).permute(2, 0, 1)[None]
                model.resize_input = model.normalize_input = False
                out.append(model((y - 128) / 128)[0])
            else:
                model.resize_input = model.normalize_input = True
                out.append(model(torchvision.transforms.functional.to_tensor(im.numpy())[None])[0])
    return torch.cat(out)[:, :, 0, 0]


def frechet(a, b):
    a, b = a.double().numpy(), b.double().numpy()
    return fid_score.calculate_frechet_distance(a.mean(0), np.cov(a, rowvar=False), b.mean(0), np.cov(b, rowvar=False))


def make_fid():
    part(3)
    model = make_inception()
    if not A.photos:
        x = torch.rand(2, 3, 79, 91, generator=G) * 2 - 1
        seen = {}
        hooks = []
        for block in model.blocks:
            for m in block:
                if type(m).__name__.startswith(("FIDInception", "Inception")):
                    hooks.append(m.register_forward_hook(lambda m, i, o: seen.__setitem__(len(seen), o)))
        model.resize_input = model.normalize_input = False
        with torch.no_grad():
            y = model(x)[0][:, :, 0, 0]
        for h in hooks:
            h.remove()
        names = ["5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c"]
        want = {"features": y} | {f"block/Mixed_{n}": seen[i] for i, n in enumerate(names) if n in ("6a", "6b", "7a", "7c")}
        save_case("inception", "inception", {"pixel_values": x}, want)
    for clean in (False, True):
        if A.photos:
            every = photos(A.count, 0, 0)
            a, b = every[:len(every) // 2], every[len(every) // 2:]
        else:
            a, b = noise(5, 61, 47), noise(4, 40, 53)
        fa, fb = features(model, a, clean), features(model, b, clean)
        assert (fa.std(0).norm() > 0.01 * fa.mean(0).norm())  # not the same for all pictures
        how = "clean" if clean else "pytorch"
        save_case("fid-" + how, "fid", {"a": a, "b": b},
                  {"features/a": fa, "features/b": fb, "distance": torch.tensor([frechet(fa, fb)])}, {"resize": how})
        if A.photos:
            make_kid("kid-photos-" + how, fa, fb, 20)
            save_case("frechet-photos-" + how, "frechet", {"a": fa, "b": fb}, {"distance": torch.tensor([frechet(fa, fb)])})


def make_kid(name, a, b, size):
    # in double: KID is a small difference of large sums, of which floats keep few digits
    got = kid_features_to_metric(a.double(), b.double(), kid_subsets=7, kid_subset_size=size, rng_seed=2020, verbose=False, kid_kernel="poly",
                                 kid_kernel_poly_degree=3, kid_kernel_poly_gamma=None, kid_kernel_poly_coef0=1)
    save_case(name, "kid", {"a": a, "b": b},
              {"mean": torch.tensor([got["kernel_inception_distance_mean"]], dtype=torch.float64),
               "deviation": torch.tensor([got["kernel_inception_distance_std"]], dtype=torch.float64)},
              {"subsets": 7, "subset_size": size, "seed": 2020})


def make_vectors():
    """Features alone: more pictures than features, and fewer."""
    part(4)
    a, b = torch.randn(60, 24, generator=G).abs() * 0.7, torch.randn(50, 24, generator=G).abs() + 0.1
    for name, x, y in (("frechet", a, b), ("frechet-few", a[:9], b[:7])):
        save_case(name, "frechet", {"a": x, "b": y}, {"distance": torch.tensor([frechet(x, y)])})
    make_kid("kid", a, b, 40)


# --- CLIP ---------------------------------------------------------------------------------------------------------------

def make_clip():
    part(5)
    small = dict(hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=3, image_size=30, patch_size=9,
                 projection_dim=10)
    full = dict(hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16, image_size=224,
                patch_size=14, projection_dim=768)
    b32 = dict(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12, image_size=224,
               patch_size=32, projection_dim=512)
    for name, sizes in ((("clip-l14", full), ("clip-b32", b32)) if A.full else (("clip-nano", small),)):
        config = CLIPVisionConfig(**sizes)
        m = CLIPVisionModelWithProjection(config).eval()
        with torch.no_grad():
            for q in m.parameters():
                if q.dim() > 1:
                    q.mul_(3)
                else:
                    q.add_(0.1 * torch.randn(q.shape, generator=G))
        dir = MODELS / name
        m.save_pretrained(dir)
        os.chmod(dir / "model.safetensors", 0o644)
        size = sizes["image_size"]
        proc = CLIPImageProcessorPil(size={"shortest_edge": size}, crop_size={"height": size, "width": size})
        proc.save_pretrained(dir)
        cases = "clip" + name[4:] if A.full else "clip"
        if not A.photos:
            x = torch.randn(2, 3, size, size, generator=G)
            with torch.no_grad():
                save_case(cases + "_vision", "clip_vision", {"pixel_values": x}, {"image_embeds": m(x).image_embeds})
        pictures = photos(A.count if A.photos else 2, 47, 35)
        with torch.no_grad():
            y = m(**proc(list(pictures.numpy()), return_tensors="pt")).image_embeds
        save_case(cases + "_image", "clip_image", {"pictures": pictures}, {"image_embeds": y / y.norm(dim=-1, keepdim=True)})


ONLY = A.only.split(",")
for short in NETS:
    if short in ONLY:
        make_lpips(short)
if "fid" in ONLY:
    make_fid()
    if not A.photos:
        make_vectors()
if "clip" in ONLY:
    make_clip()
