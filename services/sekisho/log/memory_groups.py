"""Consumer groups of the in-memory log: rebalances as the classic protocol does them (all give up all, then all get)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import structlog

from sekisho.log.memory_partition import MemoryRecord
from sekisho.log.memory_readers import MemoryPartitionReader, Positions
from sekisho.log.memory_store import Store
from sekisho.log.port import AssignmentListener, Partition, PartitionsChangedError

_log = structlog.get_logger(__name__)


class Group:
    """One group's members and its coordinator. Members in joining order; partitions go round."""

    def __init__(self, store: Store, name: str) -> None:
        self.name = name
        self.generation = 0
        self._store = store
        self._members: list[MemoryGroupReader] = []
        self._needed = False
        self._task: asyncio.Task[None] | None = None

    @property
    def is_empty(self) -> bool:
        return not self._members

    def join(self, member: MemoryGroupReader) -> None:
        """Takes a member in; who already is one is not taken in twice."""
        if member not in self._members:
            self._members.append(member)
            self.rebalance()

    def leave(self, member: MemoryGroupReader) -> None:
        """Lets a member go without asking it."""
        if member in self._members:
            self._members.remove(member)
            self.rebalance()

    def is_member(self, member: MemoryGroupReader) -> bool:
        return member in self._members

    def rebalance(self) -> None:
        """Starts a rebalance, or has the running one done over."""
        self._needed = True
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def settled(self) -> None:
        """Returns when no rebalance is going on."""
        while self._task is not None and not self._task.done():
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while self._needed:
            self._needed = False
            await asyncio.gather(*(self._release(member) for member in list(self._members)))
            if not self._needed:
                self._assign()

    async def _release(self, member: MemoryGroupReader) -> None:
        """Awaits `revoked` for at most the rebalance time-out; who takes longer is put out, as a broker does."""
        try:
            await asyncio.wait_for(member.give_up(), self._store.config.rebalance_timeout_s)
        except TimeoutError:
            _log.warning("memory_group_member_put_out", group=self.name, generation=self.generation)
            if member in self._members:
                self._members.remove(member)

    def _assign(self) -> None:
        self.generation += 1
        members = [member for member in self._members if not member.has_changed_topics()]
        for number, member in enumerate(members):
            every = [at for topic in sorted(member.topics) for at in self._partitions_of(topic)]
            member.receive(frozenset(every[number :: len(members)]))

    def _partitions_of(self, topic: str) -> list[Partition]:
        return [Partition(topic, number) for number in range(len(self._store.topic(topic).partitions))]


class MemoryGroupReader(MemoryPartitionReader):
    """The port's GroupReader on the in-memory log. All members of a topic's group must have the same topics."""

    def __init__(
        self, store: Store, group: Group, topics: Sequence[str], listener: AssignmentListener
    ) -> None:
        super().__init__(store, committed=True)
        self.topics = frozenset(topics)
        self._group = group
        self._listener = listener
        self._counts: dict[str, int] = {}
        self._running = False

    async def start(self) -> None:
        self._counts = {topic: len(self._store.topic(topic).partitions) for topic in self.topics}
        self._running = True
        self._group.join(self)

    async def stop(self) -> None:
        self._running = False
        self._held = Positions()
        self._group.leave(self)

    async def assign(self, positions: Mapping[Partition, int]) -> None:
        raise RuntimeError(
            f"a group's member gets its partitions from the group, not by hand: {sorted(positions)}"
        )

    def assignment(self) -> frozenset[Partition]:
        return frozenset(self._held.of)

    async def committed(self, at: Partition) -> int | None:
        await asyncio.sleep(0)
        return self._store.committed.get((self._group.name, at))

    async def rejoin(self) -> None:
        await asyncio.wait_for(self.give_up(), self._store.config.rebalance_timeout_s)
        self._group.leave(self)
        self._group.join(self)

    async def fetch(
        self, timeout_ms: int, max_records: int | None = None, only: Sequence[Partition] = ()
    ) -> Mapping[Partition, Sequence[MemoryRecord]]:
        if self.has_changed_topics():
            raise PartitionsChangedError(
                f"topics of group {self._group.name} changed; at the start: {self._counts}"
            )
        if self._running and not self._group.is_member(self):
            # put out meanwhile: it learns of it now, as a member does at its next heartbeat
            await self.give_up()
            self._group.join(self)
        return await super().fetch(timeout_ms, max_records, only)

    def has_changed_topics(self) -> bool:
        """Whether a topic of the group is gone or has another number of partitions than at the start."""
        topics = self._store.topics
        return any(
            name not in topics or len(topics[name].partitions) != count
            for name, count in self._counts.items()
        )

    async def give_up(self) -> None:
        """Tells the listener that all is revoked and waits for it; a listener's failure does not hold up the group."""
        held = self.assignment()
        if not held:
            return
        self._held = Positions()
        try:
            await self._listener.revoked(held)
        except Exception as error:  # noqa: BLE001  the group goes on, as aiokafka's does; the failure is logged
            _log.error("revocation_failed", group=self._group.name, exc_info=error)

    def receive(self, partitions: frozenset[Partition]) -> None:
        """Takes an assignment: paused, without positions."""
        self._held = Positions()
        self._held.of.update(dict.fromkeys(partitions))
        self._held.paused.update(partitions)
        self._listener.assigned(partitions)
        self._store.notify()
