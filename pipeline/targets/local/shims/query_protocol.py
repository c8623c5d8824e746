"""AWS's query protocol, from the service's own model: form parameters in, XML out.

https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

Parameters = Mapping[str, str]


class QueryProtocol:
    """Reads requests and writes answers of one service in the query protocol.

    Args:
        service: The service as botocore names it.
    """

    def __init__(self, service: str) -> None:
        self._model = ServiceModel(Loader().load_service_model(service, "service-2"), service)

    def knows(self, operation: str) -> bool:
        """Whether the service has this operation."""
        return operation in self._model.operation_names

    def request(self, operation: str, parameters: Parameters) -> dict[str, Any]:
        """Return what the form parameters say, in the shape of the operation's input."""
        shape = self._operation(operation).input_shape
        return _read_structure(shape, parameters, "") if isinstance(shape, StructureShape) else {}

    def answer(self, operation: str, output: Mapping[str, Any], request_id: str) -> bytes:
        """Return the XML of a successful answer."""
        shape = self._operation(operation).output_shape
        inner = ""
        if isinstance(shape, StructureShape):
            wrapper = shape.serialization.get("resultWrapper", f"{operation}Result")
            inner = f"<{wrapper}>{_write_members(shape, output)}</{wrapper}>"
        namespace = self._model.metadata["xmlNamespace"]
        return (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<{operation}Response xmlns="{namespace}">{inner}'
            f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>"
        ).encode()

    def error(self, code: str, message: str, request_id: str) -> bytes:
        """Return the XML of a refusal."""
        namespace = self._model.metadata["xmlNamespace"]
        return (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<ErrorResponse xmlns="{namespace}"><Error>'
            f"<Type>Sender</Type><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
            f"<RequestId>{request_id}</RequestId></ErrorResponse>"
        ).encode()

    def _operation(self, name: str) -> OperationModel:
        return self._model.operation_model(name)


def _read_structure(shape: StructureShape, parameters: Parameters, prefix: str) -> dict[str, Any]:
    found = {}
    for name, member in shape.members.items():
        key = f"{prefix}{member.serialization.get('name', name)}"
        if key in parameters or any(each.startswith(f"{key}.") for each in parameters):
            found[name] = _read(member, parameters, key)
    return found


def _read(shape: Shape, parameters: Parameters, key: str) -> Any:
    if isinstance(shape, StructureShape):
        return _read_structure(shape, parameters, f"{key}.")
    if isinstance(shape, ListShape):
        return _read_list(shape, parameters, key)
    text = parameters.get(key, "")
    match shape.type_name:
        case "boolean":
            return text == "true"
        case "integer" | "long":
            return int(text)
        case "float" | "double":
            return float(text)
        case _:
            return text


def _read_list(shape: ListShape, parameters: Parameters, key: str) -> list[Any]:
    items: list[Any] = []
    while True:
        item = f"{key}.{shape.member.serialization.get('name', 'member')}.{len(items) + 1}"
        if item not in parameters and not any(each.startswith(f"{item}.") for each in parameters):
            return items
        items.append(_read(shape.member, parameters, item))


def _write_members(shape: StructureShape, values: Mapping[str, Any]) -> str:
    return "".join(
        _write(member, member.serialization.get("name", name), values[name])
        for name, member in shape.members.items()
        if values.get(name) is not None
    )


def _write(shape: Shape, tag: str, value: Any) -> str:
    if isinstance(shape, StructureShape):
        content = _write_members(shape, value)
    elif isinstance(shape, ListShape):
        item = shape.member.serialization.get("name", "member")
        content = "".join(_write(shape.member, item, each) for each in value)
    elif isinstance(shape, MapShape):
        content = "".join(
            f"<entry>{_write(shape.key, 'key', key)}{_write(shape.value, 'value', each)}</entry>"
            for key, each in value.items()
        )
    elif shape.type_name == "timestamp" and isinstance(value, int | float):
        content = datetime.fromtimestamp(value, UTC).isoformat(timespec="milliseconds")
    elif shape.type_name == "boolean":
        content = "true" if value else "false"
    else:
        content = escape(str(value))
    return f"<{tag}>{content}</{tag}>"
