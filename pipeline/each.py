"""The same in one instance after another, where trouble in one keeps nobody from the others."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from pipeline.context import Context
from pipeline.model.environment import Instance
from pipeline.model.errors import InterruptedByUserError, TollgateError

T = TypeVar("T")


def in_each(
    context: Context, instances: Iterable[Instance], do: Callable[[Instance], T]
) -> tuple[list[T], dict[Instance, TollgateError]]:
    """Return what `do` gave in each instance, and the errors by the instance in which they were; each is told at once.

    Raises:
        InterruptedByUserError: Ctrl-C, which means all of them.
    """
    done: list[T] = []
    errors: dict[Instance, TollgateError] = {}
    for instance in instances:
        try:
            done.append(do(instance))
        except InterruptedByUserError:
            raise
        except TollgateError as error:
            context.progress.note(str(instance), f"failed: {error.message.partition(chr(10))[0]}")
            errors[instance] = error
    return done, errors
