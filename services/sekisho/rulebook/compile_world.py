"""Catalogue, organizations, operators, holders and specified purposes → the domain's types."""

from __future__ import annotations

from sekisho.domain.book import Holder, Item, Operator, Organization, Purpose, Research, Specified, Text
from sekisho.rulebook.model_base import Bilingual
from sekisho.rulebook.model_world import ItemSource, OperatorSource, OrganizationSource, SpecifiedRow
from sekisho.rulebook.resolve import Resolver
from sekisho.rulebook.yamltree import Path


def text(source: Bilingual) -> Text:
    """A text in both languages."""
    return Text(source.ja, source.en)


def items(resolver: Resolver) -> dict[str, Item]:
    """The catalogue's items."""
    return {item_id: _item(resolver, item_id, source) for item_id, source in resolver.sources.items.items()}


def _item(resolver: Resolver, item_id: str, source: ItemSource) -> Item:
    non_public = source.item_class in ("npfi", "npii")
    path: Path = ("items", item_id)
    if non_public and source.product_line is None:
        resolver.note(
            path, f'item "{item_id}" has no product_line', "a non-public item belongs to one (WALL-15)"
        )
    if not non_public and source.product_line is not None:
        resolver.note(
            (*path, "product_line"), "only npfi and npii items belong to a product line", "leave it out"
        )
    if source.item_class == "npii" and source.product_line not in (None, "insurance"):
        resolver.note((*path, "product_line"), "an npii item belongs to insurance")
    if source.special_care and source.item_class != "sensitive":
        resolver.note((*path, "special_care"), "only sensitive items are 要配慮 (special_care)")
    return Item(item_id, source.item_class, source.product_line, source.special_care, text(source.name))


def purposes(resolver: Resolver) -> dict[str, Purpose]:
    """The catalogue's purposes."""
    compiled = {}
    for name, source in resolver.sources.purposes.items():
        resolver.business(("purposes", name, "business"), source.business)
        compiled[name] = Purpose(name, source.business, source.solicits, text(source.name))
    return compiled


def organizations(resolver: Resolver) -> dict[str, Organization]:
    """The registered organizations; those on a prohibited list are marked."""
    prohibited: set[str] = set()
    for list_id, listed in resolver.sources.prohibited.items():
        prohibited |= resolver.organizations(("prohibited", list_id, "organizations"), listed.organizations)
    return {
        name: _organization(resolver, name, source, prohibited=name in prohibited)
        for name, source in resolver.sources.organizations.items()
    }


def _organization(
    resolver: Resolver, name: str, source: OrganizationSource, *, prohibited: bool
) -> Organization:
    path: Path = ("organizations", name)
    granted = {}
    for business, selectors in source.businesses.items():
        resolver.business((*path, "businesses", business), business)
        granted[business] = resolver.items((*path, "businesses", business), selectors)
    resolver.organizations((*path, "agent_for"), source.agent_for)
    for partner, research in source.joint_research.items():
        resolver.organization((*path, "joint_research", partner), partner)
        resolver.in_order((*path, "joint_research", partner), research.since, research.until)
    return Organization(
        id=name,
        type=source.type,
        name=source.name,
        address=source.address,
        representative=source.representative,
        country=source.country,
        regime=source.regime,
        group=source.group,
        businesses=granted,
        systems=frozenset(source.systems),
        state_body=source.type == "state_body",
        academic=source.type == "academic",
        prohibited=prohibited,
        partners=resolver.organizations((*path, "partners"), source.partners),
        joint_research={
            partner: Research(research.since, research.until)
            for partner, research in source.joint_research.items()
        },
    )


def automatic_systems(resolver: Resolver) -> frozenset[str]:
    """Systems that may ask without an operator; a name means the same at every organization that has it."""
    kinds: dict[str, bool] = {}
    for name, organization in resolver.sources.organizations.items():
        for system, source in organization.systems.items():
            if kinds.setdefault(system, source.automatic) != source.automatic:
                path: Path = ("organizations", name, "systems", system)
                resolver.note(path, f'system "{system}" is automatic at one organization and not at another')
    return frozenset(system for system, automatic in kinds.items() if automatic)


def operators(resolver: Resolver) -> dict[str, Operator]:
    """The registered operators."""
    return {name: _operator(resolver, name, source) for name, source in resolver.sources.operators.items()}


def _operator(resolver: Resolver, name: str, source: OperatorSource) -> Operator:
    path: Path = ("operators", name)
    resolver.organization((*path, "organization"), source.organization)
    resolver.in_order(path, source.active_from, source.active_until)
    organization = resolver.sources.organizations.get(source.organization)
    if organization is not None:
        at = f"of {source.organization}, as registered in the organizations"
        resolver.among((*path, "businesses"), source.businesses, organization.businesses, f"business {at}")
        resolver.among((*path, "systems"), source.systems, organization.systems, f"system {at}")
    return Operator(
        id=name,
        organization=source.organization,
        branch=source.branch,
        active_from=source.active_from,
        active_until=source.active_until,
        businesses=_frozen(source.businesses),
        systems=_frozen(source.systems),
        items=resolver.optional_items((*path, "items"), source.items),
    )


def _frozen(names: tuple[str, ...] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(names)


def holders(resolver: Resolver) -> dict[str, Holder]:
    """Every organization, and the compound holders."""
    compiled = {name: Holder(name, name, None) for name in resolver.sources.organizations}
    for name in resolver.sources.holders:
        organization, obtained_for = name.split("/", 1)
        resolver.organization(("holders", name), organization)
        compiled[name] = Holder(name, organization, obtained_for)
    return compiled


def specified(resolver: Resolver) -> dict[tuple[str, str], Specified]:
    """Specified purposes by (holder, item). Rows of one holder may not overlap: which of them held would be unclear."""
    compiled: dict[tuple[str, str], Specified] = {}
    for holder, rows in resolver.sources.specified_purposes.items():
        resolver.holder(("specified_purposes", holder), holder)
        stated: set[tuple[str, str | None]] = set()
        for index, row in enumerate(rows):
            path: Path = ("specified_purposes", holder, index)
            purposes_of_row = resolver.purposes((*path, "purposes"), row.purposes)
            _row_references(resolver, path, row)
            for item in sorted(resolver.items((*path, "items"), row.items)):
                if (item, row.provider) in stated:
                    resolver.note(
                        path, f'"{item}" has its specified purposes of {holder} twice', "keep it in one row"
                    )
                stated.add((item, row.provider))
                _merge(compiled, (holder, item), row, purposes_of_row)
    return compiled


def _row_references(resolver: Resolver, path: Path, row: SpecifiedRow) -> None:
    if row.provider is not None:
        resolver.organization((*path, "provider"), row.provider)
        if row.on_sensitive_ground:
            resolver.note(
                path, "a row for one product provider cannot ask for a sensitive ground", "split it"
            )
    if row.received_under is not None:
        resolver.agreement((*path, "received_under"), row.received_under)


def _merge(
    compiled: dict[tuple[str, str], Specified],
    key: tuple[str, str],
    row: SpecifiedRow,
    purposes_of_row: frozenset[str],
) -> None:
    """Add a row to what is stated of (holder, item): for every provider, or for one product provider alone."""
    before = compiled.get(key, Specified(frozenset(), {}, provision=False))
    always, by_provider, on_ground = before.purposes, dict(before.by_provider), before.on_ground
    if row.provider is not None:
        by_provider[row.provider] = purposes_of_row
    elif row.on_sensitive_ground:
        on_ground |= purposes_of_row
    else:
        always |= purposes_of_row
    compiled[key] = Specified(always, by_provider, before.provision or row.provision, on_ground)
