"""A log that fails or cheats on purpose, around a real one. For tests only: production code has no such switch.

`Faults` raises or waits at a step of a transaction (each step of a turn must be survived). `Controls` take one guarantee
away each: the verifier must catch what a gate then does wrong, else the verifier proves nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence

from faults.unsafe_controls import Controls, Frozen, Tamper
from faults.unsafe_faults import Faults, Step
from faults.unsafe_readers import UnsafeGroupReader, UnsafeReader
from faults.unsafe_writers import (
    ForgetfulSends,
    OutsideWriter,
    TamperingPlainWriter,
    TamperingWriter,
    UnsafeWriter,
)
from sekisho.log.kafka import KafkaLog
from sekisho.log.memory import MemoryLog
from sekisho.log.port import (
    AssignmentListener,
    GroupReader,
    Log,
    Partition,
    PartitionReader,
    TopicDescription,
    TransactionalWriter,
    Writer,
)

__all__ = ["Controls", "Faults", "Frozen", "Step", "Tamper", "UnsafeLog"]


class UnsafeLog:
    """The port's Log around another, with faults and controls."""

    def __init__(
        self,
        log: Log,
        faults: Faults | None = None,
        controls: Controls | None = None,
        *,
        tamper: Tamper | None = None,
        frozen: Frozen | None = None,
    ) -> None:
        self._log = log
        self._faults = faults or Faults()
        self._controls = controls or Controls()
        self._tamper = tamper
        self._frozen = frozen or Frozen()

    def partition_reader(self, *, committed: bool = True) -> PartitionReader:
        committed = committed and not self._controls.unsafe_read_uncommitted
        return UnsafeReader(self._log.partition_reader(committed=committed), self._controls, self._faults)

    def group_reader(self, group: str, topics: Sequence[str], listener: AssignmentListener) -> GroupReader:
        reader = self._log.group_reader(group, topics, self._frozen.listener(listener))
        return UnsafeGroupReader(reader, self._controls)

    def transactional_writer(self, transactional_id: str) -> TransactionalWriter:
        own = f"{transactional_id}-{uuid.uuid4()}" if self._controls.unsafe_no_fencing else transactional_id
        writer: TransactionalWriter = UnsafeWriter(self._writer(own), transactional_id, self._faults)
        if self._tamper is not None:
            writer = TamperingWriter(writer, self._tamper)
        if self._controls.unsafe_offsets_outside:
            writer = OutsideWriter(writer, self._log.transactional_writer(f"{own}-offsets"))
        if self._controls.unsafe_no_router_offsets and "router" in transactional_id:
            writer = OutsideWriter(writer, None)
        return writer

    def _writer(self, transactional_id: str) -> TransactionalWriter:
        if not self._controls.unsafe_no_await:
            return self._log.transactional_writer(transactional_id)
        assert isinstance(self._log, MemoryLog | KafkaLog), "both of ours take another keeper of their sends"
        return self._log.transactional_writer(transactional_id, ForgetfulSends())

    def writer(self) -> Writer:
        return (
            self._log.writer()
            if self._tamper is None
            else TamperingPlainWriter(self._log.writer(), self._tamper)
        )

    async def describe(self, topics: Sequence[str]) -> Mapping[str, TopicDescription]:
        return await self._log.describe(topics)

    async def create(self, topic: str, partitions: int, replication: int, config: Mapping[str, str]) -> None:
        await self._log.create(topic, partitions, replication, config)

    async def delete(self, topic: str) -> None:
        await self._log.delete(topic)

    async def delete_records(self, at: Partition, before: int) -> None:
        await self._log.delete_records(at, before)

    async def delete_group_offsets(self, group: str) -> None:
        await self._log.delete_group_offsets(group)

    async def close(self) -> None:
        await self._log.close()
