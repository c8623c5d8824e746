"""Writes the TypeScript program that defines the very resources that our synthesis came out with.

It is written anew for each bench, so that the two never define different things: one typed construct for each
resource, referring to the others by their attributes.
"""

import json
import re
from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

# Attributes whose keys are the author's own words, and stay as they are.
_MAPS = frozenset(
    {
        "dimensions",
        "request_models",
        "request_parameters",
        "response_parameters",
        "response_templates",
        "tags",
        "triggers",
        "variables",
    }
)
_REFERENCE = re.compile(r"\$\{(aws_\w+)\.(\w+)\.(\w+)\}")
_VARIABLE = re.compile(r"\$\{var\.(\w+)\}")
_RESOURCE_CLASS = re.compile(
    r"export declare class (\w+) extends cdktf\.TerraformResource \{\s*static readonly tfResourceType"
)
_HEAD = 'import { App, S3Backend, TerraformOutput, TerraformStack, TerraformVariable } from "cdktf";\n'


def program(stacks: Mapping[str, Mapping[str, Any]], modules: Path) -> str:
    """The program that defines the stacks, for the bindings installed in `modules`."""
    kinds = sorted({kind for stack in stacks.values() for kind in stack["resource"]})
    classes = {kind: _class_name(kind, modules) for kind in kinds}
    lines = [_HEAD, 'import { AwsProvider } from "@cdktf/provider-aws/lib/provider";\n']
    lines += [
        f'import {{ {name} }} from "@cdktf/provider-aws/lib/{_folder(kind)}";\n'
        for kind, name in classes.items()
    ]
    lines.append("const app = new App({ outdir: process.argv[2] });\n")
    for name, stack in stacks.items():
        lines += ["{\n", f"  const stack = new TerraformStack(app, {json.dumps(name)});\n"]
        lines += [f"  {line}\n" for line in _stack(stack, classes)]
        lines.append("}\n")
    lines.append("app.synth();\n")
    return "".join(lines)


def _folder(kind: str) -> str:
    return kind.removeprefix("aws_").replace("_", "-")


def _class_name(kind: str, modules: Path) -> str:
    """The class of a resource type, as the bindings' own declarations tell."""
    declarations = modules / "@cdktf" / "provider-aws" / "lib" / _folder(kind) / "index.d.ts"
    match = _RESOURCE_CLASS.search(declarations.read_text(encoding="utf-8"))
    if match is None:
        raise ValueError(f"no class for {kind} in {declarations.name}")
    return match[1]


def _stack(stack: Mapping[str, Any], classes: Mapping[str, str]) -> Iterator[str]:
    yield 'new S3Backend(stack, { bucket: "given at init", key: "given at init" });'
    for setting in ("bucket", "key"):
        yield f'stack.addOverride("terraform.backend.s3.{setting}", undefined);'
    for name, variable in stack["variable"].items():
        yield f"const var_{name} = new TerraformVariable(stack, {json.dumps(name)}, {_literal(variable)});"
    provider = stack["provider"]["aws"][0]
    yield f'new AwsProvider(stack, "Aws", {_literal(provider)});'
    source = json.dumps(stack["terraform"]["required_providers"]["aws"]["source"])
    yield f'stack.addOverride("terraform.required_providers.aws.source", {source});'
    for kind, name in _in_order(stack["resource"]):
        body = {key: value for key, value in stack["resource"][kind][name].items() if key != "//"}
        yield f"const {name} = new {classes[kind]}(stack, {json.dumps(name)}, {_literal(body)});"
    for name, output in stack["output"].items():
        yield f"new TerraformOutput(stack, {json.dumps(name)}, {_literal(output)});"


def _in_order(resources: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Every resource after those it refers to."""
    order: TopologicalSorter[tuple[str, str]] = TopologicalSorter()
    for kind, named in sorted(resources.items()):
        for name, body in sorted(named.items()):
            text = json.dumps({key: value for key, value in body.items() if key != "//"})
            needed = {(match[1], match[2]) for match in _REFERENCE.finditer(text)}
            needed |= {tuple(each.split(".")) for each in body.get("depends_on", ())}
            order.add((kind, name), *needed)
    return list(order.static_order())


def _literal(value: Any, key: str = "") -> str:
    """A JSON value as TypeScript; references become attributes of what they refer to."""
    if key == "depends_on":
        return f"[{', '.join(each.partition('.')[2] for each in value)}]"
    if isinstance(value, Mapping):
        inner = ", ".join(
            f"{json.dumps(name if key in _MAPS else _camel(name))}: {_literal(each, name)}"
            for name, each in value.items()
        )
        return f"{{ {inner} }}"
    if isinstance(value, list):
        return f"[{', '.join(_literal(each) for each in value)}]"
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _text(value: str) -> str:
    """A string: quoted where it is constant, a template where it refers."""
    if not (_REFERENCE.search(value) or _VARIABLE.search(value)):
        return json.dumps(value)
    parts, at = [], 0
    for match in re.finditer(f"{_REFERENCE.pattern}|{_VARIABLE.pattern}", value):
        parts.append(_escaped(value[at : match.start()]))
        kind, name, attribute, variable = match.groups()
        parts.append(f"${{{name}.{_camel(attribute)}}}" if kind else f"${{var_{variable}.stringValue}}")
        at = match.end()
    parts.append(_escaped(value[at:]))
    return f"`{''.join(parts)}`"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("`", "\\`").replace("${", "\\${")


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
