"""What a check found in a release: an in-toto test result, with the configuration that its verdict rests on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.model import strict_json
from pipeline.model.errors import RefusedError
from pipeline.trust.predicate_json import (
    hex_of,
    moment,
    number,
    one_of,
    sha256,
    short_text,
    sorted_words,
    versions,
    versions_to_json,
    words,
)

TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
PASSED = "PASSED"
FAILED = "FAILED"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """One run of one check.

    Attributes:
        name: The check's name.
        configuration: `sha256:` and 64 hex digits over all that the verdict rests on beside the release.
        command: The program and its arguments, placeholders as the settings have them.
        passed: The verdict.
        passed_tests: What the check looked at and found right: its own ids where it reports them, else its name.
        warned_tests: What it found wrong somewhere, and let pass by a recorded decision.
        failed_tests: What it found wrong.
        versions: The tools it ran with; empty where it does not say.
        test_versions: The version of each test, by its id; empty where it does not say.
        finished: When the run ended, RFC 3339.
        milliseconds: How long it took.
    """

    name: str
    configuration: str
    command: tuple[str, ...]
    passed: bool
    passed_tests: tuple[str, ...]
    warned_tests: tuple[str, ...] = ()
    failed_tests: tuple[str, ...]
    finished: str
    milliseconds: int
    versions: Mapping[str, str] = field(default_factory=dict)
    test_versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def type(self) -> str:
        """The predicate's type."""
        return TEST_RESULT

    def to_json(self) -> dict[str, Any]:
        """Return the predicate. What the program printed is not in it: nobody knows what that holds."""
        return {
            "result": PASSED if self.passed else FAILED,
            "configuration": [
                {
                    "name": self.name,
                    "digest": hex_of(self.configuration),
                    "annotations": {
                        "command": list(self.command),
                        "versions": versions_to_json(self.versions),
                        "tests": versions_to_json(self.test_versions),
                    },
                }
            ],
            "passedTests": sorted(set(self.passed_tests)),
            "warnedTests": sorted(set(self.warned_tests)),
            "failedTests": sorted(set(self.failed_tests)),
            "tollgate_run": {"finishedOn": self.finished, "milliseconds": str(self.milliseconds)},
        }

    @classmethod
    def from_json(cls, document: Any) -> "CheckResult":
        """Read a predicate strictly.

        Raises:
            RefusedError: It is none of ours, or contradicts itself.
        """
        where = "a test result"
        found = strict_json.fields(
            document,
            where,
            required=(
                *("result", "configuration", "passedTests", "warnedTests", "failedTests"),
                "tollgate_run",
            ),
        )
        configuration = strict_json.items(found["configuration"], f"the configuration of {where}")
        if len(configuration) != 1:
            raise RefusedError(f"{where} rests on {len(configuration)} configurations where one was expected")
        rests_on = strict_json.fields(
            configuration[0], f"the configuration of {where}", required=("name", "digest", "annotations")
        )
        notes = strict_json.fields(
            rests_on["annotations"], f"the notes of {where}", required=("command", "versions", "tests")
        )
        ran = strict_json.fields(
            found["tollgate_run"], f"the run of {where}", required=("finishedOn", "milliseconds")
        )
        result = cls(
            name=short_text(rests_on["name"], f"the name of {where}"),
            configuration=sha256(rests_on["digest"], f"the configuration of {where}"),
            command=words(notes["command"], f"the command of {where}"),
            passed=one_of(found["result"], (PASSED, FAILED), f"the verdict of {where}") == PASSED,
            passed_tests=sorted_words(found["passedTests"], f"what passed in {where}"),
            warned_tests=sorted_words(found["warnedTests"], f"what was waived in {where}"),
            failed_tests=sorted_words(found["failedTests"], f"what failed in {where}"),
            finished=moment(ran["finishedOn"], f"the end of {where}"),
            milliseconds=number(ran["milliseconds"], f"the length of {where}"),
            versions=versions(notes["versions"], f"a tool of {where}"),
            test_versions=versions(notes["tests"], f"a test of {where}"),
        )
        good = {*result.passed_tests, *result.warned_tests}
        if result.passed and (result.failed_tests or not good):
            raise RefusedError(f"{where} of {result.name} says it passed, and names what failed or nothing")
        if result.test_versions and not good <= result.test_versions.keys() <= {*good, *result.failed_tests}:
            raise RefusedError(f"{where} of {result.name} names versions of other tests than it ran")
        return result
