"""Reading Terraform's plan: what it does, strictly, the same however it is told, and without secrets."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.deploy.plan_secrets import name_says_secret
from pipeline.model.change_set import Action, ChangeSet
from pipeline.model.errors import RefusedError
from pipeline.model.values import Known, Secret, Unknown
from tests.unit.pipeline.change_sets import FEW, Plan, read, recorded

_CANARY = "canary-8c1f0e"


def _one(change: dict[str, Any] | None = None, **resource: Any) -> Plan:
    """Return a plan with one resource."""
    plan: Plan = {
        "format_version": "1.2",
        "terraform_version": "1.11.4",
        "configuration": {"root_module": {}},
        "applyable": True,
        "complete": True,
        "errored": False,
        "resource_changes": [
            {
                "address": "aws_a.it",
                "mode": "managed",
                "type": "aws_a",
                "name": "it",
                "provider_name": "p",
                "change": {"actions": ["create"], "before": None, "after": {"x": 1}, **(change or {})},
                **resource,
            }
        ],
    }
    return plan


def _told(change_set: ChangeSet) -> str:
    return json.dumps(change_set.to_json())


def _actions(change_set: ChangeSet) -> dict[str, Action]:
    return {change.address.removeprefix("terraform_data."): change.action for change in change_set.changes}


def test_a_recorded_plan_is_read_whole() -> None:
    """Every kind of change in a real plan arrives, and pure no-ops do not."""
    change_set = read(recorded("everything-at-once"))
    assert _actions(change_set) == {
        "cbd": Action.REPLACE_CREATE_FIRST,
        "forgetme": Action.FORGET,
        "gone": Action.DELETE,
        "imp": Action.KEEP,
        "new": Action.KEEP,
        "plain": Action.UPDATE,
        "repl": Action.REPLACE_DELETE_FIRST,
        "secret": Action.UPDATE,
    }
    by_name = {change.address.removeprefix("terraform_data."): change for change in change_set.changes}
    assert by_name["imp"].importing == Known.of({"id": "some-id"})
    assert by_name["new"].previous_address == "terraform_data.old"
    assert by_name["repl"].replaces_because == ("triggers_replace",)
    assert by_name["gone"].reason == "delete_because_no_resource_config"
    told = {attribute.name: (attribute.before, attribute.after) for attribute in by_name["plain"].attributes}
    assert told == {
        "input.a": (Known.of(1), Known.of(2)),
        "input.b": (Known.of("two"), None),
        "input.c": (None, Known.of("three")),
        "output": (Known.of({"a": 1, "b": "two", "list": [1, 2, 3]}), Unknown()),
    }
    assert [output.name for output in change_set.outputs] == ["fixed", "plain", "sec"]
    assert [check.status for check in change_set.checks] == ["unknown"]


def test_a_plan_without_changes_is_empty() -> None:
    """A real plan made right after an apply has nothing in it."""
    change_set = read(recorded("nothing-to-do"))
    assert change_set.is_empty
    assert not change_set.summary


def test_unknown_values_name_what_they_come_from() -> None:
    """A first creation says which resource each unknown value will come from, most precisely."""
    change_set = read(recorded("first-creation"))
    dep = next(change for change in change_set.changes if change.address == "terraform_data.dep")
    (wanted,) = [attribute for attribute in dep.attributes if attribute.name == "input"]
    assert wanted.after == Unknown(("terraform_data.plain.id",))


def test_the_stack_gives_the_text_and_the_place() -> None:
    """With the release's stack at hand, an unknown value shows its expression, a resource its construct."""
    text = '{"Resource":"${terraform_data.plain.id}/*"}'
    block = {"input": text, "//": {"metadata": {"path": "stack/Part/Dep"}}}
    change_set = read(recorded("first-creation"), stack={"resource": {"terraform_data": {"dep": block}}})
    dep = next(change for change in change_set.changes if change.address == "terraform_data.dep")
    assert dep.construct_path == "stack/Part/Dep"
    assert dep.label == "terraform_data Part/Dep"
    (wanted,) = [attribute for attribute in dep.attributes if attribute.name == "input"]
    assert wanted.after == Unknown(("terraform_data.plain.id",), text)


def _noise(plan: Plan, random: Any) -> Plan:
    """Tell the same plan differently: order, time, hints, what is derived, what is past."""
    noisy = copy.deepcopy(plan)
    random.shuffle(noisy["resource_changes"])
    noisy["resource_changes"] = [
        dict(random.sample(list(r.items()), len(r))) for r in noisy["resource_changes"]
    ]
    outputs = list(noisy["output_changes"].items())
    noisy["output_changes"] = dict(random.sample(outputs, len(outputs)))
    noisy["timestamp"] = f"2031-01-01T00:00:{random.randint(0, 59):02}Z"
    noisy["terraform_version"] = "1.15.5"
    noisy["planned_values"] = {}
    noisy["relevant_attributes"] = []
    noisy["checks"] = []
    noisy.pop("prior_state", None)
    return noisy


@FEW
@given(st.sampled_from(["first-creation", "everything-at-once", "nothing-to-do"]), st.randoms())
def test_the_same_change_told_differently_is_the_same_change_set(name: str, random: Any) -> None:
    """Order, time, version, hints and history make no difference to the digest."""
    plan = recorded(name)
    assert read(_noise(plan, random)).digest == read(plan).digest


def _leaves(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(node, dict):
        for name, item in node.items():
            yield from _leaves(item, (*path, name))
    elif isinstance(node, list):
        for position, item in enumerate(node):
            yield from _leaves(item, (*path, position))
    else:
        yield path


_APPLIED = [
    ("resource_changes", number, "change", "after", *path)
    for number, resource in enumerate(recorded("everything-at-once")["resource_changes"])
    if resource["change"]["actions"] != ["no-op"] and resource["change"]["after"] is not None
    for path in _leaves(resource["change"]["after"])
    if path != ("triggers_replace",) or resource["change"]["after"]["triggers_replace"] is not None
]


@pytest.mark.parametrize("path", _APPLIED, ids=lambda path: ".".join(map(str, path[1:])))
def test_any_value_that_would_be_applied_is_in_the_digest(path: tuple[Any, ...]) -> None:
    """Another value after the change, anywhere in a real plan, is another change set."""
    plan = recorded("everything-at-once")
    node = plan
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = "something else"
    assert read(plan).digest != read(recorded("everything-at-once")).digest


@pytest.mark.parametrize(
    ("where", "key"),
    [
        ((), "surprise"),
        (("resource_changes", 0), "surprise"),
        (("resource_changes", 0, "change"), "generated_config"),
        (("configuration",), "surprise"),
        (("configuration", "root_module"), "actions"),
        (("configuration", "root_module", "resources", 0), "surprise"),
        (("configuration", "root_module", "variables", "release"), "surprise"),
        (("configuration", "root_module", "outputs", "fixed"), "surprise"),
        (("output_changes", "fixed"), "surprise"),
        (("variables", "release"), "surprise"),
        (("checks", 0), "surprise"),
    ],
)
def test_a_key_that_is_not_known_refuses(where: tuple[Any, ...], key: str) -> None:
    """Whatever a newer Terraform adds is not applied until somebody has looked at it."""
    plan = recorded("everything-at-once")
    node = plan
    for step in where:
        node = node[step]
    node[key] = {"x": 1}
    with pytest.raises(RefusedError, match=f"'{key}', which this version does not know"):
        read(plan)


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (_one() | {"format_version": "2.0"}, "format version '2.0'"),
        ({}, "format version None"),
        (_one() | {"errored": True}, "the plan failed"),
        (_one() | {"action_invocations": [{}]}, "action_invocations"),
        (_one() | {"resource_changes": []}, "does not show what"),
        (_one() | {"resource_changes": {}}, "an object where a list was expected"),
        (_one() | {"applyable": "yes"}, "a string where true or false was expected"),
        ({name: part for name, part in _one().items() if name != "complete"}, "lacks 'complete'"),
        (_one({"actions": ["explode"]}), r"the actions \['explode'\]"),
        (_one({"actions": ["delete", "forget"]}), r"the actions \['delete', 'forget'\]"),
        (_one({"actions": []}), r"the actions \[\]"),
        (_one(action_reason="because"), "the action reason 'because'"),
        (_one(mode="ephemeral"), "of mode 'ephemeral'"),
        (_one({"importing": {"unknown": True}}), "not known yet"),
        (_one({"importing": {"surprise": 1}}), "'surprise'"),
        (_one({"after_sensitive": "yes"}), "with 'yes'"),
        (_one({"after_unknown": {"x": {"y": True}}}), "has no parts"),
        (_one({"after": {"x": float("nan")}}), "no spelling"),
        (_one() | {"configuration": {"root_module": {"module_calls": {"m": {}}}}}, "modules"),
        (_one() | {"checks": [{"address": {"to_display": "c"}, "status": "maybe"}]}, "the status 'maybe'"),
    ],
)
def test_what_is_not_understood_refuses(plan: Plan, said: str) -> None:
    """A plan that failed, hides something or says something unknown is refused by name."""
    with pytest.raises(RefusedError, match=said):
        read(plan)


def test_a_provisioner_refuses() -> None:
    """What runs at apply and shows in no change set is refused."""
    plan = recorded("first-creation")
    plan["configuration"]["root_module"]["resources"][0]["provisioners"] = [{"type": "local-exec"}]
    with pytest.raises(RefusedError, match=r"terraform_data\.cbd runs a provisioner"):
        read(plan)


@pytest.mark.parametrize("stack", [{"variable": {"x": {"ephemeral": True}}}, {"ephemeral": {"x": {}}}])
def test_ephemeral_values_refuse(stack: dict[str, Any]) -> None:
    """A value that may be another one at apply is refused."""
    with pytest.raises(RefusedError, match="ephemeral"):
        read(_one(), stack=stack)


def test_a_short_key_refuses() -> None:
    """A key that could be guessed protects no secret, and is refused even where there is none."""
    with pytest.raises(RefusedError, match="at least 16"):
        read(_one(), secret_key=b"short")


@pytest.mark.parametrize("name", ["first-creation", "everything-at-once", "nothing-to-do"])
def test_no_secret_of_a_real_plan_is_told(name: str) -> None:
    """Sensitive variables, attributes and outputs of a real plan appear nowhere in the change set."""
    assert "canary" in json.dumps(recorded(name))
    assert "canary" not in _told(read(recorded(name)))


_SHAPES = st.recursive(
    st.just(_CANARY) | st.just(f"before {_CANARY} after"),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=2)
        | st.dictionaries(st.sampled_from(["name", "rule", "a b"]), inner, min_size=1, max_size=2)
    ),
    max_leaves=4,
)


@FEW
@given(
    shape=_SHAPES,
    path=st.lists(st.sampled_from(["x", "y"]), max_size=3),
    side=st.sampled_from(["before", "after"]),
)
def test_a_sensitive_value_is_never_told(shape: Any, path: list[str], side: str) -> None:
    """However deep it stands and whatever its shape, a marked value becomes a keyed digest."""
    value, mark = shape, True
    for step in path:
        value, mark = {step: value, "open": "seen"}, {step: mark}  # type: ignore[assignment]  # grows inwards
    change = {"actions": ["update"], side: {"it": value}, f"{side}_sensitive": {"it": mark}}
    told = _told(read(_one(change)))
    assert _CANARY not in told
    assert "hmac-sha256:" in told
    assert ("seen" in told) == bool(path)


@pytest.mark.parametrize(
    "leak",
    [
        {"resource_changes": _one({"after": {"note": f"token={_CANARY}"}})["resource_changes"]},
        {"resource_changes": _one({"importing": {"id": _CANARY}})["resource_changes"]},
        {"resource_drift": _one({"actions": ["update"], "after": {"x": _CANARY}})["resource_changes"]},
        {"output_changes": {"o": {"actions": ["create"], "after": {"deep": [_CANARY]}}}},
        {"variables": {"secret": {"value": _CANARY}, "copy": {"value": f"see {_CANARY}"}}},
    ],
    ids=["attribute", "import", "drift", "output", "variable"],
)
def test_a_copy_of_a_sensitive_value_is_not_told_either(leak: Plan) -> None:
    """A value that is sensitive in one place is hidden wherever else its text turns up unmarked."""
    plan = _one() | {"variables": {"secret": {"value": _CANARY}}} | leak
    plan["configuration"] = {"root_module": {"variables": {"secret": {"sensitive": True}}}}
    told = _told(read(plan))
    assert _CANARY not in told
    assert told.count("hmac-sha256:") >= 2


def _marked(value: Any) -> dict[str, Any]:
    return {"actions": ["no-op"], "before": {"s": value}, "before_sensitive": {"s": True}}


@pytest.mark.parametrize(
    "where",
    [
        {"resource_drift": _one(_marked(_CANARY), address="aws_a.other")["resource_changes"]},
        {"output_changes": {"o": {"actions": ["no-op"], "before": _CANARY, "before_sensitive": True}}},
        {
            "prior_state": {
                "values": {
                    "root_module": {
                        "child_modules": [
                            {"resources": [{"values": {"s": _CANARY}, "sensitive_values": {"s": True}}]}
                        ]
                    }
                }
            }
        },
    ],
    ids=["drift", "output", "state"],
)
def test_what_is_sensitive_anywhere_is_hidden_everywhere(where: Plan) -> None:
    """A mark on something that does not change, or in the state, protects the same text in what changes."""
    plan = _one({"after": {"copy": f"<{_CANARY}>"}}) | where
    assert _CANARY not in _told(read(plan))


def test_a_sensitive_number_is_hidden_where_it_is_copied() -> None:
    """A number that is secret in one place is not told as a text or a number in another."""
    after = {"secret_pin_source": None, "pin": 48151623, "copy": "pin 48151623", "again": 48151623}
    told = _told(read(_one({"after": after, "after_sensitive": {"pin": True}})))
    assert "48151623" not in told


def test_a_secret_in_an_expression_is_left_out() -> None:
    """The text of what is unknown is shown only if it holds nothing that is sensitive elsewhere."""
    plan = _one({"after": {}, "after_unknown": {"x": True}})
    plan["variables"] = {"secret": {"value": _CANARY}}
    plan["configuration"] = {
        "root_module": {
            "variables": {"secret": {"sensitive": True}},
            "resources": [
                {
                    "address": "aws_a.it",
                    "mode": "managed",
                    "type": "aws_a",
                    "name": "it",
                    "expressions": {"x": {"references": ["aws_b.it.id", "aws_b.it"]}},
                }
            ],
        }
    }
    told = []
    for text in (f"${{aws_b.it.id}}/{_CANARY}", "${aws_b.it.id}/open"):
        stack = {"resource": {"aws_a": {"it": {"x": text}}}}
        told += [attribute.after for attribute in read(plan, stack=stack).changes[0].attributes]
    assert told == [Unknown(("aws_b.it.id",)), Unknown(("aws_b.it.id",), "${aws_b.it.id}/open")]


@pytest.mark.parametrize(
    "after",
    [
        {"password": _CANARY},
        {"environment": [{"variables": {"STRIPE_API_TOKEN": _CANARY}}]},
        {"clientSecret": [_CANARY]},
        {"settings": json.dumps({"login": {"password": _CANARY}})},
        {"credentials": {"a": {"b": _CANARY}}},
        {"key": f"-----BEGIN RSA PRIVATE KEY-----\n{_CANARY}"},
        {"url": f"https://user:{_CANARY}@example.com/"},
        {"id": "AKIA" + "A1" * 8},
        {"note": "sk_live_" + "a1" * 8},
    ],
)
def test_what_looks_like_a_secret_is_hidden_without_a_mark(after: dict[str, Any]) -> None:
    """Names and shapes of secrets are hidden even if the provider forgot to mark them."""
    (change,) = read(_one({"after": after})).changes
    assert [type(attribute.after) for attribute in change.attributes] == [Secret]


@pytest.mark.parametrize(
    ("name", "is_secret"),
    [
        ("secret_string", True),
        ("masterUserPassword", True),
        ("DB_PASSWORD", True),
        ("private_key", True),
        ("secret_arn", False),
        ("api_key_source", False),
        ("kms_key_id", False),
        ("tokenizer", False),
        ("", False),
    ],
)
def test_names_say_secret_word_by_word(name: str, is_secret: bool) -> None:
    """A name is taken apart into words; an ARN names a secret without telling it."""
    assert name_says_secret(name) == is_secret


def test_equal_secrets_in_two_places_look_unrelated() -> None:
    """A digest is bound to its place: nobody learns that two passwords are the same."""
    marks = {"a": True, "b": True}
    (change,) = read(_one({"after": {"a": "1234", "b": "1234"}, "after_sensitive": marks})).changes
    one, other = (attribute.after for attribute in change.attributes)
    assert one != other


def test_another_key_makes_another_digest() -> None:
    """Who does not have the key cannot try values: the digest is keyed."""
    plan = _one({"after": {"a": "1234"}, "after_sensitive": {"a": True}})
    assert _told(read(plan)) != _told(read(plan, secret_key=b"another key of length"))


def test_a_changed_secret_is_a_change() -> None:
    """Two plans that differ only in a secret are two change sets."""
    plans = [_one({"after": {"a": pin}, "after_sensitive": {"a": True}}) for pin in ("1234", "1235")]
    assert read(plans[0]).digest != read(plans[1]).digest


def test_a_secret_known_only_after_apply_says_so() -> None:
    """A sensitive value that does not exist yet is unknown and secret."""
    change = {"after": {"x": 1}, "after_unknown": {"a": True}, "after_sensitive": {"a": True}}
    (found,) = read(_one(change)).changes
    assert found.attributes[0].after == Unknown(secret=True)


def test_equal_numbers_are_spelled_equally() -> None:
    """Terraform has one kind of number: 1.0 and 1 are the same value."""
    assert read(_one({"after": {"x": 1.0}})).digest == read(_one({"after": {"x": 1}})).digest


def test_true_is_not_one() -> None:
    """A boolean and a number are different values."""
    assert read(_one({"after": {"x": True}})).digest != read(_one({"after": {"x": 1}})).digest


def test_a_deferred_change_is_named() -> None:
    """What Terraform puts off is in the change set, with its reason."""
    plan = _one()
    late = {**plan["resource_changes"][0], "index_unknown": True}
    plan |= {"resource_changes": [], "complete": False}
    plan["deferred_changes"] = [{"reason": "instance_count_unknown", "resource_change": late}]
    change_set = read(plan)
    assert change_set.summary == {"deferred": 1}
    assert change_set.deferred[0].reason == "instance_count_unknown"


def test_a_read_during_apply_is_in_the_change_set() -> None:
    """A data source that is read at apply is named, and is nothing to do by itself."""
    plan = _one({"actions": ["read"], "after": {}}, mode="data", address="data.aws_a.it")
    change_set = read(plan)
    assert [(change.type, change.action) for change in change_set.changes] == [("data.aws_a", Action.READ)]
    assert change_set.is_empty
