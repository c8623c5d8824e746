"""What an account has once, however many instances live in it."""

from dataclasses import dataclass

from infra import permissions
from infra.naming import InstanceNames
from infra.policy_documents import policy, statement
from infra.providers import ApiGatewayAccount, Construct, IamRole, IamRolePolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayLoggingProps:
    """What a caller decides about API Gateway's logging.

    Attributes:
        names: Names and tags of what the account has once.
    """

    names: InstanceNames


class GatewayLogging(Construct):
    """The one role with which API Gateway writes the logs of every API of the account."""

    def __init__(self, scope: Construct, id_: str, props: GatewayLoggingProps) -> None:
        super().__init__(scope, id_)
        names = props.names
        assumed_by_gateway = statement(
            "AssumedByApiGateway", permissions.ASSUME_ROLE, principal={"Service": "apigateway.amazonaws.com"}
        )
        role = IamRole(
            self,
            "Role",
            name=names.of("api-gateway-logs"),
            assume_role_policy=policy(assumed_by_gateway),
            tags=names.tags,
        )
        # API Gateway names the groups itself, and tries these very actions when it is given the role.
        write_logs = statement("WriteLogs", permissions.GATEWAY_LOG_WRITE, "*")
        granted = IamRolePolicy(self, "WriteLogs", name="WriteLogs", role=role.id, policy=policy(write_logs))
        ApiGatewayAccount(
            self,
            "Resource",
            cloudwatch_role_arn=role.arn,
            # Or an account that was given up would go on naming a role that is gone.
            reset_on_delete=True,
            depends_on=[granted],
        )
