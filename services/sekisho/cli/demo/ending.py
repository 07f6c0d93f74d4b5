"""SIGTERM and SIGHUP end the demo as Ctrl-C does: what it started is stopped (exit codes as shells have them)."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final, TypeVar

T = TypeVar("T")
_ENDING: Final = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def terminable() -> Iterator[None]:
    """Outside of event loops: the signal raises SystemExit."""

    def end(number: int, frame: FrameType | None) -> None:
        del frame
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, end) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run(main: Coroutine[object, object, T]) -> T:
    """`asyncio.run`, in which the signals cancel the main task. Raises SystemExit when one came.

    An exception raised by a signal handler may come up anywhere, in a callback from C too, where it is lost: a demo told
    to end would go on.
    """
    told: list[int] = []

    async def guarded() -> T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None

        def end(number: int) -> None:
            told.append(number)
            task.cancel()

        before = {number: signal.getsignal(number) for number in _ENDING}
        for number in _ENDING:
            loop.add_signal_handler(number, end, number)
        try:
            return await main
        finally:
            for number, handler in before.items():
                loop.remove_signal_handler(number)
                signal.signal(number, handler)

    try:
        return asyncio.run(guarded())
    except asyncio.CancelledError:
        if not told:
            raise
        raise SystemExit(128 + told[0]) from None
