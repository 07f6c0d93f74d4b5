"""Records read ahead for one lane, and the places where a record is that cannot be read."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from sekisho.log.port import Record


class Undecodable(NamedTuple):
    """A position at which the log could not give a record."""

    offset: int
    why: str


Item = Record | Undecodable


class Inbox:
    """A queue in the partition's order. `epoch` grows when it is emptied: what was fetched before is then void."""

    def __init__(self) -> None:
        self.epoch = 0
        self.bytes = 0
        """Of the values that wait."""
        self._items: deque[Item] = deque()
        self._arrived = asyncio.Event()

    def __len__(self) -> int:
        return len(self._items)

    def offer(self, items: Sequence[Item]) -> None:
        """Takes what was fetched, in order."""
        self._items.extend(items)
        self.bytes += sum(map(_size, items))
        self._arrived.set()

    def wake(self) -> None:
        """Ends a wait although nothing came."""
        self._arrived.set()

    def clear(self) -> None:
        """Forgets all: the lane seeks back."""
        self._items.clear()
        self.bytes = 0
        self.epoch += 1

    def put_back(self, items: Sequence[Item]) -> None:
        """Gives back what was taken last, to be taken next."""
        self._items.extendleft(reversed(items))
        self.bytes += sum(map(_size, items))
        self._arrived.set()

    def next_offset(self) -> int:
        """The offset of what is taken next; -1 where there is nothing."""
        return self._items[0].offset if self._items else -1

    def newest(self) -> Item | None:
        """What came last."""
        return self._items[-1] if self._items else None

    def take(self, records: int, size: int) -> list[Item]:
        """At most `records` items of together at most `size` bytes, but one at least if there is one."""
        taken: list[Item] = []
        total = 0
        while self._items and len(taken) < records:
            total += _size(self._items[0])
            if taken and total > size:
                break
            taken.append(self._items.popleft())
        self.bytes -= sum(map(_size, taken))
        return taken

    async def wait(self, seconds: float) -> None:
        """Returns when there is something, when woken, or after `seconds`."""
        if self._items:
            return
        self._arrived.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._arrived.wait()
        except TimeoutError:
            return


def _size(item: Item) -> int:
    return 0 if isinstance(item, Undecodable) else len(item.value or b"")
