#!/usr/bin/env python3
"""How drape gets on with other programs on the same cores.

    bench/shared_machine.py [--drape build/drape] [--busy 0,1,2] [--rounds 5] [--rows tryon,train,mask,studio]

Beside 0, 1 and 2 processes that do nothing but count, with the small model: a try-on, twenty steps of training, a mask, and
a try-on in the studio. Each three ways, taking turns: as the program sets OpenMP up by itself (drape), as the runtime would
without it (spin), and with OMP_WAIT_POLICY=passive. Medians in seconds, and the ratio of each turn to the spin beside it.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]
WAYS = {"drape": {}, "spin": {"GOMP_SPINCOUNT": "300000"}, "passive": {"OMP_WAIT_POLICY": "passive"}}
PHOTO, MASK = ROOT / "examples/astronaut.jpg", ROOT / "examples/astronaut_mask.png"


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--drape", default=str(ROOT / "build" / "drape"))
    p.add_argument("--busy", default="0,1,2", help="how many other processes")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--rows", default="tryon,train,mask,studio")
    p.add_argument("--ways", default="drape,spin,passive", help="a number is a GOMP_SPINCOUNT")
    return p.parse_args()


def environment(way, cache):
    env = {k: v for k, v in os.environ.items() if k not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    return env | {"DRAPE_CACHE_DIR": cache} | (WAYS[way] if way in WAYS else {"GOMP_SPINCOUNT": way})


def run(command, env):
    began = time.monotonic()
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL, timeout=900)
    return time.monotonic() - began


def tryon(o, env, folder):
    return run([o.drape, "tryon", "--image", PHOTO, "--mask", MASK, "--prompt", "a red t-shirt", "--wardrobe", "off", "--quiet", "-o",
                f"{folder}/out.png"], env)


def mask(o, env, folder):
    return run([o.drape, "mask", PHOTO, "--quiet", "-o", f"{folder}/mask.png"], env)


def train(o, env, folder):
    lesson = pathlib.Path(folder, "lesson")
    for kind, source in (("photos", PHOTO), ("masks", MASK)):
        (lesson / kind).mkdir(parents=True, exist_ok=True)
        (lesson / kind / f"orange suit{source.suffix}").write_bytes(source.read_bytes())
    return run([o.drape, "train", "--pretrained_model_name_or_path", ROOT / "models/mini", "--instance_data_dir",
                lesson / "photos", "--instance_masks_data_dir", lesson / "masks", "--output_dir",
                f"{folder}/taught-{time.monotonic()}", "--resolution", "256", "--center_crop", "--train_batch_size", "4",
                "--max_train_steps", "20", "--seed", "1", "--quiet"], env)


def studio(o, env, folder):
    """From a job's request to its end, by a server that is warm."""
    server = subprocess.Popen([o.drape, "serve", "--port", "0", "--data", f"{folder}/data-{time.monotonic()}", "--quiet"],
                              stdout=subprocess.PIPE, env=env)
    url = server.stdout.readline().decode().strip().rstrip("/")

    def ask(path, body=None, kind="application/json"):
        request = urllib.request.Request(url + path, data=body, headers={"Content-Type": kind})
        with urllib.request.urlopen(request, timeout=300) as answer:
            return json.load(answer)

    def dress(seed):
        began = time.monotonic()
        job = ask("/api/v1/jobs", json.dumps({"type": "tryon", "photo": photo, "mask": painted, "prompt": "a red t-shirt", "wardrobe": False,
                                              "seed": seed}).encode())["id"]
        while (state := next(j["state"] for j in ask("/api/v1/jobs?limit=10")["jobs"] if j["id"] == job)) != "done":
            if state not in ("waiting", "running"):
                sys.exit(f"shared_machine: the studio's job ended as '{state}'")
            time.sleep(0.05)
        return time.monotonic() - began

    try:
        photo, painted = (ask("/api/v1/images", f.read_bytes(), "image/png")["id"] for f in (PHOTO, MASK))
        dress(1)
        return dress(2)
    finally:
        server.terminate()
        server.wait(60)


def main():
    o = options()
    rows = {"tryon": tryon, "train": train, "mask": mask, "studio": studio}
    ways = o.ways.split(",")
    print(f"{os.cpu_count()} CPUs, load before: {os.getloadavg()[0]:.1f} (1 min), {os.getloadavg()[1]:.1f} (5 min); "
          f"{o.rounds} rounds; seconds: median (least to most), and the ratio", flush=True)
    with tempfile.TemporaryDirectory(prefix="drape-shared-") as folder:
        for row in o.rows.split(","):
            rows[row](o, environment(ways[0], folder + "/cache"), folder)  # measures the convolutions, once
            for busy in map(int, o.busy.split(",")):
                others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(busy)]
                try:
                    times = {way: [] for way in ways}
                    for r in range(o.rounds):
                        for way in ways if r % 2 == 0 else reversed(ways):
                            times[way].append(rows[row](o, environment(way, folder + "/cache"), folder))
                finally:
                    for other in others:
                        other.kill()
                        other.wait()
                report(row, busy, ways, times)


def report(row, busy, ways, times):
    beside = times["spin" if "spin" in times else ways[-1]]
    for way in ways:
        t = times[way]
        ratio = statistics.median(a / b for a, b in zip(t, beside))
        print(f"{row:7} {busy} busy  {way:8} {statistics.median(t):7.2f} ({min(t):.2f} to {max(t):.2f})  {ratio:.2f}", flush=True)


if __name__ == "__main__":
    main()
