"""The random driver for a minute: faults of a fixed seed, and of the day's, over three gates on a broker of its own."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from local_kafka import MakeBroker
from soak.__main__ import seed_of_today
from soak.drive import Drive, Options
from soak.plan import draw
from soak.report import write

_SECONDS, _EVERY, _RATE = 35.0, 2.5, 80.0


@pytest.mark.own_broker
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [4, seed_of_today()], ids=["fixed", "of-the-day"])
async def test_random_faults_over_three_gates(
    make_broker: MakeBroker, tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever comes when: each acknowledged request is answered once, in order and rightly, and no transaction is open."""
    options = Options(seed, _SECONDS, _EVERY, _RATE, checkpoint=3600, interval=2)
    plan = draw(seed, _SECONDS, _EVERY)
    with capsys.disabled():
        print(f"\nseed {seed}: {len(plan)} faults in {_SECONDS:g} s. Again: {options.command}")
    started = datetime.now(UTC)
    kafka = make_broker(data_dir=tmp_path / "broker").start()
    drive = Drive(kafka, tmp_path, options, plan, print)
    try:
        outcome = await drive.run()
    finally:
        report = write(drive, tmp_path, started)
        print(f"seed {seed}. Again: {options.command}\n{report}")
    (verdict,) = outcome.verdicts
    assert verdict.report.ok, str(verdict.report)
    assert verdict.report.counts.requests >= drive.traffic.requests > 0
    assert sum(drive.performer.counts.values()) == len(plan)
    assert (report.parent / "latency.svg").stat().st_size > 1_000
