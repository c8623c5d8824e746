"""The outline of OpenAPI's schemas, in the dialect that API Gateway reads."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft4Validator, Draft202012Validator

from infra.errors import InfraError
from infra.json_schema import DRAFT4, outline

NUMBERS = st.integers(-5, 5)
LEAVES: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.fixed_dictionaries(
        {"type": st.just("integer")},
        optional={
            "minimum": NUMBERS,
            "maximum": NUMBERS,
            "multipleOf": st.integers(1, 3),
            "description": st.text(max_size=3),
        },
    ),
    st.fixed_dictionaries({"type": st.just("integer"), "exclusiveMinimum": NUMBERS}),
    st.fixed_dictionaries({"type": st.just("number"), "exclusiveMaximum": NUMBERS}),
    st.fixed_dictionaries({"const": st.one_of(NUMBERS, st.text(max_size=2))}),
    st.fixed_dictionaries(
        {"type": st.just("string")},
        optional={
            "minLength": st.integers(0, 2),
            "maxLength": st.integers(0, 3),
            "pattern": st.just("^[a-z]*$"),
        },
    ),
    st.just({"type": ["string", "null"]}),
    st.just({"$ref": "#/components/schemas/Name"}),
)
COMPONENTS = {"Name": {"type": "string", "minLength": 1}}
NAMES = st.sampled_from(["a", "b"])
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.fixed_dictionaries(
            {"type": st.just("object"), "properties": st.dictionaries(NAMES, inner, max_size=2)},
            optional={
                "required": st.lists(NAMES, min_size=1, unique=True),
                "additionalProperties": st.one_of(st.booleans(), inner),
            },
        ),
        st.fixed_dictionaries(
            {"type": st.just("array"), "items": inner}, optional={"uniqueItems": st.booleans()}
        ),
        st.fixed_dictionaries({"anyOf": st.lists(inner, min_size=1, max_size=2)}),
        st.fixed_dictionaries({"not": inner}),
    ),
    max_leaves=4,
)
INSTANCES = st.recursive(
    # An integer written as 1.0 is one in 2020-12 and none in draft 4: the one known difference.
    st.one_of(st.none(), NUMBERS, st.floats(0.1, 0.9), st.text("ab", max_size=4)),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(NAMES, inner, max_size=2)),
    max_leaves=4,
)


@given(schema=SCHEMAS, instance=INSTANCES)
def test_lets_through_whatever_the_function_takes(schema: dict[str, Any], instance: Any) -> None:
    """What the whole schema accepts, its outline accepts: nobody is refused who should not be."""
    whole = Draft202012Validator({**schema, "components": {"schemas": COMPONENTS}})

    made = outline(schema, COMPONENTS)

    Draft4Validator.check_schema(made)
    assert Draft4Validator(made).is_valid(instance) or not whole.is_valid(instance)


def test_refuses_what_is_no_object_and_what_lacks_a_field() -> None:
    """What an outline refuses the whole schema refuses too; a wrong value passes the outline alone."""
    body = {
        "type": "object",
        "required": ["amount"],
        "properties": {"amount": {"type": "integer", "minimum": 1}},
        "additionalProperties": False,
    }
    outer = outline({"$ref": "#/components/schemas/Body"}, {"Body": body})

    refusals: tuple[object, ...] = ([], "text", {}, {"other": 1})
    assert not [each for each in refusals if Draft4Validator(outer).is_valid(each)]
    assert Draft4Validator(outer).is_valid({"amount": "a lot"})
    assert outer == {
        "$schema": DRAFT4,
        "type": "object",
        "required": ["amount"],
        "properties": {"amount": {}},
    }


def test_empty_list_of_required_fields_is_left_out() -> None:
    """Draft 4 refuses a list of no required fields."""
    assert outline({"type": "object", "required": []}, {}) == {
        "$schema": DRAFT4,
        "type": "object",
        "properties": {},
    }


def test_reference_to_nothing_is_refused() -> None:
    """A reference to a schema that is not there is refused by its name."""
    with pytest.raises(InfraError, match="refers to '#/components/schemas/Gone'"):
        outline({"$ref": "#/components/schemas/Gone"}, {})


def test_reference_to_itself_is_refused() -> None:
    """A schema that is nothing but a reference to itself has no end."""
    with pytest.raises(InfraError, match="'Loop' refers to itself and says nothing"):
        outline({"$ref": "#/components/schemas/Loop"}, {"Loop": {"$ref": "#/components/schemas/Loop"}})
