"""What comes before anything new: a run that was interrupted is finished, and what people said yes to is done.

That holds in each instance by itself. One that stands still keeps no other from being finished.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.ask import Wish, decide_shown
from pipeline.carry import Arrival, Report, carry, offered
from pipeline.context import Context
from pipeline.each import in_each
from pipeline.model.environment import Environment, Instance, instance_of
from pipeline.model.errors import RefusedError, TollgateError
from pipeline.model.kinds import Operation
from pipeline.model.ledger import Entry


@dataclass(frozen=True, slots=True)
class Begun:
    """What going on with it came to.

    Attributes:
        reports: How far it came, in the order in which it was done.
        ends: Instances in which nothing else is to be done now, each with the report or the error that says why.
    """

    reports: tuple[Report, ...] = ()
    ends: Mapping[Instance, Report | TollgateError] = field(default_factory=dict)


def finish_begun(context: Context, wish: Wish) -> Begun:
    """Go on, in every instance on the way, with what was begun or approved there.

    An error in one of them is told and kept until the others had their turn.

    Raises:
        InterruptedByUserError: Ctrl-C.
        TollgateError: The ledger cannot be read, or the cloud cannot be started.
    """
    way = context.environments.up_to(wish.to)
    places = {instance_of(each, wish.suffix): each for each in (way if wish.suffix is None else way[-1:])}
    found = {instance: _next_operation(context, each, instance) for instance, each in places.items()}
    begun = {instance: operation for instance, operation in found.items() if operation is not None}
    if not begun:
        return Begun()
    context.target.prepare(lambda text: context.progress.note("cloud", text))
    reports, errors = in_each(
        context, begun, lambda instance: _go_on_there(context, places[instance], instance, wish)
    )
    ends = {
        report.instance: report
        for report in reports
        if report.arrival is not Arrival.ARRIVED or begun[report.instance] is Operation.DESTROY
    }
    return Begun(tuple(reports), {**ends, **errors})


def finish(context: Context, environment: Environment, start: Entry, wish: Wish) -> Report:
    """Finish a run that was killed, as it was begun.

    Raises:
        TollgateError: Something went wrong; what had been done is recorded.
    """
    instance = Instance(start.body["environment"], start.body["suffix"])
    release = context.release(str(start.body["release"]))
    operation = Operation(start.body["operation"])
    return carry(context, environment, instance, release, wish, operation, ask_cloud=True)


def go_on(context: Context, environment: Environment, instance: Instance, wish: Wish | None = None) -> Report:
    """Go on with the change set that is offered in an instance, as a person has just decided.

    Raises:
        RefusedError: Nothing is offered there any more.
        TollgateError: Something went wrong; what had been done is recorded.
    """
    waiting = offered(context.history().of(instance), environment, context.settings.digest)
    if waiting is None:
        message = f"nothing waits for a decision in {instance} any more"
        raise RefusedError(message, "`nox -s status` says what runs and what waits where")
    context.target.prepare(lambda text: context.progress.note("cloud", text))
    release = context.release(str(waiting.body["release"]))
    operation = Operation(waiting.body["operation"])
    return carry(context, environment, instance, release, wish or Wish(), operation)


def _go_on_there(context: Context, environment: Environment, instance: Instance, wish: Wish) -> Report:
    start = context.history().of(instance).open_start
    if start is not None:
        return finish(context, environment, start, wish)
    return go_on(context, environment, instance, wish)


def _next_operation(context: Context, environment: Environment, instance: Instance) -> Operation | None:
    """Return what was begun there, or was shown and may now be done; None where there is no such thing."""
    history = context.history()
    mine = history.of(instance)
    if mine.open_start is not None:
        return Operation(mine.open_start.body["operation"])
    waiting = offered(mine, environment, context.settings.digest)
    if waiting is None or not decide_shown(context, history, environment, waiting).allowed:
        return None
    return Operation(waiting.body["operation"])
