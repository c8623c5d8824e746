"""The room about itself: the rules that every construct keeps."""

import ast
import dataclasses
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import infra
from infra import permissions
from infra.providers import Construct

FOLDER = Path(infra.__file__).parent
FILES = sorted(FOLDER.rglob("*.py"))
# A policy made in another stack can only be named, not handed over.
ARNS_ALLOWED = {"boundary_arn"}
# They look like actions, and are what AWS tells about a request.
CONDITION_KEYS = {
    "aws:PrincipalArn",
    "aws:SecureTransport",
    "aws:SourceAccount",
    "aws:SourceArn",
    "iam:PassedToService",
    "iam:PermissionsBoundary",
    "kms:ResourceAliases",
    "kms:ViaService",
}
# The longest a constructor may be and still read as a table of contents.
LONGEST_CONSTRUCTOR = 25


def modules() -> Iterator[Any]:
    for found in pkgutil.walk_packages(infra.__path__, "infra."):
        yield importlib.import_module(found.name)


CONSTRUCTS = sorted(
    {
        member
        for module in modules()
        for _, member in inspect.getmembers(module, inspect.isclass)
        if member.__module__ == module.__name__ and issubclass(member, Construct)
    },
    key=lambda each: each.__name__,
)
PROPS = sorted(
    {
        member
        for module in modules()
        for name, member in inspect.getmembers(module, inspect.isclass)
        if member.__module__ == module.__name__ and dataclasses.is_dataclass(member)
    },
    key=lambda each: each.__name__,
)


def constructors() -> Iterator[tuple[Path, ast.FunctionDef]]:
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name == "__init__":
                yield path, node


@pytest.mark.parametrize("construct", CONSTRUCTS, ids=lambda each: each.__name__)
def test_construct_takes_scope_id_and_props(construct: type) -> None:
    """S1, S2: a construct is made from (scope, id_, props), and its Props stand beside it."""
    props = getattr(importlib.import_module(construct.__module__), f"{construct.__name__}Props")

    assert list(inspect.signature(construct.__init__).parameters) == ["self", "scope", "id_", "props"]  # type: ignore[misc]  # of the class, on purpose
    assert props in PROPS


@pytest.mark.parametrize("props", PROPS, ids=lambda each: each.__name__)
def test_props_are_frozen_by_keyword_and_described(props: Any) -> None:
    """S1: Props cannot change, are given by name, and describe every field; every default is stated."""
    assert props.__dataclass_params__.frozen
    text = inspect.cleandoc(props.__doc__)
    for field in dataclasses.fields(props):
        assert field.kw_only
        described = re.search(rf"^    {field.name}: (.+?)(?=^    \w+: |\Z)", text, re.MULTILINE | re.DOTALL)
        assert described, field.name
        has_default = (
            field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
        )
        assert ("Default: " in described[1]) == has_default, field.name
        assert not field.name.endswith("_arn") or field.name in ARNS_ALLOWED


def test_constructor_reads_as_a_table_of_contents() -> None:
    """S2: constructors are short; what they do stands in steps with names."""
    for path, node in constructors():
        assert (node.end_lineno or 0) - node.lineno < LONGEST_CONSTRUCTOR, path


def test_bindings_come_through_one_door() -> None:
    """S2: nothing but the door and what stands behind it names the bindings."""
    behind = {"providers.py", "bindings.py"}
    for path in FILES:
        if path.name not in behind:
            for node in ast.walk(ast.parse(path.read_text())):
                names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                assert not [name for name in names if name.startswith(("cdktf", "constructs"))], path


def test_no_construct_keeps_its_props() -> None:
    """S3: what a construct is asked is an attribute with a name, not a bag."""
    for path in FILES:
        assert "self.props" not in path.read_text()
        assert "self._props" not in path.read_text()


def test_actions_stand_in_one_place() -> None:
    """S4: no IAM action is named outside the vocabulary."""
    action = re.compile(r"^[a-z0-9-]+:(?:[A-Z][A-Za-z]+|\*)$")
    for path in FILES:
        if path.name == "permissions.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert node.value in CONDITION_KEYS or not action.match(node.value), f"{path}: {node.value}"


def vocabulary() -> Iterator[tuple[str, Any]]:
    for name, value in vars(permissions).items():
        if name.isupper():
            yield name, value


def test_vocabulary_is_sorted_and_exact() -> None:
    """S4: each tuple is sorted and names exact actions; only what denies may name more."""
    for name, value in vocabulary():
        actions = (value,) if isinstance(value, str) else value
        assert list(actions) == sorted(set(actions)), name
        assert name.startswith("DENY_") or not [action for action in actions if "*" in action], name


def test_vocabulary_holds_nothing_unused() -> None:
    """S4: an action that nobody grants is no part of the vocabulary."""
    text = "".join(path.read_text() for path in FILES if path.name != "permissions.py")
    for name, _ in vocabulary():
        assert f"permissions.{name}" in text, name


def test_primary_child_is_called_resource_and_ids_hold_no_environment() -> None:
    """S5: ids are a contract: none is made from a name that differs between environments."""
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and len(node.args) > 1 and isinstance(node.args[0], ast.Name):
                id_ = ast.unparse(node.args[1])
                if node.args[0].id == "self":
                    assert not re.search(r"names|suffix|environment|config", id_), f"{path}: {id_}"


def test_matchers_are_never_called_for_nothing() -> None:
    """S8: cdktf's matchers answer true or false; a call whose answer is dropped tests nothing."""
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                assert not re.search(r"\.(to_have|to_be)_|^has_resource", ast.unparse(node.value.func)), path


@pytest.mark.parametrize("props", PROPS, ids=lambda each: each.__name__)
def test_stated_defaults_are_the_real_ones(props: Any) -> None:
    """S1: a default that is a number, a word, true or false is stated as it is."""
    text = inspect.cleandoc(props.__doc__)
    for field in dataclasses.fields(props):
        if isinstance(field.default, bool | int | float | str):
            stated = re.search(rf"^    {field.name}: .+?Default: (.+?)$", text, re.MULTILINE | re.DOTALL)
            assert stated
            value = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
            assert re.match(rf'"?{re.escape(value)}"?[.,;]', stated[1]), field.name
