"""Watches the gate's outputs as an outsider does: committed messages only, each by the position that it answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from sekisho.cli.outcome import CommandError
from sekisho.contracts.reading import read_object
from sekisho.contracts.topics import TopicNames
from sekisho.gate.routing import FIRST_POSITION
from sekisho.log.port import Log, Partition, Record

_POLL_MS: Final = 100
Place = tuple[str, int, int]


class Watch:
    """Everything that the gates have answered so far. `start` and `stop` it; it reads in the background."""

    def __init__(self, log: Log, names: TopicNames, partitions: int) -> None:
        self.decisions: dict[Place, dict[str, Any]] = {}
        """By the position of the request."""
        self.records: dict[str, dict[str, Any]] = {}
        """By the id of the decision."""
        self.rejected: dict[Place, dict[str, Any]] = {}
        """By the position of the message."""
        self.forwarded: dict[str, Partition] = {}
        """First position of a misrouted consent event (`topic/partition/offset`) → where it is now."""
        self._names = names
        self._reader = log.partition_reader()
        self._positions = {
            Partition(topic, number): 0
            for topic in (names.decisions, names.records, names.rejected, names.consents)
            for number in range(partitions)
        }
        self._changed = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins with what is there."""
        await self._reader.start()
        await self._reader.assign(self._positions)
        self._task = asyncio.create_task(self._read())

    async def stop(self) -> None:
        """Ends reading."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._reader.stop()

    async def until(self, there: Callable[[], bool], seconds: float, what: str) -> None:
        """Waits until `there()`. Raises CommandError after `seconds`, and the watch's own error if it failed."""
        try:
            async with asyncio.timeout(seconds), self._changed:
                while not there():
                    if self._task is None or self._task.done():
                        break
                    await self._changed.wait()
        except TimeoutError as error:
            raise CommandError(
                f"{what} did not come within {seconds:g} s.", "The gates' logs may tell why."
            ) from error
        if self._task is not None and self._task.done():
            self._task.result()

    async def _read(self) -> None:
        try:
            while True:
                for records in (await self._reader.fetch(_POLL_MS)).values():
                    for record in records:
                        self._take(record)
                async with self._changed:
                    self._changed.notify_all()
        finally:
            async with self._changed:
                self._changed.notify_all()

    def _take(self, record: Record) -> None:
        if record.topic == self._names.consents:
            for name, value in record.headers:
                if name == FIRST_POSITION and value is not None:
                    self.forwarded[value.decode()] = Partition(record.topic, record.partition)
            return
        data = read_object(record.value or b"{}")
        if record.topic == self._names.decisions:
            self.decisions[place(data["request_position"])] = data
        elif record.topic == self._names.records:
            self.records[data["decision_id"]] = data
        else:
            self.rejected[place(data["position"])] = data


def place(position: dict[str, Any]) -> Place:
    """A position document as a key."""
    return position["topic"], position["partition"], position["offset"]
