"""Writes a stack of every construct with nothing but its defaults; it runs where cdktf is installed.

python -m tests.policies.default_constructs DIR
"""

import sys

from infra.api_definition import ApiDefinition
from infra.constructs.api import PaymentRestApi, PaymentRestApiProps
from infra.constructs.compute import ApiFunction, ApiFunctionProps
from infra.constructs.database import TransactionsTable, TransactionsTableProps
from infra.constructs.monitoring import Monitoring, MonitoringProps
from infra.constructs.storage import PaymentStorage, PaymentStorageProps
from infra.environments import environment
from infra.main import OPENAPI
from infra.naming import InstanceNames
from infra.providers import App, Construct, TerraformVariable
from infra.stacks import AccountStack, AccountStackProps

PROD = environment("prod")


def main(out: str) -> None:
    """Write `DIR/stacks/payments-prod/cdk.tf.json`."""
    app = App(outdir=out)
    stack = AccountStack(app, "payments-prod", AccountStackProps(region=PROD.region))
    suffix = TerraformVariable(stack, "environment_suffix", type="string", default=PROD.name)
    names = InstanceNames(
        environment=PROD.name, suffix=suffix.string_value, account_id=stack.account_id, owner=PROD.owner
    )
    # Where `PaymentApi` puts them: the waivers name what stands there.
    scope = Construct(stack, "PaymentApi")
    PaymentStorage(scope, "Storage", PaymentStorageProps(names=names))
    table = TransactionsTable(scope, "Transactions", TransactionsTableProps(names=names))
    function = ApiFunction(
        scope, "Function", ApiFunctionProps(names=names, boundary_arn=names.function_boundary_arn)
    )
    definition = ApiDefinition.read(OPENAPI)
    api = PaymentRestApi(
        scope, "RestApi", PaymentRestApiProps(names=names, definition=definition, function=function)
    )
    watched = MonitoringProps(names=names, region=PROD.region, api=api, function=function, table=table)
    Monitoring(scope, "Monitoring", watched)
    app.synth()


if __name__ == "__main__":
    main(*sys.argv[1:])
