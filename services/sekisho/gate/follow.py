"""The consent topic applied to a lane's state, record by record in its order (runtime.md, Freshness and State).

Meaning comes from the events' own times, so late and forwarded events change nothing but what is known. Bad events
become rejections that wait in the state for the next turn; misrouted ones are the router's; one that the log cannot
decode blocks the partition until `sekisho gate skip` has passed it in writing.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import structlog

from sekisho.gate.state import ConsentWrite, LaneState, StoredEvent
from sekisho.log.port import Partition, PartitionReader, Record, UndecodableRecordError

_log = structlog.get_logger(__name__)
_STRIDE: Final = 100
"""Consent records read in one go of the event loop: some 3 ms."""


class Fact(NamedTuple):
    """A consent event that belongs here: whose it is, and its encoding for the state."""

    subject_id: str
    event_id: str
    encoded: bytes


class Bad(NamedTuple):
    """A consent message that gets a rejected event; `rejection` makes that event as the state keeps it until written:
    at a restore most are written already."""

    rejection: Callable[[], bytes]


class Elsewhere(NamedTuple):
    """An event of a person of another partition: the router forwards it, or rejects it at its second time."""

    partition: int
    subject_id: str


Reading = Fact | Bad | Elsewhere


class ConsentReading(NamedTuple):
    """How consent records are read (`gate.intake`)."""

    read: Callable[[Record], Reading]
    reused: Callable[[Record], Bad]
    """The rejection of an event whose id another content has taken before."""
    is_same: Callable[[bytes, bytes], bool]
    """Whether two encodings say the same. Compared only where an id comes twice: a digest of each event would be
    most of a restore's time."""
    keyed_here: Callable[[Record], bool]
    """Whether the key alone tells that a message is no other partition's: it is this one's event, or a bad message."""


def record_hash(record: Record) -> str:
    """Tells whether a record is still the one that was applied: key, value and headers."""
    found = hashlib.sha256(record.key or b"")
    for part in (
        record.value or b"",
        *(each for name, value in record.headers for each in (name.encode(), value or b"")),
    ):
        found.update(len(part).to_bytes(8, "big"))
        found.update(part)
    return found.hexdigest()


class ConsentFollower:
    """Brings a lane's consents up to a position of its consent partition."""

    def __init__(
        self, reader: PartitionReader, at: Partition, state: LaneState, reading: ConsentReading, poll_ms: int
    ) -> None:
        self._reader = reader
        self._at = at
        self._state = state
        self._reading = reading
        self._poll_ms = poll_ms
        self.applied = 0
        """Consent records looked at in this lane's life."""
        self.blocked: int | None = None
        """The offset of a record that cannot be decoded: nothing behind it is known."""

    @property
    def next(self) -> int:
        """All events before this offset are known."""
        return self._state.marks.consents_next

    async def advance(self, wait_ms: int | None = None) -> set[str]:
        """Applies what one fetch gives; gives the persons whose events changed."""
        if self.blocked is not None and not await self._unblocked():
            return set()
        try:
            found = await self._reader.fetch(self._poll_ms if wait_ms is None else wait_ms, only=[self._at])
        except UndecodableRecordError as error:
            self.blocked = error.offset
            if not await self._unblocked():
                _log.error(
                    "consent_undecodable",
                    partition=self._at.partition,
                    offset=error.offset,
                    remedy="gate skip",
                )
            return set()
        position = await self._reader.position(self._at)
        return await self._apply(found.get(self._at, ()), position)

    async def _unblocked(self) -> bool:
        """Passes an undecodable record that was skipped in writing."""
        if self.blocked is None or not self._state.is_settled(self.blocked):
            return False
        _log.warning("consent_skipped", partition=self._at.partition, offset=self.blocked)
        self._reader.seek(self._at, self.blocked + 1)
        await self._apply((), self.blocked + 1)
        self.blocked = None
        return True

    async def _apply(self, records: Sequence[Record], position: int) -> set[str]:
        """In strides, so that polls and heartbeats go on while large fetches are read."""
        if position == self.next and not records:
            return set()
        write = ConsentWrite(next=position)
        for start in range(0, len(records), _STRIDE):
            if start:
                await asyncio.sleep(0)
            for record in records[start : start + _STRIDE]:
                self._apply_one(record, write)
        self.applied += len(records)
        if records:
            write.last, write.hash = records[-1].offset, record_hash(records[-1])
        self._state.apply_consents(write)
        return {subject_id for subject_id, _ in write.events}

    def _apply_one(self, record: Record, write: ConsentWrite) -> None:
        read = self._reading.read(record)
        if isinstance(read, Fact):
            key = (read.subject_id, read.event_id)
            known = write.events.get(key) or self._state.event(*key)
            if known is None:
                write.events[key] = StoredEvent(record.offset, read.encoded)
                return
            if known.encoded == read.encoded or self._reading.is_same(known.encoded, read.encoded):
                return  # published twice: the first one stands
            read = self._reading.reused(record)
        if isinstance(read, Bad) and not self._state.is_settled(record.offset):
            write.rejections[record.offset] = read.rejection()
