"""What the containers are made of: the image, the files that enter, the folders that are kept between runs."""

from typing import Final

BASE_IMAGE: Final = (
    "docker.io/library/python:3.13.15-bookworm"
    "@sha256:933b46a028fd786c9c3d426ebabc237e29a15912231ea8de576e95f0e4f41a4c"
)
"""Python and git, by digest. `TOLLGATE_BASE_IMAGE` names another one: a mirror cannot always serve this digest."""

_LEFT_BY_TOOLS = ("**/__pycache__", "**/*.pyc", "**/.pytest_cache", "**/.hypothesis", "**/*.egg-info")


def only(*names: str) -> list[str]:
    """Return the patterns that keep everything out but `names`, and of those what tools leave behind."""
    return ["*", *(f"!{name}" for name in names), *_LEFT_BY_TOOLS]


# Deny by default: a file that is not named here cannot leave the host. Each set is sent by itself, so that what is
# cached goes by the files of that set and by nothing beside them.
TOOLS: Final = (
    "LICENSE",
    "infra/__init__.py",
    "noxfile.py",
    "pipeline/__init__.py",
    "policies/__init__.py",
    "pyproject.toml",
    "requirements",
)
"""What decides which tools are installed."""

PIPELINE: Final = (*TOOLS, "pipeline")
"""What does the work: the pipeline that runs on the host, not that of the commit which is judged."""

BUILT: Final = ("app", "environments", "infra", "pyproject.toml", "requirements", "tollgate.toml")
"""What a release is built from."""

CHECKED: Final = (*BUILT, "bench", "noxfile.py", "pipeline", "policies", "tests")
"""What the checks of a release run, and judge."""

WHOLE: Final = (
    *CHECKED,
    ".ci",
    ".github",
    ".gitignore",
    ".pre-commit-config.yaml",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "README.md",
    "docs",
    "mkdocs.yml",
)
"""Every file that git tracks, for what judges the repository itself."""

# One volume for each tool, mounted only where that tool runs: what one step writes, no other step reads.
CACHES: Final = {
    "pip": "/cache/pip",
    "uv": "/cache/uv",
    "mypy": "/cache/mypy",
    "ruff": "/cache/ruff",
}
"""Tool to the folder where its volume is mounted; the volume is called `tollgate-<tool>`."""
