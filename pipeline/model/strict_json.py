"""Read JSON documents that others wrote, and refuse what is missing, of another type or not known."""

from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from pipeline.model.errors import RefusedError

_T = TypeVar("_T")


def mapping(document: Any, where: str) -> Mapping[str, Any]:
    """Return `document` if it is a JSON object; `where` names it in the refusal."""
    if not isinstance(document, Mapping) or not all(isinstance(key, str) for key in document):
        raise RefusedError(f"{where} is {_kind(document)} where a JSON object was expected")
    return document


def fields(
    document: Any, where: str, *, required: Collection[str] = (), optional: Collection[str] = ()
) -> Mapping[str, Any]:
    """Return `document` if it is a JSON object with every required key and no unknown one."""
    found = mapping(document, where)
    if missing := sorted(set(required) - set(found)):
        raise RefusedError(f"{where} lacks {_listed(missing)}")
    if unknown := sorted(set(found) - set(required) - set(optional)):
        raise RefusedError(
            f"{where} holds {_listed(unknown)}, which this version does not know",
            "What is not understood is not applied: use a version of Tollgate that knows it.",
        )
    return found


def typed(document: Any, kind: type[_T], where: str) -> _T:
    """Return `document` if it is exactly of type `kind` (a boolean is no integer)."""
    if type(document) is not kind:
        raise RefusedError(
            f"{where} is {_kind(document)} where {_NAMES.get(kind, kind.__name__)} was expected"
        )
    return document


def items(document: Any, where: str) -> list[Any]:
    """Return `document` if it is a list."""
    return typed(document, list, where)


def text(document: Any, where: str) -> str:
    """Return `document` if it is a string."""
    return typed(document, str, where)


def optional_text(document: Any, where: str) -> str | None:
    """Return `document` if it is a string or null."""
    return None if document is None else text(document, where)


_NAMES: dict[type, str] = {
    dict: "an object",
    list: "a list",
    str: "a string",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    type(None): "null",
}


def _kind(document: Any) -> str:
    return _NAMES.get(type(document), f"a {type(document).__name__}")


def _listed(names: list[str]) -> str:
    return ", ".join(repr(name) for name in names)
