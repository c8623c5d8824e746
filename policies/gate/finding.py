"""What a rule has to say about a place in a stack."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """A rule that is not a checkov check, because it looks at more than one block.

    Attributes:
        id: Its id, as waivers and reports use it.
        title: The wanted outcome.
        fix: What to do about a finding.
        risk: What a finding may lead to.
        waivable: Whether a waiver may accept a finding.
            Default: False; what an allow list forbids is allowed by changing the list.
    """

    id: str
    title: str
    fix: str
    risk: str
    waivable: bool = False


@dataclass(frozen=True)
class Finding:
    """A rule broken in one place.

    Attributes:
        policy: Id of the rule.
        title: The wanted outcome.
        stack: Name of the stack, or `release` for what is compared across stacks.
        address: Terraform address inside the stack.
        construct: Construct path below the stack: what waivers name.
        reason: What is wrong here.
        fix: What to do.
        line: First line of the block in the stack's file; 1 where there is none.
    """

    policy: str
    title: str
    stack: str
    address: str
    construct: str
    reason: str
    fix: str
    line: int = 1
