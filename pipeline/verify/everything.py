"""The whole verification, from the chain of the ledger to the last blob of a release."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from pipeline.evidence.verify import Named, named_in, open_named, verify_evidence
from pipeline.model.audit import Problem, ProblemKind, Seen, audit
from pipeline.model.errors import LedgerError, UsageError
from pipeline.model.history import History, read_history
from pipeline.model.kinds import Kind, Operation
from pipeline.model.ledger import Entry
from pipeline.model.release import is_digest, short
from pipeline.stores.layout import CorruptReleaseError
from pipeline.stores.ledger import Ledger
from pipeline.stores.ledger_documents import LedgerDocuments
from pipeline.stores.ledger_memory import LedgerMemory
from pipeline.stores.registry_connection import RegistryAlteredError, RegistryDownError, RegistryError
from pipeline.stores.releases import ReleaseStore
from pipeline.stores.statements import copies_in
from pipeline.trust.provenance import Provenance
from pipeline.trust.statement import Predicate
from pipeline.verify.documents import DocumentError, read_seen
from pipeline.verify.pins import PinnedRules, read_pins
from pipeline.verify.result import Anchor, Verification
from pipeline.verify.story import Story, tell

_CHANGE_SET = "change-set.json"
_FINDINGS = "findings.json"


def verify(
    ledger: Path,
    store: ReleaseStore,
    release: str | None = None,
    contains: Anchor | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Verification:
    """Check a ledger and what it names in a store.

    Args:
        ledger: The ledger's repository, or a copy of it.
        store: The release store, or a copy of it.
        release: The beginning of a release's digest. Default: every release.
        contains: An entry known from elsewhere. Default: nobody can tell whether the ledger was shortened.
        say: Told what is being checked.

    Raises:
        UsageError: There is no ledger, or no such release in it.
    """
    if not (ledger / "HEAD").is_file():
        raise UsageError(f"there is no ledger at {ledger}", "name one: `nox -s verify -- --ledger PATH`")
    say("the ledger: chain, signatures, powers")
    try:
        entries = Ledger(ledger, None, remembers=False).entries()
    except LedgerError as error:
        # Nothing else can rest on it, so nothing else is looked at.
        notes = ("nothing that rests on the ledger was looked at",)
        return Verification(0, None, (), (_of_ledger(error),), notes)
    if not entries:
        raise UsageError(f"the ledger at {ledger} is empty", "nothing was ever promoted with it")
    copies = copies_in(Ledger(ledger, None, remembers=False), lambda: entries)
    case = _Case(ledger, replace(store, copies=copies), entries)
    try:
        return case.verify(release, contains, say)
    except LedgerError as error:
        return Verification(len(entries), entries[-1].digest, (), (_of_ledger(error),))


@dataclass
class _Case:
    """One ledger, one store.

    Attributes:
        settings: The settings that the ledger pins, by digest.
        problems: What is the matter, as it is found.
        absent: Those of them that only say that a release is not in this store.
    """

    ledger: Path
    store: ReleaseStore
    entries: tuple[Entry, ...]
    settings: dict[str, PinnedRules] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    absent: list[Problem] = field(default_factory=list)

    def verify(
        self, release: str | None, contains: Anchor | None, say: Callable[[str], None]
    ) -> Verification:
        """Check everything, or everything that has to do with one release."""
        history = read_history(self.entries)
        asked = None if release is None else frozenset({_find(self.entries, release)})
        self.problems += self._anchors(contains)
        say("the settings that the ledger pins")
        documents = LedgerDocuments(self.ledger)
        self.settings, problems = read_pins(documents, self.entries)
        self.problems += problems
        say("releases and the evidence about them")
        required = asked or _in_use(history)
        stories, gone = [], 0
        for digest in sorted(asked or self._about.keys() - {""}):
            if digest in required or (is_digest(digest) and self.store.holds(digest)):
                stories.append(self._release(digest, history))
            else:
                gone += 1
        say("every step that was taken")
        rules = {digest: settings.rules for digest, settings in self.settings.items()}
        self.problems += audit(self.entries, rules, self._seen(documents, asked), self._evidence_then, asked)
        return Verification(
            entries=len(self.entries),
            head=self.entries[-1].digest,
            stories=tuple(stories),
            problems=tuple(dict.fromkeys(self.problems)),
            notes=(*_told(gone), *_relaxed(self.entries)),
            is_anchored=contains is not None,
            absent=tuple(self.absent),
        )

    def _anchors(self, contains: Anchor | None) -> Iterator[Problem]:
        """Say which entries that are known from elsewhere the ledger does not hold."""
        head = LedgerMemory(self.ledger.with_suffix(".verified")).head()
        known = [(Anchor(head.number, head.digest), "this clone verified before")] if head.number else []
        if contains is not None:
            known.append((contains, "you named"))
        for anchor, words in known:
            if anchor.number > len(self.entries):
                ends = f"the ledger ends with entry {len(self.entries)}"
                yield Problem(ProblemKind.MISSING, f"{ends} and lacks entry {anchor.number}, which {words}")
            elif self.entries[anchor.number - 1].digest != anchor.digest:
                sentence = f"entry {anchor.number} is another one than the one that {words}"
                yield Problem(ProblemKind.FORGED, sentence)

    # --- Releases and evidence ----------------------------------------------------------------------------------

    def _release(self, digest: str, history: History) -> Story:
        """Check a release's manifest, files and statements; return what they show."""
        try:
            self.store.load(digest)
        except CorruptReleaseError as error:
            gone = error.message.endswith("is missing")
            kind = ProblemKind.MISSING if gone else ProblemKind.FORGED
            self.problems.append(Problem(kind, f"release {short(digest)}: {error.message}"))
            self.absent += self.problems[-1:] if gone else []
        except RegistryDownError:
            raise  # nobody can tell what it holds
        except RegistryError as error:
            kind = ProblemKind.FORGED if isinstance(error, RegistryAlteredError) else ProblemKind.MISSING
            self.problems.append(Problem(kind, f"release {short(digest)}: {error.message}"))
        opened: list[tuple[Named, Predicate]] = []
        named = named_in(history.evidence.get(digest, ()), digest)
        for each, found in open_named(self.store, digest, named, history.authority.keys.key_at):
            if isinstance(found, Problem):
                self.problems.append(found)
            else:
                opened.append((each, found.predicate))
        about = self._about[digest]
        self.problems += _unproven_commits(digest, about, [said for _, said in opened])
        return tell(digest, about, opened)

    @cached_property
    def _about(self) -> Mapping[str, Sequence[Entry]]:
        """The entries about each release, in their order."""
        about: defaultdict[str, list[Entry]] = defaultdict(list)
        for entry in self.entries:
            about[_release(entry)].append(entry)
        return about

    def _evidence_then(self, start: Entry, history: History) -> tuple[Problem, ...]:
        """Say what was the matter with the evidence about a release when it was started."""
        digest = str(start.body["release"])
        settings = self.settings.get(history.authority.settings)
        if start.body["operation"] == Operation.DESTROY or settings is None:
            return ()  # nobody asks for it, or what is missing is named elsewhere
        if not (is_digest(digest) and self.store.holds(digest)):
            return ()  # it is named as missing where it is needed, and as not looked at where it is not
        return verify_evidence(
            self.store,
            digest,
            named_in(history.evidence.get(digest, ()), digest),
            history.authority.keys.key_at,
            settings.wanted,
            oldest=settings.oldest(str(start.body["environment"]), start.time),
            now=start.time,
        )

    # --- Documents ----------------------------------------------------------------------------------------------

    def _seen(self, documents: LedgerDocuments, releases: frozenset[str] | None) -> dict[str, Seen]:
        """Read the change sets beside entries; return what decides over each start."""
        kinds = {Kind.SHOWN, Kind.START}
        chosen = [
            entry
            for entry in self.entries
            if entry.kind in kinds and (releases is None or entry.body["release"] in releases)
        ]
        seen: dict[str, Seen] = {}
        for entry, (change_set, found) in documents.read(chosen, _CHANGE_SET, _FINDINGS):
            settings = self.settings.get(str(entry.body["settings"]))
            try:
                seen[entry.digest] = read_seen(entry, change_set, found, settings.rules if settings else None)
            except DocumentError as error:
                self.problems.append(error.problem)
        return seen


def _unproven_commits(digest: str, about: Sequence[Entry], said: Sequence[Predicate]) -> Iterator[Problem]:
    """Say which commits somebody named for a release without a builder's word that it was built from them."""
    built = {(each.commit, each.dirty) for each in said if isinstance(each, Provenance)}
    for entry in about:
        if entry.kind is Kind.CANDIDATE and (entry.body["commit"], entry.body["dirty"]) not in built:
            commit = entry.body["commit"] or "uncommitted files"
            sentence = (
                f"entry {entry.number} says that {short(digest)} was built from {commit}, and no builder does"
            )
            yield Problem(ProblemKind.MISSING, sentence)


def _in_use(history: History) -> frozenset[str]:
    """Return the releases that must be in the store: what runs, what waits and what is wanted next."""
    used = {history.candidate.release} if history.candidate else set()
    for instance in history.instances.values():
        entries = (instance.deployed, instance.open_start, instance.waiting)
        used |= {str(entry.body["release"]) for entry in entries if entry is not None}
    return frozenset(used)


def _find(entries: Sequence[Entry], asked: str) -> str:
    """Return the one release of the ledger whose digest begins with `asked`.

    Raises:
        UsageError: There is none, or more than one.
    """
    digits = asked.strip().lower().removeprefix("sha256:")
    found = {_release(entry) for entry in entries if _release(entry).startswith(f"sha256:{digits}")}
    if not digits or len(found) != 1:
        number = len(found) if digits else "no"
        message = f"the ledger names {number} releases that begin with {asked!r:.80}"
        raise UsageError(message, "`nox -s history` shows all that it names")
    return found.pop()


def _release(entry: Entry) -> str:
    return str(entry.body.get("release", ""))


def _told(gone: int) -> tuple[str, ...]:
    if not gone:
        return ()
    number = "1 release is" if gone == 1 else f"{gone} releases are"
    return (f"{number} no longer in the store and nowhere in use: files and evidence were not looked at",)


def _relaxed(entries: Sequence[Entry]) -> tuple[str, ...]:
    if entries[0].body["target"] != "local":
        return ()
    rules = "whoever built may approve, nothing soaks, and keys made on first use count"
    return (f"the target is local, where {rules}: signatures show accident there, not malice",)


def _of_ledger(error: LedgerError) -> Problem:
    kinds = {
        "which may not write": ProblemKind.NOT_ALLOWED,
        "does not count here": ProblemKind.NOT_ALLOWED,
        "signed it": ProblemKind.NOT_ALLOWED,
        "is missing": ProblemKind.MISSING,
        "no longer holds": ProblemKind.MISSING,
    }
    kind = next((kind for words, kind in kinds.items() if words in error.message), ProblemKind.FORGED)
    return Problem(kind, error.message)
