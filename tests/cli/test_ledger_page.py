"""docs/ledger.md and its Japanese sister say what the commands, settings and the law's table say."""

from __future__ import annotations

import re
import shlex
from datetime import date
from pathlib import Path

import click
import pytest

from sekisho.cli.app import root
from sekisho.domain.retention import retention
from sekisho.domain.vocabulary import RecordMethod, values

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "docs" / "ledger.md", ROOT / "docs" / "ledger.ja.md"]


def commands(page: Path) -> list[list[str]]:
    """What follows `sekisho` in each line of the console blocks, environment and comment apart."""
    text = page.read_text(encoding="utf-8")
    lines = [
        line for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL) for line in block.splitlines()
    ]
    found = [shlex.split(line.removeprefix("$ "), comments=True) for line in lines]
    return [each[each.index("sekisho") + 1 :] for each in found]


def parsed(arguments: list[str]) -> None:
    """As click reads them, down to the subcommand, and runs nothing. Raises click.ClickException."""
    command: click.Command = root
    left = list(arguments)
    while isinstance(command, click.Group) and left:
        found = command.get_command(click.Context(command), left[0])
        assert found is not None, arguments
        command, left = found, left[1:]
    command.make_context("sekisho", left, **root.context_settings)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_on_the_page_is_one(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each parses, options and example files included."""
    monkeypatch.chdir(ROOT)
    found = commands(page)
    assert len(found) >= 18
    for arguments in found:
        parsed(arguments)


def test_both_pages_show_the_same_commands() -> None:
    """Reasons and comments aside, which are in the page's language."""
    ours, theirs = (
        [
            [each for each in line if each.isascii() and " " not in each and each != "yearly"]
            for line in commands(page)
        ]
        for page in PAGES
    )
    assert ours == theirs


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_settings_metrics_and_links_exist(page: Path) -> None:
    """Each setting and metric that is named is one; each link leads somewhere."""
    text = page.read_text(encoding="utf-8")
    for pattern, where in ((r"SEKISHO_[A-Z_]+", "settings.md"), (r"`(sekisho_[a-z_]+)`", "metrics.md")):
        reference = (ROOT / "docs" / where).read_text(encoding="utf-8")
        for name in set(re.findall(pattern, text)):
            assert name in reference, name
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_table_of_retention_is_the_laws(page: Path) -> None:
    """Its example days are what domain.retention gives for each method."""
    rows = re.findall(
        r"^\| `(\w+)`.*?(\d{4}-\d\d-\d\d) → (\d{4}-\d\d-\d\d)", page.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert {method for method, _, _ in rows} == set(values(RecordMethod))
    for method, base, until in rows:
        day = date.fromisoformat(base)
        assert retention(method, day, day).until == date.fromisoformat(until)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_causes_on_the_page_are_those_that_readiness_tells(page: Path) -> None:
    """A cause in the operator's table is one of the metric's."""
    text = page.read_text(encoding="utf-8")
    (table,) = re.findall(r"^\| (?:cause|原因) \|.*?\n\n", text, re.MULTILINE | re.DOTALL)
    metric = next(
        line
        for line in (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8").splitlines()
        if "`sekisho_unready`" in line
    )
    causes = re.findall(r"^\| `(\w+)`", table, re.MULTILINE)
    assert len(causes) >= 5
    for cause in causes:
        assert f"`{cause}`" in metric
