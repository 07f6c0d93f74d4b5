"""Go's sumdb and tessera's fsck read what is published: at every size, with every old checkpoint, and after a change of the key."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ledger.goverify import fsck, run
from ledger.publish.ground import LOG, ORIGIN, OTHER, Ground
from sekisho.ledger.publish.files import PublishedTree
from sekisho.ledger.publish.meta import Statement
from sekisho.ledger.publish.rotation import rotate_key
from sekisho.ledger.store.connection import session
from sekisho.ledger.store.schema import migrate

pytestmark = pytest.mark.database


def bundle(ground: Ground, folder: Path) -> Path:
    """The published files as an export without payloads: every record's is listed as left out."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ground.published, folder)
    for log in PublishedTree(ground.published).logs():
        listed = folder / "redacted" / log
        listed.parent.mkdir(parents=True, exist_ok=True)
        listed.write_text("".join(f"{index}\n" for index in range(ground.checkpoint(log).size)))
    return folder


def verifier_key(ground: Ground, log: str) -> str:
    """The newest key of a log."""
    return [str(key) for key in ground.verifier_keys() if key.name == f"{ORIGIN}/{log}"][-1]


async def test_go_verifies_what_is_published_at_every_size(ground: Ground, tmp_path: Path) -> None:
    """1, 255, 256, 257 and 70,000 leaves; the old checkpoints are kept, and each later tree is proven to extend them."""
    publisher = await ground.publish()
    kept: list[Path] = []
    await ground.grow(3, OTHER)
    for size in (1, 255, 256, 257, 70_000):
        await ground.grow(size - ground.told.sizes.get(f"{ORIGIN}/{LOG}", 0))
        await publisher.publish(ground.conn, enter_all=True)
        assert ground.checkpoint().size == size
        keys = tmp_path / "keys"
        keys.write_bytes((ground.published / "keys").read_bytes())
        code, told = run(bundle(ground, tmp_path / "bundle"), keys, *kept)
        assert code == 0, told
        kept.append(tmp_path / f"checkpoint-{size}")
        kept[-1].write_bytes(ground.note())
    for log in (LOG, OTHER, "meta"):
        sound, told = fsck(ground.published / log, verifier_key(ground, log))
        assert sound, told


async def test_go_finds_a_fork_by_an_old_checkpoint(ground: Ground, tmp_path: Path) -> None:
    """The control: the same log with another history, signed by the same key, is refused beside the checkpoint that was kept."""
    await ground.grow(300)
    await ground.publish()
    old, keys = tmp_path / "old", tmp_path / "keys"
    old.write_bytes(ground.note())
    keys.write_bytes((ground.published / "keys").read_bytes())
    shutil.rmtree(ground.published)
    await ground.conn.execute("RESET ROLE")
    await ground.conn.execute("DROP SCHEMA sekisho_ledger CASCADE")
    migrate(ground.url)
    async with session(ground.url, "writer") as conn:
        ground.conn = conn
        await ground.grow(400)  # at another time than the first ones
        await ground.publish()
        code, told = run(bundle(ground, tmp_path / "bundle"), keys)
        assert code == 0, told
        code, told = run(bundle(ground, tmp_path / "bundle"), keys, old)
    assert code == 1, told


async def test_go_verifies_across_a_change_of_the_key(ground: Ground, tmp_path: Path) -> None:
    """With the published keys the old checkpoints still verify; with a copy of the old keys the doubly signed ones do."""
    await ground.grow(300)
    publisher = await ground.publish()
    old, old_keys, new_keys = tmp_path / "old", tmp_path / "old-keys", tmp_path / "new-keys"
    old.write_bytes(ground.note())
    old_keys.write_bytes((ground.published / "keys").read_bytes())
    await rotate_key(ground.conn, publisher, Statement("operator", "test"))
    new_keys.write_bytes((ground.published / "keys").read_bytes())
    for keys in (old_keys, new_keys):
        code, told = run(bundle(ground, tmp_path / "bundle"), keys, old)
        assert code == 0, told
    await ground.grow(10)
    await publisher.publish(ground.conn, enter_all=True)
    code, told = run(bundle(ground, tmp_path / "bundle"), new_keys, old)
    assert code == 0, told
    assert run(bundle(ground, tmp_path / "bundle"), old_keys, old)[0] == 1
