#!/usr/bin/env python3
"""Jobs over several workers and fronts while processes are killed and links cut at random moments.

    tests/faults/faults.py [--drape build/drape] [--jobs 1000] [--workers 4] [--fronts 2] [--seed 1]

It has a PostgreSQL of its own. Workers, fronts and the database are killed as by a power cut (SIGKILL) and started again;
run as root, with `ip` there, each worker lives in a network namespace of its own, whose link is cut for shorter and for
longer than its lease. In the end it looks whether every job is done, whether a trigger in the database saw each of them
end once, and whether every picture is byte for byte the one that a studio on its own makes. Exit status 1 otherwise.
"""

import argparse
import collections
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "serve"))
import fleet  # noqa: E402
from client import Client, Server  # noqa: E402

PHOTO, MASK = ROOT / "examples" / "astronaut.jpg", ROOT / "examples" / "astronaut_mask.png"
WITNESS = """
CREATE TABLE witness(job bigint);
CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO witness VALUES(NEW.id); RETURN NULL; END $$;
CREATE TRIGGER see AFTER UPDATE ON jobs FOR EACH ROW WHEN (NEW.state='done' AND OLD.state<>'done') EXECUTE FUNCTION see();
"""


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--drape", default=str(ROOT / "build" / "drape"))
    p.add_argument("--jobs", type=int, default=1000)
    p.add_argument("--different", type=int, default=50, help="seeds, each of which one machine computes for comparison")
    p.add_argument("--workers", type=int, default=4)
    p.add_argument("--fronts", type=int, default=2)
    p.add_argument("--lease", type=int, default=8, help="seconds")
    p.add_argument("--every", type=float, default=3, help="seconds between faults, about")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--minutes", type=float, default=30, help="at most")
    o = p.parse_args()
    if o.jobs > 1000:
        p.error("at most 1000 jobs wait")
    return o


def settings(photo, mask, seed):
    return {"type": "tryon", "photo": photo, "mask": mask, "prompt": "red shirt", "steps": 1, "scheduler": "ddim", "seed": seed,
            "preview_every": 0}


class Links:
    """A namespace for each worker, with a link to this machine that can be cut. Without the right to make them there
    are none."""

    def __init__(self, count):
        self.names = [f"drape{os.getpid() % 10000}w{i}" for i in range(count)]
        self.made = []
        if os.geteuid() or not shutil.which("ip"):
            return
        for i, name in enumerate(self.names):
            net = f"10.213.{os.getpid() % 200 + 1}"
            try:
                self.ip("netns", "add", name)
                self.made.append(name)
                self.ip("link", "add", self.outer(i), "type", "veth", "peer", "name", "eth0", "netns", name)
                self.ip("addr", "add", f"{net}.{4 * i + 1}/30", "dev", self.outer(i))
                self.ip("link", "set", self.outer(i), "up")
                for line in (f"addr add {net}.{4 * i + 2}/30 dev eth0", "link set eth0 up", "link set lo up"):
                    self.ip("-n", name, *line.split())
            except subprocess.CalledProcessError:
                self.clear()
                return
        self.net = net

    @staticmethod
    def ip(*words):
        subprocess.run(["ip", *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    @staticmethod
    def outer(i):
        return f"dr{os.getpid() % 10000}v{i}"

    def database(self, i):
        """The database's host as worker i sees it, and what its command runs in."""
        if not self.made:
            return "127.0.0.1", ()
        return f"{self.net}.{4 * i + 1}", ("ip", "netns", "exec", self.names[i])

    def set(self, i, state):
        self.ip("link", "set", self.outer(i), state)

    def clear(self):
        for name in self.made:
            subprocess.run(["ip", "netns", "del", name], check=False)
        self.made = []


class Chaos(threading.Thread):
    """One fault after another until stop()."""

    def __init__(self, o, database, fronts, workers, links):
        super().__init__(daemon=True)
        self.o, self.database, self.fronts, self.workers, self.links = o, database, fronts, workers, links
        self.random = random.Random(o.seed)
        self.done = collections.Counter()
        self.over = threading.Event()
        self.fault = None

    def worker(self):
        w = self.random.choice(self.workers)
        w.kill()
        self.over.wait(self.random.uniform(0, 3))
        w.start()

    def front(self):
        f = self.random.choice(self.fronts)
        f.kill()
        self.over.wait(self.random.uniform(0, 2))
        f.start()

    def power(self):
        self.database.kill()
        self.over.wait(self.random.uniform(0, 3))
        self.database.start()

    def link(self):
        i = self.random.randrange(len(self.workers))
        self.links.set(i, "down")
        self.over.wait(self.random.choice([1, 3, self.o.lease + 4]))
        self.links.set(i, "up")

    def run(self):
        kinds = [("worker killed", self.worker)] * 4 + [("front killed", self.front)] * 2 + [("database killed", self.power)] * 2
        kinds += [("link cut", self.link)] * 3 if self.links.made else []
        deck = []
        try:
            while not self.over.wait(self.random.expovariate(1 / self.o.every)):
                deck = deck or self.random.sample(kinds, len(kinds))  # each kind comes up, in no order
                name, act = deck.pop()
                act()
                self.done[name] += 1
        except Exception as e:  # pylint: disable=broad-except
            self.fault = e

    def stop(self):
        self.over.set()
        self.join()
        if self.fault:
            raise self.fault


def upload(client):
    """Photo and mask, 64 pixels wide: the queue is tried here, not the painting."""
    whole = client.upload(PHOTO), client.upload(MASK, "image/png")
    return [client.upload(client.request("GET", f"/api/v1/images/{i}?width=64")[2], "image/png") for i in whole]


def alone(o, folder):
    """The pictures' hashes by seed, as one machine makes them."""
    server = Server(o.drape, folder / "alone").start()
    client = Client(server)
    photo, mask = upload(client)
    jobs = {s: client.submit(**settings(photo, mask, s)) for s in range(o.different)}
    made = {s: client.ended(j)["results"][0]["image"] for s, j in jobs.items()}
    server.stop()
    return made


def wait_for_all(o, database, n):
    end = time.monotonic() + 60 * o.minutes
    said = time.monotonic()
    while time.monotonic() < end:
        try:
            states = dict(line.split("|") for line in database.sql("SELECT state, count(*) FROM jobs GROUP BY state"))
        except AssertionError:  # it is down just now
            time.sleep(0.5)
            continue
        if sum(int(v) for k, v in states.items() if k not in ("waiting", "running")) >= n:
            return states
        if time.monotonic() - said > 20:
            print("  ", states, flush=True)
            said = time.monotonic()
        time.sleep(0.5)
    raise SystemExit(f"faults: after {o.minutes} minutes {states}")


def main():
    o = options()
    if not fleet.programs():
        sys.exit("faults: PostgreSQL's server is not installed; scripts/deps.sh test has it")
    with tempfile.TemporaryDirectory(prefix="drape-faults-") as name:
        folder = pathlib.Path(name)
        began = time.monotonic()
        expected = alone(o, folder)
        print(f"one machine: {len(expected)} pictures in {time.monotonic() - began:.1f} s", flush=True)
        links = Links(o.workers)
        try:
            sys.exit(many(o, folder, expected, links))
        finally:
            links.clear()


def many(o, folder, expected, links):
    database = fleet.Database(folder, listen="*" if links.made else "127.0.0.1").start()
    if links.made:
        with open(database.data / "pg_hba.conf", "a", encoding="ascii") as f:
            f.write("host all all 10.213.0.0/16 trust\n")
        database.stop()
        database.start()
    running = []
    try:
        fronts = [Server(o.drape, folder / f"front{i}", "--store", database.url, "--workers", "0") for i in range(o.fronts)]
        for f in fronts:
            running.append(f.start())
        database.sql(WITNESS)
        client = Client(fronts[0])
        photo, mask = upload(client)
        jobs = {int(client.submit(**settings(photo, mask, i % o.different))): i % o.different for i in range(o.jobs)}
        workers = []
        for i in range(o.workers):
            host, before = links.database(i)
            workers.append(fleet.Worker(o.drape, database.url.replace("127.0.0.1", host), folder / f"worker{i}", "--lease",
                                        str(o.lease), before=before))
            running.append(workers[-1].start())
        began = time.monotonic()
        chaos = Chaos(o, database, fronts, workers, links)
        chaos.start()
        states = wait_for_all(o, database, o.jobs)
        seconds = time.monotonic() - began
        chaos.stop()
        return judge(o, database, Client(fronts[-1]), jobs, expected, states, seconds, chaos)
    finally:
        for process in running:
            if process.process and process.process.poll() is None:
                process.kill()
        database.stop()


def judge(o, database, client, jobs, expected, states, seconds, chaos):
    seen = collections.Counter(int(n) for n in database.sql("SELECT job FROM witness"))
    twice = [j for j, n in seen.items() if n > 1]
    lost = [j for j in jobs if seen[j] == 0]
    wrong = [j for j, seed in jobs.items() if [r["image"] for r in client.job(j)["results"]] != [expected[seed]]]
    lines = dict(line.rsplit("|", 1) for line in database.sql("SELECT name, value FROM counters")) if has_counters(database) else {}
    print(f"{o.jobs} jobs, {o.workers} workers, {o.fronts} fronts: {seconds:.1f} s with {sum(chaos.done.values())} faults: "
          + ", ".join(f"{n} x {k}" for k, n in sorted(chaos.done.items())))
    print(f"leases lost: {lines.get('lost', '?')}; states: {states}")
    print(f"lost: {len(lost)}, ended twice: {len(twice)}, other bytes than one machine's: {len(wrong)}")
    return 1 if twice or lost or wrong else 0


def has_counters(database):
    return bool(database.sql("SELECT 1 FROM information_schema.tables WHERE table_name='counters'"))


if __name__ == "__main__":
    main()
