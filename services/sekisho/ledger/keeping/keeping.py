"""What every act of keeping shares: the database as the purger, the clocks, who says what."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple

from sekisho.ledger.keeping.clocks import Clocks
from sekisho.ledger.store.acts import Acts, lock_acts
from sekisho.ledger.store.connection import Connection, Role, database_now, session
from sekisho.ledger.store.entries import newest_checkpoint_time

_STATEMENT_S: Final = 600
"""Counting a million due rows takes 10 s on a quiet machine; what locks others out is bounded by their lock time-outs."""


class KeepingError(Exception):
    """An act of keeping that was not done; the text says why and what to do."""


class ClockBehindError(KeepingError):
    """This host's clock is behind the newest time of the acts log by more than the skew."""


class NotFoundError(KeepingError):
    """What an operator named is not in the ledger."""


class Statement(NamedTuple):
    """Why an operator does something, and who: it becomes a payload, its commitment stands in the leaf."""

    reason: str
    by: str


def host_clock() -> datetime:
    """This host's time."""
    return datetime.now(UTC)


async def _nothing() -> None:
    """Publishes nothing: for acts that delete nothing."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """The ledger as its purger sees it. `publish_now` signs and stores checkpoints over all that is committed.

    The two clocks are arguments so that tests can move them; nothing but them decides what day it is.
    """

    url: str
    origin: str
    skew_seconds: float
    publish_now: Callable[[], Awaitable[None]] = _nothing
    host_now: Callable[[], datetime] = host_clock
    database_now: Callable[[Connection], Awaitable[datetime]] = database_now
    batch: int = 1_000
    """Rows deleted by one transaction, which ingestion waits for: some 0.1 s."""

    def session(self, role: Role = "purger") -> AbstractAsyncContextManager[Connection]:
        """A connection with that role's rights."""
        return session(self.url, role, application="sekisho-keeping", statement_seconds=_STATEMENT_S)

    async def clocks(self, conn: Connection) -> Clocks:
        """The three clocks, read now."""
        checkpoint_at = await newest_checkpoint_time(conn)
        return Clocks(await self.database_now(conn), self.host_now(), checkpoint_at)

    async def acts(self, conn: Connection) -> Acts:
        """The acts log, its head locked until the transaction ends. Raises ClockBehindError."""
        now = self.host_now()
        acts = await lock_acts(conn, self.origin, now)
        behind = 0.0 if acts.last_at is None else (acts.last_at - now).total_seconds()
        if behind > self.skew_seconds:
            raise ClockBehindError(
                f"This host's clock is {behind:.0f} s behind the ledger's newest act. Correct the clock; if it was the "
                "earlier time that was wrong, `sekisho ledger accept-clock --reason …` says so in the ledger."
            )
        return acts
