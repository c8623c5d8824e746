"""Put the page where it can be opened: one file, whole or not at all."""

from pathlib import Path

from pipeline.host.files import write_atomically
from pipeline.model.errors import TollgateError
from pipeline.page.model import Page
from pipeline.page.render import render

FILE = "index.html"


def write_page(page: Page, folder: Path) -> tuple[Path, int]:
    """Write the page into `folder`, which is made if it is not there; return the file and its bytes.

    Raises:
        TollgateError: The folder cannot be made or written; a page that was there stays as it was.
    """
    content = render(page).encode("utf-8", errors="backslashreplace")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"the folder {folder} cannot be made: {error.strerror or error}"
        raise TollgateError(message, "free it, or say `--out DIR` with a folder of yours") from error
    path = folder / FILE
    write_atomically(path, content, 0o644)
    return path, len(content)
