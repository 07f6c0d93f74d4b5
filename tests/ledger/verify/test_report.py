"""What is told: every kind in both languages, findings in the order of their places, and what a verification cannot show."""

from __future__ import annotations

import ast
import inspect
import pkgutil
from importlib import import_module

import sekisho.ledger.verify
from sekisho.ledger.verify.findings import KEPT, KINDS, Finding, Findings
from sekisho.ledger.verify.report import Report


def _texts() -> set[str]:
    """Every string in the room's code."""
    found = set()
    for module in pkgutil.iter_modules(sekisho.ledger.verify.__path__):
        source = inspect.getsource(import_module(f"sekisho.ledger.verify.{module.name}"))
        if module.name != "findings":
            found |= {
                node.value
                for node in ast.walk(ast.parse(source))
                if isinstance(node, ast.Constant) and isinstance(node.value, str)
            }
    return found


def test_every_kind_is_made_somewhere() -> None:
    """No kind of finding is told of in words that no check can find."""
    assert set(KINDS) - _texts() == set()


def test_every_kind_has_both_languages() -> None:
    """A compliance officer reads Japanese, an auditor perhaps not."""
    for kind, meaning in KINDS.items():
        assert meaning.en.isascii(), kind
        assert not meaning.ja.isascii(), kind


def test_first_is_the_first_in_its_log() -> None:
    """A root that does not fit tells of the leaf before it: the leaf comes first, however late it was found."""
    found = Findings()
    found.add("checkpoint.root", "a", 500, "")
    found.add("tile.differs", "a", 256, "")
    found.add("leaf.hash", "a", 300, "")
    found.add("leaf.hash", "b", 3, "")
    assert [(each.log, each.idx) for each in found.kept()] == [("a", 256), ("a", 300), ("a", 500), ("b", 3)]


def test_all_are_counted_and_some_are_kept() -> None:
    """A ledger that is broken everywhere fills no memory."""
    found = Findings()
    for index in range(KEPT + 50):
        found.take(Finding("leaf.hash", "a", index, ""))
    assert found.totals == {"leaf.hash": KEPT + 50}
    assert len(found.kept()) == KEPT


def test_report_without_older_checkpoints_says_what_it_cannot_show() -> None:
    """Honest words: a tail that was cut and signed anew passes."""
    alone = Report("database", keys_given=False, older=0, checked_payloads=True)
    given = Report("database", keys_given=True, older=3, checked_payloads=True)
    assert any("--since" in note.en for note in alone.notes())
    assert any("--keys" in note.en for note in alone.notes())
    assert not any("--since" in note.en or "--keys" in note.en for note in given.notes())
    assert all("audit check" in list(report.notes())[-1].en for report in (alone, given))
