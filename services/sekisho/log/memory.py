"""The in-memory event log: the port's semantics in one process. Nothing in it is durable.

For unit tests and for `sekisho demo --in-memory`. It passes the same contract suite as `log.kafka` (`tests/log/`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sekisho.log.lifecycle import PendingSends
from sekisho.log.memory_groups import Group, MemoryGroupReader
from sekisho.log.memory_readers import MemoryPartitionReader
from sekisho.log.memory_store import MemoryConfig, Store
from sekisho.log.memory_writers import MemoryTransactionalWriter, MemoryWriter
from sekisho.log.port import AssignmentListener, LogError, Partition, TopicDescription

__all__ = ["MemoryConfig", "MemoryLog"]


class MemoryLog:
    """The port's Log within this process and event loop. `now_ms` gives the append times (ms since the epoch)."""

    def __init__(self, config: MemoryConfig, now_ms: Callable[[], int]) -> None:
        self.store = Store(config, now_ms)
        self._groups: dict[str, Group] = {}

    def partition_reader(self, *, committed: bool = True) -> MemoryPartitionReader:
        return MemoryPartitionReader(self.store, committed=committed)

    def group_reader(
        self, group: str, topics: Sequence[str], listener: AssignmentListener
    ) -> MemoryGroupReader:
        return MemoryGroupReader(self.store, self.group(group), topics, listener)

    def transactional_writer(
        self, transactional_id: str, sends: PendingSends | None = None
    ) -> MemoryTransactionalWriter:
        return MemoryTransactionalWriter(self.store, transactional_id, sends or PendingSends())

    def writer(self) -> MemoryWriter:
        return MemoryWriter(self.store)

    async def describe(self, topics: Sequence[str]) -> Mapping[str, TopicDescription]:
        return {name: self.store.describe(name) for name in topics if name in self.store.topics}

    async def create(self, topic: str, partitions: int, replication: int, config: Mapping[str, str]) -> None:
        del replication  # there is one copy, in this process
        self.store.create(topic, partitions, config)

    async def delete(self, topic: str) -> None:
        self.store.delete(topic)

    async def delete_records(self, at: Partition, before: int) -> None:
        self.store.partition(at).delete_before(before)

    async def delete_group_offsets(self, group: str) -> None:
        if group in self._groups and not self._groups[group].is_empty:
            raise LogError(f"group {group} has members: stop them before its offsets are deleted")
        kept = {key: offset for key, offset in self.store.committed.items() if key[0] != group}
        self.store.committed = kept

    async def close(self) -> None:
        return None

    def group(self, name: str) -> Group:
        """The group of this name, made if it is new."""
        return self._groups.setdefault(name, Group(self.store, name))
