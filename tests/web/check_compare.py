#!/usr/bin/env python3
"""The page of drape compare in Chromium, from file://, as people open it.

    check_compare.py DRAPE [TEST...]

With DRAPE_SHOTS=FOLDER it leaves screenshots there. Exit status 77: skipped, no browser.
"""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import axe
from browser import ROOT, Page, start_browser
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

MODEL = ROOT / "tests" / "golden" / "nano"
PERSON = ROOT / "examples" / "grace_hopper.jpg"
MASK = ROOT / "examples" / "grace_hopper_mask.png"
GARMENT = ROOT / "examples" / "astronaut.jpg"
HOSTILE = "</script><img src=x onerror=\"document.title='owned'\"> & <b>'bold'</b>"

SPLIT = "return parseFloat(document.querySelector('.compare-frame').style.getPropertyValue('--split'))"
TAGS = "return [...document.querySelectorAll('.compare-frame .tag')].map((e) => e.textContent)"


def compare(drape, folder, *more):
    """Makes a page; its address."""
    command = [drape, "compare", "--image", PERSON, "--mask", MASK, "--model", MODEL, "--prompt", "red t-shirt", "--steps", "2",
               "--seed", "7", "--threads", "1", "-q", "-o", folder, *more]
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False)
    if not (pathlib.Path(folder) / "compare.html").exists():
        raise AssertionError(done.stderr)
    return (pathlib.Path(folder) / "compare.html").as_uri()


class Compare(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="drape-compare-"))
        cls.url = compare(DRAPE, cls.folder, "--num-images", "2", "--garment", GARMENT, "--reference", PERSON, "--title", HOSTILE,
                          "--method", "prompt", "--method", f"Other words {HOSTILE}=prompt:a blue coat,steps=1",
                          "--method", "Gone=taught:nowhere")
        cls.driver = start_browser()
        cls.page = Page(cls.driver, cls.url)

    @classmethod
    def tearDownClass(cls):
        cls.driver.quit()
        shutil.rmtree(cls.folder, ignore_errors=True)

    def setUp(self):
        self.page.size(1280, 900)
        self.page.theme("light")
        self.page.open()
        self.page.find(".compare-frame")

    def tearDown(self):
        self.assertEqual(self.page.problems(), [], "the browser has nothing to complain about")

    def test_the_line_follows_mouse_and_keys(self):
        page = self.page
        frame = page.find(".compare-frame")
        self.assertEqual(page.js(SPLIT), 50)
        width = frame.size["width"]
        ActionChains(self.driver).move_to_element(frame).click_and_hold().move_by_offset(int(width * 0.3), 5).release().perform()
        self.assertAlmostEqual(page.js(SPLIT), 80, delta=2)
        page.js("document.querySelector('.compare-range').focus()")
        ActionChains(self.driver).send_keys(Keys.HOME).perform()
        self.assertEqual(page.js(SPLIT), 0)
        ActionChains(self.driver).send_keys(Keys.ARROW_RIGHT * 3).perform()
        self.assertEqual(page.js(SPLIT), 3)
        self.assertEqual(page.js("return document.querySelector('.compare-range').getAttribute('aria-valuetext')"), "3 percent Person")

    def test_any_two_pictures_can_be_laid_over_each_other(self):
        page = self.page
        self.assertEqual(page.js(TAGS), ["Person", "A, seed 7"])
        page.press("Left: A: Prompt alone, seed 8")
        page.press("Right: B: Other words")
        self.assertEqual(page.js(TAGS), ["A, seed 8", "B, seed 7"])
        page.press("Swap left and right")
        self.assertEqual(page.js(TAGS), ["B, seed 7", "A, seed 8"])
        page.choose("Side by side")
        self.assertEqual(len(page.seen(".pair-view img")), 2)
        page.choose("Difference")
        page.find(".difference")
        page.press("Right: The garment")  # a photo of another shape
        page.find(".pair-view")
        self.assertIn("different shapes", page.text(".view-note"))
        page.js("const s = document.querySelectorAll('select')[1]; s.value = 'masked'; s.dispatchEvent(new Event('change'))")
        page.find(".difference")

    def test_the_way_there_by_keyboard_alone(self):
        page = self.page
        seen = []
        for _ in range(60):
            ActionChains(self.driver).send_keys(Keys.TAB).perform()
            seen.append(page.js("const e = document.activeElement; return e.getAttribute('aria-label') ?? e.textContent.slice(0, 40)"))
        for name in ("Colours", "Swap left and right", "How much of", "Show on the right: The person", "Left: A: Prompt alone, seed 7", "Numbers",
                     "Settings that differ"):
            self.assertTrue(any(s.startswith(name) for s in seen), f"{name} among {seen}")

    def test_names_are_texts(self):
        page = self.page
        self.assertTrue(page.driver.title.startswith("</script><img"), page.driver.title)
        self.assertEqual(page.js("return document.querySelectorAll('h1 *, h3 *, img[src=x]').length"), 0)
        self.assertIn(HOSTILE, page.text("h1"))
        self.assertEqual(page.js("return [...document.querySelectorAll('.method h3')].filter((e) => e.textContent.includes('<b>')).length"), 1)

    def test_a_failure_is_named_with_its_reason(self):
        page = self.page
        self.assertIn("One method failed: Gone.", page.text(".notice.error"))
        self.assertIn("Cannot load the model 'nowhere'", page.js("return [...document.querySelectorAll('.method .notice')].at(-1).textContent"))

    def test_numbers_and_settings_are_the_records(self):
        page = self.page
        record = json.loads((self.folder / "compare.json").read_text(encoding="utf-8"))
        rows = page.js("return [...document.querySelectorAll('tbody tr')].map((r) => [...r.cells].map((c) => c.textContent))")
        heads = page.js("return [...document.querySelector('thead').rows[0].cells].map((c) => c.firstChild.textContent)")
        for name in ("Time", "Peak memory", "Changed outside", "Seam", "Colour", "PSNR", "SSIM"):
            self.assertIn(name, heads)
        self.assertEqual(rows[0][heads.index("Changed outside")], "0")
        self.assertEqual(rows[2][1], "–", "of a method that failed there are no numbers")
        settings = {r[0]: r[1:] for r in rows[3:]}
        self.assertEqual(settings["Prompt"], ["red t-shirt", "a blue coat"])
        self.assertEqual(settings["Steps"], ["2", "1"])
        self.assertEqual(record["methods"][1]["settings"]["steps"], 1)

    def test_every_picture_is_in_the_page(self):
        page = self.page
        page.wait(lambda: page.js("return [...document.images].every((i) => i.complete && i.naturalWidth > 0)"), "the pictures")
        self.assertEqual(page.js("return [...document.images].filter((i) => !i.src.startsWith('data:image/jpeg;base64,')).length"), 0)
        self.assertEqual(page.js("return performance.getEntriesByType('resource').filter((e) => !e.name.startsWith('data:')).length"), 0)

    def test_it_fits_a_phone_and_is_dark_where_the_system_is(self):
        page = self.page
        for theme in ("light", "dark"):
            page.theme(theme)
            for width, height, mobile in ((1280, 900, False), (360, 740, True)):
                page.size(width, height, 2 if mobile else 1, mobile=mobile)
                page.open()
                page.find(".compare-frame")
                self.assertLessEqual(page.js("return document.documentElement.scrollWidth"), width)
                page.shot(f"compare-{theme}-{width}")
        self.assertEqual(page.js("return getComputedStyle(document.body).backgroundColor"), "rgb(22, 22, 21)")

    def test_axe_finds_nothing_serious(self):
        script = axe.source()
        if not script:
            self.skipTest("axe-core is not here (scripts/deps.sh web brings it)")
        for theme in ("light", "dark"):
            self.page.theme(theme)
            self.page.open()
            self.page.find(".compare-frame")
            self.page.js("for (const d of document.querySelectorAll('details')) d.open = true")
            found = [f for f in axe.serious(self.driver, script)]
            self.assertEqual(found, [], theme)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    DRAPE = str(pathlib.Path(sys.argv.pop(1)).resolve())
    names = [a for a in sys.argv[1:] if not a.startswith("-")]
    loader = unittest.TestLoader()
    if names:
        loader.testNamePatterns = [f"*{n}*" for n in names]
    outcome = unittest.TextTestRunner(verbosity=2).run(loader.loadTestsFromTestCase(Compare))
    sys.exit(0 if outcome.wasSuccessful() and outcome.testsRun else 1)
