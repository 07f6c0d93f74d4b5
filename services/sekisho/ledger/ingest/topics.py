"""The topics that are taken in, pinned by their ids: a topic deleted and made anew has other messages at the same offsets."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sekisho.ledger.ingest.shard import TopicChangedError
from sekisho.log.port import Log, MissingTopicError, TopicDescription


class LedgerTopics(NamedTuple):
    """The full names of the topics that the ledger reads."""

    records: str
    outcomes: str
    decisions: str


async def described(log: Log, topics: Sequence[str]) -> dict[str, TopicDescription]:
    """The topics. Raises MissingTopicError, LogError."""
    found = await log.describe(topics)
    for name in topics:
        if name not in found:
            raise MissingTopicError(f"there is no topic {name}: `sekisho topics create` makes it")
    return dict(found)


class TopicPin:
    """Confirms that the topics are still the ones that were pinned.

    A lane asks after it has fetched and before it commits: what it fetched then came from the pinned topic, since an id that is
    gone never comes back. One question answers all lanes that wait for it.
    """

    def __init__(self, log: Log, pinned: Mapping[str, TopicDescription]) -> None:
        self._log = log
        self._pinned = pinned
        self._next: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()

    async def confirm(self) -> None:
        """Raises TopicChangedError, LogError. The question is asked after this call began."""
        if self._next is None:
            self._next = asyncio.create_task(self._ask())
        await asyncio.shield(self._next)

    async def _ask(self) -> None:
        async with self._turn:
            self._next = None  # whoever asks from here on may have fetched after the answer
            found = await self._log.describe(tuple(self._pinned))
            for name, before in self._pinned.items():
                now = found.get(name)
                if now is None:
                    raise MissingTopicError(f"there is no topic {name} any more")
                compare(before, now)


def compare(before: TopicDescription, now: TopicDescription) -> None:
    """Raises TopicChangedError, with what to do."""
    if before.id != now.id:
        raise TopicChangedError(recreated(now.name, before.id, now.id))
    if before.partitions != now.partitions:
        raise TopicChangedError(
            f"topic {now.name} had {before.partitions} partitions and has {now.partitions} now: keys route elsewhere. Stop the "
            "gates and the ledger, see `sekisho topics check`, and start them again"
        )


def recreated(topic: str, before: str, now: str) -> str:
    """What an operator is told about a topic that is another one."""
    return (
        f"topic {topic} was deleted and made anew (its id was {before} and is {now}): what the ledger had not taken in of the old "
        "one is lost. Find out who did it; then `sekisho ledger accept-topic --reason …` has the ledger begin new logs that name the "
        "old ones as their predecessors"
    )
