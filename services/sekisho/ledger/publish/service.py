"""The publisher as a service: it checks, then signs and publishes at intervals until it is stopped, and once more at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import mode
import structlog

from sekisho.ledger.publish.key_history import KeyHistoryError
from sekisho.ledger.publish.opening import OpeningError
from sekisho.ledger.publish.publisher import (
    Cause,
    ClockBehindError,
    Clocks,
    KeyChangedError,
    Publisher,
    PublishEvents,
    PublishSetup,
)
from sekisho.ledger.publish.rotation import RotationError
from sekisho.ledger.publish.secret_files import KeyFileError
from sekisho.ledger.publish.starting import open_publisher
from sekisho.ledger.store.connection import Connection
from sekisho.ledger.store.errors import StoreError

_log = structlog.get_logger(__name__)
_MAX_RETRY_SECONDS: Final = 30.0
_FAILURES: Final = (
    StoreError,
    OSError,
    ClockBehindError,
    KeyChangedError,
    KeyFileError,
    KeyHistoryError,
    OpeningError,
    RotationError,
)
"""What may be mended while the service runs; it tries again. Everything else is a defect and ends it."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often it publishes, how long it waits after a failure (doubling), and for the last publication at its end."""

    checkpoint_seconds: float = 1
    retry_seconds: float = 1
    stop_seconds: float = 30


class PublishService(mode.Service):
    """Publishes as long as it runs. Its start fails where the ledger must not go on: start nothing that appends before it.

    `connect` opens a connection in the writer's role; it is this service's alone.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[Connection]],
        setup: PublishSetup,
        clocks: Clocks,
        events: PublishEvents,
        rhythm: Rhythm,
    ) -> None:
        super().__init__()
        self._connect = connect
        self._setup = setup
        self._clocks = clocks
        self._events = events
        self._rhythm = rhythm
        self._conn: Connection | None = None
        self._publisher: Publisher | None = None
        self._one_at_a_time = asyncio.Lock()
        self._running: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    async def on_start(self) -> None:
        """Check what was published, and sign what is not signed yet.

        Raises OpeningError, KeyFileError, KeyHistoryError, ClockBehindError, StoreError, OSError: then nothing runs.
        """
        await self.publish_now()
        self._running = asyncio.create_task(self._run())
        self._running.add_done_callback(self._ended)

    async def on_stop(self) -> None:
        """Sign and publish what is left, every checkpoint entered in the log of logs."""
        self._stopping.set()
        try:
            async with asyncio.timeout(self._rhythm.stop_seconds):
                if self._running is not None:
                    await asyncio.gather(self._running, return_exceptions=True)
                if self._publisher is not None:
                    await self.publish_now()
        except (*_FAILURES, TimeoutError) as error:
            _log.warning("last_publication_failed", error=error)
        finally:
            await self._close()

    async def publish_now(self) -> None:
        """Sign and publish all there is, and enter every checkpoint in the log of logs.

        Raises as `Publisher.publish` and `open_publisher`.
        """
        await self._publish(enter_all=True)

    async def _run(self) -> None:
        retry = self._rhythm.retry_seconds
        while not self._stopping.is_set():
            try:
                await self._publish(enter_all=False)
            except _FAILURES as error:
                _log.warning("publication_failed", error=error, again_in=retry)
                self._events.failed(_cause(error), str(error))
                await self._pause(retry)
                retry = min(retry * 2, _MAX_RETRY_SECONDS)
            else:
                retry = self._rhythm.retry_seconds
                await self._pause(self._rhythm.checkpoint_seconds)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _publish(self, *, enter_all: bool) -> None:
        """In a task of its own: whoever waits may be cancelled, but threads that write files go on, and the next one must wait
        for them, or an older checkpoint could replace a newer one."""
        await asyncio.shield(asyncio.create_task(self._publish_alone(enter_all=enter_all)))

    async def _publish_alone(self, *, enter_all: bool) -> None:
        async with self._one_at_a_time:
            try:
                conn = await self._connection()
                if self._publisher is None:
                    self._publisher = await open_publisher(conn, self._setup, self._clocks, self._events)
                await self._publisher.publish(conn, enter_all=enter_all)
            except BaseException:
                await self._close()  # what it remembers may be wrong now: the next one begins with the check
                raise
        self._events.published()

    async def _connection(self) -> Connection:
        if self._conn is None or self._conn.closed:
            self._conn = await self._connect()
        return self._conn

    async def _close(self) -> None:
        conn, self._conn, self._publisher = self._conn, None, None
        if conn is not None:
            await conn.close()

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A defect takes the service down: its supervisor starts it anew."""
        if not task.cancelled() and (failure := task.exception()) is not None and not self.should_stop:
            _log.error("publisher_failed", exc_info=failure)
            asyncio.get_running_loop().create_task(self.crash(failure))


def _cause(error: BaseException) -> Cause:
    if isinstance(error, ClockBehindError):
        return "clock_skew"
    if isinstance(error, (KeyFileError, KeyChangedError, KeyHistoryError)):
        return "key"
    return "files" if isinstance(error, OSError) else "database"
