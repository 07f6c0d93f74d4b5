"""References of the sources resolved, every wrong one noted with its place instead of raised."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date

from sekisho.rulebook.problems import Problem, nearest
from sekisho.rulebook.selectors import Selectors, UnknownSelectorError
from sekisho.rulebook.sources import Validated
from sekisho.rulebook.yamltree import Path

AGREEMENT_SECTIONS = (
    "entrustments", "batch_agreements", "successions", "joint_uses", "opt_outs", "equivalent_systems",
)  # fmt: skip


class Resolver:
    """Looks up what the sources refer to; `problems` collects what is not there.

    `left_out` are the keys of entries that stand but have problems of their own: a reference to one is no further
    problem, nor to a system where an organization was left out.
    """

    def __init__(self, validated: Validated, left_out: Collection[tuple[str, str]] = ()) -> None:
        self.left_out = frozenset(key for _, key in left_out)
        self._organizations_left_out = any(section == "organizations" for section, _ in left_out)
        self.sources = validated.sources
        self.problems: list[Problem] = []
        self._places = validated.places
        self._selectors = Selectors(validated.sources)
        self._agreements = [name for section in AGREEMENT_SECTIONS for name in getattr(self.sources, section)]
        self._systems = {
            system for source in self.sources.organizations.values() for system in source.systems
        }

    def note(self, path: Path, message: str, hint: str = "") -> None:
        """Note that something is wrong at a path."""
        self.problems.append(self._places.problem(path, message, hint))

    def items(self, path: Path, selectors: Iterable[str]) -> frozenset[str]:
        """The items that the selectors at a path name."""
        found: frozenset[str] = frozenset()
        for index, selector in enumerate(selectors):
            try:
                found |= self._selectors.items((selector,))
            except UnknownSelectorError as error:
                if not self._may_select_left_out(selector):
                    self.note((*path, index), str(error), error.hint)
        return found

    def purposes(self, path: Path, selectors: Iterable[str]) -> frozenset[str]:
        """The purposes that the selectors at a path name."""
        found: frozenset[str] = frozenset()
        for index, selector in enumerate(selectors):
            try:
                found |= self._selectors.purposes((selector,))
            except UnknownSelectorError as error:
                if not self._may_select_left_out(selector):
                    self.note((*path, index), str(error), error.hint)
        return found

    def optional_items(self, path: Path, selectors: Iterable[str] | None) -> frozenset[str] | None:
        """As `items`; None stays None."""
        return None if selectors is None else self.items(path, selectors)

    def optional_purposes(self, path: Path, selectors: Iterable[str] | None) -> frozenset[str] | None:
        """As `purposes`; None stays None."""
        return None if selectors is None else self.purposes(path, selectors)

    def organization(self, path: Path, name: str) -> str:
        """A registered organization."""
        return self._known(path, name, "organization", self.sources.organizations)

    def organizations(self, path: Path, names: Iterable[str]) -> frozenset[str]:
        """Registered organizations."""
        return frozenset(self.organization((*path, index), name) for index, name in enumerate(names))

    def predecessor(self, path: Path, name: str) -> str:
        """An organization that is registered or was dissolved."""
        known = (*self.sources.organizations, *self.sources.dissolved)
        return self._known(path, name, "organization, dissolved ones included,", known)

    def holder(self, path: Path, name: str) -> str:
        """A holder id: an organization or a compound holder."""
        return self._known(path, name, "holder", (*self.sources.organizations, *self.sources.holders))

    def purpose(self, path: Path, name: str) -> str:
        """One purpose by its id."""
        return self._known(path, name, "purpose", self.sources.purposes)

    def business(self, path: Path, name: str) -> str:
        """A business."""
        return self._known(path, name, "business", self.sources.businesses)

    def agreement(self, path: Path, name: str) -> str:
        """A registered agreement or notice."""
        return self._known(path, name, "agreement or notice", self._agreements)

    def systems(self, path: Path, names: Iterable[str] | None) -> frozenset[str] | None:
        """Systems of any organization; None stays None."""
        if names is not None and not self._organizations_left_out:
            self.among(path, names, self._systems, "system")
        return None if names is None else frozenset(names)

    def among(self, path: Path, names: Iterable[str] | None, known: Collection[str], what: str) -> None:
        """Note each of the names that is not among the known ones."""
        for index, name in enumerate(names or ()):
            self._known((*path, index), name, what, known)

    def in_order(self, path: Path, first: date | None, last: date | None) -> None:
        """Note days that are the wrong way round."""
        if first is not None and last is not None and last < first:
            self.note(path, f"{last} lies before {first}", "exchange the days or correct one")

    def _known(self, path: Path, name: str, what: str, known: Collection[str]) -> str:
        if name not in known and name not in self.left_out:
            self.note(path, f'"{name}" is no {what} of this rulebook', nearest(name, known))
        return name

    def _may_select_left_out(self, selector: str) -> bool:
        """Whether a selector may mean an entry that was left out: itself, or through a prefix, class or business."""
        if selector in self.left_out:
            return True
        if selector.endswith(".*"):
            return any(name.startswith(selector[:-1]) for name in self.left_out)
        return "." not in selector and any("." in name for name in self.left_out)
