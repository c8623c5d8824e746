"""Take over into the state what a killed apply made and could not write down.

Import alone: the stack of that apply with `ignore_changes` for all of it, so that nothing in the cloud is changed.
What is still to do shows in the next plan, as if the state had been saved.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from pipeline.deploy.import_ids import import_id
from pipeline.deploy.workspace import Event, TerraformError, Workspace
from pipeline.model.errors import TollgateError

_ADDRESS = re.compile(r"(?P<type>[a-z0-9_]+)\.(?P<name>[A-Za-z0-9_-]+)(?P<key>\[.+\])?")
_NAMED = 5

OpenStack = Callable[[bytes], AbstractContextManager[Workspace]]
"""Opens a workspace for a stack, connected with the instance's state."""


def adopt(
    open_stack: OpenStack,
    stack: bytes,
    made: Mapping[str, str],
    replaced: frozenset[str],
    say: Callable[[str], None],
) -> None:
    """Bring what was made into the state, as far as it is still there.

    What cannot be imported is left out and said: it is made again, or the provider says that it exists.

    Args:
        open_stack: Opens a workspace for a stack.
        stack: The stack that made it.
        made: Each resource's id by its address; none of these objects is in the state.
        replaced: Addresses of which the state still holds an object that was deleted.
        say: Where to say what is done.

    Raises:
        StateLockedError: Another Terraform holds the state.
        TollgateError: Terraform failed, or would do more than import.
    """
    left, lost, removed = dict(made), list[str](), sorted(replaced)
    while left:
        whole, taken = adoption_stack(stack, left)
        lost += [address for address in left if address not in taken]
        left = {address: left[address] for address in taken}
        if not left:
            break
        with open_stack(whole) as workspace:
            if removed:
                workspace.forget(removed)
                removed = []
            summary: dict[str, Any] = {}
            try:
                workspace.plan(partial(_note_summary, summary), targets=taken)
            except TerraformError as error:
                # What depends on a missing one is reported at the next try only.
                missing = [
                    address
                    for position, address in enumerate(taken)
                    if any(_lacks(it, address) or _rests_on_lost(it, position) for it in error.problems)
                ]
                if not missing and any(_GONE.search(it) for it in error.problems):
                    missing = list(taken)  # it does not say which, so nothing is taken over
                if not missing:
                    raise
                lost += missing
                left = {address: found for address, found in left.items() if address not in missing}
                continue
            _insist_on_import_alone(summary, taken)
            workspace.apply(lambda _: None, lambda: None)
            break
    if left:
        say(f"took over what an interrupted run had made: {_listed(list(left))}")
    if lost:
        say(f"not found again of what an interrupted run had made: {_listed(lost)}")


def adoption_stack(stack: bytes, made: Mapping[str, str]) -> tuple[bytes, tuple[str, ...]]:
    """Return the stack that imports what was made, and the addresses it does that for."""
    whole: dict[str, Any] = json.loads(stack)
    imports = []
    for address, found in made.items():
        parts = _ADDRESS.fullmatch(address)
        arguments = whole.get("resource", {}).get(parts["type"], {}).get(parts["name"]) if parts else None
        if parts is None or not isinstance(arguments, dict):
            continue
        try:
            expression = import_id(parts["type"], arguments, found)
        except KeyError:
            continue
        imports.append({"to": address, "id": expression})
        arguments["lifecycle"] = {**arguments.get("lifecycle", {}), "ignore_changes": "all"}
    whole["import"] = imports
    return json.dumps(whole).encode(), tuple(item["to"] for item in imports)


def _note_summary(summary: dict[str, Any], event: Event) -> None:
    if event.get("type") == "change_summary":
        summary.update(event["changes"])


def _insist_on_import_alone(summary: Mapping[str, Any], taken: Sequence[str]) -> None:
    if summary != {"add": 0, "change": 0, "import": len(taken), "remove": 0, "operation": "plan"}:
        message = f"taking over what an interrupted run had made would do more than that: {dict(summary)}"
        hint = "nothing was changed; import what it made by hand, or delete it, then run again"
        raise TollgateError(message, hint)


def _lacks(problem: str, address: str) -> bool:
    """Whether a problem says that just this cannot be imported; any other problem may be gone at the next try."""
    about_it = f'"{address}"' in problem or f"({address})" in problem
    return about_it and bool(_NOT_IMPORTABLE.search(problem))


def _rests_on_lost(problem: str, position: int) -> bool:
    """Whether an import's id names another object that is not taken over, such as the API of which this is a part."""
    return f"(import[{position}])" in problem and "cannot be determined until apply" in problem


_GONE = re.compile(r"couldn't find resource|non-existent remote object|NotFound")
_NOT_IMPORTABLE = re.compile(
    r"non-existent|[Uu]nexpected format|[Ii]nvalid|(?:Not|not) [Ii]mplemented|support import"
)


def _listed(addresses: list[str]) -> str:
    more = f" and {len(addresses) - _NAMED} more" if len(addresses) > _NAMED else ""
    return ", ".join(addresses[:_NAMED]) + more
