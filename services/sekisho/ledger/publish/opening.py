"""What must hold before anything is taken in or signed: the database extends all that was ever published, and all that it signed.

A database restored from an older backup, cut short, replaced or forked shows here, before a new signature could cover it
up (C2SP tlog-checkpoint: a log must never sign a tree that does not extend an earlier one). It is quick, from tiles and the
last leaf hashes (35 ms of CPU with 1,000,000 leaves); leaves further back are looked at by `sekisho audit verify`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sekisho.ledger import leaves
from sekisho.ledger.merkle.checkpoint import Checkpoint, CheckpointError, open_checkpoint
from sekisho.ledger.merkle.note import NoteError
from sekisho.ledger.publish import meta
from sekisho.ledger.publish.edge import Edge, load_edge
from sekisho.ledger.publish.files import PublishedTree
from sekisho.ledger.publish.key_history import KeyHistory
from sekisho.ledger.publish.states import DatabaseRows, LogState, newest_index
from sekisho.ledger.store import entries
from sekisho.ledger.store.connection import Connection

_REMEDY = (
    "Nothing was taken in and nothing signed. If the database was restored: restore a newer backup, one that holds all that "
    "was published (`sekisho audit verify --since CHECKPOINT` on the restored copy tells). Reading Kafka again cannot make up for "
    "it, since each leaf has random parts: it would fork the log. If no backup reaches that far, keep the published folder as "
    "evidence and begin a new ledger under another SEKISHO_LEDGER_ORIGIN. If nobody restored anything: somebody changed the "
    "database or the published files; keep copies of both"
)


class OpeningError(Exception):
    """The database does not extend what was published or signed: each log that does not is named, with what to do."""

    def __init__(self, problems: Sequence[str]) -> None:
        found = "\n".join(f"- {problem}" for problem in problems)
        super().__init__(f"the ledger does not start:\n{found}\n{_REMEDY}.")
        self.problems = tuple(problems)


@dataclass
class Opened:
    """What the check has found: where each log stands, so that the publisher goes on from there."""

    signed: dict[int, Edge] = field(default_factory=dict)
    """By log the edge at its newest checkpoint."""
    published: dict[int, tuple[Edge, bytes]] = field(default_factory=dict)
    """By log the edge at the published checkpoint, and the note."""
    entered: dict[str, int] = field(default_factory=dict)
    """By origin the newest size in the log of logs, as far as looked for."""


class _BrokenLogError(Exception):
    """One thing that is wrong with a log."""


async def check(
    conn: Connection, ledger: str, states: Sequence[LogState], tree: PublishedTree, history: KeyHistory
) -> Opened:
    """Look at every log, and tell all that is wrong at once.

    Raises:
        OpeningError: the database does not extend what was published, or what it signed.
        StoreError, OSError: the database or the files cannot be read.
    """
    opened, problems = Opened(), list[str]()
    by_origin = {state.origin: state for state in states}
    for state in states:
        try:
            await _check_signed(conn, state, history, opened)
        except _BrokenLogError as error:
            problems.append(f"{state.origin}: {error}")
    for log in tree.logs():
        try:
            await _check_published(conn, f"{ledger}/{log}", tree.checkpoint(log), by_origin, history, opened)
        except _BrokenLogError as error:
            problems.append(f"{ledger}/{log}: {error}")
    problems += await _missing_logs(conn, meta.meta_origin(ledger), by_origin, opened)
    if problems:
        raise OpeningError(problems)
    return opened


async def _check_signed(conn: Connection, state: LogState, history: KeyHistory, opened: Opened) -> None:
    """The log's rows against its own newest checkpoint."""
    last = await newest_index(conn, state.log_id)
    if (0 if last is None else last + 1) != state.head.size:
        raise _BrokenLogError(
            f"its head tells of {state.head.size} leaves, the last one in the database is {last}: rows were deleted or added"
        )
    if state.newest is None:
        opened.signed[state.log_id] = Edge()
        return
    signed = _verified(
        state.newest.note.encode(), state.origin, history, "the newest checkpoint in the database"
    )
    if (signed.size, signed.root) != (state.newest.size, state.newest.root):
        raise _BrokenLogError("size or root beside its newest checkpoint are not those that were signed")
    opened.signed[state.log_id] = await _edge_at(conn, state, signed, "signed")


async def _check_published(
    conn: Connection,
    origin: str,
    note: bytes | None,
    states: dict[str, LogState],
    history: KeyHistory,
    opened: Opened,
) -> None:
    """The database against a published checkpoint."""
    if note is None:
        return
    published = _verified(note, origin, history, "the published checkpoint")
    state = states.get(origin)
    if state is None:
        raise _BrokenLogError(
            f"it was published with {published.size} leaves, but the database has no such log: it was deleted there, or this is "
            "another database"
        )
    known = opened.signed.get(state.log_id)
    if known is not None and known.size == published.size and known.root() == published.root:
        opened.published[state.log_id] = known, note
        return
    opened.published[state.log_id] = await _edge_at(conn, state, published, "published"), note


def _verified(note: bytes, origin: str, history: KeyHistory, what: str) -> Checkpoint:
    try:
        return open_checkpoint(note, history.known(origin), origin)
    except (NoteError, CheckpointError) as error:
        raise _BrokenLogError(
            f"{what} is not one that a key of this ledger signed ({error}): it was edited, or the key is another one"
        ) from error


async def _edge_at(conn: Connection, state: LogState, at: Checkpoint, how: str) -> Edge:
    """The log's edge at a checkpoint, whose root it must have."""
    if state.head.size < at.size:
        raise _BrokenLogError(
            f"{at.size} leaves were {how}, but the database has only {state.head.size}: it is older, or was cut short"
        )
    try:
        edge = await load_edge(at.size, DatabaseRows(conn, state.log_id))
    except LookupError as error:
        raise _BrokenLogError(f"{at.size} leaves were {how}, but {error}") from error
    if edge.root() != at.root:
        raise _BrokenLogError(
            f"the first {at.size} leaves in the database are not those that were {how}: its history is another one (a fork)"
        )
    return edge


async def _missing_logs(
    conn: Connection, meta_origin: str, states: dict[str, LogState], opened: Opened
) -> list[str]:
    """Logs that the log of logs or a later year's log tells of, and that are not there, or not that far."""
    found: list[str] = []
    own = states.get(meta_origin)
    if own is not None:
        for origin, (size, _) in (await meta.entered_lately(conn, own)).items():
            opened.entered[origin] = size
            if origin not in states:
                found.append(
                    f"{origin}: the log of logs tells of {size} leaves, but the database has no such log"
                )
            elif states[origin].head.size < size:
                found.append(
                    f"{origin}: the log of logs tells of {size} leaves, the database has {states[origin].head.size}"
                )
    for state in states.values():
        genesis = await entries.leaf(conn, state.log_id, 0)
        before = None if genesis is None else _predecessor(genesis.leaf)
        if before is not None and before.origin not in states:
            found.append(f"{before.origin}: {state.origin} follows it, but the database has no such log")
    return found


def _predecessor(data: bytes) -> leaves.Predecessor | None:
    try:
        leaf = leaves.read(data)
    except leaves.LeafError:
        return None  # told when its bytes are hashed, or by verification; which log it follows cannot be said
    return leaf.predecessor if isinstance(leaf, leaves.Genesis) else None
