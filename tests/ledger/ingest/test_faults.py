"""Whatever happens to a ledger, its database, its topics and its clock: nothing is lost, nothing is taken in twice."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ledger.ingest.crashing import PREFIX, RECORDS, Step, the_log
from ledger.ingest.lodging import ORIGIN, Lodging, UnsoundError, message, quick, record
from local_postgres import small_disk
from sekisho.ledger import leaves
from sekisho.ledger.ingest import acceptance
from sekisho.ledger.ingest.lane import Seat
from sekisho.ledger.ingest.records import ReadRecords, RecordsDesk, RecordsLane
from sekisho.ledger.ingest.shard import Shard, Source
from sekisho.ledger.store.connection import Connection, session
from sekisho.ledger.store.schema import migrate
from sekisho.log.memory import MemoryLog
from sekisho.log.port import Partition, PartitionReader, UnavailableError

pytestmark = pytest.mark.database
TESTS = Path(__file__).parents[2]


@pytest.mark.parametrize("step", list(Step))
async def test_a_ledger_killed_at_any_step_takes_everything_in_once(step: Step, ledger_database: str) -> None:
    """SIGKILL after fetching, after reading, in the transaction, before its commit, right after it; then one that lives."""
    for skip in (0, 3):
        crashed = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "ledger.ingest.crashing", step.name, str(skip), ledger_database],
            env={**os.environ, "PYTHONPATH": str(TESTS)},
            capture_output=True,
            timeout=240,
            check=False,
        )
        assert crashed.returncode == -signal.SIGKILL, crashed.stderr[-2000:]
    lodging = Lodging(await the_log(), ledger_database, PREFIX)
    await lodging.ledger()
    await lodging.until_taken(2 * RECORDS)
    await lodging.complete()
    await lodging.close()


async def test_a_second_ledger_waits_and_takes_over(lodging: Lodging) -> None:
    """It is unready as a standby, writes nothing, and goes on where the first one was."""
    first = await lodging.ledger()
    await lodging.records(*(record(number) for number in range(20)))
    await lodging.until_taken(20)
    second = await lodging.ledger()
    await lodging.until(lambda: second.causes() == {"standby"})
    await first.service.stop()
    await lodging.records(*(record(number) for number in range(20, 40)))
    await lodging.until_taken(40)
    await lodging.until(lambda: second.health.ready)
    await lodging.complete()


class FrozenLane(RecordsLane):
    """Stops with a batch in hand until it is thawed: a process that was suspended."""

    def __init__(self, seat: Seat, source: Source, desk: RecordsDesk) -> None:
        super().__init__(seat, source, desk)
        self.holding = asyncio.Event()
        self.thawed = asyncio.Event()

    async def take_in(self, conn: Connection, shard: Shard, batch: ReadRecords) -> Shard:  # type: ignore[override]
        self.holding.set()
        await self.thawed.wait()
        return await super().take_in(conn, shard, batch)


async def test_a_zombie_is_fenced_and_becomes_a_standby(lodging: Lodging) -> None:
    """It lost the lock while it was frozen with a batch in hand; another took that in. Thawed, it writes nothing more."""
    frozen: list[FrozenLane] = []

    def lane(seat: Seat, source: Source, desk: RecordsDesk) -> FrozenLane:
        frozen.append(FrozenLane(seat, source, desk))
        return frozen[-1]

    zombie = await lodging.ledger(limits=quick(check_seconds=3600), records=lane)
    await lodging.records(*(record(number) for number in range(20)))
    await lodging.until(lambda: any(each.holding.is_set() for each in frozen))
    _end_locks(lodging.url)
    await lodging.ledger()
    await lodging.until_taken(20)
    for each in frozen:
        each.thawed.set()
    await lodging.until(lambda: zombie.value("sekisho_ledger_transactions_total", outcome="fenced") >= 1)
    await lodging.until(lambda: "standby" in zombie.causes())
    await lodging.records(*(record(number) for number in range(20, 30)))
    await lodging.until_taken(30)
    await lodging.complete()


def _end_locks(url: str) -> None:
    """Ends the session that holds the service's lock, as a server does with a client that is gone."""
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND granted "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )


class ForgetfulLane(RecordsLane):
    """A control: begins from the topic's start whatever the head says, and writes as if the head agreed."""

    async def take(self, conn: Connection, reader: PartitionReader) -> Shard:
        shard = await super().take(conn, reader)
        return shard._replace(head=shard.head._replace(next_offset=0))


async def test_without_the_fence_a_double_ingestion_is_there_and_found(
    lodging: Lodging, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: head's condition, the table's own rule and the position taken away, messages stand there twice, and the
    check of offsets finds it. With any of the three in place nothing is written twice (the other tests)."""
    await lodging.records(*(record(number) for number in range(10)))
    first = await lodging.ledger()
    await lodging.until_taken(10)
    await first.service.stop()
    from sekisho.ledger.store import append

    monkeypatch.setattr(append, "_MOVE", append._MOVE.replace("AND next_offset = %(next)s", ""))
    with psycopg.connect(lodging.url, autocommit=True) as admin:
        admin.execute("ALTER TABLE sekisho_ledger.leaf DROP CONSTRAINT leaf_log_id_koff_key")
    await lodging.ledger(records=ForgetfulLane)

    async def found() -> bool:
        try:
            await lodging.logs()
        except UnsoundError as error:
            return "after" in str(error)
        return False

    await lodging.until(found)


async def test_a_double_ingestion_is_refused_by_the_fence(lodging: Lodging) -> None:
    """A lane that forgets its position writes nothing: the head is not where it believes."""
    await lodging.records(*(record(number) for number in range(10)))
    first = await lodging.ledger()
    await lodging.until_taken(10)
    await first.service.stop()
    second = await lodging.ledger(records=ForgetfulLane)
    await lodging.until(lambda: second.value("sekisho_ledger_transactions_total", outcome="fenced") >= 1)
    await lodging.complete()


# the topics


async def test_a_topic_made_anew_is_refused_until_an_operator_accepts_it(lodging: Lodging) -> None:
    """Another id under the same name: nothing is taken in; accepted, new logs name the old ones."""
    first = await lodging.ledger()
    await lodging.records(record(1), record(2))
    await lodging.until_taken(2)
    await lodging.log.delete(lodging.topics.records)
    await lodging.log.create(lodging.topics.records, 2, 1, {})
    await lodging.records(*(record(number) for number in range(10, 20)))
    await lodging.until(lambda: first.causes() == {"topic_changed"})
    assert await lodging.count() == 2
    async with session(lodging.url, "writer") as conn:
        said = acceptance.Statement("op-1", "the cluster was rebuilt")
        opened = await acceptance.accept_topics(
            conn, lodging.log, lodging.topics, ORIGIN, lodging.clock.clocks, said
        )
    assert len(opened) == 2
    await lodging.until_taken(12)
    # listed by origin: which of the two topic ids comes first is chance
    both = [each for each in await lodging.shards() if each.partition == 0]
    old, new = sorted(both, key=lambda each: each.origin in opened)
    genesis = new.leaves[0]
    assert isinstance(genesis, leaves.Genesis)
    assert genesis.predecessor is not None
    assert genesis.predecessor.origin == old.origin
    assert old.leaves[-1].kind == "close"
    first_leaf = new.leaves[1]
    assert isinstance(first_leaf, leaves.PayloadLeaf)
    assert (first_leaf.offset, first_leaf.prev_offset) == (0, None)


async def test_there_is_nothing_to_accept_of_topics_that_are_the_same(lodging: Lodging) -> None:
    """The command refuses, and writes nothing."""
    await lodging.ledger()
    await lodging.records(record(1))
    await lodging.until_taken(1)
    async with session(lodging.url, "writer") as conn:
        said = acceptance.Statement("op-1", "none")
        with pytest.raises(acceptance.NothingToAcceptError):
            await acceptance.accept_topics(
                conn, lodging.log, lodging.topics, ORIGIN, lodging.clock.clocks, said
            )
        with pytest.raises(acceptance.NothingToAcceptError):
            await acceptance.accept_clock(conn, ORIGIN, lodging.clock.clocks, said)


async def test_messages_that_are_gone_unread_stop_the_lane(lodging: Lodging) -> None:
    """Somebody deleted what the ledger had not: it does not pass over the hole; the other partition goes on."""
    first = await lodging.ledger()
    await lodging.records(record(1))
    await lodging.until_taken(1)
    await first.service.stop()
    await lodging.records(*(record(number) for number in range(2, 12)))
    await lodging.log.delete_records(Partition(lodging.topics.records, 0), 8)
    second = await lodging.ledger()
    await lodging.until(lambda: "offset_lost" in second.causes())
    await lodging.records(record(20), partition=1)
    await lodging.until_taken(2)
    assert await lodging.count() == 2


async def test_a_new_database_on_a_topic_that_was_trimmed_is_refused(lodging: Lodging) -> None:
    """What stood before is in another database: restore that, do not begin a fork."""
    await lodging.records(*(record(number) for number in range(10)))
    await lodging.log.delete_records(Partition(lodging.topics.records, 0), 4)
    ledger = await lodging.ledger()
    await lodging.until(lambda: "offset_lost" in ledger.causes())
    told = next(each for each in ledger.health.conditions() if each.cause == "offset_lost")
    assert "backup" in told.why
    assert await lodging.count() == 0


async def test_a_message_that_cannot_be_decoded_keeps_its_place(lodging: Lodging) -> None:
    """The client cannot read its bytes: its offset is taken in as unreadable, and what follows too."""
    from faults.unsafe_memory import UnsafeFaults

    assert isinstance(lodging.log, MemoryLog)
    await lodging.records(record(1))
    UnsafeFaults(lodging.log).append_undecodable(Partition(lodging.topics.records, 0))
    await lodging.records(record(2))
    await lodging.ledger()
    await lodging.until_taken(3)
    (log,) = [each for each in await lodging.shards() if each.partition == 0]
    assert [each.kind for each in log.leaves] == ["genesis", "record", "unreadable", "record"]


class DeafReader:
    """A reader whose broker is away while the test says so."""

    def __init__(self, reader: PartitionReader, away: asyncio.Event) -> None:
        self._reader, self._away = reader, away

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    async def fetch(
        self, timeout_ms: int, max_records: int | None = None, only: Sequence[Partition] = ()
    ) -> Mapping[Partition, Sequence[Any]]:
        """Raises UnavailableError while the broker is away."""
        if self._away.is_set():
            raise UnavailableError("no broker")
        return await self._reader.fetch(timeout_ms, max_records, only)


class DeafLog:
    """A log whose readers' broker goes away."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self.away = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    def partition_reader(self, *, committed: bool = True) -> Any:
        """A reader that fails while the broker is away."""
        return DeafReader(self._log.partition_reader(committed=committed), self.away)


async def test_while_kafka_is_away_the_ledger_waits(lodging: Lodging, memory_log: MemoryLog) -> None:
    """It is unready and says why; when Kafka is back it goes on."""
    log = DeafLog(memory_log)
    ledger = await lodging.ledger(log=log)
    await lodging.until(lambda: ledger.health.ready)
    log.away.set()
    await lodging.until(lambda: "log_unavailable" in ledger.causes())
    await lodging.records(*(record(number) for number in range(5)))
    log.away.clear()
    await lodging.until_taken(5)
    await lodging.until(lambda: ledger.health.ready)
    await lodging.complete()


# the clock


async def test_a_clock_far_behind_writes_nothing_until_a_step_back_is_accepted(lodging: Lodging) -> None:
    """Set back by an hour it stops; accepted in writing it goes on, and the act stands in the log of acts."""
    ledger = await lodging.ledger()
    lodging.clock.off = 3600
    await lodging.records(record(1))
    await lodging.until_taken(1)
    lodging.clock.off = 0
    await lodging.records(record(2))
    await lodging.until(lambda: "clock_skew" in ledger.causes())
    assert await lodging.count() == 1
    async with session(lodging.url, "writer") as conn:
        said = acceptance.Statement("op-1", "the host was an hour ahead")
        await acceptance.accept_clock(conn, ORIGIN, lodging.clock.clocks, said)

    async def both() -> bool:
        async with session(lodging.url, "reader") as conn:
            found = await conn.execute("SELECT count(*) FROM payload WHERE kind = 'record'")
            row = await found.fetchone()
        return row is not None and row[0] == 2

    await lodging.until(both)


async def test_a_clock_a_little_behind_takes_the_logs_time(lodging: Lodging) -> None:
    """Within what clocks may differ nothing stops, and time does not go back."""
    await lodging.ledger()
    lodging.clock.off = 3
    await lodging.records(record(1))
    await lodging.until_taken(1)
    lodging.clock.off = 0
    await lodging.records(record(2))
    await lodging.until_taken(2)
    await lodging.complete()


# the database


@asynccontextmanager
async def steady_load(lodging: Lodging) -> AsyncIterator[list[int]]:
    """Records that go on coming; gives how many there are."""
    sent = [0]

    async def send() -> None:
        while True:
            await lodging.records(*(record(sent[0] + number) for number in range(10)))
            sent[0] += 10
            await asyncio.sleep(0.02)

    task = asyncio.create_task(send())
    try:
        yield sent
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("how", ["kill", "restart"])
async def test_a_database_that_dies_under_load_loses_nothing(
    how: str, memory_log: MemoryLog, topic_prefix: str, own_postgres: Any
) -> None:
    """Killed (or stopped) twice in the midst of batches and started again: everything is there once."""
    migrate(own_postgres.url)
    lodging = Lodging(memory_log, own_postgres.url, topic_prefix)
    await lodging.create()
    ledger = await lodging.ledger()
    async with steady_load(lodging) as sent:
        for _ in range(2):
            before = await lodging.count()
            await lodging.until_taken(before + 50)
            if how == "kill":
                await asyncio.to_thread(own_postgres.kill)
                await lodging.until(lambda: "database_unavailable" in ledger.causes())
                await asyncio.to_thread(own_postgres.start)
            else:
                await asyncio.to_thread(own_postgres.restart)
    await lodging.until_taken(sent[0])
    await lodging.until(lambda: ledger.health.ready)
    await lodging.complete()
    await lodging.close()


async def test_a_full_disk_stops_nothing_but_time(
    memory_log: MemoryLog, topic_prefix: str, tmp_path: Path, make_postgres: Any
) -> None:
    """The database's disk is full: unready, nothing half written; with room again everything comes in."""
    with small_disk(tmp_path / "disk", "96m") as folder:
        postgres = make_postgres(data_dir=folder / "pg", properties={"max_wal_size": "32MB"})
        await asyncio.to_thread(postgres.start)
        migrate(postgres.url)
        lodging = Lodging(memory_log, postgres.url, topic_prefix)
        await lodging.create()
        ledger = await lodging.ledger()
        await lodging.records(record(1))
        await lodging.until_taken(1)
        ballast = folder / "ballast"
        with ballast.open("wb") as file:
            while True:
                try:
                    file.write(b"\0" * 65_536)
                    file.flush()
                except OSError:
                    break
        wide: dict[str, Any] = {"items": [f"savings.item-{number:04d}" for number in range(4_000)]}
        for at in range(2, 62, 10):
            await lodging.records(*(record(number, **wide) for number in range(at, at + 10)))
        await lodging.until(lambda: bool(ledger.causes() & {"disk_full", "database_unavailable"}))
        ballast.unlink()
        if not await asyncio.to_thread(postgres.is_running):
            await asyncio.to_thread(postgres.start)
        await lodging.until_taken(61)
        await lodging.complete()
        await lodging.close()
        await asyncio.to_thread(postgres.stop)


def test_a_message_of_the_tests_is_a_gates(lodging: Lodging) -> None:
    """The records that all this is about are what the contract says."""
    from sekisho.contracts import provision_records

    assert provision_records.decode(message(record(1)).value or b"").record_id == record(1)["record_id"]
