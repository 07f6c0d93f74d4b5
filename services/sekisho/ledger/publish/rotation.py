"""Changes the signing key: every log gets a checkpoint signed by both keys, and from then on the new one signs alone.

1. the new key is on the disk; 2. a `key` leaf in the log of logs names it, with who and why as its payload; 3. the published
keys list it; 4. every log, the log of logs too, is signed by both; 5. these checkpoints are published; 6. the new key takes
the old one's place; 7. the published history says until when the old one signed.

Stopped before 2, nothing has happened: nobody was told of the key. Stopped later, the next start goes on. Where the old key is
lost, the new one signs alone, and the history says so: auditors need its public key from the operator by another way.
"""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta

import structlog

from sekisho.ledger.merkle.note import NoteError, open_note
from sekisho.ledger.publish import meta, secret_files
from sekisho.ledger.publish.edge import AlteredLogError
from sekisho.ledger.publish.key_history import write_history
from sekisho.ledger.publish.keys import (
    KeyPlaces,
    SigningKey,
    next_signing_key,
    write_signing_key,
)
from sekisho.ledger.publish.publisher import Publisher
from sekisho.ledger.publish.secret_files import KeyFileError
from sekisho.ledger.publish.states import LogState, log_states, publishing
from sekisho.ledger.store.connection import Connection, transaction
from sekisho.ledger.store.entries import put_checkpoint

_log = structlog.get_logger(__name__)


class RotationError(Exception):
    """The key was not changed; the text says why and what to do."""


async def rotate_key(
    conn: Connection, publisher: Publisher, statement: meta.Statement, *, new_key: SigningKey | None = None
) -> SigningKey:
    """Change to another key: a new one, or the one given. Gives it; the publisher signs with it alone.

    A publisher opened with `lost` has no old key. A key that the settings give by file is replaced by the operator: `new_key` is
    needed then, and the setting is to name its file afterwards.

    Raises:
        RotationError: a log was altered, or a key is needed and not given.
        KeyFileError, StoreError, OSError, ClockBehindError: as they say; run it again when that is mended.
    """
    places = publisher.setup.places
    if new_key is None and places.signing_file is not None:
        raise RotationError(
            f"the signing key is given by the file {places.signing_file}: make a new key file and give it with --new-key-file, "
            "then let SEKISHO_LEDGER_SIGNING_KEY_FILE name it"
        )
    async with publishing(conn):
        await _refuse_altered(conn, publisher)
        key = new_key or _new_key(places, publisher.setup.origin)
        if any(key.public == period.public for period in publisher.history.periods):
            raise RotationError("this key has signed before: a rotation goes to a new one")
        await _enter(conn, publisher, key, statement)
        await complete(conn, publisher, key)
    return key


async def complete(conn: Connection, publisher: Publisher, key: SigningKey) -> None:
    """Steps 3 to 7, each of which may have been done already. Within `publishing`."""
    lost = not publisher.signers
    old = tuple(signer for signer in publisher.signers if signer.public != key.public)
    states = await log_states(conn)
    at = await publisher.now(conn, states)
    publisher.history = publisher.history.begun(key.public, at)
    publisher.signers = (*old, key)
    await _write_history(conn, publisher)
    await publisher.sign(conn, states, enter_all=True)
    await _sign_again(conn, publisher, key)
    await publisher.write_files(conn)
    if publisher.stopped:
        raise RotationError(
            "logs that were altered could not be signed by the new key: "
            + ", ".join(sorted(publisher.stopped))
        )
    await asyncio.to_thread(retire_old, publisher.setup.places, key)
    publisher.signers = (key,)
    publisher.history = publisher.history.ended(await publisher.now(conn, await log_states(conn)), lost=lost)
    await _write_history(conn, publisher)
    _log.warning("signing_key_changed", lost=lost)


async def _refuse_altered(conn: Connection, publisher: Publisher) -> None:
    """Nothing is begun while a log cannot be signed."""
    if publisher.signers:
        await publisher.sign(conn, await log_states(conn), enter_all=True)
        await publisher.write_files(conn)
    if publisher.stopped:
        raise RotationError(
            "the key is not changed while logs are altered: " + ", ".join(sorted(publisher.stopped))
        )


def _new_key(places: KeyPlaces, origin: str) -> SigningKey:
    """The new key, on the disk; one left by an attempt that nobody was told of is taken."""
    left = next_signing_key(places)
    if left is not None:
        return left
    key = SigningKey.generate()
    write_signing_key(places.next_signing, key, origin)
    return key


async def _enter(conn: Connection, publisher: Publisher, key: SigningKey, statement: meta.Statement) -> None:
    states = await log_states(conn)
    own = next((state for state in states if state.kind == meta.KIND), None)
    if own is None:
        raise RotationError(
            "the ledger has not begun yet: there is no key to change. Start `sekisho ledger` first"
        )
    try:
        await meta.enter_key(conn, own, key.public, statement, await publisher.now(conn, states))
    except AlteredLogError as error:
        raise RotationError(f"the key is not changed: {error}") from error


async def _sign_again(conn: Connection, publisher: Publisher, key: SigningKey) -> None:
    """Logs that have not grown, closed ones too: the same tree once more, signed by every key in force."""
    states = await log_states(conn)
    async with transaction(conn):
        for state in states:
            if state.newest is None or state.origin in publisher.stopped or _has_signed(key, state):
                continue
            edge = await publisher.edge(conn, state)
            # later than the one before it, since that is what tells them apart
            at = max(await publisher.now(conn, states), state.newest.signed_at + timedelta(microseconds=1))
            await put_checkpoint(conn, publisher.checkpoint(state, edge, at))


def _has_signed(key: SigningKey, state: LogState) -> bool:
    assert state.newest is not None, "it was signed"
    try:
        open_note(state.newest.note.encode(), [key.verifier(state.origin)])
    except NoteError:
        return False
    return True


async def _write_history(conn: Connection, publisher: Publisher) -> None:
    origins = [(state.origin, state.first_signed_at) for state in await log_states(conn)]
    await asyncio.to_thread(write_history, publisher.tree, publisher.history, origins)


def retire_old(places: KeyPlaces, key: SigningKey) -> None:
    """The new key takes the old one's place, which is then gone from this disk. One that the operator keeps is left to them."""
    if places.signing_file is not None:
        return
    pending = next_signing_key(places)
    if pending is None:
        return  # done before a crash
    if pending.public != key.public:
        raise KeyFileError(
            f"{places.next_signing} holds another key than the one that was announced: move it away"
        )
    os.replace(places.next_signing, places.signing)
    secret_files.sync_folder(places.folder)


def retire_next(places: KeyPlaces) -> None:
    """Take away a new key's file that holds the key in force already."""
    places.next_signing.unlink(missing_ok=True)
    secret_files.sync_folder(places.folder)
