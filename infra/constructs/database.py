"""The transactions table."""

from dataclasses import dataclass

from infra import permissions
from infra.checks import within
from infra.constructs.compute import ApiFunction
from infra.naming import InstanceNames
from infra.policy_documents import statement
from infra.providers import (
    Construct,
    DynamodbTable,
    DynamodbTableAttribute,
    DynamodbTableGlobalSecondaryIndex,
    DynamodbTablePointInTimeRecovery,
    DynamodbTableServerSideEncryption,
    DynamodbTableTtl,
)

CUSTOMER_INDEX = "customer-index"
DATE_INDEX = "date-index"
CAPACITY_UNITS = (1, 40_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """Provisioned throughput: of the table, and the same again of each index.

    Attributes:
        read_units: Strongly consistent reads of 4 KB per second.
        write_units: Writes of 1 KB per second.
    """

    read_units: int
    write_units: int

    def __post_init__(self) -> None:
        """Refuse what DynamoDB would refuse later."""
        why = "DynamoDB provisions at least one unit and, without a quota increase, at most 40000 for a table"
        within("read_units", self.read_units, *CAPACITY_UNITS, why=why)
        within("write_units", self.write_units, *CAPACITY_UNITS, why=why)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionsTableProps:
    """What a caller decides about the transactions table.

    Attributes:
        names: Names and tags of the instance.
        capacity: Provisioned throughput.
            Default: none, the table is billed per request.
        point_in_time_recovery: Whether the table can be restored to any second of the last 35 days.
            Default: true; without it a wrong write is final.
    """

    names: InstanceNames
    capacity: Capacity | None = None
    point_in_time_recovery: bool = True


class TransactionsTable(Construct):
    """One table for payments and what belongs to them, with an index by customer and an index by day.

    Attributes:
        table_name: The table's name.
        table_arn: The table's ARN.
        index_names: The names of its indexes.
        index_arns: The ARNs of its indexes.
        capacity: Its provisioned throughput, or None.
    """

    def __init__(self, scope: Construct, id_: str, props: TransactionsTableProps) -> None:
        super().__init__(scope, id_)
        table = self._build_table(props)
        self.table_name: str = table.name
        self.table_arn: str = table.arn
        self.index_names = (CUSTOMER_INDEX, DATE_INDEX)
        self.index_arns = tuple(f"{self.table_arn}/index/{name}" for name in self.index_names)
        self.capacity = props.capacity

    def grant_read_write(self, function: ApiFunction) -> None:
        """Let the function keep and read payments, and page through the indexes."""
        function.allow(
            "UseTransactions",
            statement("UseTable", (*permissions.TABLE_READ, *permissions.TABLE_WRITE), self.table_arn),
            statement("QueryIndexes", permissions.INDEX_QUERY, self.index_arns),
        )

    def _build_table(self, props: TransactionsTableProps) -> DynamodbTable:
        capacity = props.capacity
        return DynamodbTable(
            self,
            "Resource",
            name=props.names.of("transactions"),
            billing_mode="PROVISIONED" if capacity else "PAY_PER_REQUEST",
            read_capacity=capacity.read_units if capacity else None,
            write_capacity=capacity.write_units if capacity else None,
            hash_key="pk",
            range_key="sk",
            attribute=[
                DynamodbTableAttribute(name=name, type="S")
                for name in ("created_at", "customer_id", "pk", "sk", "transaction_date")
            ],
            global_secondary_index=[
                self._index(CUSTOMER_INDEX, "customer_id", capacity),
                self._index(DATE_INDEX, "transaction_date", capacity),
            ],
            # Enabled without a key id: the AWS-managed key `aws/dynamodb`.
            server_side_encryption=DynamodbTableServerSideEncryption(enabled=True),
            point_in_time_recovery=DynamodbTablePointInTimeRecovery(enabled=props.point_in_time_recovery),
            # For items to come. A payment must never have it: it is its own idempotency record, and a key that is
            # forgotten would charge again.
            ttl=DynamodbTableTtl(attribute_name="expires_at", enabled=True),
            deletion_protection_enabled=False,
            tags=props.names.tags,
        )

    @staticmethod
    def _index(name: str, hash_key: str, capacity: Capacity | None) -> DynamodbTableGlobalSecondaryIndex:
        """An index that answers in order of time: its range key is when the payment was made."""
        return DynamodbTableGlobalSecondaryIndex(
            name=name,
            hash_key=hash_key,
            range_key="created_at",
            projection_type="ALL",
            read_capacity=capacity.read_units if capacity else None,
            write_capacity=capacity.write_units if capacity else None,
        )
