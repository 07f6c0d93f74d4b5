"""A gate that kills itself: `python -m faults.crashing STEP SKIP WHERE`, with a gate's settings in the environment."""

from __future__ import annotations

import asyncio
import sys

from faults.unsafe_faults import Faults, Step
from faults.unsafe_log import UnsafeLog
from sekisho.bootstrap import configure_logging, gate_service, make_log
from sekisho.settings import Settings


async def run(step: Step, skip: int, where: str) -> None:
    """Runs the gate until it crashes."""
    settings = Settings.from_environment()
    configure_logging(settings, "gate")
    faults = Faults()
    faults.crash(step, skip=skip, where=where)
    service = gate_service(settings, UnsafeLog(make_log(settings), faults))
    await service.start()
    await service.wait_until_stopped()


if __name__ == "__main__":
    asyncio.run(run(Step[sys.argv[1]], int(sys.argv[2]), sys.argv[3]))
