"""How heavy the page of years is, and how fast a browser opens it, beside an empty page in the same browser.

    python bench/page/bench.py [--json FILE]

The ledger has 500 releases and 5,000 entries. Exit status 1 if the page is heavier or slower than it may be; without a
browser only its weight is judged.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))  # the scenes are the tests'

from pipeline.page.build import build_page  # noqa: E402 - after the path is known
from pipeline.page.render import MAX_BYTES, render  # noqa: E402 - the same
from pipeline.page.write import fitted  # noqa: E402 - the same
from tests.page.scenes import Scene, large  # noqa: E402 - the same

MAX_OPEN_SECONDS = 1.0
_ROUNDS = 5
_LOADED = "performance.getEntriesByType('navigation')[0].loadEventEnd"


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", metavar="FILE", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        result = measure(Path(scratch))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    for name, value in result.items():
        print(f"{name:28} {value}")
    too_slow = (result["open_seconds"] or 0) > MAX_OPEN_SECONDS
    return int(result["bytes"] > MAX_BYTES or too_slow)


def measure(scratch: Path) -> dict[str, Any]:
    """Build the page, weigh it, and open it a few times; the median counts."""
    material = large().material()
    began = time.perf_counter()
    html = fitted(build_page(material)).decode()
    built = time.perf_counter() - began
    (scratch / "large.html").write_text(html, encoding="utf-8")
    (scratch / "first.html").write_text(render(build_page(Scene().material())), encoding="utf-8")
    times = opened(scratch)
    return {
        "entries": len(material.entries),
        "bytes": len(html.encode()),
        "limit_bytes": MAX_BYTES,
        "build_seconds": round(built, 2),
        "open_seconds": times.get("large"),
        "open_first_page_seconds": times.get("first"),
        "limit_open_seconds": MAX_OPEN_SECONDS,
    }


def opened(folder: Path) -> dict[str, float]:
    """Return how long each page takes to load, in seconds; nothing where there is no browser."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        return {}
    found: dict[str, float] = {}
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program)
        for name in ("first", "large"):
            times = []
            for _ in range(_ROUNDS):
                tab = browser.new_page()
                tab.goto((folder / f"{name}.html").as_uri())
                times.append(float(tab.evaluate(_LOADED)) / 1000)
                tab.close()
            found[name] = round(statistics.median(times), 3)
        browser.close()
    return found


if __name__ == "__main__":
    sys.exit(main())
