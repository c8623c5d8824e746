"""Log events are found to the last one.

The emulator answers FilterLogEvents with at most 10,000 events and no way to the others; AWS gives a token for the
next page.
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ministack.core.responses import json_response
from ministack.services import cloudwatch_logs

_MOST_EVENTS = 10_000
"""On one page, and where nobody asks for fewer."""


def install() -> None:
    """Answer FilterLogEvents page by page."""
    first_page = cloudwatch_logs._filter_log_events  # noqa: SLF001 (where the emulator answers)

    def page_by_page(asked: dict[str, Any]) -> Any:
        if _group(asked) is None:
            return first_page(asked)  # its own refusal
        found = sorted(_events(asked), key=lambda event: event["timestamp"])
        start = cloudwatch_logs._decode_token(asked.get("nextToken"))  # noqa: SLF001 (its own tokens)
        end = start + min(asked.get("limit", _MOST_EVENTS), _MOST_EVENTS)
        answer: dict[str, Any] = {"events": found[start:end], "searchedLogStreams": []}
        if end < len(found):
            answer["nextToken"] = cloudwatch_logs._encode_token(end)  # noqa: SLF001 (as above)
        return json_response(answer)

    cloudwatch_logs._filter_log_events = page_by_page  # noqa: SLF001 (as above)


def _group(asked: Mapping[str, Any]) -> Any:
    name = cloudwatch_logs._resolve_log_group_name(asked)  # noqa: SLF001 (its own reading of a request)
    return cloudwatch_logs._log_groups.get(name)  # noqa: SLF001 (its store has no other door)


def _events(asked: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every event that is asked for, stream by stream."""
    matches = cloudwatch_logs._compile_filter_pattern(asked.get("filterPattern", ""))  # noqa: SLF001 (its own patterns)
    first, last = asked.get("startTime", 0), asked.get("endTime", float("inf"))
    streams = _group(asked)["streams"]  # grows meanwhile: functions run in threads
    for name in asked.get("logStreamNames") or list(streams):
        for event in streams[name]["events"] if name in streams else ():
            if first <= event["timestamp"] <= last and matches(event["message"]):
                yield {**event, "logStreamName": name}
