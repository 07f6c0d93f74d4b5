"""A deletion that is refused is written down too (ledger.md): of one record with its place, of a run as counts."""

from __future__ import annotations

from datetime import date
from typing import Final, NoReturn

from sekisho.ledger.keeping.clocks import Clocks
from sekisho.ledger.keeping.judging import Kept, judge
from sekisho.ledger.keeping.keeping import Keeping, KeepingError
from sekisho.ledger.keeping.statements import new_id
from sekisho.ledger.leaves import Place, Refusal, RefusalCause
from sekisho.ledger.store.acts import time_text, write_acts
from sekisho.ledger.store.connection import Connection, transaction
from sekisho.ledger.store.logs import logs
from sekisho.ledger.store.retention import Standing, due_counts, retention_of
from sekisho.ledger.store.rows import Payload

_WORDS: Final[dict[RefusalCause, str]] = {
    "hold": "It is under a legal hold: {holds}. What is due is deleted once every hold on it is released.",
    "not_due": "It is to be kept until {until}, that day included (Asia/Tokyo); by the {clock} clock, the least, it is {day}.",
    "open": "It has no end yet: its batch, contract or insurance goes on, or nobody could read it. `sekisho audit extend --ended` "
    "states the end of an agreement, `--unreadable` that of what nobody could read.",
    "clock": "No signed checkpoint covers it yet, or none was ever signed. Ask again once the ledger has signed one.",
}  # fmt: skip


class PurgeRefusedError(KeepingError):
    """A deletion that was asked for and refused; the ledger has it in writing. `cause` is the leaf's."""

    def __init__(self, text: str, cause: RefusalCause) -> None:
        super().__init__(text)
        self.cause = cause


async def refuse_run(keeping: Keeping, conn: Connection, clocks: Clocks, held: int) -> RefusalCause | None:
    """Writes one leaf where something due is held, or the clocks are further apart than they may be.

    `clock` counts what the clock furthest ahead alone would have deleted.
    """
    counts: dict[RefusalCause, int] = {"hold": held} if held else {}
    astray = clocks.checkpoint_at is not None and clocks.disagree(keeping.skew_seconds)
    if astray:
        counts["clock"] = await _between(conn, clocks.day, clocks.latest_day)
    if not counts:
        return None
    cause: RefusalCause = "clock" if astray else "hold"
    await _write(keeping, conn, cause, None, {name: str(number) for name, number in counts.items()})
    return cause


async def refuse_lag(keeping: Keeping, conn: Connection, clocks: Clocks) -> bool:
    """Writes one leaf that counts what is due by the machines' clocks and not by the newest checkpoint's; False: nothing is."""
    missed = await _between(conn, clocks.day, clocks.day_without_checkpoint)
    if missed:
        await _write(keeping, conn, "clock", None, {"clock": str(missed)})
    return missed > 0


async def _between(conn: Connection, day: date | None, later: date) -> int:
    """How many rows are due on the later day and not on the other."""
    now = 0 if day is None else (await due_counts(conn, day)).due
    return max(0, (await due_counts(conn, later)).due - now)


async def refuse_record(keeping: Keeping, conn: Connection, row: Payload) -> NoReturn:
    """Writes down that this record is not deleted, and why. Raises PurgeRefusedError with the reason in plain words."""
    clocks = await keeping.clocks(conn)
    standing = await retention_of(conn, row.log_id, row.idx)
    if standing is None:
        raise KeepingError("The record was deleted by somebody else in this moment.")
    cause = _cause(row, standing, clocks.day)
    origins = {each.log_id: each.origin for each in await logs(conn)}
    place = Place(origin=origins[row.log_id], index=str(row.idx), rid=row.rid)
    await _write(keeping, conn, cause, place, None)
    words = _WORDS[cause].format(
        holds=", ".join(standing.holds), until=standing.effective, clock=clocks.least, day=clocks.day
    )
    raise PurgeRefusedError(f"The record is not deleted, and the ledger says so. {words}", cause)


def _cause(row: Payload, standing: Standing, day: date | None) -> RefusalCause:
    """The hold is told first: it is what somebody decided."""
    if standing.holds:
        return "hold"
    kept = Kept(row.kind, row.basis, row.method, standing.stated, standing.extensions)
    if kept.until is None:
        return "open"
    return "not_due" if day is not None and judge(kept, day) == "not_due" else "clock"


async def _write(
    keeping: Keeping,
    conn: Connection,
    cause: RefusalCause,
    target: Place | None,
    counts: dict[RefusalCause, str] | None,
) -> None:
    async with transaction(conn, "exclusive"):
        acts = await keeping.acts(conn)
        leaf = Refusal(
            rid=new_id(), ingested_at=time_text(acts.at), cause=cause, target=target, counts=counts
        )
        await write_acts(conn, acts, [leaf.encoded()])
