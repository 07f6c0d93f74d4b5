"""A command that needs what is committed to be signed: a publisher for one run, safe beside the service's."""

from __future__ import annotations

from datetime import UTC, datetime
from time import monotonic

from sekisho.cli.database import LedgerHome, key_places, ledger_session
from sekisho.settings import Settings


async def publish_now(settings: Settings, home: LedgerHome) -> None:
    """Signs and publishes all that is committed. Raises OpeningError, KeyFileError, KeyHistoryError, StoreError, OSError."""
    from sekisho.ledger.publish.publisher import Clocks, NoEvents, PublishSetup
    from sekisho.ledger.publish.starting import open_publisher

    given = settings.ledger
    setup = PublishSetup(
        given.origin,
        home.folder / "published",
        key_places(settings, home),
        given.meta_seconds,
        given.clock_skew_seconds,
    )
    async with ledger_session(settings, home, "writer") as conn:
        publisher = await open_publisher(
            conn, setup, Clocks(lambda: datetime.now(UTC), monotonic), NoEvents()
        )
        await publisher.publish(conn, enter_all=True)
