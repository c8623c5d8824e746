"""The REST API in front of the function."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from infra import permissions
from infra.api_definition import ApiDefinition, Problem
from infra.checks import within
from infra.constructs.compute import ApiFunction, check_log_retention
from infra.naming import InstanceNames
from infra.providers import (
    ApiGatewayApiKey,
    ApiGatewayDeployment,
    ApiGatewayGatewayResponse,
    ApiGatewayIntegration,
    ApiGatewayMethod,
    ApiGatewayMethodSettings,
    ApiGatewayMethodSettingsSettings,
    ApiGatewayModel,
    ApiGatewayRequestValidator,
    ApiGatewayResource,
    ApiGatewayRestApi,
    ApiGatewayRestApiEndpointConfiguration,
    ApiGatewayStage,
    ApiGatewayStageAccessLogSettings,
    ApiGatewayUsagePlan,
    ApiGatewayUsagePlanApiStages,
    ApiGatewayUsagePlanKey,
    ApiGatewayUsagePlanQuotaSettings,
    ApiGatewayUsagePlanThrottleSettings,
    CloudwatchLogGroup,
    Construct,
    LambdaPermission,
    TerraformElement,
    TerraformResourceLifecycle,
    written,
)

# What an account may do in one region before anyone asks for more.
RATE_PER_SECOND = (1, 10_000)
BURST = (1, 5_000)
QUOTA_PER_DAY = (1, 1_000_000_000)

# No address, no browser, no path: they are, or may hold, who somebody is. The function's log says for the same request
# id which payment it was about.
ACCESS_LOG = {
    "request_id": "$context.requestId",
    "time": "$context.requestTimeEpoch",
    "api_key_id": "$context.identity.apiKeyId",
    "method": "$context.httpMethod",
    "route": "$context.resourcePath",
    "status": "$context.status",
    "error": "$context.error.responseType",
    "integration_error": "$context.integration.error",
    "integration_latency_ms": "$context.integration.latency",
    "latency_ms": "$context.responseLatency",
    "response_bytes": "$context.responseLength",
    "trace_id": "$context.xrayTraceId",
}


def check_limits(rate_per_second: int, burst: int, quota_per_day: int) -> None:
    """Refuse limits that API Gateway would refuse later."""
    why = "an account may do no more in one region"
    within("rate_per_second", rate_per_second, *RATE_PER_SECOND, why=why)
    within("burst", burst, *BURST, why=why)
    within("quota_per_day", quota_per_day, *QUOTA_PER_DAY, why="a quota counts requests")


# What is said to one caller is not to be kept by a cache on the way to another.
PROBLEM_HEADERS = {
    "gatewayresponse.header.Cache-Control": "'no-store'",
    "gatewayresponse.header.Content-Type": "'application/problem+json'",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRestApiProps:
    """What a caller decides about the API.

    Attributes:
        names: Names and tags of the instance.
        definition: Which routes there are and what they accept.
        function: What answers.
        release: The release that is deployed, as a stage variable.
            Default: "unreleased".
        rate_per_second: Requests per second in the long run, over all methods.
            Default: 100.
        burst: Requests at once.
            Default: 50.
        quota_per_day: Requests of one API key per day.
            Default: 100000.
        log_retention_days: How long the access log is kept.
            Default: 30.
        tracing: Whether requests are traced by X-Ray.
            Default: true; without it a slow call shows no cause.
    """

    names: InstanceNames
    definition: ApiDefinition
    function: ApiFunction
    release: str = "unreleased"
    rate_per_second: int = 100
    burst: int = 50
    quota_per_day: int = 100_000
    log_retention_days: int = 30
    tracing: bool = True

    def __post_init__(self) -> None:
        """Refuse what API Gateway would refuse later."""
        check_limits(self.rate_per_second, self.burst, self.quota_per_day)
        check_log_retention("log_retention_days", self.log_retention_days)


class PaymentRestApi(Construct):
    """A REST API that checks keys, quotas and bodies before the function sees a request.

    Attributes:
        api_id: The API's id.
        api_name: The API's name.
        api_key_id: The id of the API key.
        stage_name: The stage's name.
        stage_url: Where the API answers.
        access_log_group_name: The name of the access log's group.
    """

    def __init__(self, scope: Construct, id_: str, props: PaymentRestApiProps) -> None:
        super().__init__(scope, id_)
        api = ApiGatewayRestApi(
            self,
            "Resource",
            name=props.names.of("payments-api"),
            description="Payments",
            endpoint_configuration=ApiGatewayRestApiEndpointConfiguration(types=["REGIONAL"]),
            tags=props.names.tags,
        )
        self.api_id: str = api.id
        self.api_name: str = api.name
        self._root_id: str = api.root_resource_id
        self._execution_arn: str = api.execution_arn
        self._build_routes(props)
        self._build_gateway_responses(props.definition.problems)
        self._build_stage(props, self._built())
        self._build_usage_plan(props)
        self._build_permission(props.function)

    def _built(self) -> list[TerraformElement]:
        """Everything that is here so far."""
        return [child for child in self.node.children if isinstance(child, TerraformElement)]

    def _build_routes(self, props: PaymentRestApiProps) -> None:
        models = {
            name: ApiGatewayModel(
                self,
                f"Model{name}",
                rest_api_id=self.api_id,
                name=name,
                content_type="application/json",
                schema=_canonical(schema),
            )
            for name, schema in props.definition.models.items()
        }
        validator = ApiGatewayRequestValidator(
            self,
            "Validator",
            rest_api_id=self.api_id,
            name="body-and-parameters",
            validate_request_body=True,
            validate_request_parameters=True,
        )
        resources = {"": self._root_id}
        for route in props.definition.routes:
            resource_id = self._resource(route.path, resources)
            id_ = _id_of(route.path)
            method = ApiGatewayMethod(
                self,
                f"{id_}{route.method.title()}",
                rest_api_id=self.api_id,
                resource_id=resource_id,
                http_method=route.method,
                authorization="NONE",
                api_key_required=route.needs_key,
                request_validator_id=validator.id,
                request_models={"application/json": models[route.body_model].name}
                if route.body_model
                else None,
                request_parameters=dict.fromkeys(route.required_parameters, True),
            )
            ApiGatewayIntegration(
                self,
                f"{id_}{route.method.title()}Integration",
                rest_api_id=self.api_id,
                resource_id=resource_id,
                http_method=method.http_method,
                integration_http_method="POST",
                type="AWS_PROXY",
                uri=props.function.alias_invoke_arn,
            )

    def _resource(self, path: str, resources: dict[str, str]) -> str:
        """The id of the resource at `path`, made on first need, its parents before it."""
        path = path.rstrip("/")
        if path not in resources:
            parent, _, part = path.rpartition("/")
            resource = ApiGatewayResource(
                self,
                f"{_id_of(path)}Path",
                rest_api_id=self.api_id,
                parent_id=self._resource(parent, resources),
                path_part=part,
            )
            resources[path] = resource.id
        return resources[path]

    def _build_gateway_responses(self, problems: Mapping[str, Problem]) -> None:
        for kind, problem in problems.items():
            ApiGatewayGatewayResponse(
                self,
                _camel(kind),
                rest_api_id=self.api_id,
                response_type=kind,
                status_code=str(problem.status) if problem.status else None,
                response_parameters=PROBLEM_HEADERS,
                response_templates={"application/json": _problem_template(kind, problem)},
            )

    def _build_stage(self, props: PaymentRestApiProps, surface: list[TerraformElement]) -> None:
        log_group = CloudwatchLogGroup(
            self,
            "AccessLog",
            name=f"/aws/apigateway/{props.names.of('payments-api')}",
            retention_in_days=props.log_retention_days,
            tags=props.names.tags,
        )
        self.access_log_group_name: str = log_group.name
        # API Gateway would make it by itself: without tags, for ever, and left behind by a destroy.
        execution_log = CloudwatchLogGroup(
            self,
            "ExecutionLog",
            name=f"API-Gateway-Execution-Logs_{self.api_id}/{props.names.suffix}",
            retention_in_days=props.log_retention_days,
            tags=props.names.tags,
        )
        deployment = ApiGatewayDeployment(
            self,
            "Deployment",
            rest_api_id=self.api_id,
            description="What the stage serves",
            triggers={"surface": self._digest(surface)},
            # The stage must never point to a deployment that is gone.
            lifecycle=TerraformResourceLifecycle(create_before_destroy=True),
            depends_on=surface,
        )
        stage = ApiGatewayStage(
            self,
            "Stage",
            rest_api_id=self.api_id,
            deployment_id=deployment.id,
            stage_name=props.names.suffix,
            description="Serves the deployed release",
            variables={"release": props.release},
            access_log_settings=ApiGatewayStageAccessLogSettings(
                destination_arn=log_group.arn, format=_canonical(ACCESS_LOG)
            ),
            xray_tracing_enabled=props.tracing,
            tags=props.names.tags,
        )
        self.stage_name: str = stage.stage_name
        self.stage_url: str = stage.invoke_url
        ApiGatewayMethodSettings(
            self,
            "MethodSettings",
            rest_api_id=self.api_id,
            stage_name=self.stage_name,
            method_path="*/*",
            settings=ApiGatewayMethodSettingsSettings(
                metrics_enabled=True,
                logging_level="ERROR",
                # Full requests hold payment data: never in a log.
                data_trace_enabled=False,
                throttling_rate_limit=props.rate_per_second,
                throttling_burst_limit=props.burst,
            ),
            depends_on=[execution_log],
        )

    def _digest(self, surface: list[TerraformElement]) -> str:
        """Changes whenever what the stage serves does, and then a new deployment is made."""
        bodies = [_served(body) for body in written(self, surface)]
        return hashlib.sha256(_canonical(bodies).encode()).hexdigest()

    def _build_usage_plan(self, props: PaymentRestApiProps) -> None:
        plan = ApiGatewayUsagePlan(
            self,
            "UsagePlan",
            name=props.names.of("payments-usage-plan"),
            description="Who may call how often",
            api_stages=[ApiGatewayUsagePlanApiStages(api_id=self.api_id, stage=self.stage_name)],
            quota_settings=ApiGatewayUsagePlanQuotaSettings(limit=props.quota_per_day, period="DAY"),
            throttle_settings=ApiGatewayUsagePlanThrottleSettings(
                rate_limit=props.rate_per_second, burst_limit=props.burst
            ),
            tags=props.names.tags,
        )
        key = ApiGatewayApiKey(
            self,
            "ApiKey",
            name=props.names.of("payments-api-key"),
            description="The first caller's key",
            tags=props.names.tags,
        )
        self.api_key_id: str = key.id
        ApiGatewayUsagePlanKey(
            self, "UsagePlanKey", usage_plan_id=plan.id, key_id=self.api_key_id, key_type="API_KEY"
        )

    def _build_permission(self, function: ApiFunction) -> None:
        LambdaPermission(
            self,
            "Permission",
            statement_id="InvokedByApi",
            action=permissions.FUNCTION_INVOKE,
            function_name=function.function_name,
            qualifier=function.alias_name,
            principal="apigateway.amazonaws.com",
            source_arn=f"{self._execution_arn}/{self.stage_name}/*",
        )


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _served(value: object) -> object:
    """Without what no answer depends on: tags, and cdktf's own notes on where a resource stands."""
    if isinstance(value, Mapping):
        return {key: _served(each) for key, each in value.items() if key not in {"//", "tags"}}
    return value


def _id_of(path: str) -> str:
    """`/payments/{payment_id}` is `PaymentsPaymentId`."""
    return _camel("_".join(part.strip("{}") for part in path.split("/")).replace("-", "_"))


def _camel(words: str) -> str:
    return "".join(word.title() for word in words.split("_"))


def _problem_template(kind: str, problem: Problem) -> str:
    """RFC 9457, with the request's id so that a caller can ask about it."""
    known: dict[str, object] = {"type": problem.type, "title": problem.title}
    if problem.status:
        known |= {"status": problem.status}
    # API Gateway fills these in as text: `messageString` brings its own quotes, the other does not. Only the other
    # names the fields that a body lacks.
    named = '"$context.error.validationErrorString"'
    detail = named if kind == "BAD_REQUEST_BODY" else "$context.error.messageString"
    return f'{_canonical(known)[:-1]},"detail":{detail},"request_id":"$context.requestId"}}'
