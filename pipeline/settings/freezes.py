"""`[[freezes]]` of an environment: windows in which nothing moves."""

import re
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from pipeline.model.freeze import WEEKDAYS, Freeze, Once, Weekly
from pipeline.settings.reading import exactly, table, words, wrong

_MOMENT = "a moment with an offset, such as 2026-12-24T18:00:00+09:00"
_HOUR = 'a time of day such as "16:00"'


def read_freezes(found: list[Any], where: str) -> tuple[Freeze, ...]:
    """Return the windows of an environment's settings.

    Raises:
        SettingsError: One is not whole, ends before it begins, never ends, or names no known day or zone.
    """
    where = f"{where}, [[freezes]]"
    return tuple(_freeze(table(freeze, where), where) for freeze in found)


def _freeze(found: dict[str, Any], where: str) -> Freeze:
    recurring = bool({"days", "zone"} & set(found))
    if recurring:
        exactly(found, {"days": list, "from": str, "until": str, "zone": str, "reason": str}, where)
    else:
        exactly(found, {"from": datetime, "until": datetime, "reason": str}, where)
    if not found["reason"].strip():
        wrong(where, "reason", found["reason"], "a sentence")
    return Freeze(found["reason"], _weekly(found, where) if recurring else _once(found, where))


def _once(found: dict[str, Any], where: str) -> Once:
    for key in ("from", "until"):
        if found[key].tzinfo is None:
            wrong(where, key, found[key].isoformat(), _MOMENT)
    if found["until"] <= found["from"]:
        wrong(where, "until", found["until"].isoformat(), "later than `from`")
    return Once(found["from"], found["until"])


def _weekly(found: dict[str, Any], where: str) -> Weekly:
    days = words(found, "days", where)
    if not set(days) <= set(WEEKDAYS):
        wrong(where, "days", found["days"], f"a list of {', '.join(WEEKDAYS)}")
    if len(set(days)) == len(WEEKDAYS) and found["from"] == found["until"]:
        wrong(where, "until", found["until"], "another time than `from`, or this freeze never ends")
    try:
        zone = ZoneInfo(found["zone"])
    except (KeyError, ValueError, OSError):
        wrong(where, "zone", found["zone"], "a time zone such as Asia/Seoul")
    return Weekly(
        days=frozenset(WEEKDAYS.index(day) for day in days),
        start=_hour(found, "from", where),
        end=_hour(found, "until", where),
        zone=zone,
    )


def _hour(found: dict[str, Any], key: str, where: str) -> time:
    if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", found[key]):
        wrong(where, key, found[key], _HOUR)
    return time.fromisoformat(found[key])
