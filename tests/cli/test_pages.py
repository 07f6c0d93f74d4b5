"""README and reference pages say what the command does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rich.cells import cell_len

from cli.conftest import Run
from sekisho.audit.disclosure import read_instructions
from sekisho.cli.documents import read_documents
from sekisho.cli.examples import examples_path
from sekisho.cli.messages import messages
from sekisho.reference import outdated

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(examples_path().glob("*.yaml"))


def test_the_decision_in_the_readme_is_the_commands_own(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The README's command, run in the checkout, prints the README's lines."""
    monkeypatch.chdir(ROOT)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    block = re.search(r"```console\n\$ sekisho (decide .*)\n((?:.|\n)*?)\n```", readme)
    assert block is not None
    shown = run(*block[1].split())
    assert shown.exit_code == 0
    assert shown.stdout.rstrip("\n") == block[2]


def test_the_readme_is_two_screens(run: Run) -> None:
    """A newcomer reads it: short, and every link leads somewhere."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(readme.splitlines()) <= 100
    for target in re.findall(r"\]\(([^)#]+)\)", readme):
        assert (ROOT / target).exists(), target


def test_the_reference_pages_are_as_the_code_has_them() -> None:
    """docs/cli.md, settings.md and metrics.md are generated; `make reference` writes them."""
    assert outdated(ROOT / "docs") == {}


def test_the_generated_help_fits_its_page() -> None:
    """No line of a help text is wider than 100 columns."""
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    for block in re.findall(r"```text\n(.*?)```", page, re.DOTALL):
        assert max(cell_len(line) for line in block.splitlines()) <= 100


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_can_be_used(run: Run, path: Path) -> None:
    """An example is for `decide` (its documents have an `at`), for `audit disclose`, or follows the contract for `send`."""
    documents = read_documents(path.name, path.read_bytes())
    if "answer" in documents[0].value:
        assert read_instructions(documents[0].value).answer is not None
    elif "at" in documents[0].value:
        assert run("decide", str(path)).exit_code == 0
    else:
        assert [each.wrong for each in messages(documents) if each.wrong] == []
