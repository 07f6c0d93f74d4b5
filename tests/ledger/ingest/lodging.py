"""Ledgers in a test's hands: topics to write to, services on a real PostgreSQL, and what came to stand in the database."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from pydantic_core import from_json

from sekisho.contracts import provision_records, solicitation_outcomes
from sekisho.contracts.envelope import binary_headers
from sekisho.contracts.routing import partition_of
from sekisho.domain.vocabulary import RecordBasis, RecordMethod, values
from sekisho.ledger import leaves
from sekisho.ledger.ingest.clock import Clocks
from sekisho.ledger.ingest.limits import IngestLimits
from sekisho.ledger.ingest.report import LedgerReport
from sekisho.ledger.ingest.service import Duties, LedgerService, LedgerSetup, Publishing
from sekisho.ledger.ingest.topics import LedgerTopics
from sekisho.ledger.leaves import Leaf
from sekisho.ledger.merkle.canonical import canonicalized, commit
from sekisho.ledger.merkle.tree import Frontier, leaf_hash
from sekisho.ledger.store.connection import Connection, session
from sekisho.ledger.store.entries import leaf_chunks
from sekisho.ledger.store.logs import heads
from sekisho.ledger.store.payloads import payload_chunks
from sekisho.ledger.store.rows import Payload
from sekisho.log.port import Log, Outgoing, Partition
from sekisho.telemetry.health import Health
from sekisho.telemetry.ledger import LedgerMetrics

ORIGIN: Final = "ledger.example/sekisho"
PARTITIONS: Final = 2
WAIT_S: Final = 240.0
"""For what must come: generous, the machine is shared."""
SUBJECT_KEY: Final = b"s" * 32
LIMITS: Final = IngestLimits(
    batch_records=50,
    batch_ms=20,
    poll_ms=20,
    clock_skew_seconds=5,
    retry_seconds=0.05,
    retry_max_seconds=0.5,
    statement_seconds=30,
    connect_seconds=10,
    check_seconds=0.1,
    max_lag_seconds=60,
    max_checkpoint_age_seconds=60,
    trim_seconds=0.1,
    trim_safety_days=7,
    stop_seconds=30,
)


class Turnable:
    """A wall clock that a test sets forward and back; else this machine's."""

    def __init__(self) -> None:
        self.off = 0.0

    def now(self) -> datetime:
        """The time."""
        return datetime.fromtimestamp(datetime.now(UTC).timestamp() + self.off, UTC)

    @property
    def clocks(self) -> Clocks:
        """As the ledger takes them."""
        return Clocks(self.now, time.monotonic)


def record(number: int, subject: str | None = None, **changes: Any) -> dict[str, Any]:
    """A provision record as a gate writes it, with fields changed."""
    subject = subject or f"C-{number:06d}"
    found: dict[str, Any] = {
        "record_id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"record-{number}-{subject}")),
        "basis": "provision.consent",
        "method": "individual",
        "created_at": "2026-11-21T01:00:00.123456Z",
        "provided_on": "2026-11-21",
        "first_provision": None,
        "last_provision": None,
        "controller": "savings-bank",
        "direction": "provision",
        "counterparty": {
            "id": "life-insurer",
            "name": "保険株式会社",
            "address": "東京都千代田区1-1",
            "representative": "代表 太郎",
            "country": "JP",
            "unspecified_many": False,
        },
        "subject": {"id": subject, "kind": "individual"},
        "items": ["savings.balance"],
        "consent": {
            "statement": "本人の同意を得ている",
            "consent_id": "CS-2",
            "position": {"partition": 3, "offset": 41},
        },
        "acquisition": None,
        "ppc_publication": None,
        "foreign": None,
        "agreement": None,
        "document": None,
        "refers_to": None,
        "retain_until": "2029-11-21",
        "retention_rule": "ER 21(iii)",
        "decision_id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"decision-{number}")),
        "request_id": f"request-{number}",
        "request_position": {"topic": "access-requests", "partition": 0, "offset": number},
        "rulebook": {"version": "2026.11.1", "digest": "sha256:" + "a" * 64},
    }
    return found | changes


def message(document: dict[str, Any]) -> Outgoing:
    """A record as it is sent."""
    subject = document["subject"]
    key = None if subject is None else subject["id"].encode()
    headers = binary_headers(
        provision_records.TYPE, document["record_id"], "urn:sekisho:gate", document["created_at"]
    )
    return Outgoing(key, json.dumps(document, ensure_ascii=False).encode(), headers)


def outcome(subject: str, **changes: Any) -> Outgoing:
    """A concluded policy as the sales system tells it."""
    document = {
        "event_id": str(uuid.uuid4()),
        "subject_id": subject,
        "concluded_at": "2026-11-21T12:00:00+09:00",
        "organization": "post-office",
        "operator": "op-1",
        "branch": "br-1",
        "product": "life-insurer",
        "insurance_until": "2036-11-20",
        "consent_id": "CS-1",
    } | changes
    headers = binary_headers(
        solicitation_outcomes.TYPE, str(document["event_id"]), "urn:sales", "2026-11-21T03:00:00Z"
    )
    return Outgoing(subject.encode(), json.dumps(document).encode(), headers)


def decision(subject: str, number: int = 0, **changes: Any) -> Outgoing:
    """As much of an allowed decision as the index reads, and more that a body keeps."""
    document = {
        "decision_id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"decision-{subject}-{number}")),
        "request_id": f"request-{number}",
        "organization": "post-office",
        "subject_id": subject,
        "effect": "allow",
        "decided_at": "2026-11-20T01:00:00.123456Z",
        "consents": [
            {"consent_id": "CS-1", "position": {"partition": 0, "offset": 1}, "serves": ["customer.name"]}
        ],
        "duplicate_of": None,
    } | changes
    return Outgoing(subject.encode(), json.dumps(document, separators=(",", ":")).encode())


class Stored(NamedTuple):
    """One log as it stands: its origin, its leaves, its payloads by index."""

    origin: str
    kind: str
    partition: int | None
    leaves: list[Leaf]
    payloads: dict[int, Payload]

    def of(self, *kinds: str) -> list[Leaf]:
        """The leaves of some kinds."""
        return [each for each in self.leaves if each.kind in kinds]

    def offsets(self) -> list[int]:
        """What was taken in, in order."""
        return [each.offset for each in self.leaves if isinstance(each, leaves.PayloadLeaf)]


class UnsoundError(AssertionError):
    """The database does not hold what it must."""


class QuietPublishing:
    """Stands for the publisher where a test is about ingestion alone."""

    def __init__(self) -> None:
        self._stopped = asyncio.Event()

    async def start(self) -> None:
        """Nothing to check."""

    async def stop(self) -> None:
        """Nothing to publish."""
        self._stopped.set()

    async def publish_now(self) -> None:
        """Nothing to publish."""

    async def wait_until_stopped(self) -> None:
        """Until `stop`."""
        await self._stopped.wait()


@dataclass
class Running:
    """A ledger process."""

    service: LedgerService
    health: Health
    metrics: LedgerMetrics

    def causes(self) -> set[str]:
        """Why it is not ready."""
        return {each.cause for each in self.health.conditions() if each.cause is not None}

    def value(self, name: str, **labels: str) -> float:
        """A metric's value; 0 where it has none yet."""
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


@dataclass
class Lodging:
    """Topics, a database, and ledgers on both. `clock` is every ledger's."""

    log: Log
    url: str
    prefix: str
    clock: Turnable = field(default_factory=Turnable)
    running: list[Running] = field(default_factory=list)

    @property
    def topics(self) -> LedgerTopics:
        """The topics' full names."""
        names = ("provision-records", "solicitation-outcomes", "access-decisions")
        return LedgerTopics(*(self.prefix + name for name in names))

    async def create(self) -> None:
        """Makes the topics."""
        for name in self.topics:
            await self.log.create(name, PARTITIONS, 1, {})

    # ledgers

    async def ledger(
        self,
        *,
        limits: IngestLimits = LIMITS,
        log: Log | None = None,
        publishing: Callable[[LedgerReport], Publishing] | None = None,
        others: Sequence[Coroutine[Any, Any, None]] = (),
        url: str | None = None,
        **lanes: Any,
    ) -> Running:
        """Starts a ledger; it may become a standby."""
        health = Health()
        metrics = LedgerMetrics(values(RecordMethod), values(RecordBasis), health)
        clocks = self.clock.clocks
        report = LedgerReport(metrics, health, clocks.steady)
        made = publishing or (lambda _: QuietPublishing())
        duties = Duties(lambda: made(report), self._key, None, lambda _: others)
        setup = LedgerSetup(url or self.url, ORIGIN, self.topics, limits, clocks)
        service = LedgerService(log or self.log, setup, report, duties, **lanes)
        found = Running(service, health, metrics)
        self.running.append(found)
        await service.start()
        return found

    async def _key(self, conn: Connection) -> bytes:
        return SUBJECT_KEY

    async def close(self) -> None:
        """Stops every ledger."""
        for each in self.running:
            await each.service.stop()

    # messages

    def at(self, topic: str, subject: str) -> Partition:
        """Where a person's messages go."""
        return Partition(topic, partition_of(subject, PARTITIONS))

    async def send(self, at: Partition, *messages: Outgoing) -> None:
        """In one transaction."""
        writer = self.log.transactional_writer(f"{self.prefix}w{at.topic}-{at.partition}")
        await writer.start()
        await writer.begin()
        answers = await writer.send(at, messages)
        await asyncio.gather(*answers)
        await writer.commit()
        await writer.stop()

    async def records(self, *documents: dict[str, Any], partition: int = 0) -> None:
        """Provision records, in one partition."""
        await self.send(Partition(self.topics.records, partition), *map(message, documents))

    async def topic_values(self, at: Partition) -> list[tuple[int, bytes]]:
        """What a reader of committed messages finds in a partition."""
        reader = self.log.partition_reader(committed=True)
        await reader.start()
        try:
            await reader.assign({at: await reader.start_offset(at)})
            end, found = await reader.last_stable_offset(at), []
            while await reader.position(at) < end:
                for each in (await reader.fetch(50)).get(at, ()):
                    found.append((each.offset, each.value or b""))
            return found
        finally:
            await reader.stop()

    # what stands in the database

    async def logs(self) -> list[Stored]:
        """Every log, checked as it is read: sound logs only. Raises UnsoundError."""
        found = []
        async with session(self.url, "reader") as conn:
            await conn.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")  # one moment, while ledgers write
            for log, head in await heads(conn):
                stored: list[Leaf] = []
                frontier = Frontier()
                async for chunk in leaf_chunks(conn, log.log_id):
                    hashes = [leaf_hash(each.leaf) for each in chunk]
                    _must([each.hash for each in chunk] == hashes, f"{log.origin}: a leaf's hash")
                    stored.extend(leaves.read(each.leaf) for each in chunk)
                    frontier = frontier.extended(hashes)
                _must(frontier.size == head.size, f"{log.origin}: the size")
                _must(frontier.to_bytes() == head.frontier, f"{log.origin}: the frontier")
                payloads = {row.idx: row async for rows in payload_chunks(conn, log.log_id) for row in rows}
                found.append(Stored(log.origin, log.kind, log.partition, stored, payloads))
                _check(found[-1])
        return found

    async def shards(self, kind: str = "records") -> list[Stored]:
        """The logs of a kind."""
        return [each for each in await self.logs() if each.kind == kind]

    async def complete(self) -> None:
        """That every committed record of the topic stands in the ledger once, in order, as it was sent. Raises UnsoundError."""
        stored = await self.shards()
        for number in range(PARTITIONS):
            mine = [each for each in stored if each.partition == number]
            bodies = [
                (leaf.offset, log.payloads[index].body)
                for log in mine
                for index, leaf in enumerate(log.leaves)
                if isinstance(leaf, leaves.PayloadLeaf)
            ]
            sent = await self.topic_values(Partition(self.topics.records, number))
            _must(
                bodies == [(at, _canonical(value)) for at, value in sent], f"partition {number}: the records"
            )

    async def count(self) -> int:
        """Payload leaves of the records' logs."""
        return sum(len(each.offsets()) for each in await self.shards())

    async def until(self, holds: Callable[[], Awaitable[bool] | bool], seconds: float = WAIT_S) -> None:
        """Waits until something comes true."""
        async with asyncio.timeout(seconds):
            while True:
                found = holds()
                if found if isinstance(found, bool) else await found:
                    return
                await asyncio.sleep(0.05)

    async def until_taken(self, records: int) -> None:
        """Waits until so many messages of the records' topic are in."""

        async def there() -> bool:
            return await self.count() >= records

        await self.until(there)


def quick(**changes: Any) -> IngestLimits:
    """The tests' limits, changed."""
    return replace(LIMITS, **changes)


def document_of(payload: Payload) -> dict[str, Any]:
    """A payload's body."""
    found: dict[str, Any] = from_json(payload.body)
    return found


def _canonical(value: bytes) -> bytes:
    try:
        return canonicalized(value)[1]
    except ValueError:
        return value


def _check(log: Stored) -> None:
    """Offsets strictly increase and are chained, times never go back, each payload is what its leaf commits to."""
    before: int | None = None
    last = ""
    for index, leaf in enumerate(log.leaves):
        _must(leaf.ingested_at >= last, f"{log.origin}@{index}: time goes back")
        last = leaf.ingested_at
        if not isinstance(leaf, leaves.PayloadLeaf):
            continue
        _must(
            before is None or leaf.offset > before,
            f"{log.origin}@{index}: offset {leaf.offset} after {before}",
        )
        _must(before is None or leaf.prev_offset == before, f"{log.origin}@{index}: the chain of offsets")
        before = leaf.offset
        row = log.payloads.get(index)
        _must(
            row is not None and commit(row.salt, row.body).hex() == leaf.commit,
            f"{log.origin}@{index}: payload",
        )
        _must(row is not None and row.rid == leaf.rid, f"{log.origin}@{index}: rid")


def _must(holds: bool, what: str) -> None:
    if not holds:
        raise UnsoundError(what)
