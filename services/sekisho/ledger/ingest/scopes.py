"""When one agreement's or policy's records end together, and when a batch of messages changes that (ER 21, 25, 29; records.md).

A record's own last day and the extensions of its scope tell its effective one (`domain.retention.effective`). What holds after
every transaction: all records of a scope have the same effective last day, the scope's. An extend leaf is written only where
that would not be so without it: where provision under a batch goes on or ends, one a batch of messages.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from sekisho.domain.retention import effective
from sekisho.ledger.ingest.clock import tokyo_year


class ScopeState(NamedTuple):
    """What the ledger knows of a scope before a batch.

    `extensions` in their order. `known`: the scope has records; `stated` is what they state where it has no extensions (all the
    same then), else the latest day that any of them states, where an open scope ends. `ended_at` is the newest creation of a
    record that states an end, `opened_at` that of one that states none. `extended_at`: when it was extended last.
    """

    known: bool = False
    stated: date | None = None
    extensions: tuple[date | None, ...] = ()
    ended_at: datetime | None = None
    opened_at: datetime | None = None
    extended_at: datetime | None = None


class Stated(NamedTuple):
    """What a new record of the scope states: its last day (None: no end yet), and when it was created.

    Without an end and a creation it states nothing: it opens no scope that has an end.
    """

    until: date | None
    created_at: datetime | None


class Turns(NamedTuple):
    """The scopes for which a new record states no end, and those for which one states an end."""

    opened: frozenset[str]
    ended: frozenset[str]


class Extension(NamedTuple):
    """An extend leaf that is needed; `until` None: open again."""

    until: date | None


def change(state: ScopeState, new: Sequence[Stated]) -> Extension | None:
    """The extension that a scope needs once these records are in it, None if it needs none.

    What was created last counts, whatever came last: partitions are read side by side. A record without an end that merely came
    late must not keep a whole batch for ever, and an end that came late must not end a batch that has gone on since.
    """
    if not new:
        return None
    latest = _latest(state, new)
    if state.extensions:
        return None if effective(None, state.extensions) == latest else Extension(latest)
    same = all(each.until == latest for each in new) and (not state.known or state.stated == latest)
    return None if same else Extension(latest)


def after_all(at: datetime, states: Iterable[ScopeState], limit_seconds: float) -> datetime:
    """When a batch is written that may extend these scopes: after what extended them last, where that is little ahead of `at`.

    Extensions count by their time. Another partition's lane may have written with a clock that was set back since: what knows of
    the other must come after it. One that is further ahead than the limit, or in the next year's log, is not waited for.
    """
    newest = max((each.extended_at for each in states if each.extended_at is not None), default=None)
    if newest is None or newest < at or newest - at > timedelta(seconds=limit_seconds):
        return at
    later = newest + timedelta(microseconds=1)
    return later if tokyo_year(later) == tokyo_year(at) else at


def _latest(state: ScopeState, new: Iterable[Stated]) -> date | None:
    """The scope's last day after these records."""
    known, now = state.known or bool(state.extensions), effective(state.stated, state.extensions)
    days = [day for day in (state.stated, *state.extensions) if day is not None]
    ended_at, opened_at = state.ended_at, state.opened_at
    for each in new:
        if each.until is not None:
            days.append(each.until)
            if now is not None or not known or _not_before(each, opened_at):
                now = max(days)
            ended_at = max(filter(None, (ended_at, each.created_at)), default=None)
        else:
            if not known or (each.created_at is not None and _not_before(each, ended_at)):
                now = None
            opened_at = max(filter(None, (opened_at, each.created_at)), default=None)
        known = True
    return now


def _not_before(each: Stated, other: datetime | None) -> bool:
    return each.created_at is None or other is None or each.created_at >= other
