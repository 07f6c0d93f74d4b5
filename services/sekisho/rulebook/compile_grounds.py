"""What a request may rest on beside consent → the domain's types: statutes, sensitive grounds, presumed consent, adequate
countries; and what is shown only masked."""

from __future__ import annotations

from collections.abc import Mapping

from sekisho.domain.book import Ground, PresumedConsent
from sekisho.domain.vocabulary import LegalBasisKind, OrganizationType
from sekisho.rulebook.model import GroundSource
from sekisho.rulebook.resolve import Resolver
from sekisho.rulebook.yamltree import Path

HOME = "JP"


def statutes(resolver: Resolver) -> dict[str, frozenset[str]]:
    """Registered statutes with their articles that only permit (EXC-1)."""
    return {name: frozenset(source.permits) for name, source in resolver.sources.statutes.items()}


def adequate_countries(resolver: Resolver) -> frozenset[str]:
    """Countries whose protection counts as adequate (FORN-1); each stands once, and Japan is not abroad."""
    seen: dict[str, str] = {}
    for group, source in resolver.sources.adequate_countries.items():
        for index, country in enumerate(source.countries):
            path: Path = ("adequate_countries", group, "countries", index)
            if seen.setdefault(country, group) != group:
                resolver.note(path, f'"{country}" stands in {seen[country]} too', "keep one of the two")
            if country == HOME:
                resolver.note(path, f'"{country}" is not abroad', "leave it out")
    return frozenset(seen)


def sensitive_grounds(resolver: Resolver) -> dict[OrganizationType, Mapping[LegalBasisKind, Ground]]:
    """The grounds of each type of organization, with the items that each covers (SENS-1, 2)."""
    return {
        kind: {
            ground: _ground(resolver, ("sensitive_grounds", kind, "grounds", ground), ground, source)
            for ground, source in grounds.grounds.items()
        }
        for kind, grounds in resolver.sources.sensitive_grounds.items()
    }


def _ground(resolver: Resolver, path: Path, kind: LegalBasisKind, source: GroundSource) -> Ground:
    items = resolver.optional_items((*path, "items"), source.items)
    for item in sorted(items or ()):
        known = resolver.sources.items.get(item)
        if known is not None and known.item_class != "sensitive":
            resolver.note((*path, "items"), f'"{item}" is no sensitive item')
    return Ground(kind, items, source.specified_purpose, source.consent)


def presumed_consents(resolver: Resolver) -> tuple[PresumedConsent, ...]:
    """What consent is presumed for on an assignment of claims (PROV-9)."""
    return tuple(
        PresumedConsent(
            id=name,
            items=resolver.items(("presumed_consents", name, "items"), source.items),
            purposes=resolver.purposes(("presumed_consents", name, "purposes"), source.purposes),
        )
        for name, source in sorted(resolver.sources.presumed_consents.items())
    )


def masked(resolver: Resolver) -> dict[str, int]:
    """Items that are shown only masked, with how many of the last characters may be seen (CARD-1)."""
    found: dict[str, int] = {}
    for name, display in resolver.sources.display.items():
        path: Path = ("display", name)
        resolver.among((*path, "item"), (display.item,), resolver.sources.items, "item")
        if display.item in found:
            resolver.note((*path, "item"), f'"{display.item}" stands twice', "keep one of the two")
        found[display.item] = display.visible_last
    return found


def check_dissolved(resolver: Resolver) -> None:
    """Note an organization that stands as dissolved and as registered."""
    for name in sorted(set(resolver.sources.dissolved) & set(resolver.sources.organizations)):
        resolver.note(
            ("dissolved", name), f'"{name}" is a registered organization too', "keep one of the two"
        )
