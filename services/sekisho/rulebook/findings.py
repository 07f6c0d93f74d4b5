"""What an examination of a rulebook finds beyond what compiling it refuses: problems and notes, each with its place.

These are not part of compiling: a gate must still be able to replay a rulebook that an older release let pass. A problem
contradicts itself, or opens access that nobody can have meant; a note tells of what opens or serves nothing, or deserves
a second look.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from itertools import combinations
from typing import Any

from sekisho.rulebook.problems import Problem
from sekisho.rulebook.selectors import Selectors, UnknownSelectorError
from sekisho.rulebook.sources import Validated
from sekisho.rulebook.yamltree import Path


class Findings:
    """Collects what is found; knows the sources, and what their shorthand selects (nothing where that is unknown)."""

    def __init__(self, validated: Validated) -> None:
        self.sources = validated.sources
        self.places = validated.places
        self.problems: list[Problem] = []
        self.notes: list[Problem] = []
        self._selectors = Selectors(validated.sources)

    def problem(self, path: Path, message: str, hint: str = "") -> None:
        """Something is wrong at a path."""
        self.problems.append(self.places.problem(path, message, hint))

    def note(self, path: Path, message: str, hint: str = "") -> None:
        """Something is worth knowing at a path."""
        self.notes.append(self.places.problem(path, message, hint))

    def items(self, selectors: Iterable[str] | None) -> frozenset[str]:
        """The items that selectors name; all for None. An unknown selector, a problem of its own, names none."""
        if selectors is None:
            return frozenset(self.sources.items)
        found: frozenset[str] = frozenset()
        for selector in selectors:
            try:
                found |= self._selectors.items((selector,))
            except UnknownSelectorError:
                continue
        return found

    def purposes(self, selectors: Iterable[str] | None) -> frozenset[str]:
        """As `items`, of purposes."""
        if selectors is None:
            return frozenset(self.sources.purposes)
        found: frozenset[str] = frozenset()
        for selector in selectors:
            try:
                found |= self._selectors.purposes((selector,))
            except UnknownSelectorError:
                continue
        return found

    def organization_of(self, holder: str) -> str:
        """The organization of a holder id."""
        return holder.partition("/")[0]

    def holders_of(self, organization: str) -> list[str]:
        """The holder ids of an organization: itself and its compound ones."""
        compound = (name for name in self.sources.holders if self.organization_of(name) == organization)
        return [organization, *sorted(compound)]

    def stands(self, path: Path) -> str:
        """`file:line` of a path, to name it in another's finding."""
        place = self.places.of(path)
        return f"{place.file}:{place.line}"


def pairs(section: Mapping[str, Any]) -> Iterator[tuple[str, Any, str, Any]]:
    """Every two entries of a section, by name."""
    for (first, one), (second, other) in combinations(sorted(section.items()), 2):
        yield first, one, second, other


def covering(findings: Findings, one: Any, other: Any) -> tuple[frozenset[str], frozenset[str]]:
    """The items and purposes that two entries both cover."""
    items = findings.items(one.items) & findings.items(other.items)
    return items, findings.purposes(one.purposes) & findings.purposes(other.purposes)


def overlap(first: tuple[date | None, date | None], second: tuple[date | None, date | None]) -> bool:
    """Whether two periods (first and last day, None: open) share a day."""
    starts = [start for start, _ in (first, second) if start is not None]
    ends = [end for _, end in (first, second) if end is not None]
    return not starts or not ends or max(starts) <= min(ends)


def some(names: Iterable[str], most: int = 3) -> str:
    """A few names of many, for a message."""
    listed = sorted(names)
    return ", ".join(listed[:most]) + (f" and {len(listed) - most} more" if len(listed) > most else "")
