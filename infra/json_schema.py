"""Takes from a schema of OpenAPI 3.1 (JSON Schema 2020-12) what API Gateway, which reads draft 4, is to check."""

from collections.abc import Mapping
from typing import Any

from infra.errors import InfraError

DRAFT4 = "http://json-schema.org/draft-04/schema#"
_REFERENCE = "#/components/schemas/"


def outline(schema: Mapping[str, Any], components: Mapping[str, Any]) -> dict[str, Any]:
    """What API Gateway itself refuses: what is no object, and what lacks a required field.

    It has words that name a field for these two alone ("object has missing required properties"). Whatever else
    is wrong goes on to the function, which knows the whole schema and says which field and why (docs/adr/0026).
    The words that are kept mean the same in both dialects.

    Raises:
        InfraError: If it refers to what is not there, or to itself.
    """
    whole = _resolved(schema, components)
    # Draft 4 has no empty list of required fields.
    kept = {word: whole[word] for word in ("type", "required") if whole.get(word)}
    return {"$schema": DRAFT4, **kept, "properties": {name: {} for name in whole.get("properties", {})}}


def _resolved(schema: Mapping[str, Any], components: Mapping[str, Any]) -> Mapping[str, Any]:
    seen = set()
    while "$ref" in schema:
        reference = schema["$ref"]
        name = reference.removeprefix(_REFERENCE)
        if name not in components:
            raise InfraError(f"the schema refers to {reference!r}, which the OpenAPI document does not hold")
        if name in seen:
            raise InfraError(f"the schema {name!r} refers to itself and says nothing")
        seen.add(name)
        schema = components[name]
    return schema
