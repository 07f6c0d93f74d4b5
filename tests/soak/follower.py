"""Reads the outputs as they are committed, as any outsider does: how late, how many, in what order, and what is open still."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from pydantic_core import from_json

from sekisho.contracts.topics import TopicNames
from sekisho.log.port import Log, LogError, Partition, PartitionReader, Record
from soak.sent import is_told_to_end

_log = logging.getLogger(__name__)
_POLL_MS: Final = 100
_RETRY_SECONDS: Final = 0.5


class Follower:
    """A read_committed reader of decisions and rejected events that survives its broker.

    `latencies` (ms, append of the request → seen here) are taken out by who samples; `wrong` lists what no gate may do:
    a second answer to a request, or one out of order. The verifier judges the rest.
    """

    def __init__(self, log: Log, names: TopicNames, partitions: int) -> None:
        self._log = log
        self._names = names
        self._numbers = range(partitions)
        self._positions = {
            Partition(topic, number): 0
            for topic in (names.decisions, names.rejected)
            for number in self._numbers
        }
        self._last: dict[Partition, int] = {}
        self._ends = dict.fromkeys(self._numbers, 0)
        self.latencies: list[float] = []
        self.decisions = 0
        self.rejected = 0
        self.wrong: list[str] = []
        self.strange = 0

    @property
    def lag(self) -> int:
        """Requests appended (as last asked) that have neither decision nor rejected event."""
        return sum(max(0, self._ends[number] - self._answered(number)) for number in self._numbers)

    def _answered(self, number: int) -> int:
        outputs = (self._names.decisions, self._names.rejected)
        return 1 + max(self._last.get(Partition(topic, number), -1) for topic in outputs)

    async def run(self) -> None:
        """Follows until it is cancelled."""
        while True:
            reader = self._log.partition_reader()
            try:
                await reader.start()
                await reader.assign(self._positions)
                await self._follow(reader)
            except asyncio.CancelledError:
                if is_told_to_end():
                    raise
                # no error of the port: a client's own future was cancelled beneath the call
                _log.exception("follower_cancelled_by_its_client")
                self.strange += 1
                await asyncio.sleep(_RETRY_SECONDS)
            except LogError:
                # the broker is away: that is one of the faults; it goes on where it was
                await asyncio.sleep(_RETRY_SECONDS)
            finally:
                await reader.stop()

    async def _follow(self, reader: PartitionReader) -> None:
        asked = 0.0
        while True:
            for at, records in (await reader.fetch(_POLL_MS)).items():
                self._take(at, records, time.time() * 1000)
                self._positions[at] = records[-1].offset + 1
            if time.monotonic() - asked > 1:
                await self._look(reader)
                asked = time.monotonic()

    async def _look(self, reader: PartitionReader) -> None:
        for number in self._numbers:
            self._ends[number] = await reader.high_watermark(Partition(self._names.requests, number))

    async def answered(self, seconds: float) -> bool:
        """Waits until nothing is open; False if that takes too long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.sleep(2)  # so that the ends were asked for since the last send
                while self.lag:  # noqa: ASYNC110  (what ends it is read from the log, by `run`)
                    await asyncio.sleep(0.2)
                return True
        return False

    def _take(self, at: Partition, records: Sequence[Record], now_ms: float) -> None:
        for record in records:
            said: Mapping[str, Any] = from_json(record.value or b"{}")
            if at.topic == self._names.decisions:
                self.decisions += 1
                self._answer(at, record.offset, said["request_position"]["offset"])
                if said["appended_at"]:
                    appended = datetime.fromisoformat(said["appended_at"]).timestamp() * 1000
                    self.latencies.append(now_ms - appended)
            else:
                self.rejected += 1
                if said["position"]["topic"] == self._names.requests:
                    self._answer(at, record.offset, said["position"]["offset"])

    def _answer(self, at: Partition, offset: int, request: int) -> None:
        last = self._last.get(at, -1)
        if request <= last:
            self.wrong.append(f"{at.topic}-{at.partition}@{offset} answers request {request} after {last}")
        self._last[at] = max(last, request)
