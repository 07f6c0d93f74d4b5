"""A process that purges and is killed at a step (`python killed_purge.py URL STEP`): SIGKILL, so nothing of it can tidy up."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sekisho.ledger.keeping import erasing, purging
from sekisho.ledger.keeping.keeping import Keeping

STEPS = ("judged", "leaves", "deleted", "committed", "second batch", "erasing")


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _dies(original: Callable[..., Any], *, after: bool, turn: int = 1) -> Callable[..., Any]:
    """The function, and the end of the process before or after its nth call."""
    calls = 0

    async def called(*given: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == turn and not after:
            _die()
        found = await original(*given, **named)
        if calls == turn and after:
            _die()
        return found

    return called


def arm(step: str) -> None:
    """Sets the trap."""
    traps: dict[str, tuple[Any, str, bool, int]] = {
        "judged": (purging, "write_acts", False, 1),
        "leaves": (purging, "purge_rows", False, 1),
        "deleted": (purging, "purge_rows", True, 1),
        "committed": (purging._Run, "batch", True, 1),
        "second batch": (purging, "purge_rows", True, 2),
        "erasing": (erasing, "_vacuum", True, 1),
    }
    where, name, after, turn = traps[step]
    setattr(where, name, _dies(getattr(where, name), after=after, turn=turn))


async def _main(url: str, origin: str, at: str, step: str) -> None:
    arm(step)
    now = datetime.fromisoformat(at)

    async def database_now(_conn: object) -> datetime:
        return now

    await purging.purge(Keeping(url, origin, 30, host_now=lambda: now, database_now=database_now, batch=10))


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
