"""Put together what the site is built from: these documents, the reference, and the files that they link to.

    python docs/make_site.py DIR

copies `docs/` to DIR, writes the reference into it, and brings along what a link leads to outside of `docs/`.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_LINK = re.compile(r"\]\((?P<target>[^)#\s]+)(?P<anchor>#[^)\s]*)?\)")
_BROUGHT = "files"


def main() -> int:
    """Make the folder anew."""
    folder = Path(sys.argv[1])
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "docs", folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    subprocess.run([sys.executable, ROOT / "docs" / "make_reference.py", folder / "reference"], check=True)
    for page in sorted((ROOT / "docs").rglob("*.md")):
        bring_along(page, folder)
    return 0


def bring_along(page: Path, folder: Path) -> None:
    """Copy what a page links to outside of `docs/`, and let its copy in `folder` link there."""
    copy = folder / page.relative_to(ROOT / "docs")
    up = "../" * (len(copy.relative_to(folder).parts) - 1)

    def led(link: re.Match[str]) -> str:
        target = link["target"]
        file = (page.parent / target).resolve()
        if re.match(r"[a-z]+:", target) or file.is_relative_to(ROOT / "docs"):
            return link[0]
        place = Path(_BROUGHT) / file.relative_to(ROOT)
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, folder / place.with_name(f"{place.name}.txt"))
        return f"]({up}{place}.txt)"

    copy.write_text(_LINK.sub(led, page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
