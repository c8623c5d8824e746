"""Where an API method answers."""

from policies.gate.stack import Resource

_ROOT = ".root_resource_id}"
_DEEPEST = 20


def path_of(method: Resource) -> str:
    """The path of a method, as `/payments/{payment_id}`; with `?` where it cannot be told."""
    parts: list[str] = []
    reference, parents = str(method.body.get("resource_id")), method.referred("resource_id")
    for _ in range(_DEEPEST):
        if len(parents) != 1:
            break
        if parents[0].type == "aws_api_gateway_rest_api" and reference.endswith(_ROOT):
            return "/" + "/".join(reversed(parts))
        parts.append(str(parents[0].body.get("path_part")))
        reference, parents = str(parents[0].body.get("parent_id")), parents[0].referred("parent_id")
    return "?"
