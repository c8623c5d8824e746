"""Where the values of a plan come from: Terraform's configuration part and the release's own stack.

A value that is only known after apply is still decided by the release: by references, which the plan names,
and by the text around them, which only the stack holds. Both are looked up here, so that a first creation
can be read.
"""

import re
from collections.abc import Mapping
from typing import Any

from pipeline.model.errors import RefusedError
from pipeline.model.strict_json import fields, items, mapping
from pipeline.model.values import Path, Unknown

_MODULE = ("outputs", "resources", "module_calls", "variables")
_RESOURCE = (
    "address",
    "mode",
    "type",
    "name",
    "provider_config_key",
    "provisioners",
    "expressions",
    "schema_version",
    "count_expression",
    "for_each_expression",
    "depends_on",
)
_VARIABLE = ("default", "description", "sensitive", "type", "nullable", "deprecated")
_OUTPUT = ("sensitive", "expression", "depends_on", "description", "type", "deprecated")


class Sources:
    """Looks up what a resource's or output's values are computed from.

    Args:
        configuration: The plan's `configuration`.
        stack: The release's `cdk.tf.json`, if at hand: gives construct paths and the text of expressions.
    """

    def __init__(self, configuration: Any, stack: Mapping[str, Any] | None) -> None:
        where = "the plan's configuration"
        top = fields(configuration, where, optional=("provider_config", "root_module"))
        module = fields(top.get("root_module", {}), where, optional=_MODULE)
        if module.get("module_calls"):
            raise RefusedError(
                "the stack calls Terraform modules, whose insides a change set does not follow",
                "Use constructs instead of modules.",
            )
        self._resources: dict[str, Any] = {}
        for item in items(module.get("resources", []), where):
            resource = fields(item, where, required=("address", "mode", "type", "name"), optional=_RESOURCE)
            if resource.get("provisioners"):
                raise RefusedError(
                    f"{resource['address']} runs a provisioner, which no change set can show",
                    "Remove the provisioner from the construct.",
                )
            self._resources[resource["address"]] = resource.get("expressions", {})
        self.variables = {
            name: fields(item, f"{where}, variable {name}", optional=_VARIABLE)
            for name, item in mapping(module.get("variables", {}), where).items()
        }
        self._outputs = {
            name: fields(item, f"{where}, output {name}", optional=_OUTPUT)
            for name, item in mapping(module.get("outputs", {}), where).items()
        }
        self._stack = stack or {}
        _refuse_ephemeral(self._stack)

    def construct_path(self, mode: str, kind: str, name: str) -> str | None:
        """Return where the resource stands in the construct tree, as CDKTF noted it in the stack."""
        found = _at(self._block(mode, kind, name), ("//", "metadata", "path"))
        return found if isinstance(found, str) else None

    def of_resource(self, mode: str, kind: str, name: str, path: Path) -> Unknown:
        """Return the unknown value at `path` of a resource with all that is known about it."""
        address = f"data.{kind}.{name}" if mode == "data" else f"{kind}.{name}"
        references = _references(self._resources.get(address, {}), path)
        return Unknown(references, _expression(self._block(mode, kind, name), path) if references else None)

    def of_output(self, name: str, path: Path) -> Unknown:
        """Return the unknown value of an output with all that is known about it."""
        references = _references(self._outputs.get(name, {}).get("expression", {}), ())
        block = _at(self._stack, ("output", name, "value"))
        return Unknown(references, _expression(block, path) if references else None)

    def _block(self, mode: str, kind: str, name: str) -> Any:
        return _at(self._stack, ("data" if mode == "data" else "resource", kind, name))


def _refuse_ephemeral(stack: Mapping[str, Any]) -> None:
    """Ephemeral values may be others when the plan is applied, and the plan does not mark them."""
    variables = mapping(stack.get("variable", {}), "the stack's variables")
    marked = any(isinstance(block, Mapping) and block.get("ephemeral") for block in variables.values())
    if marked or stack.get("ephemeral"):
        raise RefusedError(
            "the stack uses ephemeral values, which no change set can show",
            "Make them ordinary values, or keep them out of the stack.",
        )


def _at(node: Any, path: Path) -> Any:
    for step in path:
        if isinstance(node, list) and len(node) == 1 and isinstance(step, str):
            node = node[0]  # a block may be written as itself or as a list of one
        if isinstance(node, dict) and step == 0:
            continue
        if isinstance(node, dict) and isinstance(step, str):
            node = node.get(step)
        elif isinstance(node, list) and isinstance(step, int) and step < len(node):
            node = node[step]
        else:
            return None
    return node


def _expression(block: Any, path: Path) -> str | None:
    found = _at(block, path)
    return found if isinstance(found, str) and re.search(r"[$%]\{", found) else None


def _references(node: Any, path: Path) -> tuple[str, ...]:
    """Return the references of the nearest expression at or above `path`, the most precise ones only."""
    for step in ("", *path):
        if step != "":
            if isinstance(node, list) and isinstance(step, str) and len(node) == 1:
                node = node[0]
            if isinstance(node, dict) and isinstance(step, str):
                node = node.get(step)
            elif isinstance(node, list) and isinstance(step, int) and step < len(node):
                node = node[step]
            elif not (isinstance(node, dict) and step == 0):
                return ()
        if isinstance(node, dict) and isinstance(found := node.get("references"), list):
            names = {str(name) for name in found}
            return tuple(
                sorted(
                    name
                    for name in names
                    if not any(
                        other != name and other.startswith((f"{name}.", f"{name}[")) for other in names
                    )
                )
            )
    return ()
