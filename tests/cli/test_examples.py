"""What a person is told to type next."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sekisho.cli.examples import command, example


def test_the_command_is_named_as_it_can_be_called(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the PATH has no sekisho, the path that was called is told, from where the person is."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.setattr(sys, "argv", [str(tmp_path / ".venv" / "bin" / "sekisho"), "demo"])
    assert command() == ".venv/bin/sekisho"


def test_a_command_on_the_path_is_told_by_its_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the PATH has it, its name is enough."""
    found = tmp_path / "sekisho"
    found.write_text("#!/bin/sh\n")
    found.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "argv", [str(found)])
    assert command() == "sekisho"


def test_examples_that_are_told_exist() -> None:
    """An example is told by a path that opens."""
    assert Path(example("insurance-list.yaml")).is_file()
