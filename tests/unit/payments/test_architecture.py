"""What the tree promises, read from the source itself."""

import ast
import re
from pathlib import Path

from payments.domain import errors

PACKAGE = Path(__file__).parents[3] / "app" / "payments"
MODULES = sorted(PACKAGE.rglob("*.py"))
USE_CASES = {
    "create_payment",
    "create_refund",
    "get_health",
    "get_payment",
    "get_receipt",
    "list_customer_payments",
    "list_payments",
}


def imports(module: Path) -> set[str]:
    """Names of the modules that a module imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_only_the_start_of_the_program_knows_the_adapters() -> None:
    """What stands behind a port is chosen in one module; import-linter holds the layers themselves."""
    knows = {
        module.name
        for module in MODULES
        if module.parent.name != "adapters" and any(".adapters." in name for name in imports(module))
    }

    assert knows == {"bootstrap.py", "application.py"}
    assert {name for name in imports(PACKAGE / "entrypoints" / "application.py") if ".adapters." in name} == {
        "payments.adapters.telemetry.PowertoolsTelemetry"
    }


def test_the_domain_and_the_use_cases_need_no_library() -> None:
    """The inner layers import the standard library and one another."""
    for module in (*(PACKAGE / "domain").glob("*.py"), *(PACKAGE / "service").glob("*.py")):
        outside = {name.partition(".")[0] for name in imports(module)} - {"payments"}
        assert not outside & {"boto3", "botocore", "aws_lambda_powertools", "fastjsonschema"}, module.name


def test_a_use_case_has_one_name_in_every_layer() -> None:
    """Each use case is a module of the entry points; each that does something is one of the service layer."""
    entrypoints = {module.stem for module in (PACKAGE / "entrypoints").glob("*.py")}
    service = {module.stem for module in (PACKAGE / "service").glob("*.py")}

    assert entrypoints >= USE_CASES
    assert service >= USE_CASES - {"get_health"}


def test_handlers_are_short_and_catch_nothing() -> None:
    """A use case's entry point parses, calls and answers: no `try`, no function over 40 lines."""
    for name in USE_CASES:
        tree = ast.parse((PACKAGE / "entrypoints" / f"{name}.py").read_text())
        assert not [node for node in ast.walk(tree) if isinstance(node, ast.Try)], name
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                assert (node.end_lineno or 0) - node.lineno < 40, name


def test_the_environment_is_read_in_one_place() -> None:
    """Only the settings read environment variables."""
    readers = {module.name for module in MODULES if re.search(r"\benviron\b|getenv", module.read_text())}

    assert readers == {"settings.py"}


def test_money_meets_no_float() -> None:
    """Nothing that handles amounts divides into floats or names the type."""
    for module in MODULES:
        tree = ast.parse(module.read_text())
        assert not [node for node in ast.walk(tree) if isinstance(node, ast.Div)], module.name
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        # Seconds to wait are the only numbers with a fraction.
        assert "float" not in names or module.name in {"ports.py", "sandbox.py"}, module.name


def test_every_error_says_when_it_is_raised() -> None:
    """Each error ends in Error, comes from the one root and has a sentence that begins with `Raised when`."""
    classes = [cls for cls in vars(errors).values() if isinstance(cls, type)]

    assert len(classes) > 10
    for cls in classes:
        assert issubclass(cls, errors.PaymentError)
        assert cls.__name__.endswith("Error")
        if cls is not errors.PaymentError:
            assert re.match(r"Raised (when|by a store when)", cls.__doc__ or ""), cls.__name__


def test_each_window_of_the_design_is_tested() -> None:
    """Every window that the service's docstring names occurs in a test of the crash windows."""
    design = (PACKAGE / "service" / "__init__.py").read_text()
    tests = (Path(__file__).parent / "test_crash_windows.py").read_text()
    windows = set(re.findall(r"^\*([a-d]):", design, flags=re.MULTILINE))

    assert windows == set("abcd")
    assert windows <= set(re.findall(r"Windows? ([a-d])\b", tests))
