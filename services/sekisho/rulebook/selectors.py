"""The shorthand by which sources name items and purposes, resolved to exact ids.

Items: an id (customer.name), a class (npfi) or a prefix (savings.*). Purposes: an id, a business (common) or a prefix
(insurance.*). A shorthand that selects nothing is a problem: it would silently grant or forbid nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import get_args

from sekisho.domain.vocabulary import ItemClass
from sekisho.rulebook.model import Sources
from sekisho.rulebook.problems import nearest


class UnknownSelectorError(Exception):
    """A selector that selects nothing; `hint` names the nearest known ones."""

    def __init__(self, what: str, selector: str, known: Iterable[str]) -> None:
        self.hint = nearest(selector, known)
        super().__init__(f'"{selector}" is no {what} of this rulebook')


class Selectors:
    """Resolves the shorthand against one rulebook's catalogue."""

    def __init__(self, sources: Sources) -> None:
        self._items = _groups(
            {item: source.item_class for item, source in sources.items.items()}, get_args(ItemClass)
        )
        self._purposes = _groups(
            {purpose: source.business for purpose, source in sources.purposes.items()}, sources.businesses
        )

    def items(self, selectors: Iterable[str]) -> frozenset[str]:
        """The item ids selected. Raises UnknownSelectorError."""
        return _select("item, class or prefix of items", selectors, self._items)

    def purposes(self, selectors: Iterable[str]) -> frozenset[str]:
        """The purpose ids selected. Raises UnknownSelectorError."""
        return _select("purpose, business or prefix of purposes", selectors, self._purposes)


def _groups(group_of: Mapping[str, str], groups: Iterable[str]) -> Mapping[str, frozenset[str]]:
    """Everything that may be written, with what it selects: each id, each group that has members, each prefix."""
    selected: dict[str, set[str]] = {name: {name} for name in group_of}
    for name, group in group_of.items():
        if group in groups:
            selected.setdefault(group, set()).add(name)
        selected.setdefault(f"{name.split('.')[0]}.*", set()).add(name)
    return {selector: frozenset(names) for selector, names in selected.items()}


def _select(what: str, selectors: Iterable[str], known: Mapping[str, frozenset[str]]) -> frozenset[str]:
    names: set[str] = set()
    for selector in selectors:
        if selector not in known:
            raise UnknownSelectorError(what, selector, known)
        names |= known[selector]
    return frozenset(names)
