#!/usr/bin/env python3
"""What `drape tryon --preset` and each of its parts cost in picture and save in work.

    bench/presets.py --model DIR --image PHOTO|DIR --prompt TEXT [--mask MASK] [--photos N] [--seeds N] [--sheet FILE]

Every way paints the same photos with the same seeds; pictures are compared with those of 50 steps of the model's own sampler,
guided all the way, every call whole, in exact arithmetic. Masks are made where none is given, once. PSNR and SSIM are inside the
mask, median and least; the colour is the distance of the mean colours inside it (CIELAB), median; with --backbones LPIPS inside the
mask, too. The UNet's work is counted in halves of guidance, of 50 guided calls; a call that reuses its deep part counts as
--reused of a whole one, one that is left out as none. CPU time is the whole program's, of all photos, over that of the 50 steps.

The rows are those whose names contain one of the words of --only. A sheet (which needs Pillow) has a row of pictures for each photo.
"""
import argparse, json, re, resource, subprocess, sys, tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BASE = ["--steps", "50"]
DPM, UNIPC = ["--scheduler", "dpm++2m"], ["--scheduler", "unipc"]
WAYS = [("50 steps", BASE),
        ("another seed", None),
        ("`--precision auto`", BASE + ["--precision", "auto"]),
        ("guidance until 0.75", BASE + ["--guidance-end", "0.75"]),
        ("guidance until 0.5", BASE + ["--guidance-end", "0.5"]),
        ("guidance from 0.2 to 0.7", BASE + ["--guidance-start", "0.2", "--guidance-end", "0.7"]),
        ("no guidance", BASE + ["--guidance-scale", "1"]),
        ("cache, every 2nd whole", BASE + ["--cache-interval", "2"]),
        ("cache, every 3rd whole", BASE + ["--cache-interval", "3"]),
        ("cache, every 5th whole", BASE + ["--cache-interval", "5"]),
        ("cache, every 5th whole, branch 2", BASE + ["--cache-interval", "5", "--cache-branch", "2"]),
        ("cache, every 5th whole, branch 4", BASE + ["--cache-interval", "5", "--cache-branch", "4"]),
        ("cache, every 5th whole, from 0.2 on", BASE + ["--cache-interval", "5", "--cache-start", "0.2"]),
        ("cache, every 5th whole, until 0.8", BASE + ["--cache-interval", "5", "--cache-end", "0.8"]),
        ("cache, every 5th whole, 0.2 to 0.8", BASE + ["--cache-interval", "5", "--cache-start", "0.2", "--cache-end", "0.8"]),
        ("calls left out, threshold 0.05", BASE + ["--cache-threshold", "0.05"]),
        ("20 steps", ["--steps", "20"]),
        ("DPM++ 2M, 20 steps", ["--steps", "20", *DPM]),
        ("DPM++ 2M Karras, 20 steps", ["--steps", "20", *DPM, "--karras"]),
        ("UniPC, 20 steps", ["--steps", "20", *UNIPC]),
        ("DPM++ 2M, 20 steps, cache 2", ["--steps", "20", *DPM, "--cache-interval", "2"]),
        ("DPM++ 2M, 20 steps, cache 2 from 0.2 on", ["--steps", "20", *DPM, "--cache-interval", "2", "--cache-start", "0.2"]),
        ("DPM++ 2M, 20 steps, cache 3", ["--steps", "20", *DPM, "--cache-interval", "3"]),
        ("DPM++ 2M, 20 steps, cache 3 from 0.2 on", ["--steps", "20", *DPM, "--cache-interval", "3", "--cache-start", "0.2"]),
        ("UniPC, 20 steps, cache 2", ["--steps", "20", *UNIPC, "--cache-interval", "2"]),
        ("10 steps", ["--steps", "10"]),
        ("DPM++ 2M, 10 steps", ["--steps", "10", *DPM]),
        ("DPM++ 2M Karras, 10 steps", ["--steps", "10", *DPM, "--karras"]),
        ("UniPC, 10 steps", ["--steps", "10", *UNIPC]),
        ("UniPC, 10 steps, cache 2", ["--steps", "10", *UNIPC, "--cache-interval", "2"]),
        ("UniPC, 10 steps, cache 2 from 0.2 on", ["--steps", "10", *UNIPC, "--cache-interval", "2", "--cache-start", "0.2"]),
        ("UniPC, 8 steps", ["--steps", "8", *UNIPC]),
        ("UniPC, 8 steps, cache 2 from 0.2 on", ["--steps", "8", *UNIPC, "--cache-interval", "2", "--cache-start", "0.2"]),
        ("**preset balanced**", ["--preset", "balanced"]),
        ("**preset fast**", ["--preset", "fast"])]


def halves(parameters, reused):
    """The UNet's work, from the text that is in a picture's file."""
    steps, sampler = re.search(r"Steps: (\d+), Sampler: ([^, ]+)", parameters).groups()
    calls = int(steps) + (sampler == "pndm")
    scale = float(re.search(r"CFG scale: ([\d.]+)", parameters)[1])
    interval = re.search(r"Cache interval: (\d+)", parameters)
    interval = int(interval[1]) if interval else 1
    guide, cache = (tuple(map(float, found.groups())) if found else (0, 1)
                    for found in (re.search(name + r": ([\d.]+)-([\d.]+)", parameters) for name in ("Guidance interval", "Cached part")))
    inside = lambda i, a, b: i / calls >= a and (i + 1) / calls <= b
    work, since, kept = 0, 0, 0
    for i in range(calls):
        n = 1 + (scale > 1 and inside(i, *guide))
        again = inside(i, *cache) and since + 1 < interval and n <= kept
        since, kept = (since + 1, kept) if again else (0, n)
        work += n * (reused if again else 1)
    skipped = re.search(r"Skipped calls: (\d+)", parameters)  # of all alike, guided or not
    return work * (1 - int(skipped[1]) / calls) if skipped else work


def drape(a, *args, **more):
    return subprocess.run([a.drape, *map(str, args), "-q"], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **more).stdout


def paint(a, photos, masks, folder, options, seed):
    """A folder of pictures; the UNet's work and the CPU time."""
    folder.mkdir()
    guidance = ["--guidance-scale", a.guidance_scale] if "--guidance-scale" not in options else []
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    for k in range(a.seeds):
        results = folder / f"s{k}"
        results.mkdir()
        for photo, mask in zip(photos, masks):
            drape(a, "tryon", "--model", a.model, "--image", photo, "--mask", mask, "--prompt", a.prompt, "--wardrobe", "off", "--seed", seed + k, "--threads",
                  a.threads, "-o", results / (photo.stem + ".png"), *guidance, *options)
            (results / (photo.stem + ".png")).rename(folder / f"{photo.stem}-{k}.png")
            last = folder / f"{photo.stem}-{k}.png"
        results.rmdir()
    seconds = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    return halves(last.read_bytes().decode("latin-1"), a.reused), seconds


def judge(a, results, reference, masks):
    metrics = "psnr,ssim,colour" + (",lpips" if a.backbones else "")
    more = ["--backbones", a.backbones] if a.backbones else []
    found = json.loads(drape(a, "eval", "--results", results, "--reference", reference, "--masks", masks, "--metrics", metrics, *more,
                             "--cache", "", "--json"))
    of = found["summary"]
    cells = [f"{of['psnr_inside']['median']:.1f} dB", f"{of['psnr_inside']['least']:.1f} dB",
             f"{of['ssim_skimage_inside']['median']:.3f}", f"{of['colour_mean']['median']:.2f}"]
    return cells + ([f"{of['lpips_alex_inside']['median']:.3f}"] if a.backbones else [])


def make_sheet(a, work, shown, photos):
    from PIL import Image, ImageDraw
    side = 224
    sheet = Image.new("RGB", (side * len(shown), (side + 2) * len(photos) + 16), "white")
    for column, (name, folder) in enumerate(shown):
        ImageDraw.Draw(sheet).text((column * side + 2, 2), name.strip("*`")[:36], "black")
        for row, photo in enumerate(photos):
            picture = Image.open(folder / f"{photo.stem}-0.png").convert("RGB")
            picture.thumbnail((side, side))
            sheet.paste(picture, (column * side, 16 + row * (side + 2)))
    sheet.save(a.sheet)


def find_photos(a, work):
    path = Path(a.image)
    photos = sorted(p for p in path.iterdir() if p.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp")) if path.is_dir() else [path]
    (work / "masks").mkdir()
    kept, masks = [], []
    for photo in photos:
        mask = work / f"{photo.stem}.png"
        try:
            mask.write_bytes(Path(a.mask).read_bytes()) if a.mask else drape(a, "mask", photo, "-o", mask)
        except subprocess.CalledProcessError:
            continue  # nobody in it
        kept.append(photo)
        masks.append(mask)
        for k in range(a.seeds):
            (work / "masks" / f"{photo.stem}-{k}.png").write_bytes(mask.read_bytes())
        if len(kept) == a.photos:
            break
    return kept, masks


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--drape", default=str(ROOT / "build" / "drape"))
    p.add_argument("--model", required=True)
    p.add_argument("--image", required=True, help="a photo, or a folder of photos")
    p.add_argument("--mask", help="of the one photo; otherwise masks are made")
    p.add_argument("--prompt", required=True)
    p.add_argument("--guidance-scale", type=float, default=7.5)
    p.add_argument("--photos", type=int, default=20, help="of a folder, at most")
    p.add_argument("--seeds", type=int, default=1)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--reused", type=float, default=0.1, help="work of a call that reuses its deep part, in parts of a whole one")
    p.add_argument("--backbones", help="folder of AlexNet's weights, for LPIPS")
    p.add_argument("--only", help="words with commas between: the ways that are tried")
    p.add_argument("--sheet", help="a picture of all pictures")
    p.add_argument("--keep", type=Path, help="a new folder for the pictures")
    a = p.parse_args()
    if a.sheet:
        try:
            import PIL  # noqa: F401 - now, not after an hour
        except ImportError:
            p.error("--sheet needs Pillow, which this Python has not")
    with tempfile.TemporaryDirectory() as scratch:
        work = a.keep or Path(scratch)
        work.mkdir(exist_ok=True)
        photos, masks = find_photos(a, work)
        more = (" LPIPS |", " --- |") if a.backbones else ("", "")
        print(f"{len(photos)} photos, {a.seeds} seeds each\n")
        print("| way | UNet's work | CPU time | PSNR, median | least | SSIM | colour |" + more[0])
        print("| --- | --- | --- | --- | --- | --- | --- |" + more[1], flush=True)
        shown = []
        for i, (name, options) in enumerate(WAYS):
            if i and a.only and not any(word.strip() in name for word in a.only.split(",")):
                continue
            folder = work / str(i)
            cost, seconds = paint(a, photos, masks, folder, options or BASE, 1 if options else 1001)
            shown.append((name, folder))
            if i == 0:
                whole, took = cost, seconds
                print(f"| {name} | 1 | 1 | | | | |", flush=True)
                continue
            cells = judge(a, folder, work / "0", work / "masks")
            print(f"| {name} | {cost / whole:.2f} | {seconds / took:.2f} | {' | '.join(cells)} |", flush=True)
        if a.sheet:
            make_sheet(a, work, shown, photos)


if __name__ == "__main__":
    sys.exit(main())
