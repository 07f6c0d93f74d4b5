"""The event log as Sekisho needs it: partitioned topics, groups, and transactions that fence.

Two implementations pass one contract suite (`tests/log/`): `log.kafka` on a real Apache Kafka and `log.memory`, in
which nothing is durable. What is promised here is what the gate may rely on, no more (runtime.md):

* A transactional writer's `start` aborts what a dead owner of the same id left open and fences it.
* What a transaction sent is visible to a read_committed reader after `commit`, all or nothing, never before.
* Consumed offsets committed inside a transaction are visible exactly when the transaction is.
* `high_watermark` counts records of open transactions too; a read_committed reader stops before them.
* The answer to a commit may come before its markers stand: readers and `last_stable_offset` follow within
  milliseconds, `high_watermark` grows by the markers. `committed` waits for them.
* Offsets grow strictly within a partition and are not contiguous.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import NamedTuple, Protocol


class Partition(NamedTuple):
    """A topic's full name (with prefix) and a partition number. Compares equal to Kafka's TopicPartition tuples."""

    topic: str
    partition: int


# A header's value may be null on the wire.
Headers = Sequence[tuple[str, bytes | None]]


class Record(Protocol):
    """A record as read. `timestamp` is in ms since the epoch (append time on inputs). aiokafka's own satisfies it."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Headers: ...


class Outgoing(NamedTuple):
    """A record to be written."""

    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class LogError(Exception):
    """The log could not do what was asked: a bad world, never a bad message."""


class UnavailableError(LogError):
    """No answer in time, or no broker: retry or stop; nothing is known to have happened."""


class FencedError(LogError):
    """Another owner of this transactional id (or group membership) has taken over: let everything of it go."""


class CommitUnknownError(LogError):
    """A commit got no answer: it may have happened. Let the lane go; the next owner reads the truth."""


class SendError(LogError):
    """A send failed: the transaction must be aborted and the writer thrown away (its sequence has advanced)."""


class TooLargeError(SendError):
    """A record or batch is larger than the broker or the topic takes (`max.message.bytes`)."""


class UndecodableRecordError(LogError):
    """The record at `offset` cannot be decoded (header key not UTF-8, unknown codec, checksum): seek past it."""

    def __init__(self, at: Partition, offset: int, why: str) -> None:
        super().__init__(f"{at.topic}-{at.partition}@{offset} cannot be decoded: {why}")
        self.at = at
        self.offset = offset


class OffsetOutOfRangeError(LogError):
    """The position asked for is before the log's start or after its end: never jump, stop and say so."""

    def __init__(self, at: Partition, offset: int, start: int, end: int) -> None:
        super().__init__(f"{at.topic}-{at.partition}@{offset} is outside of what is there ({start}..{end})")
        self.at = at
        self.offset = offset
        self.start = start
        self.end = end


class MissingTopicError(LogError):
    """A topic that is needed is not there; `sekisho topics create` makes it."""


class TopicExistsError(LogError):
    """The topic is there already."""


class NotAssignedError(LogError):
    """The partition is not (or no longer) this reader's, or has no position yet: a rebalance took it, or seek first."""


class PartitionsChangedError(LogError):
    """A topic has another number of partitions than when the reader started: keys route elsewhere now. Stop every lane."""


class TopicDescription(NamedTuple):
    """A topic as the log knows it; `id` changes when the topic is deleted and made anew."""

    name: str
    id: str
    partitions: int
    config: Mapping[str, str]
    replication: int | None = None
    """Copies of the partition that has the fewest. None: the log keeps none (in memory)."""


class PartitionReader(Protocol):
    """Reads partitions assigned by hand, from positions set by hand (there is no automatic reset).

    `seek`, `position`, `pause` and `resume` raise NotAssignedError for a partition that is not assigned (any more)."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def assign(self, positions: Mapping[Partition, int]) -> None:
        """Replaces the assignment; kept partitions keep nothing but the position given here."""

    def seek(self, at: Partition, offset: int) -> None: ...

    async def position(self, at: Partition) -> int:
        """The next offset that `fetch` would give (moves past aborted records and markers as they are read)."""

    def pause(self, *partitions: Partition) -> None: ...

    def resume(self, *partitions: Partition) -> None: ...

    async def fetch(
        self, timeout_ms: int, max_records: int | None = None, only: Sequence[Partition] = ()
    ) -> Mapping[Partition, Sequence[Record]]:
        """What is there, in order, per partition (of `only`, else of all that are not paused). Returns, perhaps with
        nothing, as soon as a position moved: behind the last record stand markers. Raises UndecodableRecordError
        *before* consuming that record (good ones before it are given first; raised anew until `seek` passes it),
        OffsetOutOfRangeError, UnavailableError."""

    async def start_offset(self, at: Partition) -> int: ...

    async def high_watermark(self, at: Partition) -> int:
        """End of the log as appended, open transactions included (ListOffsets read_uncommitted)."""

    async def last_stable_offset(self, at: Partition) -> int:
        """End of what a read_committed reader may see (ListOffsets read_committed)."""


class AssignmentListener(Protocol):
    """Told of a group's (re)assignments; both must return at once: no heartbeat is sent meanwhile."""

    def assigned(self, partitions: frozenset[Partition]) -> None: ...

    def revoked(self, partitions: frozenset[Partition]) -> Awaitable[None]:
        """Awaited (bounded, see runtime.md: 2 s) before the group goes on."""


class GroupReader(PartitionReader, Protocol):
    """A member of a consumer group; partitions come and go. `assign` is not used.

    A partition comes *paused and without a position*: `committed`, `seek`, `resume`. `fetch` must go on being called
    (timeout_ms=0 will do) while partitions are paused, else the member is put out. `stop` leaves the group and does
    not call `revoked`. `fetch` raises PartitionsChangedError for good once a topic's partition count has changed."""

    def assignment(self) -> frozenset[Partition]: ...

    async def committed(self, at: Partition) -> int | None:
        """The group's committed offset, asked afresh from the log; None: never committed, or expired. Waits for
        transactions that hold offsets of it; UnavailableError when one stays open (start its id's writer first)."""

    async def rejoin(self) -> None:
        """Leaves the group and joins again (`revoked` is awaited first, for all that is held; what comes is told to
        `assigned` later): the proof of ownership after any failure of the transaction machinery."""


class TransactionalWriter(Protocol):
    """One transactional id. Not concurrent: one transaction at a time. After any error of a send, of the offsets or of
    a commit only `abort` (which ends at once what a reader would wait for) and `stop` are left."""

    async def start(self) -> None:
        """Initializes the id: aborts what a dead owner left open and fences it. Raises UnavailableError."""

    async def begin(self) -> None: ...

    async def send(self, at: Partition, records: Sequence[Outgoing]) -> Sequence[Awaitable[int]]:
        """Queues records as batches; each awaitable gives the base offset of its batch, or raises SendError.
        EVERY ONE must be awaited before `commit`: a failed send does not poison the transaction by itself."""

    async def send_offsets(self, offsets: Mapping[Partition, int], group: str) -> None:
        """Adds "next offsets to read" of `group` to the transaction."""

    async def commit(self) -> None:
        """Raises SendError if a send of this transaction failed (abort then), CommitUnknownError when no answer came,
        FencedError when another owner took over."""

    async def abort(self) -> None: ...

    async def stop(self) -> None:
        """Bounded: never loops for a coordinator that does not answer. Does not end an open transaction: the next
        owner's `start` aborts it, or the transaction time-out."""


class Writer(Protocol):
    """A plain producer (acks=all, idempotent), for clients, the rulebook and tests."""

    async def start(self) -> None: ...

    async def send(self, topic: str, record: Outgoing, partition: int | None = None) -> tuple[Partition, int]:
        """Writes one record and waits for its acknowledgement; gives where it stands. `partition` None: by key (murmur2)."""

    async def stop(self) -> None: ...


class Log(Protocol):
    """A connection to one event log: makes readers and writers, and administers topics."""

    def partition_reader(self, *, committed: bool = True) -> PartitionReader: ...

    def group_reader(
        self, group: str, topics: Sequence[str], listener: AssignmentListener
    ) -> GroupReader: ...

    def transactional_writer(self, transactional_id: str) -> TransactionalWriter: ...

    def writer(self) -> Writer: ...

    async def describe(self, topics: Sequence[str]) -> Mapping[str, TopicDescription]:
        """Those that exist among `topics`, with their ids, partition counts and configuration."""

    async def create(self, topic: str, partitions: int, replication: int, config: Mapping[str, str]) -> None:
        """Raises TopicExistsError if it is there already."""

    async def delete(self, topic: str) -> None: ...

    async def delete_records(self, at: Partition, before: int) -> None: ...

    async def delete_group_offsets(self, group: str) -> None: ...

    async def close(self) -> None: ...
