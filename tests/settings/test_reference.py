"""The reference pages are what the declarations say."""

from __future__ import annotations

from pathlib import Path

import pytest

from sekisho import reference
from sekisho.settings import Settings
from sekisho.settings.source import variables
from sekisho.telemetry.definitions import all_definitions

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_pages_are_up_to_date() -> None:
    """docs/settings.md and docs/metrics.md equal what `python -m sekisho.reference docs` writes."""
    assert reference.outdated(DOCS) == {}


def test_every_setting_and_metric_has_its_place() -> None:
    """Nothing that is declared is missing from the pages."""
    settings, metrics = reference.settings_page(), reference.metrics_page()
    assert [one.name for one in variables(Settings) if f"### `{one.name}`\n" not in settings] == []
    assert [one.name for one in all_definitions() if f"| `{one.name}` |" not in metrics] == []


def test_the_pages_are_the_same_on_every_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """No home folder, host name or variable of the machine that wrote them gets into the pages."""
    before = reference.settings_page()
    monkeypatch.setenv("HOME", "/somewhere/else")
    monkeypatch.setenv("SEKISHO_HTTP_PORT", "9000")
    assert reference.settings_page() == before
    assert "/somewhere" not in before


def test_check_finds_a_page_that_differs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--check gives 1 and shows the difference, and writes nothing."""
    assert reference.main([str(tmp_path)]) == 0
    assert reference.main(["--check", str(tmp_path)]) == 0
    page = tmp_path / "metrics.md"
    page.write_text(page.read_text("utf-8").replace("counter", "countre", 1), "utf-8")
    assert reference.main(["--check", str(tmp_path)]) == 1
    assert "countre" in capsys.readouterr().err
    assert "countre" in page.read_text("utf-8")


def test_check_finds_a_page_that_is_missing(tmp_path: Path) -> None:
    """A page that was deleted counts as out of date."""
    missing = set(reference.outdated(tmp_path))
    assert {"settings.md", "metrics.md", "cli.md"} <= missing
    assert {name.split("/")[0] for name in missing if "/" in name} == {"rules"}
