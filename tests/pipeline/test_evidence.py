"""The evidence that the ledger names: there, genuine, fresh, by somebody allowed, and good, or the reason why not."""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.build.release import record_provenance
from pipeline.build.source import Source
from pipeline.evidence.verify import Named, Problem, ProblemKind, Wanted, verify_evidence
from pipeline.model.canonical import canonical_bytes
from pipeline.model.release import Release
from pipeline.model.trust import Keyring, Role
from pipeline.settings import Project
from pipeline.stores.layout import Layout
from pipeline.stores.releases import ReleaseStore
from pipeline.trust.check_result import CheckResult
from pipeline.trust.keys import Keys
from pipeline.trust.provenance import PROVENANCE
from pipeline.trust.statement import ENVELOPE_TYPE, Statement, sign_statement

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
CONFIGURATION = "sha256:" + "cd" * 32
COMMAND = ("{python}", "-m", "policies")
WANTED = (Wanted("unit", CONFIGURATION, COMMAND), Wanted("policies", CONFIGURATION, COMMAND))


@dataclass
class Case:
    """A release, its store, and what a ledger names about it: one entry after the other, from number 2 on."""

    store: ReleaseStore
    release: Release
    keys: Keys
    ring: Keyring
    named: list[Named] = field(default_factory=list)

    def say(
        self, check: str, *, by: Keys | None = None, about: str | None = None, **changes: Any
    ) -> Statement:
        """Sign a check's result, attach it, name it."""
        said = replace(
            CheckResult(
                name=check,
                configuration=CONFIGURATION,
                command=COMMAND,
                passed=True,
                passed_tests=("A", "B"),
                failed_tests=(),
                finished=NOW.isoformat(),
                milliseconds=1,
            ),
            **changes,
        )
        raw = sign_statement(about or self.release.digest, said, (by or self.keys).signer(Role.CHECKER))
        digest = self.store.attach(self.release.digest, ENVELOPE_TYPE, json.loads(raw))
        return self.name(Statement(check, said.type, digest, said.passed))

    def name(self, statement: Statement) -> Statement:
        """Write the ledger's next entry, which names a statement."""
        self.named.append(Named(len(self.named) + 2, statement))
        return statement

    def fail(self, check: str, **changes: Any) -> Statement:
        """Sign, attach and name a check's no."""
        return self.say(check, passed=False, passed_tests=(), failed_tests=("A",), **changes)

    def problems(self, wanted: Sequence[Wanted] = WANTED, **how: datetime) -> tuple[Problem, ...]:
        """Ask what is the matter."""
        return verify_evidence(self.store, self.release.digest, self.named, self.ring.key_at, wanted, **how)

    def kinds(self, wanted: Sequence[Wanted] = WANTED, **how: datetime) -> list[str]:
        """Ask what is the matter, in one word each."""
        return [problem.kind.value for problem in self.problems(wanted, **how)]

    def blob(self, statement: Statement) -> Path:
        """Return where the envelope of a statement lies."""
        manifest = json.loads(Layout(self.store.path).read(statement.digest))
        digest = manifest["layers"][0]["digest"].removeprefix("sha256:")
        return self.store.path / "blobs" / "sha256" / str(digest)


@pytest.fixture
def bare(tmp_path: Path) -> Case:
    """A release about which the ledger names nothing."""
    store = ReleaseStore(tmp_path / "releases")
    keys = Keys(tmp_path / "keys", {}, "Ann")
    ring = Keyring()
    for role in Role:
        ring = ring.with_key(keys.public(role), 1)
    return Case(store, store.save({"lambda.zip": b"code"}), keys, ring)


@pytest.fixture
def case(bare: Case, tmp_path: Path) -> Case:
    """A release with all the evidence that is wanted."""
    source = Source("1" * 40, "subject", "Ann", dirty=False)
    bare.name(record_provenance(bare.store, bare.release, source, project=_project(tmp_path), keys=bare.keys))
    bare.say("unit")
    bare.say("policies")
    return bare


def test_whole_evidence_is_no_problem(case: Case) -> None:
    """The control: everything there, everything right."""
    assert case.problems(oldest=NOW - timedelta(days=1), now=NOW) == ()


def test_what_is_not_named_is_missing(bare: Case) -> None:
    """Nothing known of a release is the plainest no; each thing that is missing is named."""
    problems = bare.problems()

    assert [problem.kind for problem in problems] == [ProblemKind.MISSING] * 3
    assert "nothing says what release" in problems[0].sentence
    assert "has no result of the check unit" in problems[1].sentence
    assert "has no result of the check policies" in problems[2].sentence


def test_what_is_attached_and_not_named_does_not_count(case: Case) -> None:
    """The store's list is only a hint: whoever may write there may add anything to it."""
    case.named = [each for each in case.named if each.statement.name != "unit"]

    assert case.kinds() == ["missing"]


def test_what_is_named_and_no_longer_listed_counts(case: Case) -> None:
    """A store that loses its list of what is attached loses no evidence."""
    (case.store.path / "index.json").unlink()

    assert case.kinds() == []


@pytest.mark.parametrize("which", [0, 1, 2])
@pytest.mark.parametrize("part", ["envelope", "manifest"])
def test_what_is_gone_from_the_store_is_missing(case: Case, which: int, part: str) -> None:
    """A digest in the ledger without its bytes proves nothing."""
    statement = case.named[which].statement
    path = case.blob(statement)
    (path if part == "envelope" else path.with_name(statement.digest.removeprefix("sha256:"))).unlink()

    assert case.kinds() == ["missing"]
    assert f"the statement {statement.name}" in case.problems()[0].sentence


@pytest.mark.parametrize("which", [0, 1, 2])
@pytest.mark.parametrize("position", [0, 100, 700, -5])
def test_what_was_altered_is_forged(case: Case, which: int, position: int) -> None:
    """Any other byte than the one that was there is noticed by its digest."""
    path = case.blob(case.named[which].statement)
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)

    assert case.kinds() == ["forged"]


@pytest.mark.parametrize("change", ["signature", "payload", "two signatures", "payload type"])
def test_an_envelope_made_up_is_forged(case: Case, change: str) -> None:
    """What was attached anew with a fitting digest still needs a signature that fits."""
    document = case.store.document(case.named[1].statement.digest)
    other = case.store.document(case.named[2].statement.digest)
    if change == "signature":
        document["signatures"] = other["signatures"]
    elif change == "payload":
        document["payload"] = other["payload"]
    elif change == "payload type":
        document["payloadType"] = "application/other"
    else:
        document["signatures"] *= 2
    digest = case.store.attach(case.release.digest, ENVELOPE_TYPE, document)
    case.name(replace(case.named[1].statement, digest=digest))

    assert case.kinds() == ["forged"]


@pytest.mark.parametrize(
    "changes", [{"passed": True}, {"name": "policies"}, {"predicate": PROVENANCE}], ids=str
)
def test_a_ledger_that_says_something_else_than_the_statement_is_forged(
    case: Case, changes: dict[str, Any]
) -> None:
    """The entry's words about a statement must be the statement's own."""
    failed = case.fail("unit", finished=(NOW + timedelta(seconds=1)).isoformat())
    case.named.pop()
    case.name(replace(failed, **changes))

    assert case.kinds() == ["forged"]


def test_one_statement_is_one_thing(case: Case) -> None:
    """A second entry that names a digest as something else is refused, whatever else is right."""
    case.name(replace(case.named[2].statement, name="unit", passed=False))

    assert "forged" in case.kinds()


def test_a_digest_that_is_none_is_forged(case: Case) -> None:
    """A name that is no digest leads nowhere, and not out of the store."""
    case.name(replace(case.named[1].statement, digest="../../etc/passwd"))

    assert case.kinds() == ["forged"]


def test_a_statement_about_another_release_is_forged(case: Case) -> None:
    """What is true of one release is not true of this one."""
    case.say("unit", about="sha256:" + "00" * 32)

    assert case.kinds() == ["forged"]
    assert "a statement is about release 000000000000" in case.problems()[0].sentence


def test_a_key_that_nobody_named_is_not_allowed(case: Case, tmp_path: Path) -> None:
    """Anybody can make a key; only named ones count."""
    case.say("unit", by=Keys(tmp_path / "else", {}, "Eve"))

    assert case.kinds() == ["not-allowed"]


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.CHECKER])
def test_a_key_with_another_power_is_not_allowed(case: Case, role: Role) -> None:
    """A key that the ledger names for something else cannot pass a check."""
    own = case.keys.public(Role.CHECKER)
    case.ring = case.ring.without(own.keyid, 2).with_key(replace(own, role=role, person="Ann"), 2)

    assert case.kinds() == ["not-allowed", "not-allowed"]
    assert f"a {role} key signed a statement that only a checker key may sign" in case.problems()[0].sentence


@pytest.mark.parametrize(("revoked", "kinds"), [(2, 2), (3, 2), (4, 1), (5, 0)])
def test_a_key_counts_where_the_ledger_named_the_statement(case: Case, revoked: int, kinds: int) -> None:
    """What was named before a key was revoked stays good; what is named after that is worth nothing."""
    case.ring = case.ring.without(case.keys.public(Role.CHECKER).keyid, revoked)

    assert case.kinds() == ["not-allowed"] * kinds


def test_a_newer_failure_revokes(case: Case) -> None:
    """The newest result counts, so a check that fails later takes back what it said before."""
    case.fail("unit", finished=(NOW + timedelta(minutes=1)).isoformat())

    assert case.problems() == (
        Problem(ProblemKind.FAILED, "the newest result of the check unit is a failure"),
    )


def test_a_failure_that_was_mended_is_forgotten(case: Case) -> None:
    """A yes after a no is a yes."""
    case.fail("unit", finished=(NOW + timedelta(minutes=1)).isoformat())
    case.say("unit", finished=(NOW + timedelta(minutes=2)).isoformat())

    assert case.problems() == ()


def test_naming_an_old_yes_again_does_not_make_it_new(case: Case) -> None:
    """A yes from before the no is not newer because somebody recorded it once more."""
    old = case.named[1].statement
    case.fail("unit", finished=(NOW + timedelta(minutes=1)).isoformat())
    case.name(old)

    assert case.kinds() == ["failed"]


def test_an_old_yes_that_was_never_named_does_not_take_back_a_no(case: Case) -> None:
    """A yes that was signed before the no, and kept back until now, is older than the no by its own time."""
    case.fail("unit", finished=(NOW + timedelta(minutes=1)).isoformat())
    case.say("unit", finished=(NOW - timedelta(minutes=1)).isoformat())

    assert case.kinds() == ["failed"]
    assert "failed after the result that the ledger names as newest" in case.problems()[0].sentence


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"configuration": "sha256:" + "00" * 32}, "rests on other files than those that count now"),
        ({"command": ("true",)}, "was another program than the settings ask for"),
    ],
)
def test_another_configuration_is_stale(case: Case, changes: dict[str, Any], words: str) -> None:
    """A yes by other rules is no yes by these."""
    case.say("unit", **changes)

    assert case.kinds() == ["stale"]
    assert words in case.problems()[0].sentence


def test_where_nobody_can_compute_a_configuration_the_program_counts(case: Case) -> None:
    """Offline, without the checkout, the command is compared and the files are not."""
    case.say("unit", configuration="sha256:" + "00" * 32)

    assert case.kinds([Wanted("unit", None, COMMAND)]) == []
    assert case.kinds([Wanted("unit", None, ("true",))]) == ["stale"]


@pytest.mark.parametrize(("hours", "kinds"), [(-25, ["stale"]), (-23, []), (0, []), (1, ["stale"])])
def test_evidence_has_an_age(case: Case, hours: int, kinds: list[str]) -> None:
    """Too old is stale, and so is what claims to be from tomorrow, which would never become old."""
    case.say("unit", finished=(NOW + timedelta(hours=hours)).isoformat())

    assert case.kinds(WANTED[:1], oldest=NOW - timedelta(days=1), now=NOW) == kinds


def test_a_check_that_left_something_out_is_missing_it(case: Case) -> None:
    """The verifier asks that the right tests ran, not that some did."""
    assert case.kinds([Wanted("unit", CONFIGURATION, COMMAND, frozenset({"A", "B"}))]) == []
    (problem,) = case.problems([Wanted("unit", CONFIGURATION, COMMAND, frozenset({"A", "C", "D"}))])
    assert problem == Problem(ProblemKind.MISSING, "the check unit did not look at C, D")


def test_what_was_waived_was_looked_at(case: Case) -> None:
    """A finding that a decision lets pass is no gap: the test ran, and everybody can read that it warned."""
    case.say("unit", passed_tests=("A",), warned_tests=("B",))
    assert case.kinds([Wanted("unit", CONFIGURATION, COMMAND, frozenset({"A", "B"}))]) == []


def test_everything_is_named_not_only_the_first(case: Case) -> None:
    """A reviewer gets the whole list at once."""
    case.blob(case.named[0].statement).unlink()
    case.say("unit", command=("true",))
    case.fail("policies", finished=(NOW + timedelta(minutes=1)).isoformat())

    assert case.kinds() == ["missing", "stale", "failed"]


# --- Provenance -------------------------------------------------------------------------------------------------


def _project(tmp_path: Path) -> Project:
    root = tmp_path / "project"
    (root / "requirements").mkdir(parents=True)
    for name in ("app", "dev"):
        (root / "requirements" / f"{name}.txt").write_text(f"{name}==1")
    (root / "lock.hcl").write_text("provider")
    return Project(
        root=root,
        name="tiny",
        synth=("true",),
        bootstrap=("true",),
        package_source=root,
        package_requirements=root / "requirements" / "app.txt",
        package_python="3.13",
        provider_lock=root / "lock.hcl",
        smoke_checks=root,
        checks=(),
    )


def test_provenance_names_commit_lock_files_and_tools(bare: Case, tmp_path: Path) -> None:
    """Everything that decided what was built, by digest or version."""
    project = _project(tmp_path)
    source = Source("1" * 40, "subject", "Ann", dirty=True)
    statement = record_provenance(bare.store, bare.release, source, project=project, keys=bare.keys)

    found = _definition(bare, statement)
    assert (found["externalParameters"]["commit"], found["externalParameters"]["dirty"]) == ("1" * 40, True)
    names = [material["name"] for material in found["resolvedDependencies"]]
    assert {"commit", "requirements/app.txt", "requirements/dev.txt", "terraform.lock.hcl", "python"} <= set(
        names
    )
    assert statement == Statement("provenance", PROVENANCE, statement.digest, passed=True)


def _definition(case: Case, statement: Statement) -> dict[str, Any]:
    """Return the build definition that a statement holds."""
    payload = json.loads(base64.b64decode(case.store.document(statement.digest)["payload"]))
    return dict(payload["predicate"]["buildDefinition"])


@pytest.mark.parametrize(
    ("changed", "again"),
    [
        (lambda source, _: source, True),
        (lambda source, _: replace(source, subject="other"), True),
        (lambda source, _: replace(source, commit="2" * 40), False),
        (lambda source, _: replace(source, dirty=True), False),
        (lambda source, project: (project.root / "lock.hcl").write_text("other") and source, False),
    ],
    ids=["nothing", "words", "commit", "dirty", "lock"],
)
def test_the_same_build_is_said_once(
    bare: Case, tmp_path: Path, changed: Callable[[Source, Project], Source], again: bool
) -> None:
    """Building the same again adds nothing; another commit that makes the same release adds a statement."""
    project = _project(tmp_path)
    source = Source("1" * 40, "subject", "Ann", dirty=False)
    first = record_provenance(bare.store, bare.release, source, project=project, keys=bare.keys)
    second = record_provenance(
        bare.store, bare.release, changed(source, project), project=project, keys=bare.keys
    )

    assert (first == second) is again


def test_another_builders_word_is_not_ours(bare: Case, tmp_path: Path) -> None:
    """Each builder speaks for itself."""
    source = Source("1" * 40, "subject", "Ann", dirty=False)
    project = _project(tmp_path)
    stranger = Keys(tmp_path / "else", {}, "Eve")
    first = record_provenance(bare.store, bare.release, source, project=project, keys=stranger)
    second = record_provenance(bare.store, bare.release, source, project=project, keys=bare.keys)

    assert first != second
    assert canonical_bytes(bare.store.document(first.digest)) != canonical_bytes(
        bare.store.document(second.digest)
    )
