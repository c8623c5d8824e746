# One of each thing that a payment stack is made of, in its simplest form, and every kind of alarm.

terraform {
  required_providers {
    aws = {
      source  = "registry.terraform.io/hashicorp/aws"
      version = "5.100.0"
    }
  }
  backend "s3" {}
}

variable "account_id" {
  type = string
}

variable "requests_per_second" {
  type    = number
  default = 100
}

provider "aws" {
  region              = "ap-northeast-2"
  allowed_account_ids = [var.account_id]
}

resource "aws_s3_bucket" "objects" {
  bucket = "objects-${var.account_id}"
}

resource "aws_dynamodb_table" "items" {
  name         = "items"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "pk"

  attribute {
    name = "pk"
    type = "S"
  }

  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }
}

data "aws_iam_policy_document" "trust" {
  for_each = toset(["lambda", "apigateway"])

  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["${each.key}.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "write_items" {
  statement {
    actions   = ["dynamodb:PutItem"]
    resources = [aws_dynamodb_table.items.arn]
  }
}

resource "aws_iam_role" "function" {
  name               = "function"
  assume_role_policy = data.aws_iam_policy_document.trust["lambda"].json
}

resource "aws_iam_role_policy" "write_items" {
  name   = "write-items"
  role   = aws_iam_role.function.id
  policy = data.aws_iam_policy_document.write_items.json
}

resource "aws_lambda_function" "writer" {
  function_name    = "writer"
  role             = aws_iam_role.function.arn
  runtime          = "python3.13"
  handler          = "index.handler"
  architectures    = ["arm64"]
  filename         = "${path.module}/lambda.zip"
  source_code_hash = filebase64sha256("${path.module}/lambda.zip")
  publish          = true

  environment {
    variables = {
      TABLE = aws_dynamodb_table.items.name
    }
  }
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  function_name    = aws_lambda_function.writer.function_name
  function_version = aws_lambda_function.writer.version
}

resource "aws_lambda_permission" "api" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.writer.function_name
  qualifier     = aws_lambda_alias.live.name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_api_gateway_rest_api.api.execution_arn}/*/*"
}

resource "aws_api_gateway_rest_api" "api" {
  name = "api"
}

resource "aws_api_gateway_resource" "items" {
  rest_api_id = aws_api_gateway_rest_api.api.id
  parent_id   = aws_api_gateway_rest_api.api.root_resource_id
  path_part   = "items"
}

resource "aws_api_gateway_method" "post" {
  rest_api_id      = aws_api_gateway_rest_api.api.id
  resource_id      = aws_api_gateway_resource.items.id
  http_method      = "POST"
  authorization    = "NONE"
  api_key_required = true
}

resource "aws_api_gateway_integration" "post" {
  rest_api_id             = aws_api_gateway_rest_api.api.id
  resource_id             = aws_api_gateway_resource.items.id
  http_method             = aws_api_gateway_method.post.http_method
  type                    = "AWS_PROXY"
  integration_http_method = "POST"
  uri                     = aws_lambda_alias.live.invoke_arn
}

resource "aws_api_gateway_deployment" "api" {
  rest_api_id = aws_api_gateway_rest_api.api.id
  depends_on  = [aws_api_gateway_integration.post]
}

resource "aws_api_gateway_stage" "v1" {
  rest_api_id   = aws_api_gateway_rest_api.api.id
  deployment_id = aws_api_gateway_deployment.api.id
  stage_name    = "v1"
}

resource "aws_api_gateway_api_key" "key" {
  name = "key"
}

resource "aws_api_gateway_usage_plan" "plan" {
  name = "plan"

  api_stages {
    api_id = aws_api_gateway_rest_api.api.id
    stage  = aws_api_gateway_stage.v1.stage_name
  }

  throttle_settings {
    rate_limit  = var.requests_per_second
    burst_limit = var.requests_per_second
  }

  quota_settings {
    limit  = 100 * var.requests_per_second
    period = "DAY"
  }
}

resource "aws_api_gateway_usage_plan_key" "key" {
  key_id        = aws_api_gateway_api_key.key.id
  key_type      = "API_KEY"
  usage_plan_id = aws_api_gateway_usage_plan.plan.id
}

resource "aws_iam_role" "gateway" {
  name               = "gateway"
  assume_role_policy = data.aws_iam_policy_document.trust["apigateway"].json
}

resource "aws_api_gateway_account" "account" {
  cloudwatch_role_arn = aws_iam_role.gateway.arn
}

resource "aws_cloudwatch_metric_alarm" "statistic" {
  alarm_name          = "statistic"
  alarm_description   = "more <errors> & fewer answers"
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 3
  datapoints_to_alarm = 2
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  dimensions          = { FunctionName = aws_lambda_function.writer.function_name }
  tags                = { Project = "tollgate" }
}

resource "aws_cloudwatch_metric_alarm" "percentile" {
  alarm_name                            = "percentile"
  namespace                             = "AWS/Lambda"
  metric_name                           = "Duration"
  extended_statistic                    = "p99"
  evaluate_low_sample_count_percentiles = "ignore"
  period                                = 60
  evaluation_periods                    = 3
  threshold                             = 0.5
  comparison_operator                   = "GreaterThanThreshold"
}

resource "aws_cloudwatch_metric_alarm" "math" {
  alarm_name          = "math"
  evaluation_periods  = 3
  threshold           = 1.5
  comparison_operator = "GreaterThanThreshold"

  metric_query {
    id          = "rate"
    expression  = "100 * errors / MAX([errors, 1])"
    label       = "share of errors"
    return_data = true
  }

  metric_query {
    id = "errors"
    metric {
      namespace   = "AWS/Lambda"
      metric_name = "Errors"
      period      = 60
      stat        = "Sum"
      dimensions  = { FunctionName = aws_lambda_function.writer.function_name }
    }
  }
}

resource "aws_cloudwatch_composite_alarm" "composite" {
  alarm_name = "composite"
  alarm_rule = "ALARM(statistic) OR ALARM(percentile)"
  tags       = { Project = "tollgate" }
}

resource "aws_cloudwatch_dashboard" "board" {
  dashboard_name = "board"
  dashboard_body = jsonencode({
    widgets = [{ type = "text", x = 0, y = 0, width = 3, height = 3, properties = { markdown = "a <b> & c" } }]
  })
}

output "rest_api_id" {
  value = aws_api_gateway_rest_api.api.id
}

output "api_key_id" {
  value = aws_api_gateway_api_key.key.id
}
