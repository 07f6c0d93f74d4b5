"""Every case through `sekisho decide`, as a person runs it: one call, one line for each case."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cases.on_the_core import all_cases, answer
from sekisho.contracts.verdict_view import verdict_view
from sekisho.rulebook import sample_path
from sekisho.rulebook.cases import Case, compare, expand


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What the command printed, by request id."""
    file: Path = tmp_path_factory.mktemp("cases") / "cases.jsonl"
    file.write_text("".join(json.dumps(expand(case)) + "\n" for case in all_cases()), encoding="utf-8")
    command = [sys.executable, "-m", "sekisho", "decide", str(file), "--rulebook", str(sample_path())]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == len(all_cases())
    return {line["request_id"]: line for line in lines}


@pytest.mark.parametrize("case", all_cases(), ids=lambda case: case.id)
def test_the_command_answers_as_the_case_expects(case: Case, told: dict[str, dict[str, Any]]) -> None:
    """The decision and the record printed are those that the case pins, and those that the core gives."""
    decision = told[case.request["request_id"]]
    record = decision.pop("record")
    assert compare(case, decision, record) == []
    core_decision, core_record = json.loads(json.dumps(answer(case)))
    assert verdict_view(decision, record) == verdict_view(core_decision, core_record)
    told[case.request["request_id"]]["record"] = record
