"""An operator extends what a record or an agreement is kept for, or states an agreement's end (records.md, Retention)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, Final, NamedTuple, TypeVar

from sekisho.domain.retention import effective
from sekisho.ledger.keeping.agreements import Agreement, agreements
from sekisho.ledger.keeping.finding import records
from sekisho.ledger.keeping.keeping import Keeping, KeepingError, NotFoundError, Statement
from sekisho.ledger.keeping.prolonging import ShorteningError, UnchangedError, ended, prolonged
from sekisho.ledger.keeping.statements import new_id, payload, said
from sekisho.ledger.leaves import Extend, Place, Scope
from sekisho.ledger.store.acts import Acts, time_text, write_acts
from sekisho.ledger.store.connection import Connection, rows, transaction
from sekisho.ledger.store.logs import logs
from sekisho.ledger.store.retention import retention_of
from sekisho.ledger.store.rows import ExtensionRow

Wish = TypeVar("Wish")
_UNREADABLE: Final = """
    SELECT l.log_id, l.origin, p.idx, p.rid::text FROM log l JOIN leaf f USING (log_id) JOIN payload p USING (log_id, idx)
    WHERE l.topic = %s AND l.partition = %s AND f.koff = %s AND p.kind = 'unreadable'
"""


class ExtendRefusedError(KeepingError):
    """An extension that would shorten, or change nothing."""


class Extended(NamedTuple):
    """What was extended (a record's or an agreement's id), and how long it is kept now; None: no end yet, then `at_least`."""

    name: str
    until: date | None
    at_least: date | None = None


class _Wanted(NamedTuple):
    """One target's extend leaves to be written, in their order."""

    target: Scope | Place
    log_id: int | None
    idx: int | None
    before: Sequence[date | None]
    """The last day as stated, and the extensions that there are."""
    until: Sequence[date | None]

    def extended(self, name: str) -> Extended:
        """What comes of it."""
        stated, *extensions = self.before
        days = [day for day in (*self.before, *self.until) if day is not None]
        return Extended(name, effective(stated, [*extensions, *self.until]), max(days, default=None))


async def extend_record(
    keeping: Keeping, record_id: str, until: date | None, statement: Statement
) -> Extended:
    """Keeps that record until that day at least (None: without an end). Raises NotFoundError, ExtendRefusedError."""
    async with keeping.session() as conn, transaction(conn, "exclusive"):
        found = await records(conn, record_id)
        origins = {each.log_id: each.origin for each in await logs(conn)}
        wanted = []
        for row in found:
            standing = await retention_of(conn, row.log_id, row.idx)
            assert standing is not None
            new = _refusable(lambda: prolonged(standing.stated, standing.extensions, until))  # noqa: B023
            place = Place(origin=origins[row.log_id], index=str(row.idx), rid=row.rid)
            wanted.append(_Wanted(place, row.log_id, row.idx, (standing.stated, *standing.extensions), new))
        await _write(keeping, conn, wanted, {"record_id": record_id}, statement)
    return wanted[-1].extended(record_id)


async def end_unreadable(
    keeping: Keeping, topic: str, partition: int, offset: int, until: date, statement: Statement
) -> Extended:
    """Gives a message that nobody could read its last day: no rule does, so an operator must. Raises NotFoundError, ExtendRefusedError."""
    name = f"{topic}:{partition}:{offset}"
    async with keeping.session() as conn, transaction(conn, "exclusive"):
        found = await rows(conn, _UNREADABLE, (topic, partition, offset), doing="looking for a message")
        if not found:
            raise NotFoundError(
                f"No unreadable message {name} is in the ledger: it never was, or it was deleted."
            )
        wanted = []
        for log_id, origin, idx, rid in found:
            standing = await retention_of(conn, log_id, idx)
            assert standing is not None
            if standing.effective is not None and until <= standing.effective:
                raise ExtendRefusedError(
                    f"It is kept until {standing.effective} already: retention is prolonged, never shortened."
                )
            place = Place(origin=origin, index=str(idx), rid=rid)
            wanted.append(_Wanted(place, log_id, idx, (standing.stated, *standing.extensions), [until]))
        await _write(keeping, conn, wanted, {"message": name}, statement)
    return wanted[-1].extended(name)


async def extend_agreement(
    keeping: Keeping,
    paper: str,
    statement: Statement,
    *,
    until: date | None = None,
    last_provision: date | None = None,
) -> list[Extended]:
    """Keeps all records under that agreement or document until that day at least (None: without an end).

    `last_provision` states its end instead: kept as long as ER 21, 25, 29 say from that day on. An agreement has a scope for each
    party that records under it, a document one for each person: those that are kept so already stay as they are, and only
    where all are is it refused. Raises NotFoundError, ExtendRefusedError.
    """
    async with keeping.session() as conn, transaction(conn, "exclusive"):
        found = await agreements(conn, paper)
        if not found:
            raise NotFoundError(f"No record under the agreement or document {paper} is in the ledger.")
        new = _refusable(lambda: _of_agreements(found, until, last_provision))
        wanted = [
            _Wanted(Scope(scope=each.scope), None, None, (each.stated, *each.extensions), days)
            for each, days in zip(found, new, strict=True)
        ]
        await _write(
            keeping, conn, wanted, {"agreement": paper, "last_provision": _text(last_provision)}, statement
        )
    return [each.extended(paper) for each in wanted]


def _of_agreements(
    found: Sequence[Agreement], until: date | None, last_provision: date | None
) -> list[list[date | None]]:
    """The extensions of each scope. Raises ShorteningError where one may not be, UnchangedError where none is needed."""
    new: list[list[date | None]] = []
    unchanged: list[UnchangedError] = []
    for each in found:
        try:
            new.append(_of_agreement(each, until, last_provision))
        except UnchangedError as error:
            new.append([])
            unchanged.append(error)
    if len(unchanged) == len(found):
        raise unchanged[0]
    return new


def _of_agreement(each: Agreement, until: date | None, last_provision: date | None) -> list[date | None]:
    if last_provision is None:
        return prolonged(each.stated, each.extensions, until)
    return ended(
        each.stated,
        each.extensions,
        method=each.method,
        last_provision=last_provision,
        newest_provision=each.newest_provision,
    )


def _refusable(formulated: Callable[[], Wish]) -> Wish:
    try:
        return formulated()
    except ShorteningError as error:
        raise ExtendRefusedError(str(error)) from error


async def _write(
    keeping: Keeping, conn: Connection, wanted: Sequence[_Wanted], named: dict[str, Any], statement: Statement
) -> None:
    """The leaves with what was said, once each; all or none (the caller's transaction)."""
    acts = await keeping.acts(conn)
    leaves: list[bytes] = []
    payloads, extensions = [], []
    for each in wanted:
        for until in each.until:
            index = acts.next_index + len(leaves)
            words = said({**named, "until": _text(until), **statement._asdict(), "at": time_text(acts.at)})
            leaf = Extend(
                rid=new_id(),
                ingested_at=time_text(acts.at),
                target=each.target,
                retain_until=_text(until),
                cause="operator",
                commit=words.commit,
            )
            leaves.append(leaf.encoded())
            payloads.append(payload(index, leaf.rid, "extend", words, acts.at))
            extensions.append(_row(index, acts, each, until))
    await write_acts(conn, acts, leaves, payloads=payloads, extensions=extensions)


def _row(index: int, acts: Acts, wanted: _Wanted, until: date | None) -> ExtensionRow:
    scope = wanted.target.scope if isinstance(wanted.target, Scope) else None
    return ExtensionRow(index, until, acts.at, scope, wanted.log_id, wanted.idx)


def _text(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
