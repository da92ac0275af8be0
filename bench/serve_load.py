#!/usr/bin/env python3
"""Many open connections to a server of our own while it computes, on loopback and within bounds.

    bench/serve_load.py [--drape build/drape] [--connections 1000] [--requests 2000] [--model DIR]
                        [--streams N] [--store postgresql://... [--workers 1]]

Opens the connections (a third of them streams of events, the rest kept alive), queues pictures, asks for the page, the
status and the list of jobs over the kept ones, and reports the times of the answers, the memory of the server, and
whether every job was done. With --store the server is a front without a worker of its own, and drape work computes. Exit status 1: a median above 100 ms, an answer that failed, or a job that was lost.
"""

import argparse
import json
import os
import pathlib
import resource
import selectors
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
PATHS = ("/", "/api/v1/info", "/api/v1/jobs?limit=10", "/sdapi/v1/progress?skip_current_image=true")
MOST_CONNECTIONS, MOST_REQUESTS, MOST_SECONDS = 1500, 20000, 300


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--drape", default=str(ROOT / "build" / "drape"))
    p.add_argument("--model", default=str(ROOT / "tests" / "golden" / "nano"))
    p.add_argument("--connections", type=int, default=1000)
    p.add_argument("--requests", type=int, default=2000)
    p.add_argument("--jobs", type=int, default=20)
    p.add_argument("--streams", type=int, help="of the connections; a third")
    p.add_argument("--store", help="of an empty database")
    p.add_argument("--workers", type=int, default=1)
    o = p.parse_args()
    if o.connections > MOST_CONNECTIONS or o.requests > MOST_REQUESTS:
        p.error(f"at most {MOST_CONNECTIONS} connections and {MOST_REQUESTS} requests")
    return o


def start_workers(o, folder):
    """Those of --store, all ready."""
    workers = [subprocess.Popen([o.drape, "work", "--store", o.store, "--model", o.model, "--data", f"{folder}/work{i}", "-q"],
                                stdout=subprocess.PIPE) for i in range(o.workers if o.store else 0)]
    if not all(w.stdout.readline() for w in workers):
        sys.exit("serve_load: drape work does not start")
    return workers


def start(o, folder):
    store = ["--store", o.store, "--workers", "0"] if o.store else []
    process = subprocess.Popen([o.drape, "serve", "--model", o.model, "--port", "0", "--data", folder + "/data", "--quiet",
                                *store], stdout=subprocess.PIPE)
    url = process.stdout.readline().decode()
    if not url.startswith("http://127.0.0.1:"):
        sys.exit("serve_load: drape serve does not start")
    return process, int(url.split(":")[2].strip("/\n"))


class Line:
    """One kept connection."""

    def __init__(self, port):
        self.port = port
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, method, path, body=b"", kind="application/json"):
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        self.socket.sendall(head.encode() + body)
        data = b""
        while b"\r\n\r\n" not in data:
            more = self.socket.recv(65536)
            if not more:
                raise OSError("closed")
            data += more
        head, _, data = data.partition(b"\r\n\r\n")
        length = next((int(l.split(b":")[1]) for l in head.split(b"\r\n") if l.lower().startswith(b"content-length")), 0)
        while len(data) < length:
            data += self.socket.recv(65536)
        return int(head.split()[1]), data

    def listen(self):
        self.socket.sendall(f"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n\r\n".encode())


def memory(process):
    text = pathlib.Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    return {k: int(line.split()[1]) / 1024 for line in text.splitlines() for k in ("VmRSS", "VmHWM") if line.startswith(k + ":")}


def drain(selector, seconds):
    """Reads what the streams say; the number of bytes."""
    total = 0
    for key, _ in selector.select(seconds):
        try:
            total += len(key.fileobj.recv(1 << 16))
        except BlockingIOError:
            pass
    return total


def main():
    o = options()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, MOST_CONNECTIONS + 100)), hard))
    with tempfile.TemporaryDirectory(prefix="drape-load-") as folder:
        process, port = start(o, folder)
        workers = start_workers(o, folder)
        try:
            bad = load(o, process, port)
        finally:
            for p in [process, *workers]:
                p.send_signal(signal.SIGTERM)
                p.wait(60)
    sys.exit(bad)


def load(o, process, port):
    before = memory(process)
    first = Line(port)
    photo, mask = (json.loads(first.ask("POST", "/api/v1/images", (ROOT / "examples" / f).read_bytes(), "image/png")[1])["id"]
                   for f in ("astronaut.jpg", "astronaut_mask.png"))
    began = time.monotonic()
    lines = [Line(port) for _ in range(o.connections)]
    streams, kept = lines[::3], [l for i, l in enumerate(lines) if i % 3]
    if o.streams is not None:
        streams, kept = lines[:o.streams], lines[o.streams:]
    selector = selectors.DefaultSelector()
    for line in streams:
        line.listen()
        line.socket.setblocking(False)
        selector.register(line.socket, selectors.EVENT_READ)
    opened = time.monotonic() - began
    jobs = [json.loads(first.ask("POST", "/api/v1/jobs", json.dumps(
        {"type": "tryon", "photo": photo, "mask": mask, "steps": 30, "seed": i}).encode())[1])["id"] for i in range(o.jobs)]
    times = {path: [] for path in PATHS}
    failed = heard = 0
    began = time.monotonic()
    for i in range(o.requests):
        path, line = PATHS[i % len(PATHS)], kept[i * 7 % len(kept)]
        t = time.monotonic()
        status, _ = line.ask("GET", path)
        times[path].append(time.monotonic() - t)
        failed += status != 200
        heard += drain(selector, 0)
        if time.monotonic() - began > MOST_SECONDS:
            break
    seconds = time.monotonic() - began
    lost = wait_for(first, jobs, selector)
    after = memory(process)
    print(f"{o.connections} connections opened in {opened:.1f} s ({len(streams)} streams), {sum(map(len, times.values()))} "
          f"requests in {seconds:.1f} s, {failed} failed, {heard / 1e6:.1f} MB of events heard")
    worst = 0
    for path, t in times.items():
        t = sorted(1000 * x for x in t)
        worst = max(worst, statistics.median(t))
        print(f"  {path:45} median {statistics.median(t):7.2f} ms   95 % {t[int(0.95 * len(t))]:7.2f} ms   most {t[-1]:7.2f} ms")
    print(f"jobs done: {len(jobs) - lost} of {len(jobs)}")
    print(f"memory: {before['VmRSS']:.0f} MB at start, {after['VmRSS']:.0f} MB at the end, {after['VmHWM']:.0f} MB at most; "
          f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
    return 1 if worst > 100 or failed or lost else 0


def wait_for(line, jobs, selector):
    """How many of the jobs do not become done."""
    end = time.monotonic() + MOST_SECONDS
    states = {}
    while time.monotonic() < end:
        listed = json.loads(line.ask("GET", "/api/v1/jobs?limit=200")[1])["jobs"]
        states = {j["id"]: j["state"] for j in listed}
        if all(states.get(j) not in ("waiting", "running") for j in jobs):
            break
        drain(selector, 0.2)
    return sum(states.get(j) != "done" for j in jobs)


if __name__ == "__main__":
    main()
