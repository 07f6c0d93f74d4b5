"""`sekisho audit check`: the verifier's report for people and for programs."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.cells import cell_len

from audit.scenario import Forger
from faults import messages
from gate.world import World, subject_in
from sekisho.cli.app import root
from sekisho.cli.audit_report import show_report
from sekisho.cli.screen import Screen


async def _shown(forger: Forger, **changes: bool) -> str:
    stream = io.StringIO()
    show_report(Screen(stream), await forger.check(**changes))
    return stream.getvalue()


async def test_a_clean_report_fits_80_columns_in_both_languages(forger: Forger) -> None:
    """Counts with their labels, and the verdict; no line is wider than 80 columns, and nothing is coloured."""
    shown = await _shown(forger)
    assert "15  申請 requests" in shown
    assert "すべての申請に、確定した正しい決定がちょうど一つ。" in shown
    assert "None lost, none doubled." in " ".join(shown.split())
    assert max(map(cell_len, shown.splitlines())) <= 80
    assert "\x1b" not in shown


async def test_findings_are_told_by_kind_with_their_places(forger: Forger) -> None:
    """Each kind in words, each finding with topic, partition and offset."""
    forger.erase(forger.answer("use"))
    forger.add(forger.answer("stopped"))
    shown = await _shown(forger)
    assert "request.lost" in shown
    assert "申請に決定がありません（1件）" in shown
    assert f"audit-access-requests 1:{forger.offsets['use']}" in shown
    assert "3件の相違があります。" in shown
    assert max(map(cell_len, shown.splitlines())) <= 80


async def test_what_is_pending_is_no_proof_yet(forger: Forger) -> None:
    """While gates go on, the report says that some is still to be answered."""
    forger.erase(forger.answer("second provision"))
    shown = await _shown(forger, settled=False)
    assert "処理待ち still to be answered" in shown
    assert "Nothing is wrong so far" in " ".join(shown.split())


@pytest.mark.broker
async def test_the_command_reads_a_real_kafka(
    kafka_world: World, broker: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Exit code 0 and a JSON report where all is well; 1 and the place where a request has no decision."""
    gate = await kafka_world.gate()
    await kafka_world.ask(*(messages.request(subject_in(number)) for number in range(3)))
    await kafka_world.decisions(3)
    await kafka_world.stop(gate)
    monkeypatch.setenv("SEKISHO_KAFKA_BOOTSTRAP", broker)
    monkeypatch.setenv("SEKISHO_TOPIC_PREFIX", kafka_world.prefix)
    monkeypatch.setenv("SEKISHO_STATE_DIRECTORY", str(tmp_path))
    report = await _command(0, "--json")
    assert (report["ok"], report["counts"]["decisions"]) == (True, 3)
    (offset,) = await kafka_world.ask(messages.request(subject_in(3)))
    assert (await _command(0, "--json", "--running"))["counts"]["pending"] == 1
    assert (await _command(0, "--json", "--partition", "1"))["counts"]["partitions"] == 1
    (finding,) = (await _command(1, "--json"))["findings"]
    place = (finding["kind"], finding["topic"], finding["partition"], finding["offset"])
    assert place == ("request.lost", kafka_world.names.requests, 3, offset)


async def _command(code: int, *arguments: str) -> dict[str, Any]:
    """Runs the command as a process would, in a thread of its own (it has its own event loop)."""
    done = await asyncio.to_thread(CliRunner().invoke, root, ["audit", "check", *arguments])
    assert done.exit_code == code, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found
