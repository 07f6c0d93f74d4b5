"""The world: who could never ask, what nobody may ask for, stops that stop nothing, and what contradicts itself."""

from __future__ import annotations

import unicodedata
from itertools import combinations

from sekisho.domain.vocabulary import COMMON
from sekisho.rulebook.countries import COUNTRIES, MEANT
from sekisho.rulebook.findings import Findings, covering, overlap, pairs, some
from sekisho.rulebook.model_agreements import MoratoriumSource
from sekisho.rulebook.model_world import OrganizationSource
from sekisho.rulebook.problems import nearest
from sekisho.rulebook.yamltree import Path

_REGIME_OF: dict[str, str] = {"insurer": "insurer", "bank_agent": "bank_agent", "servicer": "servicer"}
"""Types whose regime follows; a bank has one only where it solicits insurance."""
_OF_TYPE = {
    "insurer": ("insurer",),
    "bank": ("bank",),
    "bank_agent": ("bank_agent", "bank"),
    "servicer": ("servicer",),
}


def examine(findings: Findings) -> None:
    """Look at organizations, operators, businesses, purposes, items, holders, stops and terms."""
    for each in (
        _organizations, _countries, _operators, _businesses, _asked_by_none, _specified, _holders, _moratoria, _moratoria_overlaps,
        _ended, _terms,
    ):  # fmt: skip
        each(findings)


def _organizations(findings: Findings) -> None:
    sources = findings.sources
    asking = {operator.organization for operator in sources.operators.values()}
    for name, source in sources.organizations.items():
        path: Path = ("organizations", name)
        automatic = any(system.automatic for system in source.systems.values())
        if source.businesses and not source.systems:
            findings.note(path, f"{name} has businesses but no system: it can never ask", "ACC-1")
        elif source.businesses and name not in asking and not automatic:
            findings.note(path, f"{name} has no operator and no automatic system: it can never ask", "ACC-2")
        if name in asking and not source.businesses:
            findings.note(path, f"{name} has operators but no business: they can ask for nothing", "ACC-1")
        _regime(findings, name, source)
        _relations(findings, name, source)


def _regime(findings: Findings, name: str, source: OrganizationSource) -> None:
    path: Path = ("organizations", name, "regime")
    fitting = _OF_TYPE.get(source.type, ())
    if source.regime is not None and source.regime not in fitting:
        hint = f"a {source.type} has {' or '.join(fitting) or 'no regime'}"
        findings.problem(path, f"{name} is a {source.type}, but its regime is {source.regime}", hint)
    elif source.regime is None and source.type in _REGIME_OF:
        findings.note(
            ("organizations", name),
            f"{name} is a {source.type} without a regime: what is its duty is told as policy",
            f"regime: {_REGIME_OF[source.type]}",
        )


def _relations(findings: Findings, name: str, source: OrganizationSource) -> None:
    organizations = findings.sources.organizations
    for index, principal in enumerate(source.agent_for):
        known = organizations.get(principal)
        if known is not None and known.type != "insurer":
            findings.note(
                ("organizations", name, "agent_for", index),
                f"{name} is an agent for {principal}, which is no insurer",
            )
    for index, partner in enumerate(source.partners):
        path: Path = ("organizations", name, "partners", index)
        known = organizations.get(partner)
        if partner == name:
            findings.problem(path, f"{name} is a partner of itself")
        elif known is not None and name not in known.partners:
            findings.note(path, f"{partner} does not name {name} as its partner in turn", "PROV-8")
    if source.joint_research and source.type != "academic":
        findings.note(
            ("organizations", name, "joint_research"),
            f"{name} is no academic institution: its joint research opens nothing",
            "EXC-7",
        )


def _countries(findings: Findings) -> None:
    sources = findings.sources
    named: list[tuple[Path, str]] = [
        (("organizations", name, "country"), source.country) for name, source in sources.organizations.items()
    ]
    for group, listed in sources.adequate_countries.items():
        named += [
            (("adequate_countries", group, "countries", index), each)
            for index, each in enumerate(listed.countries)
        ]
    for path, country in named:
        if country not in COUNTRIES:
            meant = f"did you mean {MEANT[country]}?" if country in MEANT else nearest(country, COUNTRIES)
            findings.problem(path, f'"{country}" is no country (ISO 3166)', meant)


def _operators(findings: Findings) -> None:
    sources = findings.sources
    for name, operator in sources.operators.items():
        organization = sources.organizations.get(operator.organization)
        if organization is None or operator.items is None:
            continue
        businesses = [
            each for each in operator.businesses or organization.businesses if each in organization.businesses
        ]
        granted = {item for each in businesses for item in findings.items(organization.businesses[each])}
        beyond = findings.items(operator.items) - granted
        if beyond:
            findings.note(
                ("operators", name, "items"),
                f"{name} may never ask for {some(beyond)}",
                f"{operator.organization} may not (ACC-1)",
            )


def _businesses(findings: Findings) -> None:
    sources = findings.sources
    with_purpose = {purpose.business for purpose in sources.purposes.values()}
    pursued = {business for source in sources.organizations.values() for business in source.businesses}
    for name in sorted(sources.businesses):
        if name not in with_purpose:
            findings.note(
                ("businesses", name),
                f'the business "{name}" has no purpose',
                "whoever asks for it is refused (ACC-4)",
            )
        if name not in pursued and name != COMMON:
            findings.note(("businesses", name), f'no organization has the business "{name}"')


def _asked_by_none(findings: Findings) -> None:
    """Items that no business may ask for, and purposes of businesses that nobody has."""
    sources = findings.sources
    granted = {
        item
        for source in sources.organizations.values()
        for selectors in source.businesses.values()
        for item in findings.items(selectors)
    }
    for item in sorted(set(sources.items) - granted):
        findings.note(("items", item), f"no organization may ask for {item}", "ACC-1")


def _specified(findings: Findings) -> None:
    sources = findings.sources
    businesses = {business for source in sources.organizations.values() for business in source.businesses}
    for holder, rows in sources.specified_purposes.items():
        always: dict[str, frozenset[str]] = {}
        for index, row in enumerate(rows):
            path: Path = ("specified_purposes", holder, index)
            purposes = findings.purposes(row.purposes)
            idle = {
                each
                for each in purposes
                if each in sources.purposes and sources.purposes[each].business not in {*businesses, COMMON}
            }
            if idle:
                findings.note(
                    (*path, "purposes"), f"no organization's business may ask for {some(idle)}", "ACC-4"
                )
            if row.provider is None and not row.on_sensitive_ground:
                for item in findings.items(row.items):
                    always[item] = always.get(item, frozenset()) | purposes
        for index, row in enumerate(rows):
            if row.provider is not None:
                _moot(findings, holder, index, always)


def _moot(findings: Findings, holder: str, index: int, always: dict[str, frozenset[str]]) -> None:
    """A row for one product provider that says nothing, because another holds for all of them."""
    row = findings.sources.specified_purposes[holder][index]
    purposes = findings.purposes(row.purposes)
    for item in sorted(findings.items(row.items)):
        both = always.get(item, frozenset()) & purposes
        if both:
            findings.problem(
                ("specified_purposes", holder, index),
                f"{item} of {holder} has {some(both)} for {row.provider} alone, and in another row for every provider",
                "the row for every provider opens it to all (PURP-6)",
            )
            return


def _holders(findings: Findings) -> None:
    for name in sorted(findings.sources.holders):
        if name not in findings.sources.specified_purposes:
            findings.note(
                ("holders", name),
                f"{name} has no specified purposes",
                "only consent or an exception opens it",
            )


def _moratoria(findings: Findings) -> None:
    """A stop of systems that none of the organizations it names has stops nothing."""
    sources = findings.sources
    for name, source in sources.moratoria.items():
        if source.systems is None:
            continue
        concerned = source.organizations if source.organizations is not None else tuple(sources.organizations)
        theirs = {
            system
            for each in concerned
            if each in sources.organizations
            for system in sources.organizations[each].systems
        }
        known = {system for each in sources.organizations.values() for system in each.systems}
        idle = ({*source.systems} & known) - theirs  # an unknown system is a problem of its own
        if idle and {*source.systems} <= idle:
            findings.problem(
                ("moratoria", name, "systems"), f"{name} stops nothing: {some(idle)} is no system of {some(concerned)}",
                "name the system of the organization that is to stop (ACC-3)",
            )  # fmt: skip
        elif idle:
            findings.note(("moratoria", name, "systems"), f"{some(idle)} is no system of {some(concerned)}")


def _moratoria_overlaps(findings: Findings) -> None:
    for first, one, second, other in pairs(findings.sources.moratoria):
        if _scope(findings, one) == _scope(findings, other) and overlap(
            (one.start, one.end), (other.start, other.end)
        ):
            findings.problem(
                ("moratoria", second), f"{second} and {first} stop the same at the same time",
                f"to lift one would not lift the other; {first} stands at {findings.stands(('moratoria', first))}",
            )  # fmt: skip


def _scope(findings: Findings, source: MoratoriumSource) -> tuple[frozenset[str] | None, ...]:
    stated = (source.organizations, source.activities, source.systems, source.item_classes)
    purposes = None if source.purposes is None else findings.purposes(source.purposes)
    return (*(None if each is None else frozenset(map(str, each)) for each in stated), purposes)


def _ended(findings: Findings) -> None:
    sources = findings.sources
    for name, source in sources.ended_purposes.items():
        specified = {
            purpose
            for row in sources.specified_purposes.get(source.holder, ())
            for purpose in findings.purposes(row.purposes)
        }
        never = findings.purposes(source.purposes) - specified
        if never:
            findings.note(
                ("ended_purposes", name, "purposes"),
                f"{source.holder} never specified {some(never)}",
                "PURP-7",
            )
    for first, one, second, other in pairs(sources.ended_purposes):
        items, purposes = covering(findings, one, other)
        if one.holder == other.holder and items and purposes:
            findings.problem(
                ("ended_purposes", second), f"{second} and {first} both end {some(purposes)} of {one.holder}: on {other.since} and on {one.since}",
                "keep one day",
            )  # fmt: skip


def _terms(findings: Findings) -> None:
    """Terms are compared after NFKC, regardless of case (WALL-14)."""
    terms = findings.sources.solicitation_terms
    seen: dict[str, str] = {}
    for part in ("implied", "ambiguous"):
        for index, term in enumerate(getattr(terms, part)):
            plain = unicodedata.normalize("NFKC", term).casefold()
            path: Path = ("solicitation_terms", part, index)
            if seen.get(plain, part) != part:
                findings.problem(
                    path,
                    f'"{term}" is both a term that implies solicitation and an ambiguous one',
                    "keep one",
                )
            elif plain in seen:
                findings.note(
                    path, f'"{term}" is the same as another term once widths and case are set aside'
                )
            seen.setdefault(plain, part)
    for (one, part), (other, _) in combinations(sorted(seen.items()), 2):
        if part == "implied" and one in other and seen[other] == "ambiguous":
            findings.note(
                ("solicitation_terms", "ambiguous"),
                f'"{other}" contains "{one}", so it always implies solicitation',
            )
