#!/usr/bin/env python3
"""Runs the tests of the page's modules (tests/web/unit) in Chromium. Exit status 77: skipped, no browser."""

import sys

from browser import Page, serve_files, start_browser


def main():
    driver = start_browser()
    try:
        with serve_files() as url:
            page = Page(driver, url).open("unit/index.html")
            page.wait(lambda: page.driver.title in ("passed", "failed") or page.problems(), "the tests' end")
            outcome = page.js("return window.outcome")
            if not outcome:
                sys.exit("the tests did not run: " + "\n".join(str(e) for e in driver.get_log("browser")))
            print("\n".join(outcome["failures"]))
            print(f"{outcome['count']} tests, {len(outcome['failures'])} failed")
            sys.exit(1 if outcome["failures"] or not outcome["count"] else 0)
    finally:
        driver.quit()


if __name__ == "__main__":
    main()
