"""Loads only the part of the AWS bindings that is used.

The package has more than two thousand submodules and a root that imports every one of them; its jsii assembly
describes 23,285 types. Both are bypassed: a submodule is imported alone, and jsii is handed an assembly of
just the imported ones. What is imported decides, so a new resource needs nothing here.
"""

import importlib.metadata
import importlib.util
import os
import sys
import types

import jsii

from infra.errors import InfraError
from infra.provider_assembly import assembly_of

PACKAGE = "cdktf_cdktf_provider_aws"
ASSEMBLY = "@cdktf/provider-aws"
# `whole` hands jsii the packaged assembly: slower, and the way to tell whether trimming is at fault.
MODE_VARIABLE = "TOLLGATE_PROVIDER_ASSEMBLY"


class _Redirected:
    """A jsii kernel that loads another file than the packaged one."""

    def __init__(self, path: str) -> None:
        self._path = path

    def load(self, name: str, version: str, _packaged: str) -> None:
        """Load the other file under the same name."""
        jsii.kernel.load(name, version, self._path)


def bypass_root() -> None:
    """Let a submodule be imported without the package's root, which would import all the others.

    Raises:
        InfraError: If the package is not installed.
    """
    if PACKAGE in sys.modules:  # somebody imported all of it already
        return
    for name in (PACKAGE, f"{PACKAGE}._jsii"):
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise InfraError(
                f"the package {PACKAGE} is not installed", hint="install the dependency group `infra`"
            )
        module = types.ModuleType(name)
        module.__spec__ = spec
        module.__file__ = spec.origin
        module.__path__ = list(spec.submodule_search_locations or [])
        sys.modules[name] = module


def load_assembly() -> None:
    """Hand jsii the assembly of the submodules imported so far.

    Raises:
        InfraError: If the packaged assembly is not laid out as expected.
    """
    if hasattr(sys.modules[f"{PACKAGE}._jsii"], "__jsii_assembly__"):  # the root was imported, and loaded it
        return
    version = importlib.metadata.version(PACKAGE.replace("_", "-"))
    packaged = f"{ASSEMBLY.partition('/')[2]}@{version}.jsii.tgz"
    if os.environ.get(MODE_VARIABLE) == "whole":
        jsii.JSIIAssembly.load(ASSEMBLY, version, PACKAGE, packaged)
        return
    with assembly_of(PACKAGE, packaged, used_namespaces()) as path:
        jsii.JSIIAssembly.load(ASSEMBLY, version, PACKAGE, packaged, _kernel=_Redirected(os.fspath(path)))


def used_namespaces() -> frozenset[str]:
    """The jsii namespaces of the imported submodules, as their classes name them: `s3Bucket`, `kmsKey`."""
    prefix = f"{PACKAGE}."
    names = set()
    for module_name, module in list(sys.modules.items()):
        if module_name.startswith(prefix):
            for value in vars(module).values():
                jsii_type = getattr(value, "__jsii_type__", None)
                if isinstance(jsii_type, str) and jsii_type.startswith(f"{ASSEMBLY}."):
                    names.add(jsii_type.removeprefix(f"{ASSEMBLY}.").partition(".")[0])
    return frozenset(names)
