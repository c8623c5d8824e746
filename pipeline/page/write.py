"""Put the page where it can be opened: one file, whole or not at all."""

from dataclasses import replace
from pathlib import Path

from pipeline.host.files import write_atomically
from pipeline.model.errors import TollgateError
from pipeline.page.model import Page
from pipeline.page.render import MAX_BYTES, render

FILE = "index.html"


def fitted(page: Page) -> bytes:
    """Return the page as HTML of at most `MAX_BYTES`, with as many change sets as fit and the others counted.

    What waits is always among them, even where the page becomes too large by it.
    """
    content = _html(page)
    fits, most = sum(view.waits for view in page.change_sets), len(page.change_sets)
    if len(content) <= MAX_BYTES:
        return content
    content = _html(_with_newest(page, fits))
    while most - fits > 1:
        middle = (fits + most) // 2
        tried = _html(_with_newest(page, middle))
        if len(tried) <= MAX_BYTES:
            fits, content = middle, tried
        else:
            most = middle
    return content


def _with_newest(page: Page, number: int) -> Page:
    left_out = len(page.change_sets) - number
    return replace(
        page,
        change_sets=page.change_sets[:number],
        older_change_sets=page.older_change_sets + left_out,
    )


def _html(page: Page) -> bytes:
    return render(page).encode("utf-8", errors="backslashreplace")


def write_page(page: Page, folder: Path) -> tuple[Path, int]:
    """Write the page into `folder`, which is made if it is not there; return the file and its bytes.

    Raises:
        TollgateError: The folder cannot be made or written; a page that was there stays as it was.
    """
    content = fitted(page)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"the folder {folder} cannot be made: {error.strerror or error}"
        raise TollgateError(message, "free it, or say `--out DIR` with a folder of yours") from error
    path = folder / FILE
    write_atomically(path, content, 0o644)
    return path, len(content)
