"""Wider access, by meaning: what covers what, what a policy newly grants, what only a person can judge."""

import itertools
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.model.change_set import Action, ResourceChange
from pipeline.model.safety import Finding, Kind, Severity, findings
from pipeline.model.safety.patterns import action_covers, covers, resource_covers
from pipeline.model.safety.policy_text import Grant, read_policy
from pipeline.model.values import Known, Secret, Unknown
from tests.unit.pipeline.change_sets import attribute, change, change_set

_PATTERNS = st.text("ab*?", max_size=5)
_ATOMS = st.lists(st.sampled_from(["a", "b", "*", "?", "${t.arn}"]), max_size=4).map("".join)


def _matches(pattern: str, text: str) -> bool:
    """The plain meaning of a pattern, told by another engine."""
    regex = "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in pattern)
    return re.fullmatch(regex, text) is not None


_TEXTS = ["".join(letters) for n in range(5) for letters in itertools.product("ab", repeat=n)]


@given(_PATTERNS, _PATTERNS)
def test_covering_is_never_a_wrong_yes(wider: str, narrower: str) -> None:
    """If one pattern covers another, everything that the narrow one matches is matched by the wide one."""
    if covers(wider, narrower):
        assert all(_matches(wider, text) for text in _TEXTS if _matches(narrower, text))


@given(st.text("ab*", max_size=4), st.text("ab", max_size=4))
def test_covering_a_plain_text_is_matching_it(pattern: str, text: str) -> None:
    """Against a text without wildcards, covering and matching are the same question."""
    assert covers(pattern, text) == _matches(pattern, text)


def test_a_long_text_is_compared_too() -> None:
    """Neither a text of any length nor many stars in it stop the comparison, or make it slow."""
    long = "a" * 5000
    assert covers(long, long)
    assert covers(f"{'a*' * 50}", long)
    assert not covers(f"{'a*' * 50}b", long)


@given(_ATOMS)
def test_everything_covers_itself_and_a_star_covers_everything(pattern: str) -> None:
    """Covering is reflexive, and `*` is the widest."""
    assert covers(pattern, pattern)
    assert covers("*", pattern)


def test_covering_is_transitive() -> None:
    """What covers something covers all that this covers: every pattern of up to three letters."""
    patterns = ["".join(letters) for n in range(4) for letters in itertools.product("a*?", repeat=n)]
    under = {one: {other for other in patterns if covers(one, other)} for one in patterns}
    assert all(under[two] <= under[one] for one in patterns for two in under[one])


@pytest.mark.parametrize(
    ("wider", "narrower", "answer"),
    [
        ("s3:Get*", "s3:GetObject", True),
        ("S3:GETOBJECT", "s3:GetObject", True),
        ("s3:*", "s3:Get*", True),
        ("s3:Get*", "s3:*", False),
        ("s3:GetObject", "s3:GetObjectAcl", False),
        ("s3:Get?bject", "s3:Get*", False),
    ],
)
def test_actions_are_compared_without_case(wider: str, narrower: str, answer: bool) -> None:
    """Actions have no case, and a star only covers what it stands for."""
    assert action_covers(wider, narrower) == answer


@pytest.mark.parametrize(
    ("wider", "narrower", "answer"),
    [
        ("*", "arn:aws:s3:::b/*", True),
        ("arn:aws:s3:::b*", "arn:aws:s3:::b/k", True),
        ("arn:aws:s3:::b", "arn:aws:s3:::B", False),
        ("arn:aws:dynamodb:*:1:table/t", "arn:aws:dynamodb:r:1:table/t", True),
        ("arn:aws:dynamodb:r:1:table/t", "arn:aws:dynamodb:*:1:table/t", False),
        ("arn:aws:s*:x", "arn:aws:sqs:r:1:x", False),
        ("arn:aws:logs:r:1:group:g:*", "arn:aws:logs:r:1:group:g:stream:s", True),
        ("${t.arn}/index/*", "${t.arn}/index/by-date", True),
        ("${t.arn}/*", "${u.arn}/*", False),
        ("${t.arn}", "arn:aws:s3:::b", False),
        ("????????", "${t.arn}", False),
        ("?", "${t.arn}", False),
        ("${t.arn}*", "${t.arn}", True),
    ],
)
def test_resources_are_compared_part_by_part(wider: str, narrower: str, answer: bool) -> None:
    """ARNs by their parts; a reference only equals itself, since nobody knows yet what it becomes."""
    assert resource_covers(wider, narrower) == answer


def _allow(action: Any, resource: Any, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def _policy(*statements: dict[str, Any], version: str = "2012-10-17") -> str:
    return json.dumps({"Version": version, "Statement": list(statements)})


_Statements = list[dict[str, Any]]
_ACTIONS = st.lists(st.sampled_from(["s3:Get*", "s3:GetObject", "s3:Put", "kms:*"]), min_size=1, max_size=3)
_RESOURCES = st.lists(
    st.sampled_from(["arn:aws:s3:::a", "arn:aws:s3:::*", "${t.arn}"]), min_size=1, max_size=3
)
_POLICIES = st.lists(st.builds(_allow, _ACTIONS, _RESOURCES), max_size=3)


@given(_POLICIES, st.randoms())
def test_reordering_and_splitting_grants_nothing(statements: list[dict[str, Any]], random: Any) -> None:
    """The same grants in another order, one per statement, named otherwise, are no change."""
    pieces = [
        _allow(action, [resource], Sid=f"S{random.random()}".replace(".", ""))
        for statement in statements
        for action in statement["Action"]
        for resource in statement["Resource"]
    ]
    random.shuffle(pieces)
    whole, split = read_policy(_policy(*statements)), read_policy(_policy(*pieces))
    assert split.newly_granted(whole) == ()
    assert whole.newly_granted(split) == ()


@given(_POLICIES, _POLICIES)
def test_taking_statements_away_grants_nothing(
    kept: list[dict[str, Any]], taken: list[dict[str, Any]]
) -> None:
    """Fewer Allow statements never widen, and more widen by nothing but what they say."""
    less, more = read_policy(_policy(*kept)), read_policy(_policy(*kept, *taken))
    assert less.newly_granted(more) == ()
    assert set(more.newly_granted(less)) <= read_policy(_policy(*taken)).grants


def _allowed(statements: _Statements, action: str, resource: str) -> bool:
    """What a list of Allow statements plainly means."""
    return any(
        any(_matches(pattern, action) for pattern in statement["Action"])
        and any(_matches(pattern, resource) for pattern in statement["Resource"])
        for statement in statements
    )


_SMALL = st.lists(
    st.builds(
        _allow,
        st.lists(st.sampled_from(["s:*", "s:G*", "s:GO", "s:?O", "*"]), min_size=1, max_size=2),
        st.lists(
            st.sampled_from(["arn:aws:s:r:1:*", "arn:aws:s:*:1:a", "arn:aws:s:r:1:a?", "*"]), min_size=1
        ),
    ),
    max_size=3,
)


@given(_SMALL, _SMALL)
def test_no_new_grant_means_nothing_more_is_allowed(before: _Statements, after: _Statements) -> None:
    """If no grant is new, there is no action on any resource that was not allowed before."""
    if not read_policy(_policy(*after)).newly_granted(read_policy(_policy(*before))):
        for action in ("s:GO", "s:PO", "s:G", "t:X"):
            for resource in ("arn:aws:s:r:1:a", "arn:aws:s:r:1:ab", "arn:aws:s:q:1:a", "x"):
                assert not _allowed(after, action, resource) or _allowed(before, action, resource)


def test_a_wide_grant_is_new_although_narrow_ones_were_there() -> None:
    """A star over what was listed one by one is wider."""
    before = read_policy(_policy(_allow(["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::b/*")))
    after = read_policy(_policy(_allow("s3:*", "arn:aws:s3:::b/*")))
    assert after.newly_granted(before) == (Grant("s3:*", "arn:aws:s3:::b/*"),)
    assert before.newly_granted(after) == ()


@pytest.mark.parametrize(
    "text",
    [
        "not json",
        "[]",
        '"x"',
        '{"Statement": "x"}',
        '{"Statement": [1]}',
        '{"Surprise": 1, "Statement": []}',
        '{"Version": "2008-10-17", "Statement": []}',
        '{"Statement": [{"Effect": "Allow", "Effect": "Deny"}]}',
        "[" * 100_000,
    ],
)
def test_a_policy_that_is_not_understood_is_marked(text: str) -> None:
    """Broken, doubled, older or unknown documents are for a person."""
    assert not read_policy(text).is_readable


@pytest.mark.parametrize(
    "statement",
    [
        {"Effect": "Deny", "Action": "s3:*", "Resource": "*"},
        {"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"},
        {"Effect": "Allow", "Action": "s3:*", "NotResource": "x"},
        _allow("s3:*", "x", Condition={"Bool": {"aws:SecureTransport": "true"}}),
        _allow("s3:*", "x", Principal="*"),
        _allow("s3:*", 7),
        _allow([], "x"),
        {"Effect": "allow", "Action": "s3:*", "Resource": "x"},
        {"Action": "s3:*", "Resource": "x"},
    ],
)
def test_a_statement_of_another_shape_is_for_a_person(statement: dict[str, Any]) -> None:
    """Whatever is not a plain Allow of actions on resources is compared as it is, and is news when new."""
    policy = read_policy(_policy(statement))
    assert policy.grants == frozenset()
    assert len(policy.new_others(read_policy(None))) == 1
    assert policy.new_others(read_policy(_policy({**statement, "Sid": "Renamed"}))) == ()


def _found(*changes: ResourceChange, **stacks: Any) -> tuple[Finding, ...]:
    return findings(change_set(*changes), **stacks)


def _rules(*changes: ResourceChange, **stacks: Any) -> list[str]:
    return [finding.rule for finding in _found(*changes, **stacks) if finding.kind is Kind.ACCESS]


def _update(
    before: Any, after: Any, name: str = "policy", kind: str = "aws_iam_role_policy"
) -> ResourceChange:
    return change(kind, Action.UPDATE, attribute(name, before, after))


_NARROW = _policy(_allow("s3:GetObject", "arn:aws:s3:::b/*"))
_WIDE = _policy(_allow(["s3:GetObject", "s3:DeleteObject"], "arn:aws:s3:::b/*"))
_DENY = _policy({"Effect": "Deny", "Action": "*", "Resource": "*"})


@pytest.mark.parametrize(
    ("before", "after", "rules"),
    [
        (_NARROW, _WIDE, ["access/grant"]),
        (_WIDE, _NARROW, []),
        (_DENY, _policy(), ["access/refusal-lost"]),
        (_policy(), _DENY, ["access/statement"]),
        (_DENY, json.dumps(json.loads(_DENY), indent=1), []),
        (_NARROW, "broken", ["access/unreadable"]),
        ("broken", _NARROW, ["access/unreadable"]),
        (_NARROW, Unknown(("aws_s3_bucket.b.arn",)), ["access/unreadable"]),
        (_NARROW, Unknown(("aws_s3_bucket.b.arn",), _NARROW), []),
        (_NARROW, Unknown((), secret=True), ["access/unreadable"]),
        (_NARROW, Secret("hmac-sha256:0"), ["access/unreadable"]),
        (_NARROW, Unknown(), ["access/unreadable"]),
        ("", Unknown(), []),
        (None, Unknown(), []),
        (_NARROW, None, []),
        (_DENY, None, ["access/refusal-lost"]),
    ],
)
def test_a_changed_policy_is_judged_by_meaning(before: Any, after: Any, rules: list[str]) -> None:
    """Only what is newly allowed, no longer refused, or cannot be judged, is a finding."""
    assert _rules(_update(before, after)) == rules


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("aws_iam_policy", "policy"),
        ("aws_iam_role", "assume_role_policy"),
        ("aws_iam_role", "inline_policy.0.policy"),
        ("aws_s3_bucket_policy", "policy"),
        ("aws_kms_key", "policy"),
        ("aws_sqs_queue", "policy"),
        ("aws_vpc_endpoint", "policy"),
        ("aws_thing", "some_document"),
        ("aws_ecr_repository", "repository_policy"),
    ],
)
def test_a_policy_is_found_on_any_resource(kind: str, name: str) -> None:
    """A document that grants is found by its name or by what it says, not by a list of types."""
    assert "access/grant" in _rules(_update(_NARROW, _WIDE, name, kind))


@pytest.mark.parametrize("name", ["block_public_policy", "deletion_policy", "security_policy"])
def test_a_setting_is_no_policy(name: str) -> None:
    """A switch that has `policy` in its name is not read as a document."""
    assert "access/unreadable" not in _rules(_update(True, False, name, "aws_thing"))


def test_the_sentence_names_what_is_newly_allowed() -> None:
    """A person reads who may newly do what on what."""
    (finding,) = _found(_update(_NARROW, _WIDE))
    assert finding.sentence == "aws_iam_role_policy.it newly allows s3:DeleteObject on arn:aws:s3:::b/*"
    assert finding.severity is Severity.MEDIUM


@pytest.mark.parametrize(
    "statement",
    [_allow("s3:*", "arn:aws:s3:::b"), _allow("s3:Get", "*"), _allow("iam:PassRole", "x"), _allow("*", "x")],
)
def test_a_broad_grant_is_severe(statement: dict[str, Any]) -> None:
    """Everything of a service, everything everywhere, and the making of rights stand out."""
    (finding,) = _found(_update(_policy(), _policy(statement)))
    assert finding.severity is Severity.HIGH


def _stack(text: str, **more: Any) -> dict[str, Any]:
    return {"resource": {"aws_iam_role_policy": {"it": {"policy": text, "//": more}}}}


_REFERENCE = _policy(_allow("s3:GetObject", "${aws_s3_bucket.b.arn}/*"))
_CREATED = change(
    "aws_iam_role_policy",
    Action.CREATE,
    attribute("policy", None, Unknown(("aws_s3_bucket.b.arn",), _REFERENCE)),
)


def test_a_first_creation_is_measured_against_nothing() -> None:
    """Without an environment before it, every grant of a new policy is news, read with its references."""
    (finding,) = _found(_CREATED, stack=_stack(_REFERENCE))
    assert "s3:GetObject on ${aws_s3_bucket.b.arn}/*" in finding.sentence


def test_a_first_creation_is_measured_against_the_environment_before() -> None:
    """What the same release was allowed in the environment before is not news here."""
    assert _rules(_CREATED, stack=_stack(_REFERENCE, path="b"), baseline=_stack(_REFERENCE, path="a")) == []
    assert _rules(_CREATED, stack=_stack(_REFERENCE), baseline={"resource": {}}) == ["access/grant"]


def test_a_first_creation_that_goes_on_is_measured_as_it_is_written() -> None:
    """After a killed creation the values are known; the comparison stays one of references."""
    known = _policy(_allow("s3:GetObject", "arn:aws:s3:::b/*"))
    going_on = change("aws_iam_role_policy", Action.CREATE, attribute("policy", None, known))
    assert _rules(going_on, stack=_stack(_REFERENCE), baseline=_stack(_REFERENCE)) == []


def test_more_than_in_the_environment_before_is_a_finding() -> None:
    """What only this environment is allowed is news."""
    more = _policy(_allow("s3:*", "${aws_s3_bucket.b.arn}/*"))
    created = change(
        "aws_iam_role_policy",
        Action.CREATE,
        attribute("policy", None, Unknown(("aws_s3_bucket.b.arn",), more)),
    )
    assert _rules(created, stack=_stack(more), baseline=_stack(_REFERENCE)) == ["access/grant"]


@pytest.mark.parametrize(
    "kind",
    [
        "aws_lambda_permission",
        "aws_iam_role_policy_attachment",
        "aws_iam_user",
        "aws_iam_access_key",
        "aws_kms_grant",
        "aws_lambda_function_url",
        "aws_api_gateway_usage_plan_key",
        "aws_cognito_identity_pool_roles_attachment",
        "aws_lakeformation_permissions",
        "aws_rolesanywhere_profile",
        "aws_s3_bucket_acl",
        "aws_ssoadmin_account_assignment",
        "aws_security_group_rule",
    ],
)
def test_a_resource_that_is_access_is_looked_at(kind: str) -> None:
    """A new or changed permission, attachment, user, key or rule is a finding; its end is not."""
    sides = attribute("principal", "a", "b")
    assert _rules(change(kind, Action.UPDATE, sides)) == ["access/resource"]
    assert _rules(change(kind, Action.CREATE, attribute("principal", None, "b"))) == ["access/resource"]
    assert _rules(change(kind, Action.DELETE, attribute("principal", "a", None))) == []


def test_a_proven_permission_is_not_news() -> None:
    """The same permission as in the environment before needs nobody's word on first creation."""
    service = "apigateway.amazonaws.com"
    stack = {"resource": {"aws_lambda_permission": {"it": {"principal": service}}}}
    other = {"resource": {"aws_lambda_permission": {"it": {"principal": "*"}}}}
    created = change(
        "aws_lambda_permission", Action.CREATE, attribute("principal", None, "apigateway.amazonaws.com")
    )
    assert _rules(created, stack=stack, baseline=stack) == []
    assert _rules(created, stack=stack, baseline=other) == ["access/resource"]
    assert _rules(created, baseline=other) == ["access/resource"]


@pytest.mark.parametrize(
    "name", ["role", "role_arn", "execution_role_arn", "permissions_boundary", "acl", "managed_policy_arns"]
)
def test_another_role_or_boundary_is_a_finding(name: str) -> None:
    """Who something acts as decides what it may do."""
    assert _rules(change("aws_lambda_function", Action.UPDATE, attribute(name, "a", "b"))) == [
        "access/attribute"
    ]
    assert _rules(change("aws_lambda_function", Action.UPDATE, attribute("memory_size", 1, 2))) == []


def test_an_approval_of_one_grant_does_not_cover_another() -> None:
    """A finding's id names exactly what is allowed: another action is another finding."""
    other = _policy(_allow(["s3:GetObject", "s3:DeleteBucket"], "arn:aws:s3:::b/*"))
    (one,) = _found(_update(_NARROW, _WIDE))
    (two,) = _found(_update(_NARROW, other))
    (again,) = _found(_update(_NARROW, _WIDE))
    assert one.id != two.id
    assert one.id == again.id


def test_importing_an_unwanted_value_is_no_policy() -> None:
    """An imported resource that nothing changes grants nothing new."""
    kept = change("aws_iam_role", Action.KEEP, importing=Known.of({"id": "x"}))
    assert _rules(kept) == []
