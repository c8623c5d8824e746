"""The page in a real browser: what it shows, how it is reached without a mouse, that it asks nobody for anything."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.model.canonical import sha256_digest
from pipeline.model.release import short
from pipeline.page.build import build_page
from pipeline.page.write import write_page
from tests.browser import IMAGES, taking_pictures
from tests.page.scenes import Scene, everything, hostile, large, without

_SAID = IMAGES / "pictures.json"
"""What the places that the documents' pictures show said when those were taken: a digest of the words of each."""

_MOST_STOPS = 60
"""Tab stops to what waits, at most: the skip link, the navigation, the board's links."""


class Shown:
    """A page in the browser, with what it asked for and what went wrong."""

    def __init__(self, browser: Any, path: Path, **settings: Any) -> None:
        self.asked: list[str] = []
        self.wrong: list[str] = []
        self.tab = browser.new_page(**settings)
        self.tab.on("request", lambda request: self.asked.append(request.url))
        self.tab.on("console", lambda message: self.wrong.append(message.text))
        self.tab.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.tab.on("dialog", self._dismiss)
        self.tab.goto(path.as_uri())

    def _dismiss(self, dialog: Any) -> None:
        self.wrong.append(dialog.message)
        dialog.dismiss()

    def focused(self) -> str:
        """What has the focus: its id, else its address, else its first words."""
        script = "e => e.id || e.getAttribute('href') || e.textContent.trim().slice(0, 40)"
        return str(self.tab.evaluate(f"({script})(document.activeElement)"))

    def tab_to(self, wanted: str) -> None:
        """Press Tab until the wanted element has the focus."""
        for _ in range(_MOST_STOPS):
            self.tab.keyboard.press("Tab")
            if self.focused() == wanted:
                return
        pytest.fail(f"{wanted} is not reached by {_MOST_STOPS} tab stops; now at {self.focused()}")


def opened(browser: Any, scene: Scene, folder: Path, **settings: Any) -> Shown:
    """Write the page of a ledger and open it as a file."""
    path, _ = write_page(build_page(scene.material()), folder)
    return Shown(browser, path, **settings)


def test_the_board_is_what_the_ledger_says(browser: Any, written: Path) -> None:
    """Every card shows the state and the release that the ledger's entries add up to."""
    scene = everything()
    history = scene.material().history
    shown = opened(browser, scene, written)

    cards = shown.tab.locator(".card").all()
    found = {card.locator("h4").inner_text().split()[0]: card.inner_text() for card in cards}
    assert set(found) == {str(instance) for instance in history.instances}
    for instance, mine in history.instances.items():
        text = found[str(instance)]
        assert mine.state.value in text
        assert (short(mine.release) if mine.release else "none") in text
        assert (mine.waiting is None) == ("waits" not in text.split())


def test_an_approver_gets_to_what_waits_by_keyboard_alone(browser: Any, written: Path) -> None:
    """Tab reaches the link on the board, Enter leads to the change set, and the focus goes with it."""
    scene = everything()
    (waiting,) = [mine.waiting for mine in scene.material().history.instances.values() if mine.waiting]
    name = f"c-{short(waiting.body['change_set'])}"
    shown = opened(browser, scene, written)

    shown.tab.keyboard.press("Tab")
    assert shown.focused() == "#board"  # the way past the navigation comes first
    shown.tab_to(f"#{name}")
    shown.tab.keyboard.press("Enter")
    shown.tab.wait_for_function("name => document.activeElement.id === name", arg=name)
    article = shown.tab.locator(f"#{name}")
    assert article.get_by_text("Deletes and replacements").is_visible()
    assert article.get_by_text("1 to delete, 1 to replace, 1 to update, 5 to create.").is_visible()


def test_the_focus_can_be_seen(browser: Any, written: Path) -> None:
    """What has the focus by keyboard has an outline, in light and in dark."""
    for scheme in ("light", "dark"):
        shown = opened(browser, everything(), written, color_scheme=scheme)
        shown.tab_to("#changes")
        outline = shown.tab.evaluate("getComputedStyle(document.activeElement).outline")
        assert "3px" in outline
        assert "solid" in outline


def test_a_link_to_something_folded_unfolds_it(browser: Any, written: Path) -> None:
    """Following a release's digest opens its story; without the script every fold still opens by itself."""
    scene = everything()
    shown = opened(browser, scene, written)
    release = scene.material().history.candidates[0].release

    shown.tab.locator(f".card a[href='#r-{short(release)}']").first.click()
    shown.tab.wait_for_function("name => document.getElementById(name).open", arg=f"r-{short(release)}")

    plain = opened(browser, scene, written, java_script_enabled=False)
    plain.tab.locator(f"#r-{short(release)} > summary").click()
    assert plain.tab.locator(f"#r-{short(release)} h3").first.is_visible()


def test_the_history_is_filtered_by_what_the_reader_asks(browser: Any, written: Path) -> None:
    """Kind, environment, person and release each leave only the rows that fit, and say how many."""
    scene = everything()
    shown = opened(browser, scene, written)
    rows = shown.tab.locator("#history tbody tr:visible")

    assert rows.count() == len(scene.entries)
    shown.tab.locator("[name=kind]").select_option("end")
    ended = [entry for entry in scene.entries if entry.kind == "end"]
    assert rows.count() == len(ended)
    assert shown.tab.locator("#history output").inner_text() == f"{len(ended)} entries"
    shown.tab.locator("[name=place]").select_option("prod")
    assert rows.count() == sum(entry.body["environment"] == "prod" for entry in ended)
    shown.tab.locator("[name=kind]").select_option("")
    shown.tab.locator("[name=by]").select_option("Cleo Park")
    assert rows.count() == 1
    shown.tab.locator("[name=by]").select_option("")
    release = scene.material().history.candidates[0].release
    shown.tab.locator("[name=release]").fill(release[7:19].upper())
    assert rows.count() > 1
    shown.tab.locator("[name=release]").fill("ffffffff")
    assert rows.count() == 0


@pytest.mark.parametrize("scene", [everything, hostile], ids=["everything", "hostile"])
def test_nothing_leaves_the_page_and_nothing_goes_wrong(browser: Any, written: Path, scene: Any) -> None:
    """The file is all that is asked for; no script but ours runs, and the policy is never violated."""
    shown = opened(browser, scene(), written)
    shown.tab.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")

    assert len(shown.asked) == 1, shown.asked
    assert shown.asked[0].startswith("file:")
    assert shown.wrong == []


@pytest.mark.parametrize(("scene", "scheme"), [(everything, "light"), (everything, "dark"), (Scene, "light")])
def test_nobody_is_shut_out(browser: Any, written: Path, scene: Any, scheme: str) -> None:
    """Axe finds no violation of WCAG 2.2 A and AA, contrast included, with every fold open."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    shown = opened(browser, scene(), written, color_scheme=scheme)
    shown.tab.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")

    rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = axe.Axe().run(shown.tab, options={"runOnly": {"type": "tag", "values": rules}})
    told = [
        f"{violation['id']}: {node['html'][:120]} {node['failureSummary'][:200]}"
        for violation in found.response["violations"]
        for node in violation["nodes"]
    ]
    assert told == []


def test_it_keeps_still_for_whoever_asks(browser: Any, written: Path) -> None:
    """With reduced motion nothing scrolls smoothly and nothing moves."""
    for motion, behaviour in (("reduce", "auto"), ("no-preference", "smooth")):
        shown = opened(browser, everything(), written, reduced_motion=motion)
        assert shown.tab.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == behaviour


def test_a_narrow_window_scrolls_down_only(browser: Any, written: Path) -> None:
    """At the width of a telephone, and at 400 % zoom, nothing is wider than the window."""
    shown = opened(browser, hostile(), written, viewport={"width": 320, "height": 700})
    shown.tab.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")

    assert shown.tab.evaluate("document.documentElement.scrollWidth") <= 320


def test_years_of_history_open_and_can_be_filtered(browser: Any, written: Path) -> None:
    """5,000 entries and 500 releases are there, folded by month, and a filter finds the few that fit."""
    scene = large()
    shown = opened(browser, scene, written)
    rows = shown.tab.locator("#history tbody tr")

    assert rows.count() == len(scene.entries)
    shown.tab.locator("[name=kind]").select_option("genesis")
    assert shown.tab.locator("#history tbody tr:visible").count() == 1


def test_the_documents_pictures_are_of_the_page_as_it_is_now(browser: Any, written: Path) -> None:
    """It says of one and the same ledger what it said when the end-to-end tests took them."""
    settings = {"java_script_enabled": False}
    shown = opened(browser, everything(), written, **settings)
    broken = Shown(browser, write_page(build_page(without(everything(), 2)), written)[0], **settings)
    places = {name: shown.tab.locator(name) for name in ("#board", ".ask", "#figures")}
    places[".alarm"] = broken.tab.locator(".alarm")

    said = {
        name: sha256_digest(" ".join(place.inner_text().split()).encode()) for name, place in places.items()
    }
    if taking_pictures():
        _SAID.write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
    assert said == json.loads(_SAID.read_text(encoding="utf-8")), (
        "take the pictures anew and look at them: TOLLGATE_RECORD=pictures nox -s test -- tests/e2e tests/page"
    )
