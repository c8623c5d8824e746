"""What a push asks for, and which variables the code that judges it may see."""

import pytest

from pipeline.model.errors import UsageError
from pipeline.origin.git import without_git
from pipeline.origin.push import Update, promoted, read_updates
from pipeline.origin.receive import without_credentials

_OLD, _NEW, _NONE = "a" * 40, "b" * 40, "0" * 40


def test_git_s_lines_are_updates() -> None:
    """Each line is a reference that moves, begins or ends; the one that is promoted is found."""
    updates = read_updates(
        [
            f"{_OLD} {_NEW} refs/heads/topic\n",
            f"{_NONE} {_NEW} refs/heads/main\n",
            f"{_OLD} {_NONE} refs/tags/v1\n",
        ]
    )

    assert updates == (
        Update(_OLD, _NEW, "refs/heads/topic"),
        Update(None, _NEW, "refs/heads/main"),
        Update(_OLD, None, "refs/tags/v1"),
    )
    assert promoted(updates) == updates[1]
    assert promoted(updates[:1]) is None


@pytest.mark.parametrize("ref", ["refs/heads/main2", "refs/heads/feature/main", "refs/tags/main"])
def test_only_main_itself_is_promoted(ref: str) -> None:
    """A branch or tag that merely sounds like it is not."""
    assert promoted([Update(_OLD, _NEW, ref)]) is None


@pytest.mark.parametrize(
    "line", ["", "main", f"{_OLD} {_NEW}", f"{_OLD} -x refs/heads/main", "../x ../y refs/z"]
)
def test_anything_else_was_not_said_by_git(line: str) -> None:
    """A line in another form is refused: a hook that was run by hand promotes nothing."""
    with pytest.raises(UsageError, match="git runs it when somebody pushes"):
        read_updates([line])


def test_credentials_are_not_handed_on() -> None:
    """Of a shell's variables only a short list reaches the process that checks a push, and no secret among them."""
    secrets = {
        *("AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "GITHUB_TOKEN", "GH_TOKEN", "VAULT_ADDR", "GPG_AGENT_INFO"),
        *(
            "UV_INDEX_COMPANY_PASSWORD",
            "PIP_TOKEN",
            "TOLLGATE_API_KEY",
            "DAGGER_SESSION_TOKEN",
            "MY_DATABASE",
        ),
    }
    needed = {"PATH", "HOME", "LC_ALL", "UV_DEFAULT_INDEX", "TOLLGATE_HOME", "GIT_SSH_COMMAND", "https_proxy"}

    assert set(without_credentials(dict.fromkeys(secrets | needed, "x"))) == needed


def test_a_hooks_git_variables_do_not_reach_the_promotion() -> None:
    """Who pushes and how git reaches others are kept; what points at the origin is not."""
    kept = {"GIT_COMMITTER_NAME", "GIT_SSL_CAINFO", "PATH"}
    local = {"GIT_DIR", "GIT_QUARANTINE_PATH", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES"}

    assert set(without_git(dict.fromkeys(kept | local, "x"))) == kept
