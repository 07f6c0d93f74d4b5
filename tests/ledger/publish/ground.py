"""A ledger in a test's hands: it grows as the test says, and is published as the product does it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import psycopg

from sekisho.ledger import leaves
from sekisho.ledger.merkle.checkpoint import Checkpoint, open_checkpoint
from sekisho.ledger.merkle.note import VerifierKey
from sekisho.ledger.merkle.tree import Frontier, leaf_hashes
from sekisho.ledger.publish.key_history import time_text
from sekisho.ledger.publish.keys import KeyPlaces
from sekisho.ledger.publish.publisher import Clocks, Publisher, PublishSetup
from sekisho.ledger.publish.starting import open_publisher
from sekisho.ledger.store import logs
from sekisho.ledger.store.append import append
from sekisho.ledger.store.connection import Connection
from sekisho.ledger.store.rows import Batch, LeafRow, LogKind, NewLog

ORIGIN: Final = "ledger.example/sekisho"
TOPIC_ID: Final = "AbCdEfGhIjKlMnOpQrStUv"
LOG: Final = f"provision-records/{TOPIC_ID}/0/2026"
OTHER: Final = f"provision-records/{TOPIC_ID}/1/2026"
_TRIGGERS: Final = """
    SELECT tgrelid::regclass::text, tgname FROM pg_trigger
    WHERE NOT tgisinternal AND tgrelid IN ('leaf'::regclass, 'log_head'::regclass, 'checkpoint'::regclass, 'hash_tile'::regclass,
        'log'::regclass)
"""
STEP: Final = 2_000
"""Leaves that one append takes in at most, as batches do."""


class Turned:
    """A clock that goes on by a second whenever it is asked, and that the test turns."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 21, 1, tzinfo=UTC)
        self.seconds = 0.0

    def now(self) -> datetime:
        """The time of day."""
        self.at += timedelta(seconds=1)
        return self.at

    def steady(self) -> float:
        """Seconds that only grow."""
        self.seconds += 1
        return self.seconds


@dataclass
class Told:
    """What the publisher told: the newest size of each log, and those that it stopped."""

    sizes: dict[str, int] = field(default_factory=dict)
    stops: dict[str, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    publications: int = 0

    def signed(self, origin: str, kind: str, size: int, at: datetime) -> None:
        """PublishEvents."""
        self.sizes[origin] = size

    def stopped(self, origin: str, why: str) -> None:
        """PublishEvents."""
        self.stops[origin] = why

    def published(self) -> None:
        """PublishEvents."""
        self.publications += 1

    def failed(self, cause: str, why: str) -> None:
        """PublishEvents."""
        self.failures.append(cause)


@dataclass
class Ground:
    """One ledger: its database, its folder, its clock."""

    url: str
    folder: Path
    conn: Connection
    clock: Turned = field(default_factory=Turned)
    told: Told = field(default_factory=Told)
    sizes: dict[str, int] = field(default_factory=dict)

    @property
    def published(self) -> Path:
        """The published files."""
        return self.folder / "published"

    @property
    def places(self) -> KeyPlaces:
        """Where the keys are."""
        return KeyPlaces(self.folder / "keys")

    @property
    def setup(self) -> PublishSetup:
        """As the settings would have it, every checkpoint entered at once."""
        return PublishSetup(ORIGIN, self.published, self.places, meta_seconds=0.5, grace_seconds=5)

    @property
    def clocks(self) -> Clocks:
        """The turned clock."""
        return Clocks(self.clock.now, self.clock.steady)

    async def open(self, **given: Any) -> Publisher:
        """A publisher as a starting process has it."""
        return await open_publisher(self.conn, self.setup, self.clocks, self.told, **given)

    async def publish(self, **given: Any) -> Publisher:
        """Start a process and publish all there is."""
        publisher = await self.open(**given)
        await publisher.publish(self.conn, enter_all=True)
        return publisher

    # growth

    async def grow(self, count: int, log: str = LOG, *, closes: bool = False) -> None:
        """Append leaves to a log, which is opened by the first; `closes`: the last one is its `close`."""
        while count > 0:
            step = min(count, STEP)
            await self._append(step, log, closes=closes and step == count)
            count -= step

    async def _append(self, count: int, log: str, *, closes: bool) -> None:
        origin = f"{ORIGIN}/{log}"
        known = await logs.log_of(self.conn, origin)
        head = None if known is None else await logs.head(self.conn, known.log_id)
        size, at = (0, self.clock.now()) if head is None else (head.size, self.clock.now())
        texts = [leaf(log, index, at) for index in range(size, size + count)]
        if closes:
            texts[-1] = close(log, size + count, at)
        hashes = leaf_hashes(texts)
        before = Frontier() if head is None else Frontier.from_bytes(size, head.frontier)
        offset = 0 if head is None else head.next_offset
        batch = Batch(
            log=new_log(origin, log) if known is None else known.log_id,
            size=size,
            next_offset=offset,
            new_next_offset=offset + count,
            last_offset=offset + count - 1,
            at=at,
            frontier=before.extended(hashes).to_bytes(),
            leaves=[LeafRow(text, hashed) for text, hashed in zip(texts, hashes, strict=True)],
            closes=closes,
        )
        await append(self.conn, batch)

    # what others see

    def note(self, log: str = LOG) -> bytes:
        """A log's published checkpoint."""
        return (self.published / log / "checkpoint").read_bytes()

    def verifier_keys(self) -> list[VerifierKey]:
        """The published keys."""
        lines = (self.published / "keys").read_text().splitlines()
        return [VerifierKey.from_text(line) for line in lines]

    def checkpoint(self, log: str = LOG) -> Checkpoint:
        """A log's published checkpoint, verified by the published keys."""
        return open_checkpoint(self.note(log), self.verifier_keys(), f"{ORIGIN}/{log}")

    # what somebody does to the database who may do everything

    def tamper(self, query: str, *values: Any) -> int:
        """Change the database as a superuser who switches the triggers off. Gives the number of rows."""
        with psycopg.connect(self.url, autocommit=True) as conn:
            conn.execute("SET search_path = sekisho_ledger")
            triggers = conn.execute(_TRIGGERS).fetchall()
            for table, trigger in triggers:
                conn.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
            count = conn.execute(query, values).rowcount
            for table, trigger in triggers:
                conn.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}")
            return count


def kind_of(log: str) -> LogKind:
    """A log's kind, by its name."""
    return {"provision-records": "records", "solicitation-outcomes": "outcomes", "acts": "acts"}[
        log.split("/")[0]
    ]  # type: ignore[return-value]


def new_log(origin: str, log: str) -> NewLog:
    """The log of this folder."""
    if kind_of(log) == "acts":
        return NewLog(origin, "acts", year=int(log.split("/")[-1]))
    _, topic_id, partition, year = log.split("/")
    return NewLog(origin, kind_of(log), "records", topic_id, int(partition), int(year))


def rid(log: str, index: int) -> str:
    """A leaf's id, the same each time."""
    return str(uuid.UUID(bytes=sha256(f"{log} {index}".encode()).digest()[:16]))


def leaf(log: str, index: int, at: datetime) -> bytes:
    """A genesis, or else a record's leaf."""
    if index == 0:
        return genesis(log, at)
    return leaves.PayloadLeaf(
        kind="record",
        rid=rid(log, index),
        ingested_at=time_text(at),
        topic_id=TOPIC_ID,
        partition=0,
        offset=index,
        prev_offset=index - 1 if index > 1 else None,
        commit=sha256(f"commit {log} {index}".encode()).hexdigest(),
        retain_until="2029-11-21",
        scope=None,
    ).encoded()


def genesis(log: str, at: datetime, predecessor: leaves.Predecessor | None = None) -> bytes:
    """The first leaf of a log."""
    new = new_log(f"{ORIGIN}/{log}", log)
    return leaves.Genesis(
        rid=rid(log, 0),
        ingested_at=time_text(at),
        origin=new.origin,
        topic=new.topic,
        topic_id=new.topic_id,
        partition=new.partition,
        year=new.year,
        next_offset="0",
        predecessor=predecessor,
    ).encoded()


def close(log: str, size: int, at: datetime) -> bytes:
    """The last leaf of a year's log."""
    return leaves.Close(
        rid=rid(log, size - 1),
        ingested_at=time_text(at),
        next=f"{ORIGIN}/{log.rsplit('/', 1)[0]}/2027",
        size=str(size),
    ).encoded()
