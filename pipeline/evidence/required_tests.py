"""What a check must have looked at, as a file of the settings lists it."""

import tomllib

from pipeline.model.errors import TollgateError
from pipeline.settings import Check, Project


def required_tests(project: Project, check: Check) -> frozenset[str]:
    """Return the ids that the settings list for a check; none where they list none.

    Raises:
        TollgateError: The file that the check names is not there, or holds no such lists.
    """
    if check.tests is None:
        return frozenset()
    message = f"the check {check.name} must look at what {check.tests.file} lists, "
    try:
        found = tomllib.loads(_content(project, check.tests.file).decode("utf-8"))
    except (OSError, KeyError):
        raise TollgateError(f"{message}which is not there", "restore it, or correct `tests`") from None
    except ValueError as error:
        raise TollgateError(f"{message}which is not valid TOML: {error}", "mend it") from None
    ids: set[str] = set()
    for name in check.tests.lists:
        listed = found.get(name)
        if not isinstance(listed, list) or not listed or not all(isinstance(one, str) for one in listed):
            raise TollgateError(f"{message}where {name!r} is no list of ids", "mend it, or correct `tests`")
        ids.update(listed)
    return frozenset(ids)


def _content(project: Project, name: str) -> bytes:
    return project.bundle.files[name] if project.bundle is not None else (project.root / name).read_bytes()
