"""What a verification reads: the port behind which a database or an exported folder stands.

A source gives what is stored, as it is stored, and judges nothing. Ranges are [low, high) of leaf indexes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from sekisho.ledger.merkle.tiles import Tile


class SourceError(Exception):
    """The source cannot be read at all: nothing was verified. Says what is missing and what to do."""


class Head(NamedTuple):
    """What a database keeps of a log's end, to go on from there."""

    next_offset: int
    last_offset: int | None
    last_at: datetime | None
    frontier: bytes
    closed: bool


class LogRow(NamedTuple):
    """A log as the source lists it; `size`: how many leaves it says that the log has."""

    origin: str
    kind: str
    """records, outcomes, acts or meta."""
    topic_id: str | None
    partition: int | None
    year: int | None
    size: int
    head: Head | None = None


class LeafRow(NamedTuple):
    """A stored leaf; hash and offset are null where the source keeps none beside it."""

    idx: int
    leaf: bytes
    hash: bytes | None
    offset: int | None


class StoredCheckpoint(NamedTuple):
    """A checkpoint's signed note, and what is stored beside it; `where` tells it in words."""

    note: bytes
    where: str
    size: int | None = None
    root: bytes | None = None
    signed_at: datetime | None = None


class Columns(NamedTuple):
    """What a database keeps of a payload to find it by."""

    rid: UUID
    kind: str
    shelf: date
    retain_until: date | None
    scope: UUID | None
    subject_hmac: bytes | None
    record_id: UUID | None
    decision_id: UUID | None
    direction: str | None
    basis: str | None
    method: str | None
    controller: str | None
    counterparty: str | None
    provided_on: date | None
    created_at: datetime | None


class PayloadRow(NamedTuple):
    """A stored payload."""

    idx: int
    salt: bytes
    body: bytes
    columns: Columns | None = None


class PurgedRow(NamedTuple):
    """What is kept of a payload that was purged: its purge leaf and that leaf's time; when the record was created; whether a
    person may be told of it."""

    act_origin: str
    act_idx: int
    at: str
    created_on: date
    disclosable: bool


class HoldRow(NamedTuple):
    """When a hold was placed, and what it names, as the ledger matches new records with it (`store.filters.Filter`)."""

    at: str
    selector: Mapping[str, Any]


class Derived(NamedTuple):
    """What tables beside the leaves say, for a log, as leaves would say it.

    `extensions`: index -> (scope or target, last day, time); `covers`: (hold, index) of the log's leaves that are held;
    `releases`: index -> hold; `purged`: index of the log -> its row.
    """

    extensions: Mapping[int, tuple[str, str | None, str]]
    covers: frozenset[tuple[str, int]]
    releases: Mapping[int, str]
    purged: Mapping[int, PurgedRow]


class Place(NamedTuple):
    """Where a source keeps tiles: all that a tree of `signed` leaves has must be there, as it is."""

    name: str
    signed: int
    bundles: bool
    """Entry bundles too."""
    partial: bool
    """The partial tiles at the right edge too."""


class Stored(NamedTuple):
    """A stored tile or bundle: None where it is not there."""

    tile: Tile
    content: bytes | None


class Source(Protocol):
    """A ledger to be verified. All of its methods may raise SourceError."""

    @property
    def name(self) -> str:
        """What it is, for the report."""

    def logs(self) -> list[LogRow]:
        """Every log there is."""

    def keys(self) -> list[str]:
        """The verifier keys that lie beside it (not to be trusted for that alone)."""

    def leaves(self, log: LogRow, low: int, high: int) -> Iterator[LeafRow]:
        """The stored leaves of the range, by index."""

    def places(self, log: LogRow) -> list[Place]:
        """Where the log's tiles are kept."""

    def tiles(self, log: LogRow, place: Place, wanted: Iterable[Tile]) -> Iterator[Stored]:
        """What is stored there for each of these tiles, in their order."""

    def checkpoints(self, log: LogRow) -> Iterator[StoredCheckpoint]:
        """Every checkpoint of the log."""

    def orphans(self) -> Iterator[tuple[str, bytes]]:
        """Checkpoints of logs that are not there: origin and note."""

    def payloads(self, log: LogRow, low: int, high: int) -> Iterator[PayloadRow]:
        """The stored payloads of the range, by index."""

    def redacted(self, log: LogRow) -> frozenset[int]:
        """Indexes whose payloads were left out of an export on purpose."""

    def derived(self, log: LogRow) -> Derived | None:
        """What the tables beside the leaves say that this log's leaves say; None where there are no such tables."""

    def holds(self) -> Mapping[str, HoldRow] | None:
        """The holds by which new records are seen to be held; None where there is no such table."""

    def scopes(self, wanted: Sequence[str]) -> Mapping[str, bytes] | None:
        """Of these scopes: the key by which a new record finds each; None where there is no such table."""

    def purged(self, log: LogRow, low: int, high: int) -> Mapping[int, PurgedRow] | None:
        """What is kept of the range's payloads that were purged; None where there is no such table."""

    def remarks(self) -> Iterator[tuple[str, str]]:
        """What is no fault, but to be known, in Japanese and English; the last of it says what is not looked at here."""

    def unaccounted(self) -> Iterator[tuple[str, str, str]]:
        """What belongs to no log at all: kind of finding, where, and what it is."""


Opening = Callable[[], AbstractContextManager[Source]]
"""Opens the source once more, in another process too (so it can be pickled), at the same moment of its life."""
