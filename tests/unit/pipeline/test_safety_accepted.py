"""Findings that an environment's settings accept: until their last day, for the gate and for who verifies later."""

import json
from datetime import date, datetime

import pytest

from pipeline.model.audit import Rules
from pipeline.model.change_set import Action
from pipeline.model.environment import Accepted
from pipeline.model.kinds import Kind
from pipeline.model.ledger import Entry
from pipeline.model.safety import findings
from pipeline.verify.documents import read_seen
from tests.unit.pipeline.change_sets import attribute, change, change_set
from tests.unit.pipeline.record import environment

_LAST = date(2027, 5, 21)


@pytest.mark.parametrize(
    ("at", "counts"),
    [
        ("2027-05-21T23:59:59+00:00", True),
        ("2027-05-22T00:00:00+00:00", False),
        ("2027-05-22T08:00:00+09:00", True),
        ("2027-05-22T09:00:00+09:00", False),
    ],
)
def test_an_accepted_finding_counts_until_its_last_day_is_over(at: str, counts: bool) -> None:
    """The day is one in UTC, wherever the machine stands; without one it counts on."""
    moment = datetime.fromisoformat(at)
    expiring = environment(accepts=(Accepted("access/x", _LAST),))
    lasting = environment(accepts=(Accepted("access/x"),))

    assert expiring.accepted_at(moment) == ({"access/x"} if counts else frozenset())
    assert lasting.accepted_at(moment) == {"access/x"}


@pytest.mark.parametrize(
    ("at", "needs"),
    [("2027-05-21T12:00:00Z", False), ("2027-05-22T00:59:59Z", False), ("2027-05-22T01:00:00Z", True)],
)
def test_who_verifies_judges_by_the_time_of_the_entry(at: str, needs: bool) -> None:
    """What counted when it was planned, up to an hour before it was recorded, was no gap; later it was one."""
    wider = change("aws_s3_object", Action.UPDATE, attribute("acl", "private", "public-read"))
    document = change_set(wider)
    (finding,) = findings(document)
    names = ("environment", "suffix", "release", "region")
    body = {name: getattr(document, name) for name in names}
    body |= {"change_set": document.digest, "account": document.account_id, "operation": "forward"}
    entry = Entry(
        number=7,
        previous="sha256:0",
        kind=Kind.SHOWN,
        at=at,
        by="CI",
        body={**body, "findings": [finding.id]},
    )
    staging = environment("staging", tolerates="no-widening", accepts=(Accepted(finding.id, _LAST),))

    seen = read_seen(
        entry,
        json.dumps(document.to_json()).encode(),
        json.dumps([finding.to_json()]).encode(),
        Rules((staging,)),
    )

    assert bool(seen.needs_person) == needs
    assert seen.findings == (finding.id,)
