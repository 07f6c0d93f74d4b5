"""A process that publishes, or changes the key, and kills itself before a step: `python killed.py URL FOLDER STEP publish|rotate`."""

from __future__ import annotations

import asyncio
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ledger.publish.ground import Ground
from ledger.publish.steps import Steps, kill
from sekisho.ledger.publish.meta import Statement
from sekisho.ledger.publish.rotation import rotate_key
from sekisho.ledger.store.connection import session


async def _main(url: str, folder: str, at: int, what: str, now: str) -> int:
    steps = Steps(kill)
    with pytest.MonkeyPatch.context() as patch:
        async with session(url, "writer") as conn:
            ground = Ground(url, Path(folder), conn)
            ground.clock.at = datetime.fromisoformat(now) + timedelta(seconds=1)
            steps.wire(patch)
            steps.arm(at)
            publisher = await ground.open()
            if what == "rotate":
                await rotate_key(conn, publisher, Statement("operator", "test"))
            else:
                await publisher.publish(conn, enter_all=True)
    return steps.count


if __name__ == "__main__":
    print(asyncio.run(_main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], sys.argv[5])))
