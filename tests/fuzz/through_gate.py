"""A gate on the in-memory log (or on any), fed with whatever there is: every position has its answer, no lane stops."""

from __future__ import annotations

import asyncio
import tempfile
import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from pydantic_core import from_json

from faults.judge import all_answered, judged
from fuzz.outcomes import of_consent, of_request
from fuzz.sending import PARTITIONS, Send
from gate.world import LIMITS, World
from sekisho.gate.service import GateService
from sekisho.log.memory import MemoryConfig, MemoryLog
from sekisho.log.port import Log, Outgoing, Partition, PartitionReader
from sekisho.telemetry.logging import LogOptions, configure

ANSWER_SECONDS: Final = 120.0
SUBJECT_EVENTS: Final = 60
"""Few, so that some persons have more."""
FUZZ_LIMITS: Final = replace(LIMITS, subject_events=SUBJECT_EVENTS, freshness_seconds=60)
At = tuple[str, int, int]


def memory_log() -> MemoryLog:
    """A log in memory with the real time as append time."""
    config = MemoryConfig(max_batch_bytes=524_288, transaction_timeout_ms=10_000, rebalance_timeout_s=5)
    return MemoryLog(config, lambda: int(time.time() * 1000))


class FuzzedGate:
    """One gate in a world of its own, what was sent to it, and what came of it."""

    def __init__(self, log: Log, folder: Path) -> None:
        # a log line for each bad message is as it should be in memory; on Kafka it tells why a lane was let go
        level = "CRITICAL" if isinstance(log, MemoryLog) else "ERROR"
        configure(LogOptions(level, level, "json", None), "gate", "test")
        self.world = World(log, f"f{uuid.uuid4().hex[:8]}-", folder, limits=FUZZ_LIMITS)
        self.fed = 0
        self._gate: GateService | None = None
        self._lanes: list[int] = []
        self._reader: PartitionReader | None = None
        self.decided: set[At] = set()
        self.rejected: set[At] = set()

    async def start(self) -> None:
        """Makes the topics and starts the gate."""
        world = self.world
        await world.create()
        self._gate = await world.gate()
        await world.until(lambda: len(self._all_lanes()) == 2 * PARTITIONS)
        self._lanes = self._all_lanes()
        self._reader = world.log.partition_reader()
        await self._reader.start()
        outputs = (world.names.decisions, world.names.rejected)
        await self._reader.assign({Partition(name, n): 0 for name in outputs for n in range(PARTITIONS)})

    def _all_lanes(self) -> list[int]:
        gate = self._gate
        if gate is None or gate.lanes is None or gate.router_lanes is None:
            return []
        if not (gate.lanes.is_ready() and gate.router_lanes.is_ready()):
            return []
        return [id(lane) for lanes in (gate.lanes, gate.router_lanes) for lane in lanes.lanes.values()]

    async def feed(self, sends: Sequence[Send]) -> None:
        """Sends a batch, and waits until each position has the answer that its message calls for."""
        names = self.world.names
        writer = self.world.log.writer()
        await writer.start()
        decided: set[At] = set()
        rejected: set[At] = set()
        try:
            for send in sends:
                topic = names.requests if send.topic == "requests" else names.consents
                _, offset = await writer.send(topic, Outgoing(*_parts(send)), send.partition)
                word = (of_request if send.topic == "requests" else of_consent)(send.message).word
                at = (topic, send.partition, offset)
                if send.topic == "requests" and (word == "accepted" or word.startswith("invalid")):
                    decided.add(at)
                if word != "accepted":
                    rejected.add(at)
        finally:
            await writer.stop()
        self.fed += len(sends)
        await self._answered(decided, rejected)
        await self._lanes_stand()

    async def _answered(self, decided: set[At], rejected: set[At]) -> None:
        begun = time.monotonic()
        while not (decided <= self.decided and rejected <= self.rejected):
            await self._read()
            missing = (decided - self.decided, rejected - self.rejected)
            assert time.monotonic() - begun < ANSWER_SECONDS, f"unanswered: {missing} {self._why()}"

    async def _lanes_stand(self) -> None:
        """In memory nothing but an input can end a lane; a real Kafka's may be taken again when the machine is slow."""
        if isinstance(self.world.log, MemoryLog):
            assert self._all_lanes() == self._lanes, "a lane has stopped, or was taken again"
            return
        gate = self._gate
        assert gate is not None
        assert gate.lanes is not None
        assert gate.router_lanes is not None
        for lanes in (gate.lanes, gate.router_lanes):
            assert not lanes.stopped, lanes.stopped
            assert lanes.halted is None, lanes.halted

    def _why(self) -> str:
        gate = self._gate
        assert gate is not None
        told = [lanes and (lanes.stopped, lanes.halted) for lanes in (gate.lanes, gate.router_lanes)]
        return f"lanes stopped: {told}"

    async def _read(self) -> None:
        assert self._reader is not None
        names = self.world.names
        for at, records in (await self._reader.fetch(20)).items():
            known = self.decided if at.topic == names.decisions else self.rejected
            of = "request_position" if at.topic == names.decisions else "position"
            for record in records:
                told: Any = from_json(record.value or b"{}")[of]
                answered = (told["topic"], told["partition"], told["offset"])
                assert answered not in known, f"answered twice in {at.topic}: {answered}"
                known.add(answered)

    async def finish(self) -> None:
        """Every input has its answer, and the verifier has nothing to say against any of them."""
        changes: dict[str, Any] = {
            "subject_events": SUBJECT_EVENTS,
            "freshness_ms": int(FUZZ_LIMITS.freshness_seconds * 1000),
            "settle_seconds": 30,
        }
        await all_answered(self.world.log, self.world.names, **changes)
        report = await judged(self.world.log, self.world.names, **changes)
        assert report.ok, str(report)
        await self._read()
        await self._lanes_stand()

    async def close(self) -> None:
        """Stops the gate."""
        if self._reader is not None:
            await self._reader.stop()
        await self.world.close()


def _parts(send: Send) -> tuple[bytes | None, bytes | None, Any]:
    return send.message.key, send.message.value, send.message.headers


async def run(batches: Iterable[Sequence[Send]], log: Log | None = None) -> int:
    """Feeds a gate of its own with batches, and judges it; gives the number of messages."""
    with tempfile.TemporaryDirectory() as folder:
        fuzzed = FuzzedGate(log or memory_log(), Path(folder))
        try:
            await fuzzed.start()
            for batch in batches:
                await fuzzed.feed(batch)
                await asyncio.sleep(0)
            await fuzzed.finish()
        finally:
            await fuzzed.close()
        return fuzzed.fed
