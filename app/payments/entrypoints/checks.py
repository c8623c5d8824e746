"""What a request has to pass before a use case sees it. Errors name field and rule, never the value."""

import base64
import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import cache
from typing import Any

import fastjsonschema

from payments.domain.errors import BodyTooLargeError, InvalidRequestError, UnsupportedMediaTypeError
from payments.entrypoints.operation import Operation, Parameter
from payments.entrypoints.schemas import MAX_BODY_CHARACTERS, SCHEMAS

# Draft 4, because API Gateway speaks it, and because to it 1.0 is not an integer.
DRAFT = {"$schema": "http://json-schema.org/draft-04/schema#"}


def read_parameters(operation: Operation, event: Any, in_path: Mapping[str, str]) -> dict[str, Any]:
    """Read an operation's path, query and header parameters, each from its own place and no other."""
    sent = {"path": in_path, "query": _query(operation, event), "header": _headers(event)}
    values = {
        parameter.name: _number(parameter, sent[parameter.place][_sent_as(parameter)])
        for parameter in operation.parameters
        if _sent_as(parameter) in sent[parameter.place]
    }
    try:
        _check(_parameter_check(operation), values)
        _check_dates(operation, values)
    except InvalidRequestError as error:
        for parameter in operation.parameters:
            if parameter.name == error.field and parameter.refusal:
                raise parameter.refusal() from None
        raise
    return values


def read_body(operation: Operation, event: Any) -> dict[str, Any]:
    """Read an operation's JSON body."""
    if operation.body is None:
        return {}
    media_type = _headers(event).get("content-type", "")
    if media_type.partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedMediaTypeError("the Content-Type must be application/json", field="Content-Type")
    body: Any = _parse(_text(event))
    _check(_body_check(operation.body), body)
    _check_texts(body)  # after the schema, which bounds how deep this can get
    return dict(body)


@cache
def _parameter_check(operation: Operation) -> Callable[[Any], Any]:
    return _compiled(
        {
            "type": "object",
            "properties": {parameter.name: parameter.schema for parameter in operation.parameters},
            "required": [parameter.name for parameter in operation.parameters if parameter.required],
        }
    )


@cache
def _body_check(name: str) -> Callable[[Any], Any]:
    return _compiled(SCHEMAS[name])


def _compiled(schema: Mapping[str, Any]) -> Callable[[Any], Any]:
    check: Callable[[Any], Any] = fastjsonschema.compile(
        DRAFT | dict(schema), use_default=False, use_formats=False
    )
    return check


def _text(event: Any) -> str:
    body: str = event.get("body") or ""
    if len(body) > MAX_BODY_CHARACTERS:
        raise BodyTooLargeError(f"the body must be at most {MAX_BODY_CHARACTERS} characters", field="body")
    if not event.get("isBase64Encoded"):
        return body
    try:
        return base64.b64decode(body, validate=True).decode()
    except ValueError:  # not base64, or not UTF-8
        raise InvalidRequestError("the body must be UTF-8 text", field="body") from None


def _parse(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_without_duplicates, parse_constant=_no_constant)
    except InvalidRequestError:
        raise
    except (ValueError, RecursionError):  # also numbers of thousands of digits and nesting without end
        raise InvalidRequestError("the body must be one JSON object", field="body") from None


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Two readers may choose differently between two values of one name: nobody may choose.
    seen: dict[str, Any] = {}
    for name, value in pairs:
        if name in seen:
            raise InvalidRequestError(f"{_safe(name)} must occur once", field=_safe(name))
        seen[name] = value
    return seen


def _no_constant(_: str) -> None:
    raise InvalidRequestError("NaN and Infinity are not JSON", field="body")


def _check_texts(value: Any) -> None:
    for path, text in _texts(value, ()):
        # Cc: control characters; Cs: halves of surrogate pairs, which no UTF-8 can carry.
        if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
            field = ".".join(_safe(part) for part in path) or "body"
            raise InvalidRequestError(
                f"{field} must not contain control characters or lone surrogates", field=field
            )


def _texts(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, part in value.items():
            yield path, name
            yield from _texts(part, (*path, name))


def _check(check: Callable[[Any], Any], value: Any) -> None:
    try:
        check(value)
    except fastjsonschema.JsonSchemaValueException as error:
        path = [_safe(str(part)) for part in error.path[1:]]
        reason = error.message.removeprefix(error.name).strip()
        if error.rule == "required":
            path.append(next(name for name in error.rule_definition if name not in error.value))
            reason = "is required"
        elif error.rule == "additionalProperties":
            path.append(_safe(_unknown_name(error)))
            reason = "is not known here"
        elif error.rule == "enum":
            reason = "must be one of the values that the API document lists"
        field = ".".join(path) or "body"
        raise InvalidRequestError(f"{field} {reason}", field=field) from None


def _unknown_name(error: fastjsonschema.JsonSchemaValueException) -> str:
    definition = error.definition
    known = definition.get("properties", {})
    patterns = definition.get("patternProperties", {})
    names: list[str] = [name for name in error.value if name not in known]
    return next(
        (name for name in names if not any(re.search(pattern, name) for pattern in patterns)), names[0]
    )


def _check_dates(operation: Operation, values: Mapping[str, Any]) -> None:
    for parameter in operation.parameters:
        if parameter.schema.get("format") == "date" and parameter.name in values:
            try:
                date.fromisoformat(values[parameter.name])
            except ValueError:
                raise InvalidRequestError(
                    f"{parameter.name} must be a day of the calendar, as YYYY-MM-DD", field=parameter.name
                ) from None


def _query(operation: Operation, event: Any) -> dict[str, str]:
    """What the query says; a name that is no query parameter is refused, whatever else has that name."""
    sent: Mapping[str, list[str]] = event.get("multiValueQueryStringParameters") or {}
    known = {parameter.name for parameter in operation.parameters if parameter.place == "query"}
    for name, texts in sent.items():
        if len(texts) > 1:
            raise InvalidRequestError(f"{_safe(name)} must be given once", field=_safe(name))
        if name not in known:
            raise InvalidRequestError(f"{_safe(name)} is not known here", field=_safe(name))
    return {name: texts[0] for name, texts in sent.items()}


def _headers(event: Any) -> dict[str, str]:
    return {name.lower(): text for name, text in (event.get("headers") or {}).items()}


def _sent_as(parameter: Parameter) -> str:
    return parameter.name.lower() if parameter.place == "header" else parameter.name


def _number(parameter: Parameter, text: str) -> str | int:
    integer = parameter.schema["type"] == "integer"
    return int(text) if integer and text.isascii() and text.isdigit() and len(text) <= 9 else text


def _safe(name: str) -> str:
    """A name the client chose, fit to be quoted back."""
    return ascii(name)[1:-1][:60]
