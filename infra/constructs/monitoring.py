"""What tells people that payments are in trouble: alarms, their topic, a dashboard."""

from dataclasses import dataclass, field

from infra import permissions
from infra.alarms import (
    APPLICATION_NAMESPACE,
    PERIOD_SECONDS,
    Alarm,
    AlarmThresholds,
    Metric,
    Watched,
    alarms,
)
from infra.constructs.api import PaymentRestApi
from infra.constructs.compute import ApiFunction
from infra.constructs.database import TransactionsTable
from infra.dashboard import dashboard
from infra.naming import InstanceNames
from infra.policy_documents import policy, statement
from infra.providers import (
    CloudwatchDashboard,
    CloudwatchLogMetricFilter,
    CloudwatchLogMetricFilterMetricTransformation,
    CloudwatchMetricAlarm,
    CloudwatchMetricAlarmMetricQuery,
    CloudwatchMetricAlarmMetricQueryMetric,
    Construct,
    SnsTopic,
    SnsTopicPolicy,
)

EVALUATED_MINUTES = 5
BUSINESS_ERRORS = "BusinessErrors"
# A line that the application logs for each request it refuses; each line names its instance.
REFUSED_PATTERN = '{ $.message = "refused" }'
SUFFIX_IN_LOG = "$.environment_suffix"


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoringProps:
    """What a caller decides about monitoring.

    Attributes:
        names: Names and tags of the instance.
        region: Where the metrics are.
        api: The API to watch.
        function: The function to watch.
        table: The table to watch.
        thresholds: When alarms sound.
            Default: those of `AlarmThresholds`.
    """

    names: InstanceNames
    region: str
    api: PaymentRestApi
    function: ApiFunction
    table: TransactionsTable
    thresholds: AlarmThresholds = field(default_factory=AlarmThresholds)


class Monitoring(Construct):
    """Alarms that publish to one topic, and a dashboard that shows all of it on one screen.

    Nobody is subscribed to the topic: who is woken is not a matter of the release.

    Attributes:
        topic_arn: Where alarms are published.
        dashboard_name: The dashboard's name.
    """

    def __init__(self, scope: Construct, id_: str, props: MonitoringProps) -> None:
        super().__init__(scope, id_)
        self._build_topic(props.names, props.region)
        watched = self._watched(props)
        self._build_business_errors(props)
        specified = tuple(alarms(watched, props.thresholds))
        arns = [self._build_alarm(alarm, props.names) for alarm in specified]
        made = CloudwatchDashboard(
            self,
            "Dashboard",
            dashboard_name=props.names.of("payments"),
            dashboard_body=dashboard(watched, specified, arns, props.region),
        )
        self.dashboard_name: str = made.dashboard_name

    def _build_topic(self, names: InstanceNames, region: str) -> None:
        # Not encrypted: CloudWatch cannot publish to a topic under the AWS-managed key, and an alarm says no
        # secret.
        topic = SnsTopic(self, "Topic", name=names.of("payments-alarms"), tags=names.tags)
        self.topic_arn: str = topic.arn
        our_alarms = f"arn:aws:cloudwatch:{region}:{names.account_id}:alarm:{names.of('payments-*')}"
        published_by_alarms = statement(
            "PublishedByAlarms",
            permissions.TOPIC_PUBLISH,
            self.topic_arn,
            principal={"Service": "cloudwatch.amazonaws.com"},
            condition={
                "ArnLike": {"aws:SourceArn": our_alarms},
                "StringEquals": {"aws:SourceAccount": names.account_id},
            },
        )
        SnsTopicPolicy(self, "TopicPolicy", arn=self.topic_arn, policy=policy(published_by_alarms))

    @staticmethod
    def _watched(props: MonitoringProps) -> Watched:
        table, capacity = props.table, props.table.capacity
        return Watched(
            api_name=props.api.api_name,
            stage_name=props.api.stage_name,
            function_name=props.function.function_name,
            timeout_seconds=props.function.timeout_seconds,
            table_name=table.table_name,
            index_names=table.index_names,
            read_units=capacity.read_units if capacity else None,
            write_units=capacity.write_units if capacity else None,
            business_errors=Metric(
                namespace=APPLICATION_NAMESPACE,
                name=BUSINESS_ERRORS,
                dimensions={"EnvironmentSuffix": props.names.suffix},
                statistic="Sum",
            ),
            environment_suffix=props.names.suffix,
        )

    def _build_business_errors(self, props: MonitoringProps) -> None:
        CloudwatchLogMetricFilter(
            self,
            "BusinessErrorsFilter",
            name=props.names.of("payments-business-errors"),
            log_group_name=props.function.log_group_name,
            pattern=REFUSED_PATTERN,
            metric_transformation=CloudwatchLogMetricFilterMetricTransformation(
                namespace=APPLICATION_NAMESPACE,
                name=BUSINESS_ERRORS,
                value="1",
                unit="Count",
                # The metric is shared by every instance of the account; the dimension keeps them apart.
                dimensions={"EnvironmentSuffix": SUFFIX_IN_LOG},
            ),
        )

    def _build_alarm(self, alarm: Alarm, names: InstanceNames) -> str:
        """Make the alarm and answer with its ARN."""
        made = CloudwatchMetricAlarm(
            self,
            alarm.id,
            alarm_name=names.of(alarm.kind),
            alarm_description=alarm.description,
            comparison_operator="GreaterThanThreshold",
            threshold=alarm.threshold,
            evaluation_periods=EVALUATED_MINUTES,
            datapoints_to_alarm=alarm.minutes,
            # No requests, no metric: silence at night is no alarm.
            treat_missing_data="notBreaching",
            alarm_actions=[self.topic_arn],
            ok_actions=[self.topic_arn],
            tags=names.tags,
            **_watching(alarm),
        )
        arn: str = made.arn
        return arn


def _watching(alarm: Alarm) -> dict[str, object]:
    """How CloudWatch is told what the alarm watches: one metric by itself, several as their sum."""
    if len(alarm.metrics) == 1:
        metric = alarm.metrics[0]
        percentile = metric.statistic.startswith("p")
        return {
            "namespace": metric.namespace,
            "metric_name": metric.name,
            "dimensions": dict(metric.dimensions),
            "period": PERIOD_SECONDS,
            "extended_statistic" if percentile else "statistic": metric.statistic,
        }
    parts = [
        CloudwatchMetricAlarmMetricQuery(
            id=f"m{place}",
            metric=CloudwatchMetricAlarmMetricQueryMetric(
                namespace=metric.namespace,
                metric_name=metric.name,
                dimensions=dict(metric.dimensions),
                period=PERIOD_SECONDS,
                stat=metric.statistic,
            ),
        )
        for place, metric in enumerate(alarm.metrics)
    ]
    # A metric that reported nothing counts as zero, or the sum would be missing too.
    whole = "+".join(f"FILL(m{place},0)" for place in range(len(parts)))
    total = CloudwatchMetricAlarmMetricQuery(id="total", expression=whole, label=alarm.kind, return_data=True)
    return {"metric_query": [*parts, total]}
