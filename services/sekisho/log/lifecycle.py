"""What both transactional writers have in common: in which state which call is allowed, and no send left unsettled."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from sekisho.log.port import LogError, SendError


class PendingSends:
    """The sends of one transaction. A failed one does not poison a Kafka transaction by itself (runtime.md [M]: the
    commit succeeds and the record is lost), so `settle` stands before every commit."""

    def __init__(self) -> None:
        self._futures: list[asyncio.Future[int]] = []
        self._failure: LogError | None = None

    def track(self, future: asyncio.Future[int]) -> asyncio.Future[int]:
        """Remembers a send; gives the future to hand to the caller."""
        self._futures.append(future)
        future.add_done_callback(self._note)
        return future

    def _note(self, future: asyncio.Future[int]) -> None:
        failure = SendError("a send was cancelled") if future.cancelled() else future.exception()
        if failure is not None and not isinstance(failure, LogError):
            failure = SendError(repr(failure))
        self._failure = self._failure or failure

    @property
    def failure(self) -> LogError | None:
        """The first send that failed in this writer's life, if one did."""
        return self._failure

    async def settle(self, timeout_s: float) -> None:
        """Waits until every send has its answer. Raises what the first failed one raised, SendError without an answer."""
        open_ones = [future for future in self._futures if not future.done()]
        if open_ones:
            _, unanswered = await asyncio.wait(open_ones, timeout=timeout_s)
            if unanswered:
                raise SendError(f"{len(unanswered)} batches got no answer within {timeout_s} s: abort")
        for future in self._futures:
            self._note(future)  # a callback of one that was done at once may not have run yet
        self._futures.clear()
        if self._failure is not None:
            raise self._failure


class WriterLifecycle:
    """Tells which call a transactional writer may take. After a failure only `abort` (once, to end what is open) and
    `stop` are left: the sequence number has advanced past what failed (runtime.md [M])."""

    def __init__(self, name: str, sends: PendingSends) -> None:
        self._name = name
        self._sends = sends
        self._running = False
        self._open = False
        self._broken: LogError | None = None

    def started(self) -> None:
        if self._running:
            raise RuntimeError(f"writer {self._name} is started already")
        self._running = True

    def begun(self) -> None:
        """Raises what broke the writer, RuntimeError out of turn."""
        self._refuse_if_broken()
        if not self._running or self._open:
            raise RuntimeError(
                f"writer {self._name} is not ready to begin (not started, or in a transaction)"
            )
        self._open = True

    def need_transaction(self) -> None:
        """For all that adds to a transaction or commits it; raises as `begun` does."""
        self._refuse_if_broken()
        self.need_open()

    def need_open(self) -> None:
        """For `abort`, which a broken writer may still do."""
        if not self._open:
            if self._broken is not None:
                self._refuse_if_broken()
            raise RuntimeError(f"writer {self._name} is in no transaction: begin() first")

    def ended(self) -> None:
        self._open = False

    def broke(self, error: LogError) -> LogError:
        """Notes the failure after which the writer takes no work any more; gives it back to be raised."""
        self._broken = self._broken or error
        return error

    def stopped(self) -> None:
        self._running = self._open = False
        self.broke(LogError("it was stopped"))

    def _refuse_if_broken(self) -> None:
        broken = self._broken or self._sends.failure
        if broken is not None:
            text = f"writer {self._name} takes no more work, stop it: {broken}"
            raise type(broken)(text) from broken


def in_batches(sizes: Sequence[int], limit: int) -> list[slice]:
    """Cuts consecutive sizes (bytes) into runs of at most `limit`; one that is larger alone stands alone."""
    cuts, begin, total = [], 0, 0
    for index, size in enumerate(sizes):
        if index > begin and total + size > limit:
            cuts.append(slice(begin, index))
            begin, total = index, 0
        total += size
    if sizes:
        cuts.append(slice(begin, len(sizes)))
    return cuts
