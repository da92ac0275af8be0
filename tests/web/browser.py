"""Chromium for the tests of the page, and what they do with it again and again."""

import contextlib
import functools
import http.server
import os
import pathlib
import sys
import tempfile
import threading
import time

try:
    from selenium import webdriver
    from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.by import By
except ImportError:
    print("skipped: Python has no selenium (Debian: python3-selenium)")
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parents[2]
CSP = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
       "base-uri 'none'; form-action 'none'; frame-ancestors 'none'")


# In one call: a page that changes meanwhile, or a machine that is busy, makes many calls slow and stale.
NAMED = """
  const [name, kind] = arguments;
  return [...document.querySelectorAll(kind)].find((e) => !e.disabled && e.checkVisibility() &&
    (e.getAttribute('aria-label') ?? e.innerText).trim().startsWith(name)) ?? null;
"""


SHOWN_TEXT = """
  return [...document.querySelectorAll(arguments[0])].find((e) => e.checkVisibility())?.innerText.trim();
"""


def find_program(*names):
    for name in names:
        for folder in os.environ.get("PATH", "").split(":") + ["/usr/bin", "/usr/lib/chromium"]:
            path = pathlib.Path(folder) / name
            if path.is_file() and os.access(path, os.X_OK):
                return str(path)
    return None


def start_browser(downloads=None, touch=False):
    """A headless Chromium; the test is skipped where there is none."""
    chromium = find_program("chromium", "chromium-browser", "google-chrome")
    driver = find_program("chromedriver")
    if not chromium or not driver:
        print("skipped: no chromium with chromedriver (Debian: chromium, chromium-driver)")
        sys.exit(77)
    options = Options()
    options.binary_location = chromium
    options.page_load_strategy = "eager"
    profile = tempfile.mkdtemp(prefix="drape-chromium-")
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars",
                     "--disable-background-networking", "--no-first-run", "--force-color-profile=srgb",
                     "--disable-extensions", "--window-size=1280,860", "--lang=en", f"--user-data-dir={profile}",
                     "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"):
        options.add_argument(argument)
    if touch:
        options.add_argument("--touch-events=enabled")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    if downloads:
        options.add_experimental_option("prefs", {"download.default_directory": str(downloads), "download.prompt_for_download": False})
    return webdriver.Chrome(service=Service(driver), options=options)


class Page:
    """One tab, with words for what a person does."""

    def __init__(self, driver, url):
        self.driver = driver
        self.url = url

    def open(self, path=""):
        self.driver.get("about:blank")
        self.driver.get(self.url + path)
        return self

    def js(self, script, *args):
        return self.driver.execute_script(script, *args)

    def all(self, css):
        return [e for e in self.driver.find_elements(By.CSS_SELECTOR, css)]

    def seen(self, css):
        try:
            return [e for e in self.all(css) if e.is_displayed()]
        except StaleElementReferenceException:
            return []

    def wait(self, condition, what, seconds=60):
        """Waits until condition() is true, and returns it. The bound is for a machine that hangs, not a measurement."""
        end = time.monotonic() + seconds
        last = None
        while time.monotonic() < end:
            try:
                value = condition()
                if value:
                    return value
            except (StaleElementReferenceException, WebDriverException) as error:
                last = error
            time.sleep(0.05)
        notes = [e.text for e in self.all(".toast")]
        raise AssertionError(f"waited in vain for {what}; notes: {notes}; {last or ''}")

    def find(self, css, seconds=60):
        return self.wait(lambda: (self.seen(css) or [None])[0], css, seconds)

    def click(self, css, seconds=60):
        def attempt():
            element = (self.seen(css) or [None])[0]
            if element is None or not element.is_enabled():
                return False
            element.click()
            return True
        self.wait(attempt, f"{css} to be clicked", seconds)

    def named(self, name, kind="button, a"):
        """The element whose accessible name begins with `name`."""
        return self.wait(lambda: self.js(NAMED, name, kind), f"'{name}'")

    def press(self, name, kind="button, a"):
        def attempt():
            element = self.js(NAMED, name, kind)
            if element:
                element.click()
            return element
        self.wait(attempt, f"'{name}' to be pressed")

    def choose(self, label):
        """A segment or a radio, by its words."""
        def attempt():
            for element in self.seen(".segments label"):
                if element.text.strip() == label:
                    element.click()
                    return True
            return False
        self.wait(attempt, f"the choice '{label}'")

    def type(self, css, text):
        field = self.find(css)
        field.clear()
        field.send_keys(text)

    def upload(self, css, *paths):
        field = self.wait(lambda: (self.all(css) or [None])[0], css)
        field.send_keys("\n".join(str(p) for p in paths))

    def text(self, css="body"):
        """In one call: an element found and then read may have been replaced in between."""
        return self.wait(lambda: self.js(SHOWN_TEXT, css), f"{css} with text")

    def size(self, width, height, scale=1, mobile=False):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                    {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": mobile})
        self.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": mobile})

    def theme(self, name):
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [
            {"name": "prefers-color-scheme", "value": name}, {"name": "prefers-reduced-motion", "value": "reduce"}]})

    def shot(self, name):
        folder = os.environ.get("DRAPE_SHOTS")
        if folder:
            time.sleep(0.4)
            pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
            self.driver.save_screenshot(str(pathlib.Path(folder) / f"{name}.png"))

    def problems(self):
        """What the browser complains about: scripts that fail, and whatever the policy blocks."""
        quiet = ("favicon", "status of 4")
        return [e["message"] for e in self.driver.get_log("browser")
                if e["level"] == "SEVERE" and not any(q in e["message"] for q in quiet)]


class Files(http.server.SimpleHTTPRequestHandler):
    """The page's own files and the tests of its modules, under the policy that the server sends."""

    def translate_path(self, path):
        path = path.split("?")[0].lstrip("/")
        folder = ROOT / "tests" / "web" if path.startswith("unit/") else ROOT / "web"
        return str(folder / path)

    def end_headers(self):
        self.send_header("Content-Security-Policy", CSP)
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, *args):
        pass


@contextlib.contextmanager
def serve_files():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Files))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
