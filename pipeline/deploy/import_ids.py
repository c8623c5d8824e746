"""By which id Terraform imports a resource that it made: for most types the one it logs, for these a longer one.

Names in braces are arguments of the resource as its stack has them, `{}` is the logged id. An argument may refer to
another resource, so that Terraform itself works out the id.
https://registry.terraform.io/providers/hashicorp/aws/5.100.0/docs
"""

import re
from collections.abc import Mapping
from typing import Any

_LONGER = {
    "aws_api_gateway_deployment": "{rest_api_id}/{}",
    "aws_api_gateway_gateway_response": "{rest_api_id}/{response_type}",
    "aws_api_gateway_integration": "{rest_api_id}/{resource_id}/{http_method}",
    "aws_api_gateway_method": "{rest_api_id}/{resource_id}/{http_method}",
    "aws_api_gateway_method_settings": "{rest_api_id}/{stage_name}/{method_path}",
    "aws_api_gateway_model": "{rest_api_id}/{name}",
    "aws_api_gateway_request_validator": "{rest_api_id}/{}",
    "aws_api_gateway_resource": "{rest_api_id}/{}",
    "aws_api_gateway_stage": "{rest_api_id}/{stage_name}",
    "aws_api_gateway_usage_plan_key": "{usage_plan_id}/{key_id}",
    "aws_cloudwatch_log_metric_filter": "{log_group_name}:{name}",
    "aws_lambda_alias": "{function_name}/{name}",
    "aws_lambda_permission": "{function_name}:{qualifier}/{statement_id}",
}
_ARGUMENT = re.compile(r"\{(\w*)\}")


def import_id(resource_type: str, arguments: Mapping[str, Any], logged_id: str) -> str:
    """Return the id, as an expression in Terraform's JSON syntax.

    Args:
        resource_type: Such as `aws_s3_bucket`.
        arguments: What the stack gives the resource.
        logged_id: What Terraform's log calls it.
    """
    template = _LONGER.get(resource_type, "{}")
    if not arguments.get("qualifier"):
        template = template.replace(":{qualifier}", "")
    return _ARGUMENT.sub(
        lambda found: str(arguments[found[1]]) if found[1] else _literal(logged_id), template
    )


def _literal(text: str) -> str:
    """Return a text of which Terraform evaluates nothing."""
    return text.replace("${", "$${").replace("%{", "%%{")
