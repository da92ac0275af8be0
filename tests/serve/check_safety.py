"""What strangers may not do: other names, other sites, no token, bad uploads, endless requests."""

import base64
import json
import os
import pathlib
import re
import socket
import subprocess
import tempfile
import unittest
import unittest.mock
import zlib

from client import NANO, ROOT, Client, Server, png

DRAPE = os.environ["DRAPE"]
PHOTO = ROOT / "examples" / "astronaut.jpg"


class Safety(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="drape-serve-")
        cls.server = Server(DRAPE, cls.folder.name + "/data").start()
        cls.client = Client(cls.server)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.folder.cleanup()

    def status(self, method, path, body=None, **headers):
        headers = {k.replace("_", "-"): v for k, v in headers.items()}
        status, _, data = self.client.request(method, path, body, headers)
        if status >= 400:
            error = json.loads(data)["error"]
            self.assertTrue(error["code"] and error["message"])
        return status

    def test_the_page_has_headers_that_keep_it_safe(self):
        status, headers, body = self.client.request("GET", "/")
        self.assertEqual(status, 200)
        self.assertIn(b"<html", body)
        policy = headers["Content-Security-Policy"]
        self.assertIn("default-src 'none'", policy)
        self.assertIn("frame-ancestors 'none'", policy)
        self.assertNotIn("unsafe", policy)
        self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
        again, _, _ = self.client.request("GET", "/", headers={"If-None-Match": headers["ETag"]})
        self.assertEqual(again, 304)

    def test_the_server_describes_itself(self):
        _, _, body = self.client.request("GET", "/api/v1/openapi.json")
        document = json.loads(body)
        schemas = document["components"]["schemas"]
        for ref in re.findall(rb'"#/components/schemas/([^"]*)"', body):
            self.assertIn(ref.decode(), schemas)
        tryon, lint = schemas["TryonSettings"], schemas["LintSettings"]
        self.assertEqual(tryon["required"], ["type", "photo"])
        self.assertEqual(tryon["properties"]["type"], {"const": "tryon"})
        self.assertEqual(tryon["properties"]["steps"],
                         {"type": ["integer", "null"], "minimum": 1, "maximum": 1000,
                          "description": "denoising steps; null: as suits the model, mostly 50"})
        self.assertEqual(tryon["properties"]["padding"]["description"],
                         "photo pixels kept around the mask; -1: 32, or 1/8 of the mask")
        self.assertEqual(schemas["TrainSettings"]["properties"]["steps"]["description"], "optimizer steps")
        self.assertEqual(tryon["properties"]["strength"]["exclusiveMinimum"], 0)
        self.assertEqual(tryon["properties"]["auto"]["oneOf"], [{"$ref": "#/components/schemas/AutoMask"},
                                                                {"type": "null"}])
        self.assertEqual(schemas["AutoMask"]["properties"]["sleeve"]["enum"], ["keep", "long", "short", None])
        self.assertEqual(lint["required"], ["photos"])
        self.assertEqual(schemas["TrainSettings"]["required"], ["type", "name", "photos"])
        written = json.loads((ROOT / "web" / "openapi.json").read_bytes())
        for name in set(schemas) - set(written["components"]["schemas"]):
            del schemas[name]
        self.assertEqual(document, written)
        info = self.client.get("/api/v1/info")
        self.assertEqual([m["id"] for m in info["models"]], ["nano"])

    def test_another_name_for_this_address_is_refused(self):
        port = self.server.port
        self.assertEqual(self.status("GET", "/api/v1/info", Host="evil.example"), 403)
        self.assertEqual(self.status("GET", "/", Host=f"evil.example:{port}"), 403)
        self.assertEqual(self.status("GET", "/", Host=f"127.0.0.1:{port + 1}"), 403)
        self.assertEqual(self.status("GET", "/", Host="127.0.0.1.evil.example"), 403)
        self.assertEqual(self.status("GET", "/api/v1/info", Host=f"localhost:{port}"), 200)
        self.assertEqual(self.status("GET", "/api/v1/info", Host=f"[::1]:{port}"), 200)

    def test_other_sites_pages_are_refused(self):
        own = f"http://127.0.0.1:{self.server.port}"
        for origin in ("http://evil.example", "null", "http://127.0.0.1", own + ".evil.example"):
            self.assertEqual(self.status("POST", "/sdapi/v1/interrupt", Origin=origin), 403, origin)
            self.assertEqual(self.status("GET", "/api/v1/jobs", Origin=origin), 403, origin)
        self.assertEqual(self.status("POST", "/sdapi/v1/interrupt", Origin=own), 200)
        self.assertEqual(self.status("GET", "/api/v1/jobs", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors"), 403)
        self.assertEqual(self.status("GET", "/", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate"), 200)
        self.assertEqual(self.status("GET", "/api/v1/jobs", Sec_Fetch_Site="same-origin"), 200)

    def test_what_is_not_there_is_said_so(self):
        self.assertEqual(self.status("GET", "/api/v1/nothing"), 404)
        self.assertEqual(self.status("GET", "/../../etc/passwd"), 404)
        self.assertEqual(self.status("GET", "/api/v1/images/..%2f..%2fdrape.db"), 404)
        self.assertEqual(self.status("GET", "/api/v1/images/" + "0" * 64), 404)
        self.assertEqual(self.status("GET", "/api/v1/images/" + "A" * 64), 400)
        self.assertEqual(self.status("GET", "/api/v1/jobs/99999"), 404)
        self.assertEqual(self.status("GET", "/api/v1/jobs/-1"), 404)
        status, headers, _ = self.client.request("PUT", "/api/v1/jobs")
        self.assertEqual((status, headers["Allow"]), (405, "GET, HEAD, POST"))
        self.assertEqual(self.client.request("PUT", "/api/v1/jobs/1")[1]["Allow"], "GET, HEAD, DELETE")
        self.assertEqual(self.client.request("GET", "/sdapi/v1/img2img")[1]["Allow"], "POST")
        self.assertEqual(self.status("POST", "/"), 404)

    def test_bad_uploads_are_refused(self):
        def upload(data, kind="image/png"):
            return self.status("POST", "/api/v1/images", data, Content_Type=kind)
        self.assertEqual(upload(b"no picture"), 422)
        self.assertEqual(upload(b""), 422)
        self.assertEqual(upload(PHOTO.read_bytes()[:20000]), 422)
        self.assertEqual(upload(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"), 422)
        self.assertEqual(upload(PHOTO.read_bytes(), "text/plain"), 415)
        form = b"--x\r\nContent-Disposition: form-data; name=file; filename=a\r\n\r\nno picture\r\n--x--\r\n"
        self.assertEqual(upload(form, "multipart/form-data; boundary=x"), 422)
        self.assertEqual(upload(form[:60], "multipart/form-data; boundary=x"), 422)
        self.assertEqual(upload(form, "multipart/form-data"), 422)

    def test_pictures_that_would_fill_the_memory_are_refused_before_they_are_decoded(self):
        for width, height in ((100000, 100000), (50000, 1400)):
            bomb = png(width, height, zlib.compress(b"\0" * 1000000))
            status, _, data = self.client.request("POST", "/api/v1/images", bomb, {"Content-Type": "image/png"})
            self.assertEqual(status, 422)
            self.assertIn("megapixels", json.loads(data)["error"]["message"])

    def test_a_body_that_is_too_large_is_refused_by_its_length(self):
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=60) as s:
            s.sendall(f"POST /api/v1/images HTTP/1.1\r\nHost: 127.0.0.1:{self.server.port}\r\nContent-Type: image/png\r\n"
                      "Content-Length: 70000000000\r\n\r\n".encode())
            self.assertIn(b" 413 ", s.recv(4096).split(b"\r\n")[0])

    def test_a_body_without_a_length_is_cut_where_it_is_too_large(self):
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=60) as s:
            s.sendall(f"POST /api/v1/jobs HTTP/1.1\r\nHost: 127.0.0.1:{self.server.port}\r\nContent-Type: application/json"
                      "\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
            answer = b""
            try:
                for _ in range(40):
                    s.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")
                s.sendall(b"0\r\n\r\n")
                answer = s.recv(4096)
            except OSError:
                pass  # cut, which is an answer, too
            self.assertTrue(b" 413 " in answer.split(b"\r\n")[0] or not answer, answer)

    def test_requests_that_never_end_hold_nobody_up(self):
        idle = []
        try:
            for _ in range(200):
                s = socket.create_connection(("127.0.0.1", self.server.port), timeout=60)
                s.sendall(b"POST /api/v1/jobs HTTP/1.1\r\nHost: 127")
                idle.append(s)
            self.assertEqual(self.status("GET", "/api/v1/info"), 200)
        finally:
            for s in idle:
                s.close()

    def test_nonsense_instead_of_http_is_survived(self):
        for nonsense in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20, b"GET / HTTP/9.9\r\n\r\n", b"\0" * 5000,
                         b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 20000,
                         b"POST /api/v1/jobs HTTP/1.1\r\nContent-Length: -5\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", self.server.port), timeout=2) as s:
                try:
                    s.sendall(nonsense)
                    s.shutdown(socket.SHUT_WR)
                    while s.recv(65536):
                        pass
                except OSError:
                    pass
        self.assertEqual(self.status("GET", "/api/v1/info"), 200)

    def test_queries_are_taken_as_the_description_has_them(self):
        for query, want in (("before=0", 200), ("before=007", 200), ("before=x", 400), ("before=", 400), ("limit=200", 200),
                            ("limit=201", 400), ("limit=5x", 400), ("limit=", 400), ("q=" + "%C3%A9" * 200, 200), ("q=a%00b", 400),
                            ("q=" + "%C3%A9" * 201, 400), ("state=", 200), ("state=done,failed", 200), ("state=done,", 400),
                            ("type=mask,train", 200), ("type=hat", 400), ("type=" + "mask," * 20 + "mask", 400)):
            self.assertEqual(self.status("GET", "/api/v1/jobs?" + query), want, query)
        self.assertEqual(self.client.get("/api/v1/jobs?before=0")["jobs"], [])
        photo = self.client.upload(PHOTO)
        for query, want in (("width=16", 200), ("width=16x", 400), ("width=", 400), ("width=2049", 400),
                            ("download=" + "%C3%A9" * 100, 200), ("download=" + "a" * 101, 400)):
            self.assertEqual(self.status("GET", f"/api/v1/images/{photo}?{query}"), want, query)
        self.assertEqual(self.status("GET", "/api/v1/jobs/1/preview?step=x"), 400)

    def test_what_only_the_server_can_judge_is_no_bad_request(self):
        photo, wide = self.client.upload(PHOTO), self.client.upload(ROOT / "tests" / "data" / "images" / "orientation-1.jpg")
        job = {"type": "tryon", "photo": photo, "mask": photo}
        train = {"type": "train", "name": "x", "photos": [{"photo": photo, "mask": photo}]}
        for body, status, field in (({**job, "model": "none"}, 404, "model"), ({**job, "lora": "none"}, 404, "lora"),
                                    ({**job, "garment": "5"}, 404, "garment"), ({**job, "photo": "0" * 64}, 404, "photo"),
                                    ({**job, "mask": wide}, 409, "mask"), ({**job, "width": 12}, 400, "width"),
                                    ({**job, "scheduler": "magic"}, 400, "scheduler"), ({**job, "garment": "05"}, 400, "garment"),
                                    ({**train, "model": "none"}, 404, "model"), ({**train, "name": "é" * 101}, 400, "name")):
            answer = self.client.json("POST", "/api/v1/jobs", body, status)
            self.assertEqual(answer["error"]["field"], field)
        self.client.json("POST", "/api/v1/lint", {**train, "model": "none"}, 404)
        self.client.json("POST", "/api/v1/lint", {"photos": train["photos"]}, 200)

    def test_bad_json_is_named(self):
        def post(body, kind="application/json"):
            status, _, data = self.client.request("POST", "/api/v1/jobs", body, {"Content-Type": kind})
            return status, json.loads(data)["error"]
        self.assertEqual(post("{")[0], 400)
        self.assertEqual(post("[1]")[0], 400)
        self.assertEqual(post("[" * 100000)[0], 400)
        self.assertEqual(post('{"type": "tryon"}', "text/plain")[0], 415)
        for body, field in (('{}', "type"), ('{"type": "magic"}', "type"), ('{"type": "tryon"}', "photo"),
                            ('{"type": "tryon", "photo": "../../etc/passwd"}', "photo"),
                            ('{"type": "tryon", "photo": "' + "0" * 64 + '", "steps": 1e9}', "steps"),
                            ('{"type": "tryon", "photo": "' + "0" * 64 + '", "stepz": 1}', "stepz"),
                            ('{"type": "mask", "photo": "' + "0" * 64 + '", "category": "hat"}', "category"),
                            ('{"type": "train", "name": "x", "photos": []}', "photos"),
                            ('{"type": "train", "name": "x", "photos": [{"photo": 1}]}', "photos[0].photo")):
            status, error = post(body)
            self.assertEqual((status, error.get("field")), (400, field), error)
        status, error = post('{"type": "mask", "photo": "' + "0" * 64 + '"}')
        self.assertEqual((status, error.get("field")), (404, "photo"))


class Token(unittest.TestCase):
    TOKEN = "a-long-secret"

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="drape-serve-")
        cls.server = Server(DRAPE, cls.folder.name + "/data", "--token", cls.TOKEN).start()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.folder.cleanup()

    def status(self, path="/api/v1/info", **headers):
        return Client(self.server).request("GET", path, None, headers)[0]

    def test_1_the_token_opens_in_three_ways(self):
        self.assertEqual(self.status(), 401)
        self.assertEqual(self.status("/"), 401)
        self.assertEqual(self.status(Authorization=f"Bearer {self.TOKEN}"), 200)
        basic = base64.b64encode(f"anybody:{self.TOKEN}".encode()).decode()
        self.assertEqual(self.status(Authorization=f"Basic {basic}"), 200)
        status, headers, _ = Client(self.server).request("GET", f"/?token={self.TOKEN}")
        self.assertEqual((status, headers["Location"]), (303, "/"))
        cookie = headers["Set-Cookie"]
        self.assertIn("HttpOnly", cookie)
        self.assertIn("SameSite=Strict", cookie)
        self.assertEqual(self.status(Cookie=cookie.split(";")[0]), 200)
        self.assertEqual(self.status(Cookie="x=1; " + cookie.split(";")[0]), 200)

    def test_2_with_a_token_any_name_may_be_used_but_not_other_sites_pages(self):
        good = f"Bearer {self.TOKEN}"
        self.assertEqual(self.status(Host="studio.example", Authorization=good), 200)
        self.assertEqual(self.status(Origin="http://evil.example", Authorization=good), 403)

    def test_3_guessing_ends_soon(self):
        answers = [self.status(Authorization=f"Bearer guess-{i}") for i in range(30)]
        self.assertEqual(answers[0], 401)
        self.assertEqual(answers[-1], 429)


class OtherSites(unittest.TestCase):
    """--cors-allow-origins: pages of other sites that the owner names."""
    PAGE = "http://localhost:3000"

    def ask(self, method, origin=PAGE, token=None, path="/sdapi/v1/options", **headers):
        headers = {k.replace("_", "-"): v for k, v in headers.items()}
        headers.update({"Authorization": f"Bearer {token}"} if token else {}, **({"Origin": origin} if origin else {}))
        status, answer, _ = Client(self.server).request(method, path, None, headers)
        return status, answer

    def serve(self, *arguments):
        folder = tempfile.TemporaryDirectory(prefix="drape-serve-")
        self.addCleanup(folder.cleanup)
        self.server = Server(DRAPE, folder.name + "/data", *arguments).start()
        self.addCleanup(self.server.stop)

    def preflight(self, **more):
        return self.ask("OPTIONS", Access_Control_Request_Method="POST",
                        Access_Control_Request_Headers="content-type,x-mine", **more)

    def test_none_may_by_default(self):
        self.serve()
        status, answer = self.preflight()
        self.assertEqual(status, 403)
        self.assertFalse([h for h in answer if h.lower().startswith("access-control")])
        self.assertEqual(self.ask("GET")[0], 403)

    def test_named_ones_may(self):
        self.serve("--cors-allow-origins", self.PAGE + ", http://b.example", "--token", "a-long-secret")
        status, answer = self.preflight(path="/sdapi/v1/img2img")
        self.assertEqual(status, 204, "without the token, which browsers leave out here")
        self.assertEqual(answer["Access-Control-Allow-Origin"], self.PAGE)
        self.assertIn("POST", answer["Access-Control-Allow-Methods"])
        self.assertEqual(answer["Access-Control-Allow-Headers"], "content-type,x-mine")
        status, answer = self.ask("GET", token="a-long-secret", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="cors")
        self.assertEqual((status, answer["Access-Control-Allow-Origin"], answer["Vary"]), (200, self.PAGE, "Origin"))
        status, answer = self.ask("GET")
        self.assertEqual((status, answer["Access-Control-Allow-Origin"]), (401, self.PAGE), "the page may read errors, too")
        status, answer = self.ask("GET", token="a-long-secret", origin="http://c.example")
        self.assertEqual((status, answer["Access-Control-Allow-Origin"]), (403, None))
        self.assertEqual(self.preflight(origin="http://c.example")[0], 403)
        self.assertEqual(self.ask("GET", token="a-long-secret", origin=None)[0], 200)

    def test_all_may_with_a_star_but_by_our_own_name_alone(self):
        self.serve("--cors-allow-origins", "*")
        status, answer = self.ask("GET", origin="http://anywhere.example")
        self.assertEqual((status, answer["Access-Control-Allow-Origin"]), (200, "*"))
        self.assertIsNone(answer["Access-Control-Allow-Credentials"])
        self.assertEqual(self.preflight(Host="evil.example")[0], 403)
        self.assertEqual(self.ask("OPTIONS")[0], 405, "no preflight")


class Start(unittest.TestCase):
    def refused(self, *arguments):
        with tempfile.TemporaryDirectory(prefix="drape-serve-") as folder:
            p = subprocess.run([DRAPE, "serve", "--port", "0", "--data", folder + "/data", *arguments], cwd=folder,
                               capture_output=True, text=True, timeout=240, check=False)
            self.assertNotEqual(p.returncode, 0)
            return p.stderr

    def test_what_cannot_be_is_said_at_the_start(self):
        model = ("--model", str(NANO))
        self.assertIn("--token", self.refused(*model, "--host", "0.0.0.0"))
        with unittest.mock.patch.dict(os.environ, DRAPE_MODEL="/nowhere/at/all"):
            self.assertIn("/nowhere/at/all", self.refused())
        self.assertIn("nowhere", self.refused("--model", "nowhere"))
        self.assertIn("--keep", self.refused(*model, "--keep", "soon"))
        self.assertIn("--token", self.refused(*model, "--token", "short"))
        self.assertIn("--cors-allow-origins", self.refused(*model, "--cors-allow-origins", "http://a.example/path"))

    def test_one_server_works_in_a_folder(self):
        with tempfile.TemporaryDirectory(prefix="drape-serve-") as folder:
            server = Server(DRAPE, folder + "/data").start()
            p = subprocess.run(server.command, capture_output=True, text=True, timeout=240, check=False)
            server.stop()
            self.assertEqual(p.returncode, 1)
            self.assertIn("another drape serve", p.stderr)
            self.assertTrue(pathlib.Path(folder, "data", "drape.db").exists())


if __name__ == "__main__":
    unittest.main()
