#!/usr/bin/env python3
"""PyTorch's side of bench/compare_hr_viton.py.

    torch_hr_viton.py make DIR [--ngf 96] [--ngf-generator 64] [--size 768x1024]
        both networks with random weights as .pth files, and a golden case each for `drape verify`: the condition
        generator at a quarter of the size, what lies between the networks, and the image generator
    torch_hr_viton.py time DIR [--runs N] [--threads N]
        prints {"seconds": {stage: median of N runs after one that is not counted}}
    torch_hr_viton.py versions

The networks are tools/golden/hr_viton.py, operation for operation as the published program runs them, spectral norms at
every call included.
"""
import argparse
import json
import os
import statistics
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tools", "golden"))

SEED = 1234


def person(torch, h, w):
    """Regions of a drawn person in the image generator's numbers, about as large as in VITON-HD's photos."""
    y, x = torch.meshgrid((torch.arange(h) + 0.5) / h, (torch.arange(w) + 0.5) / w, indexing="ij")
    map = torch.zeros(h, w, dtype=torch.int64)

    def ellipse(cx, cy, rx, ry, tilt=0.0):
        dx, dy = x - cx, (y - cy) * h / w
        a, b = dx * (1 - tilt * tilt) ** 0.5 + dy * tilt, dy * (1 - tilt * tilt) ** 0.5 - dx * tilt
        return (a / rx) ** 2 + (b / ry) ** 2 < 1

    for region, shape in ((1, ellipse(0.5, 1.05, 0.3, 0.55)), (3, ellipse(0.5, 0.16, 0.17, 0.24)),
                          (4, ellipse(0.22, 0.6, 0.07, 0.42, -0.15)), (5, ellipse(0.78, 0.6, 0.07, 0.42, 0.15)),
                          (2, ellipse(0.5, 0.58, 0.26, 0.45)), (2, ellipse(0.3, 0.42, 0.14, 0.2)),
                          (2, ellipse(0.7, 0.42, 0.14, 0.2)), (1, ellipse(0.5, 0.17, 0.1, 0.15)),
                          (6, ellipse(0.5, 0.33, 0.06, 0.05))):
        map[shape] = region
    return map[None]


def make(a):
    import torch
    from safetensors.torch import save_file

    import hr_viton as hr
    w, h = (int(n) for n in a.size.split("x"))
    os.makedirs(a.dir, exist_ok=True)
    networks = []
    for name, random in (("mtviton.pth", lambda: hr.random_condition(a.ngf, 1)),
                         ("gen.pth", lambda: hr.random_generator(a.ngf_generator, 128, 2))):
        path = os.path.join(a.dir, name)
        networks.append(torch.load(path, weights_only=True) if os.path.exists(path) else random())
        if not os.path.exists(path):
            torch.save(networks[-1], path)
    condition, generator = networks
    g = torch.Generator().manual_seed(3)

    def smooth(c, h, w):
        return torch.nn.functional.interpolate(torch.randn(1, c, h // 16, w // 16, generator=g), size=(h, w),
                                               mode="bicubic").clamp(-1, 1)

    def one_hot(labels, c):
        return torch.nn.functional.one_hot(labels, c).permute(0, 3, 1, 2).float()

    def case(name, kind, args, inputs, want):
        t = {f"in/{k}": v for k, v in inputs.items()} | {f"want/{k}": v for k, v in want.items()}
        save_file({k: (v.int() if v.dtype == torch.int64 else v).contiguous().clone() for k, v in t.items()},
                  os.path.join(a.dir, name + ".safetensors"), {"kind": "hrviton_" + kind, "args": json.dumps(args)})

    lw, lh = w // 4, h // 4
    low = {"cloth": smooth(3, lh, lw), "cloth_mask": (smooth(1, lh, lw) > 0).float(),
           "parse_agnostic": one_hot(person(torch, lh, lw), 13), "densepose": smooth(3, lh, lw)}
    inputs = {"cloth": smooth(3, h, w), "cloth_mask": (smooth(1, h, w) > 0).float()}
    x, labels = smooth(9, h // 4, w // 4), person(torch, h, w)
    with torch.inference_mode():
        out = run_condition(torch, hr, condition, low)
        case("condition", "condition", {"weights": "mtviton.pth"}, low, out)
        inputs |= {"segmap": out["segmap"], "warped_mask_low": out["warped_mask"], "flow": out["flow_4"]}
        args = {"composition": "warp_grad", "occlusion": True, "height": h, "width": w}
        case("glue", "glue", args, inputs, run_glue(torch, hr, inputs))
        case("generator", "generator", {"weights": "gen.pth", "noise_seed": SEED}, {"x": x, "labels7": labels},
             {"image": run_generator(torch, hr, generator, x, labels)})
    return {}


def run_condition(torch, hr, t, i):
    return hr.condition(t, torch.cat([i["cloth"], i["cloth_mask"]], 1),
                        torch.cat([i["parse_agnostic"], i["densepose"]], 1))[0]


def run_glue(torch, hr, i):
    h, w = i["cloth"].shape[2:]
    blurred = hr.logits(i["segmap"], i["warped_mask_low"], "warp_grad", (h, w))
    labels = blurred.argmax(1)
    cloth, mask = hr.warp_full(torch.cat([i["cloth"], i["cloth_mask"]], 1), i["flow"]).split([3, 1], 1)
    cloth, mask = hr.occlude(blurred, cloth, mask)
    return {"blurred": blurred, "labels13": labels, "labels7": torch.tensor(hr.REGION)[labels], "warped_cloth": cloth,
            "warped_mask": mask}


def run_generator(torch, hr, t, x, labels):
    scale = labels.shape[1] // x.shape[2]
    x = x.repeat_interleave(scale, 2).repeat_interleave(scale, 3)
    regions = torch.nn.functional.one_hot(labels.long(), 7).permute(0, 3, 1, 2).float()
    return hr.generator(t, x, regions, hr.drawn_noise(SEED))


def measure(a):
    import torch
    from safetensors import safe_open

    import hr_viton as hr
    if a.threads:
        torch.set_num_threads(a.threads)
    condition = torch.load(os.path.join(a.dir, "mtviton.pth"), weights_only=True)
    generator = torch.load(os.path.join(a.dir, "gen.pth"), weights_only=True)

    def inputs(name):
        with safe_open(os.path.join(a.dir, name + ".safetensors"), "pt") as f:
            return {k[3:]: f.get_tensor(k) for k in f.keys() if k.startswith("in/")}

    low, between, last = inputs("condition"), inputs("glue"), inputs("generator")
    stages = {"condition": lambda: run_condition(torch, hr, condition, low),
              "glue": lambda: run_glue(torch, hr, between),
              "generator": lambda: run_generator(torch, hr, generator, last["x"], last["labels7"])}
    seconds = {}
    with torch.inference_mode():
        for name, job in stages.items():
            times = []
            for _ in range(a.runs + 1):
                start = time.perf_counter()
                job()
                times.append(time.perf_counter() - start)
            seconds[name] = statistics.median(times[1:])
    return {"seconds": seconds}


def versions(a):
    import torch
    del a
    return {"torch": torch.__version__}


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("job", choices=["make", "time", "versions"])
    p.add_argument("dir", nargs="?")
    p.add_argument("--ngf", type=int, default=96)
    p.add_argument("--ngf-generator", type=int, default=64)
    p.add_argument("--size", default="768x1024")
    p.add_argument("--runs", type=int, default=1)
    p.add_argument("--threads", type=int, default=0)
    a = p.parse_args()
    print(json.dumps({"make": make, "time": measure, "versions": versions}[a.job](a)))


main()
