"""in-toto statements of ours: what was signed is parsed once, strictly, and says exactly one thing of one release."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.signer import CryptoSigner

from pipeline.model.canonical import canonical_bytes
from pipeline.model.trust import PublicKey, Role
from pipeline.trust.check_result import TEST_RESULT, CheckResult
from pipeline.trust.envelope import SignatureError, sign
from pipeline.trust.keys import RoleKey
from pipeline.trust.provenance import PROVENANCE, Provenance
from pipeline.trust.statement import (
    PAYLOAD_TYPE,
    NotAllowedError,
    Predicate,
    Statement,
    StatementError,
    open_statement,
    sign_statement,
)

RELEASE = "sha256:" + "ab" * 32
CHECKED = CheckResult(
    name="policies",
    configuration="sha256:" + "cd" * 32,
    command=("{python}", "-m", "policies"),
    passed=True,
    passed_tests=("PAY_1", "PAY_2"),
    warned_tests=("PAY_3",),
    failed_tests=(),
    versions={"checkov": "3.3.30", "python": "3.11.4"},
    test_versions={"PAY_1": "sha256:1", "PAY_2": "sha256:2", "PAY_3": "checkov 3.3.30"},
    finished="2026-01-02T03:04:05+00:00",
    milliseconds=2**53 + 1,
)
BUILT = Provenance(
    project="payments",
    commit="1" * 40,
    dirty=False,
    locks={"requirements/app.txt": "sha256:" + "ef" * 32},
    tools={"python": "3.11.4"},
    started="2026-01-02T03:04:05+00:00",
    finished="2026-01-02T03:05:05+00:00",
)


def _key(role: Role) -> RoleKey:
    signer = CryptoSigner.generate_ed25519()
    return RoleKey(PublicKey.of(role, "ed25519", signer.public_key.keyval["public"], "Ann"), signer)


KEYS = {role: _key(role) for role in Role}
NOTES = ("predicate", "configuration", 0, "annotations")
CASES = [pytest.param(CHECKED, Role.CHECKER, id="check"), pytest.param(BUILT, Role.BUILDER, id="build")]


def _find(*roles: Role) -> Callable[[str], PublicKey | None]:
    return {KEYS[role].public.keyid: KEYS[role].public for role in roles or Role}.get


def _document(predicate: Predicate) -> dict[str, Any]:
    raw = sign_statement(
        RELEASE, predicate, KEYS[Role.CHECKER if isinstance(predicate, CheckResult) else Role.BUILDER]
    )
    return dict(json.loads(_payload(raw)))


def _payload(raw: bytes) -> bytes:
    return base64.b64decode(json.loads(raw)["payload"])


def _open(document: Any, role: Role) -> Predicate:
    payload = document if isinstance(document, bytes) else canonical_bytes(document)
    return open_statement(sign(payload, PAYLOAD_TYPE, KEYS[role]), RELEASE, _find()).predicate


@pytest.mark.parametrize(("predicate", "role"), CASES)
def test_what_is_signed_is_what_is_read(predicate: Predicate, role: Role) -> None:
    """A statement comes back whole, large numbers included, with whose it is."""
    verified = open_statement(sign_statement(RELEASE, predicate, KEYS[role]), RELEASE, _find())

    assert verified.predicate == predicate
    assert verified.key == KEYS[role].public
    assert Statement.from_json(verified.named("sha256:1").to_json()) == verified.named("sha256:1")


@pytest.mark.parametrize(("predicate", "role"), CASES)
def test_it_is_an_in_toto_statement(predicate: Predicate, role: Role) -> None:
    """The shape is in-toto's Statement v1 with one subject, so that others' tools can read it."""
    document = _document(predicate)

    assert document["_type"] == "https://in-toto.io/Statement/v1"
    assert document["subject"] == [{"name": "release", "digest": {"sha256": "ab" * 32}}]
    assert document["predicateType"] == (PROVENANCE if role is Role.BUILDER else TEST_RESULT)


@pytest.mark.parametrize(
    ("predicate", "role", "wrong"),
    [
        (predicate, role, wrong)
        for predicate, role in ((CHECKED, Role.CHECKER), (BUILT, Role.BUILDER))
        for wrong in Role
        if wrong is not role
    ],
)
def test_only_the_role_whose_power_it_is_may_sign(predicate: Predicate, role: Role, wrong: Role) -> None:
    """A builder's key says nothing of checks, a checker's nothing of builds, nobody else's anything."""
    document = _document(predicate)

    with pytest.raises(NotAllowedError, match=f"a {wrong} key signed .* only a {role} key may sign"):
        _open(document, wrong)
    with pytest.raises(NotAllowedError):
        sign_statement(RELEASE, predicate, KEYS[wrong])


def test_a_key_that_does_not_count_says_nothing() -> None:
    """Whoever is not named is nobody."""
    raw = sign_statement(RELEASE, CHECKED, KEYS[Role.CHECKER])

    with pytest.raises(SignatureError, match="which does not count here"):
        open_statement(raw, RELEASE, _find(Role.BUILDER))


def test_it_is_about_one_release() -> None:
    """A statement about another release does not count for this one."""
    raw = sign_statement("sha256:" + "00" * 32, CHECKED, KEYS[Role.CHECKER])

    with pytest.raises(
        StatementError, match="a statement is about release 000000000000, not about abababababab"
    ):
        open_statement(raw, RELEASE, _find())


def _paths(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the way to every value inside a document."""
    inner: list[tuple[Any, ...]] = []
    pairs = (
        document.items()
        if isinstance(document, dict)
        else enumerate(document)
        if isinstance(document, list)
        else ()
    )
    for key, value in pairs:
        inner += [(*path, key), *_paths(value, (*path, key))]
    return inner


def _copy(document: Any) -> Any:
    return json.loads(json.dumps(document))


def _at(document: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        document = document[key]
    return document


EVERY_FIELD = [
    pytest.param(predicate, role, path, id="/".join(map(str, path)))
    for predicate, role in ((CHECKED, Role.CHECKER), (BUILT, Role.BUILDER))
    for path in _paths(_document(predicate))
]


@pytest.mark.parametrize(("predicate", "role", "path"), EVERY_FIELD)
def test_every_field_must_be_there(predicate: Predicate, role: Role, path: tuple[Any, ...]) -> None:
    """Without any one of its fields or items, it is refused, or it says less (an item of a list)."""
    document = _document(predicate)
    del _at(document, path[:-1])[path[-1]]

    if path[-2:-1] in {("command",), ("versions",)} or (
        path[-2:-1] == ("resolvedDependencies",) and path[-1]
    ):
        assert _open(document, role) != predicate
        return
    with pytest.raises(StatementError):
        _open(document, role)


def _misfits(predicate: Predicate, path: tuple[Any, ...]) -> list[Any]:
    """Return values that cannot stand in a field: of another type, or empty, or endless."""
    own = type(_at(_document(predicate), path))
    values: list[Any] = [None, True, 1, 1.5, [], {}]
    return [*(value for value in values if type(value) is not own), "", "x" * 5000]


@pytest.mark.parametrize(("predicate", "role", "path"), EVERY_FIELD)
def test_every_field_has_its_type(predicate: Predicate, role: Role, path: tuple[Any, ...]) -> None:
    """A value of another type, or no sensible one, is refused in a sentence; nothing is guessed."""
    for value in _misfits(predicate, path):
        document = _document(predicate)
        _at(document, path[:-1])[path[-1]] = value
        with pytest.raises(StatementError):
            _open(document, role)


@pytest.mark.parametrize(("predicate", "role", "path"), EVERY_FIELD)
def test_unknown_fields_are_refused(predicate: Predicate, role: Role, path: tuple[Any, ...]) -> None:
    """What nobody knows could have changed the meaning; in-toto's alias `type` is unknown too."""
    document = _document(predicate)
    value = _at(document, path)
    for holder in (document, value):
        if isinstance(holder, dict):
            changed = _copy(document)
            (_at(changed, path) if holder is value else changed)["type"] = "x"
            with pytest.raises(StatementError):
                _open(changed, role)


def test_a_pass_names_what_was_looked_at() -> None:
    """A good result that names nothing is refused; one of which everything was waived is none of those."""
    nothing = replace(CHECKED, passed_tests=(), warned_tests=(), test_versions={})
    waived = replace(nothing, warned_tests=("PAY_3",))

    assert _open(_document(waived), Role.CHECKER) == waived
    with pytest.raises(StatementError, match="says it passed, and names what failed or nothing"):
        _open(_document(nothing), Role.CHECKER)


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (("_type",), "https://in-toto.io/Statement/v0.1", "of the unknown type"),
        (("predicateType",), "https://example.com/other", "of the unknown type 'https://example.com/other'"),
        (("subject", 0, "digest", "sha256"), "a", "no release digest of 64 hex digits"),
        (("subject", 0, "digest", "sha256"), "AB" * 32, "no release digest of 64 hex digits"),
        (("subject", 0, "name"), "other", "no release digest of 64 hex digits"),
        (("subject",), [], "about 0 things"),
        (("predicate", "result"), "GREAT", "is 'GREAT'; known are PASSED, FAILED"),
        (("predicate", "result"), "WARNED", "is 'WARNED'; known are PASSED, FAILED"),
        (("predicate", "configuration"), [], "rests on 0 configurations"),
        (("predicate", "configuration", 0, "digest", "sha256"), "c", "is no SHA-256 of 64 hex digits"),
        (("predicate", "passedTests"), ["B", "A"], "is not sorted, or names something twice"),
        (("predicate", "passedTests"), ["A", "A"], "is not sorted, or names something twice"),
        (("predicate", "passedTests"), [], "names versions of other tests than it ran"),
        (("predicate", "passedTests"), ["PAY_1"], "names versions of other tests than it ran"),
        (
            ("predicate", "passedTests"),
            ["PAY_1", "PAY_2", "PAY_4"],
            "names versions of other tests than it ran",
        ),
        (("predicate", "warnedTests"), ["B", "A"], "is not sorted, or names something twice"),
        (
            (*NOTES, "versions"),
            [{"name": "b", "version": "1"}, {"name": "a", "version": "1"}],
            "not in its place",
        ),
        ((*NOTES, "versions"), [{"name": "a", "version": "1"}, {"name": "a", "version": "1"}], "named twice"),
        (("predicate", "failedTests"), ["PAY_3"], "says it passed, and names what failed or nothing"),
        (("predicate", "tollgate_run", "milliseconds"), "1e3", "no whole number written as text"),
        (("predicate", "tollgate_run", "milliseconds"), "007", "no whole number written as text"),
        (("predicate", "tollgate_run", "milliseconds"), 9007199254740993, "where a string was expected"),
        (("predicate", "tollgate_run", "finishedOn"), "2026-01-02T03:04:05", "is no time with a zone"),
        (("predicate", "tollgate_run", "finishedOn"), "yesterday", "is no time with a zone"),
    ],
)
def test_a_result_is_read_strictly(path: tuple[Any, ...], value: Any, reason: str) -> None:
    """What the library of in-toto lets pass is refused here, in one sentence each."""
    document = _document(CHECKED)
    _at(document, path[:-1])[path[-1]] = value

    with pytest.raises(StatementError, match=reason):
        _open(document, Role.CHECKER)


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (("buildDefinition", "buildType"), "urn:other", "the buildType of provenance is 'urn:other'"),
        (
            ("buildDefinition", "externalParameters", "commit"),
            "2" * 40,
            "names one commit as its source and another",
        ),
        (
            ("buildDefinition", "externalParameters", "commit"),
            None,
            "names one commit as its source and another",
        ),
        (("buildDefinition", "internalParameters", "slsaBuildLevel"), "3", "the level of provenance is '3'"),
        (
            ("buildDefinition", "resolvedDependencies", 0, "digest"),
            {"gitCommit": "1" * 39},
            "is no commit of 40",
        ),
        (("buildDefinition", "resolvedDependencies", 0, "digest"), {"sha256": "1" * 64}, "lacks 'gitCommit'"),
        (("runDetails", "builder", "id"), "https://github.com/x", "the builder of provenance is"),
    ],
)
def test_provenance_is_read_strictly(path: tuple[Any, ...], value: Any, reason: str) -> None:
    """Unknown parameters, another builder or a level that nobody vouches for fail."""
    document = _document(BUILT)
    _at(document["predicate"], path[:-1])[path[-1]] = value

    with pytest.raises(StatementError, match=reason):
        _open(document, Role.BUILDER)


@pytest.mark.parametrize("how", ["twice", "moved"])
def test_materials_have_one_spelling(how: str) -> None:
    """A lock file named twice, with two digests, would let each reader see another one."""
    document = _document(BUILT)
    materials = document["predicate"]["buildDefinition"]["resolvedDependencies"]
    if how == "twice":
        materials.insert(1, {"name": "requirements/app.txt", "digest": {"sha256": "00" * 32}})
    else:
        materials.reverse()

    with pytest.raises(StatementError, match="names a material twice, or not in its place"):
        _open(document, Role.BUILDER)


def test_a_build_on_a_laptop_says_that_it_is_level_1() -> None:
    """A signature by whoever built it shows accident, not malice, and does not claim more."""
    parameters = BUILT.to_json()["buildDefinition"]["internalParameters"]

    assert parameters["slsaBuildLevel"] == "1"
    assert "nobody else vouches for" in parameters["reason"]


@pytest.mark.parametrize(
    "payload", [b"", b"{", b"[1]", b'{"a":1,"a":2}', b'{ "a": 1}', b'{"a":NaN}', b"[" * 9000]
)
def test_what_is_not_json_in_one_spelling_is_no_statement(payload: bytes) -> None:
    """A key that stands there twice, spaces or NaN let two readers see two things."""
    with pytest.raises(StatementError):
        _open(payload, Role.CHECKER)


@given(position=st.integers(0, 10_000), other=st.integers(1, 255), build=st.booleans())
def test_any_changed_byte_of_what_was_signed_says_something_else_or_nothing(
    position: int, other: int, build: bool
) -> None:
    """Signed again with a byte changed, a statement is refused or plainly says something else, never the same."""
    predicate, role = (BUILT, Role.BUILDER) if build else (CHECKED, Role.CHECKER)
    payload = bytearray(canonical_bytes(_document(predicate)))
    payload[position % len(payload)] ^= other

    try:
        found = _open(bytes(payload), role)
    except (StatementError, NotAllowedError):
        return
    assert found != predicate


def test_a_build_outside_git_has_no_commit() -> None:
    """Provenance says so plainly instead of leaving it out."""
    built = Provenance(
        project="payments",
        commit=None,
        dirty=True,
        locks={},
        tools={},
        started=BUILT.started,
        finished=BUILT.finished,
    )

    assert (
        open_statement(sign_statement(RELEASE, built, KEYS[Role.BUILDER]), RELEASE, _find()).predicate
        == built
    )
