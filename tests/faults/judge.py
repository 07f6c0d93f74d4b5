"""The verifier's word on a world of gates: every fault test ends with it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from gate.world import HMAC_KEY, LIMITS, WAIT_S
from sekisho.audit import CheckConfig, CheckReport, Sent, check
from sekisho.contracts.topics import TopicNames
from sekisho.log.port import Log


def check_config(names: TopicNames, **changes: Any) -> CheckConfig:
    """As the worlds' gates decide. The append times of one broker need no tolerance."""
    config = CheckConfig(
        topics=names,
        settled=True,
        partitions=None,
        value_bytes=LIMITS.value_bytes,
        subject_events=LIMITS.subject_events,
        window_ms=int(LIMITS.duplicate_window_seconds * 1000),
        freshness_ms=int(LIMITS.freshness_seconds * 1000),
        tolerance_ms=0,
        clock_ms=0,
        settle_seconds=15,
        stall_seconds=20,
        poll_ms=50,
        findings_kept=20,
        hmac_key=HMAC_KEY,
    )
    return replace(config, **changes)


async def all_answered(log: Log, names: TopicNames, **changes: Any) -> None:
    """Waits until nothing is pending any more. What is wrong is for `judged` to say."""
    config = check_config(names, settled=False, **changes)
    async with asyncio.timeout(WAIT_S):
        while (report := await check(log, config)).counts.pending:
            assert report.ok, str(report)
            await asyncio.sleep(0.5)


async def judged(log: Log, names: TopicNames, sent: Iterable[Sent] = (), **changes: Any) -> CheckReport:
    """The verifier's report on topics that the gates are done with."""
    return await check(log, check_config(names, **changes), sent=sent)
