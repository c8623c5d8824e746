"""Where a deployed instance answers, and with which keys."""

from pipeline.context import Context
from pipeline.deploy.smoke import Endpoint, find_endpoint
from pipeline.model.environment import Environment, instance_of
from pipeline.model.errors import RefusedError
from pipeline.model.release import SMOKE_CHECKS
from pipeline.plan import look_at


def find_deployed(context: Context, environment: Environment, suffix: str | None) -> Endpoint:
    """Return the endpoint of the release that runs in an instance.

    Raises:
        RefusedError: Nothing runs there.
    """
    instance = instance_of(environment, suffix)
    running = context.history().of(instance).release
    if running is None:
        message = f"nothing runs in {instance}"
        raise RefusedError(message, "`nox -s status` says what runs where; `nox -s promote` deploys")
    context.target.prepare(lambda text: context.progress.note("cloud", text))
    release = context.store.load(running)
    with look_at(context, environment, instance, release) as site:
        with context.progress.step(str(instance), "outputs"):
            site.workspace.init(site.state)
            outputs = site.workspace.outputs()
        return find_endpoint(context.store.read(release, SMOKE_CHECKS), outputs, site.account)
