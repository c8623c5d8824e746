"""The smoke checks, as data about this API."""

import json
import re
from pathlib import Path

from payments.domain.identity import PAYMENT_ID_PATTERN

CHECKS = json.loads((Path(__file__).parents[3] / "app" / "smoke.json").read_text(encoding="utf-8"))["checks"]


def test_a_smoke_check_that_changes_nothing_reaches_the_table() -> None:
    """Among the checks that write nothing, one asks for an id that a payment could have, so the table is asked."""
    asked = [
        check["request"]["path"]
        for check in CHECKS
        if not check["writes"] and check["expect"]["status"] == 404
    ]

    assert asked
    assert all(re.fullmatch(PAYMENT_ID_PATTERN, path.removeprefix("/payments/")) for path in asked)
