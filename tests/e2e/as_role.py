"""Runs one verb with a role's session where it would use the account's own credentials: as a job on GitHub would.

python -m tests.e2e.as_role VERB …, with the environment's name and the session's variables in `ROLE_SESSION`.
"""

import dataclasses
import json
import os

import pipeline.carry
import pipeline.targets.target
from pipeline.cli import main
from pipeline.model.environment import Environment
from pipeline.targets.account import Account
from pipeline.targets.target import LocalTarget


class AssumedTarget(LocalTarget):
    """The accounts of this machine, of which one is entered by a role."""

    def account(self, environment: Environment) -> Account:
        """Return the account, with the session's credentials where it is the role's."""
        own = super().account(environment)
        session = json.loads(os.environ["ROLE_SESSION"])
        if environment.name != session["environment"]:
            return own
        return dataclasses.replace(own, environment={**own.environment, **session["variables"]})


if __name__ == "__main__":
    pipeline.targets.target.LocalTarget = AssumedTarget  # type: ignore[misc]  # a class is put in place of another
    # Roles find the account ready: on AWS that is `nox -s bootstrap`, by somebody who may do more.
    pipeline.carry.ensure_bootstrapped = lambda *_: None  # type: ignore[attr-defined]  # its own import of it
    main()
