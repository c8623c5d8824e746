"""Secrets and account ids among the literals of a release."""

import string

from hypothesis import given
from hypothesis import strategies as st

from policies.gate.literals import account_ids, secret_like

LETTERS = string.ascii_letters + string.digits


@given(
    account=st.from_regex(r"[0-9]{12}", fullmatch=True), before=st.sampled_from(["", "arn:aws:iam::", "x-"])
)
def test_twelve_digits_are_an_account_wherever_they_stand(account: str, before: str) -> None:
    """Any twelve digits of their own are found, in text, in lists, and in keys."""
    text = f"{before}{account}"

    assert list(account_ids({"a": [{"b": text}]})) == ["a.b holds twelve digits, as an account id has"]
    assert list(account_ids({"a": {text: "x"}})) == ["a holds twelve digits, as an account id has"]


@given(st.text(alphabet=LETTERS + "-/_ ${}.", max_size=60))
def test_a_finding_never_repeats_what_it_found(text: str) -> None:
    """The reason names the place, not the secret."""
    reasons = list(secret_like({"api_key": f"sk_live_{text}abcdefgh"}))

    assert all("sk_live_" not in reason for reason in reasons)


def test_a_reference_is_no_literal() -> None:
    """What refers to a secret or a variable holds none."""
    value = {
        "PAYMENT_SECRET": "${aws_secretsmanager_secret.PaymentApi_ProviderCredential_0123456789AB.name}",
        "depends_on": [
            "aws_api_gateway_integration.PaymentApi_RestApi_PaymentsPaymentIdRefundsPost_E6E962C1qWz9"
        ],
        "arn": "arn:aws:s3:::${var.account_id}",
    }

    assert (list(secret_like(value)), list(account_ids(value))) == ([], [])


def test_digests_and_prose_are_no_secrets() -> None:
    """Hexadecimal digests and long words stay below the bar for random text."""
    value = {
        "source": "sha256:0f343b0931126a20f133d67c2b018a3b0f343b0931126a20f133d67c2b018a3b",
        "description": "AVeryLongIdentifierThatSomebodyWroteByHandAndThatSaysSomething",
    }

    assert list(secret_like(value)) == []
