"""What is published of a growing ledger, and what is never signed."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path

import pytest

from ledger.publish.ground import LOG, ORIGIN, OTHER, Ground
from ledger.publish.reading import nodes, published_root
from sekisho.ledger import leaves
from sekisho.ledger.ingest import acceptance, clock
from sekisho.ledger.merkle.checkpoint import Checkpoint
from sekisho.ledger.merkle.proofs import consistency_proof, verify_consistency
from sekisho.ledger.merkle.tiles import changed_bundles, decode_bundle
from sekisho.ledger.publish.meta import meta_origin
from sekisho.ledger.publish.publisher import ClockBehindError
from sekisho.ledger.store import entries, logs

pytestmark = pytest.mark.database
META = "meta"


def meta_leaves(ground: Ground) -> list[leaves.Leaf]:
    """The published leaves of the log of logs."""
    found: list[leaves.Leaf] = []
    for tile in changed_bundles(0, ground.checkpoint(META).size):
        data = (ground.published / META / tile.path).read_bytes()
        found += [leaves.read(entry) for entry in decode_bundle(data, tile.width)]
    return found


def entered(ground: Ground) -> dict[str, int]:
    """By origin the newest size in the log of logs."""
    return {
        leaf.origin: int(leaf.size)
        for leaf in meta_leaves(ground)
        if isinstance(leaf, leaves.ShardCheckpoint)
    }


async def test_a_growing_log_is_published_at_every_size(ground: Ground) -> None:
    """From one leaf over the borders of tiles: checkpoint, tiles and entries fit, and each tree extends all before it."""
    publisher = await ground.publish()
    seen: list[Checkpoint] = []
    for added in (1, 254, 1, 1, 300):
        await ground.grow(added)
        await publisher.publish(ground.conn, enter_all=True)
        now = ground.checkpoint()
        assert now.size == sum(one.size for one in seen[-1:]) + added
        assert published_root(ground, now.size) == now.root
        read = nodes(ground, now.size)
        for old in seen:
            proof = consistency_proof(read, old.size, now.size)
            verify_consistency(old.size, now.size, old.root, now.root, proof)
        seen.append(now)
    assert [one.size for one in seen] == [1, 255, 256, 257, 557]
    assert ground.told.sizes[f"{ORIGIN}/{LOG}"] == 557


async def test_any_sequence_of_growths_and_restarts_is_consistent(ground: Ground) -> None:
    """Two logs, random growths, a new process now and then: every published checkpoint is proven to be a prefix of the last."""
    chance = random.Random(6)
    seen: dict[str, list[Checkpoint]] = {LOG: [], OTHER: []}
    publisher = await ground.publish()
    for _ in range(12):
        for log in (LOG, OTHER):
            await ground.grow(chance.choice([0, 1, 2, 255, 256, 257, 600]), log)
        if chance.random() < 0.3:
            publisher = await ground.open()
        await publisher.publish(ground.conn)
        for log, found in seen.items():
            if (ground.published / log / "checkpoint").exists():
                found.append(ground.checkpoint(log))
    for log, found in seen.items():
        last = found[-1]
        assert published_root(ground, last.size, log) == last.root
        for old in found:
            proof = consistency_proof(nodes(ground, last.size, log), old.size, last.size)
            verify_consistency(old.size, last.size, old.root, last.root, proof)


async def test_seventy_thousand_leaves_at_once(ground: Ground) -> None:
    """A backlog goes through in chunks, over two levels of tiles; the kept tiles are the published ones."""
    await ground.grow(70_000)
    await ground.publish()
    assert published_root(ground, 70_000) == ground.checkpoint().root
    log = await logs.log_of(ground.conn, f"{ORIGIN}/{LOG}")
    assert log is not None
    kept = [row for level in (0, 1) for row in await entries.tile_rows(ground.conn, log.log_id, level)]
    assert len(kept) == 273 + 1
    for row in kept:
        assert row.tile == (ground.published / LOG / f"tile/{row.level}/{row.n:03}").read_bytes()
    assert not list(ground.published.rglob("*.p/255"))


async def test_nothing_new_signs_nothing(ground: Ground) -> None:
    """Idle logs get no second checkpoint, and no file is written."""
    await ground.grow(300)
    publisher = await ground.publish()
    rows = await entries.checkpoints(ground.conn)
    before = {path: path.stat().st_mtime_ns for path in ground.published.rglob("*")}
    for _ in range(3):
        await publisher.publish(ground.conn, enter_all=True)
    assert await entries.checkpoints(ground.conn) == rows
    assert {path: path.stat().st_mtime_ns for path in ground.published.rglob("*")} == before


async def test_partial_tiles_go_when_the_full_one_has_been_there_for_a_while(ground: Ground) -> None:
    """Not at once: a reader of the older checkpoint still finds what it needs; and not before the tile is full."""
    await ground.grow(100)
    publisher = await ground.publish()
    await ground.grow(100)
    await publisher.publish(ground.conn)
    partial = ground.published / LOG / "tile/0/000.p"
    assert sorted(path.name for path in partial.iterdir()) == ["100", "200"]
    await ground.grow(100)
    await publisher.publish(ground.conn)
    assert partial.exists()
    ground.clock.seconds += 100
    await publisher.publish(ground.conn)
    assert not partial.exists()
    assert not (ground.published / LOG / "tile/entries/000.p").exists()
    assert (ground.published / LOG / "tile/0/001.p/44").exists()


async def test_partial_tiles_of_an_earlier_run_go_too(ground: Ground) -> None:
    """A process that ended before the grace time leaves them to the next one, with half-written files."""
    await ground.grow(100)
    publisher = await ground.publish()
    await ground.grow(200)
    await publisher.publish(ground.conn)
    (ground.published / LOG / "tile/0/001.new~").write_bytes(b"half")
    publisher = await ground.open()
    await publisher.publish(ground.conn)
    ground.clock.seconds += 100
    await publisher.publish(ground.conn)
    assert not (ground.published / LOG / "tile/0/000.p").exists()
    assert not list(ground.published.rglob("*.new~"))


# the log of logs


async def test_the_log_of_logs_tells_the_first_key_and_every_checkpoint(ground: Ground) -> None:
    """Genesis, the key, then a leaf for each log whose checkpoint moved; it is signed and published itself."""
    await ground.grow(3)
    await ground.grow(5, OTHER)
    publisher = await ground.publish()
    await ground.grow(1)
    await publisher.publish(ground.conn, enter_all=True)
    found = meta_leaves(ground)
    assert [leaf.kind for leaf in found] == ["genesis", "key", "checkpoint", "checkpoint", "checkpoint"]
    assert entered(ground) == {f"{ORIGIN}/{LOG}": 4, f"{ORIGIN}/{OTHER}": 5}
    assert published_root(ground, len(found), META) == ground.checkpoint(META).root
    first = found[1]
    assert isinstance(first, leaves.NewKey)
    assert first.vkey in (ground.published / "keys").read_text().splitlines()


async def test_checkpoints_are_entered_when_it_is_time_and_on_demand(ground: Ground) -> None:
    """Between two times of the log of logs a log may move often; before a purge all is entered at once."""
    await ground.grow(1)
    publisher = await ground.publish()
    object.__setattr__(publisher.setup, "meta_seconds", 1000.0)
    for _ in range(3):
        await ground.grow(1)
        await publisher.publish(ground.conn)
    assert entered(ground) == {f"{ORIGIN}/{LOG}": 1}
    await publisher.publish(ground.conn, enter_all=True)
    assert entered(ground) == {f"{ORIGIN}/{LOG}": 4}


async def test_a_closed_log_gets_its_last_checkpoint_and_moves_no_more(ground: Ground) -> None:
    """The checkpoint that closes is entered with it, although it is not time; a restart changes nothing."""
    await ground.grow(2)
    publisher = await ground.publish()
    object.__setattr__(publisher.setup, "meta_seconds", 1000.0)
    await ground.grow(3, closes=True)
    await publisher.publish(ground.conn)
    assert entered(ground) == {f"{ORIGIN}/{LOG}": 5}
    before = (ground.note(), await entries.checkpoints(ground.conn))
    await ground.publish()
    assert (ground.note(), await entries.checkpoints(ground.conn)) == before


# two processes


async def test_a_command_publishes_beside_the_service(ground: Ground) -> None:
    """Another process signs and publishes in between: the first one goes on from what is there."""
    await ground.grow(300)
    service = await ground.publish()
    await ground.grow(10)
    command = await ground.publish()
    await ground.grow(300)
    await service.publish(ground.conn)
    await ground.grow(1)
    await command.publish(ground.conn)
    assert ground.checkpoint().size == 611
    assert published_root(ground, 611) == ground.checkpoint().root


# what is never signed

ALTERATIONS = {
    "a leaf": "UPDATE leaf SET leaf = set_byte(leaf, 12, get_byte(leaf, 12) # 1) WHERE log_id = %s AND idx = 310",
    "a hash": "UPDATE leaf SET hash = set_byte(hash, 12, get_byte(hash, 12) # 1) WHERE log_id = %s AND idx = 310",
    "a leaf and its hash": r"UPDATE leaf SET leaf = 'x', hash = sha256('\x00'::bytea || 'x') WHERE log_id = %s AND idx = 310",
    "the frontier": "UPDATE log_head SET frontier = set_byte(frontier, 3, get_byte(frontier, 3) # 1) WHERE log_id = %s",
    "a leaf that was signed": "UPDATE leaf SET leaf = set_byte(leaf, 12, get_byte(leaf, 12) # 1) WHERE log_id = %s AND idx = 290",
    "a leaf is gone": "DELETE FROM leaf WHERE log_id = %s AND idx = 305",
    "two leaves are swapped": (
        "UPDATE leaf l SET leaf = o.leaf, hash = o.hash FROM leaf o WHERE l.log_id = %s AND o.log_id = l.log_id "
        "AND l.idx IN (305, 306) AND o.idx = 611 - l.idx"
    ),
    "the signed root": "UPDATE checkpoint SET root = set_byte(root, 3, get_byte(root, 3) # 1) WHERE log_id = %s",
}


@pytest.mark.parametrize("what", ALTERATIONS)
async def test_an_altered_log_is_signed_no_more_and_the_others_go_on(ground: Ground, what: str) -> None:
    """A bit flipped in leaf, hash or head, a row gone or moved: the log stops, loudly; its published state stays."""
    await ground.grow(300)
    await ground.grow(300, OTHER)
    publisher = await ground.publish()
    await ground.grow(20)
    await ground.grow(20, OTHER)
    log = await logs.log_of(ground.conn, f"{ORIGIN}/{LOG}")
    assert log is not None
    assert ground.tamper(ALTERATIONS[what], log.log_id) > 0
    for _ in range(2):
        await publisher.publish(ground.conn, enter_all=True)
    assert set(publisher.stopped) == set(ground.told.stops) == {f"{ORIGIN}/{LOG}"}
    assert "sekisho audit verify" in ground.told.stops[f"{ORIGIN}/{LOG}"]
    assert ground.checkpoint().size == 300
    assert ground.checkpoint(OTHER).size == 320
    newest = await entries.newest_checkpoint(ground.conn, log.log_id)
    assert newest is not None
    assert newest.size == 300


async def test_an_unaltered_log_goes_on(ground: Ground) -> None:
    """The control of the test above."""
    await ground.grow(300)
    publisher = await ground.publish()
    await ground.grow(20)
    await publisher.publish(ground.conn, enter_all=True)
    assert not publisher.stopped
    assert ground.checkpoint().size == 320


async def test_an_altered_log_of_logs_stops_itself_alone(ground: Ground) -> None:
    """The shards are still signed; the log of logs is not."""
    await ground.grow(3)
    publisher = await ground.publish()
    own = await logs.log_of(ground.conn, meta_origin(ORIGIN))
    assert own is not None
    ground.tamper("UPDATE leaf SET leaf = 'x' WHERE log_id = %s AND idx = 1", own.log_id)
    await ground.grow(3)
    await publisher.publish(ground.conn, enter_all=True)
    assert set(publisher.stopped) == {meta_origin(ORIGIN)}
    assert ground.checkpoint().size == 6


@pytest.mark.parametrize(("added", "published"), [(20, 320), (5000, 300)])
async def test_a_row_altered_between_signing_and_publishing_is_not_published(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, added: int, published: int
) -> None:
    """Files are written from the leaves that were signed. A backlog's are read once more: another root than the signed one,
    and the checkpoint is not written."""
    await ground.grow(300)
    publisher = await ground.publish()
    await ground.grow(added)
    sign = publisher.sign

    async def signed_then_altered(*given: object, **named: object) -> None:
        await sign(*given, **named)  # type: ignore[arg-type]
        ground.tamper(r"UPDATE leaf SET leaf = 'x', hash = sha256('\x00'::bytea || 'x') WHERE idx = 310")

    monkeypatch.setattr(publisher, "sign", signed_then_altered)
    await publisher.publish(ground.conn)
    assert set(publisher.stopped) == (set() if published > 300 else {f"{ORIGIN}/{LOG}"})
    assert ground.checkpoint().size == published
    assert published_root(ground, published) == ground.checkpoint().root


async def test_a_clock_that_is_behind_signs_nothing(ground: Ground) -> None:
    """Behind the newest signature by more than the limit: told; by less: the newest time is taken, none goes back."""
    await ground.grow(3)
    publisher = await ground.publish()
    await ground.grow(3)
    ground.clock.at -= timedelta(seconds=60)
    with pytest.raises(ClockBehindError, match="set the clock right"):
        await publisher.publish(ground.conn)
    assert ground.checkpoint().size == 3
    ground.clock.at += timedelta(seconds=57)
    await publisher.publish(ground.conn)
    assert ground.checkpoint().size == 6
    times = [row.signed_at for row in await entries.checkpoints(ground.conn) if row.root]
    assert times == sorted(times)


async def test_an_accepted_step_back_of_the_clock_is_signed(ground: Ground) -> None:
    """The clock was a day ahead: with an operator's `clock` act the ledger goes on; a later step back is not covered by it."""
    await ground.grow(3)
    publisher = await ground.publish()
    await ground.grow(3)
    ground.clock.at -= timedelta(days=1)
    with pytest.raises(ClockBehindError, match="accept-clock"):
        await publisher.publish(ground.conn)
    clocks = clock.Clocks(ground.clock.now, ground.clock.steady)
    said = acceptance.Statement("operator-7", "the clock was a day ahead")
    await acceptance.accept_clock(ground.conn, ORIGIN, clocks, said)
    for _ in range(2):
        await ground.grow(3)
        await publisher.publish(ground.conn, enter_all=True)
    assert ground.checkpoint().size == 12
    assert (await ground.publish()).stopped == {}
    ground.clock.at -= timedelta(days=1)
    await ground.grow(3)
    with pytest.raises(ClockBehindError):
        await publisher.publish(ground.conn)


async def test_a_full_disk_is_no_loss(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that fails is told; what is signed is published by the next run."""
    await ground.grow(300)
    publisher = await ground.publish()
    await ground.grow(20)

    def full(log: str, path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(publisher.tree, "_put", full)
        with pytest.raises(OSError, match="No space left"):
            await publisher.publish(ground.conn)
    assert ground.checkpoint().size == 300
    await publisher.publish(ground.conn)
    assert ground.checkpoint().size == 320
    assert published_root(ground, 320) == ground.checkpoint().root
