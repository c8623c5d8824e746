"""Rules over what a release may contain: what is not listed runs or reads what no change set shows."""

import json
import re
from collections.abc import Iterator
from typing import Any

from policies.gate.allow_list import ReleaseContents
from policies.gate.finding import Finding, Rule
from policies.gate.listed_arguments import ARGUMENT, unlisted_arguments
from policies.gate.literals import account_ids, secret_like
from policies.gate.scan import HISTORY_BLOCKS
from policies.gate.stack import Stack, as_list, without_comment

_FIX = "Leave it out, or have policies/release_contents.toml changed by review."
PROVIDER = Rule(
    "PAY_RELEASE_1",
    "Only listed providers, from their listed source and version",
    _FIX,
    "a provider is a program: whoever wrote it runs it with the credentials of the deployment.",
)
RESOURCE = Rule(
    "PAY_RELEASE_2",
    "Only listed resource types",
    _FIX,
    "what no policy was written for is judged by none.",
)
DATA = Rule(
    "PAY_RELEASE_3",
    "Only listed data sources",
    _FIX,
    "what is read while planning, or run by `external`, is in no release and can be different every time.",
)
BLOCK = Rule(
    "PAY_RELEASE_4",
    "Only listed kinds of blocks",
    _FIX,
    "modules, locals and settings bring in what the stack itself does not show.",
)
HISTORY = Rule(
    "PAY_RELEASE_5",
    "Imports, moves and removals are looked at by a person",
    "Take the block out once it has done its work, or waive it for this one release.",
    "a resource is adopted, renamed or forgotten without being changed.",
    waivable=True,
)
META = Rule(
    "PAY_RELEASE_6",
    "No provisioners, connections, repetition or ignored changes",
    _FIX,
    "commands run that no plan shows, resources multiply or vanish, and drift stays unseen.",
)
WRITE_ONLY = Rule(
    "PAY_RELEASE_7",
    "No write-only arguments and nothing ephemeral",
    _FIX,
    "such values are in no plan and no state, so no change of them can be approved.",
)
EXPRESSION = Rule(
    "PAY_RELEASE_8",
    "Expressions only refer, but for the listed ones",
    _FIX,
    "functions read files, the clock and the environment of whoever plans.",
)
BACKEND = Rule(
    "PAY_RELEASE_9",
    "The backend is an empty s3 block",
    "Leave its settings to the pipeline.",
    "the state is kept where nobody looks for it, or somebody else reads it.",
)
LITERAL = Rule(
    "PAY_RELEASE_10",
    "No literal outside the resources looks like a secret or an account id",
    _FIX,
    "outputs and defaults are readable by whoever has the release.",
)
VARIABLE = Rule(
    "PAY_RELEASE_11",
    "Variables default to their environment, and the account to nothing",
    _FIX,
    "a deployment whose variables are forgotten lands in another instance or account.",
)
RULES = (
    *(PROVIDER, RESOURCE, DATA, BLOCK, HISTORY, META),
    *(WRITE_ONLY, EXPRESSION, BACKEND, LITERAL, VARIABLE, ARGUMENT),
)

# Whether prevent_destroy may be used is a policy's question (PAY_DESTROY_1); all else there hides changes.
_LIFECYCLE = {"//", "create_before_destroy", "prevent_destroy", "replace_triggered_by"}
_TEMPLATE = re.compile(r"[$%]\{")
_ESCAPE = re.compile(r"\$\$\{|%%\{")
_REFERENCE = re.compile(r"\$\{(?:path\.module|var\.\w+|aws_\w+\.[A-Za-z_][\w-]*(?:\.\w+|\[\d+\])*)\}")


def judge_contents(stack: Stack, allowed: ReleaseContents) -> list[Finding]:
    """Everything in a stack that the allow list does not name."""
    return [
        Finding(rule.id, rule.title, stack.name, address, _construct(stack, address), reason, rule.fix)
        for rule, address, reason in _unlisted(stack, allowed)
    ]


def _construct(stack: Stack, address: str) -> str:
    return stack.resources[address].construct if address in stack.resources else address


def _unlisted(stack: Stack, allowed: ReleaseContents) -> Iterator[tuple[Rule, str, str]]:
    yield from _blocks(stack, allowed)
    yield from _terraform_block(stack.document.get("terraform"), allowed)
    yield from _named(stack, allowed)
    for resource in stack.resources.values():
        if resource.type not in allowed.resource_types:
            yield RESOURCE, resource.address, f"the resource type {resource.type} is not on the list"
        else:
            yield from unlisted_arguments(resource)
        yield from _arguments(resource.address, resource.body)
    for block in stack.document.keys() - {"//", "resource"}:
        for reason in (*secret_like(stack.document[block]), *account_ids(stack.document[block])):
            yield LITERAL, block, reason
    for where, text in _texts(stack):
        if not _is_only_references(text, allowed):
            yield EXPRESSION, where, f"{text!r} does more than refer to a variable or a resource"


def _named(stack: Stack, allowed: ReleaseContents) -> Iterator[tuple[Rule, str, str]]:
    """Providers, variables and data sources, by their names."""
    for name, _ in without_comment(stack.document.get("provider", {})):
        if name not in allowed.providers:
            yield PROVIDER, f"provider.{name}", f"the provider {name} is not on the list"
    for name, _ in without_comment(stack.document.get("variable", {})):
        if name not in allowed.variables:
            yield BLOCK, f"var.{name}", f"the variable {name} is not on the list"
    for name, wanted in {"account_id": None, "environment_suffix": stack.environment}.items():
        default = stack.document.get("variable", {}).get(name, {}).get("default")
        if default != wanted:
            yield VARIABLE, f"var.{name}", f"the default is {default!r}, expected {wanted!r}"
    for kind, named in without_comment(stack.document.get("data", {})):
        if kind not in allowed.data_sources:
            for name in named:
                yield DATA, f"data.{kind}.{name}", f"the data source {kind} is not on the list"


def _blocks(stack: Stack, allowed: ReleaseContents) -> Iterator[tuple[Rule, str, str]]:
    for block in stack.document:
        if block in HISTORY_BLOCKS:
            for item in as_list(stack.document[block]):
                told = json.dumps(item, sort_keys=True)
                yield HISTORY, _place(block, item), f"the stack holds the `{block}` block {told}"
        elif block == "ephemeral" or "ephemeral" in _keys(stack.document[block]):
            yield WRITE_ONLY, block, "ephemeral values never reach the change set"
        elif block not in allowed.blocks:
            yield BLOCK, block, f"`{block}` blocks are not on the list"


def _place(block: str, item: Any) -> str:
    """What a waiver names: this one move, import or removal, and no later one."""
    ends = [str(item[end]) for end in ("from", "to") if end in item] if isinstance(item, dict) else []
    return ".".join([block, "->".join(ends)]) if ends else block


def _terraform_block(block: Any, allowed: ReleaseContents) -> Iterator[tuple[Rule, str, str]]:
    settings = block if isinstance(block, dict) else {}
    if settings.get("backend") != {"s3": {}}:
        yield (
            BACKEND,
            "terraform",
            f"the backend is {json.dumps(settings.get('backend'))}, expected an empty s3",
        )
    for name in settings.keys() - {"backend", "required_providers", "//"}:
        yield BLOCK, "terraform", f"the setting terraform.{name} is not on the list"
    if settings.get("required_providers") != allowed.providers:
        found = json.dumps(settings.get("required_providers"), sort_keys=True)
        yield PROVIDER, "terraform", f"required_providers is {found}, expected what the list says"


def _arguments(address: str, body: dict[str, Any]) -> Iterator[tuple[Rule, str, str]]:
    """Meta-arguments stand at the top of a block; write-only ones anywhere, by their suffix."""
    for name in ("provisioner", "connection", "count", "for_each", "dynamic"):
        if name in body:
            yield META, address, f"`{name}` is used"
    if "provider" in body:
        yield META, address, "another provider configuration than the stack's own is used"
    for lifecycle in as_list(body.get("lifecycle")):
        for name in sorted(lifecycle.keys() - _LIFECYCLE):
            yield META, address, f"`lifecycle.{name}` is used"
    for key in _keys(dict(without_comment(body))):
        if key.endswith(("_wo", "_wo_version")):
            yield WRITE_ONLY, address, f"the write-only argument `{key}` is used"
        if key == "dynamic":
            yield META, address, "a nested `dynamic` block is used"


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _keys(inner)
    elif isinstance(value, list):
        for item in value:
            yield from _keys(item)


def _texts(stack: Stack) -> Iterator[tuple[str, str]]:
    """Every string of the document that Terraform would evaluate, with the block it stands in."""
    for block, content in without_comment(stack.document):
        if block == "resource":
            for resource in stack.resources.values():
                yield from (
                    (resource.address, text) for text in _strings(dict(without_comment(resource.body)))
                )
        else:
            yield from ((block, text) for text in _strings(content))


def _strings(value: Any) -> Iterator[str]:
    """Every text and key. Inside a map even `//` is a key like any other, and Terraform evaluates what it holds."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _strings(inner)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _is_only_references(text: str, allowed: ReleaseContents) -> bool:
    """Whether nothing is left to evaluate once references, escapes and listed expressions are taken away."""
    return text in allowed.expressions or not _TEMPLATE.search(_REFERENCE.sub("", _ESCAPE.sub("", text)))
