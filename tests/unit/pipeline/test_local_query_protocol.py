"""AWS's query protocol as read and written for the emulated CloudWatch, against botocore's own two halves."""

from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import QueryParser
from botocore.serialize import QuerySerializer
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("ministack", reason="the emulator is a dependency group of its own")

from pipeline.targets.local.shims.query_protocol import QueryProtocol

_MODEL = ServiceModel(Loader().load_service_model("cloudwatch", "service-2"), "cloudwatch")
_PROTOCOL = QueryProtocol("cloudwatch")
_PARSER: Any = QueryParser()

# What XML 1.0 can carry, without the line ends that its readers normalise.
_TEXT = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0xD7FF, exclude_characters="\x7f\x85"),
    min_size=1,
    max_size=12,
)
_NUMBER = st.floats(allow_nan=False, allow_infinity=False, width=32)
_DIMENSIONS = st.lists(st.fixed_dictionaries({"Name": _TEXT, "Value": _TEXT}), min_size=1, max_size=3)
_STAT = st.fixed_dictionaries(
    {
        "Metric": st.fixed_dictionaries({"Namespace": _TEXT, "MetricName": _TEXT, "Dimensions": _DIMENSIONS}),
        "Period": st.integers(1, 10**6),
        "Stat": _TEXT,
    }
)
_QUERY = st.fixed_dictionaries(
    {"Id": _TEXT, "ReturnData": st.booleans()}, optional={"Expression": _TEXT, "MetricStat": _STAT}
)
_ALARMS = st.fixed_dictionaries(
    {"AlarmName": _TEXT, "Threshold": _NUMBER, "EvaluationPeriods": st.integers(1, 100)},
    optional={
        "ActionsEnabled": st.booleans(),
        "AlarmActions": st.lists(_TEXT, min_size=1, max_size=3),
        "Dimensions": _DIMENSIONS,
        "Metrics": st.lists(_QUERY, min_size=1, max_size=3),
        "AlarmDescription": _TEXT,
    },
)


@given(alarm=_ALARMS)
@settings(max_examples=60, deadline=None)
def test_a_request_is_read_as_it_was_meant(alarm: dict[str, Any]) -> None:
    """What botocore's serializer writes for an alarm is read back as that alarm."""
    written = QuerySerializer().serialize_to_request(alarm, _MODEL.operation_model("PutMetricAlarm"))
    parameters = {name: str(value) for name, value in written["body"].items()}
    assert _PROTOCOL.request("PutMetricAlarm", parameters) == alarm


@given(alarms=st.lists(_ALARMS, max_size=3))
@settings(max_examples=60, deadline=None)
def test_an_answer_is_read_as_it_was_meant(alarms: list[dict[str, Any]]) -> None:
    """What is written for some alarms is read by botocore's parser as those alarms."""
    body = _PROTOCOL.answer("DescribeAlarms", {"MetricAlarms": alarms}, "request")
    shape = _MODEL.operation_model("DescribeAlarms").output_shape
    read = _PARSER.parse({"status_code": 200, "headers": {}, "body": body}, shape)
    assert read["MetricAlarms"] == alarms
    assert read["ResponseMetadata"]["RequestId"] == "request"


def test_a_refusal_is_read_as_it_was_meant() -> None:
    """Botocore's parser finds code and message, odd characters included."""
    body = _PROTOCOL.error("ResourceNotFound", "no <such> alarm & co", "request")
    read = _PARSER.parse({"status_code": 404, "headers": {}, "body": body}, None)
    assert (read["Error"]["Code"], read["Error"]["Message"]) == ("ResourceNotFound", "no <such> alarm & co")


def test_an_operation_that_is_none_is_not_known() -> None:
    """Whatever CloudWatch's own model does not name is left to the emulator."""
    assert _PROTOCOL.knows("PutMetricAlarm")
    assert not _PROTOCOL.knows("PutItem")
