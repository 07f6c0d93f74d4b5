"""A gate process as `sekisho gate` runs one, around a log whose steps fail when the driver says so. For tests only.

`python -m soak.unsafe_gate FILE`: settings come from the environment as a gate's do. Each line put into FILE arms one
fault; the file is taken away when it was read.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import structlog

from faults.unsafe_log import Faults, Step, UnsafeLog
from sekisho import bootstrap
from sekisho.log.port import CommitUnknownError, LogError, SendError, UnavailableError
from sekisho.settings import Settings

_LOOK_SECONDS: Final = 0.1
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Order:
    """What the driver wants to happen: at which step, after how many were let through; 0 seconds: it fails."""

    step: str
    skip: int
    seconds: float

    def error(self) -> LogError:
        """As the log would raise it at that step."""
        step = Step(self.step)
        if step in (Step.BEFORE_COMMIT, Step.AFTER_COMMIT):
            return CommitUnknownError(f"injected: no answer {self.step}")
        if step is Step.ANSWER:
            return SendError("injected: a batch was not acknowledged")
        return UnavailableError(f"injected: no answer at {self.step}")

    def arm(self, faults: Faults) -> None:
        """Makes it happen the next time that the step is taken."""
        if self.seconds:
            faults.delay(Step(self.step), self.seconds, skip=self.skip)
            return
        faults.fail(Step(self.step), self.error(), skip=self.skip)
        if Step(self.step) is Step.ABORT:
            # an abort that fails needs a failure before it
            faults.fail(Step.ANSWER, SendError("injected: a batch was not acknowledged"), skip=self.skip)


def give(orders: Path, order: Order) -> None:
    """Tells a gate; it looks several times a second. Whole files only, so that it never reads half a line."""
    written = orders.with_suffix(".new")
    written.write_text(json.dumps(asdict(order)), "utf-8")
    written.replace(orders)


def _taken(path: Path) -> Order | None:
    """An order that was given, None if there is none; it is taken once."""
    try:
        order = Order(**json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        return None
    path.unlink()
    return order


async def _take_orders(path: Path, faults: Faults) -> None:
    told = 0
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        if (order := _taken(path)) is not None:
            order.arm(faults)
            _log.info("fault_armed", step=order.step, seconds=order.seconds)
        for step, name in faults.happened[told:]:
            _log.info("fault_injected", step=step.value, transactional_id=name)
        told = len(faults.happened)


async def _run(settings: Settings, orders: Path) -> int:
    faults = Faults()
    log = UnsafeLog(bootstrap.make_log(settings), faults)
    watching = asyncio.create_task(_take_orders(orders, faults))
    try:
        return await bootstrap.serve(bootstrap.gate_service(settings, log))
    finally:
        watching.cancel()


def main() -> int:
    """Runs the gate until it is told to stop; its exit code as `sekisho gate` has it."""
    settings = Settings.from_environment()
    bootstrap.configure_logging(settings, "gate")
    return asyncio.run(_run(settings, Path(sys.argv[1])))


if __name__ == "__main__":
    sys.exit(main())
