"""A yes that was given at GitHub: what a listed reviewer wrote about exactly this change set, signed by the witness.

GitHub says of a run who let it go on and with which words; it knows no plan. So the words must name the change set
that was shown, and the plan made here must be that one. The witness's key is a machine's: whoever commands the job's
runner commands it. It gives one yes at most; a quorum needs people's own keys.
"""

import re

from pipeline.ask import Wish
from pipeline.begun import finish, go_on
from pipeline.carry import Arrival, Report, carry
from pipeline.context import Context, with_fresh_ledger
from pipeline.forge import Forge, Job, Review
from pipeline.model.environment import Environment, Instance, instance_of
from pipeline.model.errors import RefusedError, UsageError
from pipeline.model.history import History
from pipeline.model.ledger import Entry
from pipeline.model.makers import is_maker
from pipeline.model.release import is_digest, short
from pipeline.model.trust import Role
from pipeline.settings.people import Approver
from pipeline.waiting import approve

SHOWN_DIGITS = 12
"""How many hex digits of a change set a reviewer writes, so that nobody approves what they have not seen."""

_NAMES_DIGEST = re.compile(rf"(?<![0-9a-zA-Z])(?:sha256:)?([0-9a-fA-F]{{{SHOWN_DIGITS},64}})(?![0-9a-zA-Z])")
_SAYS_SOMETHING = re.compile(r"[^\W\d_]{2,}")
_AGAIN = "start a new run, which shows what would be done now"


def witness(
    context: Context, environment: Environment, shown: str, release: str | None, job: Job, forge: Forge
) -> Report:
    """Plan again, and apply what was shown if a reviewer of this run said yes to it at GitHub.

    Args:
        context: The project and its accounts.
        environment: Where.
        shown: Digest of the change set that the job before this one showed.
        release: What is carried there. Default: what is offered there already.
        job: The job this runs in.
        forge: Where reviews are asked for.

    Raises:
        RefusedError: Another change set would be applied now, or no review counts; nothing was changed.
        TollgateError: Something went wrong; what had been done is recorded.
    """
    if not is_digest(shown):
        message = f"`--change-set {shown}` is no digest of a change set"
        raise UsageError(message, "give the job the output of the one that showed it")
    refuse_again(job)
    instance = instance_of(environment, None)
    report = _planned(context, environment, instance, release)
    if report.arrival is not Arrival.WAITING or report.judged is None:
        return report
    found = report.judged.change_set.digest
    if found != shown:
        message = (
            f"what would be done in {instance} now is {short(found)}, not {short(shown)}, which was shown"
        )
        raise RefusedError(message, _AGAIN)
    reviews = forge.reviews(job.run)

    def give() -> Entry:
        history = context.history()
        review, approver = accepted(context, history, instance, found, reviews, job)
        said = f"witnessed by GitHub: {' '.join(review.comment.split())} (run {job.run})"
        return approve(context.witnessing(approver.name), environment, instance, said, seen=found)

    entry = with_fresh_ledger(give)
    context.progress.note(str(instance), f"witnessed: {entry.by} approved {short(found)}")
    return go_on(context, environment, instance)


def carry_candidate(
    context: Context, environment: Environment, release: str, *, ask_cloud: bool = False
) -> Report:
    """Carry a candidate into one environment and touch no other: a newer one may be ahead of it there.

    Args:
        context: The project and its accounts.
        environment: Where.
        release: The candidate's digest.
        ask_cloud: Whether to plan where the ledger says that all is well, or that it waits.

    Raises:
        RefusedError: It is no candidate, or a newer one runs there.
        TollgateError: Something went wrong; what had been done is recorded.
    """
    instance = instance_of(environment, None)
    _refuse_older(context.history(), instance, release)
    context.target.prepare(lambda text: context.progress.note("cloud", text))
    begun = context.history().of(instance).open_start
    if begun is not None:
        done = finish(context, environment, begun, Wish())
        if done.arrival is not Arrival.ARRIVED:
            return done
        _refuse_older(context.history(), instance, release)
    context.store.pull(release)
    wanted = context.store.load(release)
    return carry(context, environment, instance, wanted, Wish(), ask_cloud=ask_cloud)


def person_of(context: Context, job: Job) -> Approver:
    """Return the approver who started this run.

    Raises:
        RefusedError: It is the run's second attempt, or whoever started it is no approver whose key counts.
    """
    refuse_again(job)
    history = context.history()
    for approver in context.project.approvers:
        if approver.github == job.actor and _counts(history, approver):
            return approver
    message = f"the account {job.actor}, which started run {job.run}, is no approver's in the settings"
    raise RefusedError(message, "an approver starts it, or signs with their own key")


def refuse_again(job: Job) -> None:
    """Refuse a later attempt of a run: what people said was said of the first.

    Raises:
        RefusedError: It is one.
    """
    if job.attempt != 1:
        message = (
            f"this is attempt {job.attempt} of run {job.run}, and what people said was said of the first"
        )
        raise RefusedError(message, _AGAIN)


def _planned(context: Context, environment: Environment, instance: Instance, release: str | None) -> Report:
    if release is None:
        return go_on(context, environment, instance)
    return carry_candidate(context, environment, release, ask_cloud=True)


def _refuse_older(history: History, instance: Instance, release: str) -> None:
    """Refuse to go back by way of going on: a run whose reviewers came late is overtaken by a newer one."""
    wanted = [candidate.release for candidate in history.candidates]
    running = history.of(instance).release
    if release not in wanted:
        message = f"release {short(release)} is no candidate: nobody has wanted it in {instance}"
        raise RefusedError(message, "the job that signs a release records it; see whether it ran")
    newest = {digest: number for number, digest in enumerate(wanted)}
    if running is not None and newest.get(running, -1) > newest[release]:
        message = f"{short(running)}, which runs in {instance}, is newer than {short(release)}"
        raise RefusedError(message, "nothing is to be done; `nox -s rollback` is the way back")


def accepted(
    context: Context,
    history: History,
    instance: Instance,
    change_set: str,
    reviews: tuple[Review, ...],
    job: Job,
) -> tuple[Review, Approver]:
    """Return the review that counts, and whose it is.

    Raises:
        RefusedError: None does; it says of each why not.
    """
    here = [review for review in reviews if instance.environment in review.environments]
    refused = next((review for review in here if review.state == "rejected"), None)
    if refused is not None:
        message = f"{refused.login} rejected run {job.run} for {instance} at GitHub"
        raise RefusedError(message, _AGAIN)
    given = [review for review in here if review.state == "approved"]
    if not given:
        message = f"nobody approved run {job.run} for {instance} at GitHub"
        raise RefusedError(message, "set required reviewers for that environment (docs/deploy.md)")
    own = context.keys.public(Role.WITNESS)
    known = history.authority.keys.key_at(own.keyid, history.next_number)
    if known is None or known.role is not Role.WITNESS:
        message = f"the settings name no witness key {own.keyid[:12]}, so what GitHub says counts for nothing"
        raise RefusedError(message, "name it in [[keys]] of tollgate.toml by `nox -s settings`")
    whys = []
    for review in given:
        approver = next((each for each in context.project.approvers if each.github == review.user), None)
        why = _why_not(history, instance, review, approver, change_set, job)
        if why is None and approver is not None:
            return review, approver
        whys.append(f"{review.login} ({review.user}) {why}")
    message = f"no review of run {job.run} counts for {instance}: {'; '.join(whys)}"
    hint = f"a listed reviewer who made no part of it writes a reason and {short(change_set)}, in a new run"
    raise RefusedError(message, hint)


def _why_not(
    history: History,
    instance: Instance,
    review: Review,
    approver: Approver | None,
    change_set: str,
    job: Job,
) -> str | None:
    if approver is None:
        return "is no approver in the settings"
    if not _counts(history, approver):
        return "is an approver whose key was revoked"
    if review.user == job.actor:
        return "started this run"
    mine = history.of(instance)
    waiting = mine.waiting
    release = str(waiting.body["release"]) if waiting else ""
    makers = history.people_behind(release, mine.deployed)
    if is_maker(approver.name, approver.identities, makers):
        return "made a part of this release"
    return _why_not_said(review.comment, change_set)


def _why_not_said(comment: str, change_set: str) -> str | None:
    digits = [found.lower() for found in _NAMES_DIGEST.findall(comment)]
    if not any(change_set.removeprefix("sha256:").startswith(found) for found in digits):
        return f"does not name the change set: {short(change_set)} is not in the comment"
    if not _SAYS_SOMETHING.search(_NAMES_DIGEST.sub("", comment)):
        return "gives no reason"
    return None


def _counts(history: History, approver: Approver) -> bool:
    """Whether the person's own key counts still: who may not sign may not be witnessed either."""
    return history.authority.keys.key_at(approver.key.keyid, history.next_number) is not None
