"""One stack through checkov, in process, with proof of what ran.

checkov drops silently whatever it cannot run (docs/policies.md has the table), so nothing here trusts its
report alone: the registries are watched while they work, and what they did is compared with our own index.
"""

import json
import logging
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from checkov.common.graph.graph_builder import CustomAttributes
from checkov.common.models.enums import CheckResult
from checkov.common.util.consts import END_LINE, START_LINE
from checkov.runner_filter import RunnerFilter
from checkov.terraform.checks.utils.base_cloudsplaining_iam_scanner import (
    BaseTerraformCloudsplainingIAMScanner,
)
from checkov.terraform_json.parser import prepare_definition
from checkov.terraform_json.runner import TerraformJsonRunner

from policies.gate.open_stacks import remember
from policies.gate.stack import Stack

# These move and adopt resources and hold nothing to check; release_contents.py makes each of them a finding.
HISTORY_BLOCKS = frozenset({"import", "moved", "removed"})
# Where checkov wants permission documents as objects; elsewhere it opens the text itself.
DOCUMENTS = {
    "aws_iam_policy": ("policy",),
    "aws_iam_role_policy": ("policy",),
    "aws_sns_topic_policy": ("policy",),
}
_KNOWN_RESULT_KEYS = {"result", "evaluated_keys"}


@dataclass(frozen=True)
class Verdict:
    """What one check said about one block."""

    check: str
    address: str
    result: str
    reasons: tuple[str, ...] = ()


@dataclass
class Scan:
    """Everything checkov did with one stack, and every reason not to believe it."""

    stack: Stack
    verdicts: list[Verdict] = field(default_factory=list)
    lines: dict[str, tuple[int, int]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


class _WatchedRegistry:
    """A checkov registry that writes down each check it ran, UNKNOWN results and crashes included."""

    def __init__(self, registry: Any, block: str, scan: Scan) -> None:
        self._registry = registry
        self._block = block
        self._scan = scan

    def extract_entity_details(self, entity: dict[str, Any]) -> Any:
        """As the registry does."""
        return self._registry.extract_entity_details(entity)

    def scan(self, scanned_file: str, entity: dict[str, Any], *rest: Any, **named: Any) -> dict[Any, Any]:
        """Scan as the registry does, and keep the results."""
        results: dict[Any, Any] = self._registry.scan(scanned_file, entity, *rest, **named)
        kind, name, body = self._registry.extract_entity_details(entity)
        address = f"{kind}.{name}" if self._block == "resource" else f"{self._block}.{kind}"
        self._scan.lines[address] = (body[START_LINE], body[END_LINE])
        for check, result in results.items():
            if not result.keys() <= _KNOWN_RESULT_KEYS:
                self._scan.faults.append(f"{check.id} crashed on {address}.")
                continue
            reasons = tuple(check.details)
            self._scan.verdicts.append(Verdict(check.id, address, _name_of(result["result"]), reasons))
        return results


class _WatchedRunner(TerraformJsonRunner):  # type: ignore[misc]  # checkov is not installed where mypy runs
    """checkov's own runner, watched."""

    def __init__(self, scan: Scan) -> None:
        super().__init__()
        self._scan = scan
        registries: dict[str, Any] = TerraformJsonRunner.block_type_registries
        self.block_type_registries = {
            block: _WatchedRegistry(registry, block, scan) for block, registry in registries.items()
        }

    def add_python_check_results(self, *args: Any, **named: Any) -> None:
        """Before the first check: what checkov read must be what we read, and all of it in its graph."""
        read = _without_lines(next(iter(self.definitions.values()), {}))
        if self.definitions and read != prepare_definition(readable(self._scan.stack)):
            self._scan.faults.append("checkov read the file differently than it is written.")
        graph = self.graph_manager.get_reader_endpoint()
        nodes = {node[1].get(CustomAttributes.ID) for node in graph.nodes()}
        self._scan.faults += [
            f"{a} is missing in checkov's graph." for a in self._scan.stack.resources.keys() - nodes
        ]
        for definition in self.definitions.values():
            _open_documents(definition.get("resource", []))
        super().add_python_check_results(*args, **named)

    def run_graph_checks_results(self, *args: Any, **named: Any) -> dict[Any, list[dict[str, Any]]]:
        """Keep what graph checks answered; one that crashed in its thread is simply not among the answers."""
        answers: dict[Any, list[dict[str, Any]]] = super().run_graph_checks_results(*args, **named)
        answered = {check.id for check in answers}
        self._scan.faults += [f"{c.id} crashed." for c in self.graph_registry.checks if c.id not in answered]
        for check, results in answers.items():
            self._scan.verdicts += [
                Verdict(check.id, str(result["entity"][CustomAttributes.ID]), _name_of(result["result"]))
                for result in results
            ]
        return answers


def scan_stack(stack: Stack) -> Scan:
    """Run every registered check over one stack."""
    # checkov keeps opened policies by path and name while the process lives, whatever the file holds by now.
    BaseTerraformCloudsplainingIAMScanner.policy_document_cache.clear()
    scan = Scan(stack)
    runner = _WatchedRunner(scan)
    with _scanned_file(stack) as path, _logged_problems() as problems:
        remember(stack, path)
        report = runner.run(
            files=[str(path)],
            runner_filter=RunnerFilter(framework=["terraform_json"], show_progress_bar=False),
        )
    scan.faults += [f"checkov logged: {problem}" for problem in problems]
    if report.parsing_errors:
        scan.faults.append("checkov could not parse the file.")
    _compare_with_report(scan, report)
    return scan


def readable(stack: Stack) -> dict[str, Any]:
    """The document without the blocks that checkov cannot parse: it would drop the whole file with them."""
    return {block: content for block, content in stack.document.items() if block not in HISTORY_BLOCKS}


@contextmanager
def _scanned_file(stack: Stack) -> Iterator[Path]:
    """The stack's own file, or, where it has blocks about history, a copy without them."""
    if stack.document.keys().isdisjoint(HISTORY_BLOCKS):
        yield stack.path
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / stack.path.name
        copy.write_text(json.dumps(readable(stack), indent=2), encoding="utf-8")
        yield copy


def _compare_with_report(scan: Scan, report: Any) -> None:
    """The report must hold every decided verdict, no more, and know of every resource."""
    decided = sum(verdict.result in {"PASSED", "FAILED"} for verdict in scan.verdicts)
    reported = len(report.passed_checks) + len(report.failed_checks)
    if decided != reported or report.skipped_checks:
        scan.faults.append(f"checkov reported {reported} results where {decided} were reached.")
    scan.faults += [f"checkov did not look at {a}." for a in scan.stack.resources.keys() - scan.lines.keys()]


def _open_documents(resources: list[dict[str, Any]]) -> None:
    """Hand literal JSON documents to the checks as objects: eight IAM checks look away from a text."""
    for resource in resources:
        for kind, named in resource.items():
            for body in named.values():
                for argument in DOCUMENTS.get(kind, ()):
                    body[argument] = [_opened(text) for text in body.get(argument, [])]


def _opened(text: Any) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return text


def _name_of(result: Any) -> str:
    """PASSED, FAILED or UNKNOWN; a few checks of checkov answer with a tuple."""
    return str(CheckResult(result[0] if isinstance(result, tuple) else result).value)


def _without_lines(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_lines(v) for k, v in value.items() if k not in {START_LINE, END_LINE}}
    return [_without_lines(item) for item in value] if isinstance(value, list) else value


@contextmanager
def _logged_problems() -> Iterator[list[str]]:
    """Collect warnings and errors from whatever checkov logs, in any thread, whatever the levels were."""
    problems: list[str] = []
    lock = threading.Lock()

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            with lock:
                problems.append(record.getMessage())

    collector = Collector(logging.WARNING)
    root = logging.getLogger()
    disabled, logging.root.manager.disable = logging.root.manager.disable, 0
    root.addHandler(collector)
    try:
        yield problems
    finally:
        root.removeHandler(collector)
        logging.root.manager.disable = disabled
