"""Legal holds: placed on what is named, now and as it arrives, until released (records.md, Retention).

A hold stops deletion and prolongs nothing. Several may lie on one record: it is free when the last is released. What a hold
names stands in its payload and, persons by keyed hash alone, in the database; its leaves tell places.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from sekisho.ledger.keeping.agreements import agreements
from sekisho.ledger.keeping.keeping import Keeping, KeepingError, NotFoundError, Statement
from sekisho.ledger.keeping.statements import Said, new_id, payload, said
from sekisho.ledger.keeping.targets import Target, count, pages
from sekisho.ledger.leaves import MAX_TARGETS, Hold, Release
from sekisho.ledger.store.acts import Acts, time_text, write_acts
from sekisho.ledger.store.connection import Connection, transaction
from sekisho.ledger.store.filters import Filter
from sekisho.ledger.store.holds import all_holds, put_hold, put_release
from sekisho.ledger.store.logs import logs
from sekisho.ledger.store.rows import HoldCover

_PAGE: Final = 100 * MAX_TARGETS
"""Targets read and written at once: 100 leaves, 6 MB, however many records a hold is on."""


class HoldError(KeepingError):
    """A hold that names nothing, or a release of one that does not stand."""


class Named(NamedTuple):
    """What a hold is on: all that is stated must be true of a record. `everything` is stated alone."""

    subject_id: str | None = None
    record_id: str | None = None
    counterparty: str | None = None
    agreement: str | None = None
    controller: str | None = None
    everything: bool = False


class Placed(NamedTuple):
    """A hold that stands, and how many records it is on now."""

    hold: str
    covered: int


async def place(keeping: Keeping, named: Named, subject_hmac: bytes | None, statement: Statement) -> Placed:
    """Places a hold on all that is named, what arrives later included. `subject_hmac` is the keyed hash of the person named.

    One transaction: nothing is taken in or deleted beside it. Raises HoldError, NotFoundError (no such record or agreement),
    ClockBehindError, StoreError.
    """
    if named.everything == any(each is not None for each in named[:-1]):
        raise HoldError("Name a person, record, counterparty, agreement or controller, or all.")
    async with keeping.session() as conn, transaction(conn, "exclusive"):
        selector = await _selector(conn, named, subject_hmac)
        covered = await count(conn, selector)
        if named.record_id is not None and not covered:
            raise NotFoundError(f"No such record {named.record_id} is in the ledger.")
        acts = await keeping.acts(conn)
        hold = new_id()
        await put_hold(conn, hold, selector, acts.at)
        told = {name: value for name, value in named._asdict().items() if value}
        words = said({"hold": hold, "selector": told, **statement._asdict(), "at": time_text(acts.at)})
        await _Placing(conn, hold, words, subject_hmac, covered).through(acts, selector)
    return Placed(hold, covered)


async def _selector(conn: Connection, named: Named, subject_hmac: bytes | None) -> Filter:
    scopes: tuple[str, ...] = ()
    if named.agreement is not None:
        scopes = tuple(each.scope for each in await agreements(conn, named.agreement))
        if not scopes:
            raise NotFoundError(
                f"No record under the agreement or document {named.agreement} is in the ledger."
            )
    return Filter(
        subject_hmacs=() if subject_hmac is None else (subject_hmac,),
        record_ids=() if named.record_id is None else (named.record_id,),
        counterparties=() if named.counterparty is None else (named.counterparty,),
        controllers=() if named.controller is None else (named.controller,),
        scopes=scopes,
        kinds=("record", "decision", "unreadable"),
    )


class _Placing(NamedTuple):
    """The leaves of one hold, page after page."""

    conn: Connection
    hold: str
    words: Said
    subject_hmac: bytes | None
    covered: int

    async def through(self, acts: Acts, selector: Filter) -> None:
        """Writes them all; a hold on nothing yet has one leaf without targets."""
        origins = {each.log_id: each.origin for each in await logs(self.conn)}
        part = 1
        if not self.covered:
            await self._write(acts, part, [], origins)
        async for page in pages(self.conn, selector, _PAGE):
            acts = await self._write(acts, part, page, origins)
            part += -(-len(page) // MAX_TARGETS)

    async def _write(self, acts: Acts, part: int, page: Sequence[Target], origins: dict[int, str]) -> Acts:
        at, parts = time_text(acts.at), max(1, -(-self.covered // MAX_TARGETS))
        leaves: list[Hold] = []
        for start in range(0, max(1, len(page)), MAX_TARGETS):
            targets = [
                (origins[log_id], str(idx), rid) for log_id, idx, rid in page[start : start + MAX_TARGETS]
            ]
            number = part + len(leaves)
            leaves.append(
                Hold(
                    rid=new_id(),
                    ingested_at=at,
                    hold=self.hold,
                    part=number,
                    parts=parts,
                    targets=tuple(targets),
                    commit=self.words.commit if number == 1 else None,
                )
            )
        payloads = []
        if part == 1:
            payloads = [
                payload(acts.next_index, leaves[0].rid, "hold", self.words, acts.at, self.subject_hmac)
            ]
        covers = [HoldCover(self.hold, log_id, idx) for log_id, idx, _ in page]
        return await write_acts(
            self.conn, acts, [leaf.encoded() for leaf in leaves], payloads=payloads, covers=covers
        )


async def release(keeping: Keeping, hold: str, statement: Statement) -> None:
    """Ends a hold; others on the same records go on. Raises NotFoundError, HoldError where it was released before."""
    async with keeping.session() as conn, transaction(conn, "exclusive"):
        found = [each for each in await all_holds(conn) if each.hold == hold]
        if not found:
            raise NotFoundError(f"There is no hold {hold}. `sekisho audit hold list` shows those that stand.")
        if found[0].released_at is not None:
            raise HoldError(f"The hold {hold} was released already, at {time_text(found[0].released_at)}.")
        acts = await keeping.acts(conn)
        words = said({"hold": hold, **statement._asdict(), "at": time_text(acts.at)})
        leaf = Release(rid=new_id(), ingested_at=time_text(acts.at), hold=hold, commit=words.commit)
        row = payload(acts.next_index, leaf.rid, "release", words, acts.at)
        await write_acts(conn, acts, [leaf.encoded()], payloads=[row])
        await put_release(conn, hold, acts.log_id, acts.next_index, acts.at)
