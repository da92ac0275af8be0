"""axe-core, the checker for accessibility, where Python has it (PyPI: axe-core-python). Optional: tests skip without."""

import importlib.util
import os
import pathlib


def source():
    """The text of axe.min.js, or None."""
    given = os.environ.get("DRAPE_AXE")
    if given:
        return pathlib.Path(given).read_text(encoding="utf-8")
    for package, path in (("axe_core_python", "axe.min.js"), ("axe_selenium_python", "node_modules/axe-core/axe.min.js")):
        spec = importlib.util.find_spec(package)
        if spec and spec.submodule_search_locations:
            file = pathlib.Path(spec.submodule_search_locations[0]) / path
            if file.exists():
                return file.read_text(encoding="utf-8")
    return None


def serious(driver, script):
    """What axe calls serious or critical on the page as it is now, one line each."""
    driver.execute_script(script)
    answer = driver.execute_async_script("""
      const done = arguments[arguments.length - 1];
      axe.run(document, { resultTypes: ['violations'] }).then(done, (e) => done({ violations: [], error: String(e) }));""")
    if answer.get("error"):
        raise AssertionError(answer["error"])
    return [f"{v['id']}: {n['target']} {n.get('failureSummary', '')}" for v in answer["violations"]
            if v["impact"] in ("serious", "critical") for n in v["nodes"]]
