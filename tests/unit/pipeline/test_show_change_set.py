"""Showing a change set: the same words everywhere, what matters first, nothing hostile, nothing secret."""

import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from pipeline.model.change_set import Action, ChangeSet, Check, DeferredChange, OutputChange
from pipeline.model.safety import Finding, Kind, Severity, findings
from pipeline.model.values import Known, Secret, Unknown
from pipeline.show.change_set import show, to_document, to_markdown
from pipeline.show.pair import folded_pair
from pipeline.show.text import folded, safe
from tests.unit.pipeline.change_sets import CHANGE_SETS, FEW, attribute, change, change_set, read, recorded

_HOSTILE = "a\x1b[2J\x1b[31mred\r\n\u202egnp\u2028`````\n# not a title <script>alert(1)</script>"


def _printed(
    shown: ChangeSet, found: tuple[Finding, ...] = (), why: tuple[str, ...] = (), *, colour: bool = False
) -> str:
    console = Console(width=80, file=io.StringIO(), force_terminal=colour, no_color=not colour)
    show(console, shown, found, why)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def _full() -> ChangeSet:
    return change_set(
        change("aws_dynamodb_table", Action.DELETE, reason="delete_because_no_resource_config"),
        change(
            "aws_s3_bucket",
            Action.REPLACE_DELETE_FIRST,
            attribute("bucket", "old", "new"),
            attribute("kept", 1, 1),
            replaces_because=("bucket",),
            reason="replace_because_cannot_update",
        ),
        change("aws_lambda_function", Action.UPDATE, attribute("memory_size", 128, 256)),
        change("aws_sns_topic", Action.CREATE, construct_path="payments-dev/PaymentApi/Monitoring/Topic"),
        change("aws_iam_role", Action.CREATE, construct_path="payments-dev/PaymentApi/Function/Role"),
        change("aws_kms_key", Action.KEEP, importing=Known.of({"id": "k-1"})),
        change("aws_kms_alias", Action.KEEP, previous_address="aws_kms_alias.old"),
        change("aws_sqs_queue", Action.FORGET),
        change("data.aws_ssm_parameter", Action.READ),
        outputs=(OutputChange("url", Action.UPDATE, Known.of("a"), Unknown(("aws_x.y.url",))),),
        deferred=(DeferredChange("instance_count_unknown", change("aws_later", Action.CREATE)),),
        complete=False,
        drift=(
            change("aws_lambda_function", Action.UPDATE, attribute("memory_size", 512, 128)),
            change("aws_sns_topic", Action.DELETE),
            change("aws_other", Action.UPDATE, attribute("layers", None, [])),
        ),
        checks=(Check("check.healthy", "fail", ("it is not",)), Check("check.other", "pass")),
    )


def test_what_cannot_be_undone_comes_first() -> None:
    """Deletes and replacements, findings, why a person is needed, updates, creates: always in this order."""
    text = _printed(_full(), findings(_full()), ("staging changes nothing alone",))
    titles = [line for line in text.splitlines() if line and not line.startswith(" ")][2:]
    assert titles == [
        "Deletes and replacements",
        "Findings",
        "Needs a person because",
        "Updates",
        "Creates",
        "Imports, moves and objects let go",
        "Reads during apply",
        "Outputs",
        "Not decided by this plan",
        "Found changed outside of Tollgate",
        "Checks that do not pass",
    ]


def test_what_holds_data_comes_first_among_deletes() -> None:
    """The table that goes is read before the alias that goes."""
    gone = (change("aws_lambda_alias", Action.DELETE), change("aws_s3_bucket", Action.DELETE))
    text = _printed(change_set(*gone))
    assert text.index("delete aws_s3_bucket.it") < text.index("delete aws_lambda_alias.it")


def test_every_change_has_its_words() -> None:
    """A person reads what happens to each resource, why, and from what to what."""
    text = _printed(_full())
    for words in (
        "delete aws_dynamodb_table.it: the release no longer has it",
        "replace aws_s3_bucket.it, forced by bucket; the old one is deleted first",
        'bucket: "old" → "new"',
        "update aws_lambda_function.it",
        "memory_size: 128 → 256",
        "PaymentApi/Monitoring: 1 resource",
        "let go of aws_sqs_queue.it: it stays in the cloud, unmanaged",
        'import aws_kms_key.it from {"id": "k-1"}',
        "move aws_kms_alias.old to aws_kms_alias.it",
        'url: "a" → (known after apply: aws_x.y.url)',
        "create aws_later.it: instance_count_unknown",
        "the plan leaves resources out; another plan must follow",
        "aws_lambda_function.it was changed",
        "memory_size: 512 → 128",
        "PaymentApi/Monitoring/Topic was deleted",
        "1 other resource reads otherwise than recorded",
        "check.healthy: fail",
    ):
        assert words in text
    assert "kept" not in text
    assert "layers" not in text
    assert "check.other" not in text


def test_the_digest_that_an_approver_types_is_in_the_first_line() -> None:
    """Twelve hex digits name the change set."""
    shown = _full()
    first = _printed(shown).splitlines()[0]
    assert first.startswith(f"Change set {shown.digest.removeprefix('sha256:')[:12]} for staging:")


def test_an_instance_beside_the_main_one_is_named() -> None:
    """A preview cannot be taken for the environment itself."""
    assert "for staging/pr-42:" in _printed(change_set(suffix="pr-42"))


def test_nothing_to_do_is_said() -> None:
    """An empty change set says so in a sentence."""
    assert "Nothing to do" in _printed(change_set())


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


@FEW
@given(CHANGE_SETS)
def test_the_words_are_the_same_everywhere(shown: ChangeSet) -> None:
    """Whole, terminal and JSON differ in layout and in nothing else; folded, terminal and Markdown."""
    found = findings(shown)
    document = to_document(shown, found, ("because",))
    told = [document["headline"], document["summary_line"]]
    for section in document["sections"]:
        told += [section["title"], *section["lines"]]

    def printed(*, whole: bool) -> str:
        wide = Console(width=10_000, file=io.StringIO(), no_color=True)
        show(wide, shown, found, ("because",), whole=whole)
        assert isinstance(wide.file, io.StringIO)
        return wide.file.getvalue()

    assert _words(printed(whole=True)) == _words(" ".join(told))
    markdown = re.sub(r"^`{3,}(text)?$", "", to_markdown(shown, found, ("because",)), flags=re.MULTILINE)
    assert _words(markdown) == _words(printed(whole=False))


@FEW
@given(CHANGE_SETS)
def test_eighty_columns_are_enough(shown: ChangeSet) -> None:
    """No line is wider than the terminal, and none ends in blanks."""
    lines = _printed(shown, findings(shown)).splitlines()
    assert all(len(line) <= 80 and line == line.rstrip() for line in lines)


def test_colour_adds_nothing_but_colour() -> None:
    """Without colour the words are the same; with it, every sequence is one that sets colours."""
    shown = _full()
    plain, coloured = _printed(shown, findings(shown)), _printed(shown, findings(shown), colour=True)
    assert "\x1b" not in plain
    assert coloured != plain
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == plain


def _hostile() -> ChangeSet:
    return change_set(
        change(
            "aws_a",
            Action.UPDATE,
            attribute("x", "safe", _HOSTILE),
            attribute(_HOSTILE.replace(".", ""), 1, 2),
            name=_HOSTILE,
        ),
        change("aws_b", Action.CREATE, construct_path=f"s/{_HOSTILE}/{_HOSTILE}"),
        change("aws_c", Action.DELETE, construct_path=f"s/{_HOSTILE}"),
        suffix=_HOSTILE,
        outputs=(OutputChange(_HOSTILE, Action.UPDATE, None, Unknown((_HOSTILE,))),),
        checks=(Check(_HOSTILE, "fail", (_HOSTILE,)),),
        deferred=(DeferredChange(_HOSTILE, change("aws_d", Action.CREATE)),),
    )


def test_hostile_text_cannot_repaint_the_terminal() -> None:
    """Escape sequences, line ends and direction marks in names and values are spelled out."""
    shown = _hostile()
    text = _printed(shown, findings(shown), (_HOSTILE,))
    assert all(character.isprintable() or character == "\n" for character in text)
    assert "\\x1b[2J" in text


@pytest.mark.parametrize("why", [_HOSTILE, "```", "``````````"])
def test_hostile_text_cannot_leave_its_fence(why: str) -> None:
    """In Markdown, what others wrote can neither end its block nor bring markup of its own."""
    shown = _hostile()
    markdown = to_markdown(shown, findings(shown), (why, "# not a title", "<script>"))
    fence = None
    for line in markdown.splitlines():
        opening = re.fullmatch(r"(`{3,})(text)?", line)
        if fence is None and opening:
            fence = opening[1]
        elif fence is not None and line == fence:
            fence = None
        elif fence is None:
            assert "<script>" not in line
            assert not line.startswith("# not a title")
    assert fence is None


@pytest.mark.parametrize("name", ["first-creation", "everything-at-once"])
def test_no_secret_of_a_real_plan_is_shown(name: str) -> None:
    """Neither terminal nor Markdown nor JSON tells a sensitive value."""
    shown = read(recorded(name))
    found = findings(shown)
    told = _printed(shown, found) + to_markdown(shown, found) + json.dumps(to_document(shown, found))
    assert "canary" not in told
    assert "(secret)" in told


def test_a_changed_secret_is_seen_to_change() -> None:
    """A reader learns that a secret changes, and nothing else about it."""
    shown = change_set(
        change("aws_a", Action.UPDATE, attribute("pin", Secret("hmac-sha256:1"), Secret("hmac-sha256:2")))
    )
    assert "pin: (secret) → (another secret)" in _printed(shown)
    assert "hmac" not in _printed(shown)


def test_a_changed_policy_shows_what_changed_in_it() -> None:
    """A document in a string is taken apart; what stays the same is left out."""
    before = json.dumps({"Version": "1", "Statement": [{"Action": ["s3:Get"], "Resource": "r"}]})
    after = json.dumps({"Version": "1", "Statement": [{"Action": ["s3:*"], "Resource": "r"}]})
    text = _printed(change_set(change("aws_a", Action.UPDATE, attribute("policy", before, after))))
    assert 'policy → Statement[0].Action: ["s3:Get"] → ["s3:*"]' in text
    assert "Version" not in text


def test_a_policy_that_waits_for_a_reference_shows_its_text() -> None:
    """What is known only after apply is compared as the release writes it, reference and all."""
    before = json.dumps({"Statement": [{"Action": "s3:Get", "Resource": "arn:aws:s3:::b"}]})
    after = json.dumps({"Statement": [{"Action": "s3:Get", "Resource": "${aws_s3_bucket.b.arn}"}]})
    waiting = attribute("policy", before, Unknown(("aws_s3_bucket.b.arn",), after))
    text = _printed(change_set(change("aws_a", Action.UPDATE, waiting)))
    assert 'policy → Statement[0].Resource: "arn:aws:s3:::b" →\n      "${aws_s3_bucket.b.arn}"' in text


def test_a_document_spelled_otherwise_says_so() -> None:
    """Only white space differs: the reader is not left to find out."""
    shown = change_set(change("aws_a", Action.UPDATE, attribute("policy", '{"a":1}', '{"a": 1}')))
    assert "policy (only its spelling)" in _printed(shown)


def test_a_long_list_shows_what_it_loses_and_gains() -> None:
    """Ten actions that stay need not be read twice to find the one that changed."""
    before, after = [f"s3:A{n}" for n in range(9)], [f"s3:A{n}" for n in range(1, 10)]
    text = _printed(change_set(change("aws_a", Action.UPDATE, attribute("actions", before, after))))
    assert 'actions: loses "s3:A0"; gains "s3:A9"' in text
    turned = _printed(change_set(change("aws_a", Action.UPDATE, attribute("actions", before, before[::-1]))))
    assert "actions: in another order or number" in turned


def test_a_replacement_counts_what_the_provider_gives() -> None:
    """Ids and addresses of the new object are one line, what the release decides is told."""
    decided = Unknown(("aws_b.it.arn",))
    given = (
        attribute("arn", "a", Unknown()),
        attribute("id", "a", Unknown()),
        attribute("role", "a", decided),
    )
    text = _printed(change_set(change("aws_a", Action.REPLACE_CREATE_FIRST, *given)))
    assert "and 2 values that the provider gives the new one" in text
    assert 'role: "a" → (known after apply: aws_b.it.arn)' in text


def test_an_echo_of_tags_is_left_out() -> None:
    """`tags_all` repeats `tags`; what it has alone is shown."""
    both = (attribute("tags.A", 1, 2), attribute("tags_all.A", 1, 2), attribute("tags_all.B", 1, 2))
    text = _printed(change_set(change("aws_a", Action.UPDATE, *both)))
    assert "tags.A" in text
    assert "tags_all.A" not in text
    assert "tags_all.B" in text


def test_a_finding_is_shown_with_the_id_that_an_approval_names() -> None:
    """The most severe first, each with its sentence and its id."""
    low = Finding("r/low", Kind.DRIFT, Severity.LOW, "aws_a.a", "something small")
    high = Finding("r/high", Kind.ACCESS, Severity.HIGH, "aws_b.b", "something big", before=Known.of(1))
    text = _printed(_full(), (low, high))
    assert text.index("high, wider access: something big") < text.index("low, drift undone: something small")
    assert f"[{low.id}]" in text
    assert "1 → (none)" in text


@given(st.text())
def test_safe_text_is_visible_and_tells_texts_apart(text: str) -> None:
    """Whatever comes in, what goes out is printable, and plain text is left as it is."""
    assert safe(text).isprintable()
    assert not text.isprintable() or safe(text) == text


@given(st.text(min_size=1), st.text(min_size=1), st.text("ab", max_size=300))
def test_two_long_values_that_differ_look_different(one: str, other: str, shared: str) -> None:
    """Folding keeps the place where two values part."""
    if one != other:
        before, after, _ = folded_pair(shared + one + shared, shared + other + shared)
        assert before != after


@given(st.text("abc ", max_size=200), st.text("abc ", max_size=200), st.text("abc ", max_size=200))
def test_what_differs_behind_the_first_difference_is_never_lost(before: str, one: str, other: str) -> None:
    """Two changes that are not the same are shown otherwise, or each says that it does not show all."""
    start, later = "x" * 100, "y" * 100
    old = start + "OLD" + later + before
    pairs = [folded_pair(old, start + "NEW" + later + end) for end in (one, other)]
    if one != other:
        assert pairs[0] != pairs[1] or pairs[0].hidden


def test_every_place_that_differs_is_shown() -> None:
    """A wide-open address behind a harmless change in the same long string is there to be read."""
    filler = "yyyy " * 30
    before, after, hidden = folded_pair(f"OLD1 {filler}10.0.0.0/8", f"NEW1 {filler}0.0.0.0/0")
    assert (before.startswith("OLD1 "), "10.0.0.0/8" in before) == (True, True)
    assert (after.startswith("NEW1 "), "0.0.0.0/0" in after) == (True, True)
    assert hidden == 0


def _scattered(places: int) -> ChangeSet:
    filler = " the same words in both of them, which nobody wants to look at twice in a row "
    before = filler.join(f"red{number}" for number in range(places))
    changed = attribute("script", before, before.replace("red", "blue"))
    return change_set(change("aws_a", Action.UPDATE, changed))


def test_what_a_short_form_does_not_show_is_counted_and_is_in_the_whole() -> None:
    """Of many places that differ the first are shown, the others are counted; `show` and JSON have every one."""
    shown = _scattered(9)
    text = " ".join(_printed(shown).split())
    assert "red5" in text
    assert "red6" not in text
    assert "3 places that differ are folded: `nox -s show` or `--json` has all" in text
    assert "3 places that differ are folded" in to_markdown(shown)
    console = Console(width=80, file=io.StringIO())
    show(console, shown, whole=True)
    assert isinstance(console.file, io.StringIO)
    for whole in (console.file.getvalue(), json.dumps(to_document(shown))):
        assert all(f"red{number}" in whole and f"blue{number}" in whole for number in range(9))


def test_a_long_value_that_is_new_is_not_shown_by_its_ends_alone() -> None:
    """Where something long comes or goes, the middle is folded, said to be, and in the whole."""
    long = "a" * 50 + "0.0.0.0/0" + "b" * 50
    shown = change_set(change("aws_a", Action.UPDATE, attribute("rule", None, long)))
    assert "1 place that differs is folded" in " ".join(_printed(shown).split())
    assert "0.0.0.0/0" in json.dumps(to_document(shown)["sections"])


def test_what_is_in_a_new_resource_is_folded_and_there() -> None:
    """A new policy can be read before it is approved; what the provider gives it is left out."""
    policy = json.dumps({"Statement": [{"Action": "*", "Resource": "${aws_b.it.arn}"}]})
    new = change(
        "aws_iam_policy",
        Action.CREATE,
        attribute("policy", None, Unknown(("aws_b.it.arn",), policy)),
        attribute("arn", None, Unknown()),
        attribute("path", None, "/"),
        construct_path="payments-dev/PaymentApi/Function/Policy",
    )
    shown = change_set(new)
    assert "Resource" not in _printed(shown)
    lines = to_document(shown)["sections"][0]["lines"]
    assert lines[2:] == [
        "    create aws_iam_policy PaymentApi/Function/Policy",
        f"      policy: (known after apply: {json.dumps(policy)})",
        '      path: "/"',
    ]


@given(st.text(max_size=2_000))
def test_nothing_folded_is_long(text: str) -> None:
    """A long value is shown by its ends and its length."""
    assert len(folded(text)) <= 80
    assert len(text) <= 72 or f"({len(text)} characters)" in folded(text)
