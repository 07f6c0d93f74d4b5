"""The event log on a real Apache Kafka: aiokafka for records and transactions, confluent-kafka for administration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sekisho.log.client_backoffs import lower_commit_backoff
from sekisho.log.client_pipelining import pipeline_additions
from sekisho.log.kafka_admin import KafkaAdmin
from sekisho.log.kafka_config import KafkaConfig, KafkaSecurity, KafkaSecurityError
from sekisho.log.kafka_offsets import Offsets
from sekisho.log.kafka_readers import KafkaGroupReader, KafkaPartitionReader
from sekisho.log.kafka_writers import KafkaTransactionalWriter, KafkaWriter
from sekisho.log.lifecycle import PendingSends
from sekisho.log.port import AssignmentListener, Partition, TopicDescription

__all__ = ["KafkaConfig", "KafkaLog", "KafkaSecurity", "KafkaSecurityError"]


class KafkaLog:
    """The port's Log on one Kafka cluster. Making one opens nothing; its readers and writers connect at `start`."""

    def __init__(self, config: KafkaConfig) -> None:
        lower_commit_backoff(config.commit_backoff_s)
        pipeline_additions()
        self._config = config
        self._offsets = Offsets(config)
        self._admin = KafkaAdmin(config)

    def partition_reader(self, *, committed: bool = True) -> KafkaPartitionReader:
        return KafkaPartitionReader(self._config, self._offsets, committed=committed)

    def group_reader(
        self, group: str, topics: Sequence[str], listener: AssignmentListener
    ) -> KafkaGroupReader:
        return KafkaGroupReader(self._config, self._offsets, group, topics, listener)

    def transactional_writer(
        self, transactional_id: str, sends: PendingSends | None = None
    ) -> KafkaTransactionalWriter:
        return KafkaTransactionalWriter(self._config, transactional_id, sends or PendingSends())

    def writer(self) -> KafkaWriter:
        return KafkaWriter(self._config)

    async def describe(self, topics: Sequence[str]) -> Mapping[str, TopicDescription]:
        return await self._admin.describe(topics)

    async def create(self, topic: str, partitions: int, replication: int, config: Mapping[str, str]) -> None:
        await self._admin.create(topic, partitions, replication, config)

    async def delete(self, topic: str) -> None:
        await self._admin.delete(topic)

    async def delete_records(self, at: Partition, before: int) -> None:
        await self._admin.delete_records(at, before)

    async def delete_group_offsets(self, group: str) -> None:
        await self._admin.delete_group(group)

    async def close(self) -> None:
        """Ends what the log itself opened; readers and writers are stopped by who started them."""
        await self._offsets.close()
