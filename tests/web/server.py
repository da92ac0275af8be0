"""drape serve on a port of its own, with the small model and an empty data folder."""

import contextlib
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "serve"))
from client import adapter


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """Starts, stops and kills the program; what lies in `folder` stays between."""

    def __init__(self, drape, folder, *more):
        self.more = [str(word) for word in more]  # in place of the small model
        self.drape = str(pathlib.Path(drape).resolve())
        self.folder = pathlib.Path(folder)
        self.model = self.folder / "small"
        self.adapter = self.folder / "stripes.safetensors"
        self.port = free_port()
        self.process = None
        if not self.more and not self.model.exists():
            subprocess.run([self.drape, "init", "--arch", str(ROOT / "examples" / "small.json"), "--quiet", str(self.model)], check=True)
            adapter(self.model, self.adapter)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/"

    def start(self):
        models = self.more or ["--model", str(self.model), "--lora", str(self.adapter)]
        command = [self.drape, "serve", *models, "--port", str(self.port), "--data", str(self.folder / "data")]
        self.log = open(self.folder / "serve.log", "a", encoding="utf-8")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, cwd=ROOT)
        for _ in range(600):
            if self.process.poll() is not None:
                raise AssertionError(f"drape serve ended: {(self.folder / 'serve.log').read_text()}")
            with contextlib.suppress(OSError):
                urllib.request.urlopen(self.url + "api/v1/info", timeout=5).read()
                return self
            time.sleep(0.1)
        raise AssertionError("drape serve does not answer")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.kill()
        self.log.close()


@contextlib.contextmanager
def serving(drape, *more):
    folder = tempfile.mkdtemp(prefix="drape-studio-")
    server = Server(drape, folder, *more)
    try:
        yield server.start()
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def picture_size(path):
    """Width and height of a PNG."""
    head = pathlib.Path(path).read_bytes()[:24]
    if head[:8] != b"\x89PNG\r\n\x1a\n":
        raise AssertionError(f"{path} is no PNG")
    return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")


