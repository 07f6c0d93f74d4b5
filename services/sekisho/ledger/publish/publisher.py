"""Signs what the logs have grown by, and publishes it: commit → read back → sign → keep → files → `checkpoint` (ledger.md).

Every leaf is read back from the database before its tree is signed: the bytes are hashed anew and must give the hash beside
them, the root that follows from the last signed tree, and the frontier that the log's writer keeps. A log where one of them
differs is signed no more. Files are written last, and only for what is signed and kept; whatever a crash leaves undone, the
next run does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog

from sekisho.ledger.ingest.acceptance import newest_accepted_clock
from sekisho.ledger.ingest.clock import Accepted
from sekisho.ledger.merkle.checkpoint import Checkpoint, sign_checkpoint
from sekisho.ledger.merkle.tiles import ENTRIES, WIDTH
from sekisho.ledger.publish import key_history, meta, opening
from sekisho.ledger.publish.edge import CHUNK, AlteredLogError, Edge, Growing, Piece, load_edge
from sekisho.ledger.publish.files import PublishedTree, needed
from sekisho.ledger.publish.key_history import KeyHistory
from sekisho.ledger.publish.keys import SigningKey
from sekisho.ledger.publish.setup import PUBLISHED, Cause, Clocks, NoEvents, PublishEvents, PublishSetup
from sekisho.ledger.publish.states import DatabaseRows, LogState, log_states, publishing
from sekisho.ledger.store.connection import Connection, transaction
from sekisho.ledger.store.entries import TileRow, leaf_chunks, put_checkpoint, put_tiles
from sekisho.ledger.store.rows import CheckpointRow

__all__ = [
    "PUBLISHED",
    "Cause",
    "ClockBehindError",
    "Clocks",
    "KeyChangedError",
    "NoEvents",
    "PublishEvents",
    "PublishSetup",
    "Publisher",
]
_log = structlog.get_logger(__name__)


class ClockBehindError(Exception):
    """This machine's clock is behind the ledger's own newest time: nothing is signed until it is right."""


class KeyChangedError(Exception):
    """Another process changed the signing key since this publisher was opened: open it again."""


class Grown(NamedTuple):
    """A log that was signed: its edge before and after, its new checkpoint, and the tiles that changed, where it was one chunk."""

    state: LogState
    before: Edge
    edge: Edge
    row: CheckpointRow
    pieces: list[Piece] | None


class Fresh(NamedTuple):
    """Tiles of what was just signed, at hand to be written: most leaves are then read and hashed once, not twice."""

    before: Edge
    edge: Edge
    pieces: list[Piece]


class Publisher:
    """Signs and publishes all logs of a ledger; opened by `open_publisher`. Not for two tasks at once."""

    def __init__(
        self,
        setup: PublishSetup,
        clocks: Clocks,
        events: PublishEvents,
        tree: PublishedTree,
        signers: tuple[SigningKey, ...],
        history: KeyHistory,
        opened: opening.Opened,
    ) -> None:
        self.setup = setup
        self.tree = tree
        self.signers = signers
        """The key that signs; during a rotation the old one and the new one."""
        self.history = history
        self.stopped: dict[str, AlteredLogError] = {}
        """The logs that are signed no more, by origin."""
        self._clocks = clocks
        self._events = events
        self._signed = opened.signed
        self._published = opened.published
        self._entered = opened.entered
        self._fresh: dict[int, Fresh] = {}
        """By log; for one run."""
        self._entered_at: float | None = None
        self._accepted: Accepted | None = None
        self._listed: tuple[str, ...] | None = None
        """The origins whose keys `keys` lists."""

    async def publish(self, conn: Connection, *, enter_all: bool = False) -> None:
        """Sign and publish every log that grew. `enter_all`: every checkpoint is entered in the log of logs now.

        Logs that were altered are told (`stopped`, the events, the log line) and left out; the others go on.

        Raises:
            ClockBehindError: the clock cannot be right. Nothing was signed.
            KeyChangedError: the signing key was changed meanwhile. Nothing was signed.
            StoreError, OSError: the database or the disk fails; the next run goes on from what is there.
        """
        async with publishing(conn):
            await asyncio.to_thread(self._check_keys)
            states = await log_states(conn)
            await self.sign(conn, states, enter_all=enter_all)
            await self.write_files(conn)

    # signing

    async def sign(self, conn: Connection, states: Sequence[LogState], *, enter_all: bool) -> None:
        """Sign and keep what grew; then the log of logs. Within `publishing`."""
        at = await self.now(conn, states)
        shards = [state for state in states if state.kind != meta.KIND]
        async with transaction(conn):
            grown = await self._sign_grown(conn, shards, at)
            entered = await self._enter(conn, states, grown, at, enter_all)
        self._kept(grown)
        self._entered |= entered
        own = [state for state in await log_states(conn) if state.kind == meta.KIND]
        async with transaction(conn):
            grown = await self._sign_grown(conn, own, at)
        self._kept(grown)

    async def _sign_grown(
        self, conn: Connection, states: Sequence[LogState], at: datetime
    ) -> dict[int, Grown]:
        found = {}
        for state in states:
            if state.head.size > state.signed_size and state.origin not in self.stopped:
                try:
                    async with conn.transaction():  # a log that was altered takes no other one with it
                        found[state.log_id] = await self._sign_log(conn, state, at)
                except AlteredLogError as error:
                    self._stop(error)
        return found

    async def _sign_log(self, conn: Connection, state: LogState, at: datetime) -> Grown:
        """Read back what the log has grown by, keep the full tiles, sign."""
        before = await self.edge(conn, state)
        growing, chunks = Growing(state.origin, before), 0
        async for found in leaf_chunks(conn, state.log_id, growing.start, state.head.size, chunk=CHUNK):
            pieces, chunks = growing.take(found), chunks + 1
            full = [
                TileRow(tile.level, tile.n, content)
                for tile, content in pieces
                if tile.width == WIDTH and tile.level != ENTRIES
            ]
            await put_tiles(conn, state.log_id, full)
        growing.end(state.head.size, state.frontier())
        row = self.checkpoint(state, growing.edge, at)
        await put_checkpoint(conn, row)
        return Grown(state, before, growing.edge, row, pieces if chunks == 1 else None)

    def checkpoint(self, state: LogState, edge: Edge, at: datetime) -> CheckpointRow:
        """The log's checkpoint at this edge, signed by every key in force."""
        checkpoint = Checkpoint(state.origin, edge.size, edge.root())
        note = sign_checkpoint(checkpoint, [key.signer(state.origin) for key in self.signers])
        return CheckpointRow(state.log_id, edge.size, checkpoint.root, note.decode(), at)

    async def edge(self, conn: Connection, state: LogState) -> Edge:
        """The edge at the newest checkpoint; read again where another process has signed since."""
        if state.newest is None:
            return Edge()
        known = self._signed.get(state.log_id)
        if known is None or known.size != state.newest.size:
            known = await load_edge(state.newest.size, DatabaseRows(conn, state.log_id))
        if known.root() != state.newest.root:
            raise AlteredLogError(state.origin, "the root beside its newest checkpoint is not the signed one")
        return known

    async def now(self, conn: Connection, states: Sequence[LogState]) -> datetime:
        """The time to sign with: not before the newest that the ledger has signed, unless an operator accepted a step back.

        Raises ClockBehindError.
        """
        now = self._clocks.now()
        times = [state.newest.signed_at for state in states if state.newest is not None]
        times += [state.head.last_at for state in states if state.kind == meta.KIND and state.head.last_at]
        newest = max(times, default=now)
        if newest - now <= timedelta(seconds=self.setup.clock_skew_seconds):
            return max(now, newest)
        if not _explains(self._accepted, newest, now):
            self._accepted = await newest_accepted_clock(conn)
        if _explains(self._accepted, newest, now):
            return now
        raise ClockBehindError(
            f"this machine's clock says {now:%Y-%m-%dT%H:%M:%SZ}, but the ledger signed at {newest:%Y-%m-%dT%H:%M:%SZ} already: set "
            "the clock right; where the ledger's time was the wrong one, accept the step with `sekisho ledger accept-clock --reason`"
        )

    def _kept(self, grown: dict[int, Grown]) -> None:
        """After the commit: what is signed is remembered and told."""
        for log_id, (state, before, edge, row, pieces) in grown.items():
            self._signed[log_id] = edge
            if pieces is not None:
                self._fresh[log_id] = Fresh(before, edge, pieces)
            self._events.signed(state.origin, state.kind, row.size, row.signed_at)
            _log.debug("checkpoint_signed", origin=state.origin, size=row.size)

    def _stop(self, error: AlteredLogError) -> None:
        self.stopped[error.origin] = error
        self._events.stopped(error.origin, str(error))
        _log.error("log_altered", origin=error.origin, why=error.why)

    # the log of logs

    async def _enter(
        self,
        conn: Connection,
        states: Sequence[LogState],
        grown: dict[int, Grown],
        at: datetime,
        enter_all: bool,
    ) -> dict[str, int]:
        """Enter the checkpoints that moved: when it is time, and at once that of a log which was closed."""
        own = next((state for state in states if state.kind == meta.KIND), None)
        if own is None or own.origin in self.stopped:
            return {}
        steady = self._clocks.steady()
        due = enter_all or self._entered_at is None or steady - self._entered_at >= self.setup.meta_seconds
        moved: list[tuple[str, CheckpointRow]] = []
        for state in states:
            newest = grown[state.log_id].row if state.log_id in grown else state.newest
            if state.kind == meta.KIND or newest is None or self._entered.get(state.origin) == newest.size:
                continue
            closing = state.head.closed and state.log_id in grown
            # a closed log's last checkpoint is entered in the transaction that signs it: it is not looked for again
            if closing or (due and not (state.head.closed and state.origin not in self._entered)):
                moved.append((state.origin, newest))
        if moved:
            texts = [meta.checkpoint_leaf(origin, newest, at) for origin, newest in moved]
            await meta.enter(conn, own, texts, at)
        if due:
            self._entered_at = steady
        return {origin: newest.size for origin, newest in moved}

    # files

    async def write_files(self, conn: Connection) -> None:
        """Write what is signed and kept, and not published yet. Within `publishing`."""
        states = await log_states(conn)
        await asyncio.to_thread(self._write_keys, states)
        fresh, self._fresh = self._fresh, {}
        at_hand = []
        for state in states:
            if state.newest is None or state.origin in self.stopped:
                continue
            edge, note = self._published.get(state.log_id, (Edge(), b""))
            if note == state.newest.note.encode():
                continue
            found = fresh.get(state.log_id)
            if found is not None and found.before == edge and found.edge.size == state.newest.size:
                at_hand.append(self._write_fresh(state, state.newest, found))
            else:
                await self._write_again(conn, state, state.newest, edge)
        await _all(at_hand)
        await asyncio.to_thread(self.tree.clear, self._clocks.steady(), self.setup.grace_seconds)

    async def _write_fresh(self, state: LogState, newest: CheckpointRow, fresh: Fresh) -> None:
        """What this run has signed; several logs at once, since most of the time goes in waiting for the disk."""
        await asyncio.to_thread(self._finish, state.origin, fresh.pieces, newest)
        self._published[state.log_id] = fresh.edge, newest.note.encode()

    async def _write_again(
        self, conn: Connection, state: LogState, newest: CheckpointRow, edge: Edge
    ) -> None:
        """What an earlier run, another process or a long backlog has left: from the leaves, read back once more.

        The checkpoint is written when their root is the signed one.
        """
        growing, log = Growing(state.origin, edge), self.folder_of(state.origin)
        try:
            if edge.size < newest.size:
                async for found in leaf_chunks(conn, state.log_id, growing.start, newest.size, chunk=CHUNK):
                    pieces = needed(growing.take(found), newest.size)
                    await asyncio.to_thread(self.tree.write, log, pieces)
            growing.end(newest.size)
            if growing.edge.root() != newest.root:
                raise AlteredLogError(state.origin, "its leaves have another root than the signed one")
        except AlteredLogError as error:
            self._stop(error)
            return
        await asyncio.to_thread(self._finish, state.origin, (), newest)
        self._published[state.log_id] = growing.edge, newest.note.encode()

    def _finish(self, origin: str, pieces: Sequence[Piece], newest: CheckpointRow) -> None:
        log = self.folder_of(origin)
        self.tree.write(log, needed(pieces, newest.size))
        self.tree.write_checkpoint(log, newest.note.encode())

    def _check_keys(self) -> None:
        kept = key_history.read_history(self.tree)
        if kept is None:
            self._listed = None  # not written yet, or gone: it is written again
        elif kept != self.history:
            raise KeyChangedError("the signing key was changed by another process")

    def _write_keys(self, states: Sequence[LogState]) -> None:
        """A log is published after the key that signs it."""
        origins = tuple(state.origin for state in states)
        if origins != self._listed:
            key_history.write_history(
                self.tree, self.history, [(state.origin, state.first_signed_at) for state in states]
            )
            self._listed = origins

    def folder_of(self, origin: str) -> str:
        """The folder of a log's files, among the published ones."""
        return origin.removeprefix(f"{self.setup.origin}/")


async def _all(works: Sequence[Awaitable[None]]) -> None:
    """All at once; raises the first failure when all have ended."""
    ended = await asyncio.gather(*works, return_exceptions=True)
    for each in ended:
        if isinstance(each, BaseException):
            raise each


def _explains(accepted: Accepted | None, newest: datetime, now: datetime) -> bool:
    """Whether the step back that an operator accepted leads from the ledger's newest time to before now."""
    return accepted is not None and accepted.was >= newest and accepted.now <= now
