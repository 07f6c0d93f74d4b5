"""A small ledger in a real PostgreSQL for the tests of keeping: records with any last day, clocks that tests move."""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg

from sekisho.ledger.keeping.keeping import Keeping
from sekisho.ledger.leaves import Extend, Genesis, Hold, PayloadLeaf, Place, Scope
from sekisho.ledger.merkle.canonical import canonical, commit
from sekisho.ledger.merkle.tree import Frontier, leaf_hashes
from sekisho.ledger.store.acts import time_text
from sekisho.ledger.store.append import append, ensure_shelves, write
from sekisho.ledger.store.connection import Connection, rows, session, transaction
from sekisho.ledger.store.entries import put_checkpoint
from sekisho.ledger.store.holds import active_holds
from sekisho.ledger.store.logs import create_ledger, head, heads, log_of
from sekisho.ledger.store.rows import (
    Batch,
    CheckpointRow,
    ExtensionRow,
    HoldCover,
    LeafRow,
    NewLog,
    PayloadRow,
)
from sekisho.ledger.store.schema import migrate

ORIGIN = "localhost/keeping"
RECORDS = f"{ORIGIN}/provision-records/topic/0/2026"
NOW = datetime(2029, 12, 1, 3, tzinfo=UTC)
"""Noon in Tokyo."""
SUBJECT = b"\x01" * 32


@dataclass
class Wanted:
    """One record to be in the ledger."""

    until: date | None = date(2029, 11, 21)
    scope: str | None = None
    kind: str = "record"
    basis: str | None = "provision.consent"
    method: str | None = "individual"
    record_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    subject: bytes | None = SUBJECT
    controller: str = "jp-post"
    counterparty: str = "insurer"
    agreement: str | None = None
    document: str | None = None
    provided_on: date = date(2026, 11, 21)
    marker: str = ""


@dataclass
class Clock:
    """Clocks that a test sets."""

    database: datetime = NOW
    host: datetime = NOW

    async def database_now(self, _conn: Connection) -> datetime:
        """The injected database's."""
        return self.database

    def host_now(self) -> datetime:
        """The injected host's."""
        return self.host

    def both(self, at: datetime) -> None:
        """Both at once."""
        self.database = self.host = at


class World:
    """The ledger of one test. Appends as ingestion does, signs as a publisher does (without a key: nobody here reads a note)."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.clock = Clock()
        self._signing = asyncio.Lock()
        self.signs_at: datetime | None = None
        """When the next checkpoint says it is signed; None: by the host's clock."""
        self.taken_at = datetime(2026, 11, 21, 1, tzinfo=UTC)

    @property
    def keeping(self) -> Keeping:
        """What is tested, with this world's clocks."""
        return Keeping(
            self.url,
            ORIGIN,
            skew_seconds=30,
            publish_now=self.sign,
            host_now=self.clock.host_now,
            database_now=self.clock.database_now,
        )

    async def make(self) -> None:
        """Schema, ledger, one log."""
        await asyncio.to_thread(migrate, self.url)
        async with session(self.url, "writer") as conn:
            await create_ledger(conn, ORIGIN)
            genesis = Genesis(
                rid=str(uuid.uuid4()),
                ingested_at=time_text(self.taken_at),
                origin=RECORDS,
                topic="sekisho-provision-records",
                topic_id="topic",
                partition=0,
                year=2026,
                next_offset="0",
                predecessor=None,
            ).encoded()
            frontier = Frontier().extended(leaf_hashes([genesis]))
            new = NewLog(RECORDS, "records", "sekisho-provision-records", "topic", 0, 2026, 0)
            leaf = LeafRow(genesis, leaf_hashes([genesis])[0])
            await append(conn, Batch(new, 0, 0, 0, None, self.taken_at, frontier.to_bytes(), [leaf]))

    async def take(self, wanted: Sequence[Wanted], *, conn: Connection | None = None) -> list[int]:
        """Ingests them as one batch, under the holds that stand; their indices."""
        if conn is None:
            async with session(self.url, "writer") as own:
                return await self.take(wanted, conn=own)
        await ensure_shelves(conn, [each.until for each in wanted], set())
        async with transaction(conn, "shared"):
            log = await log_of(conn, RECORDS)
            assert log is not None
            at = await head(conn, log.log_id, lock=True)
            assert at is not None
            rows_ = [self._row(at.size + i, each) for i, each in enumerate(wanted)]
            leaves = [
                PayloadLeaf(
                    row.kind, row.rid, time_text(self.taken_at), "topic", 0, at.next_offset + i,
                    at.last_offset if i == 0 else at.next_offset + i - 1, commit(row.salt, row.body).hex(),
                    None if row.retain_until is None else row.retain_until.isoformat(), row.scope,
                ).encoded()
                for i, row in enumerate(rows_)
            ]  # fmt: skip
            holds = (await active_holds(conn)).holds
            found = [(each.hold, row) for each in holds for row in rows_ if each.selector.matches(row)]
            hold_leaves = [
                Hold(
                    rid=str(uuid.uuid4()), ingested_at=time_text(self.taken_at), hold=hold, part=1, parts=1,
                    targets=((RECORDS, str(row.idx), row.rid),), commit=None,
                ).encoded()
                for hold, row in found
            ]  # fmt: skip
            hashes = leaf_hashes([*leaves, *hold_leaves])
            frontier = Frontier.from_bytes(at.size, at.frontier).extended(hashes)
            numbered = [
                LeafRow(leaf, h, at.next_offset + i)
                for i, (leaf, h) in enumerate(zip(leaves, hashes, strict=False))
            ]
            numbered += [LeafRow(leaf, h) for leaf, h in zip(hold_leaves, hashes[len(leaves) :], strict=True)]
            end = at.next_offset + len(wanted)
            covers = [HoldCover(hold, log.log_id, row.idx) for hold, row in found]
            await write(
                conn,
                Batch(log.log_id, at.size, at.next_offset, end, end - 1, self.taken_at, frontier.to_bytes(), numbered, rows_, (), covers),
            )  # fmt: skip
        return [row.idx for row in rows_]

    def _row(self, idx: int, each: Wanted) -> PayloadRow:
        document = {
            "record_id": each.record_id, "agreement": each.agreement, "document": each.document, "marker": each.marker,
            "subject": {"id": "person", "kind": "individual"},
        }  # fmt: skip
        readable = each.kind == "record"
        return PayloadRow(
            idx, str(uuid.uuid4()), each.kind, each.until, each.scope, os.urandom(32), canonical(document), self.taken_at,
            each.subject, each.record_id if readable else None, None, "provision" if readable else None,
            each.basis if readable else None, each.method if readable else None, each.controller, each.counterparty,
            each.provided_on,
        )  # fmt: skip

    async def extend(
        self, until: date | None, *, scope: str | None = None, idx: int | None = None, at: datetime | None = None,
        conn: Connection | None = None,
    ) -> None:  # fmt: skip
        """An extend leaf of ingestion's, in the records log."""
        if conn is None:
            async with session(self.url, "writer") as own:
                await self.extend(until, scope=scope, idx=idx, at=at, conn=own)
            return
        async with transaction(conn, "shared"):
            log = await log_of(conn, RECORDS)
            assert log is not None
            now = await head(conn, log.log_id, lock=True)
            assert now is not None
            when = at or self.taken_at
            target: Scope | Place
            if scope is not None:
                target = Scope(scope=scope)
            else:
                assert idx is not None
                rid = (
                    await rows(
                        conn,
                        "SELECT rid::text FROM payload WHERE log_id = %s AND idx = %s",
                        (log.log_id, idx),
                        doing="test",
                    )
                )[0][0]
                target = Place(origin=RECORDS, index=str(idx), rid=rid)
            leaf = Extend(
                rid=str(uuid.uuid4()), ingested_at=time_text(when), target=target, cause="provision", commit=None,
                retain_until=None if until is None else until.isoformat(),
            ).encoded()  # fmt: skip
            frontier = Frontier.from_bytes(now.size, now.frontier).extended(leaf_hashes([leaf]))
            row = ExtensionRow(
                now.size, until, when, scope, None if scope else log.log_id, None if scope else idx
            )
            await write(
                conn,
                Batch(log.log_id, now.size, now.next_offset, now.next_offset, now.last_offset, self.taken_at,
                      frontier.to_bytes(), [LeafRow(leaf, leaf_hashes([leaf])[0])], (), [row]),
            )  # fmt: skip

    async def sign(self) -> None:
        """A checkpoint of every log, as it is now."""
        at = self.signs_at or self.clock.host
        async with self._signing, session(self.url, "writer") as conn:
            for log, now in await heads(conn):
                found = await rows(
                    conn, "SELECT 1 FROM checkpoint WHERE log_id = %s AND size = %s AND signed_at = %s", (log.log_id, now.size, at), doing="test"
                )  # fmt: skip
                if not found:
                    root = Frontier.from_bytes(now.size, now.frontier).root()
                    await put_checkpoint(conn, CheckpointRow(log.log_id, now.size, root, "unsigned", at))

    def sql(self, query: str, values: Any = ()) -> list[tuple[Any, ...]]:
        """As the superuser, from outside."""
        with psycopg.connect(self.url, autocommit=True, options="-c search_path=sekisho_ledger") as conn:
            return conn.execute(query, values).fetchall()

    def kept(self) -> set[int]:
        """The indices of what still has its payload."""
        return {
            idx
            for (idx,) in self.sql(
                "SELECT idx FROM payload WHERE kind IN ('record', 'decision', 'unreadable')"
            )
        }

    def acts(self, kind: str) -> list[dict[str, Any]]:
        """The leaves of a kind in the acts log, in their order."""
        found = self.sql(
            "SELECT leaf FROM leaf JOIN log USING (log_id) WHERE kind = 'acts' ORDER BY log_id, idx"
        )
        leaves = [json.loads(leaf) for (leaf,) in found]
        return [leaf for leaf in leaves if leaf["kind"] == kind]

    def everything_but(self, purged: Iterable[int]) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table as text, except the acts' own and those payloads."""
        gone = list(purged)
        tables = {
            "leaf": "log_id NOT IN (SELECT log_id FROM log WHERE kind = 'acts')",
            "payload": "NOT (log_id IN (SELECT log_id FROM log WHERE kind = 'records') AND idx = ANY(%s))",
            "log": "kind <> 'acts'", "log_head": "log_id NOT IN (SELECT log_id FROM log WHERE kind = 'acts')",
            "extension": "true", "hold": "true", "hold_cover": "true", "hold_release": "true", "scope": "true", "ledger": "true",
            "withholding": "true", "served": "true", "follow": "true", "hash_tile": "true",
        }  # fmt: skip
        return {
            table: self.sql(
                f"SELECT t::text FROM {table} t WHERE {where} ORDER BY 1", (gone,) if "%s" in where else ()
            )
            for table, where in tables.items()
        }


def day_before(at: datetime = NOW) -> date:
    """The newest last day that is due at that time."""
    return (at + timedelta(hours=9)).date() - timedelta(days=1)
