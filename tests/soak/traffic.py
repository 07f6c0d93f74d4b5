"""A load that goes on while brokers come and go: real requests and consent events of many persons, good and bad.

Unlike `faults.load` it survives failed sends (what is not acknowledged may be there or not: the verifier judges it if it
is), can be paused, keeps what was acknowledged in a file, and spreads over so many persons that nobody reaches a limit.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import time
import uuid
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

from faults import messages
from sekisho.audit import Sent
from sekisho.contracts.routing import partition_of
from sekisho.contracts.topics import TopicNames
from sekisho.log.port import Log, LogError, Outgoing, Writer
from soak.bad import bad_consent_values, bad_request_values
from soak.sent import SentBook, is_told_to_end

PERSONS: Final = 20_000
_TICK_SECONDS: Final = 0.05
_IN_FLIGHT: Final = 4_000
"""Unacknowledged messages above which nothing new is sent: a broker that is away must not fill the memory."""
_RECENT: Final = 5_000
_REPAIR_SECONDS: Final = 0.5

Put = tuple[str, Outgoing, int]


class Traffic:
    """Sends about so many messages a second until it is paused or stopped; `acknowledged` and `failed` count."""

    def __init__(
        self, log: Log, names: TopicNames, partitions: int, *, seed: int, per_second: float, sent: Path
    ) -> None:
        self._log = log
        self._names = names
        self._partitions = partitions
        self._random = random.Random(seed)
        self._per_second = per_second
        self._writer: Writer | None = None
        self._is_broken = True
        self._asked: deque[messages.Json] = deque(maxlen=_RECENT)
        self._told: deque[str] = deque(maxlen=_RECENT)
        self._flying: set[asyncio.Task[bool]] = set()
        self._running = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._sending: asyncio.Task[None] | None = None
        self._cases = [case for case in messages.cases().values() if case.request.get("subject")]
        self.sent = SentBook(sent)
        self.requests = 0
        self.acknowledged = 0
        self.failed = 0

    async def start(self) -> None:
        """Begins to send."""
        self._sending = asyncio.create_task(self._send())
        self.go_on()

    def go_on(self) -> None:
        """Sends again after a pause."""
        self._running.set()

    async def pause(self) -> None:
        """Sends nothing new; returns when everything sent is acknowledged or has failed."""
        self._running.clear()
        await self._idle.wait()
        while self._flying:
            await asyncio.wait(tuple(self._flying))

    async def stop(self) -> None:
        """Ends for good. Raises what ended the sending, if anything did."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)
        for each in tuple(self._flying):
            each.cancel()
        await asyncio.gather(*self._flying, return_exceptions=True)
        if self._writer is not None:
            await self._writer.stop()
        self.sent.close()
        if self._sending is not None and not self._sending.cancelled():
            self._sending.result()

    def failure(self) -> BaseException | None:
        """What ended the sending, None while it goes on."""
        done = self._sending is not None and self._sending.done() and not self._sending.cancelled()
        return self._sending.exception() if done and self._sending is not None else None

    async def _send(self) -> None:
        due, last = 0.0, time.monotonic()
        while True:
            if not self._running.is_set():
                self._idle.set()
                await self._running.wait()
                due, last = 0.0, time.monotonic()
            self._idle.clear()
            if self._is_broken:
                await self._repair()
            now = time.monotonic()
            due, last = min(due + (now - last) * self._per_second, self._per_second), now
            while due >= 1 and len(self._flying) < _IN_FLIGHT:
                made = self._next()
                due -= len(made)
                self.put_all(made)
            await asyncio.sleep(_TICK_SECONDS)

    def put_all(self, made: list[Put]) -> list[asyncio.Task[bool]]:
        """Sends without waiting; each task tells whether its message was acknowledged. Their order is kept."""
        tasks = [asyncio.create_task(self._put(*each)) for each in made]
        self._flying.update(tasks)
        for each in tasks:
            each.add_done_callback(self._flying.discard)
        return tasks

    async def _put(self, topic: str, record: Outgoing, partition: int) -> bool:
        if self._writer is None:
            self.failed += 1
            return False
        try:
            _, offset = await self._writer.send(topic, record, partition)
        except asyncio.CancelledError:
            if is_told_to_end():
                raise
            # the client cancels what waits in a producer that is closed
            return self._not_acknowledged()
        except (LogError, RuntimeError):
            # RuntimeError: the writer was replaced meanwhile
            return self._not_acknowledged()
        self.note(Sent(topic, partition, offset, hashlib.sha256(record.value or b"").hexdigest()))
        return True

    def _not_acknowledged(self) -> bool:
        """It may be there all the same: the verifier judges it if it is."""
        self._is_broken = True
        self.failed += 1
        return False

    def note(self, sent: Sent) -> None:
        """Keeps an acknowledged message; the verifier must find it."""
        self.sent.add(sent)
        self.acknowledged += 1
        self.requests += sent.topic == self._names.requests

    async def _repair(self) -> None:
        """Another writer in place of the one whose send failed: an idempotent producer may never send again after it."""
        old, self._writer = self._writer, None
        if old is not None:
            await old.stop()
        fresh = self._log.writer()
        try:
            await fresh.start()
        except LogError:
            await asyncio.sleep(_REPAIR_SECONDS)
            return
        self._writer, self._is_broken = fresh, False

    # what is sent

    def _id(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def person(self) -> str:
        """Anybody."""
        return f"C-{self._random.randrange(PERSONS):06d}"

    def _known(self) -> str:
        """Mostly somebody whose consents are known: so that much is allowed."""
        known = self._told and self._random.random() < 0.7
        return self._random.choice(self._told) if known else self.person()

    def ask(self, data: messages.Json, partition: int | None = None) -> Put:
        """A request, where it belongs or elsewhere."""
        right = partition_of(data["subject"]["id"], self._partitions) if partition is None else partition
        return (self._names.requests, messages.asked(data), right)

    def tell(self, type_: str, data: messages.Json, partition: int | None = None) -> Put:
        """A consent event, where it belongs or elsewhere."""
        right = partition_of(data["subject_id"], self._partitions) if partition is None else partition
        return (self._names.consents, messages.told(type_, data), right)

    def _next(self) -> list[Put]:
        kinds: tuple[Callable[[], list[Put]], ...] = (
            self._provision, self._use, self._case, self._again, self._consent, self._stop, self._bad, self._misrouted,
        )  # fmt: skip
        (kind,) = self._random.choices(kinds, weights=(36, 22, 8, 8, 12, 4, 6, 4))
        return kind()

    def _remember(self, data: messages.Json) -> list[Put]:
        self._asked.append(data)
        return [self.ask(data)]

    def _provision(self) -> list[Put]:
        return self._remember(messages.request(self._known(), request_id=self._id()))

    def _use(self) -> list[Put]:
        return self._remember(messages.request(self._known(), "purp-1-specified", request_id=self._id()))

    def _case(self) -> list[Put]:
        """One of the rulebook's own cases: what was told, then the request."""
        case, person = self._random.choice(self._cases), self.person()
        told = messages.consents(person, case.id)
        return [
            *(self.tell(*event) for event in told),
            self.ask(messages.request(person, case.id, request_id=self._id())),
        ]

    def _again(self) -> list[Put]:
        if not self._asked:
            return self._use()
        earlier = self._random.choice(self._asked)
        if self._random.random() < 0.25:
            return [self.ask(earlier | {"items": ["customer.name"]})]
        return [self.ask(earlier), self.ask(earlier)]

    def _consent(self) -> list[Put]:
        person = self.person()
        self._told.append(person)
        return [self.tell(*event) for event in messages.consents(person)]

    def _stop(self) -> list[Put]:
        event = messages.suspension(self.person(), self._id())
        again = [self.tell(messages.SUSPENDED, event)] if self._random.random() < 0.2 else []
        return [self.tell(messages.SUSPENDED, event), *again]

    def _bad(self) -> list[Put]:
        partition, person = self._random.randrange(self._partitions), self.person()
        if self._random.random() < 0.7:
            good = json.dumps(messages.request(person, request_id=self._id())).encode()
            value = self._random.choice(bad_request_values(good))
            return [(self._names.requests, Outgoing(person.encode(), value), partition)]
        good = json.dumps(messages.suspension(person, self._id())).encode()
        record = messages.told(messages.SUSPENDED, messages.suspension(person, self._id()))
        value = self._random.choice(bad_consent_values(good))
        return [(self._names.consents, record._replace(value=value), partition)]

    def _misrouted(self) -> list[Put]:
        person = self.person()
        wrong = (partition_of(person, self._partitions) + 1) % self._partitions
        if self._random.random() < 0.5:
            return [self.ask(messages.request(person, request_id=self._id()), wrong)]
        return [self.tell(messages.SUSPENDED, messages.suspension(person, self._id()), wrong)]

    def burst(self) -> list[Put]:
        """Two hundred times the same request, and one in between that says something else under its id."""
        data = messages.request(self._known(), request_id=self._id())
        return [
            self.ask(data if number != 77 else data | {"items": ["customer.name"]}) for number in range(200)
        ]

    def poison(self) -> list[Put]:
        """Everything that is wrong, all at once, with good requests in between; some above the size limit."""
        partition, person = self._random.randrange(self._partitions), self.person()
        good = json.dumps(messages.request(person, request_id=self._id())).encode()
        told = messages.told(messages.SUSPENDED, messages.suspension(person, self._id()))
        found: list[Put] = []
        for value in (*bad_request_values(good), b" " * 300_000, b'{"a":' * 20_000):
            found.append((self._names.requests, Outgoing(person.encode(), value), partition))
            found.extend(self._use())
        for value in (*bad_consent_values(told.value or b""), b" " * 300_000):
            found.append((self._names.consents, told._replace(value=value), partition))
        items = [f"no.such_item_{number:03d}" for number in range(501)]
        for count in (500, 501):
            found.append(self.ask(messages.request(person, request_id=self._id(), items=items[:count])))
        # a key that is not the person's, and none at all
        found.append((self._names.requests, Outgoing(b"someone-else", good), partition))
        found.append((self._names.requests, Outgoing(None, good), partition_of(person, self._partitions)))
        return found
