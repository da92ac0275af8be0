#!/usr/bin/env python3
"""What `drape tryon --preset` and each of its parts cost in picture and save in work.

    bench/presets.py --model DIR --image PHOTO --mask MASK --prompt TEXT [--guidance-scale X] [--seeds N]

Every way paints the same photo with the same seeds; pictures are compared with those of 50 steps of the model's own sampler,
guided all the way, in exact arithmetic, inside the mask. The share of the UNet's work counts one half of guidance as one.
"""
import argparse, json, re, subprocess, sys, tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WAYS = [("50 steps (exact)", ["--steps", "50"]),
        ("another seed", None),
        ("precision auto", ["--steps", "50", "--precision", "auto"]),
        ("guidance until 0.75", ["--steps", "50", "--guidance-end", "0.75"]),
        ("guidance until 0.5", ["--steps", "50", "--guidance-end", "0.5"]),
        ("guidance from 0.2 to 0.7", ["--steps", "50", "--guidance-start", "0.2", "--guidance-end", "0.7"]),
        ("no guidance", ["--steps", "50", "--guidance-scale", "1"]),
        ("20 steps", ["--steps", "20"]),
        ("DPM++ 2M, 20 steps", ["--steps", "20", "--scheduler", "dpm++2m"]),
        ("DPM++ 2M Karras, 20 steps", ["--steps", "20", "--scheduler", "dpm++2m", "--karras"]),
        ("UniPC, 20 steps", ["--steps", "20", "--scheduler", "unipc"]),
        ("10 steps", ["--steps", "10"]),
        ("DPM++ 2M, 10 steps", ["--steps", "10", "--scheduler", "dpm++2m"]),
        ("DPM++ 2M Karras, 10 steps", ["--steps", "10", "--scheduler", "dpm++2m", "--karras"]),
        ("UniPC, 10 steps", ["--steps", "10", "--scheduler", "unipc"]),
        ("preset balanced", ["--preset", "balanced"]),
        ("preset fast", ["--preset", "fast"])]


def paint(a, folder, options, seed):
    """Paints a.seeds pictures; the share of the UNet's work of the last one, from the text that is in its file."""
    folder.mkdir()
    guidance = ["--guidance-scale", str(a.guidance_scale)] if "--guidance-scale" not in options else []
    for k in range(a.seeds):
        out = folder / f"{k}.png"
        subprocess.run([a.drape, "tryon", "--model", a.model, "--image", a.image, "--mask", a.mask, "--prompt", a.prompt, "--seed",
                        str(seed + k), "--threads", str(a.threads), "-q", "-o", out, *guidance, *options],
                       check=True, stdout=subprocess.DEVNULL)
    text = out.read_bytes().decode("latin-1")
    steps, sampler = re.search(r"Steps: (\d+), Sampler: ([^, ]+)", text).groups()
    calls = int(steps) + (sampler == "pndm")
    scale = float(re.search(r"CFG scale: ([\d.]+)", text)[1])
    interval = re.search(r"Guidance interval: ([\d.]+)-([\d.]+)", text)
    start, end = map(float, interval.groups()) if interval else (0, 1)
    return calls + sum(scale > 1 and i / calls >= start and (i + 1) / calls <= end for i in range(calls))


def judge(a, results, reference, masks):
    """The mean PSNR and SSIM inside the mask."""
    out = subprocess.run([a.drape, "eval", "--results", results, "--reference", reference, "--masks", masks, "--metrics",
                          "psnr,ssim", "-q", "--json"], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    mean = {name: number["mean"] for name, number in json.loads(out)["summary"].items()}
    return f"{mean['psnr_inside']:.1f} dB | {mean['ssim_skimage_inside']:.2f}"


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--drape", default=str(ROOT / "build" / "drape"))
    p.add_argument("--model", required=True)
    p.add_argument("--image", required=True)
    p.add_argument("--mask", required=True)
    p.add_argument("--prompt", required=True)
    p.add_argument("--guidance-scale", type=float, default=7.5)
    p.add_argument("--seeds", type=int, default=2)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--keep", type=Path, help="a new folder for the pictures")
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = a.keep or Path(scratch)
        work.mkdir(exist_ok=True)
        (work / "masks").mkdir()
        for k in range(a.seeds):
            (work / "masks" / f"{k}.png").write_bytes(Path(a.mask).read_bytes())
        print("| way | UNet's work | PSNR inside the mask | SSIM |\n| --- | --- | --- | --- |")
        for i, (name, options) in enumerate(WAYS):
            folder = work / str(i)
            cost = paint(a, folder, options or WAYS[0][1], 1 if options else 1001)
            if i == 0:
                whole = cost
                print(f"| {name} | 1 | | |")
                continue
            print(f"| {name} | {cost / whole:.2f} | {judge(a, folder, work / '0', work / 'masks')} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
