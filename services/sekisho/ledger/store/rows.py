"""What goes into the ledger's tables and comes out of them. uuids are lower-case texts, as in leaves; days are Asia/Tokyo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, NamedTuple

LogKind = Literal["records", "outcomes", "acts", "meta"]


class LeafRow(NamedTuple):
    """A leaf, its RFC 6962 leaf hash, and the offset of the message it took in (None: it took in none)."""

    leaf: bytes
    hash: bytes
    koff: int | None = None


class PayloadRow(NamedTuple):
    """What the leaf `idx` commits to, and what it is found by. For acts `kind` is the leaf's kind.

    `retain_until` is the last day as the leaf states it. `subject_hmac` is the keyed hash of the subject's id.
    """

    idx: int
    rid: str
    kind: str
    retain_until: date | None
    scope: str | None
    salt: bytes
    body: bytes
    created_at: datetime
    subject_hmac: bytes | None = None
    record_id: str | None = None
    decision_id: str | None = None
    direction: str | None = None
    basis: str | None = None
    method: str | None = None
    controller: str | None = None
    counterparty: str | None = None
    provided_on: date | None = None


class ExtensionRow(NamedTuple):
    """What the extend leaf `idx` says: of a scope, or of one leaf (exactly one of both). `retain_until` None: open again."""

    idx: int
    retain_until: date | None
    at: datetime
    scope: str | None = None
    target_log: int | None = None
    target_idx: int | None = None


class HoldCover(NamedTuple):
    """The hold keeps leaf `idx` of log `log_id`; 0 stands for the log of the batch it is written with."""

    hold: str
    log_id: int
    idx: int


@dataclass(frozen=True, slots=True)
class NewLog:
    """A log to be opened by a batch, whose first leaf is its genesis."""

    origin: str
    kind: LogKind
    topic: str | None = None
    topic_id: str | None = None
    partition: int | None = None
    year: int | None = None
    next_offset: int = 0


class Log(NamedTuple):
    """A log as it stands in the database."""

    log_id: int
    origin: str
    kind: LogKind
    topic: str | None
    topic_id: str | None
    partition: int | None
    year: int | None
    opened_at: datetime


class Head(NamedTuple):
    """Where a log ends: its size, the next offset to take in, the last one taken in, the newest time, the tree's frontier."""

    log_id: int
    size: int
    next_offset: int
    last_offset: int | None
    last_at: datetime | None
    frontier: bytes
    closed: bool


@dataclass(frozen=True, slots=True)
class Batch:
    """What one log takes in at once. `size` and `next_offset` are what the writer believes the head to be: the fence.

    Leaf i has the index size + i. `at` is the newest `ingested_at` of its leaves, `frontier` that of the tree after them.
    `closes`: the last leaf is `close`, nothing follows.
    """

    log: int | NewLog
    size: int
    next_offset: int
    new_next_offset: int
    last_offset: int | None
    at: datetime
    frontier: bytes
    leaves: Sequence[LeafRow]
    payloads: Sequence[PayloadRow] = ()
    extensions: Sequence[ExtensionRow] = ()
    covers: Sequence[HoldCover] = ()
    closes: bool = False


class StoredLeaf(NamedTuple):
    """A leaf as it was read back."""

    idx: int
    leaf: bytes
    hash: bytes
    koff: int | None


class CheckpointRow(NamedTuple):
    """A signed checkpoint; `note` is the whole signed note."""

    log_id: int
    size: int
    root: bytes
    note: str
    signed_at: datetime


class Payload(NamedTuple):
    """A PayloadRow with its log."""

    log_id: int
    idx: int
    rid: str
    kind: str
    retain_until: date | None
    scope: str | None
    salt: bytes
    body: bytes
    created_at: datetime
    subject_hmac: bytes | None
    record_id: str | None
    decision_id: str | None
    direction: str | None
    basis: str | None
    method: str | None
    controller: str | None
    counterparty: str | None
    provided_on: date | None


class PurgeRow(NamedTuple):
    """A payload to delete, or deleted, and the purge leaf (`act_log`, `act_idx`) that proves it was there."""

    log_id: int
    idx: int
    shelf: date
    act_log: int
    act_idx: int
    purged_at: datetime
    subject_hmac: bytes | None
    direction: str | None
    created_on: date
    disclosable: bool
    controller: str | None = None


class Purged(NamedTuple):
    """A payload that was deleted, and the purge leaf that says so."""

    log_id: int
    idx: int
    act_log: int
    act_idx: int
    purged_at: datetime
    subject_hmac: bytes | None
    direction: str | None
    created_on: date
    disclosable: bool
    controller: str | None
