"""The way from what checkov hands a check back to the stack it belongs to.

A check sees one resource, wrapped and without its type; our policies look at the whole stack. checkov names
the file in `entity_path`, relative to the working directory, so the same policies work in our gate and under
plain `checkov --external-checks-dir`.
"""

from pathlib import Path

from policies.gate.stack import Resource, Stack, read_stack

_OPEN: dict[Path, Stack] = {}


def remember(stack: Stack, scanned: Path) -> None:
    """Let policies judge exactly the bytes that the gate has read, whatever file checkov is given."""
    _OPEN[scanned.resolve()] = stack


def stack_at(scanned_file: str) -> Stack:
    """The stack in a file that checkov scans."""
    path = Path(scanned_file.removeprefix("/")).resolve()
    if path not in _OPEN:
        name = path.parent.name
        remember(read_stack(path, name, name.removeprefix("payments-")), path)
    return _OPEN[path]


def resource_at(entity_path: str) -> Resource:
    """The resource that a running check looks at."""
    scanned_file, kind, name = entity_path.rsplit(":", 2)
    return stack_at(scanned_file).resources[f"{kind}.{name}"]
