"""Consent messages as the lanes and the router read them, and consent events as the state keeps them.

Both read alike, so each message is exactly one of them's: a good event of this partition or a bad message is the
lane's, a good event of another partition the router's.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import structlog

from sekisho.contracts import consent_events
from sekisho.contracts.envelope import open_message
from sekisho.contracts.errors import RejectedMessageError
from sekisho.contracts.routing import partition_of
from sekisho.domain.events import ConsentEvent, Position
from sekisho.gate.follow import Bad, ConsentReading, Elsewhere, Fact, Reading
from sekisho.gate.rejecting import DEFECT, EVENT_REUSED, Rejecter, packed
from sekisho.gate.state import LaneState, StoredEvent
from sekisho.log.port import Record

_log = structlog.get_logger(__name__)
_CACHED_ROUTES: Final = 65_536
_CACHED_PERSONS: Final = 20_000

Route = Callable[[str], int]


def router_of(partitions: int) -> Route:
    """Tells the partition of a subject id; remembers the recent ones (murmur2 in Python costs more than a decision)."""

    @lru_cache(maxsize=_CACHED_ROUTES)
    def route(subject_id: str) -> int:
        return partition_of(subject_id, partitions)

    return route


def consent_reading(partition: int, route: Route, rejecter: Rejecter, largest: int) -> ConsentReading:
    """How one partition's consent records are read; `largest` bounds their values (bytes)."""

    def read(record: Record) -> Reading:
        try:
            return _read(record, partition, route, largest)
        except RejectedMessageError as error:
            return Bad(packed(rejecter.refuse(record, error)))
        except Exception as error:  # noqa: BLE001  one record must not hold the partition; it is told in writing
            _log.error("consent_defect", partition=partition, offset=record.offset, exc_info=error)
            return Bad(packed(rejecter.reject(record.offset, "unreadable", DEFECT, record=record)))

    def reused(record: Record) -> Bad:
        rejected = rejecter.reject(record.offset, "id_reused", EVENT_REUSED, record=record, field="event_id")
        return Bad(packed(rejected))

    return ConsentReading(read, reused)


def _read(record: Record, partition: int, route: Route, largest: int) -> Reading:
    position = Position(record.partition, record.offset)
    message = consent_events.receive(record.headers, record.key, record.value, position, largest=largest)
    right = route(message.subject_id)
    if right != partition:
        return Elsewhere(right, message.subject_id)
    event = open_message(record.headers, record.value, largest=largest)
    content = bytes.fromhex(message.digest.removeprefix("sha256:"))[:16]
    encoded = b"%b\0%b" % (event.type.encode(), event.data)
    return Fact(message.subject_id, message.event.event_id, content, encoded)


class Persons:
    """The decoded events of persons, kept for the recently asked of one lane."""

    def __init__(self, state: LaneState, partition: int, most: int) -> None:
        self._state = state
        self._partition = partition
        self._most = most
        self._known: OrderedDict[str, tuple[ConsentEvent, ...] | None] = OrderedDict()

    def events(self, subject_id: str) -> tuple[ConsentEvent, ...] | None:
        """All events of a person; None if there are more than may be judged."""
        try:
            return self._known[subject_id]
        except KeyError:
            stored = self._state.events(subject_id, self._most + 1)
        found = None if len(stored) > self._most else tuple([self._decode(each) for each in stored])
        self._known[subject_id] = found
        if len(self._known) > _CACHED_PERSONS:
            self._known.popitem(last=False)
        return found

    def forget(self, subject_ids: set[str]) -> None:
        """Events of these persons came in."""
        for subject_id in subject_ids:
            self._known.pop(subject_id, None)

    def _decode(self, stored: StoredEvent) -> ConsentEvent:
        type_, _, data = stored.encoded.partition(b"\0")
        position = Position(self._partition, stored.offset)
        return consent_events.fact(type_.decode(), data, position)
