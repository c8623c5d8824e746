"""Checks bodies against the published schemas, with a validator that is not the service's own."""

from typing import Any

from jsonschema import Draft202012Validator

from payments import openapi


def conforms(schema: str, body: Any) -> bool:
    """Whether a body keeps to a component schema of the document."""
    whole = openapi.document() | {"$ref": f"#/components/schemas/{schema}"}
    return bool(Draft202012Validator(whole).is_valid(body))
