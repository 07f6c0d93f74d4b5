"""Guarantees that can be taken away, each alone, for tests only: the verifier must catch what a gate then does wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
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

    def __init__(self, *, frozen: bool = False) -> None:
        self.frozen = frozen
        self._missed: list[Callable[[], Awaitable[None] | None]] = []

    def listener(self, listener: AssignmentListener) -> AssignmentListener:
        """Stands between a group and its member."""
        return _FrozenListener(self, listener)

    def misses(self, call: Callable[[], Awaitable[None] | None]) -> None:
        self._missed.append(call)

    async def wake(self) -> None:
        """Hears all that it missed, in order."""
        self.frozen = False
        for call in self._missed:
            waited = call()
            if waited is not None:
                await waited


class _FrozenListener(AssignmentListener):
    def __init__(self, state: Frozen, listener: AssignmentListener) -> None:
        self._state = state
        self._listener = listener

    def assigned(self, partitions: frozenset[Partition]) -> None:
        if self._state.frozen:
            self._state.misses(lambda: self._listener.assigned(partitions))
        else:
            self._listener.assigned(partitions)

    async def revoked(self, partitions: frozenset[Partition]) -> None:
        if self._state.frozen:
            self._state.misses(lambda: self._listener.revoked(partitions))
        else:
            await self._listener.revoked(partitions)


Tamper = Callable[[Partition, Sequence[Outgoing]], Sequence[Outgoing]]
"""What is written instead of what was to be written."""
