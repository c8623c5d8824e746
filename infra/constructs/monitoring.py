"""What tells people that payments are in trouble: alarms, a topic, a dashboard."""

from dataclasses import dataclass

from infra import permissions
from infra.naming import InstanceNames
from infra.policy_documents import policy, statement
from infra.providers import CloudwatchMetricAlarm, Construct, SnsTopic, SnsTopicPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoringProps:
    """What a caller decides about monitoring.

    Attributes:
        names: Names and tags of the instance.
        api_name: The name of the REST API.
        stage_name: The name of its stage.
        server_error_percent: Share of answers with a 5xx status above which the alarm sounds.
            Default: 1.
    """

    names: InstanceNames
    api_name: str
    stage_name: str
    server_error_percent: float = 1


class Monitoring(Construct):
    """Alarms that publish to one topic.

    Attributes:
        topic_arn: Where alarms are published.
    """

    def __init__(self, scope: Construct, id_: str, props: MonitoringProps) -> None:
        super().__init__(scope, id_)
        topic = SnsTopic(self, "Topic", name=props.names.of("payments-alarms"), tags=props.names.tags)
        self.topic_arn: str = topic.arn
        cloudwatch_may_publish = statement(
            "PublishedByAlarms",
            permissions.TOPIC_PUBLISH,
            self.topic_arn,
            principal={"Service": "cloudwatch.amazonaws.com"},
            condition={"StringEquals": {"aws:SourceAccount": props.names.account_id}},
        )
        SnsTopicPolicy(self, "TopicPolicy", arn=self.topic_arn, policy=policy(cloudwatch_may_publish))
        CloudwatchMetricAlarm(
            self,
            "ServerErrors",
            alarm_name=props.names.of("payments-api-server-errors"),
            alarm_description="The API answers with 5xx",
            namespace="AWS/ApiGateway",
            metric_name="5XXError",
            dimensions={"ApiName": props.api_name, "Stage": props.stage_name},
            statistic="Average",
            period=60,
            evaluation_periods=5,
            datapoints_to_alarm=3,
            comparison_operator="GreaterThanThreshold",
            threshold=props.server_error_percent / 100,
            treat_missing_data="notBreaching",
            alarm_actions=[self.topic_arn],
            ok_actions=[self.topic_arn],
            tags=props.names.tags,
        )
