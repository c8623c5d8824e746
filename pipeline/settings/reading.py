"""Read TOML strictly: an unknown key, a missing one or a wrong type is one sentence with its file, key and rule."""

import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, NoReturn

from pipeline.model.errors import TollgateError


class SettingsError(TollgateError):
    """A settings file is missing, unreadable or says something it may not say."""


_IN_WORDS: Mapping[type, str] = {
    str: "a string",
    int: "a whole number",
    bool: "true or false",
    list: "a list",
    dict: "a table",
    date: "a day such as 2027-05-21",
    datetime: "a moment with an offset, such as 2026-12-24T18:00:00+09:00",
}


def load(path: Path) -> dict[str, Any]:
    """Return what the TOML file at `path` says.

    Raises:
        SettingsError: It is missing, unreadable or not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        message = f"{path} is missing"
        raise SettingsError(message, "run this in a whole checkout") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"{path.name} is not valid TOML: {error}"
        raise SettingsError(message, f"mend {path}") from None
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror or error}"
        raise SettingsError(message, "check its permissions") from error


def table(value: Any, where: str) -> dict[str, Any]:
    """Return `value` if it is a table; `where` names it in the refusal."""
    if not isinstance(value, dict):
        message = f"{where} is missing or no table"
        raise SettingsError(message, "compare it with the file in the repository")
    return value


def exactly(
    found: Mapping[str, Any],
    required: Mapping[str, type],
    where: str,
    optional: Mapping[str, type] | None = None,
) -> None:
    """Refuse a table that lacks a required key, has an unknown one, or a value of another type."""
    known = {**required, **(optional or {})}
    for key in found:
        if key not in known:
            message = f"{where} has the unknown key {key!r}; known are {', '.join(sorted(known))}"
            raise SettingsError(message, "a misspelt setting must not be silently without effect: mend it")
    for key, kind in known.items():
        if key not in found:
            if key not in required:
                continue
            message = f"{where} has no {key!r}"
            raise SettingsError(message, f"add it; it is {_IN_WORDS[kind]}")
        if not isinstance(found[key], kind) or (kind is int and isinstance(found[key], bool)):
            wrong(where, key, found[key], _IN_WORDS[kind])


def words(found: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    """Return the list of words at `key`; it must have at least one."""
    if not found[key] or not all(isinstance(word, str) for word in found[key]):
        wrong(where, key, found[key], "a list of words, at least one")
    return tuple(found[key])


def wrong(where: str, key: str, value: object, wanted: str) -> NoReturn:
    """Refuse a value: say where it stands, what it is and what it must be."""
    message = f"{where} says {key} = {value!r}; it must be {wanted}"
    raise SettingsError(message, f"mend {where}")
