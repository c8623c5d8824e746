"""Loads only the part of the bindings that is used, and lets Node.js start meanwhile.

A generated package does two things when it is imported: it defines Python classes, and it has jsii load its
assembly. Here the second is taken out. The assemblies of the core load in Node.js while
Python still defines classes. The AWS bindings have more than two thousand submodules and a root that imports
every one of them; the root is bypassed, so that a submodule is imported alone, and jsii is handed an assembly
of just the imported ones. What is imported decides: a new resource needs nothing here. What the classes would check
of each call is left to jsii, which checks it anyway. The packages' names come from `providers.py`.
"""

import importlib.util
import os
import sys
import types
import typing
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.machinery import ModuleSpec
from pathlib import Path

import jsii

from infra.errors import InfraError
from infra.node import as_it_comes
from infra.provider_assembly import assembly_of


class _Redirected:
    """A jsii kernel that loads another file than the packaged one."""

    def __init__(self, path: str) -> None:
        self._path = path

    def load(self, name: str, version: str, _packaged: str) -> None:
        """Load the other file under the same name."""
        jsii.kernel.load(name, version, self._path)


class Bindings:
    """The generated packages, between the start of their imports and the end.

    Args:
        package: The Python package of the provider's bindings.
        assembly: What jsii calls it.
        core: The packages that it stands on, in the order in which jsii needs them.
    """

    def __init__(self, package: str, assembly: str, core: Sequence[str]) -> None:
        self._package, self._assembly, self._core = package, assembly, tuple(core)
        self._loading: Future[None] | None = None

    def begin(self) -> None:
        """Take the loading out of the imports that follow, and start it in the background.

        Raises:
            InfraError: If a package is not installed.
        """
        if any(name in sys.modules for name in (self._package, *self._core)):
            return  # somebody imported them already, whole
        for name in self._core:
            _stand_in(name, _root(name))
        root = _root(self._package)
        sys.modules[self._package] = _empty(root)
        _stand_in(self._package, root)
        # One worker: jsii takes one request at a time.
        with_node = ThreadPoolExecutor(1, thread_name_prefix="jsii")
        self._loading = with_node.submit(self._load_core)
        with_node.shutdown(wait=False)

    def finish(self) -> None:
        """Wait for Node.js, and hand it the assembly of the submodules imported meanwhile.

        Raises:
            InfraError: If the packaged assembly is not laid out as expected, or Node.js has ended.
        """
        if self._loading is None:
            return
        version, packaged = _packaged(self._package)
        what = self._assembly, version, self._package, packaged
        if as_it_comes():
            self._loading.result()
            jsii.JSIIAssembly.load(*what)
            return
        for module in self._generated():
            _leave_checks_to_jsii(module)
        with assembly_of(self._package, packaged, self.used_namespaces()) as path:
            self._loading.result()
            jsii.JSIIAssembly.load(*what, _kernel=_Redirected(os.fspath(path)))

    def used_namespaces(self) -> frozenset[str]:
        """The jsii namespaces of the imported submodules, as their classes name them: `s3Bucket`, `kmsKey`."""
        names = set()
        for module in self._generated():
            for value in vars(module).values():
                jsii_type = getattr(value, "__jsii_type__", None)
                if isinstance(jsii_type, str) and jsii_type.startswith(f"{self._assembly}."):
                    names.add(jsii_type.removeprefix(f"{self._assembly}.").partition(".")[0])
        return frozenset(names)

    def _generated(self) -> Iterator[types.ModuleType]:
        """Every imported module of the packages."""
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] in (self._package, *self._core):
                yield module

    def _load_core(self) -> None:
        for name in self._core:
            version, packaged = _packaged(name)
            jsii.JSIIAssembly.load(name, version, name, packaged)


def _leave_checks_to_jsii(module: types.ModuleType) -> None:
    """Take out what a generated module checks in Python: jsii checks each of these values again, and more of it.

    Else every call would resolve the annotations of a whole class anew, which is a sixth of a synth.
    """
    without_hints = types.ModuleType(typing.__name__)
    vars(without_hints).update(vars(typing), get_type_hints=lambda _stub: _NO_HINTS)
    vars(module).update(typing=without_hints, check_type=lambda **_argument: None)


_NO_HINTS: defaultdict[str, None] = defaultdict(lambda: None)


def _root(package: str) -> ModuleSpec:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise InfraError(
            f"the package {package} is not installed", hint="install the dependency group `infra`"
        )
    return spec


def _stand_in(package: str, root: ModuleSpec) -> None:
    """Put an empty module where the package would have jsii load its assembly."""
    name = f"{package}._jsii"
    file = Path(root.origin or "").parent / "_jsii" / "__init__.py"
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=[str(file.parent)])
    assert spec is not None
    sys.modules[name] = _empty(spec)


def _empty(spec: ModuleSpec) -> types.ModuleType:
    module = types.ModuleType(spec.name)
    module.__spec__ = spec
    module.__file__ = spec.origin
    module.__path__ = list(spec.submodule_search_locations or [])
    return module


def _packaged(package: str) -> tuple[str, str]:
    """Version and file name of the assembly in an installed package."""
    folder = Path(sys.modules[f"{package}._jsii"].__path__[0])
    (path,) = folder.glob("*.jsii.tgz")
    return path.name.removesuffix(".jsii.tgz").rpartition("@")[2], path.name
