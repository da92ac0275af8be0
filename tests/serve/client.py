"""drape serve as a child process, and a client that checks every answer of the native API against its description."""

import base64
import http.client
import json
import os
import pathlib
import select
import signal
import socket
import struct
import subprocess
import threading
import time
import zlib

import schema

ROOT = pathlib.Path(__file__).resolve().parents[2]
NANO = ROOT / "tests" / "golden" / "nano"
BOUND = 240  # seconds until something that should happen counts as hanging; no measurement


class Server:
    """One program on a data folder; start() again after kill() goes on with the same data."""

    def __init__(self, drape, data, *arguments, models=(NANO,)):
        self.command = [drape, "serve", "--port", "0", "--data", str(data), "--threads", "1", *arguments]
        for model in models:
            self.command += ["--model", str(model)]
        self.log = f"{data}.log"
        self.process = None
        self.port = 0
        self.token = ""  # one that the store knows, where there is one

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=log, cwd=ROOT)
        ready, _, _ = select.select([self.process.stdout], [], [], BOUND)
        line = self.process.stdout.readline().decode() if ready else ""
        if not line.startswith("http://"):
            raise AssertionError(f"drape serve does not start: {self.said()}")
        self.port = int(line.split(":")[2].split("/")[0])
        self.learn()
        return self

    def learn(self):
        """What this server says of itself is what answers are checked against."""
        token = self.command[self.command.index("--token") + 1] if "--token" in self.command else self.token
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=BOUND)
        connection.request("GET", "/api/v1/openapi.json", headers={"Authorization": f"Bearer {token}"} if token else {})
        answer = connection.getresponse()
        if answer.status != 200:
            raise AssertionError(f"no description: {answer.status} {answer.read()[:300]!r}")
        schema.learn(answer.read())
        connection.close()

    def said(self):
        return pathlib.Path(self.log).read_text(encoding="utf-8", errors="replace")

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            if self.process.wait(BOUND) != 0:
                raise AssertionError(f"drape serve ends with status {self.process.returncode}: "
                                     f"{self.said()[-3000:]}")
            self.process.stdout.close()
        return self.process.returncode if self.process else 0


class Client:
    def __init__(self, server, headers=None):
        self.server = server
        self.headers = headers or {}

    def request(self, method, path, body=None, headers=None):
        """Status, headers, body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=BOUND)
        try:
            connection.request(method, path, body, {**self.headers, **(headers or {})})
            answer = connection.getresponse()
            data = answer.read()
            schema.check_answer(method, path.split("?")[0], answer.status, answer.getheader("Content-Type", ""), data)
            return answer.status, answer.headers, data
        finally:
            connection.close()

    def json(self, method, path, value=None, status=None):
        """The answer as JSON; with `status`, another one is a fault."""
        body = None if value is None else json.dumps(value)
        got, _, data = self.request(method, path, body, {"Content-Type": "application/json"} if body else None)
        if status and got != status:
            raise AssertionError(f"{method} {path}: {got}, not {status}: {data[:500]!r}")
        return json.loads(data) if data else None

    def get(self, path):
        return self.json("GET", path, status=200)

    def upload(self, file, kind="image/jpeg"):
        data = file if isinstance(file, bytes) else pathlib.Path(file).read_bytes()
        status, _, answer = self.request("POST", "/api/v1/images", data, {"Content-Type": kind})
        if status != 201:
            raise AssertionError(f"upload: {status} {answer[:300]!r}")
        return json.loads(answer)["id"]

    def submit(self, **settings):
        return self.json("POST", "/api/v1/jobs", settings, 201)["id"]

    def job(self, job_id):
        return self.get(f"/api/v1/jobs/{job_id}")

    def wait(self, condition, what):
        end = time.monotonic() + BOUND
        while time.monotonic() < end:
            value = condition()
            if value:
                return value
            time.sleep(0.02)
        raise AssertionError(f"waited in vain for {what}")

    def ended(self, job_id, state="done"):
        """The job when it is over."""
        def over():
            job = self.job(job_id)
            return job if job["state"] not in ("waiting", "running") else None
        job = self.wait(over, f"job {job_id}")
        if job["state"] != state:
            raise AssertionError(f"job {job_id} is {job['state']}, not {state}: {job['error']}")
        return job


class Events:
    """A stream of events, read by a thread."""

    def __init__(self, client, path="/api/v1/events", last=None):
        self.list = []  # (id, event, data)
        self.socket = socket.create_connection(("127.0.0.1", client.server.port), timeout=BOUND)
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{client.server.port}\r\nAccept: text/event-stream\r\n"
        head += f"Last-Event-ID: {last}\r\n" if last else ""
        self.socket.sendall((head + "\r\n").encode())
        self.answer = http.client.HTTPResponse(self.socket)
        self.answer.begin()
        if self.answer.status != 200:
            raise AssertionError(f"{path}: {self.answer.status}")
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        event = {}
        try:
            for line in self.answer:
                line = line.decode().rstrip("\n")
                if line:
                    key, _, value = line.partition(": ")
                    event[key] = value
                elif "event" in event:
                    self.list.append((event.get("id"), event["event"], json.loads(event["data"])))
                    event = {}
        except (OSError, ValueError, http.client.HTTPException, AttributeError):
            pass

    def of(self, name):
        return [data for _, event, data in list(self.list) if event == name]

    def wait(self, condition, what):
        end = time.monotonic() + BOUND
        while time.monotonic() < end:
            value = condition(self)
            if value:
                return value
            time.sleep(0.02)
        raise AssertionError(f"waited in vain for {what}; events so far: {[e for _, e, _ in self.list]}, the last: {self.list[-1:]}")

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()


def png(width, height, data=b""):
    """A PNG of that size in its header, whatever the data are."""
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def adapter(model, path):
    """A LoRA file of rank 1 for the model's first cross-attention, every value 0.5."""
    with open(model / "unet" / "diffusion_pytorch_model.safetensors", "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    name = min(k for k in header if k.endswith("attn2.to_q.weight"))
    out, into = header[name]["shape"]
    base = "unet." + name.removesuffix(".weight")
    made = {f"{base}.lora_A.weight": {"dtype": "F32", "shape": [1, into], "data_offsets": [0, 4 * into]},
            f"{base}.lora_B.weight": {"dtype": "F32", "shape": [out, 1], "data_offsets": [4 * into, 4 * (into + out)]}}
    text = json.dumps(made).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + struct.pack("<f", 0.5) * (into + out))
    return path


def b64(path):
    return base64.b64encode(pathlib.Path(path).read_bytes()).decode()


def png_size(data):
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        raise AssertionError("no PNG")
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


os.environ.setdefault("OMP_WAIT_POLICY", "passive")
