"""A log with the gate's topics, gates on it, and the words to send and to read what came of it."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from sekisho.bootstrap import CLOCKS, gate_vocabulary
from sekisho.contracts.envelope import binary_headers
from sekisho.contracts.routing import partition_of
from sekisho.contracts.shared_models import Engine
from sekisho.contracts.topics import TopicNames
from sekisho.gate.clock import Clocks
from sekisho.gate.deciding import DecidingLane
from sekisho.gate.desk import Desk
from sekisho.gate.lane import Lane, Seat
from sekisho.gate.limits import GateLimits
from sekisho.gate.report import Report
from sekisho.gate.service import GateService, GateSetup
from sekisho.log.port import Log, Outgoing, Partition, Record, UnavailableError
from sekisho.log.topics import Copies
from sekisho.rulebook import (
    LoadedRulebook,
    compile_sources,
    days_from_base,
    read_texts,
    sample_path,
    shift_days,
)
from sekisho.telemetry.health import Health
from sekisho.telemetry.metrics import GateMetrics

PARTITIONS = 4
WAIT_S = 240.0
"""For what must come: generous, since on two cores, with brokers and gates beside, all takes up to five times as long."""
HMAC_KEY = b"k" * 32
LIMITS = GateLimits(
    turn_records=100,
    turn_bytes=4_194_304,
    turn_seconds=2,
    turn_attempts=2,
    freshness_seconds=5,
    catch_up_seconds=0.2,
    lose_seconds=2,
    call_seconds=10,
    restore_seconds=10,
    poll_ms=20,
    backoff_seconds=0.05,
    backoff_max_seconds=0.2,
    check_seconds=0.2,
    clock_seconds=5,
    duplicate_window_seconds=7 * 86_400,
    cleanup_seconds=600,
    value_bytes=262_144,
    output_bytes=262_144,
    subject_events=1000,
)


@cache
def rulebook() -> LoadedRulebook:
    """The sample rulebook, moved to today."""
    texts = read_texts(sample_path())
    return compile_sources(shift_days(texts, days_from_base(texts, datetime.now(UTC).date())))


def subject_in(partition: int, number: int = 0, partitions: int = PARTITIONS) -> str:
    """A person of a partition."""
    found = (f"C-{index:06d}" for index in range(100_000))
    mine = (subject for subject in found if partition_of(subject, partitions) == partition)
    return [next(mine) for _ in range(number + 1)][number]


def request(subject_id: str, request_id: str | None = None, **changes: Any) -> dict[str, Any]:
    """A maturity notice by the bank itself: allowed, with nothing to record."""
    return {
        "request_id": request_id or str(uuid.uuid4()),
        "requested_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "requester": {
            "organization": "post-office",
            "business": "deposit",
            "system": "savings-crm",
            "operator": "op-0123",
            "branch": "br-0456",
            "authenticated_operator": "op-0123",
        },
        "subject": {"id": subject_id, "kind": "individual"},
        "action": "use",
        "holder": "savings-bank",
        "items": ["customer.name", "savings.maturity_date"],
        "purpose": "savings.maturity_notice",
        "activity": {"kind": "maintenance", "mode": "mail"},
    } | changes


def suspension(subject_id: str, event_id: str | None = None, **changes: Any) -> dict[str, Any]:
    """The person has all use of the bank's data stopped."""
    return {
        "event_id": event_id or str(uuid.uuid4()),
        "subject_id": subject_id,
        "suspension_id": f"S-{subject_id}",
        "kind": "use",
        "controller": "savings-bank",
        "ordered_at": (datetime.now(UTC) - timedelta(days=1)).isoformat(timespec="seconds"),
    } | changes


SUSPENDED = "sekisho.suspension.ordered.v1"


@dataclass
class World:
    """One deployment on one log. Every gate has a folder of its own below `folder`."""

    log: Log
    prefix: str
    folder: Path
    partitions: int = PARTITIONS
    limits: GateLimits = LIMITS
    clocks: Clocks = CLOCKS
    gates: list[GateService] = field(default_factory=list)
    health: dict[int, Health] = field(default_factory=dict)
    metrics: dict[int, GateMetrics] = field(default_factory=dict)

    @property
    def names(self) -> TopicNames:
        """The topics' full names."""
        return TopicNames.prefixed(self.prefix)

    async def create(self, **config: str) -> None:
        """Makes the topics; `config` is of those that gates write."""
        for name in self.names:
            count = 1 if name == self.names.rulebooks else self.partitions
            await self.log.create(name, count, 1, self.input_config(name) or config)

    def input_config(self, name: str) -> dict[str, str]:
        """The configuration of a topic whose times the brokers give; of others, none."""
        if name in (self.names.requests, self.names.rulebooks):
            return {"message.timestamp.type": "LogAppendTime"}
        if name == self.names.consents:
            return {"message.timestamp.type": "LogAppendTime", "retention.ms": "-1"}
        return {}

    # gates

    def setup(self, name: str, limits: GateLimits | None = None) -> GateSetup:
        """A gate of that name."""
        return GateSetup(
            names=self.names,
            partitions=self.partitions,
            prefix=self.prefix,
            folder=self.folder / name,
            hmac_key=HMAC_KEY,
            rulebook=rulebook(),
            engine=Engine("0.0.0-test", 1),
            limits=limits or self.limits,
            clocks=self.clocks,
            startup_seconds=60,
            stop_seconds=5,
            copies=Copies(1, 1),
        )

    async def gate(
        self,
        name: str = "a",
        *,
        limits: GateLimits | None = None,
        lane: Callable[[Seat, Desk], Lane] = DecidingLane,
        log: Log | None = None,
        ready: bool = True,
    ) -> GateService:
        """Starts a gate, and waits until it is ready."""
        gate = await self.start(self.setup(name, limits), lane=lane, log=log)
        if ready:
            await self.until(lambda: self.is_ready(gate))
        return gate

    async def start(
        self,
        setup: GateSetup,
        *,
        lane: Callable[[Seat, Desk], Lane] = DecidingLane,
        log: Log | None = None,
    ) -> GateService:
        """Starts a gate."""
        health = Health()
        metrics = GateMetrics(gate_vocabulary(rulebook(), self.partitions), health)
        gate = GateService(log or self.log, setup, Report(metrics, health, self.clocks.wall), lane=lane)
        await gate.start()
        self.gates.append(gate)
        self.health[id(gate)], self.metrics[id(gate)] = health, metrics
        return gate

    def is_ready(self, gate: GateService) -> bool:
        """Whether the gate has been given lanes (none perhaps) and all of them run."""
        return self.health[id(gate)].ready and gate.lanes is not None and gate.lanes.is_ready()

    async def shared_by(self, *gates: GateService) -> None:
        """Waits until all partitions run among these gates."""

        def all_run() -> bool:
            held = [at for gate in gates if gate.lanes is not None for at in gate.lanes.lanes]
            return len(held) == self.partitions and all(self.is_ready(gate) for gate in gates)

        await self.until(all_run)

    async def stop(self, gate: GateService) -> None:
        """Stops a gate as SIGTERM does."""
        self.gates.remove(gate)
        await gate.stop()

    async def close(self) -> None:
        """Stops all gates."""
        for gate in list(self.gates):
            await self.stop(gate)

    # sending

    async def put(self, topic: str, record: Outgoing, partition: int) -> int:
        """Writes one record; gives its offset."""
        writer = self.log.writer()
        await writer.start()
        try:
            return (await writer.send(topic, record, partition))[1]
        finally:
            await writer.stop()

    async def ask(self, *requests: Mapping[str, Any], partition: int | None = None) -> list[int]:
        """Sends access requests as bare data; gives their offsets."""
        offsets = []
        for each in requests:
            subject_id = each["subject"]["id"]
            right = partition_of(subject_id, self.partitions) if partition is None else partition
            record = Outgoing(subject_id.encode(), json.dumps(each).encode())
            offsets.append(await self.put(self.names.requests, record, right))
        return offsets

    async def tell(
        self, event: Mapping[str, Any], kind: str = SUSPENDED, partition: int | None = None
    ) -> int:
        """Sends a consent event; gives its offset."""
        subject_id = event["subject_id"]
        right = partition_of(subject_id, self.partitions) if partition is None else partition
        return await self.put(self.names.consents, consent(event, kind), right)

    # reading

    async def read(self, topic: str, partition: int | None = None) -> list[Record]:
        """Every committed record of a topic, from what is there now."""
        numbers = range(self.partitions) if partition is None else [partition]
        if topic == self.names.rulebooks:
            numbers = [0]
        found: list[Record] = []
        reader = self.log.partition_reader()
        await reader.start()
        try:
            for number in numbers:
                at = Partition(topic, number)
                await reader.assign({at: await reader.start_offset(at)})
                end = await reader.last_stable_offset(at)
                while await reader.position(at) < end:
                    found.extend((await reader.fetch(100, only=[at])).get(at, ()))
        finally:
            await reader.stop()
        return found

    async def data(self, topic: str, partition: int | None = None) -> list[dict[str, Any]]:
        """The JSON data of what is committed in a topic."""
        return [json.loads(record.value or b"null") for record in await self.read(topic, partition)]

    async def decisions(self, count: int) -> list[dict[str, Any]]:
        """Waits for so many decisions in all; gives them by request position."""
        found = await self.wait_for(self.names.decisions, count)
        return sorted(
            found,
            key=lambda each: (each["request_position"]["partition"], each["request_position"]["offset"]),
        )

    async def rejected(self, count: int) -> list[dict[str, Any]]:
        """Waits for so many rejected events in all."""
        return await self.wait_for(self.names.rejected, count)

    async def wait_for(self, topic: str, count: int) -> list[dict[str, Any]]:
        """Waits until a topic holds so many committed messages, and fails if it holds more."""
        async with asyncio.timeout(WAIT_S):
            while len(found := await self._data_in_time(topic)) < count:  # noqa: ASYNC110  a log has no event to wait for
                await asyncio.sleep(0.02)
        assert len(found) == count, found
        return found

    async def _data_in_time(self, topic: str) -> list[dict[str, Any]]:
        """As `data`; nothing where a starved broker does not answer in the client's time: it is asked again."""
        try:
            return await self.data(topic)
        except UnavailableError:
            return []

    async def until(self, holds: Callable[[], bool]) -> None:
        """Waits until something holds."""
        async with asyncio.timeout(WAIT_S):
            while not holds():  # noqa: ASYNC110  what holds is not told by an event
                await asyncio.sleep(0.01)

    async def until_async(self, found: Callable[[], Awaitable[object]]) -> None:
        """Waits until something is found."""
        async with asyncio.timeout(WAIT_S):
            while not await found():  # noqa: ASYNC110  what is found is not told by an event
                await asyncio.sleep(0.02)


def consent(event: Mapping[str, Any], kind: str, key: bytes | None = b"") -> Outgoing:
    """A consent event as its system sends it; `key` b"": the subject's id."""
    headers = binary_headers(kind, event["event_id"], "urn:test:consents", "2026-01-01T00:00:00Z")
    return Outgoing(event["subject_id"].encode() if key == b"" else key, json.dumps(event).encode(), headers)


def effects(decisions: Sequence[Mapping[str, Any]]) -> list[str]:
    """The decisions' effects."""
    return [decision["effect"] for decision in decisions]


def codes(decision: Mapping[str, Any]) -> list[str]:
    """The codes of a decision's reasons."""
    return [reason["code"] for reason in decision["reasons"]]


def changed(limits: GateLimits, **changes: float) -> GateLimits:
    """The limits with some of them changed."""
    return replace(limits, **changes)  # type: ignore[arg-type]  # counts are given as counts
