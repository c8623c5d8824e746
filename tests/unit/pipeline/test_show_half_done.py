"""What is shown of a change that did not hold, so that nobody has to guess what is half there."""

from pipeline.model.change_set import Action
from pipeline.show.half_done import half_done
from tests.unit.pipeline.change_sets import change, change_set


def test_what_was_done_and_what_is_left_are_told_by_name() -> None:
    """Each thing that was changed has its line, and what is left is a change set like any other."""
    left = change_set(change("aws_sqs_queue", Action.DELETE, name="old"))

    lines = half_done(["aws_s3_bucket.logs", "aws_sqs_queue.new"], left).splitlines()

    assert lines[:3] == ["was done: aws_s3_bucket.logs", "was done: aws_sqs_queue.new", "this is left to do:"]
    assert any("aws_sqs_queue.old" in line for line in lines[3:])
    assert max(map(len, lines)) <= 80


def test_nothing_done_and_nothing_left_are_said() -> None:
    """No line is left out because there is nothing to put on it."""
    assert half_done([], change_set()) == "nothing was done\nnothing is left to do"


def test_what_cannot_be_planned_is_said() -> None:
    """Where Terraform gives no answer, that is what is known."""
    told = half_done(["a.b"], None)

    assert told == "was done: a.b\nwhat is left to do cannot be told: Terraform cannot plan now"


def test_a_long_list_is_cut_and_counted() -> None:
    """Twenty names are enough for a terminal; the rest is in the ledger."""
    lines = half_done([f"a.b{number}" for number in range(25)], change_set()).splitlines()

    assert len(lines) == 22
    assert lines[20] == "and 5 more; the ledger names all"
