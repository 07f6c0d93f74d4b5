"""The records' topic is emptied behind the ledger, and only there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from faults.unsafe_memory import UnsafeFaults
from ledger.ingest.lodging import ORIGIN, Lodging, Stored, quick, record
from sekisho.ledger.ingest.shard import Source, TopicChangedError
from sekisho.ledger.ingest.trim import Backups, Trimmer, TrimSetup, UnsignedCheckpointError
from sekisho.ledger.merkle.checkpoint import Checkpoint, sign_checkpoint
from sekisho.ledger.merkle.note import SignerKey
from sekisho.ledger.merkle.tree import Frontier, leaf_hash
from sekisho.ledger.store.connection import session
from sekisho.ledger.store.entries import put_checkpoint
from sekisho.ledger.store.logs import log_of
from sekisho.ledger.store.rows import CheckpointRow
from sekisho.log.memory import MemoryLog
from sekisho.log.port import Partition

pytestmark = pytest.mark.database
SEED = b"7" * 32
DAYS = 7.0


class Trimming:
    """One partition of a lodging, with a trimmer on it."""

    def __init__(self, lodging: Lodging) -> None:
        self.lodging = lodging
        self.at = Partition(lodging.topics.records, 0)
        self.told: list[int] = []

    async def log(self) -> Stored:
        """The partition's log."""
        (found,) = [each for each in await self.lodging.shards() if each.partition == 0]
        return found

    def key(self, origin: str) -> SignerKey:
        """The ledger's key under that name."""
        return SignerKey(origin, SEED)

    async def note(self, size: int) -> tuple[str, bytes, bytes]:
        """Origin, root and signed note of the log at a size."""
        stored = await self.log()
        frontier = Frontier().extended([leaf_hash(each.encoded()) for each in stored.leaves[:size]])
        checkpoint = Checkpoint(stored.origin, size, frontier.root())
        return stored.origin, checkpoint.root, sign_checkpoint(checkpoint, [self.key(stored.origin)])

    async def sign(self, size: int, days_ago: float, note: bytes | None = None) -> None:
        """Stores a checkpoint as the publisher does, signed so long ago."""
        origin, root, made = await self.note(size)
        signed_at = self.lodging.clock.now() - timedelta(days=days_ago)
        async with session(self.lodging.url, "writer") as conn:
            log = await log_of(conn, origin)
            assert log is not None
            row = CheckpointRow(log.log_id, size, root, (note or made).decode(), signed_at)
            await put_checkpoint(conn, row)

    async def trimmer(self, backups: Path | None = None) -> Trimmer:
        """As bootstrap makes it."""
        topic = (await self.lodging.log.describe([self.at.topic]))[self.at.topic]
        origin = (await self.log()).origin

        def keys() -> list[object]:
            return [self.key(origin).verifier()]

        setup = TrimSetup(
            log=self.lodging.log,
            url=self.lodging.url,
            limits=quick(trim_safety_days=DAYS),
            clocks=self.lodging.clock.clocks,
            keys=keys,  # type: ignore[arg-type]
            backups=None if backups is None else Backups(backups, keys),  # type: ignore[arg-type]
            trimmed=self.told.append,
        )
        return Trimmer(setup, Source("records", self.at, topic.id, ORIGIN), topic)

    async def start(self) -> int:
        """The first offset that the topic still has."""
        reader = self.lodging.log.partition_reader(committed=True)
        return await reader.start_offset(self.at)


@pytest.fixture
async def trimming(lodging: Lodging) -> Trimming:
    """Ten records of one partition are in the ledger."""
    ledger = await lodging.ledger()
    await lodging.records(*(record(number) for number in range(10)))
    await lodging.until_taken(10)
    await ledger.service.stop()
    return Trimming(lodging)


async def test_what_was_signed_long_enough_ago_is_deleted(trimming: Trimming) -> None:
    """Up to the last record under a checkpoint that is older than the safety time: genesis and 6 records, so offset 6."""
    await trimming.sign(7, DAYS + 1)
    await trimming.sign(11, 0)
    assert await (await trimming.trimmer()).trim() == 6
    assert (await trimming.start(), trimming.told) == (6, [6])
    assert await (await trimming.trimmer()).trim() == 0


async def test_nothing_that_is_not_signed_or_not_old_enough_is_deleted(trimming: Trimming) -> None:
    """Committed alone is not enough, a young signature neither."""
    assert await (await trimming.trimmer()).trim() == 0
    await trimming.sign(7, DAYS - 1)
    await trimming.sign(11, 0)
    assert await (await trimming.trimmer()).trim() == 0


async def test_a_clock_that_is_ahead_deletes_nothing_early(trimming: Trimming) -> None:
    """The most careful of three clocks counts: the host's alone, set a year ahead, changes nothing."""
    await trimming.sign(7, DAYS - 1)
    await trimming.sign(11, 0)
    trimming.lodging.clock.off = 366 * 86_400
    assert await (await trimming.trimmer()).trim() == 0


async def test_an_idle_ledgers_last_signature_counts_as_now(trimming: Trimming) -> None:
    """Where nothing was signed for long, nothing tells that the other clocks are right: it waits."""
    await trimming.sign(11, DAYS + 30)
    assert await (await trimming.trimmer()).trim() == 0


async def test_a_checkpoint_that_the_ledger_did_not_sign_deletes_nothing(trimming: Trimming) -> None:
    """A row in the database is no proof."""
    _, _, note = await trimming.note(7)
    await trimming.sign(7, DAYS + 1, note.replace(b"\n7\n", b"\n8\n"))
    await trimming.sign(11, 0)
    with pytest.raises(UnsignedCheckpointError, match="audit verify"):
        await (await trimming.trimmer()).trim()
    assert await trimming.start() == 0


async def test_with_backups_configured_nothing_is_deleted_past_the_newest(
    trimming: Trimming, tmp_path: Path
) -> None:
    """No checkpoint of the log there: nothing. One of it, validly signed: up to that. Another's or a forged one: none."""
    await trimming.sign(10, DAYS + 1)
    await trimming.sign(11, 0)
    assert await (await trimming.trimmer(tmp_path)).trim() == 0
    origin, _, note = await trimming.note(9)
    forged = Checkpoint(origin, 9, Frontier().extended([b"1" * 32] * 9).root())
    (tmp_path / "forged").write_bytes(sign_checkpoint(forged, [SignerKey(origin, b"8" * 32)]))
    assert await (await trimming.trimmer(tmp_path)).trim() == 0
    (tmp_path / "older").write_bytes((await trimming.note(4))[2])
    assert await (await trimming.trimmer(tmp_path)).trim() == 3
    (tmp_path / "newest").write_bytes(note)
    assert await (await trimming.trimmer(tmp_path)).trim() == 5


async def test_another_topic_of_the_same_name_is_not_touched(trimming: Trimming) -> None:
    """Made anew meanwhile: its messages are others."""
    await trimming.sign(7, DAYS + 1)
    await trimming.sign(11, 0)
    trimmer = await trimming.trimmer()
    await trimming.lodging.log.delete(trimming.at.topic)
    await trimming.lodging.log.create(trimming.at.topic, 2, 1, {})
    await trimming.lodging.records(*(record(number) for number in range(20)))
    with pytest.raises(TopicChangedError):
        await trimmer.trim()
    assert await trimming.start() == 0


async def test_what_could_not_be_decoded_stays(lodging: Lodging) -> None:
    """Its bytes are nowhere else: the topic is kept from there on."""
    assert isinstance(lodging.log, MemoryLog)
    await lodging.records(record(1), record(2))
    UnsafeFaults(lodging.log).append_undecodable(Partition(lodging.topics.records, 0))
    await lodging.records(record(3))
    ledger = await lodging.ledger()
    await lodging.until_taken(4)
    await ledger.service.stop()
    trimming = Trimming(lodging)
    await trimming.sign(5, DAYS + 1)
    await trimming.sign(4, 0)
    assert await (await trimming.trimmer()).trim() == 3
    assert await trimming.start() == 3


async def test_a_ledger_goes_on_behind_a_trimmed_topic(trimming: Trimming) -> None:
    """What was trimmed it has: it starts as ever, and takes in what comes."""
    await trimming.sign(7, DAYS + 1)
    await trimming.sign(11, 0)
    await (await trimming.trimmer()).trim()
    await trimming.lodging.ledger()
    await trimming.lodging.records(record(77))
    await trimming.lodging.until_taken(11)


def test_the_databases_clock_is_asked(ledger_database: str) -> None:
    """It is near this machine's: the tests above rest on that."""
    with psycopg.connect(ledger_database) as conn:
        found = conn.execute("SELECT clock_timestamp()").fetchone()
    assert found is not None
    assert abs((found[0] - datetime.now(UTC)).total_seconds()) < 60
