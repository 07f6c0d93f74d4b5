"""What happens to the in-memory log from outside, for tests only."""

from __future__ import annotations

from sekisho.log.memory import MemoryLog
from sekisho.log.memory_groups import MemoryGroupReader
from sekisho.log.memory_partition import PartitionLog
from sekisho.log.port import Partition


class UnsafeFaults:
    """Does to a MemoryLog what its own interface cannot."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log

    def append_undecodable(self, at: Partition, why: str = "a header key that is not UTF-8") -> int:
        """Puts a record there that no reader can decode; gives its offset."""
        offset = self._log.store.partition(at).append_undecodable(why)
        self._log.store.notify()
        return offset

    def add_partition(self, topic: str) -> None:
        """Gives a topic one partition more, as an administrator may at any time."""
        logs = self._log.store.topic(topic).partitions
        logs.append(PartitionLog(Partition(topic, len(logs))))
        self._log.store.notify()

    def put_out(self, group: str, member: MemoryGroupReader) -> None:
        """Takes a member's partitions away without its knowledge, as a broker does after the session time-out."""
        self._log.group(group).leave(member)
