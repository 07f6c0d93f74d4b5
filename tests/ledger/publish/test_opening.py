"""What a start refuses: a database that does not extend all that was published and signed."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest

from ledger.publish.ground import LOG, ORIGIN, OTHER, Ground, genesis
from ledger.publish.reading import published_root
from local_postgres import backup, restore
from sekisho.ledger import leaves
from sekisho.ledger.merkle.checkpoint import Checkpoint, sign_checkpoint
from sekisho.ledger.publish.keys import MissingKeyError, SigningKey, load_signing_key, write_signing_key
from sekisho.ledger.publish.opening import OpeningError
from sekisho.ledger.publish.publisher import PublishSetup
from sekisho.ledger.publish.starting import OtherKeyError, open_publisher
from sekisho.ledger.store.connection import session
from sekisho.ledger.store.errors import BadRowError
from sekisho.ledger.store.schema import migrate
from sekisho.local.postgres import LocalPostgres

pytestmark = pytest.mark.database


async def begun(ground: Ground) -> None:
    """Two logs, 600 and 300 leaves, published in two steps."""
    await ground.grow(300)
    await ground.grow(300, OTHER)
    publisher = await ground.publish()
    await ground.grow(300)
    await publisher.publish(ground.conn, enter_all=True)


async def refused(ground: Ground, *words: str) -> OpeningError:
    """The start refuses, says these words, and signs and writes nothing."""
    before = {path: path.read_bytes() for path in ground.published.rglob("*") if path.is_file()}
    with pytest.raises(OpeningError) as caught:
        await ground.open()
    for word in words:
        assert word in str(caught.value)
    assert before == {path: path.read_bytes() for path in ground.published.rglob("*") if path.is_file()}
    return caught.value


async def test_what_was_published_is_gone_on_from(ground: Ground) -> None:
    """The control: nothing was done to it, and it starts and grows."""
    await begun(ground)
    await ground.grow(5)
    await ground.publish()
    assert ground.checkpoint().size == 605


async def test_a_log_that_was_cut_short_is_refused(ground: Ground) -> None:
    """Its last leaves deleted, with or without a head, a checkpoint and tiles that fit."""
    await begun(ground)
    ground.tamper("DELETE FROM leaf WHERE log_id = 1 AND idx >= 500")
    await refused(ground, f"{ORIGIN}/{LOG}", "600 leaves", "499")
    ground.tamper("UPDATE log_head SET size = 500 WHERE log_id = 1")
    await refused(ground, "600 leaves were signed", "only 500")
    ground.tamper("DELETE FROM checkpoint WHERE log_id = 1 AND size = 600")
    error = await refused(
        ground, f"{ORIGIN}/{LOG}", "600 leaves were published", "only 500", "restore a newer backup"
    )
    assert len(error.problems) == 2  # the log of logs tells of 600, too


async def test_leaves_added_behind_the_head_are_refused(ground: Ground) -> None:
    """Rows that no head knows of."""
    await begun(ground)
    ground.tamper(
        "INSERT INTO leaf (log_id, idx, leaf, hash) SELECT log_id, 600, leaf, hash FROM leaf WHERE log_id = 1 AND idx = 5"
    )
    await refused(ground, "head tells of 600 leaves", "is 600")


async def test_a_fork_is_refused(ground: Ground) -> None:
    """Other leaves of the same number, head and tiles in keeping with them, even signed by the right key."""
    await begun(ground)
    kept = ground.folder.with_name("kept")
    shutil.move(ground.published, kept)
    with psycopg.connect(ground.url, autocommit=True) as conn:
        conn.execute("DROP SCHEMA sekisho_ledger CASCADE")
    migrate(ground.url)
    async with session(ground.url, "writer") as conn:
        ground.conn = conn
        ground.clock.at = ground.clock.at.replace(year=2027)
        await begun(ground)  # the same key, the same sizes, other times in the leaves
        shutil.rmtree(ground.published)
        shutil.move(kept, ground.published)
        error = await refused(ground, "not those that were published", "a fork")
    assert len(error.problems) == 3


async def test_a_deleted_log_is_refused(ground: Ground) -> None:
    """A whole shard gone from the database; then from the published files as well, where the log of logs still tells of it."""
    await begun(ground)
    for table in ("hash_tile", "checkpoint", "leaf", "log_head", "log"):
        ground.tamper(f"DELETE FROM {table} WHERE log_id = 2")
    await refused(ground, f"{ORIGIN}/{OTHER}: it was published with 300 leaves", "no such log")
    shutil.rmtree(ground.published / OTHER)
    await refused(ground, f"{ORIGIN}/{OTHER}: the log of logs tells of 300 leaves")


async def test_a_deleted_predecessor_is_refused(ground: Ground) -> None:
    """Last year's log, which this year's genesis names, is gone without a trace elsewhere."""
    await ground.grow(2)
    before = leaves.Predecessor(origin=f"{ORIGIN}/{OTHER}", size="5", root="0" * 64)
    ground.tamper("UPDATE leaf SET leaf = %s WHERE idx = 0", genesis(LOG, ground.clock.now(), before))
    await refused(ground, f"{ORIGIN}/{OTHER}: {ORIGIN}/{LOG} follows it")


async def test_an_empty_database_beside_published_files_is_refused(ground: Ground) -> None:
    """Another database, or none restored: every log is named."""
    await begun(ground)
    with psycopg.connect(ground.url, autocommit=True) as conn:
        conn.execute("DROP SCHEMA sekisho_ledger CASCADE")
    migrate(ground.url)
    async with session(ground.url, "writer") as conn:
        ground.conn = conn
        error = await refused(ground, "no such log")
    assert len(error.problems) == 3


EDITS: dict[str, Callable[[bytes, SigningKey], bytes]] = {
    "its size": lambda note, key: note.replace(b"\n600\n", b"\n500\n"),
    "its root": lambda note, key: note.replace(note.split(b"\n")[2], b"A" * 43 + b"="),
    "its origin": lambda note, key: note.replace(b"/0/2026\n", b"/7/2026\n", 1),
    "its signature": lambda note, key: note[:-10] + b"AAAAAAA" + note[-3:],
    "cut": lambda note, key: note[:20],
    "emptied": lambda note, key: b"",
    "signed by another key": lambda note, key: sign_checkpoint(
        Checkpoint(f"{ORIGIN}/{LOG}", 600, bytes(32)), [SigningKey.generate().signer(f"{ORIGIN}/{LOG}")]
    ),
    "another tree, signed by the right key": lambda note, key: sign_checkpoint(
        Checkpoint(f"{ORIGIN}/{LOG}", 600, bytes(32)), [key.signer(f"{ORIGIN}/{LOG}")]
    ),
    "a greater tree, signed by the right key": lambda note, key: sign_checkpoint(
        Checkpoint(f"{ORIGIN}/{LOG}", 601, bytes(32)), [key.signer(f"{ORIGIN}/{LOG}")]
    ),
}


@pytest.mark.parametrize("edit", EDITS)
async def test_an_edited_checkpoint_file_is_refused(ground: Ground, edit: str) -> None:
    """Whatever is changed in the published checkpoint."""
    await begun(ground)
    key = load_signing_key(ground.places, ORIGIN, may_make=False)
    file = ground.published / LOG / "checkpoint"
    file.write_bytes(EDITS[edit](file.read_bytes(), key))
    await refused(ground, f"{ORIGIN}/{LOG}:")


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE checkpoint SET size = 599 WHERE log_id = 1 AND size = 600",
        "UPDATE checkpoint SET root = sha256('') WHERE log_id = 1 AND size = 600",
        "UPDATE checkpoint SET note = replace(note, E'\n600\n', E'\n599\n') WHERE log_id = 1 AND size = 600",
        "UPDATE hash_tile SET tile = set_byte(tile, 5, get_byte(tile, 5) # 1) WHERE log_id = 1 AND n = 1",
        "UPDATE leaf SET hash = set_byte(hash, 5, get_byte(hash, 5) # 1) WHERE log_id = 1 AND idx = 599",
    ],
)
async def test_an_edited_row_is_refused(ground: Ground, edit: str) -> None:
    """A checkpoint's row, a tile, the hash of a leaf at the edge: what was signed does not follow from them any more."""
    await begun(ground)
    assert ground.tamper(edit) == 1
    await refused(ground, f"{ORIGIN}/{LOG}:")


async def test_published_files_that_are_lost_are_written_again(ground: Ground) -> None:
    """They all follow from the database; the keys' history too, from the log of logs."""
    await begun(ground)
    before = {path: path.read_bytes() for path in ground.published.rglob("*") if path.is_file()}
    shutil.rmtree(ground.published)
    await ground.publish()
    after = {path: path.read_bytes() for path in ground.published.rglob("*") if path.is_file()}
    assert {path for path in before if ".p/" not in str(path)} <= after.keys()
    assert after == {path: before[path] for path in after}
    assert published_root(ground, 600) == ground.checkpoint().root


# the key


async def test_a_lost_key_stops_the_start(ground: Ground) -> None:
    """Checkpoints were signed: no key is made in its place, and the text says both ways out."""
    await begun(ground)
    ground.places.signing.unlink()
    with pytest.raises(MissingKeyError, match="rotate-key --lost"):
        await ground.open()
    assert not ground.places.signing.exists()


async def test_another_key_stops_the_start(ground: Ground) -> None:
    """A key that never signed here is not the ledger's."""
    await begun(ground)
    ground.places.signing.unlink()
    write_signing_key(ground.places.signing, SigningKey.generate(), ORIGIN)
    with pytest.raises(OtherKeyError, match="is not the one that signs this ledger"):
        await ground.open()


async def test_a_ledger_keeps_its_name(ground: Ground) -> None:
    """Another origin in the settings would sign other logs."""
    await begun(ground)
    setup = PublishSetup("other.example/sekisho", ground.published, ground.places)
    with pytest.raises(BadRowError, match="name its own origin"):
        await open_publisher(ground.conn, setup, ground.clocks, ground.told)


# a real backup


@asynccontextmanager
async def grounded(postgres: LocalPostgres, folder: Path) -> AsyncIterator[Ground]:
    """The ledger in this server."""
    async with session(postgres.url, "writer") as conn:
        yield Ground(postgres.url, folder, conn)


async def test_a_restored_older_backup_is_refused(own_postgres: LocalPostgres, tmp_path: Path) -> None:
    """A base backup from before the last checkpoint: each log that is behind is named, and what to do; also when it grew since."""
    migrate(own_postgres.url)
    async with grounded(own_postgres, tmp_path / "ledger") as ground:
        await begun(ground)
        copy = backup(own_postgres, tmp_path / "copy")
        await ground.grow(100)
        await ground.publish()
        at = ground.clock.at
    own_postgres.kill()
    restore(copy, own_postgres)
    own_postgres.start()
    async with grounded(own_postgres, tmp_path / "ledger") as ground:
        ground.clock.at = at
        await refused(
            ground, f"{ORIGIN}/{LOG}: 700 leaves were published", "only 600", "restore a newer backup", "fork"
        )
        await ground.grow(100)  # as if Kafka were read again
        await refused(ground, f"{ORIGIN}/{LOG}: the first 700 leaves", "a fork")


async def test_a_restored_backup_that_reaches_far_enough_goes_on(
    own_postgres: LocalPostgres, tmp_path: Path
) -> None:
    """The control: nothing was published after the backup."""
    migrate(own_postgres.url)
    async with grounded(own_postgres, tmp_path / "ledger") as ground:
        await begun(ground)
        at = ground.clock.at
        copy = backup(own_postgres, tmp_path / "copy")
    own_postgres.kill()
    restore(copy, own_postgres)
    own_postgres.start()
    async with grounded(own_postgres, tmp_path / "ledger") as ground:
        ground.clock.at = at
        await ground.grow(100)
        await ground.publish()
        assert ground.checkpoint().size == 700
