"""From what, and with what, a release was built: SLSA provenance v1, and how far anybody can rely on it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.model import strict_json
from pipeline.model.errors import RefusedError
from pipeline.trust.predicate_json import hex_of, moment, one_of, sha256, short_text

PROVENANCE = "https://slsa.dev/provenance/v1"
_BUILD_TYPE = "urn:tollgate:build:v1"
_BUILDER = "urn:tollgate:builder:unattested"
LEVEL = "1"
WHY_THIS_LEVEL = "whoever holds the builder key signs it, on a machine that nobody else vouches for"
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """One build.

    Attributes:
        project: The project's name.
        commit: What git calls the files; None outside git.
        dirty: Whether files differed from the commit.
        locks: The lock files, path to `sha256:` and 64 hex digits.
        tools: What built it, name to version.
        started: When, RFC 3339.
        finished: When it was done.
    """

    project: str
    commit: str | None
    dirty: bool
    locks: Mapping[str, str]
    tools: Mapping[str, str]
    started: str
    finished: str

    @property
    def name(self) -> str:
        """The name by which the ledger lists it."""
        return "provenance"

    @property
    def passed(self) -> bool:
        """Whether it says something good; provenance only says what was."""
        return True

    @property
    def type(self) -> str:
        """The predicate's type."""
        return PROVENANCE

    @property
    def facts(self) -> tuple[Any, ...]:
        """What a second build of the same would say again: everything but the times."""
        return self.project, self.commit, self.dirty, dict(self.locks), dict(self.tools)

    def to_json(self) -> dict[str, Any]:
        """Return the predicate."""
        commits = [{"name": "commit", "digest": {"gitCommit": self.commit}}] if self.commit else []
        locks = [{"name": name, "digest": hex_of(digest)} for name, digest in sorted(self.locks.items())]
        tools = [
            {"name": name, "annotations": {"version": version}}
            for name, version in sorted(self.tools.items())
        ]
        return {
            "buildDefinition": {
                "buildType": _BUILD_TYPE,
                "externalParameters": {"project": self.project, "commit": self.commit, "dirty": self.dirty},
                "internalParameters": {"slsaBuildLevel": LEVEL, "reason": WHY_THIS_LEVEL},
                "resolvedDependencies": [*commits, *locks, *tools],
            },
            "runDetails": {
                "builder": {"id": _BUILDER},
                "metadata": {"startedOn": self.started, "finishedOn": self.finished},
            },
        }

    @classmethod
    def from_json(cls, document: Any) -> "Provenance":
        """Read a predicate strictly; an unknown parameter fails, for nobody knows what it did.

        Raises:
            RefusedError: It is none of ours.
        """
        where = "provenance"
        found = strict_json.fields(document, where, required=("buildDefinition", "runDetails"))
        build = strict_json.fields(
            found["buildDefinition"],
            where,
            required=("buildType", "externalParameters", "internalParameters", "resolvedDependencies"),
        )
        one_of(build["buildType"], (_BUILD_TYPE,), f"the buildType of {where}")
        asked = strict_json.fields(
            build["externalParameters"], where, required=("project", "commit", "dirty")
        )
        own = strict_json.fields(build["internalParameters"], where, required=("slsaBuildLevel", "reason"))
        one_of(own["slsaBuildLevel"], (LEVEL,), f"the level of {where}")
        one_of(own["reason"], (WHY_THIS_LEVEL,), f"the reason for the level of {where}")
        run = strict_json.fields(found["runDetails"], where, required=("builder", "metadata"))
        builder = strict_json.fields(run["builder"], f"the builder of {where}", required=("id",))
        one_of(builder["id"], (_BUILDER,), f"the builder of {where}")
        times = strict_json.fields(run["metadata"], where, required=("startedOn", "finishedOn"))
        locks, tools = {}, {}
        commit = None
        for item in strict_json.items(build["resolvedDependencies"], f"the materials of {where}"):
            part = strict_json.fields(
                item, f"a material of {where}", required=("name",), optional=("digest", "annotations")
            )
            name = short_text(part["name"], f"a material of {where}")
            if "annotations" in part and "digest" not in part:
                tools[name] = _version(part["annotations"])
            elif name == "commit":
                commit = _commit(part.get("digest"))
            else:
                locks[name] = sha256(part.get("digest"), f"the material {name} of {where}")
        if asked["commit"] != commit:
            raise RefusedError(f"{where} names one commit as its source and another as its material")
        result = cls(
            project=short_text(asked["project"], f"the project of {where}"),
            commit=commit,
            dirty=strict_json.typed(asked["dirty"], bool, f"the dirty of {where}"),
            locks=locks,
            tools=tools,
            started=moment(times["startedOn"], f"the start of {where}"),
            finished=moment(times["finishedOn"], f"the end of {where}"),
        )
        if result.to_json() != document:
            raise RefusedError(f"{where} names a material twice, or not in its place")
        return result


def _version(notes: Any) -> str:
    where = "the version of a tool in provenance"
    return short_text(strict_json.fields(notes, where, required=("version",))["version"], where)


def _commit(digest: Any) -> str:
    where = "the commit of provenance"
    found = strict_json.fields(digest, where, required=("gitCommit",))["gitCommit"]
    if not isinstance(found, str) or not _COMMIT.fullmatch(found):
        raise RefusedError(f"{where} is no commit of 40 or 64 hex digits")
    return found
