"""Makes the faults of a plan happen, one at a time for each target; tells of each as it begins and ends."""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from faults import messages
from gate.world import subject_in
from log.raw_kafka import append_undecodable
from sekisho.audit import Sent
from sekisho.contracts.routing import partition_of
from sekisho.contracts.topics import TopicNames
from sekisho.gate.remedies import NotSkippableError, Remedies
from sekisho.local.broker import LocalKafka
from sekisho.log.port import Log, LogError, Outgoing, Partition, UndecodableRecordError
from soak.gatehouse import Gatehouse
from soak.plan import BROKER, INPUT, PARTITIONS, Fault, Kind
from soak.traffic import Put, Traffic
from soak.unsafe_gate import Order

_REMEDY_SECONDS: Final = 120.0


@dataclass(frozen=True)
class Happened:
    """A fault that was made: when it began and ended (s of the clock of the run), and how it went."""

    fault: Fault
    began: float
    ended: float
    note: str


@dataclass
class Performer:
    """Has everything that a fault needs. `clock` gives the seconds since the run began."""

    kafka: LocalKafka
    gates: Gatehouse
    traffic: Traffic
    log: Log
    names: TopicNames
    prefix: str
    remedies: Remedies
    clock: Callable[[], float]
    say: Callable[[str], None]
    happened: list[Happened] = field(default_factory=list)
    counts: Counter[Kind] = field(default_factory=Counter)
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict)
    _upstream: int = 0
    _held: dict[int, asyncio.Lock] = field(default_factory=dict)
    _skipped: set[tuple[int, int]] = field(default_factory=set)

    async def perform(self, fault: Fault) -> None:
        """Makes one fault happen; returns when it is over."""
        async with self._lock(fault):
            began = self.clock()
            self.say(f"> {fault}")
            note = await self._ways()[fault.kind](fault)
            self.happened.append(Happened(fault, began, self.clock(), note))
            self.counts[fault.kind] += 1
            self.say(f"< {fault.kind} ({fault.target}){': ' + note if note else ''}")

    def _lock(self, fault: Fault) -> asyncio.Lock:
        if fault.target == INPUT:
            return asyncio.Lock()  # inputs do not exclude each other
        if fault.target == BROKER:
            return self._locks.setdefault(BROKER, asyncio.Lock())
        return self.gates.locks[fault.target]

    def _ways(self) -> Mapping[Kind, Callable[[Fault], Awaitable[str]]]:
        return {
            Kind.KILL: self._kill,
            Kind.TERMINATE: self._terminate,
            Kind.LEAVE: self._terminate,
            Kind.PAUSE: self._pause,
            Kind.PAUSE_LONG: self._pause,
            Kind.FORGET: self._forget,
            Kind.FORGET_RESTORING: self._forget_restoring,
            Kind.ABORT: self._abort,
            Kind.DELAY: self._abort,
            Kind.JOIN: self._join,
            Kind.BROKER_KILL: self._broker_kill,
            Kind.BROKER_RESTART: self._broker_restart,
            Kind.BROKER_PAUSE: self._broker_pause,
            Kind.BROKER_SLOW: self._broker_slow,
            Kind.POISON: self._poison,
            Kind.UNREADABLE: self._unreadable,
            Kind.HELD: self._hold,
            Kind.BURST: self._burst,
            Kind.UPSTREAM: self._upstream_transaction,
        }

    # gates

    async def _kill(self, fault: Fault) -> str:
        await self.gates.kill(fault.target)
        await asyncio.sleep(fault.seconds)
        await self.gates.start(fault.target)
        return ""

    async def _terminate(self, fault: Fault) -> str:
        began = time.monotonic()
        await self.gates.stop(fault.target)
        took = time.monotonic() - began
        await asyncio.sleep(fault.seconds)
        await self.gates.start(fault.target)
        return f"stopped in {took:.1f} s"

    async def _pause(self, fault: Fault) -> str:
        process = self.gates.processes[fault.target]
        process.pause()
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            process.resume()
        return ""

    async def _forget(self, fault: Fault) -> str:
        await (self.gates.kill if fault.detail == "killed" else self.gates.stop)(fault.target)
        self.gates.forget(fault.target)
        await asyncio.sleep(fault.seconds)
        await self.gates.start(fault.target)
        return ""

    async def _forget_restoring(self, fault: Fault) -> str:
        """Deletes the state of a gate that has just begun to make it anew."""
        await self.gates.kill(fault.target)
        self.gates.forget(fault.target)
        await self.gates.start(fault.target)
        await asyncio.sleep(fault.seconds)
        self.gates.forget(fault.target)
        return ""

    async def _abort(self, fault: Fault) -> str:
        skip = int(fault.at * 1000) % 4
        self.gates.order(fault.target, Order(fault.detail, skip, fault.seconds))
        return ""

    async def _join(self, fault: Fault) -> str:
        await self.gates.start(fault.target)
        await asyncio.sleep(fault.seconds)
        await self.gates.stop(fault.target)
        return ""

    # the broker

    async def _broker_kill(self, fault: Fault) -> str:
        await asyncio.to_thread(self.kafka.kill)
        await asyncio.sleep(fault.seconds)
        await asyncio.to_thread(self.kafka.start)
        return ""

    async def _broker_restart(self, fault: Fault) -> str:
        del fault
        began = time.monotonic()
        await asyncio.to_thread(self.kafka.restart)
        return f"away for {time.monotonic() - began:.1f} s"

    async def _broker_pause(self, fault: Fault) -> str:
        self.kafka.pause()
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            self.kafka.resume()
        return ""

    async def _broker_slow(self, fault: Fault) -> str:
        """Frozen for a part of each second: every answer takes its time."""
        drawn = random.Random(int(fault.at * 1000))
        until = time.monotonic() + fault.seconds
        while time.monotonic() < until:
            self.kafka.pause()
            try:
                await asyncio.sleep(drawn.uniform(0.1, 0.5))
            finally:
                self.kafka.resume()
            await asyncio.sleep(drawn.uniform(0.05, 0.2))
        return ""

    # what comes in

    async def _put(self, made: list[Put]) -> str:
        done = await asyncio.gather(*self.traffic.put_all(made))
        return f"{sum(done)} of {len(made)} acknowledged"

    async def _poison(self, fault: Fault) -> str:
        del fault
        return await self._put(self.traffic.poison())

    async def _burst(self, fault: Fault) -> str:
        del fault
        return await self._put(self.traffic.burst())

    async def _unreadable(self, fault: Fault) -> str:
        return await self._append_undecodable(Partition(self.names.requests, _number(fault)))

    async def _append_undecodable(self, at: Partition) -> str:
        try:
            async with asyncio.timeout(30):
                return f"at offset {await append_undecodable(self.kafka.bootstrap, at)}"
        except Exception as error:  # noqa: BLE001  the broker may be away; aiokafka's errors have no common root
            return f"not acknowledged ({type(error).__name__})"

    async def _hold(self, fault: Fault) -> str:
        """A consent event that nobody can decode holds its lane until an operator skips it."""
        at = Partition(self.names.consents, _number(fault))
        async with self._held.setdefault(at.partition, asyncio.Lock()):
            note = await self._append_undecodable(at)
            await asyncio.sleep(fault.seconds)
            return f"{note}, skipped {await self._skip_all(at)}"

    async def _skip_all(self, at: Partition) -> int:
        """Skips whatever cannot be decoded; a batch that was sent twice holds twice."""
        give_up = time.monotonic() + _REMEDY_SECONDS
        while True:
            try:
                return sum([await self._skip(at.partition, each) for each in await self._undecodable(at)])
            except (LogError, NotSkippableError):
                if time.monotonic() > give_up:
                    raise
                await asyncio.sleep(1)

    async def _skip(self, partition: int, offset: int) -> bool:
        if (partition, offset) in self._skipped:
            return False
        fresh = await self.remedies.skip(partition, offset)
        self._skipped.add((partition, offset))
        return fresh

    async def _undecodable(self, at: Partition) -> list[int]:
        reader, found = self.log.partition_reader(), list[int]()
        await reader.start()
        try:
            end = await reader.high_watermark(at)
            await reader.assign({at: 0})
            give_up = time.monotonic() + _REMEDY_SECONDS / 2
            while await reader.position(at) < end and time.monotonic() < give_up:
                try:
                    await reader.fetch(100, 2_000, only=[at])
                except UndecodableRecordError as error:
                    found.append(error.offset)
                    reader.seek(at, error.offset + 1)
        finally:
            await reader.stop()
        return found

    async def _upstream_transaction(self, fault: Fault) -> str:
        """An upstream system leaves a transaction open in front of an acknowledged suspension, whose person is asked about."""
        number = int(fault.at * 1000) % PARTITIONS
        first, second = (subject_in(number, each) for each in (self._upstream % 50, 50 + self._upstream % 50))
        self._upstream += 1
        writer = self.log.transactional_writer(f"{self.prefix}upstream-{self._upstream}")
        data = [messages.suspension(first), messages.suspension(first)]
        records = [messages.told(messages.SUSPENDED, each) for each in data]
        try:
            await writer.start()
            await writer.begin()
            answers = await writer.send(Partition(self.names.consents, number), records)
            base = await answers[0]
            stopped = [self.traffic.tell(messages.SUSPENDED, messages.suspension(second))]
            await asyncio.gather(*self.traffic.put_all(stopped))
            asked = [self.traffic.ask(messages.request(each)) for each in (second, first)]
            await asyncio.gather(*self.traffic.put_all(asked))
            await asyncio.sleep(fault.seconds)
            await (writer.commit() if fault.detail == "commits" else writer.abort())
            if fault.detail == "commits":
                self._note_committed(number, base, records)
        except LogError as error:
            return f"ended by {type(error).__name__}"
        finally:
            await writer.stop()
        assert partition_of(second, PARTITIONS) == number
        return ""

    def _note_committed(self, number: int, base: int, records: list[Outgoing]) -> None:
        for index, record in enumerate(records):
            sha256 = sha256_of(record)
            self.traffic.note(Sent(self.names.consents, number, base + index, sha256))


def sha256_of(record: Outgoing) -> str:
    """As the sender of an acknowledged message keeps it."""
    return hashlib.sha256(record.value or b"").hexdigest()


def _number(fault: Fault) -> int:
    return int(fault.detail.rpartition(" ")[2])
