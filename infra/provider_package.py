"""Loads only the part of the AWS bindings that is used.

The package has 2,136 submodules and a root that imports every one of them; its jsii assembly describes 23,285 types.
"""

import importlib.util
import sys
import types

import jsii

from infra.errors import InfraError

PACKAGE = "cdktf_cdktf_provider_aws"


def bypass_root() -> None:
    """Let a submodule be imported without the package's root, which would import the other two thousand."""
    if PACKAGE in sys.modules:
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
    """Hand the assembly of the imported submodules to jsii."""
    jsii.JSIIAssembly.load("@cdktf/provider-aws", "20.1.0", PACKAGE, "provider-aws@20.1.0.jsii.tgz")
