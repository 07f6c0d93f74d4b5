"""The publisher as a service: it starts only on what holds, publishes at intervals, mends itself, and publishes the rest at its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from ledger.publish.ground import LOG, ORIGIN, OTHER, Ground
from ledger.publish.test_rotation import signers
from sekisho.ledger.publish.keys import MissingKeyError, load_signing_key
from sekisho.ledger.publish.meta import Statement
from sekisho.ledger.publish.rotation import rotate_key
from sekisho.ledger.publish.service import PublishService, Rhythm
from sekisho.ledger.store.connection import Connection, connect
from sekisho.ledger.store.errors import UnavailableError

pytestmark = pytest.mark.database


def service_of(ground: Ground, *, often: float = 0.05) -> PublishService:
    """A service over this ledger, with connections of its own."""

    async def connected() -> Connection:
        return await connect(ground.url, "writer", application="publisher under test")

    return PublishService(connected, ground.setup, ground.clocks, ground.told, Rhythm(often, 0.05, 30))


@asynccontextmanager
async def running(ground: Ground, *, often: float = 0.05) -> AsyncIterator[PublishService]:
    """The service, stopped at the end."""
    service = service_of(ground, often=often)
    await service.start()
    try:
        yield service
    finally:
        await service.stop()


async def until(holds: Callable[[], bool]) -> None:
    """Wait for it, for a minute at most."""
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110  another process's files are looked at
            await asyncio.sleep(0.02)


def size(ground: Ground) -> int:
    """The published size."""
    return ground.checkpoint().size if (ground.published / LOG / "checkpoint").exists() else 0


async def test_what_grows_is_published_while_it_runs(ground: Ground) -> None:
    """Without being asked."""
    async with running(ground):
        for expected in (10, 20, 30):
            await ground.grow(10)
            await until(lambda expected=expected: size(ground) == expected)  # type: ignore[misc]
    assert ground.told.failures == []


async def test_it_publishes_at_once_when_asked_and_at_its_end(ground: Ground) -> None:
    """Between two times nothing is lost: on demand, and when it is stopped."""
    async with running(ground, often=600) as service:
        await ground.grow(5)
        await service.publish_now()
        assert size(ground) == 5
        await ground.grow(5)
    assert size(ground) == 10


async def test_it_does_not_start_without_its_key(ground: Ground) -> None:
    """The failure is the start's, and nothing runs."""
    await ground.grow(5)
    await ground.publish()
    ground.places.signing.unlink()
    service = service_of(ground)
    with pytest.raises(MissingKeyError):
        await service.start()
    await service.stop()
    assert not ground.places.signing.exists()


async def test_a_lost_connection_is_told_and_mended(ground: Ground) -> None:
    """The server ends it: unready for a while, then it goes on."""
    async with running(ground):
        await ground.grow(5)
        await until(lambda: size(ground) == 5)
        ground.tamper(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'publisher under test' "
            "AND datname = current_database()"
        )
        await until(lambda: "database" in ground.told.failures)
        await ground.grow(5)
        await until(lambda: size(ground) == 10)


async def test_a_stopped_log_is_told_and_the_service_goes_on(ground: Ground) -> None:
    """Readiness hears of it; another log is still published."""
    async with running(ground) as service:
        await ground.grow(5)
        await until(lambda: size(ground) == 5)
        ground.tamper(
            "UPDATE log_head SET frontier = set_byte(frontier, 3, get_byte(frontier, 3) # 1) "
            "FROM log WHERE log.log_id = log_head.log_id AND kind = 'records'"
        )
        await ground.grow(5)
        await until(lambda: set(ground.told.stops) == {f"{ORIGIN}/{LOG}"})
        await ground.grow(5, OTHER)
        await until(lambda: (ground.published / OTHER / "checkpoint").exists())
        assert not service.crashed
    assert size(ground) == 5


async def test_a_changed_key_is_taken_over_while_it_runs(ground: Ground) -> None:
    """`rotate-key` beside the running service: the next checkpoint is signed by the new key."""
    async with running(ground):
        await ground.grow(5)
        await until(lambda: size(ground) == 5)
        old = load_signing_key(ground.places, ORIGIN, may_make=False)
        new = await rotate_key(ground.conn, await ground.open(), Statement("operator", "test"))
        await ground.grow(5)
        await until(lambda: size(ground) == 10)
        assert signers(ground, LOG, old, new) == {new.public}


async def test_a_database_that_is_away_at_the_start_fails_the_start(ground: Ground) -> None:
    """Its supervisor tries again."""

    async def away() -> Connection:
        raise UnavailableError("the database is away")

    service = PublishService(away, ground.setup, ground.clocks, ground.told, Rhythm())
    with pytest.raises(UnavailableError):
        await service.start()
    await service.stop()
