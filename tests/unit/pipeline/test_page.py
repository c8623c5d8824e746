"""The page: what it says of a ledger, what it escapes, what it leaves out and says so."""

import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest

from pipeline.model.errors import TollgateError
from pipeline.model.kinds import Kind
from pipeline.page.build import CHANGE_SETS, STORIES, build_page
from pipeline.page.figures import in_words
from pipeline.page.model import Page, Proof
from pipeline.page.render import MAX_BYTES, render
from pipeline.page.write import fitted
from tests.page.scenes import (
    HOSTILE,
    NOW,
    Scene,
    asked_of_all,
    digest,
    environments,
    everything,
    hostile,
    large,
    without,
)

ONE, TWO, THREE = digest("one"), digest("two"), digest("three")


class Reader(HTMLParser):
    """Reads HTML as a browser does: elements with their attributes, and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep an element."""
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Keep text."""
        self.words.append(data)

    @property
    def text(self) -> str:
        """Everything that can be read, with single blanks."""
        return " ".join(" ".join(self.words).split())

    def attributes(self, name: str) -> list[str]:
        """The values of an attribute, wherever it stands."""
        return [value for _, found in self.elements if (value := found.get(name)) is not None]


def page_of(scene: Scene, **other: Any) -> Page:
    """The page of a ledger; `other` fields of its material take the place of ours."""
    return build_page(scene.material(**other))


def read(scene: Scene, **other: Any) -> Reader:
    """The page of a ledger, as a browser reads it."""
    return Reader(render(page_of(scene, **other)))


def card(page: Page, name: str) -> Any:
    """The card of one instance."""
    return next(each for each in page.board.cards if each.name == name)


def words(page: Page, name: str) -> list[str]:
    """What nobody may overlook about an instance."""
    return [mark.word for mark in card(page, name).marks]


def test_the_board_has_a_column_for_each_environment_in_its_order() -> None:
    """The columns are the environments; each says what may happen there without a person."""
    page = page_of(everything())

    assert [column.name for column in page.board.columns] == ["dev", "staging", "prod"]
    assert page.board.columns[2].rule == "every change needs a person's yes"
    assert page.board.columns[0].account == "100000000000"


def test_previews_stand_below_the_main_instance() -> None:
    """A column's cards are its instances, the main one first."""
    page = page_of(everything())

    assert [each.name for each in page.board.columns[0].cards] == ["dev", "dev/pr-42"]


def test_a_card_says_what_runs_and_what_waits() -> None:
    """Release, subject of its commit, since when, the change set that waits, and the release queued behind it."""
    prod = card(page_of(everything()), "prod")

    assert (prod.state, prod.release, prod.subject) == ("waiting", ONE, "Take payments in seven currencies")
    assert prod.since.startswith("2026-11-02")
    assert prod.change_set is not None
    assert prod.queued == THREE


def test_nobody_can_overlook_what_is_wrong() -> None:
    """Degraded, broken glass, drift, hold and freeze each have a mark, what is worst first."""
    page = page_of(everything())

    assert words(page, "dev") == ["degraded"]
    assert words(page, "staging") == ["glass broken", "drifted", "held"]
    assert words(page, "prod") == ["frozen"]
    assert words(page, "dev/pr-42") == []


def test_a_mark_says_who_why_and_what_to_do() -> None:
    """A hold names the person, the reason and the command that ends it."""
    held = card(page_of(everything()), "staging").marks[-1]

    assert held.sentence == "Cleo Park said that nothing moves here: the auditors are here"
    assert held.next == '`nox -s unhold -- staging --reason "…"`'


def test_a_card_says_each_thing_once() -> None:
    """What a mark says, with the way out, does not stand among the gates again; other gates do."""
    scene = everything()
    blocks = [
        {"gate": gate, "sentence": f"{gate} says no", "unblock": "wait"} for gate in ("degraded", "approval")
    ]
    rows = [dict(row) | {"blocks": blocks} for row in scene.material().rows]
    page = page_of(scene, rows=rows)

    assert [block.gate for block in card(page, "dev").blocks] == ["approval"]
    assert [block.gate for block in card(page, "prod").blocks] == ["degraded", "approval"]


def test_a_broken_instance_says_its_ways_out() -> None:
    """The mark of a degraded instance names the commands that lead out of it."""
    assert card(page_of(everything()), "dev").marks[0].next == (
        "mend it, then `nox -s recover -- dev` goes forward again, "
        'or `nox -s rollback -- dev --reason "…"` goes back'
    )


def test_a_freeze_is_told_before_during_and_not_after() -> None:
    """What is to come is told as such; what is over is not told."""
    scene = everything()

    assert words(page_of(scene, now=NOW - timedelta(days=10)), "prod") == ["freeze to come"]
    assert words(page_of(scene, now=NOW), "prod") == ["frozen"]
    assert words(page_of(scene, now=NOW + timedelta(days=30)), "prod") == []


def test_an_apply_without_an_end_is_unfinished() -> None:
    """A run that was killed is told as such, since when it began."""
    scene = everything()
    scene.promoted(TWO, "prod", outcome=None)

    assert words(page_of(scene), "prod")[0] == "unfinished"


def test_a_run_at_work_is_no_accident() -> None:
    """While somebody is at work there, the card says who and what, and nothing of an unfinished apply."""
    scene = everything()
    scene.promoted(TWO, "prod", outcome=None)
    rows = scene.material().rows
    doing = "ann on box (process 7) since 08:00: promoting, now: apply: 1 of 2 done"
    at_work = [row | {"at_work": doing} if row["instance"] == "prod" else row for row in map(dict, rows)]
    page = page_of(scene, rows=at_work)

    assert words(page, "prod") == ["frozen"]
    assert "at work" in Reader(render(page)).text
    assert doing in Reader(render(page)).text


def test_what_waits_comes_first_and_says_what_an_approver_types() -> None:
    """The change set that waits is the first, with the first 12 digits of its digest and the command."""
    page = page_of(everything())
    first, *others = page.change_sets

    assert first.waits
    assert not any(each.waits for each in others)
    assert first.place == "prod"
    digits = first.digest.removeprefix("sha256:")[:12]
    assert first.command == f'nox -s approve -- prod --change-set {digits} --reason "…"'
    assert [part.title for part in first.parts][:2] == ["Deletes and replacements", "Findings"]
    assert f"nox -s show -- {digits}" in Reader(render(page)).text


def approved_scene(by: str = "Bob Roe") -> Scene:
    """A change set waits for prod and somebody has said yes."""
    scene = Scene()
    scene.candidate(ONE, "Take payments in seven currencies")
    scene.approve(scene.shown(ONE, "prod"), by=by)
    return scene


def test_what_enough_people_approved_waits_for_no_person() -> None:
    """It is counted apart, says whose yes it was and what applies it, and asks nobody to approve it again."""
    scene = approved_scene()
    page = page_of(scene, now=scene.now)
    text = Reader(render(page)).text

    assert page.change_sets[0].approved == "approved by Bob Roe; `nox -s promote` applies it"
    assert page.change_sets[0].command is None
    assert "1 change set is approved and not applied yet" in text
    assert "1 change set waits" not in text


def test_a_yes_that_does_not_count_any_more_asks_again() -> None:
    """An approval that has expired leaves the change set waiting for a person, with the command to say yes."""
    scene = approved_scene()
    page = page_of(scene, now=scene.now + timedelta(hours=5))

    assert page.change_sets[0].approved is None
    assert page.change_sets[0].command is not None
    assert "1 change set waits for a person" in Reader(render(page)).text


def test_one_yes_of_two_is_not_enough() -> None:
    """Where two people have to say yes, the page names who still may, who has, and whose own work it is."""
    scene = approved_scene()
    strict = tuple(replace(each, approvals=2) for each in environments())
    asked = asked_of_all(scene.material().history, scene.now, strict)
    page = page_of(scene, now=scene.now, asked=asked)

    assert page.change_sets[0].approved is None
    told = "Cleo Park may say yes; Bob Roe has; not Ann Lee, who made a part of it"
    assert card(page, "prod").people == told
    assert told in Reader(render(page)).text


def test_a_card_names_the_gates_that_are_open() -> None:
    """That a soak is over can be told from that nobody asked."""
    prod = card(page_of(everything()), "prod")

    assert {"order", "soak", "evidence", "hold"} <= set(prod.open_gates)
    assert not {"approval", "freeze"} & set(prod.open_gates)


def test_what_is_approved_and_stopped_says_by_which_gate() -> None:
    """A yes does not open the other gates: the page says which of them still stop it."""
    scene = approved_scene()
    scene.write(Kind.HOLD, {"environment": "prod", "suffix": "prod", "reason": "wait"}, by="Cleo Park")
    scene.approve(scene.shown(ONE, "prod"))
    page = page_of(scene, now=scene.now)

    told = "approved by Bob Roe; `nox -s promote` applies it once these gates let it: hold"
    assert page.change_sets[0].approved == told


def test_what_is_folded_can_be_unfolded_where_somebody_has_to_decide() -> None:
    """What is in a new resource is below its group, and only in the change set that waits."""
    page = page_of(everything())
    waits, *others = page.change_sets
    creates = next(part for part in waits.parts if part.title == "Creates")

    inside = [below.text for line in creates.lines for below in line.inside]
    assert "create aws_sns_topic PaymentApi/Monitoring/Topic" in inside
    assert 'display_name: "Alarms"' in inside
    assert not any(line.inside for view in others for part in view.parts for line in part.lines)
    assert 'display_name: "Alarms"' in Reader(render(page)).text


def test_a_change_set_says_what_became_of_it() -> None:
    """What people said stands below it with its reason, and how its apply ended."""
    rejected = next(each for each in page_of(everything()).change_sets if each.operation == "rollback")

    said = f"Bob Roe: rejected change set {rejected.digest[7:19]}: not on a Friday"
    assert rejected.decisions[-1][1] == said


def test_what_is_offered_again_bears_no_older_answer() -> None:
    """A change set that was rejected and is shown again waits anew: the old no is not what became of it."""
    scene = Scene()
    scene.candidate(ONE, "Take payments in seven currencies")
    scene.reject(scene.shown(ONE, "prod"))
    assert page_of(scene).change_sets[0].decisions
    scene.shown(ONE, "prod")

    assert page_of(scene).change_sets[0].waits
    assert page_of(scene).change_sets[0].decisions == ()


def test_a_secret_is_never_on_the_page() -> None:
    """Of a secret only that it is another one is told, not even its digest."""
    html = render(page_of(everything()))

    assert "(secret) → (another secret)" in html
    assert "hmac-sha256" not in html


def test_the_tree_marks_what_changes_and_counts_what_stays() -> None:
    """Constructs carry how often each thing happens below them; what stays is one number."""
    root = "payments-prod/PaymentApi"
    resources: dict[str, str | None] = {
        "aws_s3_bucket.storage_receipts_bucket": f"{root}/Storage/Receipts/Bucket",
        "aws_s3_bucket_versioning.it": f"{root}/Storage/Receipts/Versioning",
        "aws_iam_role.it": f"{root}/Compute/Role",
        "aws_api_gateway_rest_api.it": f"{root}/Api/RestApi",
    }
    scene = everything()
    reading = replace(scene.material().reading, resources=lambda release, place: resources)
    tree = page_of(scene, reading=reading).change_sets[0].tree

    assert tree is not None
    assert tree.marks == ("1 delete", "1 replace", "1 update", "5 create")
    (payment_api,) = tree.children
    assert payment_api.unchanged == 1  # the API's resource; nothing below that construct changes
    storage = next(child for child in payment_api.children if child.name.startswith("Storage"))
    assert (storage.name, storage.unchanged) == ("Storage/Receipts", 1)
    assert [(leaf.name, leaf.marks) for leaf in storage.children] == [("Bucket", ("replace",))]


def test_a_story_goes_from_the_commit_to_each_environment() -> None:
    """A release's story tells its commit, its evidence, where it was carried, and who approved."""
    story = next(each for each in page_of(everything()).stories if each.digest == TWO)

    assert story.subject == "Refund in parts"
    assert story.runs_in == ("dev", "staging")
    assert [proof.name for proof in story.proofs] == ["provenance", "unit", "policies"]
    outcomes = [(leg.place, leg.tone) for leg in story.legs if leg.ended]
    assert outcomes == [("dev", "bad"), ("dev", "good"), ("staging", "good")]
    assert next(leg for leg in story.legs if leg.people).people == ("Bob Roe: the till is down",)


def test_a_statement_that_does_not_verify_is_not_told_as_a_fact() -> None:
    """What a forged statement says is nowhere; that it is not believed is, with the reason."""
    forged = Proof(name="unit", passed=None, at=None, by="its signature is another key's")
    text = read(everything(), proofs=lambda release: [forged]).text

    assert "not believed unit: its signature is another key's" in text
    assert "passed unit" not in text


def test_a_release_that_the_store_has_lost_is_told_with_what_the_ledger_knows() -> None:
    """The story says why nothing can be compared, and everything else is there."""

    def lost(release: str, before: str | None) -> tuple[str, ...]:
        raise TollgateError(f"{release} is missing")

    page = page_of(everything(), differences=lost)

    assert all(story.missing == f"{story.digest} is missing" for story in page.stories)
    assert "not in the store" in Reader(render(page)).text


def test_every_entry_is_in_the_history() -> None:
    """The newest is first, and each has its sentence."""
    scene = everything()
    rows = page_of(scene).history

    assert [row.number for row in rows] == list(range(len(scene.entries), 0, -1))
    assert {row.kind for row in rows} >= {"freeze", "drift", "hold", "break-glass", "rejection", "end"}
    assert all(row.sentence for row in rows)


def test_figures_are_computed_from_the_ledger_and_defined() -> None:
    """Each figure has a value for every environment, and says what exactly was computed."""
    figures = {figure.name: figure for figure in page_of(everything()).figures}

    assert dict(figures["failure rate"].values) == {
        "dev": "50% (2 of 4)",
        "staging": "0% (0 of 2)",
        "prod": "0% (0 of 1)",
    }
    assert dict(figures["promotions"].values) == {"dev": "2", "staging": "2", "prod": "1"}
    assert dict(figures["time to restore"].values)["dev"] == "10 min (1 failure); one is not restored yet"
    assert dict(figures["lead time"].values)["prod"] == "37 min (1 release); 0 of 1 from the commit"
    assert all(len(figure.definition) > 60 for figure in figures.values())


def test_lead_time_begins_with_the_commit_where_it_is_known() -> None:
    """A commit that is an hour older than the candidate makes the lead time an hour longer."""
    scene = everything()
    wanted = next(entry for entry in scene.entries if entry.kind is Kind.CANDIDATE)
    known = {wanted.body["commit"]: wanted.time - timedelta(hours=1)}
    figures = {figure.name: dict(figure.values) for figure in page_of(scene, commit_times=known).figures}

    assert figures["lead time"]["prod"] == "1 h 37 min (1 release); 1 of 1 from the commit"


def test_what_is_older_than_the_window_is_not_counted() -> None:
    """Promotions and failures are those of 30 days; nothing in them is no percentage."""
    later = NOW + timedelta(days=60)
    figures = {figure.name: dict(figure.values) for figure in page_of(everything(), now=later).figures}

    assert figures["promotions"]["prod"] == "0"
    assert figures["failure rate"]["prod"] == "none ended"


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (45, "45 s"), (3600, "1 h"), (93_784, "1 d 2 h"), (-5, "0 s")]
)
def test_a_duration_has_at_most_two_units(seconds: int, said: str) -> None:
    """What people compare is short."""
    assert in_words(timedelta(seconds=seconds)) == said


def test_a_ledger_that_does_not_verify_is_the_first_thing_said() -> None:
    """The page says so on top, why, from which entry on nothing is believed, and shows nothing of the rest."""
    scene = everything()
    html = render(build_page(without(scene, last=2)))
    text = Reader(html).text

    assert "This ledger does not verify as a whole" in text
    assert text.index("does not verify as a whole") < text.index("Board dev")
    assert f"rests on entries 1 to {len(scene.entries) - 2} alone" in text
    assert "2 later entries are not shown as fact" in text
    assert "verified up to entry" not in text


def test_what_is_the_matter_with_the_records_is_said_in_the_header() -> None:
    """Entries that verify may record what nobody may do: the page says so first, and each at its end."""
    scene = everything()
    verification = replace(scene.material().verification, problems=("not-allowed: nobody approved <it>",))
    text = read(scene, verification=verification).text

    assert "1 problem with what the ledger records" in text
    assert "not-allowed: nobody approved <it>" in text


def test_what_is_not_at_hand_is_not_told_as_a_problem() -> None:
    """Where this machine lacks a release the header says so, and that says nothing against the ledger."""
    scene = everything()
    verification = replace(scene.material().verification, unchecked=("release 1f2e3d4c5b6a is missing",))
    text = read(scene, verification=verification).text

    assert "1 thing is not at hand on this machine" in text
    assert "release 1f2e3d4c5b6a is missing" in text
    assert "problem with what the ledger records" not in text


def test_kinds_of_a_newer_version_are_named() -> None:
    """What this version does not know is not hidden: the number and the kind are told."""
    material = without(everything(), last=1)
    verification = replace(material.verification, unknown=((31, "teleport<b>"),))
    text = Reader(render(build_page(replace(material, verification=verification)))).text

    assert "a newer Tollgate wrote them" in text
    assert "entry 31: teleport<b>" in text


def test_an_empty_ledger_gets_a_helpful_first_page() -> None:
    """Before anything is promoted the page says how to begin, and its parts are there."""
    scene = Scene()
    scene.entries.clear()
    reader = read(scene, rows=[])

    assert "Nothing has been promoted yet" in reader.text
    assert "nox -s promote" in reader.text
    assert {"board", "history", "verification"} <= set(reader.attributes("id"))


def test_nothing_that_a_person_writes_becomes_markup() -> None:
    """Subjects, reasons, names and values full of HTML, quotes and template code stay text."""
    html = render(page_of(hostile()))
    reader = Reader(html)

    assert not [
        tag for tag, found in reader.elements if tag == "img" or any(n.startswith("on") for n in found)
    ]
    assert [tag for tag, _ in reader.elements].count("script") == 1
    assert "{{ 7*7 }}" in html
    assert "javascript:" not in " ".join(reader.attributes("href"))
    assert html.count("</title>") == html.count("</style>") == 1


def test_nothing_that_a_person_writes_moves_the_cursor_or_turns_the_text() -> None:
    """Control and bidirectional characters are spelled out, on the page as on a terminal."""
    html = render(page_of(hostile()))

    assert "\x1b" in HOSTILE
    assert "\u202e" in HOSTILE
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", html)
    assert "\\x1b[2J\\u202egnp" in html


def test_the_page_asks_nobody_for_anything() -> None:
    """Every address on the page leads into it, and its policy allows nothing to be loaded or sent."""
    reader = read(everything())
    policy = next(found for tag, found in reader.elements if found.get("http-equiv") is not None)

    assert all(href.startswith("#") or href == "data:," for href in reader.attributes("href"))
    assert not reader.attributes("src") + reader.attributes("action") + reader.attributes("style")
    assert policy["content"] is not None
    assert policy["content"].startswith("default-src 'none'")
    assert "unsafe" not in policy["content"]


def test_links_lead_somewhere_and_names_are_unique() -> None:
    """Each link on the page has its target, and no id stands twice."""
    reader = read(everything())
    ids = reader.attributes("id")

    assert {href[1:] for href in reader.attributes("href") if href.startswith("#")} <= set(ids)
    assert len(ids) == len(set(ids))


def test_years_of_history_stay_small_and_say_what_is_left_out() -> None:
    """Of 500 releases, 5,000 entries and large change sets the page takes what fits, and counts the rest."""
    page = page_of(large())
    html = fitted(page).decode()
    text = Reader(html).text

    assert len(render(page).encode()) > MAX_BYTES  # else this shows nothing
    assert 0.9 * MAX_BYTES < len(html.encode()) <= MAX_BYTES
    assert len(page.history) == 5_000
    assert sum(story.detailed for story in page.stories) == STORIES + 1  # and the old one that runs in dev
    assert "The details of 459 older releases" in text
    told = re.search(r"(\d+) older change sets", text)
    assert told is not None
    shown = Reader(html).attributes("id")
    on_page = sum(name.startswith("c-") for name in shown)
    assert int(told[1]) + on_page == page.older_change_sets + CHANGE_SETS


def test_the_page_is_about_the_environments_that_there_are() -> None:
    """A fourth environment is a fourth column."""
    more = (*environments(), replace(environments()[2], name="dr", order=4))

    assert [column.name for column in page_of(everything(), environments=more).board.columns][-1] == "dr"
