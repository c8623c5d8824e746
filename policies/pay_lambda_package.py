"""Whose code runs."""

from collections.abc import Iterable

from policies.gate.policy import Policy
from policies.gate.stack import Resource

WANTED = {
    "filename": "${path.module}/lambda.zip",
    "source_code_hash": '${filebase64sha256("${path.module}/lambda.zip")}',
}
ELSEWHERE = ("image_uri", "layers", "s3_bucket", "s3_key", "s3_object_version", "file_system_config")


class PayLambdaPackage(Policy):
    """Every function runs the package of its release, and no other code.

    Risk: what was tested and signed is not what runs.
    Fix: set `filename` to the release's lambda.zip and `source_code_hash` to its hash; no layers, image or bucket.
    """

    policy = "PAY_LAMBDA_4"
    resources = ("aws_lambda_function",)

    def problems(self, resource: Resource) -> Iterable[str]:
        """Code from anywhere else, or a change of code that would not be noticed."""
        for name, value in WANTED.items():
            if resource.body.get(name) != value:
                yield f"`{name}` is {resource.body.get(name)!r}, expected {value!r}"
        yield from (f"`{name}` brings other code" for name in ELSEWHERE if resource.body.get(name))


check = PayLambdaPackage()
