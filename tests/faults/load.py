"""A load of real requests and consent events, good and bad, of many persons: what upstream systems send on a long day."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

from faults import messages
from gate.world import WAIT_S
from sekisho.audit import Sent
from sekisho.contracts.routing import partition_of
from sekisho.contracts.topics import TopicNames
from sekisho.log.port import Log, Outgoing, Writer

PERSONS = 120
_TOGETHER = 8


class Load:
    """Sends until it is stopped, the same for the same seed; `sent` are the acknowledged messages.

    Use as an async context manager: sending goes on within it, and has ended behind it.
    """

    def __init__(
        self, log: Log, names: TopicNames, partitions: int, *, seed: int, per_second: float = 80
    ) -> None:
        self._writer: Writer = log.writer()
        self._names = names
        self._partitions = partitions
        self._random = random.Random(seed)
        self._pause = _TOGETHER / per_second
        self._asked: list[messages.Json] = []
        self._sending: asyncio.Task[None] | None = None
        self.sent: list[Sent] = []
        self.requests = 0

    async def __aenter__(self) -> Load:
        await self._writer.start()
        await self._together(self._first_consents)
        self._sending = asyncio.create_task(self._send())
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        assert self._sending is not None
        self._sending.cancel()
        with suppress(asyncio.CancelledError):
            await self._sending
        await self._writer.stop()

    async def more(self, requests: int) -> None:
        """Waits until so many more requests are acknowledged."""
        until = self.requests + requests
        async with asyncio.timeout(WAIT_S):
            while self.requests < until:
                assert self._sending is not None
                if self._sending.done():
                    self._sending.result()
                await asyncio.sleep(0.02)

    async def _send(self) -> None:
        while True:
            # a started round is finished: what is not awaited may be acknowledged all the same
            await asyncio.shield(self._together(self._next))
            await asyncio.sleep(self._pause)

    async def _together(self, make: Callable[[], list[tuple[str, Outgoing, int]]]) -> None:
        made = [each for _ in range(_TOGETHER) for each in make()]
        await asyncio.gather(*(self._put(*each) for each in made))

    async def _put(self, topic: str, record: Outgoing, partition: int) -> None:
        _, offset = await self._writer.send(topic, record, partition)
        sha256 = hashlib.sha256(record.value or b"").hexdigest()
        self.sent.append(Sent(topic, partition, offset, sha256))
        self.requests += topic == self._names.requests

    # what is sent

    def _person(self) -> str:
        return f"C-{self._random.randrange(PERSONS):06d}"

    def _ask(self, data: messages.Json, partition: int | None = None) -> tuple[str, Outgoing, int]:
        subject = data["subject"]["id"]
        right = partition_of(subject, self._partitions) if partition is None else partition
        return (self._names.requests, messages.asked(data), right)

    def _tell(
        self, type_: str, data: messages.Json, partition: int | None = None
    ) -> tuple[str, Outgoing, int]:
        right = partition_of(data["subject_id"], self._partitions) if partition is None else partition
        return (self._names.consents, messages.told(type_, data), right)

    def _first_consents(self) -> list[tuple[str, Outgoing, int]]:
        return [self._tell(*event) for event in messages.consents(self._person())]

    def _next(self) -> list[tuple[str, Outgoing, int]]:
        kinds = (
            self._provision,
            self._use,
            self._again,
            self._consent,
            self._stop,
            self._bad,
            self._misrouted,
        )
        (kind,) = self._random.choices(kinds, weights=(40, 20, 8, 12, 6, 8, 6))
        return kind()

    def _remember(self, data: messages.Json) -> list[tuple[str, Outgoing, int]]:
        self._asked.append(data)
        return [self._ask(data)]

    def _provision(self) -> list[tuple[str, Outgoing, int]]:
        return self._remember(messages.request(self._person()))

    def _use(self) -> list[tuple[str, Outgoing, int]]:
        return self._remember(messages.request(self._person(), "purp-1-specified"))

    def _again(self) -> list[tuple[str, Outgoing, int]]:
        if not self._asked:
            return self._use()
        earlier = self._random.choice(self._asked)
        if self._random.random() < 0.25:
            return [self._ask(earlier | {"items": ["customer.name"]})]
        return [self._ask(earlier), self._ask(earlier)]

    def _consent(self) -> list[tuple[str, Outgoing, int]]:
        return [self._tell(*event) for event in messages.consents(self._person())]

    def _stop(self) -> list[tuple[str, Outgoing, int]]:
        event = messages.suspension(self._person())
        again = [self._tell(messages.SUSPENDED, event)] if self._random.random() < 0.2 else []
        return [self._tell(messages.SUSPENDED, event), *again]

    def _bad(self) -> list[tuple[str, Outgoing, int]]:
        partition = self._random.randrange(self._partitions)
        person = self._person()
        return [
            self._random.choice(
                (
                    (self._names.requests, Outgoing(person.encode(), b"{no json"), partition),
                    (self._names.requests, Outgoing(person.encode(), None), partition),
                    self._ask(messages.request(person) | {"anticpated_purposes": []}),
                    self._tell(messages.SUSPENDED, messages.suspension(person) | {"kynd": "use"}),
                )
            )
        ]

    def _misrouted(self) -> list[tuple[str, Outgoing, int]]:
        person = self._person()
        wrong = (partition_of(person, self._partitions) + 1) % self._partitions
        if self._random.random() < 0.5:
            return [self._ask(messages.request(person), wrong)]
        return [self._tell(messages.SUSPENDED, messages.suspension(person), wrong)]
