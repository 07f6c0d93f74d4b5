"""Guarantees that can be taken away, each alone, for tests only: the verifier must catch what a gate then does wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sekisho.log.port import AssignmentListener, Outgoing, Partition


@dataclass(frozen=True)
class Controls:
    """Guarantees taken away. Each alone must be caught by the verifier."""

    unsafe_no_await: bool = False  # sends are never awaited, and their failure is not noticed
    unsafe_no_seek_back: bool = False  # after an abort the group's position stays behind the failed requests
    unsafe_no_fencing: bool = False  # every writer has a transactional id of its own
    unsafe_no_high_watermark: bool = False  # the stable end is taken for the end
    unsafe_offsets_outside: bool = False  # offsets are committed at once, in a transaction of their own
    unsafe_no_router_offsets: bool = False  # the router never says how far it is
    unsafe_read_uncommitted: bool = False  # what a transaction may still take back is read
    unsafe_blind_to: str = ""  # records of this topic are passed over as if they were markers


class Frozen:
    """A process that is told nothing for a while: what its group decides meanwhile reaches it when it wakes."""

    def __init__(self) -> None:
        self.frozen = False
        self._listeners: list[_FrozenListener] = []

    def listener(self, listener: AssignmentListener) -> AssignmentListener:
        """Stands between a group and its member."""
        self._listeners.append(_FrozenListener(self, listener))
        return self._listeners[-1]

    async def wake(self) -> None:
        """Hears what came of all that it missed."""
        self.frozen = False
        for each in self._listeners:
            await each.catch_up()


class _FrozenListener(AssignmentListener):
    def __init__(self, state: Frozen, listener: AssignmentListener) -> None:
        self._state = state
        self._listener = listener
        self._revoked: frozenset[Partition] = frozenset()
        self._assigned: frozenset[Partition] | None = None

    def assigned(self, partitions: frozenset[Partition]) -> None:
        if self._state.frozen:
            self._assigned = partitions
        else:
            self._listener.assigned(partitions)

    async def revoked(self, partitions: frozenset[Partition]) -> None:
        if self._state.frozen:
            self._revoked |= partitions
            self._assigned = None
        else:
            await self._listener.revoked(partitions)

    async def catch_up(self) -> None:
        """As after a process was stopped and goes on: all that it had is gone, what it has now is new."""
        if self._revoked:
            await self._listener.revoked(self._revoked)
        if self._assigned is not None:
            self._listener.assigned(self._assigned)


Tamper = Callable[[Partition, Sequence[Outgoing]], Sequence[Outgoing]]
"""What is written instead of what was to be written."""
