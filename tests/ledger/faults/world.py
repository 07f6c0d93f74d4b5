"""A realistic ledger over five years, made with the product's own parts and clocks that only go by this script.

Two partitions, years that are closed and followed, batches and contracts that go on and end, a legal hold that grows, purges,
decisions of a concluded policy, a new key. All that is due is deleted at the end, but for what is held.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import psycopg

from sekisho.domain.calendar import tokyo_day
from sekisho.domain.retention import retention
from sekisho.ledger.ingest.building import Known, Moment, build, stated, turns
from sekisho.ledger.ingest.policies import body, read_policy
from sekisho.ledger.ingest.pseudonyms import Pseudonyms
from sekisho.ledger.ingest.reading import Particulars, RecordReader, Taken
from sekisho.ledger.ingest.scope_rows import states
from sekisho.ledger.ingest.scopes import Stated
from sekisho.ledger.ingest.shard import Shard, Source, begin, find, follow_on
from sekisho.ledger.keeping.extending import extend_record
from sekisho.ledger.keeping.holding import Named, place, release
from sekisho.ledger.keeping.keeping import Keeping, Statement
from sekisho.ledger.keeping.purging import purge
from sekisho.ledger.merkle.note import SignerKey
from sekisho.ledger.publish import meta
from sekisho.ledger.publish.keys import KeyPlaces
from sekisho.ledger.publish.publisher import Clocks, NoEvents, Publisher, PublishSetup
from sekisho.ledger.publish.rotation import rotate_key
from sekisho.ledger.publish.starting import open_publisher
from sekisho.ledger.store import append, connection, holds, scopes
from sekisho.log.port import Partition

ORIGIN: Final = "ledger.example/sekisho"
TOPIC_ID: Final = "AbCdEfGhIjKlMnOpQrStUv"
OUTCOMES_ID: Final = "ZyXwVuTsRqPoNmLkJiHgFe"
SUBJECT_KEY: Final = b"k" * 32
BEGAN: Final = datetime(2022, 11, 1, 1, tzinfo=UTC)
ENDED: Final = datetime(2026, 11, 20, 3, tzinfo=UTC)
HELD_SUBJECT: Final = "C-000007"
STEP: Final = timedelta(seconds=1)


@dataclass
class Message:
    """A record as read from a topic."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int = 0
    headers: Sequence[tuple[str, bytes]] = ()


@dataclass
class World:
    """The ledger's places, and its clock."""

    url: str
    folder: Path
    at: datetime = BEGAN
    offsets: dict[tuple[str, int], int] = field(default_factory=dict)

    @property
    def published(self) -> Path:
        """The published files."""
        return self.folder / "published"

    def now(self) -> datetime:
        """Goes on by a second whenever it is asked."""
        self.at += STEP
        return self.at

    def next_offset(self, topic: str, partition: int) -> int:
        """Kafka's offsets have gaps: each third one is a transaction's marker."""
        offset = self.offsets.get((topic, partition), 0)
        self.offsets[topic, partition] = offset + (2 if offset % 3 == 2 else 1)
        return offset

    @property
    def setup(self) -> PublishSetup:
        """Every checkpoint is entered in the log of logs at once."""
        return PublishSetup(
            ORIGIN, self.published, KeyPlaces(self.folder / "keys"), meta_seconds=0.5, grace_seconds=5
        )

    async def publisher(self, conn: connection.Connection) -> Publisher:
        """The product's, with this world's clock."""
        steady = iter(range(1_000_000))
        return await open_publisher(
            conn, self.setup, Clocks(self.now, lambda: float(next(steady))), NoEvents()
        )

    async def publish(self) -> None:
        """Signs and publishes all."""
        async with connection.session(self.url, "writer") as conn:
            await (await self.publisher(conn)).publish(conn, enter_all=True)

    async def database_now(self, _conn: connection.Connection) -> datetime:
        """The database's clock goes by this world's."""
        return self.now()

    @property
    def keeping(self) -> Keeping:
        """The product's, with this world's clocks."""
        return Keeping(
            self.url, ORIGIN, skew_seconds=30, publish_now=self.publish, host_now=self.now, database_now=self.database_now
        )  # fmt: skip


def record_document(number: int, at: datetime, **told: Any) -> dict[str, Any]:
    """A provision record as the gate writes one."""
    method = told.get("method", "individual")
    last = told.get("last_provision")
    kept = retention(method, tokyo_day(at), None if last is None else date.fromisoformat(last))
    return {
        "record_id": str(uuid.UUID(bytes=sha256(f"record {number}".encode()).digest()[:16])),
        "basis": "provision.consent",
        "method": method,
        "created_at": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "provided_on": tokyo_day(at).isoformat(),
        "first_provision": None,
        "last_provision": last,
        "controller": "savings-bank",
        "direction": "provision",
        "counterparty": {
            "id": "life-insurer", "name": "サンプル生命保険株式会社", "address": "東京都千代田区", "representative": "代表取締役",
            "country": "JP", "unspecified_many": False,
        },
        "subject": {"id": f"C-{number % 40:06}", "kind": "individual"},
        "items": ["savings.balance", "savings.maturity_date"],
        "consent": {
            "statement": "本人の同意を得ている（CS-1）", "consent_id": "CS-1", "position": {"partition": 3, "offset": 41},
        },
        "acquisition": None,
        "ppc_publication": None,
        "foreign": None,
        "agreement": None,
        "document": None,
        "refers_to": None,
        "retain_until": None if kept.until is None else kept.until.isoformat(),
        "retention_rule": kept.rule,
        "decision_id": str(uuid.UUID(bytes=sha256(f"decision {number}".encode()).digest()[:16])),
        "request_id": str(uuid.UUID(bytes=sha256(f"request {number}".encode()).digest()[:16])),
        "request_position": {"topic": "sekisho-access-requests", "partition": 3, "offset": number},
        "rulebook": {"version": "2022.11.1", "digest": "sha256:" + "0" * 64},
        **told,
    }  # fmt: skip


class Making:
    """Makes the ledger, a step after the other."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.pseudonyms = Pseudonyms(SUBJECT_KEY)
        self.reader = RecordReader(self.pseudonyms)
        self.number = 0
        self.shelves: set[date] = set()

    async def everything(self) -> None:
        """All five years."""
        world = self.world
        await world.publish()
        await self.records(0, 560)
        await self.records(1, 30)
        await self.records(0, 3, method="batch", agreement="AG-1")
        await self.records(
            1, 2, method="contract", document="DOC-1", subject={"id": "C-000001", "kind": "individual"}
        )
        await self.unreadable(1)
        await self.policy("C-000003", None)
        await place(world.keeping, Named(subject_id=HELD_SUBJECT), self.pseudonyms.subject(HELD_SUBJECT), WHY)
        released = await place(
            world.keeping, Named(subject_id="C-000008"), self.pseudonyms.subject("C-000008"), WHY
        )
        await world.publish()
        world.at = datetime(2023, 2, 1, 1, tzinfo=UTC)
        await self.records(0, 45)
        await self.records(1, 25)
        await self.records(1, 2, method="batch", agreement="AG-1", last_provision="2023-02-01")
        await self.policy("C-000003", "2033-01-31")
        await world.publish()
        world.at = datetime(2024, 5, 1, 1, tzinfo=UTC)
        await self.records(0, 12)
        await extend_record(world.keeping, _record_id(5), date(2030, 3, 31), WHY)
        await release(world.keeping, released.hold, WHY)
        await self.rotate()
        world.at = datetime(2026, 3, 20, 3, tzinfo=UTC)
        await self.records(1, 10)
        done = await purge(world.keeping, rewrite=False)
        assert done.purged > 500
        assert done.held > 5
        world.at = ENDED
        await self.records(0, 10)
        await self.records(1, 10)
        self._opened_then()
        await world.publish()

    async def records(self, partition: int, count: int, **told: Any) -> None:
        """So many records in one batch."""
        world = self.world
        at = world.now()
        messages = []
        for _ in range(count):
            self.number += 1
            document = record_document(self.number, at, **told)
            value = json.dumps(document, ensure_ascii=False, indent=1).encode()
            messages.append(
                self._message(
                    "records", partition, document["subject"]["id"], value, "sekisho.provision.recorded.v1"
                )
            )
        taken = self.reader.take(messages)
        assert all(each.particulars is not None for each in taken), taken[0].problem
        await self._write(self._source("records", partition), taken, stated(taken))

    async def unreadable(self, partition: int) -> None:
        """A message that is no record."""
        message = self._message("records", partition, "C-1", b'{"what": 1}', "sekisho.provision.recorded.v1")
        await self._write(self._source("records", partition), self.reader.take([message]), {})

    async def policy(self, subject: str, until: str | None) -> None:
        """A concluded policy with one decision that served it."""
        at = self.world.now().replace(microsecond=0)
        concluded = "2022-11-01T12:00:00+09:00"
        outcome = {
            "event_id": f"ev-{until}", "subject_id": subject, "concluded_at": concluded, "organization": "post-office",
            "operator": None, "branch": None, "product": "P-1", "insurance_until": until, "consent_id": "CS-1",
        }  # fmt: skip
        message = self._message(
            "outcomes", 0, subject, json.dumps(outcome).encode(), "sekisho.solicitation.concluded.v1"
        )
        policy = read_policy(message, self.pseudonyms)
        told = body(policy, [{"decision_id": f"d-{until}", "subject_id": subject, "effect": "allow"}], ())
        salt = os.urandom(32)
        particulars = Particulars(
            None, None, None, None, None, policy.outcome.organization, None, None, policy.outcome.concluded_at,
            policy.outcome.insurance_until, policy.subject, policy.scope_key, None,
        )  # fmt: skip
        commit = sha256(b"sekisho/payload/v1\0" + salt + told).hexdigest()
        taken = Taken("decision", message.offset, str(uuid.uuid4()), salt, told, commit, particulars)
        end = policy.outcome.insurance_until
        changes = {policy.scope_key: [Stated(end, None if end is None else at)]}
        await self._write(self._source("outcomes", 0), [taken], changes)

    def _opened_then(self) -> None:
        """The database notes by its own clock when it opened a log; which keys are listed for the log goes by that."""
        with psycopg.connect(self.world.url, autocommit=True) as admin:
            admin.execute("ALTER TABLE sekisho_ledger.log DISABLE TRIGGER append_only")
            admin.execute(
                "UPDATE sekisho_ledger.log SET opened_at = make_timestamptz(coalesce(year, 2022), 1, 2, 0, 0, 0)"
            )
            admin.execute("ALTER TABLE sekisho_ledger.log ENABLE ALWAYS TRIGGER append_only")

    async def rotate(self) -> None:
        """Another key; the old one is kept beside, as no operator should."""
        old = self.world.folder / "keys" / "signing.key"
        (self.world.folder / "old.key").write_text(SignerKey.from_text(old.read_text().strip()).seed.hex())
        async with connection.session(self.world.url, "writer") as conn:
            publisher = await self.world.publisher(conn)
            await rotate_key(conn, publisher, meta.Statement("op-9", "yearly"))
        await self.world.publish()

    def _source(self, kind: Any, partition: int) -> Source:
        topic = "sekisho-provision-records" if kind == "records" else "sekisho-solicitation-outcomes"
        return Source(
            kind, Partition(topic, partition), TOPIC_ID if kind == "records" else OUTCOMES_ID, ORIGIN
        )

    def _message(self, topic: str, partition: int, key: str, value: bytes, type_: str) -> Any:
        headers = (
            ("ce_specversion", b"1.0"), ("ce_type", type_.encode()), ("ce_id", b"1"), ("ce_source", b"/test"),
            ("ce_time", b"2022-11-01T00:00:00Z"), ("content-type", b"application/json"),
        )  # fmt: skip
        return Message(
            topic, partition, self.world.next_offset(topic, partition), key.encode(), value, 0, headers
        )

    async def _write(self, source: Source, taken: Sequence[Taken], changes: Any) -> None:
        at = self.world.now()
        async with connection.session(self.world.url, "writer") as conn:
            shard = await self._shard(conn, source, at)
            scope_of = await scopes.scopes(conn, sorted(changes)) if changes else {}
            days = {None if each.particulars is None else each.particulars.retain_until for each in taken}
            await append.ensure_shelves(conn, days, self.shelves)
            async with connection.transaction(conn, keeping="shared"):
                known = Known(
                    scope_of,
                    await states(conn, tuple(scope_of.values()), turns(changes, scope_of))
                    if scope_of
                    else {},
                    (await holds.active_holds(conn)).holds,
                )
                moment = Moment(self.world.now(), lambda: str(uuid.uuid4()))
                await append.write(conn, build(shard, taken, known, changes, taken[-1].offset + 1, moment))

    async def _shard(self, conn: connection.Connection, source: Source, at: datetime) -> Shard:
        shard = await find(conn, source)
        if shard is None:
            return await begin(conn, source, at, 0, lambda: str(uuid.uuid4()))
        if shard.log.year != tokyo_day(at).year:
            return await follow_on(conn, source, shard, at, lambda: str(uuid.uuid4()))
        return shard


WHY: Final = Statement("a court asks", "op-7")


def _record_id(number: int) -> str:
    return str(uuid.UUID(bytes=sha256(f"record {number}".encode()).digest()[:16]))
