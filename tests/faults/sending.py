"""Many messages sent at once by one writer: a writer for each would take most of a test's time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from faults import messages
from gate.world import World
from sekisho.contracts.routing import partition_of
from sekisho.log.port import Outgoing

Sending = tuple[str, Outgoing, int]
"""Topic, record, partition."""


async def put_all(world: World, sendings: Iterable[Sending]) -> list[int]:
    """Sends them in order; gives their offsets."""
    writer = world.log.writer()
    await writer.start()
    try:
        written = await asyncio.gather(*(writer.send(*each) for each in sendings))
        return [offset for _, offset in written]
    finally:
        await writer.stop()


def consent_of(world: World, type_: str, data: messages.Json, partition: int | None = None) -> Sending:
    """A consent event, where it belongs or in another partition."""
    right = partition_of(data["subject_id"], world.partitions) if partition is None else partition
    return (world.names.consents, messages.told(type_, data), right)


async def ask_all(world: World, requests: Iterable[messages.Json]) -> list[int]:
    """Sends access requests; gives their offsets."""
    return await put_all(world, [request_of(world, each) for each in requests])


def request_of(world: World, data: messages.Json) -> Sending:
    """An access request, where it belongs."""
    right = partition_of(data["subject"]["id"], world.partitions)
    return (world.names.requests, messages.asked(data), right)
