"""Opens a publisher: the key, its history, the check of what was published, and the log of logs where there is none yet."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import structlog

from sekisho.ledger.publish import meta, opening
from sekisho.ledger.publish.edge import Edge
from sekisho.ledger.publish.files import PublishedTree
from sekisho.ledger.publish.key_history import KeyHistory, read_history
from sekisho.ledger.publish.keys import SigningKey, load_signing_key, next_signing_key
from sekisho.ledger.publish.publisher import Clocks, Publisher, PublishEvents, PublishSetup
from sekisho.ledger.publish.rotation import complete, retire_next
from sekisho.ledger.publish.secret_files import KeyFileError
from sekisho.ledger.publish.states import LogState, log_states, publishing
from sekisho.ledger.store import logs
from sekisho.ledger.store.connection import Connection

_log = structlog.get_logger(__name__)


class OtherKeyError(KeyFileError):
    """The signing key is not the one in force."""


class _Keys(NamedTuple):
    """`old` signs (None: it is lost), `new` is about to, and is entered in the log of logs already."""

    old: SigningKey | None
    new: SigningKey | None
    history: KeyHistory


async def open_publisher(
    conn: Connection,
    setup: PublishSetup,
    clocks: Clocks,
    events: PublishEvents,
    *,
    next_key: SigningKey | None = None,
    lost: bool = False,
) -> Publisher:
    """Check what is there, and go on from it; a rotation that was interrupted is completed.

    The connection is a writer's. `next_key` and `lost` are for a rotation alone: the key that it goes to, where the operator keeps
    it; and that the old one is gone, so that the publisher can sign nothing before it has another.

    Raises:
        OpeningError: the database does not extend what was published or signed.
        MissingKeyError, OtherKeyError, KeyFileError: the key is gone, is not the one in force, or is not safe.
        KeyHistoryError, StoreError, OSError: what it needs cannot be read.
    """
    tree = PublishedTree(setup.folder)
    async with publishing(conn):
        await logs.create_ledger(conn, setup.origin)
        states = await log_states(conn)
        keys = await _keys(conn, setup, clocks, tree, states, next_key, lost=lost)
        opened = await opening.check(conn, setup.origin, states, tree, keys.history)
        publisher = Publisher(
            setup, clocks, events, tree, () if keys.old is None else (keys.old,), keys.history, opened
        )
        if not any(state.kind == meta.KIND for state in states):
            await _begin(conn, setup, keys.history, opened)
        for state in states:
            if state.newest is not None:
                events.signed(state.origin, state.kind, state.newest.size, state.newest.signed_at)
        await asyncio.to_thread(tree.find_outgrown)
        if keys.new is not None:
            _log.warning("key_rotation_resumed")
            await complete(conn, publisher, keys.new)
    return publisher


async def _begin(conn: Connection, setup: PublishSetup, history: KeyHistory, opened: opening.Opened) -> None:
    first = history.newest
    await meta.begin(conn, setup.origin, first.public, first.since)
    own = await logs.log_of(conn, meta.meta_origin(setup.origin))
    assert own is not None, "it was opened just now"
    opened.signed[own.log_id] = Edge()


async def _keys(
    conn: Connection,
    setup: PublishSetup,
    clocks: Clocks,
    tree: PublishedTree,
    states: list[LogState],
    given: SigningKey | None,
    *,
    lost: bool,
) -> _Keys:
    """The keys, and their history, which is the log of logs' where its file is lost."""
    places = setup.places
    own = next((state for state in states if state.kind == meta.KIND), None)
    entered = KeyHistory() if own is None else await meta.keys_entered(conn, own)
    pending = given or next_signing_key(places)
    if pending is not None and all(period.public != pending.public for period in entered.periods):
        pending = None  # nobody was told of it yet: a rotation goes on from the beginning
    history = read_history(tree) or entered
    begun = any(state.newest is not None for state in states) or bool(tree.logs())
    if lost or (pending is not None and not places.signing.exists()):
        return _Keys(None, pending, history)
    key = load_signing_key(places, setup.origin, may_make=not begun)
    if not history.periods:
        return _Keys(key, None, KeyHistory().begun(key.public, clocks.now()))
    return _in_force(setup, key, pending, history)


def _in_force(setup: PublishSetup, key: SigningKey, pending: SigningKey | None, history: KeyHistory) -> _Keys:
    """The keys, when the one that is there may sign."""
    newest = history.newest.public
    if pending is not None and pending.public != key.public:
        return _Keys(key, pending, history)
    open_periods = [period for period in history.periods if period.until is None]
    if key.public == newest:
        if pending is not None:
            retire_next(setup.places)
        return _Keys(key, key if len(open_periods) > 1 else None, history)
    if any(key.public == period.public for period in history.periods):
        why = "was replaced by another one: give the new one (SEKISHO_LEDGER_SIGNING_KEY_FILE), and run `sekisho ledger rotate-key` "
        why += "again with it if that was interrupted"
    else:
        why = "is not the one that signs this ledger: give that one back, or change to another with `sekisho ledger rotate-key`"
    raise OtherKeyError(f"the key in {setup.places.signing} {why}")
