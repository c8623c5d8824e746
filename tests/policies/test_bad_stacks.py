"""Directories and documents that cannot be judged, or only look as if there were nothing to find."""

import copy
import datetime as dt
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from policies.gate.allow_list import read_contents
from policies.gate.errors import NotJudgedError
from policies.gate.judge import NOT_JUDGED, REFUSED, Judgement, judge
from policies.gate.release_contents import judge_contents
from policies.gate.run import run
from policies.gate.stack import Stack, read_stack

TODAY = dt.datetime.now(tz=dt.UTC).date()


@pytest.fixture
def stacks(release: Path, tmp_path: Path) -> Path:
    """A copy of the release that a test may spoil."""
    return Path(shutil.copytree(release, tmp_path / "out"))


@pytest.fixture
def document(release: Path) -> dict[str, Any]:
    """Dev's document."""
    text = (release / "stacks" / "payments-dev" / "cdk.tf.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def judge_text(text: str, folder: Path) -> Judgement:
    """Judge one dev stack of this text."""
    path = folder / "payments-dev" / "cdk.tf.json"
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    return judge(folder, TODAY)


def test_an_empty_directory_is_not_clean(tmp_path: Path) -> None:
    """Nothing to judge is no verdict, and the message says what was looked for."""
    with pytest.raises(NotJudgedError, match=r"holds no stack: neither stacks/payments-\*/cdk\.tf\.json nor"):
        judge(tmp_path, TODAY)


def test_a_directory_that_is_not_there_is_not_clean(tmp_path: Path) -> None:
    """A mistyped directory is no verdict."""
    with pytest.raises(NotJudgedError, match="holds no stack"):
        judge(tmp_path / "typo", TODAY)


def test_stacks_under_another_file_name_are_not_found(tmp_path: Path) -> None:
    """A file that checkov would skip for its name is no stack."""
    (tmp_path / "payments-dev").mkdir()
    (tmp_path / "payments-dev" / "cdk.json").write_text('{"resource": {}}', encoding="utf-8")

    with pytest.raises(NotJudgedError, match="holds no stack"):
        judge(tmp_path, TODAY)


def test_a_missing_stack_is_noticed(stacks: Path) -> None:
    """A release without prod is not judged."""
    shutil.rmtree(stacks / "stacks" / "payments-prod")

    with pytest.raises(NotJudgedError, match="a release has payments-dev, payments-staging, payments-prod"):
        judge(stacks, TODAY)


def test_an_additional_stack_is_noticed(stacks: Path) -> None:
    """A release with a stack that no environment knows is not judged."""
    shutil.copytree(stacks / "stacks" / "payments-dev", stacks / "stacks" / "payments-extra")

    with pytest.raises(NotJudgedError, match="payments-extra"):
        judge(stacks, TODAY)


def test_a_file_beside_a_stack_is_noticed(stacks: Path) -> None:
    """Terraform would read `override.tf` beside the stack; the gate does not let it lie there."""
    (stacks / "stacks" / "payments-dev" / "override.tf").write_text("", encoding="utf-8")

    with pytest.raises(
        NotJudgedError, match=r"holds cdk\.tf\.json, override\.tf; expected exactly cdk\.tf\.json"
    ):
        judge(stacks, TODAY)


def test_a_stack_of_no_environment_is_not_judged(stacks: Path, tmp_path: Path) -> None:
    """A loose stack whose folder names no environment has nothing to be measured by."""
    shutil.copytree(stacks / "stacks" / "payments-dev", tmp_path / "loose" / "somewhere")

    with pytest.raises(NotJudgedError, match="belongs to no known environment"):
        judge(tmp_path / "loose", TODAY)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"resource": {', "is not readable JSON"),
        ('{"resource": {"aws_sns_topic": {"a": {}, "a": {"name": "b"}}}}', "the key 'a' stands twice"),
        ('{"resource": {"aws_sns_topic": {"a": {"x": NaN}}}}', "NaN is not JSON"),
        ("[]", "holds no resources"),
        ('{"output": {}}', "holds no resources"),
        ('{"resource": {}}', "holds no resources"),
        ('{"resource": [{"aws_sns_topic": {"a": {}}}]}', "holds no resources"),
        ('{"resource": {"aws_sns_topic": [{"a": {}}]}}', "must be an object, not a list"),
        ('{"resource": {"aws_sns_topic": {"a": [{}]}}}', "is not one named block"),
        ('{"resource": {"aws_sns_topic": {"a b": {}}}}', "is not one named block"),
        (
            '{"resource": {"x": {"a": {"//": {"metadata": {"path": "p"}}}, "b": {"//": {"metadata": {"path": "p"}}}}}}',
            "several resources claim to be p",
        ),
        ('{"resource": {"aws_sns_topic": {"a": {}}}, "data": [{}]}', "`data` must be an object"),
    ],
)
def test_documents_that_could_be_read_in_two_ways_are_not_judged(
    tmp_path: Path, text: str, says: str
) -> None:
    """Broken, empty, repeated and array-shaped documents are refused before anything is scanned."""
    with pytest.raises(NotJudgedError, match=says):
        judge_text(text, tmp_path)


def test_a_file_that_is_no_text_is_not_judged(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 are refused."""
    (tmp_path / "cdk.tf.json").write_bytes(b'{"resource": {"aws_sns_topic": {"\xff": {}}}}')

    with pytest.raises(NotJudgedError, match="is not readable JSON"):
        read_stack(tmp_path / "cdk.tf.json", "payments-dev", "dev")


def test_a_required_version_does_not_hide_the_stack(document: dict[str, Any], tmp_path: Path) -> None:
    """Checkov drops a file with `required_version` as a text, and exits 0; the gate cannot judge it."""
    document["terraform"]["required_version"] = ">= 1.5"

    judgement = judge_text(json.dumps(document), tmp_path)

    assert judgement.verdict == NOT_JUDGED
    assert "payments-dev: checkov could not parse the file." in judgement.faults


@pytest.mark.parametrize(
    ("block", "item", "place"),
    [
        (
            "moved",
            {"from": "aws_s3_bucket.a", "to": "aws_s3_bucket.b"},
            "moved.aws_s3_bucket.a->aws_s3_bucket.b",
        ),
        ("import", {"to": "aws_s3_bucket.a", "id": "x"}, "import.aws_s3_bucket.a"),
        ("removed", {"from": "aws_s3_bucket.a"}, "removed.aws_s3_bucket.a"),
        ("removed", "what is this", "removed"),
    ],
)
def test_a_waiver_of_a_move_is_for_that_move(
    document: dict[str, Any], block: str, item: Any, place: str
) -> None:
    """Each has a place of its own, so a waiver accepts no later one of its kind."""
    other = {"from": "aws_s3_bucket.y", "to": "aws_s3_bucket.z"}
    history = {**document, block: [item, other]}
    stack = Stack("payments-dev", "dev", Path("cdk.tf.json"), "", history)

    places = [f.construct for f in judge_contents(stack, read_contents()) if f.policy == "PAY_RELEASE_5"]

    assert places == [place, f"{block}.aws_s3_bucket.y->aws_s3_bucket.z"]


@pytest.mark.parametrize("block", ["moved", "import", "removed"])
def test_blocks_about_history_do_not_hide_the_stack(
    document: dict[str, Any], tmp_path: Path, block: str
) -> None:
    """Checkov drops a file with such blocks; the gate still judges the rest, and makes each a finding."""
    document[block] = [{"from": "aws_s3_bucket.a", "to": "aws_s3_bucket.b"}]
    next(iter(document["resource"]["aws_lambda_function"].values()))["memory_size"] = 1

    judgement = judge_text(json.dumps(document), tmp_path)

    assert judgement.faults == []
    assert {finding.policy for finding in judgement.waived.open} == {"PAY_RELEASE_5", "PAY_LAMBDA_1"}


def test_a_stack_without_a_provider_is_not_judged(document: dict[str, Any], tmp_path: Path) -> None:
    """What is said of the provider has to be checked; where there is none, nothing was."""
    del document["provider"]

    judgement = judge_text(json.dumps(document), tmp_path)

    missing = [fault for fault in judgement.faults if "the checks run on provider.aws" in fault]
    assert judgement.verdict == NOT_JUDGED
    assert "CKV_AWS_41, PAY_PROVIDER_1, PAY_PROVIDER_2 is missing" in missing[0]


def test_a_resource_that_checkov_does_not_count_is_noticed(document: dict[str, Any], tmp_path: Path) -> None:
    """Checkov passes over a resource named like its own line markers; Terraform would create it."""
    document["resource"]["aws_sns_topic"]["__startline__"] = {"name": "unseen"}

    judgement = judge_text(json.dumps(document), tmp_path)

    assert judgement.verdict == NOT_JUDGED
    assert any("aws_sns_topic.__startline__" in fault for fault in judgement.faults)


def test_a_number_that_checkov_reads_as_text_is_noticed(document: dict[str, Any], tmp_path: Path) -> None:
    """Checkov reads JSON as YAML, where `1e3` is a text; such a document is not judged."""
    next(iter(document["resource"]["aws_lambda_function"].values()))["timeout"] = "@number@"

    judgement = judge_text(json.dumps(document).replace('"@number@"', "1e3"), tmp_path)

    assert "payments-dev: checkov read the file differently than it is written." in judgement.faults


def test_count_zero_excuses_nothing(document: dict[str, Any], tmp_path: Path) -> None:
    """Checkov's checks look away from `count = 0`; the gate refuses it, and ours look anyway."""
    table = next(iter(document["resource"]["aws_dynamodb_table"].values()))
    table |= {"count": 0, "server_side_encryption": {"enabled": False}}

    judgement = judge_text(json.dumps(document), tmp_path)

    assert judgement.verdict == NOT_JUDGED
    assert {"PAY_RELEASE_6", "PAY_DYNAMODB_1"} <= {finding.policy for finding in judgement.waived.open}


def test_a_comment_skips_nothing(document: dict[str, Any], tmp_path: Path) -> None:
    """Checkov's inline skips have no effect in JSON, and none here."""
    table = next(iter(document["resource"]["aws_dynamodb_table"].values()))
    table["//"]["comment"] = "checkov:skip=PAY_DYNAMODB_1: trust me"
    table["server_side_encryption"] = {"enabled": False}

    judgement = judge_text(json.dumps(document), tmp_path)

    assert {finding.policy for finding in judgement.waived.open} == {"PAY_DYNAMODB_1"}


def test_a_value_from_outside_is_not_taken_for_good(document: dict[str, Any], tmp_path: Path) -> None:
    """Where a variable stands for a setting checkov answers UNKNOWN and drops it; here that is no pass."""
    bad = copy.deepcopy(document)
    block = next(iter(bad["resource"]["aws_s3_bucket_public_access_block"].values()))
    block["block_public_acls"] = "${var.release}"

    judgement = judge_text(json.dumps(bad), tmp_path)

    assert judgement.verdict in {NOT_JUDGED, REFUSED}
    assert "PAY_S3_4" in {finding.policy for finding in judgement.waived.open}


@pytest.mark.parametrize(("spoil", "status"), [(False, 0), (True, 1)])
def test_the_exit_status_says_clean_or_refused(
    stacks: Path, capsys: pytest.CaptureFixture[str], spoil: bool, status: int
) -> None:
    """0 and CLEAN for the release as it is, 1 and REFUSED with a finding; the last line says which."""
    path = stacks / "stacks" / "payments-dev" / "cdk.tf.json"
    if spoil:
        path.write_text(path.read_text("utf-8").replace('"memory_size": 512', '"memory_size": 128'), "utf-8")

    assert run(stacks, TODAY, {}) == status

    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("REFUSED: the release; 1 finding" if spoil else "CLEAN: the release")


def test_the_exit_status_says_not_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """2 where there is nothing to judge, with what to do about it."""
    assert run(tmp_path, TODAY, {}) == 2

    lines = capsys.readouterr().out.splitlines()
    assert "`nox -s synth` writes them into cdktf.out; name another directory as `-- DIR`." in lines[0]
    assert lines[-1] == "COULD NOT BE JUDGED, therefore refused: 1 fault above."
