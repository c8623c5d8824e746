"""Which jobs of which repository GitHub's identity provider may vouch for."""

from dataclasses import dataclass

from infra import permissions
from infra.pipeline_policies import Statement
from infra.policy_documents import statement

ISSUER = "token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A GitHub repository whose workflows may use an account.

    Attributes:
        name: `owner/name`, spelled as GitHub does.
        number: What GitHub numbers it by; another repository that gets the name later has another one.
        numbered_name: `owner@<number>/name@<number>`, a pattern: how newer repositories are named in a subject.
        branch: The branch whose workflows count.
            Default: "main".
    """

    name: str
    number: str
    numbered_name: str
    branch: str = "main"


def trusting(provider_arn: str, repository: Repository, environment: str | None) -> Statement:
    """Let in the repository's own workflows, as they stand on its branch.

    Args:
        provider_arn: GitHub's identity provider in the account.
        repository: Whose workflows.
        environment: The GitHub environment that a job has to run in; none for those that run in none.
    """
    ref = f"refs/heads/{repository.branch}"
    where = f"environment:{environment}" if environment else f"ref:{ref}"
    exactly = {"aud": AUDIENCE, "ref": ref, "repository_id": repository.number}
    if environment:
        exactly["environment"] = environment
    alike = {
        "job_workflow_ref": f"{repository.name}/.github/workflows/*@{ref}",
        "sub": [f"repo:{name}:{where}" for name in (repository.name, repository.numbered_name)],
    }
    return statement(
        "AssumedByGitHub",
        permissions.ASSUME_ROLE_BY_OIDC,
        principal={"Federated": provider_arn},
        condition={
            "StringEquals": {f"{ISSUER}:{claim}": value for claim, value in exactly.items()},
            "StringLike": {f"{ISSUER}:{claim}": value for claim, value in alike.items()},
        },
    )
