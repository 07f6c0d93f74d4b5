"""One wait fewer in each transaction: aiokafka adds the output partitions, waits, and only then adds the offsets' group.

Neither needs the other, and both go to the same coordinator on one connection, which answers them in their order (Kafka
protocol guide, Network): sent one right behind the other they cost one wait. The batches still go as soon as their
partitions are added, the offsets as soon as their group is; of four waits one after the other three are left. This is
a change of a module global of aiokafka: for the whole process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import aiokafka.producer.producer
from aiokafka import TopicPartition
from aiokafka.producer.sender import Sender


def pipeline_additions() -> None:
    """Has every producer made from now on add its offsets' group right behind its partitions."""
    aiokafka.producer.producer.Sender = PipeliningSender


class PipeliningSender(Sender):  # type: ignore[misc]  # aiokafka has no types
    """Asks for the group ahead, where it is known by then: a turn tells it in the same go of the event loop."""

    _ahead: asyncio.Task[bool] | None = None

    async def _do_add_partitions_to_txn(self, tps: Collection[TopicPartition]) -> bool:
        group = self._txn_manager.consumer_group_to_add()
        if group is not None and (self._ahead is None or self._ahead.done()):
            # a task begins after this one has written its own request: the partitions are first
            self._ahead = asyncio.ensure_future(super()._do_add_offsets_to_txn(group))
            self._ahead.add_done_callback(_noted)
        return bool(await super()._do_add_partitions_to_txn(tps))

    async def _do_add_offsets_to_txn(self, group_id: str) -> bool:
        """What was asked ahead is waited for, and raises here what it raised; it is asked anew where it has to be."""
        ahead, self._ahead = self._ahead, None
        return bool(await (super()._do_add_offsets_to_txn(group_id) if ahead is None else ahead))


def _noted(asked: asyncio.Task[bool]) -> None:
    """A sender that its partitions' answer has ended looks at no other: what fenced the one fenced both."""
    if not asked.cancelled():
        asked.exception()
