"""The periodic purge: what is due is deleted without anybody asking (SV 10: erase without delay)."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from sekisho.ledger.keeping.keeping import Keeping
from sekisho.ledger.keeping.purging import PurgeReport, PurgeRunningError, purge
from sekisho.ledger.store.retention import due_counts
from sekisho.telemetry.ledger import LedgerMetrics

log = structlog.get_logger()
_AGAIN_S: Final = 300.0
"""After a run that failed: sooner than the next one, later than a database takes to come back."""


class PeriodicPurge:
    """Runs a purge at once and then every `every_seconds`; killed or cancelled at any moment it loses nothing."""

    def __init__(self, keeping: Keeping, every_seconds: float, metrics: LedgerMetrics) -> None:
        self._keeping = keeping
        self._every_seconds = every_seconds
        self._metrics = metrics

    async def run(self) -> None:
        """Without end. What goes wrong is told and tried again: nothing is deleted meanwhile, which is safe."""
        while True:
            done = await self.once()
            wait = self._every_seconds if done else min(_AGAIN_S, self._every_seconds)
            await asyncio.sleep(wait)

    async def once(self) -> bool:
        """One run; False: it did not come to its end."""
        done = False
        try:
            self._tell(await purge(self._keeping))
            done = True
        except PurgeRunningError:
            log.info("purge left to another")
        except Exception as error:
            log.error("purge failed", exc_info=error)
        try:
            await self._measure()
        except Exception as error:
            log.error("what is due is not counted", exc_info=error)
            return False
        return done

    def _tell(self, report: PurgeReport) -> None:
        self._metrics.purged_records.inc(report.purged)
        if report.refusal is not None:
            self._metrics.purge_refusals.at(report.refusal).inc()

    async def _measure(self) -> None:
        """After a run that failed as well, and by the machines' clocks alone: what nothing deletes, or signs, must show."""
        async with self._keeping.session() as conn:
            counts = await due_counts(conn, (await self._keeping.clocks(conn)).day_without_checkpoint)
        self._metrics.retention_due.set(counts.due)
        self._metrics.retention_held.set(counts.held)
