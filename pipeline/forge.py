"""GitHub's API, as far as a job needs it: who reviewed this run, one comment, one issue, one workflow to start.

What it answers is other people's text. It is read strictly and never obeyed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from pipeline.host.late import httpx
from pipeline.model import strict_json
from pipeline.model.errors import RefusedError, TollgateError
from pipeline.model.makers import account_at_github

_API = "https://api.github.com"
_VERSION = "2022-11-28"
_TIMEOUT_SECONDS = 30.0
_CONNECT_SECONDS = 10.0
_PAGE = 100
_MAX_PAGES = 10
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_BOT = quote("github-actions[bot]", safe="")
_STATES = ("approved", "rejected", "pending")


class ForgeError(TollgateError):
    """GitHub did not answer, or not as its documentation says."""


@dataclass(frozen=True, slots=True)
class Review:
    """What a person said of a run before one of its jobs could begin.

    Attributes:
        environments: The environments that it was said for.
        state: approved, rejected or pending.
        user: The account's number, which stays when the account is renamed.
        login: The account's name at that time.
        comment: What was written, as it was written.
    """

    environments: tuple[str, ...]
    state: str
    user: int
    login: str
    comment: str


@dataclass(frozen=True, slots=True)
class Job:
    """The job that this process runs in, as its runner says it.

    Attributes:
        run: The run's number, which its reviews are kept under.
        attempt: Which attempt of the run this is, from 1.
        actor: Number of the account that started the run.
    """

    run: int
    attempt: int
    actor: int

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None) -> Job:
        """Read it from the variables that the runner sets.

        Raises:
            RefusedError: This is no job of GitHub's.
        """
        found = os.environ if environment is None else environment
        numbers = []
        for name in ("GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT", "GITHUB_ACTOR_ID"):
            value = found.get(name, "")
            if not (value.isascii() and value.isdigit()):
                message = f"this is no job on GitHub: {name} is {value!r}, not a number"
                raise RefusedError(
                    message, "it runs in `.github/workflows`; elsewhere people sign themselves"
                )
            numbers.append(int(value))
        return cls(*numbers)

    @property
    def starter(self) -> str:
        """Whoever started the run, as makers are named: on a push, the pusher."""
        return account_at_github(self.actor)


@dataclass(frozen=True, slots=True)
class Forge:
    """A repository at GitHub.

    Attributes:
        api: Base URL of the API.
        repository: `owner/name`.
    """

    api: str
    repository: str
    _token: str = field(repr=False)

    @classmethod
    def find(cls, environment: Mapping[str, str] | None = None) -> Forge:
        """Return the repository whose workflow runs here.

        Raises:
            RefusedError: A variable is missing, or the address would send the token unencrypted off this machine.
        """
        found = os.environ if environment is None else environment
        for name in ("GITHUB_REPOSITORY", "GITHUB_TOKEN"):
            if not found.get(name):
                message = f"this is no job on GitHub that may ask about it: {name} is not set"
                raise RefusedError(message, "give the step `env: GITHUB_TOKEN: ${{ github.token }}`")
        api = found.get("GITHUB_API_URL") or _API
        parts = urlsplit(api)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            message = f"GITHUB_API_URL is {api}, where a token would be sent unencrypted"
            raise RefusedError(message, "use the https address of the API")
        return cls(api.rstrip("/"), found["GITHUB_REPOSITORY"], found["GITHUB_TOKEN"])

    def reviews(self, run: int) -> tuple[Review, ...]:
        """Return what people said of a run.

        Raises:
            ForgeError: GitHub does not tell, or tells what its documentation does not know.
        """
        what = f"who reviewed run {run}"
        answer = self._ask("GET", f"actions/runs/{run}/approvals", what)
        if "next" in answer.links:
            raise ForgeError(f"GitHub tells {what} on several pages, which it is not known to do")
        try:
            return tuple(_review(item) for item in strict_json.items(_json(answer, what), "the reviews"))
        except RefusedError as error:
            message = f"GitHub's answer to {what} cannot be read: {error.message}"
            raise ForgeError(message, "see whether its API has changed; nothing was approved") from None

    def keep_comment(self, number: int, mark: str, text: str) -> None:
        """Write one comment below a pull request or issue: the one that begins with `mark`, if it is there.

        Raises:
            ForgeError: GitHub does not take it.
        """
        what = f"the comments of #{number}"
        body = {"body": f"{mark}\n{text}"}
        for comment in self._list(f"issues/{number}/comments", what):
            if self._is_ours(comment, mark):
                self._ask("PATCH", f"issues/comments/{comment['id']}", what, body)
                return
        self._ask("POST", f"issues/{number}/comments", what, body)

    def keep_issue(self, mark: str, title: str, text: str | None) -> None:
        """Say something in the one issue that begins with `mark`: opened, opened again or updated; closed by None.

        Raises:
            ForgeError: GitHub does not take it.
        """
        what = f"the issue {title!r}"
        known = next(
            (
                issue
                for issue in self._list(f"issues?state=all&creator={_BOT}&sort=created&direction=desc", what)
                if "pull_request" not in issue and self._is_ours(issue, mark)
            ),
            None,
        )
        if text is None:
            if known is not None and known.get("state") != "closed":
                self._ask("PATCH", f"issues/{known['id_in_repository']}", what, {"state": "closed"})
            return
        body = {"title": title, "body": f"{mark}\n{text}"}
        if known is None:
            self._ask("POST", "issues", what, body)
        else:
            self._ask("PATCH", f"issues/{known['id_in_repository']}", what, {**body, "state": "open"})

    def refuse_fork(self, number: int) -> None:
        """Refuse a pull request whose files are not this repository's own.

        Raises:
            RefusedError: It is a fork's.
            ForgeError: GitHub does not tell.
        """
        self._refuse_fork(number, self._pull_request(number))

    def refuse_past(self, number: int, commit: str) -> None:
        """Refuse a pull request of which `commit` is not, or not any more, what may be deployed.

        Raises:
            RefusedError: It is a fork's, it is closed, or something was pushed to it since.
            ForgeError: GitHub does not tell.
        """
        found = self._pull_request(number)
        self._refuse_fork(number, found)
        try:
            state = strict_json.text(found.get("state"), "its state")
            newest = strict_json.text(
                strict_json.mapping(found.get("head"), "its head").get("sha"), "its commit"
            )
        except RefusedError as error:
            message = f"GitHub's answer about pull request #{number} cannot be read: {error.message}"
            raise ForgeError(message, "see whether its API has changed; nothing was deployed") from None
        if state != "open":
            message = f"pull request #{number} is {state}: nothing of it is deployed"
            raise RefusedError(message, "open it again to have a preview")
        if newest != commit:
            message = f"pull request #{number} is at {newest[:12]} now, and {commit[:12]} was built"
            raise RefusedError(message, "the run that its newest push has started deploys that one")

    def _pull_request(self, number: int) -> Mapping[str, Any]:
        what = f"whose pull request #{number} is"
        answer = _json(self._ask("GET", f"pulls/{number}", what), what)
        try:
            return strict_json.mapping(answer, "it")
        except RefusedError as error:
            raise ForgeError(f"GitHub's answer to {what} cannot be read: {error.message}") from None

    def _refuse_fork(self, number: int, found: Mapping[str, Any]) -> None:
        try:
            head = strict_json.mapping(found.get("head"), "its head")
            # A fork that was deleted since is null here.
            of = strict_json.text(
                strict_json.mapping(head.get("repo"), "its repository").get("full_name"), "it"
            )
        except RefusedError:
            of = "a repository that is no more"
        if of.casefold() != self.repository.casefold():
            message = f"pull request #{number} is of {of}: nothing of a fork is deployed"
            raise RefusedError(message, "push its branch to this repository if you have read it")

    def start(self, workflow: str, branch: str, inputs: Mapping[str, str]) -> None:
        """Start a workflow of a branch by hand.

        Raises:
            ForgeError: GitHub does not start it.
        """
        body = {"ref": branch, "inputs": dict(inputs)}
        self._ask("POST", f"actions/workflows/{workflow}/dispatches", f"the workflow {workflow}", body)

    def _is_ours(self, item: Mapping[str, Any], mark: str) -> bool:
        """Whether the workflow itself wrote it: anybody can begin a comment with our mark."""
        user = item.get("user")
        is_bot = isinstance(user, dict) and user.get("type") == "Bot"
        return is_bot and str(item.get("body") or "").startswith(mark)

    def _list(self, path: str, what: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        joint = "&" if "?" in path else "?"
        for page in range(1, _MAX_PAGES + 1):
            answer = self._ask("GET", f"{path}{joint}per_page={_PAGE}&page={page}", what)
            items = _json(answer, what)
            if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
                raise ForgeError(f"GitHub's answer to {what} is no list of objects")
            # A comment goes by its id, an issue by its number in the repository.
            found += [{**item, "id_in_repository": item.get("number", item.get("id"))} for item in items]
            if len(items) < _PAGE:
                break
        return found

    def _ask(
        self, method: str, path: str, what: str, body: Mapping[str, Any] | None = None
    ) -> httpx.Response:
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {self._token}",
            "X-GitHub-Api-Version": _VERSION,
        }
        url = f"{self.api}/repos/{self.repository}/{path}"
        is_local = urlsplit(url).hostname in _LOOPBACK
        try:
            timeout = httpx.Timeout(_TIMEOUT_SECONDS, connect=_CONNECT_SECONDS)
            with httpx.Client(timeout=timeout, trust_env=not is_local) as client:
                answer = client.request(method, url, headers=headers, json=body)
        except httpx.HTTPError as error:
            message = f"GitHub does not tell {what}: {type(error).__name__}"
            raise ForgeError(message, "run the job's workflow anew when it answers again") from None
        if not answer.is_success:
            message = f"GitHub does not tell {what}: it answers {answer.status_code}"
            hint = "see the job's `permissions`, and that the run is of this repository"
            raise ForgeError(message, hint)
        return answer


def _json(answer: httpx.Response, what: str) -> Any:
    try:
        return answer.json()
    except ValueError:
        raise ForgeError(f"GitHub's answer to {what} is not JSON") from None


def _review(item: Any) -> Review:
    """Read one review; fields that GitHub adds are left alone, those that count must be as they were.

    Raises:
        RefusedError: One is missing or of another type.
    """
    where = "a review"
    found = strict_json.mapping(item, where)
    user = strict_json.mapping(found.get("user"), f"the user of {where}")
    state = strict_json.text(found.get("state"), f"the state of {where}")
    number = user.get("id")
    if type(number) is not int or number < 1:
        raise RefusedError(f"the user of {where} has the id {number!r}")
    if state not in _STATES:
        raise RefusedError(f"{where} has the state {state!r}; known are {', '.join(_STATES)}")
    environments = strict_json.items(found.get("environments"), f"the environments of {where}")
    return Review(
        environments=tuple(
            strict_json.text(strict_json.mapping(each, "an environment").get("name"), "its name")
            for each in environments
        ),
        state=state,
        user=number,
        login=strict_json.text(user.get("login"), f"the login of {where}"),
        comment=strict_json.text(found.get("comment"), f"the comment of {where}"),
    )
