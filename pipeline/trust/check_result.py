"""What a check found in a release: an in-toto test result, with the configuration that its verdict rests on."""

from dataclasses import dataclass
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
        failed_tests: What it found wrong.
        finished: When the run ended, RFC 3339.
        milliseconds: How long it took.
    """

    name: str
    configuration: str
    command: tuple[str, ...]
    passed: bool
    passed_tests: tuple[str, ...]
    failed_tests: tuple[str, ...]
    finished: str
    milliseconds: int

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
                    "annotations": {"command": list(self.command)},
                }
            ],
            "passedTests": sorted(set(self.passed_tests)),
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
            required=("result", "configuration", "passedTests", "failedTests", "tollgate_run"),
        )
        configuration = strict_json.items(found["configuration"], f"the configuration of {where}")
        if len(configuration) != 1:
            raise RefusedError(f"{where} rests on {len(configuration)} configurations where one was expected")
        rests_on = strict_json.fields(
            configuration[0], f"the configuration of {where}", required=("name", "digest", "annotations")
        )
        notes = strict_json.fields(rests_on["annotations"], f"the notes of {where}", required=("command",))
        ran = strict_json.fields(
            found["tollgate_run"], f"the run of {where}", required=("finishedOn", "milliseconds")
        )
        result = cls(
            name=short_text(rests_on["name"], f"the name of {where}"),
            configuration=sha256(rests_on["digest"], f"the configuration of {where}"),
            command=words(notes["command"], f"the command of {where}"),
            passed=one_of(found["result"], (PASSED, FAILED), f"the verdict of {where}") == PASSED,
            passed_tests=sorted_words(found["passedTests"], f"what passed in {where}"),
            failed_tests=sorted_words(found["failedTests"], f"what failed in {where}"),
            finished=moment(ran["finishedOn"], f"the end of {where}"),
            milliseconds=number(ran["milliseconds"], f"the length of {where}"),
        )
        if result.passed and (result.failed_tests or not result.passed_tests):
            raise RefusedError(f"{where} of {result.name} says it passed, and names what failed or nothing")
        return result
