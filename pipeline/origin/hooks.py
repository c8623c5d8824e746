"""The two hooks, as text: they find the clone, its Python and its home from where they lie themselves."""

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

NAMES = ("pre-receive", "post-receive")
MARK = "# Made by `nox -s origin` of Tollgate: run it again rather than edit this."


@dataclass(frozen=True, slots=True)
class Clone:
    """The clone in which `nox -s origin` was run: its pipeline is the one that runs in the hooks.

    Attributes:
        root: The project's checkout.
        home: Its `.tollgate`.
        pipeline: The folder that holds the package `pipeline`; the clone itself, but for tests.
        python: The Python that runs it; not resolved, because a virtual environment's is a link.
        policies_python: The one that has checkov.
        target: `local` or `aws`.
    """

    root: Path
    home: Path
    pipeline: Path
    python: Path
    policies_python: Path
    target: str


def hook(name: str, folder: Path, clone: Clone) -> str:
    """Return the hook `name` as it stands in `folder`, a shell script of a few lines.

    Every path is relative to the hook, so that clone and repository can be moved together.
    """

    def path(place: Path) -> str:
        # A link as the last part must stay one; the folders above must be the ones that `..` climbs.
        whole = place.parent.resolve() / place.name
        return f'"$here"/{shlex.quote(os.path.relpath(whole, folder.resolve()))}'

    return f"""#!/bin/sh
{MARK}
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd -P) || exit 1
python={path(clone.python)}
if ! [ -x "$python" ]; then
  echo "error: the Python of the clone is gone: $python" >&2
  echo "next:  run \\`nox -s origin\\` in the clone, then push again" >&2
  exit 1
fi
export TOLLGATE_PROJECT={path(clone.root)}
export TOLLGATE_HOME={path(clone.home)}
export TOLLGATE_POLICIES_PYTHON={path(clone.policies_python)}
export TOLLGATE_TARGET={shlex.quote(clone.target)}
export VIRTUAL_ENV={path(clone.python.parent.parent)}
export PATH={path(clone.python.parent)}":$PATH"
export PYTHONPATH={path(clone.pipeline)}
exec "$python" -m pipeline hook {name}
"""
