"""What one API operation is: data enough to route it, to check its requests and to document it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from payments.domain.errors import PaymentError
from payments.domain.ports import Ports
from payments.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A path, query or header parameter.

    Attributes:
        name: As it stands in the request.
        place: `path`, `query` or `header`.
        schema: Its JSON Schema (draft 4); an integer arrives as text and is read as one.
        description: What it means, one sentence.
        required: Whether a request without it is refused.
            Default: true.
        refusal: The error for a value that breaks the schema.
            Default: `invalid-request`, naming the parameter.
    """

    name: str
    place: str
    schema: Mapping[str, Any]
    description: str
    required: bool = True
    refusal: Callable[[], PaymentError] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # one object each: identity is equality
class Operation:
    """One operation of the API.

    Attributes:
        id: The operation's name in the OpenAPI document, in logs and in metrics.
        method: HTTP method.
        path: Path with `{parameters}`.
        summary: What it does, one sentence.
        answer: Name of the component schema of the successful answer.
        answer_description: What the successful answer is, one sentence.
        status: Status of the successful answer.
            Default: 200.
        headers: What the headers of the successful answer mean, by name; each is always there.
            Default: it has none of its own.
        body: Name of the component schema of the request body.
            Default: none, the operation takes no body.
        parameters: What else it takes.
            Default: nothing.
        errors: What it can be refused with, besides what every operation can.
            Default: nothing else.
        open: Whether it works without an API key.
            Default: false.
    """

    id: str
    method: str
    path: str
    summary: str
    answer: str
    answer_description: str
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    parameters: tuple[Parameter, ...] = ()
    errors: tuple[type[PaymentError], ...] = ()
    open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request that has passed its operation's checks.

    Attributes:
        values: Path, query and header parameters by name; an optional one that is absent is absent here.
        body: The JSON body; empty where there is none.
        client: Who asks: the identity behind the API key; empty on an open operation.
    """

    values: Mapping[str, Any]
    body: Mapping[str, Any]
    client: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A successful answer.

    Attributes:
        body: The JSON body.
        headers: Further headers.
            Default: none.
        payment_id: The payment concerned, for the log.
            Default: none.
    """

    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)
    payment_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a use case's function may use: the settings, and the ports, connected at their first use."""

    settings: Settings
    connect: Callable[[], Ports]

    @property
    def ports(self) -> Ports:
        """The ports."""
        return self.connect()
