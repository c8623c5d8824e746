"""OpenAPI's schemas in the dialect that API Gateway reads."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import (
    Draft4Validator,
    Draft202012Validator,
)

from infra.errors import InfraError
from infra.json_schema import DRAFT4, outline, to_draft4

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
def test_says_the_same(schema: dict[str, Any], instance: Any) -> None:
    """What one dialect accepts, the other accepts; what it refuses, the other refuses."""
    before = {**schema, "components": {"schemas": COMPONENTS}}

    after = to_draft4(schema, COMPONENTS)

    Draft4Validator.check_schema(after)
    assert Draft202012Validator(before).is_valid(instance) == Draft4Validator(after).is_valid(instance)


def test_names_its_dialect() -> None:
    """API Gateway is told which dialect it reads."""
    assert to_draft4({"type": "object"}, {}) == {"$schema": DRAFT4, "type": "object"}


@pytest.mark.parametrize(
    "word", ["if", "contains", "propertyNames", "$defs", "unevaluatedProperties", "a-typo"]
)
def test_word_without_meaning_is_refused(word: str) -> None:
    """A word that draft 4 would silently ignore is refused: a check that nobody makes is no check."""
    with pytest.raises(InfraError, match=f"'{word.replace('$', '.')}' has no meaning"):
        to_draft4({"type": "object", "properties": {"a": {word: {}}}}, {})


def test_reference_to_nothing_is_refused() -> None:
    """A reference to a schema that is not there is refused by its name."""
    with pytest.raises(InfraError, match="refers to '#/components/schemas/Gone'"):
        to_draft4({"$ref": "#/components/schemas/Gone"}, {})


def test_schema_within_itself_is_refused() -> None:
    """A schema that contains itself has no end when written out."""
    endless = {"Tree": {"type": "object", "properties": {"child": {"$ref": "#/components/schemas/Tree"}}}}

    with pytest.raises(InfraError, match="'Tree' contains itself"):
        to_draft4({"$ref": "#/components/schemas/Tree"}, endless)


def test_an_outline_refuses_what_is_no_object_and_what_lacks_a_field() -> None:
    """What an outline refuses the whole schema refuses too; a wrong value passes the outline alone."""
    schema = {
        "$schema": DRAFT4,
        "type": "object",
        "required": ["amount"],
        "properties": {"amount": {"type": "integer", "minimum": 1}},
        "additionalProperties": False,
    }
    whole, outer = Draft4Validator(schema), Draft4Validator(outline(schema))

    refusals: tuple[object, ...] = ([], "text", {}, {"other": 1})
    for refused in refusals:
        assert not outer.is_valid(refused)
        assert not whole.is_valid(refused)
    assert outer.is_valid({"amount": "a lot"})
    assert not whole.is_valid({"amount": "a lot"})
