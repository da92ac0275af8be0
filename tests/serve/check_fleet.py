"""Several fronts and workers over one PostgreSQL: nothing is lost, nothing is done twice, and where a picture is made
does not show in it."""

import json
import os
import pathlib
import sys
import tempfile
import time
import unittest

import fleet
from client import NANO, ROOT, Client, Events, Server

DRAPE = os.environ["DRAPE"]
PHOTO, MASK = ROOT / "examples" / "astronaut.jpg", ROOT / "examples" / "astronaut_mask.png"
LEASE = ("--lease", "5")


def settings(photo, mask, **more):
    return {"type": "tryon", "photo": photo, "mask": mask, "prompt": "red shirt", "steps": 2, "scheduler": "ddim", **more}


class Alone(unittest.TestCase):
    """A server on its own has numbers, too, and tokens when it wants them."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="drape-fleet-")
        self.addCleanup(self.folder.cleanup)
        self.server = Server(DRAPE, pathlib.Path(self.folder.name, "data")).start()
        self.addCleanup(self.server.stop)
        self.client = Client(self.server)

    def test_it_tells_how_it_is_and_what_it_did(self):
        self.assertEqual(self.client.request("GET", "/healthz")[::2], (200, b"ok\n"))
        job = self.client.submit(type="mask", photo=self.client.upload(PHOTO))
        self.client.ended(job)
        def counted():
            n = fleet.numbers(self.client.request("GET", "/metrics")[2].decode())
            return n if n['drape_job_seconds_count{kind="mask"}'] == 1 else None
        got = self.client.wait(counted, "the job in /metrics")
        self.assertEqual(got['drape_jobs_ended_total{kind="mask",state="done"}'], 1)
        self.assertEqual(got['drape_job_seconds_bucket{kind="mask",le="+Inf"}'], 1)
        self.assertEqual((got["drape_store_up"], got['drape_jobs{state="waiting"}']), (1, 0))
        self.assertGreater(got['drape_http_answers_total{status="2xx"}'], 2)


@unittest.skipUnless(fleet.programs(), "PostgreSQL's server is not installed")
class Fleet(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="drape-fleet-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.database = fleet.Database(cls.folder).start()
        cls.addClassCleanup(cls.database.stop)
        cls.fronts = [Server(DRAPE, cls.folder / f"front{i}", "--store", cls.database.url, "--workers", "0").start()
                      for i in range(2)]
        for front in cls.fronts:
            cls.addClassCleanup(front.stop)
        cls.clients = [Client(f) for f in cls.fronts]
        cls.photo, cls.mask = cls.clients[0].upload(PHOTO), cls.clients[0].upload(MASK, "image/png")
        alone = Server(DRAPE, cls.folder / "alone").start()
        client = Client(alone)
        client.upload(PHOTO), client.upload(MASK, "image/png")
        cls.expected = {}
        jobs = {seed: client.submit(**settings(cls.photo, cls.mask, seed=seed)) for seed in range(4)}
        for seed, job in jobs.items():
            cls.expected[seed] = client.ended(job)["results"][0]["image"]
        alone.stop()

    def setUp(self):
        self.workers = []
        self.addCleanup(lambda: [w.stop() for w in self.workers])

    def worker(self, *arguments):
        name = f"worker{len(list(self.folder.glob('worker*.log')))}"
        self.workers.append(fleet.Worker(DRAPE, self.database.url, self.folder / name, *LEASE, *arguments).start())
        return self.workers[-1]

    def submit(self, front=0, **more):
        return self.clients[front].submit(**settings(self.photo, self.mask, **more))

    def running(self, job):
        return self.clients[0].wait(lambda: (lambda j: j if j["state"] == "running" and j["stage"] == "denoise" else None)(
            self.clients[0].job(job)), f"job {job} to run")

    def ends(self):
        """How often each job's end was written down, as the database's counter has it."""
        return sum(int(v) for k, v in fleet.numbers(self.clients[0].request("GET", "/metrics")[2].decode()).items()
                   if k.startswith("drape_jobs_ended_total"))

    def test_a_killed_worker_loses_no_job_and_none_is_done_twice(self):
        before = self.ends()
        jobs = {self.submit(front=i % 2, seed=i % 4): i % 4 for i in range(12)}
        self.worker(), self.worker()
        first = self.clients[0].wait(lambda: [j["id"] for j in self.clients[0].get("/api/v1/jobs?state=running")["jobs"]],
                                     "a job to run")
        self.workers.pop(0).kill()
        for job, seed in jobs.items():
            done = self.clients[1].ended(job)
            self.assertEqual([r["image"] for r in done["results"]], [self.expected[seed]], f"job {job}, seed {seed}")
        self.assertTrue(first)
        self.assertEqual(self.ends() - before, len(jobs))

    def test_the_database_may_fall_and_rise(self):
        self.worker()
        jobs = {self.submit(seed=i % 4): i % 4 for i in range(6)}
        self.clients[0].wait(lambda: self.clients[0].get("/api/v1/jobs?state=running")["jobs"], "a job to run")
        self.database.kill()
        self.assertEqual(self.clients[0].request("GET", "/healthz")[0], 503)
        self.database.start()
        self.clients[0].wait(lambda: self.clients[0].request("GET", "/healthz")[0] == 200, "the front to be well again")
        for job, seed in jobs.items():
            done = self.clients[0].ended(job)
            self.assertEqual([r["image"] for r in done["results"]], [self.expected[seed]])

    def test_any_front_shows_how_far_a_job_is_and_stops_it(self):
        events = [Events(c) for c in self.clients]
        self.addCleanup(lambda: [e.close() for e in events])
        self.worker()
        job = self.submit(front=0, steps=900, count=16, seed=1)
        for e in events:
            e.wait(lambda e: [p for p in e.of("preview") if p["job"] == job], "a preview")
            shown = [j for j in e.of("job") if j["id"] == job and j["fraction"] is not None]
            self.assertTrue(shown and shown[-1]["worker"])
        status, _, png = self.clients[1].request("GET", f"/api/v1/jobs/{job}/preview")
        self.assertEqual((status, png[:4]), (200, b"\x89PNG"))
        progress = self.clients[1].get("/sdapi/v1/progress")
        self.assertGreater(progress["progress"], 0)
        began = time.monotonic()
        self.clients[1].json("POST", f"/api/v1/jobs/{job}/cancel", status=200)
        self.clients[0].ended(job, "cancelled")
        self.assertLess(time.monotonic() - began, 30)

    def test_a_worker_that_is_told_to_stop_gives_its_job_back(self):
        worker = self.worker()
        job = self.submit(steps=900, seed=2)
        self.running(job)
        worker.stop()
        self.assertEqual(self.clients[0].job(job)["state"], "waiting")
        self.worker()
        self.running(job)
        self.clients[1].json("POST", f"/api/v1/jobs/{job}/cancel", status=200)
        self.clients[0].ended(job, "cancelled")

    def test_an_adapter_that_one_machine_taught_is_worn_on_another(self):
        worker = self.worker()
        taught = self.clients[0].submit(
            type="train", name="orange suit", steps=3, learning_rate=1e-3, seed=3, rank=2, validation=None,
            photos=[{"photo": self.photo, "mask": self.mask, "name": "suit.jpg"}])
        self.clients[1].ended(taught)
        loss = self.clients[1].get(f"/api/v1/jobs/{taught}/loss")
        self.assertEqual([p["step"] for p in loss["points"]], [1, 2, 3])
        garment = self.clients[1].get("/api/v1/garments")["garments"][0]
        self.assertEqual(garment["id"], taught)
        self.assertGreater(garment["bytes"], 0)
        worker.stop()
        self.worker()
        worn = self.clients[0].ended(self.submit(garment=taught, seed=1))
        self.assertNotEqual(worn["results"][0]["image"], self.expected[1])

    def test_a_model_that_was_taught_stays_where_it_is_and_its_jobs_go_there(self):
        models = self.folder / "shared"
        models.mkdir()
        (models / "nano").symlink_to(NANO)
        (models / ".drape-shared").write_text("test\n")
        shared = ("--models", str(models))
        teacher = self.worker(*shared)
        taught = self.clients[0].submit(
            type="train", name="orange suit", method="full", steps=2, seed=3,
            photos=[{"photo": self.photo, "mask": self.mask, "name": "suit.jpg"}])
        self.clients[0].ended(taught)
        self.assertTrue((models / ".taught" / taught / "out" / "unet").is_dir())
        teacher.stop()
        stranger = self.worker()  # has not got the folder, so it leaves the job alone
        job = self.submit(garment=taught, seed=1)
        self.clients[0].ended(self.submit(seed=1))
        self.assertEqual(self.clients[0].job(job)["state"], "waiting")
        stranger.stop()
        self.worker(*shared)
        self.clients[0].ended(job)
        self.clients[0].json("DELETE", f"/api/v1/garments/{taught}", status=None)
        self.clients[0].wait(lambda: not (models / ".taught" / taught).exists(), "the folder to go")

    def test_higher_priorities_go_first(self):
        jobs = [self.submit(seed=0, priority=p) for p in (0, -5, 7)]
        self.worker()
        started = [self.clients[0].ended(j)["started"] for j in jobs]
        self.assertEqual(sorted(range(3), key=lambda i: started[i]), [2, 0, 1])

    def test_a_worker_tells_how_it_is(self):
        worker = self.worker("--port", "0")
        self.assertTrue(worker.url.startswith("http://127.0.0.1:"), worker.url)
        class At:
            port = int(worker.url.split(":")[2].strip("/"))
        client = Client(At)
        self.assertEqual(client.request("GET", "/healthz")[::2], (200, b"ok\n"))
        self.assertEqual(fleet.numbers(client.request("GET", "/metrics")[2].decode())["drape_working"], 0)
        self.assertEqual(client.request("GET", "/")[0], 404)
        self.assertEqual(client.request("GET", "/js/main.js")[0], 404)


@unittest.skipUnless(fleet.programs(), "PostgreSQL's server is not installed")
class Clients(unittest.TestCase):
    """Tokens: who may what, and whose turn it is."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="drape-fleet-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.database = fleet.Database(cls.folder).start()
        cls.addClassCleanup(cls.database.stop)

    def test_each_client_has_a_token_and_a_turn(self):
        def store(*arguments):
            import subprocess
            done = subprocess.run([DRAPE, "store", *arguments, "--store", self.database.url], check=True, timeout=60,
                                  stdout=subprocess.PIPE)
            return done.stdout.decode().strip()
        tokens = {name: store("token", "add", name) for name in ("anna", "bert")}
        tokens["boss"] = store("token", "add", "boss", "--rights", "admin", "--priority", "100")
        tokens["prometheus"] = store("token", "add", "prometheus", "--rights", "metrics")
        listed = store("token", "list")
        for name, token in tokens.items():
            self.assertIn(name, listed)
            self.assertNotIn(token, listed)
            self.assertNotIn(token, "".join(self.database.sql("SELECT * FROM tokens")))
        server = Server(DRAPE, self.folder / "front", "--store", self.database.url, "--workers", "0")
        server.token = tokens["boss"]
        server.start()
        self.addCleanup(server.stop)
        as_ = {n: Client(server, {"Authorization": f"Bearer {t}"}) for n, t in tokens.items()}
        self.assertEqual(Client(server).request("GET", "/api/v1/jobs")[0], 401)
        self.assertEqual(Client(server).request("GET", "/healthz")[0], 200)
        self.assertEqual(Client(server).request("GET", "/metrics")[0], 401)
        self.assertEqual(as_["prometheus"].request("GET", "/metrics")[0], 200)
        self.assertEqual(as_["prometheus"].request("GET", "/api/v1/jobs")[0], 403)
        photo = as_["anna"].upload(PHOTO)
        mask = as_["anna"].upload(MASK, "image/png")
        hers = [as_["anna"].submit(**settings(photo, mask, seed=i)) for i in range(4)]
        his = as_["bert"].submit(**settings(photo, mask, seed=9))
        self.assertEqual(as_["bert"].job(his)["position"], 1, "his first comes before her second")
        self.assertEqual(as_["bert"].job(his)["client"], "bert")
        status, _, body = as_["bert"].request("POST", f"/api/v1/jobs/{hers[0]}/cancel", "")
        self.assertEqual((status, json.loads(body)["error"]["code"]), (403, "not_yours"))
        status, _, body = as_["bert"].request("POST", "/api/v1/jobs", json.dumps(settings(photo, mask, priority=1)),
                                              {"Content-Type": "application/json"})
        self.assertEqual((status, json.loads(body)["error"]["field"]), (409, "priority"))
        urgent = as_["boss"].submit(**settings(photo, mask, seed=1, priority=50))
        self.assertEqual(as_["boss"].job(urgent)["position"], 0)
        as_["boss"].json("POST", f"/api/v1/jobs/{hers[0]}/cancel", status=200)
        as_["boss"].json("DELETE", f"/api/v1/jobs/{hers[0]}")
        audit = store("audit")
        self.assertIn("boss", audit)
        self.assertRegex(audit, rf"boss\tdelete\t{hers[0]}")
        store("token", "remove", "bert")
        as_["bert"].wait(lambda: as_["bert"].request("GET", "/api/v1/info")[0] == 401, "the token to be worth nothing")


if __name__ == "__main__":
    if not fleet.programs():
        print("fleet: PostgreSQL's server is not installed; scripts/deps.sh test has it", file=sys.stderr)
    unittest.main()
