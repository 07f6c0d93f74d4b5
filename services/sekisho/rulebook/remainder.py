"""Sections that no standing rule reads yet: their references are checked all the same, so that they are ready."""

from __future__ import annotations

from sekisho.rulebook.resolve import Resolver
from sekisho.rulebook.yamltree import Path


def check_remainder(resolver: Resolver) -> None:
    """Note what is wrong in related purposes, grounds, presumed consents, displays, countries and dissolutions."""
    _related_purposes(resolver)
    _grounds_and_presumptions(resolver)
    sources = resolver.sources
    for name, display in sources.display.items():
        resolver.among(("display", name), (display.item,), sources.items, "item")
    for name in sorted(set(sources.dissolved) & set(sources.organizations)):
        resolver.note(
            ("dissolved", name), f'"{name}" is a registered organization too', "keep one of the two"
        )
    seen: dict[str, str] = {}
    for group, source in sources.adequate_countries.items():
        for index, country in enumerate(source.countries):
            if seen.setdefault(country, group) != group:
                path: Path = ("adequate_countries", group, "countries", index)
                resolver.note(path, f'"{country}" stands in {seen[country]} too', "keep one of the two")


def _related_purposes(resolver: Resolver) -> None:
    for name, source in resolver.sources.related_purposes.items():
        path: Path = ("related_purposes", name)
        resolver.organization((*path, "organization"), source.organization)
        resolver.purpose((*path, "from"), source.from_purpose)
        resolver.purpose((*path, "to"), source.to_purpose)


def _grounds_and_presumptions(resolver: Resolver) -> None:
    for kind, grounds in resolver.sources.sensitive_grounds.items():
        for ground, source in grounds.grounds.items():
            path: Path = ("sensitive_grounds", kind, "grounds", ground, "items")
            for item in sorted(resolver.optional_items(path, source.items) or ()):
                if resolver.sources.items[item].item_class != "sensitive":
                    resolver.note(path, f'"{item}" is no sensitive item')
    for name, presumed in resolver.sources.presumed_consents.items():
        resolver.items(("presumed_consents", name, "items"), presumed.items)
        resolver.purposes(("presumed_consents", name, "purposes"), presumed.purposes)
