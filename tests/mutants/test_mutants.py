"""The mutation run's own correctness: it makes the mutants it says, and a report that hides nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutants import report
from mutants.__main__ import Tried
from mutants.mutating import Mutant, mutants
from mutants.trial import DOMAIN, name_of

SOURCE = '''\
"""A module."""

KINDS: Final = frozenset({"a", "b"})
Alias = tuple[str, int]


class One:
    """A class."""

    flag: bool = False

    def holds(self, day: int) -> bool:
        """Whether it does."""
        return day <= self.last and day not in self.gone


@lru_cache(maxsize=10)
def remembered(part: str) -> str:
    if part:
        return part.upper()
    return Cite("code", "R-1")
'''


def changes() -> dict[str, set[tuple[str, str]]]:
    """The mutants of the source, by scope."""
    found: dict[str, set[tuple[str, str]]] = {}
    for each in mutants(SOURCE):
        found.setdefault(each.scope, set()).add((each.before, each.after))
    return found


def test_constants_methods_and_remembered_functions_are_changed() -> None:
    """What stands at the module's level or under a decorator is changed as well, operands and elements are left out."""
    found = changes()
    kinds = 'KINDS: Final = frozenset({"a", "b"})'
    assert (kinds, 'KINDS: Final = frozenset({"b"})') in found[""]
    line = "return day <= self.last and day not in self.gone"
    assert {
        (line, "return day < self.last and day not in self.gone"),
        (line, "return day <= self.last and day in self.gone"),
        (line, "return day <= self.last or day not in self.gone"),
        (line, "return day <= self.last"),
        (line, "return day not in self.gone"),
    } <= found["One.holds"]
    assert ("if part:", "if not (part):") in found["remembered"]


def test_types_names_of_codes_and_sizes_of_memories_are_not() -> None:
    """No mutant changes an alias, an annotation, a docstring, a code or a memory's size: mypy and the loading judge them."""
    afters = [after for scope in changes().values() for _, after in scope]
    assert not any(
        "Alias" in each or "lru_cache" in each or "XXcode" in each or "XXA " in each for each in afters
    )
    assert not any(each.count("None") and "flag" in each for each in afters)


def test_every_mutant_compiles_and_differs() -> None:
    """Each of a module of rules is another text than all others."""
    source = (DOMAIN / "rules" / "susp.py").read_text("utf-8")
    found = mutants(source)
    assert len({each.source for each in found}) == len(found) > 50
    assert source not in {each.source for each in found}
    for each in found:
        compile(each.source, "mutant", "exec")


def tried(scope: str, after: str, noticed_by: str | None) -> Tried:
    """A mutant of a module, and who noticed it."""
    return Tried("rules.wall", Mutant(scope, 1, "before", after, 0, ""), noticed_by)


def test_the_report_counts_survivors_and_names_stale_entries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An entry excuses its mutant alone, and is stale once the mutant is noticed; a survivor without an entry is told."""
    listed = tmp_path / "equivalent.yaml"
    listed.write_text(
        "- reason: changes nothing\n  mutants:\n    - {module: rules.wall, scope: f, before: before, after: equal}\n"
    )
    monkeypatch.setattr(report, "EQUIVALENTS", listed)
    monkeypatch.setattr(report.equivalents, "__defaults__", (listed,))
    killed = [tried("f", f"k{number}", "case one") for number in range(95)]
    assert report.tell([*killed, tried("f", "equal", None)], whole=True) == 0
    assert "0 of 95 survived, 1 equivalent" in capsys.readouterr().out
    assert report.tell([*killed, tried("f", "alive", None), tried("f", "equal", "case two")], whole=True) == 1
    said = capsys.readouterr().out
    assert "+ alive" in said
    assert "not a survivor, take it from the list: rules.wall f" in said
    assert report.tell([*killed[:5], tried("f", "alive", None)], whole=False) == 1


def test_a_modules_name_is_its_path() -> None:
    """As people call it, and as the table shows it."""
    assert name_of(DOMAIN / "rules" / "wall.py") == "rules.wall"
    assert name_of(DOMAIN / "rules" / "__init__.py") == "rules"
    assert name_of(DOMAIN / "retention.py") == "retention"
