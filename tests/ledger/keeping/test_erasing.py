"""What was deleted leaves the database's files: the bytes themselves are looked for, on the disk."""

from __future__ import annotations

import dataclasses
import uuid
from datetime import date
from pathlib import Path

import psycopg
import pytest

from ledger.keeping.held_world import Wanted, World, day_before
from local_postgres import as_user
from sekisho.ledger.keeping.erasing import name_of
from sekisho.ledger.keeping.holding import Named, place
from sekisho.ledger.keeping.keeping import Statement
from sekisho.ledger.keeping.purging import purge
from sekisho.local.postgres import LocalPostgres

pytestmark = pytest.mark.database
GONE, STAYS = "MARK-OF-WHAT-IS-DELETED", "MARK-OF-WHAT-STAYS"
DUE = day_before()


def _files_with(folder: Path, mark: str) -> list[str]:
    """The files in which the bytes stand."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and mark.encode() in path.read_bytes():
            found.append(path.name)
    return found


async def test_no_deleted_byte_stays_in_the_databases_files(own_postgres: LocalPostgres) -> None:
    """After a purge the heap, its TOAST and the indices hold nothing of it, in an emptied partition and in shared ones alike.

    Long bodies (TOAST) and short ones; a partition of one month, and the one of what had no end. What the write-ahead log keeps
    for a while is in ADR 0019.
    """
    world = World(own_postgres.url)
    await world.make()
    long_ = "".join(chr(0x4E00 + (i * 7919) % 20000) for i in range(6000))
    scope = "0b0e7a52-1f63-4c8e-9d53-7a3f6f1c2d10"
    await world.take([
        *[Wanted(date(2029, 10, 5), marker=GONE + tail) for tail in ("", long_ + GONE)],
        *[Wanted(DUE, marker=GONE + tail) for tail in ("", long_ + GONE) for _ in range(20)],
        *[Wanted(None, scope=scope, marker=GONE)] * 5,
    ])  # fmt: skip
    await world.take([Wanted(None, marker=STAYS)])
    await world.extend(DUE, scope=scope)
    held = await world.take([Wanted(DUE, subject=b"\x03" * 32, marker=STAYS)] * 3)
    await _hold(world)
    base = own_postgres.data_dir / "data" / "base"
    _checkpoint(own_postgres.url)
    assert _files_with(base, GONE)
    assert len(_files_with(base, STAYS)) >= 2
    report = await purge(world.keeping)
    assert report.purged == 2 + 40 + 5
    _checkpoint(own_postgres.url)
    assert _files_with(base, GONE) == []
    assert len(_files_with(base, STAYS)) >= 2
    assert {each.partition: (each.clean, each.bytes_after == 0) for each in report.erased} == {
        name_of(date(2029, 10, 1)): (True, True),
        name_of(date(2029, 11, 1)): (True, False),
        "payload_open": (True, False),
    }
    assert set(held) <= world.kept()


async def test_control_vacuum_alone_leaves_the_bytes(
    own_postgres: LocalPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without writing the shared partition anew, the deleted bytes are found in its file: the look can find something."""
    monkeypatch.setattr("sekisho.ledger.keeping.erasing.REWRITTEN_UP_TO", 0)
    world = World(own_postgres.url)
    await world.make()
    await world.take([Wanted(DUE, marker=GONE), Wanted(DUE, subject=b"\x03" * 32, marker=STAYS)] * 20)
    await _hold(world)
    report = await purge(world.keeping)
    _checkpoint(own_postgres.url)
    assert [each.clean for each in report.erased] == [False]
    base = own_postgres.data_dir / "data" / "base"
    assert _files_with(base, GONE)
    await purge(world.keeping, rewrite=True)
    _checkpoint(own_postgres.url)
    assert _files_with(base, GONE) == []


async def test_who_may_not_vacuum_is_told_that_bytes_may_remain(world: World) -> None:
    """A database user who is no member of the owner deletes all the same; the report says that the file is not clean."""
    await world.take([Wanted(DUE)])
    role = f"t_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(world.url, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {role} LOGIN IN ROLE sekisho_purger")
    try:
        report = await purge(dataclasses.replace(world.keeping, url=as_user(world.url, role)))
    finally:
        with psycopg.connect(world.url, autocommit=True) as admin:
            admin.execute(f"DROP ROLE {role}")
    assert report.purged == 1
    assert [(each.partition, each.clean) for each in report.erased] == [(name_of(DUE), False)]


async def _hold(world: World) -> None:
    await place(world.keeping, Named(subject_id="held"), b"\x03" * 32, Statement("an inquiry", "legal"))


def _checkpoint(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("CHECKPOINT")
