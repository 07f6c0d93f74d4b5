"""What one lane knows between turns: one RocksDB per partition (runtime.md, State).

Three folds of committed facts live here, each write in one WriteBatch with the offset up to which it holds:

* consents: one key per event (`subject\\0event_id`), read by prefix; the consent topic is their changelog;
* request ids: one key per (subject, organization, request_id) → where its decision stands, about 60 bytes, and one
  by its age, so that those whose window has passed are found without looking at the others;
* rejections: which bad consent events have their rejected event already, and which still wait for a turn to write one.

Nothing here reads a log or a clock. The folder may be lost at any time: all of it is restored from the topics.
"""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

from rocksdict import Rdict, RdictIter, WriteBatch

from sekisho.gate.storage import options

FORMAT: Final = 3
"""Of the keys and values below, topic ids among them; a folder of another format is restored."""
_HELD: Final = ("lock hold by current process", "While lock file")
"""What RocksDB says of a folder that this or another process holds. A corrupt one has a "block checksum mismatch"."""
_FOLDERS: Final = 8
"""Folders tried for one partition: a frozen former owner on the same host holds its folder's lock."""

_IDENTITY, _MARKS = b"\x00identity", b"\x00marks"
_EVENT, _ID, _AGE, _PENDING, _SETTLED = b"c", b"i", b"a", b"p", b"s"
_ENTRY = struct.Struct(">qq32sq")
_OFFSET = struct.Struct(">Q")


class StateError(Exception):
    """The state's folder cannot be used: the operator frees or deletes it; nothing is lost with it."""


class StoredEvent(NamedTuple):
    """One consent event as kept: where it stands, and its encoding (`gate.intake`)."""

    offset: int
    encoded: bytes


class IdKey(NamedTuple):
    """What a request is idempotent by (contract.md)."""

    subject_id: str
    organization: str
    request_id: str


class IdEntry(NamedTuple):
    """The first request under an id: its offset and append time (ms), its content's digest, its decision's offset."""

    request_offset: int
    appended_ms: int
    digest: bytes
    decision_offset: int


class Identity(NamedTuple):
    """Which log this state was folded from. Topic ids change when a topic is deleted and made anew."""

    partitions: int
    topics: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Marks:
    """Up to where each fold holds ("next offset to read"), and what the outputs told last; None: nothing yet."""

    consents_next: int = 0
    consent_last: int | None = None
    """Offset of the last consent record applied, and its hash: re-read at opening."""
    consent_hash: str | None = None
    decisions_next: int = 0
    rejected_next: int = 0
    last_output: int | None = None
    """Highest offset of a request that has its decision or rejected event."""
    last_decided_us: int | None = None
    """`decided_at` of the partition's latest decision, in µs since the epoch: time does not go back."""
    consent_seen: int = -1
    """Highest consent position that a decision of this partition names."""


_MARK_NAMES: Final = tuple(each.name for each in fields(Marks))


@dataclass(slots=True)
class ConsentWrite:
    """What one run over consent records changes."""

    events: dict[tuple[str, str], StoredEvent] = field(default_factory=dict)
    rejections: dict[int, bytes] = field(default_factory=dict)
    """Offset of a bad consent event → what its rejected event will say (encoded)."""
    next: int = 0
    last: int | None = None
    hash: str | None = None


class LaneState:
    """The open state of one partition; `marks` mirrors what is stored. Not for concurrent use."""

    def __init__(self, path: Path) -> None:
        """Opens or creates the folder. Raises StateError when it is locked or corrupt."""
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        try:
            self._db = Rdict(str(path), options())
        except Exception as error:  # rocksdict raises bare Exception for everything
            raise StateError(f"{path.name}: {error}") from error
        try:
            self.identity = self._read_identity()
            self.marks = self._read_marks()
        except Exception as error:  # of RocksDB (see above), or of what it gave
            self.close()
            raise StateError(f"{path.name}: what is stored cannot be read: {error}") from error
        self._pending_from: int | None = 0
        """No rejection that waits stands below; None: none waits. What is settled leaves tombstones in the index,
        which each turn would walk over."""
        self._swept = _AGE
        """Of the index by age, nothing stands below: what is deleted leaves tombstones, which a walk would pass."""
        self._oldest_ms: int | None = 0
        """No request id is older; None: there is none."""

    def close(self) -> None:
        """Gives the folder's lock back."""
        self._db.close()

    # identity and marks

    def _read_identity(self) -> Identity | None:
        raw = self._db.get(_IDENTITY)
        if raw is None:
            return None
        stored: dict[str, Any] = json.loads(raw)
        if stored["format"] != FORMAT:
            raise ValueError("another format")
        return Identity(int(stored["partitions"]), dict(stored["topics"]))

    def _read_marks(self) -> Marks:
        raw = self._db.get(_MARKS)
        return Marks() if raw is None else Marks(**json.loads(raw))

    def identify(self, identity: Identity) -> None:
        """Says, once, which log a fresh state is folded from."""
        batch = _batch()
        stored = {"format": FORMAT, "partitions": identity.partitions, "topics": dict(identity.topics)}
        batch.put(_IDENTITY, json.dumps(stored).encode())
        self._write(batch, self.marks)
        self.identity = identity

    def _write(self, batch: WriteBatch, marks: Marks) -> None:
        batch.put(_MARKS, json.dumps({name: getattr(marks, name) for name in _MARK_NAMES}).encode())
        self._db.write(batch)
        self.marks = marks

    # consents

    def event(self, subject_id: str, event_id: str) -> StoredEvent | None:
        """One event of a person, if it is known."""
        raw = self._get(_event_key(subject_id, event_id))
        return None if raw is None else _event(raw)

    def events(self, subject_id: str, limit: int) -> list[StoredEvent]:
        """At most `limit` events of a person, by event id."""
        prefix = _EVENT + subject_id.encode() + b"\0"
        return [_event(value) for _, value in islice(self._scan(prefix), limit)]

    def apply_consents(self, write: ConsentWrite) -> None:
        """Stores events, rejections that wait, and the offset that they lead to, in one write."""
        batch = _batch()
        for (subject_id, event_id), stored in write.events.items():
            batch.put(_event_key(subject_id, event_id), _OFFSET.pack(stored.offset) + stored.encoded)
        for offset, rejection in write.rejections.items():
            batch.put(_PENDING + _OFFSET.pack(offset), rejection)
            self._pending_from = _least(self._pending_from, offset)
        marks = replace(self.marks, consents_next=write.next)
        if write.last is not None:
            marks = replace(marks, consent_last=write.last, consent_hash=write.hash)
        self._write(batch, marks)

    # rejections of consent events

    def pending(self, limit: int) -> list[tuple[int, bytes]]:
        """Bad consent events (offset, encoded rejection) whose rejected event is not committed yet, oldest first."""
        if self._pending_from is None or limit <= 0:
            return []
        waiting = self._scan(_PENDING, _PENDING + _OFFSET.pack(self._pending_from))
        found = [(_OFFSET.unpack(key[1:])[0], value) for key, value in islice(waiting, limit)]
        self._pending_from = found[0][0] if found else None
        return found

    def is_settled(self, offset: int) -> bool:
        """Whether the consent record at `offset` has its rejected event (or was skipped in writing)."""
        return self._get(_SETTLED + _OFFSET.pack(offset)) is not None

    # request ids

    def entry(self, key: IdKey) -> IdEntry | None:
        """The first request under an id, as far as its decision is committed."""
        raw = self._get(_id_key(key))
        return None if raw is None else IdEntry(*_ENTRY.unpack(raw))

    def apply_outputs(self, entries: Mapping[IdKey, IdEntry], settled: Iterable[int], marks: Marks) -> None:
        """Stores what committed decisions and rejected events tell, and the offsets up to which they do."""
        batch = _batch()
        for key, entry in entries.items():
            id_key, age = _id_key(key), max(0, entry.appended_ms)
            batch.put(id_key, _ENTRY.pack(*entry))
            aged = _AGE + _OFFSET.pack(age)
            batch.put(aged + id_key, b"")
            self._oldest_ms = _least(self._oldest_ms, age)
            if aged < self._swept:  # append times may go back
                self._swept = aged
        for offset in settled:
            at = _OFFSET.pack(offset)
            batch.put(_SETTLED + at, b"")
            batch.delete(_PENDING + at)
        self._write(batch, marks)

    def sweep(self, before_ms: int, limit: int) -> int:
        """Forgets at most `limit` request ids that were appended before `before_ms`, the oldest first; gives how many.

        Where there is none, as mostly, this costs nothing.
        """
        if self._oldest_ms is None or self._oldest_ms >= before_ms:
            return 0
        batch, gone = _batch(), 0
        self._oldest_ms = None
        for key, _ in self._scan(_AGE, self._swept):
            (age,) = _OFFSET.unpack_from(key, 1)
            if age >= before_ms or gone == limit:
                self._oldest_ms = age
                break
            self._forget(batch, key[1 + _OFFSET.size :], age)
            batch.delete(key)
            self._swept = key
            gone += 1
        if gone:
            self._db.write(batch)
        return gone

    def _forget(self, batch: WriteBatch, id_key: bytes, age: int) -> None:
        """Not where the id was used anew after its window: that entry has an age of its own."""
        stored = self._get(id_key)
        if stored is not None and max(0, _ENTRY.unpack(stored)[1]) == age:
            batch.delete(id_key)

    def _get(self, key: bytes) -> Any:
        """A stored value. Raises StateError where the disk gives back something else than was written."""
        try:
            return self._db.get(key)
        except Exception as error:  # as above
            raise StateError(f"{self.path.name}: {error}") from error

    def _scan(self, prefix: bytes, start: bytes | None = None) -> Iterator[tuple[bytes, bytes]]:
        cursor = self._db.iter()  # never kept: an iterator alive keeps the folder locked after close
        cursor.seek(start or prefix)
        while cursor.valid():
            key = cursor.key()
            if not key.startswith(prefix):
                return
            yield key, cursor.value()
            cursor.next()
        self._check(cursor)

    def _check(self, cursor: RdictIter) -> None:
        """A block that cannot be read ends a cursor like the last key does. Raises StateError."""
        try:
            cursor.status()
        except Exception as error:  # as above
            raise StateError(f"{self.path.name}: {error}") from error


def open_state(folder: Path, partition: int, on_rebuild: Callable[[str], None]) -> LaneState:
    """The state of a partition below a gate instance's folder; `on_rebuild` is told why one is to be restored.

    A corrupt folder is deleted, one that another process holds is left alone; both ways the next is fresh and will
    be restored. Raises StateError when all that may be tried are held.
    """
    causes: list[str] = []
    for number in range(_FOLDERS):
        path = folder / (f"{partition}" if number == 0 else f"{partition}.{number}")
        try:
            state = LaneState(path)
        except StateError as error:
            causes.append(str(error))
            if any(words in str(error) for words in _HELD):
                on_rebuild("locked")
                continue
            on_rebuild("corrupt")
            shutil.rmtree(path)
            return LaneState(path)
        if state.identity is None:
            on_rebuild("missing")
        return state
    raise StateError(f"no free folder for partition {partition}: {'; '.join(causes)}")


def _batch() -> WriteBatch:
    return WriteBatch(raw_mode=True)


def _event_key(subject_id: str, event_id: str) -> bytes:
    return b"%b%b\0%b" % (_EVENT, subject_id.encode(), event_id.encode())


def _id_key(key: IdKey) -> bytes:
    return _ID + "\0".join(key).encode()


def _event(raw: bytes) -> StoredEvent:
    (offset,) = _OFFSET.unpack_from(raw)
    return StoredEvent(offset, raw[_OFFSET.size :])


def _least(known: int | None, found: int) -> int:
    return found if known is None else min(known, found)
