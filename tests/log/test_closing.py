"""Closing aiokafka's clients: bounded, and never the end of who closes them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sekisho.log.client_internals import close_consumer


class _Client:
    """As much of a consumer as closing one touches."""

    def __init__(self, stopping: Any) -> None:
        self.stop = stopping
        self._coordinator = self._fetcher = object()
        self._client = self
        self.is_closed = False

    async def close(self) -> None:
        self.is_closed = True


async def test_a_client_that_awaits_its_own_cancelled_task_does_not_cancel_the_caller() -> None:
    """aiokafka awaits tasks that it has cancelled: their CancelledError must not look like the caller's own end."""

    async def stop() -> None:
        task = asyncio.create_task(asyncio.sleep(60))
        task.cancel()
        await task

    client = _Client(stop)
    await close_consumer(client, 5)
    assert client.is_closed


async def test_a_client_that_never_stops_is_cut_off() -> None:
    """After the time-out what is left is cancelled and the connections are closed."""
    ended = asyncio.Event()

    async def stop() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.set()

    client = _Client(stop)
    await close_consumer(client, 0.05)
    assert client.is_closed
    assert ended.is_set()


async def test_who_is_cancelled_while_closing_ends() -> None:
    """A cancellation from outside is not swallowed."""

    async def stop() -> None:
        await asyncio.sleep(3600)

    closing = asyncio.create_task(close_consumer(_Client(stop), 0.1))
    await asyncio.sleep(0.01)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing


async def test_a_closing_that_nobody_waits_for_any_more_leaves_no_task() -> None:
    """A lane has less time than a client may take: what it began to close is closed all the same."""
    before = asyncio.all_tasks()

    class Owner:
        async def work(self) -> None:
            await asyncio.get_running_loop().create_future()

    owner = Owner()
    work = asyncio.create_task(owner.work())

    async def stop() -> None:
        await asyncio.sleep(3600)

    client = _Client(stop)
    client._fetcher = owner
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await close_consumer(client, 0.1)
    async with asyncio.timeout(10):
        while asyncio.all_tasks() - before:  # noqa: ASYNC110  no event tells it
            await asyncio.sleep(0.01)
    assert client.is_closed
    assert work.cancelled()


async def test_an_error_of_the_client_is_told() -> None:
    """Only cancellations are the client's own affair."""

    async def stop() -> None:
        raise OSError("the socket is gone")

    with pytest.raises(OSError, match="socket"):
        await close_consumer(_Client(stop), 5)
