"""A real browser for the page, where the machine has one, and the pictures that it takes for the documents."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import pytest

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """The machine's Chromium without a window, or a reason why there is none."""
    program = next((found for name in _BROWSERS if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("no Chromium on PATH (Debian: apt-get install chromium)")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=program)
        yield running
        running.close()


class TakePictures(Protocol):
    """Runs `page` by a command, and takes one picture of each place on it, by the picture's name."""

    def __call__(self, command: Callable[..., object], /, **places: str) -> None:
        """Take them; a place is a CSS selector."""


@pytest.fixture(scope="session")
def album(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of pictures that become the documents' at the end: until then the checkout that is promoted stays."""
    folder = tmp_path_factory.mktemp("album")
    yield folder
    for taken in folder.iterdir():
        shutil.copyfile(taken, IMAGES / taken.name)


@pytest.fixture
def picture(request: pytest.FixtureRequest, album: Path, tmp_path: Path) -> TakePictures:
    """Take pictures of what really happened, for the documents; only where TOLLGATE_RECORD=pictures asks for it."""

    def take(command: Callable[..., object], /, **places: str) -> None:
        if not taking_pictures():
            return
        command("page", "--out", str(tmp_path / "seen"))
        _photograph(request.getfixturevalue("browser"), tmp_path / "seen" / "index.html", places, album)

    return take


def taking_pictures() -> bool:
    """Tell whether the documents' pictures are to be taken anew."""
    return os.environ.get("TOLLGATE_RECORD") == "pictures"


def _photograph(browser: Any, page: Path, places: Mapping[str, str], album: Path) -> None:
    # Without its script the page says no ages, which are others on each day.
    tab = browser.new_page(
        viewport={"width": 1200, "height": 900}, java_script_enabled=False, color_scheme="light"
    )
    tab.goto(page.as_uri())
    for name, place in places.items():
        tab.locator(place).screenshot(path=album / f"{name}.png")
    tab.close()
