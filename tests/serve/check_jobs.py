"""Jobs from the queue to the result: masks, pictures, trainings, events, and what kill -9 may not lose."""

import base64
import contextlib
import hashlib
import json
import os
import pathlib
import sqlite3
import subprocess
import tempfile
import unittest

from client import NANO, ROOT, Client, Events, Server, adapter, b64, png_size

DRAPE = os.environ["DRAPE"]
PHOTO = ROOT / "examples" / "astronaut.jpg"
MASK = ROOT / "examples" / "astronaut_mask.png"
CATVTON = ROOT / "tests" / "golden" / "catvton"
OTHER, OTHER_MASK = ROOT / "examples" / "grace_hopper.jpg", ROOT / "examples" / "grace_hopper_mask.png"


class Case(unittest.TestCase):
    arguments = ()

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="drape-serve-")
        cls.data = pathlib.Path(cls.folder.name, "data")
        cls.server = Server(DRAPE, cls.data, *cls.arguments).start()
        cls.client = Client(cls.server)
        cls.photo, cls.mask = cls.client.upload(PHOTO), cls.client.upload(MASK, "image/png")

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.folder.cleanup()

    def tryon(self, **more):
        return self.client.submit(**{"type": "tryon", "photo": self.photo, "mask": self.mask, "prompt": "red shirt",
                                     "steps": 3, "seed": 1, "scheduler": "ddim", **more})

    def long(self, **more):
        """A job that goes on until it is stopped."""
        return self.tryon(steps=900, count=16, **more)

    def running(self, job, stage=None):
        return self.client.wait(lambda: (lambda j: j["state"] == "running" and stage in (None, j["stage"]))(
            self.client.job(job)), f"job {job} to run")

    def training(self, **more):
        other, other_mask = self.client.upload(OTHER), self.client.upload(OTHER_MASK, "image/png")
        return {"type": "train", "name": "orange suit", "steps": 6, "learning_rate": 1e-3, "seed": 3, "rank": 2,
                "photos": [{"photo": self.photo, "mask": self.mask, "name": "../suit.jpg", "caption": "orange suit"},
                           {"photo": other, "mask": other_mask, "name": "suit.jpg"}], **more}


class Pictures(Case):
    def test_a_picture_is_kept_by_what_is_in_it(self):
        again = self.client.upload(PHOTO)
        self.assertEqual(again, self.photo)
        form = b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.jpg\"\r\n\r\n" + PHOTO.read_bytes() + b"\r\n--b--\r\n"
        self.assertEqual(self.client.upload(form, "multipart/form-data; boundary=b"), self.photo)
        status, headers, body = self.client.request("GET", f"/api/v1/images/{self.photo}")
        self.assertEqual((status, headers["Content-Type"], body), (200, "image/jpeg", PHOTO.read_bytes()))
        self.assertIn("immutable", headers["Cache-Control"])
        status, headers, _ = self.client.request("GET", f"/api/v1/images/{self.photo}?download=..%2Fmy+%22photo")
        self.assertEqual(headers["Content-Disposition"], 'attachment; filename=".._my _photo.jpg"')

    def test_a_photo_is_upright(self):
        turned = self.client.upload(ROOT / "tests" / "data" / "images" / "orientation-6.jpg")
        info = self.client.get(f"/api/v1/images/{turned}/info")
        upright = self.client.upload(ROOT / "tests" / "data" / "images" / "orientation-1.jpg")
        want = self.client.get(f"/api/v1/images/{upright}/info")
        self.assertEqual((info["width"], info["height"], info["type"]), (want["width"], want["height"], "image/png"))
        _, _, body = self.client.request("GET", f"/api/v1/images/{turned}")
        self.assertEqual(png_size(body), (info["width"], info["height"]))

    def test_small_ones_are_made(self):
        _, headers, body = self.client.request("GET", f"/api/v1/images/{self.mask}?width=64")
        self.assertEqual((headers["Content-Type"], png_size(body)), ("image/png", (64, 64)))
        status, _, _ = self.client.request("GET", f"/api/v1/images/{self.mask}?width=5")
        self.assertEqual(status, 400)


class Jobs(Case):
    def test_a_person_is_dressed(self):
        events = Events(self.client)
        job = self.client.ended(self.tryon(count=2))
        self.assertEqual([r["seed"] for r in job["results"]], [1, 2])
        _, _, first = self.client.request("GET", f"/api/v1/images/{job['results'][0]['image']}")
        self.assertEqual(png_size(first), (512, 512))
        self.assertIn(b"red shirt", first)
        again = self.client.ended(self.tryon())
        self.assertEqual(again["results"][0]["image"], job["results"][0]["image"], "the seed alone makes the picture")
        mine = events.wait(lambda e: [j for j in e.of("job") if j["id"] == job["id"] and j["state"] == "done"] and
                           [j for j in e.of("job") if j["id"] == job["id"]], "the job's end")
        self.assertIn("denoise", [j["stage"] for j in mine])
        fractions = [j["fraction"] for j in mine if j["fraction"] is not None]
        self.assertEqual(fractions, sorted(fractions))
        self.assertTrue([p for p in events.of("preview") if p["job"] == job["id"]])
        events.close()

    def test_the_end_of_a_prompt_that_nobody_reads_is_told(self):
        long = "red shirt " * 40 + "with violet buttons"
        job = self.client.ended(self.tryon(prompt=long, negative_prompt="é" * 200))
        self.assertEqual(len(job["warnings"]), 2, job["warnings"])
        self.assertRegex(job["warnings"][0], "^the prompt is longer than .*violet buttons'$")
        self.assertRegex(job["warnings"][1], "^the negative prompt is longer")
        whole = self.client.ended(self.tryon(prompt=long, negative_prompt="é" * 200, long_prompt=True))
        self.assertEqual(whole["warnings"], [])
        self.assertNotEqual(whole["results"][0]["image"], job["results"][0]["image"], "the end counts")
        self.assertEqual(self.client.ended(self.tryon())["warnings"], [])

    def test_a_mask_is_found_and_overtakes(self):
        blocking, waiting = self.long(), self.tryon()
        mask = self.client.submit(type="mask", photo=self.photo)
        self.assertEqual(self.client.job(mask)["position"], 0)
        self.assertEqual(self.client.job(waiting)["position"], 1)
        self.client.json("POST", f"/api/v1/jobs/{blocking}/cancel", status=200)
        job = self.client.ended(mask)
        self.assertEqual([r["kind"] for r in job["results"]], ["mask"])
        self.assertEqual((job["results"][0]["width"], job["results"][0]["height"]), (512, 512))
        snapped = self.client.ended(self.client.submit(type="mask", photo=self.photo, refine=job["results"][0]["image"]))
        self.assertTrue(snapped["results"])
        self.client.ended(blocking, "cancelled")
        self.client.ended(waiting)

    def test_a_mask_can_be_left_to_the_parser(self):
        job = self.client.ended(self.tryon(mask=None, auto={"category": "upper", "sleeve": "short"}))
        self.assertEqual(len(job["results"]), 1)
        failed = self.client.ended(self.client.submit(type="mask", photo=self.photo, person=64), "failed")
        self.assertIn("person", failed["error"])

    def test_the_queue_is_moved_cancelled_and_tried_again(self):
        blocking = self.long()
        self.running(blocking, "denoise")
        first, second, third = (self.tryon(seed=s) for s in (11, 12, 13))
        moved = self.client.json("POST", f"/api/v1/jobs/{third}/move", {"position": 0}, 200)
        self.assertEqual(moved["position"], 0)
        self.assertEqual([self.client.job(j)["position"] for j in (third, first, second)], [0, 1, 2])
        self.client.json("POST", f"/api/v1/jobs/{second}/cancel", status=200)
        self.assertEqual(self.client.job(second)["state"], "cancelled")
        self.client.json("POST", f"/api/v1/jobs/{second}/cancel", status=409)
        self.client.json("POST", f"/api/v1/jobs/{first}/retry", status=409)
        self.client.json("DELETE", f"/api/v1/jobs/{first}", status=409)
        self.client.json("POST", f"/api/v1/jobs/{second}/move", {"position": 0}, 409)
        self.client.json("POST", f"/api/v1/jobs/{blocking}/cancel", status=200)
        self.client.ended(blocking, "cancelled")
        ended = [self.client.ended(j)["ended"] for j in (third, first)]
        self.assertLess(ended[0], ended[1], "the moved one came first")
        self.client.json("POST", f"/api/v1/jobs/{second}/retry", status=200)
        self.client.ended(second)

    def test_jobs_are_found_and_forgotten(self):
        job = self.client.ended(self.tryon(prompt="A Violet Velvet coat", seed=777123))
        for query in ("q=velvet+violet", "q=777123", "type=tryon,mask&state=done&q=velvet"):
            found = self.client.get(f"/api/v1/jobs?{query}")
            self.assertEqual([j["id"] for j in found["jobs"]], [job["id"]], query)
        self.assertEqual(self.client.get("/api/v1/jobs?q=%25")["jobs"], [], "no wildcards")
        self.assertEqual(self.client.get(f"/api/v1/jobs?limit=1&before={job['id']}")["jobs"][0]["id"], str(int(job["id"]) - 1))
        self.client.json("GET", "/api/v1/jobs?state=odd", status=400)
        self.client.json("DELETE", f"/api/v1/jobs/{job['id']}", status=204)
        self.client.json("GET", f"/api/v1/jobs/{job['id']}", status=404)
        self.client.json("DELETE", f"/api/v1/jobs/{job['id']}", status=404)

    def test_what_cannot_work_is_refused_before_it_waits(self):
        wide = self.client.upload(ROOT / "tests" / "data" / "images" / "orientation-1.jpg")
        for field, more in (("mask", {"mask": wide}), ("width", {"width": 33, "height": 33}), ("model", {"model": "no"}),
                            ("scheduler", {"scheduler": "magic"}), ("garment", {"garment": "99999"}),
                            ("guidance_start", {"guidance_start": 0.7, "guidance_end": 0.3}),
                            ("guidance_end", {"guidance_end": 1.5}),
                            ("cache_start", {"cache_start": 0.7, "cache_end": 0.3}),
                            ("cache_threshold", {"cache_threshold": 0.1, "cache_interval": 2}),
                            ("cache_interval", {"cache_interval": 0}), ("preset", {"preset": "slow"})):
            answer = self.client.json("POST", "/api/v1/jobs", {"type": "tryon", "photo": self.photo, "mask": self.mask, **more})
            self.assertEqual(answer["error"]["field"], field, answer)

    def test_a_preset_fills_in_what_is_left_out(self):
        def settings(**more):
            job = self.client.json("POST", "/api/v1/jobs", {"type": "tryon", "photo": self.photo, "mask": self.mask, "width": 32,
                                                            "height": 32, **more})
            return job["settings"]
        some = lambda s: [s[k] for k in ("scheduler", "karras", "steps", "guidance_end", "cache_interval", "cache_start", "precision")]
        self.assertEqual(some(settings(steps=2)), [None, False, 2, 1, 1, 0, "exact"])
        self.assertEqual(some(settings(preset="fast", steps=2)), ["unipc", False, 2, 0.5, 2, 0.2, "auto"])
        self.assertEqual(some(settings(preset="balanced", steps=2)), ["dpm++2m", True, 2, 0.75, 2, 0.2, "auto"])
        self.assertEqual(some(settings(preset="balanced", steps=3, karras=False, cache_interval=1, guidance_end=1, precision="exact")),
                         ["dpm++2m", False, 3, 1, 1, 0.2, "exact"])

    def test_a_stream_goes_on_where_it_broke(self):
        events = Events(self.client)
        job = self.tryon()
        events.wait(lambda e: [j for j in e.of("job") if j["id"] == job and j["state"] == "done"], "the end")
        events.close()
        middle = [i for i, _, _ in events.list if i][1]
        rest = [(i, n) for i, n, _ in events.list if i][2:]
        again = Events(self.client, last=middle)
        again.wait(lambda e: len(e.list) >= len(rest), "what was missed")
        self.assertEqual([(i, n) for i, n, _ in again.list][:len(rest)], rest)
        again.close()
        lost = Events(self.client, last="1-1")
        lost.wait(lambda e: e.of("sync"), "sync")
        lost.close()


class Training(Case):
    def test_1_photos_are_judged_before(self):
        answer = self.client.json("POST", "/api/v1/lint", self.training(), 200)
        self.assertTrue(answer["ok"], answer)
        self.assertEqual(len(answer["photos"]), 2)
        self.assertGreater(answer["memory"], 0)
        black = self.client.upload(MASK, "image/png")
        bad = self.training()
        bad["photos"][1]["mask"] = self.photo
        bad["name"] = ""
        answer = self.client.json("POST", "/api/v1/lint", bad, 200)
        self.assertEqual(answer["photos"][0], [])
        self.assertTrue(answer["photos"][1], answer)
        self.assertTrue(black)

    def test_photos_held_out_are_looked_at(self):
        settings = self.training(steps=4, hold_out=0.5, validation={"photo": self.photo, "mask": self.mask, "every": 2})
        job_id = self.client.submit(**settings)
        events = Events(self.client, f"/api/v1/jobs/{job_id}/events")
        self.client.ended(job_id)
        looks = self.client.get(f"/api/v1/jobs/{job_id}/loss")["looks"]
        self.assertEqual([look["step"] for look in looks], [2, 4])
        for look in looks:
            self.assertGreater(look["loss"], 0)
            self.assertGreater(look["numbers"]["colour_mean"], 0)
        heard = events.wait(lambda e: [d for d in e.of("job") if d["state"] == "done"] and
                            [look for d in e.of("loss") for look in d["looks"]], "the end")
        self.assertEqual({look["step"]: round(look["loss"], 6) for look in heard},
                         {look["step"]: round(look["loss"], 6) for look in looks})
        events.close()

    def test_2_a_garment_is_taught_and_worn(self):
        settings = self.training(steps=5, validation={"photo": self.photo, "mask": self.mask, "every": 2})
        job_id = self.client.submit(**settings)
        events = Events(self.client, f"/api/v1/jobs/{job_id}/events")
        job = self.client.ended(job_id)
        loss = self.client.get(f"/api/v1/jobs/{job_id}/loss")
        self.assertEqual([p["step"] for p in loss["points"]], [1, 2, 3, 4, 5])
        self.assertEqual(loss["looks"], [], "no photo was held out")
        self.assertEqual([r["step"] for r in job["results"]], [2, 4, 5])
        heard = events.wait(lambda e: [d for d in e.of("job") if d["state"] == "done"] and
                            [p["step"] for d in e.of("loss") for p in d["points"]], "the end")
        self.assertEqual(sorted(set(heard)), [1, 2, 3, 4, 5])
        events.close()
        garment = self.client.get("/api/v1/garments")["garments"][0]
        self.assertEqual((garment["id"], garment["name"], garment["image"]), (job["garment"], "orange suit", self.photo))
        plain, worn = (self.client.ended(self.tryon(garment=g))["results"][0]["image"] for g in (None, garment["id"]))
        self.assertNotEqual(plain, worn, "the adapter changes the picture")
        self.assertEqual([a["name"] for a in self.client.get("/sdapi/v1/loras")], ["orange suit"])
        self.assertFalse(list(self.data.glob("train/*/out/checkpoint-*")), "checkpoints are gone")
        self.client.json("DELETE", f"/api/v1/garments/{garment['id']}", status=204)
        self.assertEqual(self.client.get("/api/v1/garments")["garments"], [])
        self.client.json("POST", "/api/v1/jobs", {"type": "tryon", "photo": self.photo, "garment": garment["id"]}, 404)

    def test_3_a_whole_model_is_taught_stopped_and_gone_on_with(self):
        job = self.client.submit(**self.training(method="full", steps=1000, validation={
            "photo": self.photo, "mask": self.mask, "every": 100000}))
        self.client.wait(lambda: self.client.job(job)["done"] > 2 and self.client.job(job)["stage"] == "train", "some steps")
        self.client.json("POST", f"/api/v1/jobs/{job}/cancel", status=200)
        self.client.ended(job, "cancelled")
        before = self.client.get(f"/api/v1/jobs/{job}/loss")["points"]
        self.client.json("POST", f"/api/v1/jobs/{job}/retry", status=200)
        self.client.wait(lambda: len(self.client.get(f"/api/v1/jobs/{job}/loss")["points"]) > len(before), "more steps")
        after = self.client.get(f"/api/v1/jobs/{job}/loss")["points"]
        self.assertEqual(after[:len(before)], before, "it went on, and did not begin anew")
        self.client.json("POST", f"/api/v1/jobs/{job}/cancel", status=200)
        self.client.ended(job, "cancelled")
        self.client.json("DELETE", f"/api/v1/jobs/{job}", status=204)
        self.assertFalse((self.data / "train" / job).exists())


class Adapters(Case):
    """One that was made elsewhere, besides those that are taught here."""

    @classmethod
    def setUpClass(cls):
        cls.made = tempfile.TemporaryDirectory(prefix="drape-adapter-")
        cls.file = adapter(NANO, pathlib.Path(cls.made.name, "stripes.safetensors"))
        cls.arguments = ("--lora", str(cls.file))
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.made.cleanup()

    def test_it_is_listed_and_changes_the_picture(self):
        name = self.file.stem
        self.assertEqual(self.client.get("/api/v1/info")["loras"], [name])
        self.assertEqual([a["name"] for a in self.client.get("/sdapi/v1/loras")], [name])
        none, half, whole = (self.client.ended(self.tryon(lora=l, lora_scale=s))["results"][0]["image"]
                             for l, s in ((None, 1), (name, 0.5), (name, 1)))
        self.assertEqual(len({none, half, whole}), 3)
        answer = self.client.json("POST", "/api/v1/jobs", {"type": "tryon", "photo": self.photo, "lora": "other"}, 404)
        self.assertEqual(answer["error"]["field"], "lora")

    def test_other_clients_name_it_in_the_prompt(self):
        body = {"init_images": [b64(PHOTO)], "mask": b64(MASK), "steps": 3, "seed": 4, "width": 32, "height": 32}
        plain, worn = (self.client.json("POST", "/sdapi/v1/img2img", {**body, "prompt": p}, 200)["images"][0]
                       for p in ("shirt", f"shirt <lora:{self.file.stem}:2>"))
        self.assertNotEqual(plain, worn)


class FromAFolder(Case):
    """--models DIR: folders and single files, and what else lies among them."""

    @classmethod
    def setUpClass(cls):
        cls.models = tempfile.TemporaryDirectory(prefix="drape-models-")
        models = pathlib.Path(cls.models.name)
        cls.file = models / "coat.safetensors"
        (models / "nano").symlink_to(NANO)
        subprocess.run([DRAPE, "convert", "--quiet", NANO, cls.file], check=True, stdout=subprocess.DEVNULL)
        (models / "broken.ckpt").write_bytes(b"no model")
        (models / "other.vae.safetensors").write_bytes(b"no model")
        (models / "notes.txt").write_text("no model", encoding="utf-8")
        (models / "empty").mkdir()
        cls.folder = tempfile.TemporaryDirectory(prefix="drape-serve-")
        cls.data = pathlib.Path(cls.folder.name, "data")
        cls.server = Server(DRAPE, cls.data, "--models", str(models), models=()).start()
        cls.client = Client(cls.server)

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.models.cleanup()

    def listed(self):
        return {m["model_name"]: m for m in self.client.json("GET", "/sdapi/v1/sd-models", status=200)}

    def test_models_are_listed_with_what_they_are(self):
        models = {m["id"]: m for m in self.client.get("/api/v1/info")["models"]}
        self.assertEqual(list(models), ["coat", "nano"])
        self.assertEqual((models["nano"]["family"], models["nano"]["bytes"]), (None, None))
        self.assertIn("inpainting", models["coat"]["family"])
        self.assertEqual(models["coat"]["bytes"], self.file.stat().st_size)
        self.assertIn("broken.ckpt' is left out", self.server.said())
        self.assertNotIn("notes", self.server.said())
        self.assertNotIn("other", self.server.said())

    def test_other_clients_know_a_file_by_its_hash(self):
        hash256 = hashlib.sha256(self.file.read_bytes()).hexdigest()
        self.client.wait(lambda: self.listed()["coat"]["sha256"], "the hash")
        title = f"coat.safetensors [{hash256[:10]}]"
        self.assertEqual(self.listed()["coat"], {"title": title, "model_name": "coat", "hash": hash256[:10], "sha256": hash256,
                                                 "filename": "coat.safetensors", "config": None})
        self.assertEqual(self.listed()["nano"], {"title": "nano", "model_name": "nano", "hash": None, "sha256": None,
                                                 "filename": "nano", "config": None})
        for name in (title, "coat.safetensors", "coat", hash256[:10], hash256, "coat.safetensors [0123456789]"):
            self.client.json("POST", "/sdapi/v1/options", {"sd_model_checkpoint": name}, 200)
            self.assertEqual(self.client.json("GET", "/sdapi/v1/options", status=200)["sd_model_checkpoint"], title)
        self.client.json("POST", "/sdapi/v1/options", {"sd_model_checkpoint": "0123456789"}, 400)
        self.client.json("POST", "/sdapi/v1/options", {"sd_model_checkpoint": "nano"}, 200)
        body = {"init_images": [b64(PHOTO)], "mask": b64(MASK), "prompt": "coat", "steps": 2, "seed": 1, "width": 32,
                "height": 32, "override_settings": {"sd_model_checkpoint": title}}
        info = json.loads(self.client.json("POST", "/sdapi/v1/img2img", body, 200)["info"])
        self.assertEqual((info["sd_model_name"], info["sd_model_hash"]), ("coat", hash256[:10]))
        # what is known is there from the start; what was changed is another file
        self.server.stop()
        with contextlib.closing(sqlite3.connect(self.data / "drape.db")) as db, db:
            db.execute("UPDATE hashes SET sha256=?", ("f" * 64,))
        self.server.start()
        self.assertEqual(self.listed()["coat"]["sha256"], "f" * 64)
        self.server.stop()
        os.utime(self.file)
        self.server.start()
        self.client.wait(lambda: self.listed()["coat"]["sha256"] == hash256, "the hash again")


class Garments(Case):
    """Dressing from a photo of the garment."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="drape-serve-")
        cls.data = pathlib.Path(cls.folder.name, "data")
        cls.server = Server(DRAPE, cls.data, "--attention", CATVTON / "CatVTON" / "tiny-4k-32", "--vae",
                            CATVTON / "sd-vae-ft-mse", "--parser", ROOT / "tests" / "data" / "colour-parser",
                            models=(CATVTON / "base",)).start()
        cls.client = Client(cls.server)
        cls.photo, cls.mask = cls.client.upload(PHOTO), cls.client.upload(MASK, "image/png")
        cls.garment = cls.client.upload(CATVTON / "runs" / "garment.png", "image/png")

    def worn(self, **more):
        return {"type": "tryon", "photo": self.photo, "mask": self.mask, "garment_photo": self.garment, "steps": 2,
                "seed": 4, **more}

    def test_a_model_says_that_it_dresses_from_a_photo_alone(self):
        model, = self.client.get("/api/v1/info")["models"]
        self.assertFalse(model["prompts"])
        self.assertEqual(model["garments"], {"width": 24, "height": 32, "steps": 50, "guidance_scale": 2.5})

    def test_a_photo_of_the_garment_takes_the_place_of_a_prompt(self):
        job = self.client.ended(self.client.submit(**self.worn()))
        self.assertEqual(job["state"], "done", job)
        self.assertEqual((job["settings"]["guidance_scale"], job["settings"]["eta"]), (2.5, 1))
        again = self.client.ended(self.client.submit(**self.worn()))
        self.assertEqual([r["image"] for r in again["results"]], [r["image"] for r in job["results"]])
        kept = self.client.ended(self.client.submit(**self.worn(garment_photo=self.mask)))
        self.assertIn("taken as it is", json.dumps(kept["warnings"]), "a mask is no garment")
        other = self.client.ended(self.client.submit(**self.worn(garment_photo=self.photo, garment_cut="keep")))
        self.assertNotEqual(other["results"][0]["image"], job["results"][0]["image"])

    def test_what_nobody_wears_may_be_kept(self):
        painted = self.client.ended(self.client.submit(**self.worn()))
        kept = self.client.ended(self.client.submit(**self.worn(unworn="keep")))
        self.assertEqual(kept["state"], "done", kept)
        if kept["results"][0]["image"] == painted["results"][0]["image"]:  # in noise a parser may see anything
            self.assertIn("sees no garment in the result", json.dumps(kept["warnings"]))

    def test_img2img_takes_it_as_a_script(self):
        unit = {"image": b64(CATVTON / "runs" / "garment.png"), "cut": "keep"}
        body = {"init_images": [b64(PHOTO)], "mask": b64(MASK), "steps": 2, "seed": 4, "prompt": "masterpiece",
                "inpaint_full_res_padding": 32, "alwayson_scripts": {"garment": {"args": [unit]}}}
        answer = self.client.json("POST", "/sdapi/v1/img2img", body, 200)
        info = json.loads(answer["info"])
        self.assertIn("takes the place of the prompts", json.dumps(info))
        self.assertIn("CFG scale: 2.5", info["infotexts"][0])
        self.assertIn("Sampler: ddim", info["infotexts"][0])
        self.assertEqual(png_size(base64.b64decode(answer["images"][0])), (512, 512))
        for args in ([], [{"cut": "keep"}], [{**unit, "category": "hat"}], [unit, unit], [{**unit, "image": "*"}]):
            body["alwayson_scripts"]["garment"]["args"] = args
            if args:
                answer = self.client.json("POST", "/sdapi/v1/img2img", body, 422)
                self.assertEqual(answer["error"]["field"], "alwayson_scripts.garment", args)

    def test_what_makes_no_sense_is_refused_by_field(self):
        for more, field in (({"prompt": "red shirt"}, "prompt"), ({"strength": 0.5}, "strength"),
                            ({"garment_photo": None}, "garment_photo"), ({"garment_photo": "0" * 64}, "garment_photo"),
                            ({"garment_category": "hat"}, "garment_category")):
            answer = self.client.json("POST", "/api/v1/jobs", self.worn(**more))
            self.assertEqual(answer["error"]["field"], field, answer)


class Killed(Case):
    def again(self, kill=True):
        if kill:
            self.server.kill()
        else:
            self.server.stop()
        self.server.start()

    def test_1_no_job_is_lost_and_no_picture_made_twice(self):
        done = self.client.ended(self.tryon(seed=5))
        run, waiting = self.tryon(count=3, steps=60, seed=20), [self.tryon(seed=s) for s in (31, 32)]
        self.client.wait(lambda: self.client.job(run)["results"], "the first of three")
        self.again()
        first = self.client.job(run)["results"][0]
        self.assertEqual(self.client.job(done["id"])["ended"], done["ended"])
        self.again(kill=False)
        for job in waiting:
            self.client.ended(job)
        job = self.client.ended(run)
        self.assertEqual(job["results"][0], first)
        self.assertEqual([r["seed"] for r in job["results"]], [20, 21, 22])
        self.assertLess(job["ended"], self.client.job(waiting[0])["ended"], "what ran goes on first")
        whole = self.client.ended(self.tryon(count=3, steps=60, seed=20))
        self.assertEqual([r["image"] for r in whole["results"]], [r["image"] for r in job["results"]])

    def test_2_a_training_goes_on_from_its_checkpoint(self):
        settings = self.training(steps=120, checkpoint_every=1, validation={"photo": self.photo, "mask": self.mask,
                                                                            "every": 100000})
        job = self.client.submit(**settings)
        for least in (3, 8):
            self.client.wait(lambda least=least: len(self.client.get(f"/api/v1/jobs/{job}/loss")["points"]) >= least, "steps")
            before = self.client.get(f"/api/v1/jobs/{job}/loss")["points"]
            self.again()
            events = Events(self.client, f"/api/v1/jobs/{job}/events")
            told = lambda e, whole: [p["step"] for d in e.of("loss") if d["whole"] in whole for p in d["points"]]
            events.wait(lambda e: max(told(e, (True, False)), default=0) > len(before), "a new step")  # it may be at its end by now
            self.assertGreaterEqual(min(told(events, (False,)), default=len(before)), len(before) - 1, "it went on")
            events.close()
        self.client.ended(job)
        points = self.client.get(f"/api/v1/jobs/{job}/loss")["points"]
        self.assertEqual([p["step"] for p in points], list(range(1, 121)))


    def test_3_a_job_of_a_kind_from_another_version_fails_and_the_next_one_runs(self):
        def row(question, *values):
            with contextlib.closing(sqlite3.connect(self.data / "drape.db")) as db, db:
                return db.execute(question, values).fetchone()

        self.running(self.tryon(count=16, steps=1000))
        strange, after = self.tryon(seed=1), self.tryon(seed=2)
        self.server.kill()
        row("UPDATE jobs SET type='other' WHERE id=?", strange)
        row("UPDATE jobs SET state='cancelled' WHERE state='running'")
        self.server.start()
        self.client.ended(after)
        self.assertEqual(row("SELECT state, error FROM jobs WHERE id=?", strange),
                         ("failed", "this drape does not know jobs of type 'other'"))
        row("DELETE FROM jobs WHERE id=?", strange)


# Every field of img2img in AUTOMATIC1111's 1.10, with the values of its own description.
AT_REST = {"styles": [], "subseed": -1, "subseed_strength": 0, "seed_resize_from_h": -1, "seed_resize_from_w": -1,
           "scheduler": None, "batch_size": 1, "n_iter": 1, "restore_faces": None, "tiling": None, "do_not_save_samples": False,
           "do_not_save_grid": False, "eta": None, "s_min_uncond": None, "s_churn": None, "s_tmax": None, "s_tmin": None,
           "s_noise": None, "override_settings": None, "override_settings_restore_afterwards": True, "refiner_checkpoint": None,
           "refiner_switch_at": None, "disable_extra_networks": False, "firstpass_image": None, "comments": None,
           "resize_mode": 0, "image_cfg_scale": None, "mask_blur_x": 4, "mask_blur_y": 4, "mask_blur": None,
           "mask_round": True, "inpainting_fill": 0, "inpaint_full_res": True, "inpaint_full_res_padding": 0,
           "inpainting_mask_invert": 0, "initial_noise_multiplier": None, "latent_mask": None, "force_task_id": None,
           "sampler_index": "Euler", "include_init_images": False, "script_name": None, "script_args": [], "send_images": True,
           "save_images": False, "alwayson_scripts": {}, "infotext": None}

# What tools send that fill in a number, a text and a box for each field, those of txt2img as well.
OF_A_WORKFLOW_TOOL = {**AT_REST, "seed_resize_from_h": 0, "seed_resize_from_w": 0, "subseed": 0, "restore_faces": False,
                      "tiling": False, "eta": 0, "s_min_uncond": 0.0, "s_churn": 0.0, "s_tmax": 0.0, "s_tmin": 0.0,
                      "s_noise": 0.0, "override_settings": {}, "override_settings_restore_afterwards": False,
                      "refiner_checkpoint": "", "refiner_switch_at": 0.0, "comments": {}, "image_cfg_scale": 0.0,
                      "initial_noise_multiplier": 0.0, "firstpass_image": "", "latent_mask": "", "force_task_id": "",
                      "script_name": "", "infotext": "", "scheduler": "", "enable_hr": False, "firstphase_width": 0,
                      "firstphase_height": 0, "hr_scale": 2.0, "hr_upscaler": "Latent", "hr_second_pass_steps": 0,
                      "hr_resize_x": 0, "hr_resize_y": 0, "hr_checkpoint_name": "", "hr_sampler_name": "", "hr_scheduler": "",
                      "hr_prompt": "", "hr_negative_prompt": "", "task_id": ""}


class Clients(Case):
    """Other programs' clients: AUTOMATIC1111's API."""

    arguments = ("--embedding", str(ROOT / "tests" / "golden" / "prompts"))

    def img2img(self, status=200, **more):
        body = {"init_images": [b64(PHOTO)], "mask": "data:image/png;base64," + b64(MASK), "prompt": "red shirt", "steps": 3,
                "seed": 4, "width": 32, "height": 32, "sampler_name": "DDIM", **more}
        return self.client.json("POST", "/sdapi/v1/img2img", body, status)

    def picture(self, answer, i=0):
        return base64.b64decode(answer["images"][i])

    def test_img2img_answers_with_pictures(self):
        answer = self.img2img(batch_size=2, n_iter=2)
        info = json.loads(answer["info"])
        self.assertEqual(info["all_seeds"], [4, 5, 6, 7])
        self.assertEqual(len(answer["images"]), 4)
        self.assertEqual(png_size(self.picture(answer)), (512, 512), "the region alone is painted, into the whole photo")
        self.assertIn("Seed: 4", info["infotexts"][0])
        text = self.client.json("POST", "/sdapi/v1/png-info", {"image": answer["images"][0]}, 200)
        self.assertEqual(text["info"], info["infotexts"][0])
        self.assertEqual(self.client.json("POST", "/sdapi/v1/png-info", {"image": b64(PHOTO)}, 200)["info"], "")

    def test_fields_mean_what_they_say(self):
        whole = self.img2img(inpaint_full_res=False, resize_mode=1)
        self.assertEqual(png_size(self.picture(whole)), (32, 32))
        plain = self.picture(self.img2img())
        for more in ({"inpainting_mask_invert": 1}, {"seed": 9}, {"cfg_scale": 1}, {"denoising_strength": 1},
                     {"inpaint_full_res_padding": 64}, {"mask_blur": 60}, {"inpainting_fill": 1}, {"eta": 1},
                     {"sampler_name": "Euler a"}, {"negative_prompt": "blue"}, {"guidance_start": 0.5},
                     {"guidance_end": 0.5}):
            self.assertNotEqual(self.picture(self.img2img(**more)), plain, more)
        self.assertEqual(self.picture(self.img2img(seed=4, tiling=False, restore_faces=None, styles=[])), plain)
        self.assertEqual(self.img2img(send_images=False)["images"], [])

    def test_every_field_at_rest_asks_for_nothing(self):
        plain = self.picture(self.img2img())
        for more in (AT_REST, OF_A_WORKFLOW_TOOL, {"override_settings": self.client.get("/sdapi/v1/options")},
                     {"mask_round": True, "firstpass_image": "", "latent_mask": "", "inpainting_mask_invert": False,
                      "inpaint_full_res": "True", "restore_faces": 0, "tiling": "False", "send_images": 1, "seed": "4"},
                     {"override_settings": {"sd_vae": "None", "CLIP_stop_at_last_layers": 1.0, "face_restoration_model": None}},
                     {"nobody_knows": None, "nor_this": [], "hr_scale": 2, "unknown": {"enabled": False}}):
            self.assertEqual(self.picture(self.img2img(**more)), plain, more)

    def test_clip_skip_leaves_out_the_text_encoder_s_last_layers(self):
        plain = self.img2img()
        skipped = self.img2img(override_settings={"CLIP_stop_at_last_layers": 2})
        self.assertNotEqual(self.picture(skipped), self.picture(plain))
        self.assertEqual([json.loads(a["info"])["clip_skip"] for a in (plain, skipped)], [1, 2])
        for wrong in (0.5, "two", 13):
            answer = self.img2img(422, override_settings={"CLIP_stop_at_last_layers": wrong})
            self.assertEqual(answer["error"]["field"], "override_settings.CLIP_stop_at_last_layers")

    def test_extensions_that_are_off_are_taken_and_others_refused(self):
        plain = self.picture(self.img2img())
        unit = {"enabled": False, "module": "canny", "model": "control_canny", "weight": 1.0}
        for scripts in ({"controlnet": {"args": []}}, {"ControlNet": {"args": [unit, {}]}}, {"ADetailer": {"args": [False]}},
                        {"ADetailer": {"args": [True, False, {"ad_model": "None", "ad_confidence": 0.3}]}}, {"x": None}):
            self.assertEqual(self.picture(self.img2img(alwayson_scripts=scripts)), plain, scripts)
        for scripts in ({"controlnet": {"args": [{**unit, "enabled": True}]}}, {"x": {"args": [True]}},
                        {"ADetailer": {"args": [{"ad_model": "face_yolov8n.pt"}]}}):
            answer = self.img2img(422, alwayson_scripts=scripts)
            self.assertEqual(answer["error"]["field"], "alwayson_scripts." + list(scripts)[0])
            self.assertIn(list(scripts)[0], answer["detail"])

    def test_a_preset_says_what_is_not_sent(self):
        text = lambda **more: json.loads(self.img2img(width=32, height=32, **more)["info"])["infotexts"][0]
        self.assertIn("Steps: 10, Sampler: unipc, ", text(preset="fast", steps=None, sampler_name=None))
        self.assertIn("Steps: 2, Sampler: euler, ", text(preset="fast", steps=2, sampler_name="Euler", scheduler="uniform"))
        self.assertIn("Cache interval: 2, Cache branch: 0, Cached part: 0.2-1", text(preset="balanced", steps=2))
        self.assertNotIn("Cache", text())
        self.assertRegex(text(steps=8, cache_threshold=5), "Cache threshold: 5, Cached part: 0-1, Skipped calls: [1-5]")
        self.assertEqual(self.img2img(422, cache_start=0.5, cache_end=0.2)["error"]["field"], "cache_start")

    def test_sizes_are_rounded_down_and_it_is_said(self):
        answer = self.img2img(inpaint_full_res=False, width=37, height=63)
        info = json.loads(answer["info"])
        self.assertEqual((info["width"], info["height"], png_size(self.picture(answer))), (32, 56, (32, 56)))
        self.assertIn("37x63", info["comments"][0])
        self.assertIn("32x56", info["comments"][0])
        self.assertEqual(json.loads(self.img2img()["info"])["comments"], [])
        self.assertEqual(self.img2img(422, width=7)["error"]["field"], "width")

    def test_what_a_job_finds_wrong_with_the_request_is_the_clients_fault(self):
        answer = self.img2img(422, sampler_name="LCM", steps=90, denoising_strength=1)
        self.assertIn("lcm takes at most 50 steps", answer["detail"])
        failed = self.client.get("/api/v1/jobs?limit=1")["jobs"][0]
        self.assertEqual((failed["state"], failed["error"]), ("failed", answer["detail"]))

    def test_samplers_and_schedules_go_as_there_or_are_refused(self):
        strength = json.loads(self.img2img(denoising_strength=0, steps=4, sampler_name="Euler")["info"])
        self.assertIn("Denoising strength: 0.25", strength["infotexts"][0])
        def names(**more):
            return json.loads(self.img2img(**more)["info"])["infotexts"][0]
        self.assertIn("Sampler: euler karras", names(sampler_name="Euler", scheduler="Karras"))
        self.assertNotIn("karras", names(sampler_name="DDIM", scheduler="Karras"), "it has steps of its own, there as here")
        self.assertNotIn("karras", names(sampler_name="Euler", scheduler="Automatic"))
        self.assertNotIn("karras", names(sampler_name="Euler", scheduler="uniform"))
        self.assertIn("Sampler: euler,", names(sampler_name="Euler a", eta=0), "without its noise it is Euler")
        for more in ({"scheduler": "Exponential"}, {"scheduler": "SGM Uniform"}, {"scheduler": "align_your_steps"}):
            answer = self.img2img(422, sampler_name="DPM++ 2M", **more)
            self.assertEqual(answer["error"]["field"], "scheduler")
        self.assertEqual(self.img2img(422, sampler_name="DPM++ 2M Exponential")["error"]["field"], "scheduler")
        self.assertEqual(self.img2img(422, sampler_name="Euler a", eta=0.5)["error"]["field"], "eta")
        self.assertEqual(self.img2img(422, guidance_start=0.5, guidance_end=0.2)["error"]["field"], "guidance_start")

    def test_a_picture_without_the_end_of_its_base64_is_read(self):
        plain = self.picture(self.img2img())
        self.assertEqual(self.picture(self.img2img(mask=b64(MASK).rstrip("="), init_images=[b64(PHOTO).rstrip("=")])), plain)
        answer = self.img2img(422, mask=b64(MASK).rstrip("=")[:-3] if len(b64(MASK).rstrip("=")) % 4 == 0 else b64(MASK)[:401])
        self.assertEqual(answer["error"]["field"], "mask")
        self.assertIn("base64", answer["detail"])

    def test_long_prompts_are_read_to_their_end(self):
        begin = "red shirt " * 40
        first, second = (self.img2img(prompt=begin + end) for end in ("violet", "green"))
        self.assertNotEqual(self.picture(first), self.picture(second))
        self.assertEqual(json.loads(first["info"])["comments"], [])

    def test_brackets_weight_what_is_in_them(self):
        def pixels(prompt):  # without the text beside them, which has the prompt
            data = self.picture(self.img2img(prompt=prompt))
            return data[data.index(b"IDAT"):]
        plain = pixels("a red shirt")
        self.assertEqual(pixels("a (red:1.0) shirt"), plain)
        self.assertNotEqual(pixels("a (red:3) shirt"), plain)
        self.assertNotEqual(pixels("a <toy> shirt"), pixels("a < toy > shirt"), "a word of --embedding")
        answer = self.img2img(422, prompt="(red:1" + "0" * 50 + ")")
        self.assertIn("too large", answer["detail"])

    def test_what_changes_nothing_is_answered(self):
        for path in ("refresh-checkpoints", "refresh-loras", "refresh-vae", "refresh-embeddings"):
            self.assertIsNone(self.client.json("POST", f"/sdapi/v1/{path}", status=200))
        for path in ("hypernetworks", "script-info", "latent-upscale-modes", "realesrgan-models", "extensions"):
            self.assertEqual(self.client.get(f"/sdapi/v1/{path}"), [])

    def test_a_field_that_cannot_be_honoured_is_an_error(self):
        for field, value in (("tiling", True), ("restore_faces", True), ("subseed_strength", 0.5), ("styles", ["x"]),
                             ("script_name", "x"), ("resize_mode", 3), ("sampler_name", "no"), ("scheduler", "no"),
                             ("scheduler", 5), ("nonsense", 1), ("mask_round", False), ("enable_hr", True), ("s_churn", 1), ("init_images", []), ("mask", "&"),
                             ("width", 1 << 20), ("batch_size", 17), ("denoising_strength", 1.1), ("s_noise", 0.5), ("initial_noise_multiplier", 0.5), ("width", "wide")):
            answer = self.img2img(None, **{field: value})
            self.assertEqual(answer["error"]["field"].split("[")[0], field, answer)
        answer = self.img2img(422, mask_blur_x=1, mask_blur_y=2)
        self.assertEqual(answer["error"]["field"], "mask_blur_x")
        answer = self.img2img(422, override_settings={"sd_vae": "x"})
        self.assertEqual(answer["error"]["field"], "override_settings.sd_vae")
        answer = self.img2img(422, prompt="x <lora:nothing:1>")
        self.assertEqual(answer["error"]["field"], "prompt")

    def test_lists_and_options(self):
        self.assertIn("Euler a", [s["name"] for s in self.client.get("/sdapi/v1/samplers")])
        self.assertIn("karras", [s["name"] for s in self.client.get("/sdapi/v1/schedulers")])
        self.assertEqual([m["title"] for m in self.client.get("/sdapi/v1/sd-models")], ["nano"])
        self.assertEqual(self.client.get("/sdapi/v1/options")["sd_model_checkpoint"], "nano")
        self.client.json("POST", "/sdapi/v1/options", {"sd_model_checkpoint": "nano"}, 200)
        self.client.json("POST", "/sdapi/v1/options", {"sd_model_checkpoint": "other"}, 400)
        self.client.json("POST", "/sdapi/v1/options", {"samples_format": "jpg"}, 400)
        self.client.json("POST", "/sdapi/v1/txt2img", {"prompt": "x"}, 404)

    def test_progress_and_interrupt(self):
        job = self.long()
        self.running(job, "denoise")
        answer = self.client.wait(lambda: (lambda p: p if p["current_image"] else None)(self.client.get("/sdapi/v1/progress")),
                                  "a preview")
        self.assertTrue(0 < answer["progress"] < 1)
        self.assertEqual(answer["state"]["job_count"], 1)
        self.assertIsNone(self.client.get("/sdapi/v1/progress?skip_current_image=true")["current_image"])
        self.client.json("POST", "/sdapi/v1/interrupt", {}, 200)
        self.client.ended(job, "cancelled")
        self.assertEqual(self.client.get("/sdapi/v1/progress")["progress"], 0)


if __name__ == "__main__":
    unittest.main()
