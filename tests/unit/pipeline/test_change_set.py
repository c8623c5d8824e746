"""A change set: its digest, its JSON, when it is empty, what remains of it after a killed apply."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.model.change_set import Action, ChangeSet, Check, DeferredChange, OutputChange, is_remainder_of
from pipeline.model.errors import RefusedError
from pipeline.model.resource_change import ResourceChange
from pipeline.model.values import Known, Secret, Unknown, path_text
from tests.unit.pipeline.change_sets import CHANGE_SETS, FEW, altered, attribute, change, change_set


@FEW
@given(CHANGE_SETS)
def test_json_brings_the_same_change_set_back(original: ChangeSet) -> None:
    """A change set written as JSON and read again is equal and has the same digest."""
    again = ChangeSet.from_json(json.loads(json.dumps(original.to_json())))
    assert again == original
    assert again.digest == original.digest


@FEW
@given(CHANGE_SETS, st.randoms())
def test_the_order_of_things_does_not_matter(original: ChangeSet, random: Any) -> None:
    """The same changes in another order are the same change set."""

    def shuffled(items: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(random.sample(items, len(items)))

    names = ("variables", "changes", "outputs", "deferred", "drift", "checks")
    assert altered(original, **{name: shuffled(getattr(original, name)) for name in names}) == original


@FEW
@given(CHANGE_SETS, CHANGE_SETS)
def test_any_difference_that_would_be_applied_changes_the_digest(one: ChangeSet, other: ChangeSet) -> None:
    """Two change sets have the same digest exactly if they differ in nothing but what was merely observed."""
    nothing_observed = {"drift": (), "checks": ()}
    same = altered(one, **nothing_observed) == altered(other, **nothing_observed)
    assert (one.digest == other.digest) == same


@FEW
@given(CHANGE_SETS, st.data())
def test_changing_one_attribute_changes_the_digest(original: ChangeSet, data: st.DataObject) -> None:
    """Another value anywhere in a change makes another digest."""
    if not original.changes:
        return
    victim = data.draw(st.sampled_from(original.changes))
    extra = attribute("zzz", None, data.draw(st.integers()))
    changed = replace(victim, attributes=(*victim.attributes, extra))
    others = tuple(item for item in original.changes if item != victim)
    assert altered(original, changes=(*others, changed)).digest != original.digest


@pytest.mark.parametrize("name", ["release", "environment", "suffix", "account_id", "region"])
def test_the_instance_is_part_of_the_digest(name: str) -> None:
    """The same changes for another release or in another place are another change set."""
    original = change_set(change("aws_sns_topic", Action.CREATE))
    assert altered(original, **{name: "other"}).digest != original.digest


@pytest.mark.parametrize(
    "other",
    [
        {"variables": (("release", Known.of("x")),)},
        {"outputs": (OutputChange("url", Action.CREATE, None, Known.of("x")),)},
        {"deferred": (DeferredChange("unknown", change("aws_b", Action.CREATE)),)},
        {"complete": False},
        {"changes": ()},
    ],
)
def test_every_part_that_is_applied_is_in_the_digest(other: dict[str, Any]) -> None:
    """Variables, outputs, what is put off and whether the plan is whole make the change set what it is."""
    original = change_set(change("aws_sns_topic", Action.CREATE))
    assert altered(original, **other).digest != original.digest


def test_what_was_merely_observed_is_not_part_of_the_digest() -> None:
    """Drift and results of checks travel along without making another change set."""
    original = change_set(change("aws_sns_topic", Action.CREATE))
    drift = (change("aws_s3_bucket", Action.UPDATE, attribute("tags", 1, 2)),)
    assert altered(original, drift=drift, checks=(Check("check.c", "fail"),)).digest == original.digest


@pytest.mark.parametrize(
    "something",
    [
        {"changes": (change("aws_sns_topic", Action.UPDATE),)},
        {"changes": (change("aws_sns_topic", Action.KEEP, importing=Known.of({"id": "x"})),)},
        {"changes": (change("aws_sns_topic", Action.KEEP, previous_address="aws_sns_topic.old"),)},
        {"changes": (change("aws_sns_topic", Action.FORGET),)},
        {"outputs": (OutputChange("url", Action.UPDATE, Known.of(1), Known.of(2)),)},
        {"deferred": (DeferredChange("unknown", change("aws_sns_topic", Action.CREATE)),)},
        {"complete": False},
    ],
)
def test_anything_to_apply_is_not_empty(something: dict[str, Any]) -> None:
    """An import, a move, an output or an unfinished plan is something to do, as an update is."""
    assert not altered(change_set(), **something).is_empty


@pytest.mark.parametrize(
    "nothing",
    [
        {},
        {"changes": (change("data.aws_caller_identity", Action.READ),)},
        {"drift": (change("aws_sns_topic", Action.UPDATE),)},
        {"checks": (Check("check.c", "fail"),)},
    ],
)
def test_what_changes_nothing_is_empty(nothing: dict[str, Any]) -> None:
    """Reads, drift that nothing undoes, and checks leave nothing to apply."""
    assert altered(change_set(), **nothing).is_empty


def test_the_summary_counts_in_the_order_of_showing() -> None:
    """Deletes and replacements come first, an import counts beside its action, zeros are left out."""
    changes = (
        change("aws_a", Action.CREATE),
        change("aws_b", Action.CREATE, importing=Known.of({"id": "x"})),
        change("aws_c", Action.REPLACE_CREATE_FIRST),
        change("aws_d", Action.REPLACE_DELETE_FIRST),
        change("aws_e", Action.DELETE),
        change("aws_f", Action.KEEP, previous_address="aws_f.old"),
    )
    assert list(change_set(*changes).summary.items()) == [
        ("delete", 1),
        ("replace", 2),
        ("create", 2),
        ("import", 1),
        ("move", 1),
    ]


def test_one_resource_twice_is_refused() -> None:
    """A plan that names a resource twice is not understood."""
    with pytest.raises(RefusedError, match=r"aws_a\.it twice"):
        change_set(change("aws_a", Action.CREATE), change("aws_a", Action.DELETE))


def test_a_left_over_object_stands_beside_its_resource() -> None:
    """A deposed object has the address of its successor and is a change of its own."""
    both = change_set(change("aws_a", Action.CREATE), change("aws_a", Action.DELETE, deposed="0a0b0c0d"))
    assert len(both.changes) == 2


def _broken(document: dict[str, Any], *path: str | int, new: Any = ...) -> dict[str, Any]:
    node: Any = document
    for step in path[:-1]:
        node = node[step]
    if new is ...:
        del node[path[-1]]
    else:
        node[path[-1]] = new
    return document


@pytest.mark.parametrize(
    ("path", "new", "said"),
    [
        (("schema",), "tollgate/change-set/v9", "schema 'tollgate/change-set/v9'"),
        (("schema",), ..., "schema None"),
        (("surprise",), 1, "'surprise', which this version does not know"),
        (("changes",), ..., "lacks 'changes'"),
        (("changes",), {}, "an object where a list was expected"),
        (("complete",), 1, "a whole number where true or false was expected"),
        (("account_id",), 222222222222, "a whole number where a string was expected"),
        (("changes", 0, "action"), "explode", "the action 'explode'"),
        (("changes", 0, "surprise"), 1, "'surprise', which this version does not know"),
        (("changes", 0, "attributes", 0, "after"), {"clear": "x"}, "a value of a kind"),
        (("changes", 0, "attributes", 0, "after"), {"secret": "hunter2"}, "not written as a keyed digest"),
        (("changes", 0, "attributes", 0, "path"), [1.5], "other than names and positions"),
        (("changes", 0, "attributes", 0, "path"), [True], "other than names and positions"),
    ],
)
def test_foreign_json_is_refused(path: tuple[str | int, ...], new: Any, said: str) -> None:
    """A change set with something missing, unknown or of another type is not read."""
    original = change_set(change("aws_a", Action.UPDATE, attribute("x", 1, 2)))
    with pytest.raises(RefusedError, match=said):
        ChangeSet.from_json(_broken(original.to_json(), *path, new=new))


def test_paths_are_written_as_people_write_them() -> None:
    """Names are joined by points, positions and odd names stand in brackets."""
    assert path_text(("rule", 0, "tags", "a b")) == 'rule[0].tags["a b"]'


@FEW
@given(CHANGE_SETS)
def test_a_change_set_is_a_remainder_of_itself(original: ChangeSet) -> None:
    """An apply killed before it did anything leaves all that was approved."""
    assert is_remainder_of(original, original)


@FEW
@given(CHANGE_SETS, st.data())
def test_less_of_a_remainder_is_a_remainder(original: ChangeSet, data: st.DataObject) -> None:
    """Whatever an apply got done, the rest is still a part of what was approved."""
    kept = {
        name: tuple(item for item in getattr(original, name) if data.draw(st.booleans()))
        for name in ("changes", "outputs", "deferred")
    }
    assert is_remainder_of(original, altered(original, **kept))


@FEW
@given(CHANGE_SETS)
def test_more_is_no_remainder(original: ChangeSet) -> None:
    """A change that was not approved is not a part of what was."""
    extra = change("aws_other", Action.DELETE)
    assert not is_remainder_of(original, altered(original, changes=(*original.changes, extra)))


_ARN = Unknown(("aws_s3_bucket.log.arn",))
_APPROVED = change("aws_a", Action.CREATE, attribute("x", None, 1), attribute("arn", None, _ARN))


@pytest.mark.parametrize(
    ("approved", "now"),
    [
        pytest.param(
            _APPROVED,
            change("aws_a", Action.CREATE, attribute("x", None, 1), attribute("arn", None, "arn:aws:s3:::b")),
            id="what was unknown is known now",
        ),
        pytest.param(
            change("aws_a", Action.CREATE, attribute("rule", None, _ARN)),
            change(
                "aws_a", Action.CREATE, attribute("rule.0.days", None, 3), attribute("rule.0.id", None, "x")
            ),
            id="an unknown block has parts now",
        ),
        pytest.param(
            change("aws_a", Action.CREATE, attribute("list.0", None, "x"), attribute("list.1", None, _ARN)),
            change("aws_a", Action.CREATE, attribute("list", None, ["x", "y"])),
            id="a list that held an unknown is whole now",
        ),
        pytest.param(
            change("aws_a", Action.REPLACE_DELETE_FIRST, attribute("x", 1, 2), replaces_because=("x",)),
            change("aws_a", Action.CREATE, attribute("x", None, 2)),
            id="the old one is deleted, the new one to come",
        ),
        pytest.param(
            change("aws_a", Action.REPLACE_CREATE_FIRST, attribute("x", 1, 2), replaces_because=("x",)),
            change("aws_a", Action.DELETE, attribute("x", 1, None), deposed="0a0b0c0d"),
            id="the new one exists, the old one is left over",
        ),
        pytest.param(
            change("aws_a", Action.UPDATE, attribute("x", 1, 2), attribute("y", 1, 2)),
            change("aws_a", Action.UPDATE, attribute("y", 1, 2)),
            id="a part of an update was done",
        ),
        pytest.param(
            change("aws_a", Action.UPDATE, attribute("x", 1, 2), previous_address="aws_a.old"),
            change("aws_a", Action.UPDATE, attribute("x", 1, 2)),
            id="the move was done",
        ),
        pytest.param(
            change("aws_a", Action.UPDATE, attribute("x", 1, 2), attribute("version", 1, Unknown())),
            change("aws_a", Action.UPDATE, attribute("x", 1, 2)),
            id="a computed value no longer changes",
        ),
    ],
)
def test_the_rest_of_a_killed_apply_is_a_remainder(approved: ResourceChange, now: ResourceChange) -> None:
    """What an apply leaves when it is killed may be finished under the same approval."""
    assert is_remainder_of(change_set(approved), change_set(now))


@pytest.mark.parametrize(
    ("approved", "now"),
    [
        pytest.param(
            _APPROVED,
            change(
                "aws_a",
                Action.REPLACE_DELETE_FIRST,
                attribute("x", 1, 1),
                attribute("arn", "a", _ARN),
                reason="replace_because_tainted",
            ),
            id="a half-created resource is tainted",
        ),
        pytest.param(
            change("aws_a", Action.REPLACE_DELETE_FIRST, attribute("x", 1, 2), replaces_because=("x",)),
            change(
                "aws_a", Action.REPLACE_DELETE_FIRST, attribute("x", 1, 2), reason="replace_because_tainted"
            ),
            id="replaced for another reason",
        ),
        pytest.param(
            _APPROVED,
            change("aws_a", Action.CREATE, attribute("x", None, 2), attribute("arn", None, _ARN)),
            id="another value",
        ),
        pytest.param(
            _APPROVED, change("aws_a", Action.CREATE, attribute("arn", None, _ARN)), id="a value is missing"
        ),
        pytest.param(
            _APPROVED,
            change("aws_a", Action.CREATE, *_APPROVED.attributes, attribute("more", None, 1)),
            id="a value more",
        ),
        pytest.param(
            _APPROVED,
            change("aws_a", Action.CREATE, attribute("x", None, _ARN), attribute("arn", None, _ARN)),
            id="what was known is unknown now",
        ),
        pytest.param(
            change("aws_a", Action.CREATE, attribute("x", None, _ARN)),
            change("aws_a", Action.CREATE, attribute("x", None, Unknown(("aws_s3_bucket.other.arn",)))),
            id="unknown from somewhere else",
        ),
        pytest.param(
            change("aws_a", Action.UPDATE, attribute("x", 1, 2)),
            change("aws_a", Action.UPDATE, attribute("x", 7, 2)),
            id="from another value",
        ),
        pytest.param(
            change("aws_a", Action.DELETE, attribute("x", 1, None)),
            change("aws_a", Action.DELETE, attribute("x", 7, None)),
            id="another object is deleted",
        ),
        pytest.param(
            change("aws_a", Action.CREATE),
            change("aws_a", Action.CREATE, importing=Known.of({"id": "i-1"})),
            id="an import nobody saw",
        ),
        pytest.param(
            change("aws_a", Action.REPLACE_DELETE_FIRST, attribute("x", 1, 2)),
            change("aws_a", Action.REPLACE_DELETE_FIRST, attribute("x", 1, 2), reason="replace_by_request"),
            id="for another reason alone",
        ),
        pytest.param(
            change("aws_a", Action.REPLACE_DELETE_FIRST, attribute("x", 1, 2), replaces_because=("x",)),
            change("aws_a", Action.REPLACE_DELETE_FIRST, attribute("x", 1, 2), replaces_because=("y",)),
            id="forced by something else",
        ),
        pytest.param(
            replace(change("aws_a", Action.CREATE), provider="registry.example/one"),
            replace(change("aws_a", Action.CREATE), provider="registry.example/other"),
            id="done by another provider",
        ),
        pytest.param(
            change("aws_a", Action.DELETE, attribute("x", 1, None)),
            change("aws_a", Action.DELETE, attribute("x", 1, None), deposed="0a0b0c0d"),
            id="a left-over instead of the resource",
        ),
        pytest.param(
            change("aws_a", Action.REPLACE_DELETE_FIRST, attribute("x", 1, 2)),
            change("aws_a", Action.CREATE, attribute("x", None, 2), deposed="0a0b0c0d"),
            id="a creation of a left-over",
        ),
        pytest.param(
            change("aws_a", Action.UPDATE, attribute("x", 1, 2)),
            change("aws_a", Action.UPDATE, attribute("x", 1, 2), previous_address="aws_a.old"),
            id="a move nobody saw",
        ),
        pytest.param(
            change("aws_a", Action.REPLACE_CREATE_FIRST, attribute("x", 1, 2)),
            change("aws_a", Action.DELETE, attribute("x", 1, None)),
            id="the resource itself is deleted, not a left-over",
        ),
        pytest.param(
            change("aws_a", Action.REPLACE_CREATE_FIRST, attribute("x", 1, 2)),
            change("aws_a", Action.DELETE, attribute("x", 5, None), deposed="0a0b0c0d"),
            id="a left-over that is not the old one",
        ),
        pytest.param(
            change("aws_a", Action.CREATE, attribute("x", None, Secret("hmac-sha256:1"))),
            change("aws_a", Action.CREATE, attribute("x", None, Secret("hmac-sha256:2"))),
            id="another secret",
        ),
    ],
)
def test_what_was_not_approved_is_no_remainder(approved: ResourceChange, now: ResourceChange) -> None:
    """Anything that nobody approved needs an approval of its own."""
    assert not is_remainder_of(change_set(approved), change_set(now))


@pytest.mark.parametrize(
    "other",
    [
        {"release": "sha256:" + "b" * 64},
        {"account_id": "333333333333"},
        {"variables": (("release", Known.of("other")),)},
        {"complete": False},
        {"outputs": (OutputChange("url", Action.UPDATE, None, Known.of("x")),)},
        {"deferred": (DeferredChange("unknown", change("aws_b", Action.CREATE)),)},
    ],
)
def test_a_remainder_is_of_the_same_release_on_the_same_instance(other: dict[str, Any]) -> None:
    """Even nothing to do is no remainder elsewhere, of another release, or of an unfinished plan."""
    assert not is_remainder_of(change_set(_APPROVED), altered(change_set(), **other))


def test_an_output_that_became_known_remains() -> None:
    """An output approved as unknown may be written once its resource exists."""
    approved = change_set(outputs=(OutputChange("url", Action.CREATE, None, _ARN),))
    now = change_set(outputs=(OutputChange("url", Action.CREATE, None, Known.of("https://x")),))
    assert is_remainder_of(approved, now)


def test_deleting_an_output_is_not_what_was_approved() -> None:
    """Writing an output and taking it away are two things, whatever the value."""
    approved = change_set(outputs=(OutputChange("url", Action.UPDATE, Known.of("a"), _ARN),))
    now = change_set(outputs=(OutputChange("url", Action.DELETE, Known.of("a"), None),))
    assert not is_remainder_of(approved, now)
