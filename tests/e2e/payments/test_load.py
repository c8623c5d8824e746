"""How fast the deployed API is, as a ratio to a handler that does nothing, deployed beside it."""

import io
import json
import statistics
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from tests.e2e.payments.client import Client, Deployed

pytestmark = pytest.mark.cloud

REQUESTS = 400
WORKERS = 4
HELLO = 'def handler(event, context):\n    return {"statusCode": 200, "body": "hello"}\n'
# Generous: a payment makes three writes to the table and three to S3, all over HTTP to the same two cores, where it
# was seen to take 19 times as long as saying hello on a machine with a load of 18.
MOST_TIMES_HELLO = 60


@dataclass(frozen=True)
class Load:
    """What a load run measured."""

    per_second: float
    p50: float
    p99: float

    def __str__(self) -> str:
        """The figures, readable."""
        return (
            f"{self.per_second:6.1f} requests/s  p50 {self.p50 * 1e3:6.1f} ms  p99 {self.p99 * 1e3:6.1f} ms"
        )


def run(send: Callable[[int], None]) -> Load:
    """Send many requests from a few workers; each worker has one under way at any time."""

    def timed(number: int) -> float:
        begun = time.perf_counter()
        send(number)
        return time.perf_counter() - begun

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(timed, range(WORKERS * 4)))  # every Lambda worker is warm before the clock starts
        begun = time.perf_counter()
        times = list(pool.map(timed, range(WORKERS * 4, WORKERS * 4 + REQUESTS)))
        lasted = time.perf_counter() - begun
    cuts = statistics.quantiles(times, n=100)
    return Load(REQUESTS / lasted, cuts[49], cuts[98])


@pytest.fixture
def unhurried(deployed_dev: Deployed) -> Iterator[Deployed]:
    """The deployed API under a key of the test's own, whose plan throttles nothing."""
    gateway = deployed_dev.boto3("apigateway")
    stage = {"apiId": deployed_dev.outputs["rest_api_id"], "stage": deployed_dev.outputs["stage_name"]}
    with ExitStack() as undo:
        key = gateway.create_api_key(name="load-test", enabled=True)
        undo.callback(gateway.delete_api_key, apiKey=key["id"])
        plan = gateway.create_usage_plan(name="load-test", apiStages=[stage])["id"]
        undo.callback(gateway.delete_usage_plan, usagePlanId=plan)
        take_away = [{"op": "remove", "path": "/apiStages", "value": f"{stage['apiId']}:{stage['stage']}"}]
        undo.callback(gateway.update_usage_plan, usagePlanId=plan, patchOperations=take_away)
        gateway.create_usage_plan_key(usagePlanId=plan, keyId=key["id"], keyType="API_KEY")
        undo.callback(gateway.delete_usage_plan_key, usagePlanId=plan, keyId=key["id"])
        yield SimpleNamespace(
            url=deployed_dev.url,
            api_key=key["value"],
            outputs=deployed_dev.outputs,
            boto3=deployed_dev.boto3,
        )


@pytest.fixture
def hello(deployed_dev: Deployed) -> Iterator[Client]:
    """A function that says hello, behind a REST API of its own, with the same role and memory."""
    functions, gateway = deployed_dev.boto3("lambda"), deployed_dev.boto3("apigateway")
    like: dict[str, Any] = functions.get_function_configuration(
        FunctionName=deployed_dev.outputs["function_name"]
    )
    name = "hello-for-load-test"
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("hello.py", HELLO)
    with ExitStack() as undo:
        function = functions.create_function(
            FunctionName=name,
            Runtime=like["Runtime"],
            Role=like["Role"],
            Handler="hello.handler",
            MemorySize=like["MemorySize"],
            Code={"ZipFile": package.getvalue()},
        )
        undo.callback(functions.delete_function, FunctionName=name)
        api = gateway.create_rest_api(name=name)["id"]
        undo.callback(gateway.delete_rest_api, restApiId=api)
        root = gateway.get_resources(restApiId=api)["items"][0]["id"]
        at: dict[str, Any] = {"restApiId": api, "resourceId": root, "httpMethod": "GET"}
        gateway.put_method(**at, authorizationType="NONE")
        region = function["FunctionArn"].split(":")[3]
        gateway.put_integration(
            **at,
            type="AWS_PROXY",
            integrationHttpMethod="POST",
            uri=f"arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/{function['FunctionArn']}/invocations",
        )
        functions.add_permission(
            FunctionName=name,
            StatementId="gateway",
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
        )
        gateway.create_deployment(restApiId=api, stageName="load")
        ours = f"{deployed_dev.outputs['rest_api_id']}/{deployed_dev.outputs['stage_name']}"
        yield Client(
            SimpleNamespace(
                url=deployed_dev.url.replace(ours, f"{api}/load"),
                api_key="none",
                outputs={},
                boto3=deployed_dev.boto3,
            )
        )


def test_a_load_run_is_reported_against_hello(
    unhurried: Deployed, hello: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    """Payments under load all succeed; throughput, p50 and p99 are reported against the empty handler's."""
    client = Client(unhurried)

    def say_hello(_: int) -> None:
        assert hello.call("GET", "/").status == 200

    def pay(_: int) -> None:
        reply = client.pay()
        assert reply.status == 201, reply.text

    hellos, payments = run(say_hello), run(pay)

    times = payments.p50 / hellos.p50
    with capsys.disabled():
        print(f"\nhello    {hellos}\npayments {payments}")  # noqa: T201 - the report this test exists for
        print(  # noqa: T201 - as above
            json.dumps(
                {
                    "throughput_ratio": round(hellos.per_second / payments.per_second, 2),
                    "p50_ratio": round(times, 2),
                    "p99_ratio": round(payments.p99 / hellos.p99, 2),
                }
            )
        )
    assert times <= MOST_TIMES_HELLO
