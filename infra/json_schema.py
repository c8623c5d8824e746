"""Turns the schemas of OpenAPI 3.1 (JSON Schema 2020-12) into draft 4, the only one API Gateway reads."""

from collections.abc import Mapping
from typing import Any

from infra.errors import InfraError

DRAFT4 = "http://json-schema.org/draft-04/schema#"

# Words that mean the same in both.
_KEPT = frozenset(
    {
        "additionalProperties",
        "allOf",
        "anyOf",
        "enum",
        "format",
        "items",
        "maxItems",
        "maxLength",
        "maxProperties",
        "maximum",
        "minItems",
        "minLength",
        "minProperties",
        "minimum",
        "multipleOf",
        "not",
        "oneOf",
        "pattern",
        "patternProperties",
        "properties",
        "required",
        "type",
        "uniqueItems",
    }
)
# Words for readers, which change nothing about what is accepted.
_DROPPED = frozenset(
    {
        "$comment",
        "default",
        "deprecated",
        "description",
        "example",
        "examples",
        "readOnly",
        "title",
        "writeOnly",
    }
)
_OF_SCHEMAS = frozenset({"patternProperties", "properties"})
_LISTS_OF_SCHEMAS = frozenset({"allOf", "anyOf", "oneOf"})
_SCHEMAS = frozenset({"additionalProperties", "items", "not"})
_REFERENCE = "#/components/schemas/"


def to_draft4(schema: Mapping[str, Any], components: Mapping[str, Any]) -> dict[str, Any]:
    """The same schema in draft 4, whole in itself: what it refers to is written in its place.

    Raises:
        InfraError: If it says something that draft 4 cannot, or refers to itself.
    """
    return {"$schema": DRAFT4, **_translate(schema, components, ())}


def outline(schema: Mapping[str, Any]) -> dict[str, Any]:
    """What API Gateway itself refuses of a draft 4 schema: what is no object, and what lacks a required field.

    It has words that name a field for these two alone ("object has missing required properties"). Whatever else
    is wrong goes on to the function, which knows the same schema and says which field and why (docs/adr/0026).
    """
    kept = {word: schema[word] for word in ("$schema", "type", "required") if word in schema}
    return kept | {"properties": {name: {} for name in schema.get("properties", {})}}


def _translate(schema: Any, components: Mapping[str, Any], seen: tuple[str, ...]) -> dict[str, Any]:
    if "$ref" in schema:
        return _resolved(schema, components, seen)
    made: dict[str, Any] = {}
    for word, value in schema.items():
        if word in _OF_SCHEMAS:
            made[word] = {name: _translate(each, components, seen) for name, each in value.items()}
        elif word in _LISTS_OF_SCHEMAS:
            made[word] = [_translate(each, components, seen) for each in value]
        elif word in _SCHEMAS and isinstance(value, Mapping):
            made[word] = _translate(value, components, seen)
        elif word in _KEPT:
            made[word] = value
        elif word == "const":
            made["enum"] = [value]
        elif word in ("exclusiveMinimum", "exclusiveMaximum"):
            made[word] = True
            made[word.replace("exclusiveM", "m")] = value
        elif word not in _DROPPED:
            raise InfraError(
                f"the schema word {word!r} has no meaning in JSON Schema draft 4, which API Gateway reads"
            )
    return made


def _resolved(
    schema: Mapping[str, Any], components: Mapping[str, Any], seen: tuple[str, ...]
) -> dict[str, Any]:
    reference = schema["$ref"]
    name = reference.removeprefix(_REFERENCE)
    if name not in components:
        raise InfraError(f"the schema refers to {reference!r}, which the OpenAPI document does not hold")
    if name in seen:
        raise InfraError(f"the schema {name!r} contains itself, which a model written in one piece cannot")
    return _translate(components[name], components, (*seen, name))
