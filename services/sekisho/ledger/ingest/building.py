"""The leaves and rows of one batch of messages, made inside its transaction: nothing here reads or writes anything.

First the payload leaves, in the messages' order, then what they cause: one extend leaf for each scope that changes, one for
each record that a new one refers to, and the further leaves of legal holds that name new records.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

from sekisho.ledger import leaves
from sekisho.ledger.ingest import holds as holding
from sekisho.ledger.ingest.clock import written
from sekisho.ledger.ingest.reading import Taken
from sekisho.ledger.ingest.scopes import ScopeState, Stated, Turns, change
from sekisho.ledger.ingest.shard import Shard
from sekisho.ledger.merkle.tree import leaf_hashes
from sekisho.ledger.store.holds import ActiveHold
from sekisho.ledger.store.rows import Batch, ExtensionRow, HoldCover, LeafRow, PayloadRow


class Referred(NamedTuple):
    """An older record that a new one refers to (ER 20(2)): where its leaf stands."""

    log_id: int
    origin: str
    idx: int
    rid: str
    scope: str | None = None
    open: bool = False
    """It had no end before the batch."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the database told, inside the transaction, about what the batch touches."""

    scope_of: Mapping[bytes, str]
    """Scope by its key."""
    states: Mapping[str, ScopeState]
    holds: Sequence[ActiveHold]
    referred: Mapping[str, Referred] = field(default_factory=dict)
    """By record id: those of earlier batches that are there."""


class _Growing:
    """The leaves of a batch as they are added."""

    def __init__(self, shard: Shard, at: datetime, rid: Callable[[], str]) -> None:
        self.shard, self.at, self.rid = shard, at, rid
        self.written_at = written(at)
        self.leaves: list[bytes] = []
        self.offsets: list[int | None] = []
        self.payloads: list[PayloadRow] = []
        self.extensions: list[ExtensionRow] = []
        self.covers: list[HoldCover] = []

    @property
    def next_index(self) -> int:
        return self.shard.head.size + len(self.leaves)

    def add(self, leaf: leaves.Extend | leaves.Hold) -> int:
        """Appends a leaf that a message caused; gives its index."""
        index = self.next_index
        self.leaves.append(leaf.encoded())
        self.offsets.append(None)
        return index


class Moment(NamedTuple):
    """When a batch is written, and where its leaves' names come from."""

    at: datetime
    rid: Callable[[], str]


def build(
    shard: Shard,
    taken: Sequence[Taken],
    known: Known,
    changes: Mapping[bytes, Sequence[Stated]],
    next_offset: int,
    moment: Moment,
) -> Batch:
    """The batch that takes these messages in; `next_offset` is where the topic is to be read on.

    `changes`: what the messages state of scopes, by the scope's key (`stated` for records).
    """
    at = moment.at
    growing = _Growing(shard, at, moment.rid)
    _payloads(growing, taken, known)
    _extend_scopes(growing, changes, known)
    _extend_referred(growing, taken, known)
    _grow_holds(growing, known)
    hashes = leaf_hashes(growing.leaves)
    head = shard.head
    return Batch(
        log=head.log_id,
        size=head.size,
        next_offset=head.next_offset,
        new_next_offset=next_offset,
        last_offset=taken[-1].offset if taken else head.last_offset,
        at=at,
        frontier=shard.frontier.extended(hashes).to_bytes(),
        leaves=[LeafRow(*row) for row in zip(growing.leaves, hashes, growing.offsets, strict=True)],
        payloads=growing.payloads,
        extensions=growing.extensions,
        covers=growing.covers,
    )


def _payloads(growing: _Growing, taken: Sequence[Taken], known: Known) -> None:
    log, at, written_at = growing.shard.log, growing.at, growing.written_at
    topic_id, partition = log.topic_id or "", log.partition or 0
    before, index, scope_of = growing.shard.head.last_offset, growing.next_index, known.scope_of
    for kind, offset, rid, salt, body, commit, told, _ in taken:
        if told is None:
            day, scope, until = None, None, None
            row = PayloadRow(index, rid, kind, None, None, salt, body, at)
        else:
            day = told.retain_until
            scope = None if told.scope_key is None else scope_of[told.scope_key]
            until = None if day is None else day.isoformat()
            row = PayloadRow(
                index, rid, kind, day, scope, salt, body, told.created_at, told.subject_hmac, told.record_id,
                told.decision_id, told.direction, told.basis, told.method, told.controller, told.counterparty,
                told.provided_on,
            )  # fmt: skip
        leaf = leaves.PayloadLeaf(
            kind, rid, written_at, topic_id, partition, offset, before, commit, until, scope
        )
        growing.leaves.append(leaf.encoded())
        growing.payloads.append(row)
        growing.offsets.append(offset)
        before, index = offset, index + 1


def stated(taken: Sequence[Taken]) -> dict[bytes, list[Stated]]:
    """What records state of their batches and contracts, by the scope's key."""
    found: dict[bytes, list[Stated]] = {}
    for each in taken:
        told = each.particulars
        if told is not None and told.scope_key is not None:
            found.setdefault(told.scope_key, []).append(Stated(told.retain_until, told.created_at))
    return found


def turns(changes: Mapping[bytes, Sequence[Stated]], scope_of: Mapping[bytes, str]) -> Turns:
    """Which scopes the messages may open or end."""
    opened = [scope_of[key] for key, new in changes.items() if any(each.until is None for each in new)]
    ended = [scope_of[key] for key, new in changes.items() if any(each.until is not None for each in new)]
    return Turns(frozenset(opened), frozenset(ended))


def _extend_scopes(growing: _Growing, changes: Mapping[bytes, Sequence[Stated]], known: Known) -> None:
    cause: leaves.ExtendCause = "provision" if growing.shard.log.kind == "records" else "policy"
    for key, new in changes.items():
        scope = known.scope_of[key]
        needed = change(known.states.get(scope, ScopeState()), new)
        if needed is None:
            continue
        until = needed.until
        leaf = leaves.Extend(
            rid=growing.rid(),
            ingested_at=growing.written_at,
            target=leaves.Scope(scope=scope),
            retain_until=None if until is None else until.isoformat(),
            cause=cause,
            commit=None,
        )
        growing.extensions.append(ExtensionRow(growing.add(leaf), until, growing.at, scope=scope))


def _extend_referred(growing: _Growing, taken: Sequence[Taken], known: Known) -> None:
    """The whole is kept from the creation of the new part on (ER 20(2))."""
    here = {row.record_id: row for row in growing.payloads}
    log = growing.shard.log
    turned = {each.scope: each.retain_until is None for each in growing.extensions}
    for each in taken:
        told = each.particulars
        if told is None or told.refers_to is None:
            continue
        row = here.get(told.refers_to)
        target = (
            known.referred.get(told.refers_to)
            if row is None
            else Referred(log.log_id, log.origin, row.idx, row.rid, row.scope, _was_open(row, known))
        )
        if target is None:
            continue
        is_open = turned.get(target.scope, target.open) if target.scope else target.open
        _extend_one(growing, target, told.retain_until)
        if is_open and told.retain_until is not None:
            # the new part has an end, the batch of the old one goes on: kept to that day at least, and still without an end
            _extend_one(growing, target, None)


def _was_open(row: PayloadRow, known: Known) -> bool:
    """Whether a new record has no end, but for what this batch does to its scope."""
    extensions = known.states.get(row.scope or "", ScopeState()).extensions
    return (extensions[-1] if extensions else row.retain_until) is None


def _extend_one(growing: _Growing, target: Referred, until: date | None) -> None:
    leaf = leaves.Extend(
        rid=growing.rid(),
        ingested_at=growing.written_at,
        target=leaves.Place(origin=target.origin, index=str(target.idx), rid=target.rid),
        retain_until=None if until is None else until.isoformat(),
        cause="reference",
        commit=None,
    )
    row = ExtensionRow(growing.add(leaf), until, growing.at, target_log=target.log_id, target_idx=target.idx)
    growing.extensions.append(row)


def _grow_holds(growing: _Growing, known: Known) -> None:
    log = growing.shard.log
    for grown in holding.growth(known.holds, growing.payloads):
        growing.add(holding.leaf(grown, log.origin, growing.rid(), growing.written_at))
        growing.covers.extend(holding.covers(grown, log.log_id))
