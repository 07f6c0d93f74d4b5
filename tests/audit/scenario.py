"""A deployment's topics after a gate has answered everything that can come, and a log that can be forged."""

from __future__ import annotations

import asyncio
import copy
import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from faults import messages
from faults.unsafe_memory import UnsafeFaults
from gate.world import HMAC_KEY, LIMITS, World, subject_in
from sekisho.audit import CheckConfig, CheckReport, Sent, check
from sekisho.contracts.topics import TopicNames
from sekisho.log.memory import MemoryConfig, MemoryLog
from sekisho.log.memory_partition import Entry, MemoryRecord, Transaction
from sekisho.log.port import Outgoing, Partition, Record

PREFIX = "audit-"
NAMES = TopicNames.prefixed(PREFIX)
CONFIG = CheckConfig(
    topics=NAMES,
    settled=True,
    partitions=None,
    value_bytes=LIMITS.value_bytes,
    subject_events=LIMITS.subject_events,
    window_ms=int(LIMITS.duplicate_window_seconds * 1000),
    freshness_ms=int(LIMITS.freshness_seconds * 1000),
    tolerance_ms=0,
    clock_ms=0,
    settle_seconds=0.1,
    stall_seconds=10,
    poll_ms=20,
    findings_kept=50,
    hmac_key=HMAC_KEY,
)
LANE = 1
"""The partition in which almost everything happens."""


def memory_log() -> MemoryLog:
    """An empty log whose append times are the real time."""
    config = MemoryConfig(max_batch_bytes=524_288, transaction_timeout_ms=10_000, rebalance_timeout_s=5)
    return MemoryLog(config, lambda: int(time.time() * 1000))


@dataclass
class Ledger:
    """What was sent where, by name."""

    world: World
    places: dict[str, Partition]
    offsets: dict[str, int]
    sent: list[Sent]

    async def put(self, name: str, topic: str, record: Outgoing, partition: int = LANE) -> None:
        """Sends a record and remembers its place."""
        offset = await self.world.put(topic, record, partition)
        self.places[name], self.offsets[name] = Partition(topic, partition), offset
        sha256 = hashlib.sha256(record.value or b"").hexdigest()
        self.sent.append(Sent(topic, partition, offset, sha256))

    async def ask(self, name: str, data: Mapping[str, Any], partition: int = LANE) -> None:
        """Sends an access request."""
        await self.put(name, self.world.names.requests, messages.asked(dict(data)), partition)

    async def tell(self, name: str, type_: str, data: Mapping[str, Any], partition: int = LANE) -> None:
        """Sends a consent event."""
        await self.put(name, self.world.names.consents, messages.told(type_, dict(data)), partition)


def person(number: int) -> str:
    """A person of the partition in which it happens."""
    return subject_in(LANE, number)


async def _play(ledger: Ledger) -> None:
    names = ledger.world.names
    for number in range(3):
        for type_, data in messages.consents(person(number)):
            await ledger.tell(f"consent {number}", type_, data)
    stop = messages.suspension(person(1))
    await ledger.tell("suspension", messages.SUSPENDED, stop)
    await ledger.tell("suspension again", messages.SUSPENDED, stop)
    await ledger.tell("suspension reused", messages.SUSPENDED, stop | {"kind": "use"})
    await ledger.tell("bad event", messages.SUSPENDED, messages.suspension(person(0)) | {"kynd": "use"})
    elsewhere = messages.suspension(subject_in(2))
    await ledger.tell("misrouted event", messages.SUSPENDED, elsewhere)
    twice = messages.told(messages.SUSPENDED, messages.suspension(subject_in(3)))
    header = ("sekisho_first_position", f"{names.consents}/0/99".encode())
    await ledger.put("misrouted twice", names.consents, twice._replace(headers=[*twice.headers, header]))
    await ledger.put("dead event", names.consents, Outgoing(b"x", None))
    await asyncio.sleep(0.01)  # so that the requests' append times are later
    await _ask(ledger)


async def _ask(ledger: Ledger) -> None:
    names = ledger.world.names
    provision = messages.request(person(0))
    await ledger.ask("provision", provision)
    await ledger.ask("stopped", messages.request(person(1)))
    await ledger.ask("use", messages.request(person(2), "purp-1-specified"))
    await ledger.ask("provision again", provision)
    await ledger.ask("provision reused", provision | {"items": ["customer.name"]})
    await ledger.ask("misspelt", messages.request(person(0)) | {"anticpated_purposes": []})
    await ledger.ask("misspelt reused", provision | {"anticpated_purposes": []})
    await ledger.put("unreadable", names.requests, Outgoing(b"x", b"{no json"))
    await ledger.put("dead", names.requests, Outgoing(b"x", None))
    await ledger.put("large", names.requests, Outgoing(b"x", b" " * (CONFIG.value_bytes + 1)))
    await ledger.ask("misrouted", messages.request(subject_in(3)))
    for name, partition in (("not reached", LANE), ("other partition", 3)):
        demanded = {"partition": partition, "offset": 10_000}
        await ledger.ask(name, messages.request(person(0), minimum_consent_position=demanded))
    await ledger.ask("second provision", messages.request(person(2)))
    await ledger.ask("elsewhere", messages.request(subject_in(2)), 2)


@dataclass(frozen=True)
class Played:
    """The topics after the day, and what was sent."""

    log: MemoryLog
    places: Mapping[str, Partition]
    offsets: Mapping[str, int]
    sent: tuple[Sent, ...]


async def played() -> Played:
    """Has a gate answer the whole of it, and stops the gate."""
    log = memory_log()
    with tempfile.TemporaryDirectory() as folder:
        world = World(log, PREFIX, Path(folder))
        await world.create()
        await world.gate()
        ledger = Ledger(world, {}, {}, [])
        try:
            await _play(ledger)
            await world.decisions(12)
            await world.rejected(10)
            await world.wait_for(world.names.records, 2)
            await world.until(lambda: _is_forwarded(log))
        finally:
            await world.close()
    return Played(log, ledger.places, ledger.offsets, tuple(ledger.sent))


def _is_forwarded(log: MemoryLog) -> bool:
    at = log.store.partition(Partition(NAMES.consents, 2))
    return any(record.value for record in at.read(0, committed=True, limit=None).records)


Change = Callable[[dict[str, Any]], None]


class Forger:
    """A copy of the played topics in which anything may be changed."""

    def __init__(self, played: Played) -> None:
        self.log = memory_log()
        self.log.store.topics = copy.deepcopy(played.log.store.topics)
        self.faults = UnsafeFaults(self.log)
        self.offsets = played.offsets
        self.places = played.places
        self.sent = played.sent

    async def check(self, **changes: Any) -> CheckReport:
        """Has the verifier look at it."""
        sent = changes.pop("sent", self.sent)
        return await check(self.log, replace(CONFIG, **changes), sent=sent)

    def records(self, topic: str, partition: int = LANE) -> list[MemoryRecord]:
        """What is committed in a partition."""
        return (
            self.log.store.partition(Partition(topic, partition)).read(0, committed=True, limit=None).records
        )

    def answer(self, name: str) -> Record:
        """The decision on a request, by the request's name."""
        return self._about(NAMES.decisions, "request_position", name)

    def provision_record(self, name: str) -> Record:
        """The record of a provision, by the request's name."""
        return self._about(NAMES.records, "request_position", name)

    def rejected(self, name: str) -> Record:
        """The rejected event about a message, by its name."""
        return self._about(NAMES.rejected, "position", name)

    def _about(self, topic: str, field: str, name: str) -> Record:
        place, offset = self.places[name], self.offsets[name]
        for record in self.records(topic, place.partition):
            position = json.loads(record.value or b"{}")[field]
            if position["topic"] == place.topic and position["offset"] == offset:
                return record
        raise AssertionError(f"nothing in {topic} about {name}")

    def sent_record(self, name: str) -> Record:
        """A message as it was sent."""
        place, offset = self.places[name], self.offsets[name]
        return next(each for each in self.records(*place) if each.offset == offset)

    def change(self, record: Record, change: Change) -> None:
        """Changes a record's JSON."""
        data = json.loads(record.value or b"{}")
        change(data)
        self.replace(record, value=json.dumps(data).encode())

    def replace(self, record: Record, **changes: Any) -> None:
        """Changes a record's key, value, headers or timestamp."""
        entries = self._entries(Partition(record.topic, record.partition))
        entry = entries[record.offset]
        assert entry.record is not None
        entries[record.offset] = entry._replace(record=entry.record._replace(**changes))

    def erase(self, record: Record) -> None:
        """Takes a record away; a marker stands at its offset."""
        entries = self._entries(Partition(record.topic, record.partition))
        entries[record.offset] = Entry(None, None, None)

    def add(self, record: Record, *, partition: int | None = None, **changes: Any) -> None:
        """Appends a copy of a record."""
        at = Partition(record.topic, record.partition if partition is None else partition)
        outgoing = Outgoing(record.key, record.value, record.headers)._replace(**changes)
        self.append(at, outgoing)

    def append(self, at: Partition, record: Outgoing) -> int:
        """Appends any record; gives its offset."""
        return self.log.store.append(at, [record], None)

    def swap(self, first: Record, second: Record) -> None:
        """Exchanges the places of two records of one partition."""
        entries = self._entries(Partition(first.topic, first.partition))
        one, other = entries[first.offset], entries[second.offset]
        assert one.record is not None
        assert other.record is not None
        entries[first.offset] = other._replace(record=other.record._replace(offset=first.offset))
        entries[second.offset] = one._replace(record=one.record._replace(offset=second.offset))

    def leave_open(self, at: Partition) -> None:
        """Leaves a transaction open in a partition."""
        transaction = Transaction(self.log.store.now_ms())
        self.log.store.append(at, [Outgoing(None, b"{}")], transaction)

    def _entries(self, at: Partition) -> list[Entry]:
        return self.log.store.partition(at)._entries
