"""A PostgreSQL of one's own, and drape work as child processes: what tests of several machines on one are made of."""

import contextlib
import glob
import os
import pathlib
import pwd
import re
import select
import shutil
import signal
import socket
import subprocess
import time

from client import BOUND, NANO, ROOT


def programs():
    """The folder of PostgreSQL's server programs; None where there is none."""
    folders = [f for pattern in ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin")
               for f in sorted(glob.glob(pattern), reverse=True)]
    found = shutil.which("initdb")
    folders += [os.path.dirname(os.path.realpath(found))] if found else []
    needed = ("initdb", "postgres", "pg_isready", "psql")
    return next((f for f in folders if all(os.path.exists(f"{f}/{p}") for p in needed)), None)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Database:
    """A server with an empty database `drape`, which can be killed and started again. It never runs as root: then as
    the user postgres or nobody."""

    def __init__(self, folder, port=None, listen="127.0.0.1", options=()):
        self.bin = programs()
        self.folder = pathlib.Path(folder)
        self.data = self.folder / "postgresql"
        self.port = port or free_port()
        self.listen, self.options = listen, options
        self.process = None
        self.as_user = []
        if os.geteuid() == 0:
            user = next(u for u in ("postgres", "nobody") if self.is_user(u))
            entry = pwd.getpwnam(user)
            self.as_user = ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]
            self.data.mkdir(parents=True)
            os.chown(self.data, entry.pw_uid, entry.pw_gid)
            for part in [self.folder, *self.folder.parents]:
                if part.stat().st_uid == 0 and not part.stat().st_mode & 1:
                    part.chmod(part.stat().st_mode | 0o011)
        self.run("initdb", "-D", self.data, "-U", "drape", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")

    @staticmethod
    def is_user(name):
        with contextlib.suppress(KeyError):
            pwd.getpwnam(name)
            return True
        return False

    def run(self, program, *arguments):
        done = subprocess.run([*self.as_user, f"{self.bin}/{program}", *map(str, arguments)], cwd="/", check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=BOUND)
        if done.returncode:
            raise AssertionError(f"{program}: {done.stdout.decode(errors='replace')}")
        return done.stdout.decode(errors="replace")

    @property
    def url(self):
        return f"postgresql://drape@127.0.0.1:{self.port}/drape"

    def start(self):
        first = not (self.data / "started").exists()
        end = time.monotonic() + BOUND
        while True:
            with open(self.folder / "postgresql.log", "ab") as log:
                self.process = subprocess.Popen(
                    [*self.as_user, f"{self.bin}/postgres", "-D", str(self.data), "-p", str(self.port), "-k", "",
                     "-c", f"listen_addresses={self.listen}", "-c", "max_connections=200", *self.options],
                    stdout=log, stderr=log, cwd="/", start_new_session=True)
            while self.process.poll() is None and time.monotonic() < end:
                ready = subprocess.run([f"{self.bin}/pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)],
                                       check=False, timeout=BOUND)
                if ready.returncode == 0:
                    if first:
                        self.sql("CREATE DATABASE drape", "postgres")
                        (self.data / "started").touch()
                    return self
                time.sleep(0.05)
            if time.monotonic() > end:
                raise AssertionError((self.folder / "postgresql.log").read_text(errors="replace")[-2000:])
            time.sleep(0.2)  # one that was killed is not quite gone

    def sql(self, text, database="drape"):
        """Rows as lines of columns with |."""
        return self.run("psql", "-h", "127.0.0.1", "-p", self.port, "-U", "drape", "-d", database, "-XAtqc", text).splitlines()

    def kill(self):
        """As a power cut does it."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(BOUND)


class Worker:
    """drape work. `before` is what the command runs in, as a network namespace."""

    def __init__(self, drape, url, data, *arguments, models=(NANO,), before=()):
        self.command = [*before, drape, "work", "--store", url, "--data", str(data), "--threads", "1", *arguments]
        for model in models:
            self.command += ["--model", str(model)]
        self.log = f"{data}.log"
        self.process = None
        self.url = ""

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=log, cwd=ROOT)
        ready, _, _ = select.select([self.process.stdout], [], [], BOUND)
        self.url = self.process.stdout.readline().decode().strip() if ready else ""
        if not self.url:
            raise AssertionError(f"drape work does not start: {self.said()}")
        return self

    def said(self):
        return pathlib.Path(self.log).read_text(encoding="utf-8", errors="replace")[-3000:]

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            if self.process.wait(BOUND) != 0:
                raise AssertionError(f"drape work ends with status {self.process.returncode}: {self.said()}")
            self.process.stdout.close()


def numbers(text):
    """/metrics as {name{labels}: value}; raises where a line is none of the format's."""
    found = {}
    for line in text.splitlines():
        if line.startswith("#"):
            if not re.fullmatch(r"# (HELP [a-z_:]+ .+|TYPE [a-z_:]+ (counter|gauge|histogram))", line):
                raise AssertionError(f"/metrics: {line!r}")
            continue
        match = re.fullmatch(r'([a-z_:]+(?:\{[a-z]+="[^"]*"(?:,[a-z]+="[^"]*")*\})?) ([0-9.e+-]+|\+Inf)', line)
        if not match or match[1] in found:
            raise AssertionError(f"/metrics: {line!r}")
        found[match[1]] = float(match[2])
    return found
