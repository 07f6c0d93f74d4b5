"""Every use of aiokafka's private parts, in one place, each with its reason. Read against aiokafka 0.14.0; the lock pins
it, and the contract suite (`tests/log/`) shows at once when another version behaves otherwise."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Iterator
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.client import ConnectionGroup, CoordinationType

from sekisho.log.port import Partition


def fatal_error(producer: AIOKafkaProducer) -> BaseException | None:
    """What ended the sender, if it ended: afterwards aiokafka only answers with failed assertions of its state machine."""
    task = producer._sender.sender_task
    if task is None or not task.done():
        return None
    return asyncio.CancelledError() if task.cancelled() else task.exception()


async def close_producer(producer: AIOKafkaProducer, timeout_s: float) -> None:
    """Stops a producer within the time-out. `stop()` alone can loop without end when no coordinator answers [S]."""
    owners = (producer._sender, producer._message_accumulator)
    await _to_its_end(_stop_and_close(producer.stop(), producer.client, timeout_s, owners))


async def close_consumer(consumer: AIOKafkaConsumer, timeout_s: float) -> None:
    """Stops a consumer (it leaves its group) within the time-out; without it a coordinator's silence holds it up."""
    owners = (consumer._coordinator, consumer._fetcher)
    await _to_its_end(_stop_and_close(consumer.stop(), consumer._client, timeout_s, owners))


async def _to_its_end(closing: Coroutine[Any, Any, None]) -> None:
    """Whoever waits may be cancelled, the closing goes on, by itself and bounded: a lane has less time to let go than a
    client may take to stop, and half closed it left tasks that nobody ended ("Task was destroyed but it is pending" [M])."""
    await asyncio.shield(asyncio.ensure_future(closing))


async def _stop_and_close(stopping: Any, client: Any, timeout_s: float, owners: tuple[object, ...]) -> None:
    try:
        await _stop_or_cut_off(stopping, timeout_s, owners)
    finally:
        await _close_client(client, timeout_s)


async def _stop_or_cut_off(stopping: Any, timeout_s: float, owners: tuple[object, ...]) -> None:
    """In a task of its own: aiokafka awaits tasks that it has cancelled itself, and while its broker is away their
    CancelledError came out of `stop()` as if the caller had been told to end [M]: a lane's reader, a follower, were gone."""
    task = asyncio.ensure_future(stopping)
    try:
        await asyncio.wait([task], timeout=timeout_s)
    finally:
        task.cancel()
    await asyncio.wait([task], timeout=timeout_s)
    await _cancel_tasks_of(owners, timeout_s)
    if task.done() and not task.cancelled():
        task.result()


async def _close_client(client: Any, timeout_s: float) -> None:
    """Closing twice does no harm: it is what `stop` does last, if it gets there."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await client.close()
    await _cancel_tasks_of((client,), timeout_s)


async def _cancel_tasks_of(owners: tuple[object, ...], timeout_s: float) -> None:
    """Ends the tasks that run a method of one of `owners`: aiokafka keeps no list of them all, and those that look for
    a coordinator never end by themselves."""
    tasks = [task for task in asyncio.all_tasks() if _runs_method_of(task, owners)]
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=timeout_s)


def _runs_method_of(task: asyncio.Task[Any], owners: tuple[object, ...]) -> bool:
    frame = getattr(task.get_coro(), "cr_frame", None)
    owner = frame.f_locals.get("self") if frame is not None else None
    return owner is not None and any(owner is one for one in owners)


def note_poll(consumer: AIOKafkaConsumer) -> None:
    """Counts as a poll, and raises what the coordinator or the fetcher could not get over.

    A member that does not poll for `max_poll_interval_ms` is put out although it heartbeats [M], and `getmany` is not
    called while all partitions are paused or being reassigned. A fetcher that died says nothing by itself.
    """
    consumer._coordinator.check_errors()
    if consumer._fetcher.error_future.done():
        consumer._fetcher.error_future.result()
    with consumer._subscription.fetch_context():
        pass


@contextlib.contextmanager
def counted_poll(consumer: AIOKafkaConsumer) -> Iterator[None]:
    """Puts the count of running polls right when one raises: aiokafka's own context has no `finally`, and would hold
    the member for polling for ever."""
    subscription = consumer._subscription
    before = subscription._fetch_count
    try:
        yield
    except BaseException:
        subscription._fetch_count = before
        raise


async def wait_for_data(consumer: AIOKafkaConsumer, timeout_s: float) -> None:
    """Returns when something was fetched, or after the time-out. `getmany` would also wait, but for *records*: it does
    not return when only markers came, and drops other partitions' records when one cannot be decoded."""
    waiter = consumer._fetcher._create_fetch_waiter()
    done, _ = await asyncio.wait([waiter], timeout=timeout_s)
    if done:
        waiter.result()
    else:
        waiter.cancel()


def current_position(consumer: AIOKafkaConsumer, at: Partition) -> int | None:
    """The position of an assigned partition without waiting for one; None if there is none."""
    subscription = consumer._subscription.subscription
    state = subscription.assignment.state_value(at) if subscription and subscription.assignment else None
    return state.position if state is not None and state.has_valid_position else None


def stuck_at(consumer: AIOKafkaConsumer, at: Partition) -> int | None:
    """Where unpacking what was fetched stopped: the position is still behind it, by the markers in between."""
    fetched = consumer._fetcher._records.get(at)
    records = getattr(fetched, "_partition_records", None)
    return None if records is None else int(records.next_fetch_offset)


async def ask_coordinator(consumer: AIOKafkaConsumer, group: str, request: Any) -> Any:
    """Sends a request to a group's coordinator, on this client's connection to it: behind a member's own, which waits
    for the end of a rebalance, it would wait too."""
    client = consumer._client
    node = await client.coordinator_lookup(CoordinationType.GROUP, group)
    return await client.send(node, request, group=ConnectionGroup.COORDINATION)


async def track_topic(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    """Has the client learn of a topic now; gives its partitions' numbers (none: there is no such topic)."""
    client = consumer._client
    known = client.cluster.partitions_for_topic(topic)
    if not known:
        await client.add_topic(topic)
        await client.force_metadata_update()
        known = client.cluster.partitions_for_topic(topic)
    return set(known or ())
