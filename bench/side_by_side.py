"""What compare.py and compare_train.py share: measured processes, pictures and models to feed them, the heading."""
import datetime
import json
import os
import platform
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))


def note(text):
    print(text, file=sys.stderr, flush=True)


class Failed(Exception):
    """A measurement that did not come about, with the last line the program said."""


def why(code, text):
    """Why a process failed, from its exit code and what it wrote to standard error."""
    if code < 0:
        return f"killed by {signal.Signals(-code).name}" + (" (out of memory?)" if -code == signal.SIGKILL else "")
    return (text.strip().splitlines() or [f"exit {code}"])[-1]


def run(command, codes=(0,)):
    """Seconds, those of CPUs, and peak GiB of a process from its start to its end, and what it wrote to standard output. Another
    exit code than one of `codes` is a failure."""
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as err, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=err, text=True) as p:
        out = p.stdout.read()
        _, status, usage = os.wait4(p.pid, 0)
        seconds = time.perf_counter() - start
        p.returncode = os.waitstatus_to_exitcode(status)
        if p.returncode not in codes:
            err.seek(0)
            raise Failed(why(p.returncode, err.read()))
    return {"seconds": seconds, "cpu": usage.ru_utime + usage.ru_stime, "gib": usage.ru_maxrss / 2 ** 20, "out": out}


def write_png(path, width, height, channels, pixel):
    """A PNG of pixel(x, y), without any library."""
    rows = b"".join(b"\0" + bytes(v for x in range(width) for v in pixel(x, y)) for y in range(height))
    chunks = [(b"IHDR", struct.pack(">2I5B", width, height, 8, 2 if channels == 3 else 0, 0, 0, 0)),
              (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n")
        for kind, data in chunks:
            f.write(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)))


def make_model(tool, drape, work, dtype):
    """The full-size SD 2 inpainting folder with random weights, made once."""
    folder = os.path.join(work, "sd2-inpainting-" + dtype)
    if not os.path.exists(os.path.join(folder, "model_index.json")):
        note(f"{tool}: making {folder}")
        run([drape, "init", "--arch", "sd2-inpainting", "--dtype", dtype, "--quiet", folder])
    return folder


def have_torch(tool, python, script):
    """Versions that `script versions` tells, or None where this Python has not the libraries."""
    try:
        return json.loads(run([python, os.path.join(HERE, script), "versions"])["out"].splitlines()[-1])
    except (Failed, OSError) as e:
        note(f"{tool}: {python} has no torch and diffusers ({e}); PyTorch's side is left out (see --python)")
        return None


def heading(drape, model, size, threads, torch):
    """Machine, date and versions in a line, and the threads that drape takes."""
    info = json.loads(run([drape, "bench", "--model", model, "--size", size, "--stages", "text", "--runs", "1", "--json"] +
                          (["--threads", str(threads)] if threads else []))["out"])
    threads = threads or info["threads"]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2 ** 30
    commit = subprocess.run(["git", "-C", HERE, "rev-parse", "--short", "HEAD"], capture_output=True, text=True,
                            check=False).stdout.strip() or "unknown"
    version = run([drape, "--version"])["out"].strip()
    return (f"{info['cpu']}, {threads} threads, {memory:.0f} GiB, {platform.system()} {platform.release()}, "
            f"{datetime.date.today()}; {version} at commit {commit}; " +
            (f"torch {torch['torch']}, diffusers {torch['diffusers']}" if torch else "no PyTorch")), threads
