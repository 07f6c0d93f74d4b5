"""What was known of persons at a position of one consent partition, and what had been appended to it by a time."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import OrderedDict
from typing import Final

from sekisho.audit.workspace import Workspace
from sekisho.contracts import consent_events
from sekisho.domain.events import ConsentEvent, Position

_CACHED_PERSONS: Final = 10_000


class Persons:
    """The consent events of one partition's persons, decoded when asked for."""

    def __init__(self, workspace: Workspace, partition: int) -> None:
        self._workspace = workspace
        self._partition = partition
        self._recent: OrderedDict[str, list[ConsentEvent]] = OrderedDict()

    def events(self, subject_id: str, before: int) -> list[ConsentEvent]:
        """A person's events that stand before an offset, the first one of each event id."""
        found = self._recent.get(subject_id)
        if found is None:
            found = self._recent[subject_id] = self._decoded(subject_id)
            if len(self._recent) > _CACHED_PERSONS:
                self._recent.popitem(last=False)
        return [event for event in found if event.position.offset < before]

    def _decoded(self, subject_id: str) -> list[ConsentEvent]:
        return [
            consent_events.fact(fact.type, fact.data, Position(self._partition, fact.offset))
            for fact in self._workspace.facts(subject_id)
        ]


class Appended:
    """When each record of a consent partition was appended: 16 bytes for each."""

    def __init__(self) -> None:
        self._times = array("q")
        self._offsets = array("q")

    def add(self, offset: int, appended_ms: int) -> None:
        """Notes one record; they come in the partition's order. A clock set back does not undo what came before."""
        latest = self._times[-1] if self._times else appended_ms
        self._times.append(max(latest, appended_ms))
        self._offsets.append(offset)

    def time_before(self, position: int) -> int | None:
        """When the last event before a position was appended (ms); None where there is none."""
        count = bisect_left(self._offsets, position)
        return self._times[count - 1] if count else None

    def known_by(self, time_ms: int) -> int:
        """The position up to which everything had surely been appended before `time_ms`: the next offset."""
        count = bisect_left(self._times, time_ms)
        return self._offsets[count - 1] + 1 if count else 0
