"""What a policy file writes: a checkov check whose docstring is its documentation."""

import inspect
from collections.abc import Iterable
from typing import Any, ClassVar

from checkov.common.models.enums import CheckCategories, CheckResult
from checkov.terraform.checks.provider.base_check import BaseProviderCheck
from checkov.terraform.checks.resource.base_resource_check import BaseResourceCheck

from policies.gate.open_stacks import resource_at, stack_at
from policies.gate.stack import Resource, Stack


def documentation(kind: type) -> dict[str, str]:
    """The wanted outcome, the risk and the fix, from a policy's docstring."""
    title, _, rest = inspect.cleandoc(kind.__doc__ or "").partition("\n")
    before, _, fix = rest.partition("Fix:")
    return {
        "title": title.strip().removesuffix("."),
        "risk": " ".join(before.replace("Risk:", "").split()),
        "fix": " ".join(fix.split()),
    }


class Policy(BaseResourceCheck):  # type: ignore[misc]  # checkov is not installed where mypy runs
    """A rule about one kind of resource: it passes when `problems` yields nothing.

    It reads the stack's own JSON and not checkov's wrapped copy of it; the gate proves that both agree.
    """

    policy: ClassVar[str]
    resources: ClassVar[tuple[str, ...]]

    def __init__(self) -> None:
        super().__init__(
            name=documentation(type(self))["title"],
            id=self.policy,
            categories=[CheckCategories.GENERAL_SECURITY],
            supported_resources=list(self.resources),
        )

    def applies(self, resource: Resource) -> bool:  # noqa: ARG002  # a question most policies answer alike
        """Whether the rule is about this resource at all; if not, the result is UNKNOWN."""
        return True

    def problems(self, resource: Resource) -> Iterable[str]:
        """What is wrong, one sentence each."""
        raise NotImplementedError

    def scan_entity_conf(self, conf: dict[str, Any], entity_type: str) -> CheckResult:  # noqa: ARG002  # read raw
        """Judge the resource; overridden whole: the inherited one excuses whatever has `count = 0`."""
        resource = resource_at(self.entity_path)
        if not self.applies(resource):
            return CheckResult.UNKNOWN
        self.details = list(self.problems(resource))
        return CheckResult.FAILED if self.details else CheckResult.PASSED

    def scan_resource_conf(self, conf: dict[str, Any]) -> CheckResult:
        """Never reached; checkov declares it abstract."""
        raise NotImplementedError


class ProviderPolicy(BaseProviderCheck):  # type: ignore[misc]  # checkov is not installed where mypy runs
    """A rule about every configuration of the AWS provider."""

    policy: ClassVar[str]

    def __init__(self) -> None:
        super().__init__(
            name=documentation(type(self))["title"],
            id=self.policy,
            categories=[CheckCategories.GENERAL_SECURITY],
            supported_provider=["aws"],
        )

    def problems(self, provider: dict[str, Any], stack: Stack) -> Iterable[str]:
        """What is wrong with one configuration, one sentence each."""
        raise NotImplementedError

    def scan_provider_conf(self, conf: dict[str, Any]) -> CheckResult:  # noqa: ARG002  # see Policy
        """Judge the stack's AWS providers: checkov does not tell which of several it is looking at."""
        stack = stack_at(self.entity_path.rsplit(":", 2)[0])
        self.details = [why for provider in stack.providers("aws") for why in self.problems(provider, stack)]
        return CheckResult.FAILED if self.details else CheckResult.PASSED
