"""Attacks on everything that proves something: at least 40 for each class, the reason for each, beside a control.

The control is the honest world, in which nothing is the matter; it is looked at before and after each attack. Who
attacks may write to the store and to the ledger's repository. Sometimes they hold the ledger key as well: then
everything that only persons, builders and checkers can say must still be missing.
"""

import base64
import json
import random
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.model.kinds import Kind, Operation, Outcome
from pipeline.model.trust import Role
from pipeline.stores.ledger import ENTRY_FILE
from pipeline.stores.releases import ReleaseStore
from pipeline.trust.envelope import sign
from pipeline.trust.keys import Keys
from pipeline.trust.statement import ENVELOPE_TYPE, PAYLOAD_TYPE, Statement
from pipeline.verify import Anchor, verify
from tests.pipeline.signed_world import ANN, START, Row, World

CASES = 40
_MACHINES = (Role.BUILDER, Role.CHECKER, Role.LEDGER)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A release that was promoted to dev, approved, and promoted to prod."""
    return World.make(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The same in AWS, where nobody approves their own work and nothing counts unnamed."""
    return World.make(tmp_path_factory.mktemp("strict"), "aws")


@pytest.fixture(autouse=True)
def _control(world: World) -> Iterator[None]:
    """Nothing is the matter before an attack, nor after it was undone."""
    assert world.problems() == []
    yield
    world.write(world.rows)
    assert world.problems() == []


def _random(name: str) -> random.Random:
    """Return numbers that look random and are the same in each run."""
    return random.Random(name)  # noqa: S311 - cases, not secrets


def _flipped(content: bytes, source: random.Random) -> bytes:
    """Return the bytes with one of them changed, one taken out, or one put in."""
    position = source.randrange(len(content))
    how = source.choice(("flip", "cut", "add"))
    if how == "flip":
        return (
            content[:position]
            + bytes([content[position] ^ source.randrange(1, 256)])
            + content[position + 1 :]
        )
    if how == "cut":
        return content[:position] + content[position + 1 :]
    return content[:position] + bytes([source.randrange(256)]) + content[position:]


@contextmanager
def _spoilt(path: Path, content: bytes | None) -> Iterator[None]:
    """Put other bytes in a file's place, or none."""
    honest = path.read_bytes()
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    try:
        yield
    finally:
        path.write_bytes(honest)


def _insist(problems: Sequence[str], pattern: str) -> None:
    assert problems, "nothing was noticed"
    assert re.search(pattern, problems[0]), f"{problems} instead of {pattern}"


# --- The store --------------------------------------------------------------------------------------------------


def _altered_blobs(world: World, digests: Sequence[str], name: str, pattern: str) -> None:
    source = _random(name)
    for case in range(CASES):
        path = world.blob(digests[case % len(digests)])
        honest = path.read_bytes()
        with _spoilt(path, None if case % 10 == 9 else _flipped(honest, source)):
            gone = "missing: .* is missing" if case % 10 == 9 else pattern
            _insist(world.problems(), gone)


def test_an_altered_file_of_a_release(world: World) -> None:
    """Any byte of any file of the release; a file that is gone."""
    digests = [layer.digest for layer in world.release.layers]
    _altered_blobs(
        world, digests, "blob", "forged: release .* was altered: its content no longer has this digest"
    )


def test_an_altered_manifest(world: World) -> None:
    """Any byte of the manifest, which is the release's name."""
    _altered_blobs(world, [world.release.digest], "manifest", "forged: release .* was altered")


def test_an_altered_lock_file(world: World) -> None:
    """Any byte of the file that says which provider applies the release."""
    digest = world.release.layer("terraform.lock.hcl").digest
    _altered_blobs(world, [digest], "lock", "forged: release .* was altered")


def test_a_manifest_that_names_another_file(world: World) -> None:
    """A manifest made to fit an altered file is another release, whatever it is kept as."""
    for case in range(CASES):
        files = {layer.title: world.store.read(world.release, layer.title) for layer in world.release.layers}
        title = sorted(files)[case % len(files)]
        files[title] += b"%d" % case
        other = world.store.save(files)
        with _spoilt(world.blob(world.release.digest), other.manifest):
            _insist(world.problems(), "forged: release .* was altered")


def test_altered_evidence(world: World) -> None:
    """Any byte of an envelope, or of the manifest that attaches it."""
    digests = []
    for statement in _statements(world):
        manifest = json.loads(world.blob(statement.digest).read_bytes())
        digests += [statement.digest, manifest["layers"][0]["digest"]]
    _altered_blobs(world, digests, "evidence", "forged: the statement .* cannot be read: .* was altered")


def _statements(world: World) -> list[Statement]:
    body = world.rows[1].body([])
    return [Statement.from_json(document) for document in body["statements"]]


# --- Signatures and keys ----------------------------------------------------------------------------------------


def test_evidence_by_somebody_who_may_not_say_it(world: World, tmp_path: Path) -> None:
    """With the ledger key in hand: results by other roles, by keys that nobody named, or made up by hand."""
    built, _ = _statements(world)
    for case in range(CASES):
        if case % 4 == 0:
            stranger = Keys(tmp_path / str(case), {}, "Eve")
            said = world.checked(signer=stranger.signer(Role.CHECKER), milliseconds=case)
            pattern = "not-allowed: the statement unit .* which does not count here"
        elif case % 4 == 1:
            said, pattern = (
                _by_role(world, case),
                "not-allowed: the statement unit .* key signed a statement that only",
            )
        elif case % 4 == 2:
            said, pattern = _swapped(world, case), "forged: the statement unit .* is forged"
        else:
            honest = world.checked(milliseconds=case, passed=False, passed_tests=(), failed_tests=("unit",))
            said, pattern = (
                replace(honest, passed=True),
                "forged: entry 2 says of .* something else than it says",
            )
        rows = [world.rows[0], world.evidence(built, said), *world.rows[2:]]
        world.write(rows)
        _insist(world.problems(), pattern)


def _by_role(world: World, case: int) -> Statement:
    """A result signed by a key that counts for something else, past the check of the one who signs."""
    role = (Role.BUILDER, Role.LEDGER, Role.APPROVER)[case // 4 % 3]
    honest = world.checked(milliseconds=case)
    document = world.store.document(honest.digest)

    raw = sign(base64.b64decode(document["payload"]), PAYLOAD_TYPE, world.keys.signer(role))
    return replace(honest, digest=world.store.attach(world.release.digest, ENVELOPE_TYPE, json.loads(raw)))


def _swapped(world: World, case: int) -> Statement:
    """A result under another result's signature."""
    one, other = world.checked(milliseconds=case), world.checked(milliseconds=case + 1000)
    document = world.store.document(one.digest)
    document["signatures"] = world.store.document(other.digest)["signatures"]
    return replace(one, digest=world.store.attach(world.release.digest, ENVELOPE_TYPE, document))


def test_an_entry_by_a_key_that_may_not_write_it(world: World, tmp_path: Path) -> None:
    """Each entry signed by each key that has no power over it, or by one that nobody named."""
    for case in range(CASES):
        position = 1 + case % (len(world.rows) - 1)
        row = world.rows[position]
        if case % 3 == 0:
            stranger = Keys(tmp_path / str(case), {}, "Ann")
            spoilt, pattern = (
                replace(row, signer=stranger.signer(row.role)),
                "not-allowed: .*which does not count here",
            )
        else:
            wrong = [role for role in (*_MACHINES, Role.APPROVER) if role is not row.role]
            role = wrong[case % len(wrong)]
            spoilt = replace(row, signer=world.keys.signer(role))
            pattern = rf"not-allowed: .*entry {position + 1} \({row.kind}\) is signed by an? {role} key, which may not"
        world.write([*world.rows[:position], spoilt, *world.rows[position + 1 :]])
        _insist(world.problems(), pattern)


def test_an_entry_with_an_altered_signature(world: World) -> None:
    """A signature that is another entry's, or that differs by a byte."""
    source = _random("signature")
    for case in range(CASES):
        commits = world.signed(world.rows)
        position = case % len(commits)
        document = json.loads(commits[position][ENTRY_FILE])
        signature = document["signatures"][0]
        other = json.loads(commits[(position + 1) % len(commits)][ENTRY_FILE])["signatures"][0]
        if case % 2:
            signature["sig"] = other["sig"]
        else:
            place = source.randrange(80)
            letter = "A" if signature["sig"][place] != "A" else "B"
            signature["sig"] = signature["sig"][:place] + letter + signature["sig"][place + 1 :]
        commits[position] |= {
            ENTRY_FILE: json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
        }
        world.write_commits(commits)
        _insist(world.problems(), f"forged: .*entry {position + 1} is not signed as it must be: .*is forged")


# --- The ledger -------------------------------------------------------------------------------------------------


def test_an_altered_entry(world: World) -> None:
    """Any byte of any entry, without a key."""
    source = _random("entry")
    for case in range(CASES):
        commits = world.signed(world.rows)
        position = case % len(commits)
        commits[position] |= {ENTRY_FILE: _flipped(commits[position][ENTRY_FILE], source)}
        world.write_commits(commits)
        _insist(world.problems(), "^(forged|not-allowed|missing): the ledger does not verify: ")


_PARTS: tuple[tuple[str, str], ...] = (
    ("payload", r"forged: .*entry {} is not signed as it must be: an envelope is forged: its signature"),
    ("sig", r"forged: .*entry {} is not signed as it must be: an envelope is forged: its signature"),
    ("keyid", r"not-allowed: .*entry {} is not signed as it must be: .*, which does not count here"),
    (
        "payloadType",
        r"forged: .*entry {} is not signed as it must be: an envelope holds '.*' where .* was expected",
    ),
    ("end", r"forged: .*entry {} is not signed as it must be: it is no envelope: it is not JSON"),
)


def test_each_part_of_an_altered_entry(world: World) -> None:
    """Each part of each entry's envelope, without a key: the reason says which entry, and what is wrong with it."""
    source = _random("part")
    for case in range(CASES):
        commits = world.signed(world.rows)
        position, (part, pattern) = 1 + case % (len(commits) - 1), _PARTS[case // (len(commits) - 1)]
        raw = commits[position][ENTRY_FILE]
        commits[position] |= {ENTRY_FILE: _altered(raw, part, source)}
        world.write_commits(commits)
        _insist(world.problems(), pattern.format(position + 1))


def _altered(raw: bytes, part: str, source: random.Random) -> bytes:
    """Return an envelope of which one part differs by a letter, or that ends too soon."""
    if part == "end":
        return raw[: source.randrange(1, len(raw))]
    document = json.loads(raw)
    holder = document["signatures"][0] if part in {"sig", "keyid"} else document
    text, place = holder[part], source.randrange(60)
    place %= len(text)
    holder[part] = text[:place] + ("a" if text[place] != "a" else "b") + text[place + 1 :]
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def test_a_rewritten_history(world: World) -> None:
    """Entries taken out, put twice, swapped or put from another ledger, each with its own good signature."""
    source = _random("history")
    other = world.signed([*world.rows[:3], *[row.saying() for row in world.rows[3:]]])
    assert other == world.signed(world.rows)
    elsewhere = world.signed([world.rows[0], world.rows[2], world.rows[1], *world.rows[3:]])
    for case in range(CASES):
        commits = world.signed(world.rows)
        position = source.randrange(len(commits) - 1)
        if case % 4 == 0:
            del commits[position]
        elif case % 4 == 1:
            commits.insert(position, commits[source.randrange(len(commits))])
        elif case % 4 == 2:
            commits[position], commits[position + 1] = commits[position + 1], commits[position]
        else:
            position = source.randrange(3, len(commits))
            commits[position] = elsewhere[position]
        world.write_commits(commits)
        _insist(
            world.problems(),
            "(forged|missing|not-allowed): the ledger does not verify: .*(entry|genesis)",
        )


def test_a_shortened_ledger_is_noticed_by_whoever_knows_an_entry(world: World) -> None:
    """A chain that was cut verifies; only an entry known from elsewhere shows what is missing."""
    rows = world.grown(CASES + 1)
    world.write(rows)
    whole = world.verify()
    assert whole.head is not None
    known = Anchor(whole.entries, whole.head)
    assert "completeness not shown" in whole.verdict
    assert "holds the entry you named" in world.verify(known).verdict
    for left in range(1, CASES + 1):
        world.write(rows[:left])
        _insist(
            world.problems(known),
            f"missing: the ledger ends with entry {left} and lacks entry {CASES + 1}, which you named",
        )


def test_another_anchor(world: World) -> None:
    """An entry that somebody knows and the ledger holds as another one: all that was written since is doubtful."""
    source = _random("anchor")
    digests = [f"sha256:{source.randbytes(32).hex()}" for _ in range(CASES)]
    for case, digest in enumerate(digests):
        number = 1 + case % len(world.rows)
        _insist(
            world.problems(Anchor(number, digest)),
            f"forged: entry {number} is another one than the one that you named",
        )


# --- Settings and change sets -----------------------------------------------------------------------------------


def test_altered_settings(world: World) -> None:
    """Any byte of the settings beside genesis; settings that another genesis would pin."""
    source = _random("settings")
    for _ in range(CASES):
        commits = world.signed(world.rows)
        commits[0] |= {"settings.json": _flipped(commits[0]["settings.json"], source)}
        world.write_commits(commits)
        problems = world.problems()
        _insist(problems, "missing: the settings of entry 1 are missing, or not the ones it names")
        assert any("has no settings by which it can be judged" in problem for problem in problems)


def test_other_settings_under_a_fitting_name(world: World) -> None:
    """With the ledger key: settings that ask for nobody, beside an entry that names others, or that they do not fit."""
    honest = world.rows[0]
    for case in range(CASES):
        files = dict(world.settings.files)
        gate = files["environments/prod.toml"].replace(b"approvals = 1", b"approvals = %d" % (2 + case))
        weaker = replace(world.settings, files={**files, "environments/prod.toml": gate})
        documents = {"settings.json": weaker.document}
        if case % 2:
            row, pattern = (
                replace(honest, documents=documents),
                "forged: the settings of entry 1 have another digest",
            )
        else:
            row = replace(honest.saying(settings=weaker.digest), documents=documents)
            pattern = f"forged: entry 1 asks for 1 signers, and its settings for {2 + case}"
        world.write([row, *world.rows[1:]])
        _insist(world.problems(), pattern)


@pytest.mark.parametrize("position", [3, 5, 7])
def test_an_altered_change_set(world: World, position: int) -> None:
    """Any byte of what was shown or applied, or of what was found in it."""
    source = _random(f"change set {position}")
    for case in range(CASES // 2):
        commits = world.signed(world.rows)
        name = "findings.json" if case % 5 == 4 else "change-set.json"
        commits[position] |= {name: _flipped(commits[position][name], source)}
        world.write_commits(commits)
        what = (
            rf"the change set of entry {position + 1} \((start|shown)\) is missing, or not the one it names"
        )
        _insist(world.problems(), f"missing: {what}")


def test_another_change_set_than_the_entry_says(world: World) -> None:
    """With the ledger key: what lies beside a start is not what the start says it applied."""
    for case in range(CASES):
        position = (3, 5, 7)[case % 3]
        other = world.start("prod" if case % 2 else "dev", name=f"other{case}")
        row = replace(world.rows[position], documents=other.documents)
        world.write([*world.rows[:position], row, *world.rows[position + 1 :]])
        _insist(
            world.problems(),
            rf"forged: the change set of entry {position + 1} .* is another one than it says",
        )


# --- Approvals --------------------------------------------------------------------------------------------------

_OTHERS: tuple[tuple[str, Callable[[int], Any]], ...] = (
    ("change_set", lambda case: f"sha256:{case:064x}"),
    ("release", lambda case: f"sha256:{case:064x}"),
    ("account", lambda case: f"{case:012d}"),
    ("region", lambda case: f"eu-west-{case}"),
    ("environment", lambda _: "dev"),
    ("suffix", lambda case: f"pr-{case}"),
    ("shown", lambda case: f"sha256:{case:064x}"),
    ("settings", lambda case: f"sha256:{case:064x}"),
)


def test_an_approval_of_something_else(world: World) -> None:
    """Each field that binds an approval, with another value: it approves something else, so nothing."""
    for case in range(CASES):
        name, value = _OTHERS[case % len(_OTHERS)]
        spoilt = world.rows[6].saying(**{name: value(case)})
        world.write([*world.rows[:6], spoilt, *world.rows[7:]])
        pattern = {
            "shown": r"missing: entry 7 \(approval\) names a shown that does not stand before it",
            "settings": r"missing: entry 8 \(start in prod\) went past a no: .*the settings have changed",
        }.get(name, rf"forged: entry 7 \(approval\) has another {name} than entry 6")
        problems = world.problems()
        _insist(problems, pattern)
        assert any("went past a no: 1 approval missing" in problem for problem in problems)


def test_an_expired_approval(world: World) -> None:
    """An approval counts until its end, judged when it was used."""
    for case in range(CASES):
        expires = (START + timedelta(minutes=8) - timedelta(minutes=case)).isoformat()
        spoilt = world.rows[6].saying(expires=expires)
        world.write([*world.rows[:6], spoilt, *world.rows[7:]])
        _insist(
            world.problems(),
            r"missing: entry 8 \(start in prod\) went past a no: 1 approval missing: .*it expired",
        )


def test_prod_without_an_approval(world: World) -> None:
    """With the ledger key: a start that names no approval, a thing that is none, or an entry that is another's."""
    for case in range(CASES):
        number = 1 + case % 6
        start = world.start("prod", approvals=() if case % 7 == 0 else (number,))
        kept = [*world.rows[:6], start]
        world.write(kept)
        problems = world.problems()
        wrong = r"names an approval \(\w+\) that the ledger does not hold|1 approval missing"
        _insist(problems, rf"missing: entry 7 \(start in prod\) .*({wrong})")
        assert any("went past a no: 1 approval missing" in problem for problem in problems)


def test_a_replayed_approval(world: World) -> None:
    """A to B to A: the approval of the first A does not approve the second, however many promotions lie between."""
    for case in range(CASES):
        rows = list(world.rows)
        for between in range(case % 4):
            number = len(rows) + 1
            name = f"between{between}"
            rows += [
                world.shown(name),
                world.approval(number, name),
                world.start("prod", name, approvals=(number + 1,)),
                world.end(number + 2, "prod"),
            ]
        operation = (Operation.FORWARD, Operation.HEAL, Operation.ROLLBACK)[case % 3]
        if case % 2:
            rows.append(world.shown(operation=operation))
        number = len(rows) + 1
        rows.append(world.start("prod", approvals=(7,), operation=operation))
        world.write(rows)
        problems = world.problems()
        what = rf"entry {number} \(start in prod\)"
        _insist(problems, f"not-allowed: {what} uses the approval of entry 7, which entry 8 used up")
        assert any("went past a no: 1 approval missing" in problem for problem in problems)


def test_one_change_approved_and_another_applied(world: World) -> None:
    """The start applies another change set than the one that the approval it names is for."""
    for case in range(CASES):
        world.write([*world.rows[:7], world.start("prod", f"other{case}", approvals=(7,))])
        _insist(
            world.problems(),
            r"missing: entry 8 \(start in prod\) went past a no: 1 approval missing: .* it is for another change set",
        )


def test_prod_from_what_was_never_proven_before(world: World) -> None:
    """Approved, but dev was never reached, did not hold, or was not finished."""
    for case in range(CASES):
        dev: list[Row] = []
        if case % 3:
            dev = [world.start("dev")]
        if case % 3 == 1:
            outcome = (Outcome.FAILED, Outcome.ERRORED)[case % 2]
            dev.append(world.end(4, "dev", outcome).saying(reason="it did not hold"))
        number = 3 + len(dev) + 1
        name = f"it{case}"
        rows = [*world.rows[:3], *dev, world.shown(name), world.approval(number, name)]
        world.write([*rows, world.start("prod", name, approvals=(number + 1,))])
        _insist(
            world.problems(), r"missing: entry \d \(start in prod\) went past a no: \w+ is not proven in dev"
        )


def test_the_wrong_account(world: World) -> None:
    """A start in an account or region that the settings do not name for the environment, whoever approved it there."""
    for case in range(CASES):
        place = {"account": f"{case:012d}"} if case % 2 else {"region": f"eu-west-{case}"}
        spoilt = [row.saying(**place) if "account" in row.body([""] * 9) else row for row in world.rows]
        world.write(spoilt)
        assert any(
            re.search(r"not-allowed: entry 8 \(start in prod\) was in the account", problem)
            for problem in world.problems()
        )


def test_a_person_whom_nobody_named(world: World, tmp_path: Path) -> None:
    """With the ledger key: yeses by keys that are in no settings, under the names of those that are."""
    for case in range(CASES):
        stranger = Keys(tmp_path / str(case), {}, "Ann")
        spoilt = replace(world.rows[6], signer=stranger.signer(Role.APPROVER))
        world.write([*world.rows[:6], spoilt, *world.rows[7:]])
        _insist(
            world.problems(),
            "not-allowed: .*entry 7 is not signed as it must be: .*which does not count here",
        )


def test_a_yes_in_another_persons_name(world: World) -> None:
    """An approver speaks for themselves only."""
    for case in range(CASES):
        spoilt = replace(world.rows[6], by=f"Bob {case}")
        world.write([*world.rows[:6], spoilt, *world.rows[7:]])
        _insist(world.problems(), r"not-allowed: .*entry 7 \(approval\) is by 'Bob \d+', but 'Ann' signed it")


_ANNS_NAMES = (
    "Ann",
    "ANN",
    "Ann@Example.com",
    f"github:{ANN}",
    f"{ANN}+ann-x@users.noreply.github.com",
)


def test_a_yes_by_somebody_who_made_it(strict: World) -> None:
    """Under any of their names, however many pushes lie behind theirs, and though what runs is wanted again."""
    assert _approved_by_ann(strict, "Cat", 0, is_reverted=True) == []
    for case in range(CASES):
        name, behind = _ANNS_NAMES[case % 5], case // 5 % 4
        _insist(
            _approved_by_ann(strict, name, behind, is_reverted=case // 20 == 1),
            r"missing: entry \d+ \(start in prod\) went past a no: 1 approval missing: .*"
            r"the one by Ann does not count, they made a part of this release",
        )


def _approved_by_ann(strict: World, maker: str, behind: int, *, is_reverted: bool) -> list[str]:
    """Promote a release of which somebody made a part some pushes ago, with Ann's yes; say what is the matter."""
    other = strict.other(b"made by somebody")
    rows = [*strict.rows, other.evidence()]
    makers = [maker, *["Cat"] * behind]
    for number, each in enumerate(makers[:-1]):
        rows.append(strict.candidate(f"sha256:{number:064x}", people=(each,)))
    rows.append(other.candidate(people=(makers[-1],)))
    number = len(rows) + 1
    rows += [other.start("dev"), other.end(number, "dev"), other.shown(), other.approval(number + 2)]
    if is_reverted:
        rows.append(strict.candidate(people=("Dan",)))
    rows.append(other.start("prod", approvals=(number + 3,)))
    strict.write(rows)
    return strict.problems()


# --- Elsewhere --------------------------------------------------------------------------------------------------


def test_a_copy_at_another_path_verifies_by_itself(world: World, tmp_path: Path) -> None:
    """Ledger and store, copied, are all it takes: no keys, no home, no checkout, no cloud."""
    shutil.copytree(world.ledger, tmp_path / "there" / "some.git")
    shutil.copytree(world.store.path, tmp_path / "store")
    found = verify(tmp_path / "there" / "some.git", ReleaseStore(tmp_path / "store"))

    assert found.problems == ()
    (story,) = found.stories
    assert [each["commit"] for each in story.built] == ["1" * 40]
    assert [(each["check"], each["result"]) for each in story.checked] == [("unit", "passed")]
    assert [each["instance"] for each in story.promotions] == ["dev", "prod"]
    assert [each["by"] for each in story.promotions[1]["approved"]] == ["Ann"]
    assert story.promotions[1]["ended"]["outcome"] == "SUCCEEDED"


def test_evidence_that_was_revoked_before_the_start(world: World) -> None:
    """A check that failed again before prod was started made that start wrong, whatever came after it."""
    for case in range(CASES):
        finished = (START + timedelta(seconds=1 + case)).isoformat()
        failed = world.checked(passed=False, passed_tests=(), failed_tests=("unit",), finished=finished)
        rows = [*world.rows[:3], world.evidence(failed), *_later(world)]
        world.write(rows)
        _insist(
            world.problems(),
            r"failed: entry 5 \(start in dev\) went past a no: the newest result of the check unit",
        )


def _later(world: World) -> list[Row]:
    """The rest of the promotion, one entry later."""
    rest = [world.start("dev"), world.end(5, "dev"), world.shown(), world.approval(7)]
    return [*rest, world.start("prod", approvals=(8,)), world.end(9, "prod")]


def test_a_ledger_without_evidence(world: World) -> None:
    """What nobody recorded was not there, whatever lies in the store."""
    world.write([world.rows[0], world.candidate(), world.start("dev")])

    problems = world.problems()
    assert any(
        problem.startswith("missing: entry 3 (start in dev) went past a no: nothing says")
        for problem in problems
    )
    assert any("has no result of the check unit" in problem for problem in problems)
    assert any("was built from 1111" in problem and "no builder does" in problem for problem in problems)


def test_a_kind_of_its_own(world: World) -> None:
    """The rows above stand for what they say: the honest ledger holds each kind that a promotion needs."""
    assert [row.kind for row in world.rows] == [
        Kind.GENESIS,
        Kind.EVIDENCE,
        Kind.CANDIDATE,
        Kind.START,
        Kind.END,
        Kind.SHOWN,
        Kind.APPROVAL,
        Kind.START,
        Kind.END,
    ]
