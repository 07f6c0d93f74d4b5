"""The log of logs: in its leaves stand the other logs' checkpoints and the keys, so that a whole log deleted shows there."""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, NamedTuple

from sekisho.ledger import leaves
from sekisho.ledger.merkle.canonical import canonical, commit
from sekisho.ledger.merkle.note import VerifierKey
from sekisho.ledger.merkle.tree import Frontier, leaf_hash
from sekisho.ledger.publish.key_history import KeyHistory, KeyPeriod, time_of, time_text
from sekisho.ledger.publish.states import LogState
from sekisho.ledger.store import append
from sekisho.ledger.store.connection import Connection, rows, transaction
from sekisho.ledger.store.rows import Batch, CheckpointRow, LeafRow, NewLog, PayloadRow

KIND: Final = "meta"
_TAIL: Final = 16_384
"""Leaves of the log of logs that the opening check looks through; `sekisho audit verify` looks through all."""
_KEY_LEAVES: Final = """
    SELECT leaf FROM leaf WHERE log_id = %s AND leaf LIKE convert_to('%%"kind":"key"%%', 'UTF8') ORDER BY idx
"""
_TAIL_LEAVES: Final = "SELECT leaf FROM leaf WHERE log_id = %s AND idx >= %s ORDER BY idx"


class Statement(NamedTuple):
    """Who changes the key and why: kept as the payload of the `key` leaf, which holds but its commitment."""

    by: str
    reason: str


def meta_origin(ledger: str) -> str:
    """The origin of the log of logs."""
    return f"{ledger}/{KIND}"


async def begin(conn: Connection, ledger: str, public: bytes, at: datetime) -> None:
    """Open the log of logs: its genesis, and the first key. Raises StoreError."""
    origin = meta_origin(ledger)
    genesis = leaves.Genesis(
        rid=str(uuid.uuid4()),
        ingested_at=time_text(at),
        origin=origin,
        topic=None,
        topic_id=None,
        partition=None,
        year=None,
        next_offset=None,
        predecessor=None,
    )
    texts = [genesis.encoded(), _key_leaf(origin, public, at, None).encoded()]
    hashes = [leaf_hash(text) for text in texts]
    batch = Batch(
        log=NewLog(origin, KIND),
        size=0,
        next_offset=0,
        new_next_offset=0,
        last_offset=None,
        at=at,
        frontier=Frontier().extended(hashes).to_bytes(),
        leaves=[LeafRow(text, hashed) for text, hashed in zip(texts, hashes, strict=True)],
    )
    async with transaction(conn, keeping="shared"):
        await append.write(conn, batch)


async def enter(
    conn: Connection,
    meta: LogState,
    texts: Sequence[bytes],
    at: datetime,
    payloads: Sequence[PayloadRow] = (),
) -> None:
    """Append leaves to the log of logs, within a transaction of the caller's. Raises StoreError, AlteredLogError."""
    hashes = [leaf_hash(text) for text in texts]
    head = meta.head
    batch = Batch(
        log=meta.log_id,
        size=head.size,
        next_offset=head.next_offset,
        new_next_offset=head.next_offset,
        last_offset=head.last_offset,
        at=at,
        frontier=meta.frontier().extended(hashes).to_bytes(),
        leaves=[LeafRow(text, hashed) for text, hashed in zip(texts, hashes, strict=True)],
        payloads=payloads,
    )
    await append.write(conn, batch)


def checkpoint_leaf(origin: str, checkpoint: CheckpointRow, at: datetime) -> bytes:
    """The leaf that enters a log's checkpoint."""
    return leaves.ShardCheckpoint(
        rid=str(uuid.uuid4()),
        ingested_at=time_text(at),
        origin=origin,
        size=str(checkpoint.size),
        root=checkpoint.root.hex(),
        signed_at=time_text(checkpoint.signed_at),
    ).encoded()


async def enter_key(
    conn: Connection, meta: LogState, public: bytes, statement: Statement, at: datetime
) -> None:
    """Append the leaf of a new key, with the statement as its payload. Raises StoreError, AlteredLogError."""
    body = canonical({"at": time_text(at), "by": statement.by, "reason": statement.reason})
    salt = secrets.token_bytes(32)
    leaf = _key_leaf(meta.origin, public, at, commit(salt, body).hex())
    payload = PayloadRow(meta.head.size, leaf.rid, "key", None, None, salt, body, at)
    async with transaction(conn, keeping="shared"):
        await enter(conn, meta, [leaf.encoded()], at, [payload])


async def keys_entered(conn: Connection, meta: LogState) -> KeyHistory:
    """The keys as the log of logs has them: to find the history again where its file is lost. Raises StoreError."""
    found: list[KeyPeriod] = []
    for (text,) in await rows(conn, _KEY_LEAVES, (meta.log_id,), doing="reading the keys' leaves"):
        leaf = leaves.read(bytes(text))
        assert isinstance(leaf, leaves.NewKey), "the query asks for that kind"
        since = time_of(leaf.ingested_at)
        if found:
            found[-1] = replace(found[-1], until=since)
        found.append(KeyPeriod(VerifierKey.from_text(leaf.vkey).public, since))
    return KeyHistory(tuple(found))


async def entered_lately(conn: Connection, meta: LogState) -> dict[str, tuple[int, str]]:
    """By origin the size and root of each log's newest checkpoint among the last leaves. Raises StoreError, LeafError."""
    first = max(0, meta.head.size - _TAIL)
    found: dict[str, tuple[int, str]] = {}
    for (text,) in await rows(
        conn, _TAIL_LEAVES, (meta.log_id, first), doing="reading the end of the log of logs"
    ):
        leaf = json.loads(bytes(text))
        if leaf.get("kind") == "checkpoint":
            found[leaf["origin"]] = (int(leaf["size"]), leaf["root"])
    return found


def _key_leaf(origin: str, public: bytes, at: datetime, committed: str | None) -> leaves.NewKey:
    return leaves.NewKey(
        rid=str(uuid.uuid4()),
        ingested_at=time_text(at),
        name=origin,
        vkey=str(VerifierKey(origin, public)),
        commit=committed,
    )
