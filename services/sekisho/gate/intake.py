"""Consent messages as the lanes and the router read them, and consent events as the state keeps them.

Both read alike, so each message is exactly one of them's: a good event of this partition or a bad message is the
lane's, a good event of another partition the router's.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

import structlog

from sekisho.contracts import consent_events
from sekisho.contracts.errors import RejectedMessageError
from sekisho.contracts.routing import partition_for, partition_of
from sekisho.domain.events import ConsentEvent, Position
from sekisho.gate.follow import Bad, ConsentReading, Elsewhere, Fact, Reading
from sekisho.gate.rejecting import DEFECT, EVENT_REUSED, Rejecter, packed
from sekisho.gate.state import LaneState, StoredEvent
from sekisho.log.port import Record

_log = structlog.get_logger(__name__)
_CACHED_ROUTES: Final = 65_536
_CACHED_EVENTS: Final = 20_000
"""Decoded consent events that one lane keeps, of 2 KB each: a person may have a thousand, and an event 256 KB."""
_ORDINARY: Final = 2048
"""Bytes of an encoded event that counts as one; a larger one counts as so many as it is as large as."""

Route = Callable[[str], int]


def router_of(partitions: int) -> Route:
    """Tells the partition of a subject id; remembers the recent ones (murmur2 in Python costs more than a decision)."""

    @lru_cache(maxsize=_CACHED_ROUTES)
    def route(subject_id: str) -> int:
        return partition_of(subject_id, partitions)

    return route


def consent_reading(partition: int, partitions: int, rejecter: Rejecter, largest: int) -> ConsentReading:
    """How one partition's consent records are read; `largest` bounds their values (bytes)."""

    def read(record: Record) -> Reading:
        try:
            return _read(record, partition, partitions, largest)
        except RejectedMessageError as error:
            found = error
            return Bad(lambda: packed(rejecter.refuse(record, found)))
        except Exception as error:  # noqa: BLE001  one record must not hold the partition; it is told in writing
            _log.error("consent_defect", partition=partition, offset=record.offset, exc_info=error)
            return Bad(lambda: packed(rejecter.reject(record.offset, "unreadable", DEFECT, record=record)))

    def reused(record: Record) -> Bad:
        return Bad(
            lambda: packed(
                rejecter.reject(record.offset, "id_reused", EVENT_REUSED, record=record, field="event_id")
            )
        )

    def keyed_here(record: Record) -> bool:
        # a key that is there is the subject id, or the message is bad, which is this partition's matter
        return record.key is not None and partition_for(record.key, partitions) == partition

    return ConsentReading(read, reused, _is_same, keyed_here)


def _read(record: Record, partition: int, partitions: int, largest: int) -> Reading:
    event = consent_events.check(record.headers, record.key, record.value, largest=largest)
    right = partition_of(event.subject_id, partitions)
    if right != partition:
        return Elsewhere(right, event.subject_id)
    return Fact(event.subject_id, event.event_id, b"%b\0%b" % (event.type.encode(), event.data))


def _is_same(one: bytes, other: bytes) -> bool:
    return _digest(one) == _digest(other)


def _digest(encoded: bytes) -> str:
    type_, _, data = encoded.partition(b"\0")
    return consent_events.content_digest(type_.decode(), data)


class Persons:
    """The decoded events of persons, kept for those of one lane whose decoding is the most recent."""

    def __init__(self, state: LaneState, partition: int, most: int) -> None:
        self._state = state
        self._partition = partition
        self._most = most
        self._known: OrderedDict[str, tuple[ConsentEvent, ...] | None] = OrderedDict()
        self._weights: dict[str, int] = {}
        self._kept = 0
        """Ordinary events kept; a person without any, or with too many, counts as one."""

    def events(self, subject_id: str) -> tuple[ConsentEvent, ...] | None:
        """All events of a person; None if there are more than may be judged."""
        try:
            return self._known[subject_id]
        except KeyError:
            stored = self._state.events(subject_id, self._most + 1)
        found = None if len(stored) > self._most else tuple([self._decode(each) for each in stored])
        self._known[subject_id] = found
        self._kept += self._weigh(subject_id, stored if found else ())
        while self._kept > _CACHED_EVENTS and len(self._known) > 1:
            self._forget_one(next(iter(self._known)))
        return found

    def forget(self, subject_ids: set[str]) -> None:
        """Events of these persons came in."""
        for subject_id in subject_ids:
            if subject_id in self._known:
                self._forget_one(subject_id)

    def _forget_one(self, subject_id: str) -> None:
        del self._known[subject_id]
        self._kept -= self._weights.pop(subject_id, 1)

    def _weigh(self, subject_id: str, stored: Sequence[StoredEvent]) -> int:
        weight = sum([1 + len(each.encoded) // _ORDINARY for each in stored]) or 1
        if weight > 1:  # most have one event, and are not written down
            self._weights[subject_id] = weight
        return weight

    def _decode(self, stored: StoredEvent) -> ConsentEvent:
        type_, _, data = stored.encoded.partition(b"\0")
        position = Position(self._partition, stored.offset)
        return consent_events.fact(type_.decode(), data, position)
