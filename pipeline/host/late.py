"""Libraries that few commands need are loaded at their first use, not at every start."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any


class Late:
    """A module that is loaded when one of its attributes is first asked for.

    The standard library's `LazyLoader` does not do here: with Python 3.11 a second `import` of the module loads it.

    Args:
        name: The module's.
    """

    __spec__ = None
    """What `import` asks of what it finds in `sys.modules`, without loading anything."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        """Return the module's attribute."""
        return getattr(importlib.import_module(self._name), attribute)


if TYPE_CHECKING:
    import boto3
    import httpx
    import jinja2
else:
    boto3, httpx, jinja2 = Late("boto3"), Late("httpx"), Late("jinja2")


@contextmanager
def importing_late(name: str) -> Iterator[None]:
    """Let what is imported meanwhile, and itself imports the module `name`, load that at its first use only."""
    if name in sys.modules:
        yield
        return
    stand_in: Any = Late(name)
    sys.modules[name] = stand_in
    try:
        yield
    finally:
        del sys.modules[name]


__all__ = ["Late", "boto3", "httpx", "importing_late", "jinja2"]
