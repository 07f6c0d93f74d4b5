"""What a broker that is alone does before it comes back: it gives up what it was (ADR 0013).

Kafka 4.3 [S/M]: the controller in it still takes the dead broker for alive, so the new one believes at first that it leads
its partitions, and starts to end the transactions that had been answered and had no markers yet. A moment later the dead
one's session ends and nobody leads; in that moment Kafka takes the partitions for deleted, skips their markers, and notes the
transaction as complete: it stays open, and shares the fate of its producer's next one. A broker that starts with its old self
given up never gets there; one that ends in order would get there at its end, and so does not tell its controller
(properties.py, `controlled.shutdown.enable`).
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sekisho.local.jvm import ENVIRONMENT
from sekisho.local.process import ChildProcess, ProcessLimits
from sekisho.local.properties import Node, controller_properties, render

SESSION_MS: Final = 500
"""How long the lone controller waits for the dead broker: long enough for it to be asked eight times."""
_GIVEN_UP: Final = re.compile(r"Fencing broker \d+ .*session has timed out")
_ACTIVE: Final = "Becoming the active controller"
_WRITTEN_SECONDS: Final = 1.0
"""It says so before it is written: ended at once, it forgot it in one of four [M]. The log is written every 25 ms."""
_ALREADY_SECONDS: Final = 10 * SESSION_MS / 1000
"""An active controller that has given nobody up by then has nobody to give up: the broker died before it served."""


def has_old_self(logs: Path) -> bool:
    """Whether a node ran on this data before."""
    return (logs / "__cluster_metadata-0").is_dir()


def give_up_old_self(
    name: str, command: Sequence[str], folder: Path, node: Node, limits: ProcessLimits
) -> None:
    """Runs only the node's controller until it has taken the broker that ended out of the cluster (about 2 s).

    Where that does not come about, the broker's own start goes on as it would have and tells what is wrong. Raises
    ProcessError when no process can be started.
    """
    config = folder / "controller.properties"
    config.write_text(render(controller_properties(node, folder / "kafka-data", SESSION_MS)), "utf-8")
    controller = ChildProcess(
        f"the controller of {name}",
        [*command, "kafka.Kafka", str(config)],
        folder / "controller.log",
        limits,
        environment=ENVIRONMENT,
    )
    controller.start()
    try:
        _wait_until_given_up(controller)
    finally:
        controller.stop()


def _wait_until_given_up(controller: ChildProcess) -> None:
    give_up = time.monotonic() + controller.limits.start_seconds
    active_until = None
    while time.monotonic() < (active_until or give_up):
        said = controller.said(2_000)
        if _GIVEN_UP.search(said):
            time.sleep(_WRITTEN_SECONDS)
            return
        if not controller.is_running():
            return
        if active_until is None and _ACTIVE in said:
            active_until = time.monotonic() + _ALREADY_SECONDS
        time.sleep(0.05)
