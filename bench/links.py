#!/usr/bin/env python3
"""Network namespaces joined by links with a delay and a bandwidth (bench/slow_link.c), each one as a machine to an MPI launcher.

    sudo bench/links.py 1 100           two of them, a millisecond and 100 Mbit/s: what a round trip and a stream really take
"""
import os
import socket
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
NET = "10.77.0."


class Links:
    def __init__(self, n, program=os.path.join(HERE, "..", "build", "slow_link")):
        self.names = [f"drape-{os.getpid()}-{i + 1}" for i in range(n)]
        self.addresses = [f"{NET}{i + 1}" for i in range(n)]
        self.program = None
        try:
            for name in self.names:
                self.ip("netns", "add", name)
            # pylint: disable-next=consider-using-with
            self.program = subprocess.Popen([program, *self.names], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            self.set(0, 0)
            for name, address in zip(self.names, self.addresses):
                self.ip("-n", name, "link", "set", "lo", "up")
                self.ip("-n", name, "addr", "add", address + "/24", "dev", "slow0")
                self.ip("-n", name, "link", "set", "dev", "slow0", "txqueuelen", "10000", "up")
        except BaseException:
            self.close()
            raise

    @staticmethod
    def ip(*words):
        subprocess.run(["ip", *words], check=True)

    def set(self, ms, mbit):
        """Of one way and of each direction; 0 for no limit. Returns the bytes that each has sent so far."""
        self.program.stdin.write(f"{ms} {mbit}\n")
        self.program.stdin.flush()
        line = self.program.stdout.readline()
        if not line:
            raise OSError("slow_link has ended")
        return [int(word) for word in line.split()]

    def sent(self):
        """The same, and nothing changes."""
        self.program.stdin.write("\n")
        self.program.stdin.flush()
        return [int(word) for word in self.program.stdout.readline().split()]

    def enter(self, i):
        """What a command begins with that runs on machine i. A name of its own, as MPIs take one name for one machine."""
        return ["ip", "netns", "exec", self.names[i], "unshare", "--uts", "sh", "-c",
                f'hostname {self.names[i]} && exec "$@"', "sh"]

    def agent(self, path):
        """A program that stands for ssh: AGENT [OPTION...] ADDRESS COMMAND."""
        with open(path, "w", encoding="utf-8") as f:
            f.write(f"""#!/bin/sh
while case $1 in -*) true ;; *) false ;; esac; do shift; done
name=drape-{os.getpid()}-${{1#{NET}}}
shift
exec ip netns exec "$name" unshare --uts sh -c "hostname $name && $*"
""")
        os.chmod(path, 0o755)
        return path

    def probe(self):
        """Milliseconds of a round trip and Mbit/s of a stream, from the first machine to the second."""
        here = [sys.executable, os.path.abspath(__file__)]
        with subprocess.Popen(self.enter(1) + here + ["answer"], stdout=subprocess.PIPE, text=True) as other:
            other.stdout.readline()
            out = subprocess.run(self.enter(0) + here + ["ask", self.addresses[1]], check=True, capture_output=True, text=True)
        return [float(word) for word in out.stdout.split()]

    def close(self):
        if self.program:
            self.program.stdin.close()
            self.program.wait()
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], check=False, stderr=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


PORT, STREAM = 7799, 2.0


def answer():
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("0.0.0.0", PORT))
        s.listen()
        print("ready", flush=True)
        c, _ = s.accept()
        c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(20):
            c.sendall(c.recv(1))
        got, start = 0, None
        while True:  # the first half second is the stream's beginning, which TCP feels its way in
            data = c.recv(1 << 18)
            if not data:
                break
            now = time.perf_counter()
            start = start or now
            if now > start + 0.5:
                got += len(data)
        c.sendall(f"{got * 8e-6 / (now - start - 0.5):.1f}".encode())
        c.close()


def ask(address):
    with socket.create_connection((address, PORT)) as c:
        c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        trips = []
        for _ in range(20):
            start = time.perf_counter()
            c.sendall(b".")
            c.recv(1)
            trips.append(time.perf_counter() - start)
        until, data = time.perf_counter() + STREAM, bytes(1 << 16)
        while time.perf_counter() < until:
            c.sendall(data)
        c.shutdown(socket.SHUT_WR)
        print(f"{1e3 * statistics.median(trips):.2f} {c.recv(64).decode()}")


def main():
    if sys.argv[1:] == ["answer"]:
        answer()
    elif sys.argv[1:2] == ["ask"]:
        ask(sys.argv[2])
    else:
        with Links(2) as links:
            links.set(float(sys.argv[1]), float(sys.argv[2]))
            trip, rate = links.probe()
            print(f"round trip {trip:.2f} ms, {rate:.0f} Mbit/s")


if __name__ == "__main__":
    main()
