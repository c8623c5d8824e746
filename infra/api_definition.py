"""Reads the OpenAPI document and tells which routes the REST API needs.

The document is data made by the application; nothing of it is imported.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.errors import InfraError
from infra.json_schema import outline

HTTP_METHODS = ("delete", "get", "patch", "post", "put")
# By which a load balancer or a person asks whether the service is up: the only one without a key.
OPEN_ROUTES = (("get", "/health"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method on one path.

    Attributes:
        path: The path, as OpenAPI writes it.
        method: The HTTP method, in capitals.
        needs_key: Whether the caller has to show an API key.
        required_parameters: API Gateway's names of the parameters without which it refuses the request.
        body_model: The name of the model that the body has to match, or None.
    """

    path: str
    method: str
    needs_key: bool
    required_parameters: tuple[str, ...]
    body_model: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """How API Gateway refuses a request by itself.

    Attributes:
        type: The problem's stable name, a URI.
        title: What happened, in a few words.
        status: The HTTP status.
            Default: API Gateway's own, where one answer stands for several.
    """

    type: str
    title: str
    status: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiDefinition:
    """What the REST API accepts, and how it refuses.

    Attributes:
        routes: Every method on every path, in order.
        models: The outline of each body's JSON Schema, draft 4, by name.
        problems: The answer to each kind of request that API Gateway refuses, by its name for the kind.
    """

    routes: tuple[Route, ...]
    models: Mapping[str, Mapping[str, Any]]
    problems: Mapping[str, Problem]

    @classmethod
    def read(cls, path: Path) -> "ApiDefinition":
        """The definition in an OpenAPI file.

        Raises:
            InfraError: If there is none, or it asks for what API Gateway cannot check.
        """
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise InfraError(
                f"{path.name} is missing, expected the OpenAPI document of the API",
                hint="write it with `python -m payments.openapi`",
            ) from None
        except OSError as trouble:
            raise InfraError(f"{path.name} cannot be read: {trouble.strerror}") from trouble
        except ValueError as trouble:
            raise InfraError(f"{path.name} is no JSON: {trouble}") from None
        if not isinstance(document, dict):
            raise InfraError(f"{path.name} is no JSON object, expected an OpenAPI document")
        return cls.from_openapi(document)

    @classmethod
    def from_openapi(cls, document: Mapping[str, Any]) -> "ApiDefinition":
        """The definition in an OpenAPI document."""
        schemas = document.get("components", {}).get("schemas", {})
        models: dict[str, Mapping[str, Any]] = {}
        routes = []
        for path, method, operation in _operations(document):
            body = _body_schema(operation)
            name = None
            if body is not None:
                name = _model_name(body, operation)
                models[name] = outline(body, schemas)
            routes.append(
                Route(
                    path=path,
                    method=method.upper(),
                    needs_key=_needs_key(path, method, operation, document),
                    required_parameters=_required_parameters(operation),
                    body_model=name,
                )
            )
        if not routes:
            raise InfraError("the OpenAPI document has no paths, expected at least one")
        return cls(routes=tuple(routes), models=dict(sorted(models.items())), problems=_problems(document))


def _needs_key(path: str, method: str, operation: Mapping[str, Any], document: Mapping[str, Any]) -> bool:
    """Whether the document asks for a key; only what is meant to be open may do without."""
    needs_key = bool(operation.get("security", document.get("security")))
    if not needs_key and (method, path) not in OPEN_ROUTES:
        raise InfraError(
            f"{method.upper()} {path} would be open to everybody, expected a key on every operation but "
            + ", ".join(f"{each.upper()} {where}" for each, where in OPEN_ROUTES),
            hint="give the operation a `security` requirement in the OpenAPI document",
        )
    return needs_key


def _problems(document: Mapping[str, Any]) -> dict[str, Problem]:
    stated = document.get("x-gateway-problems", {})
    if missing := sorted({"DEFAULT_4XX", "DEFAULT_5XX"} - set(stated)):
        raise InfraError(f"x-gateway-problems of the OpenAPI document lacks {', '.join(missing)}")
    try:
        return {kind: Problem(**problem) for kind, problem in sorted(stated.items())}
    except TypeError:
        raise InfraError(
            "x-gateway-problems of the OpenAPI document holds more or less than type, title, status"
        ) from None


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for path, item in sorted(document.get("paths", {}).items()):
        for method in HTTP_METHODS:
            if method in item:
                yield path, method, item[method]


def _body_schema(operation: Mapping[str, Any]) -> Mapping[str, Any] | None:
    content = operation.get("requestBody", {}).get("content", {})
    schema: Mapping[str, Any] | None = content.get("application/json", {}).get("schema")
    return schema


def _model_name(schema: Mapping[str, Any], operation: Mapping[str, Any]) -> str:
    """Letters and digits only: API Gateway takes nothing else."""
    name = str(schema.get("$ref", operation.get("operationId", "Body"))).rsplit("/", maxsplit=1)[-1]
    plain = "".join(letter for letter in name if letter.isalnum())
    return plain[:1].upper() + plain[1:]


def _required_parameters(operation: Mapping[str, Any]) -> tuple[str, ...]:
    places = {"header": "header", "path": "path", "query": "querystring"}
    return tuple(
        sorted(
            f"method.request.{places[parameter['in']]}.{parameter['name']}"
            for parameter in operation.get("parameters", ())
            if parameter.get("required") and parameter["in"] in places
        )
    )
