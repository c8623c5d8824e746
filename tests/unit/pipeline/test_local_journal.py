"""What counts as a change of a local account, and how its loss is told."""

from pathlib import Path

import pytest

from pipeline.targets.local import journal


@pytest.mark.parametrize(
    "action",
    ["dynamodb:PutItem", "lambda:CreateFunction", "iam:PutRolePolicy", "s3:CreateBucket", "sns:Subscribe"],
)
def test_what_makes_or_alters_something_is_a_change(action: str) -> None:
    """A call that leaves something behind is worth a checkpoint."""
    assert journal.changes_state(action)


@pytest.mark.parametrize(
    "action",
    ["dynamodb:GetItem", "dynamodb:Query", "s3:ListBucket", "lambda:InvokeFunction", "iam:GetRole", "sts:"],
)
def test_what_only_looks_is_none(action: str) -> None:
    """Reading, assuming a role and calling a function change no state of the account by themselves."""
    assert not journal.changes_state(action)


def test_losses_of_one_kind_are_one_sentence(tmp_path: Path) -> None:
    """The same call on the same thing is told once, with how often it came, over both journals."""
    saving, current = tmp_path / "saving", tmp_path / "current"
    journal.record(saving, "dynamodb:PutItem", "table/a")
    journal.record(current, "dynamodb:PutItem", "table/a")
    journal.record(current, "iam:CreateRole", "*")
    assert journal.sentences(saving, current) == (
        "dynamodb:PutItem on table/a (2 times) came after the last checkpoint and is lost",
        "iam:CreateRole came after the last checkpoint and is lost",
    )


def test_many_losses_are_told_by_service(tmp_path: Path) -> None:
    """What a killed apply loses is told in one sentence for each service, the most changed first."""
    path = tmp_path / "journal"
    for number in range(20):
        journal.record(path, "apigateway:CreateResource", f"resource/{number}")
    journal.record(path, "iam:CreateRole", "role")
    assert journal.sentences(path) == (
        "apigateway: changes after the last checkpoint are lost, 20 in all",
        "iam: changes after the last checkpoint are lost, 1 in all",
    )


def test_objects_are_never_lost(tmp_path: Path) -> None:
    """S3's objects are on disk at once, so their uploads are not taken down as a loss."""
    path = tmp_path / "journal"
    journal.record(path, "s3:PutObject", "arn:aws:s3:::b/k")
    assert journal.sentences(path) == ()


def test_the_line_at_which_a_process_was_killed_is_passed_over(tmp_path: Path) -> None:
    """Half a line at the journal's end does not hide the lines before."""
    path = tmp_path / "journal"
    journal.record(path, "iam:CreateRole", "*")
    with path.open("a", encoding="utf-8") as file:
        file.write('{"at": "2026-')
    assert len(journal.sentences(path, tmp_path / "missing")) == 1
