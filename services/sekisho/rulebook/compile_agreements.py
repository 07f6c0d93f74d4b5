"""Agreements, notices, moratoria and ended purposes → the domain's types."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from sekisho.domain.book import (
    Agreement,
    BatchAgreement,
    EndedPurpose,
    Entrustment,
    EquivalentSystem,
    JointUse,
    Moratorium,
    OptOut,
    RelatedPurpose,
    Succession,
)
from sekisho.domain.calendar import months_end
from sekisho.rulebook.compile_joint_use import joint_use
from sekisho.rulebook.model_agreements import EntrustmentSource, SuccessionSource
from sekisho.rulebook.resolve import AGREEMENT_SECTIONS, Resolver
from sekisho.rulebook.yamltree import Path


def agreements(resolver: Resolver) -> dict[str, Agreement]:
    """All agreements and notices by id; an id stands for one of them alone, whatever its kind."""
    _once(resolver)
    sources = resolver.sources
    found: list[Agreement] = []
    found += [_entrustment(resolver, name, source) for name, source in sources.entrustments.items()]
    found += _batches(resolver)
    found += [_succession(resolver, name, source) for name, source in sources.successions.items()]
    found += [joint_use(resolver, name, source) for name, source in sources.joint_uses.items()]
    found += _opt_outs(resolver)
    found += _equivalent_systems(resolver)
    return {agreement.id: agreement for agreement in found}


def _once(resolver: Resolver) -> None:
    seen: dict[str, str] = {}
    for section in AGREEMENT_SECTIONS:
        for name in getattr(resolver.sources, section):
            if seen.setdefault(name, section) != section:
                resolver.note(
                    (section, name), f'the id "{name}" stands in {seen[name]} too', "give it another id"
                )


def _entrustment(resolver: Resolver, name: str, source: EntrustmentSource) -> Entrustment:
    path: Path = ("entrustments", name)
    resolver.in_order(path, source.valid_from, source.valid_until)
    if source.trustee == source.controller:
        resolver.note((*path, "trustee"), f'"{source.trustee}" cannot be entrusted by itself')
    return Entrustment(
        id=name,
        controller=resolver.organization((*path, "controller"), source.controller),
        trustee=resolver.organization((*path, "trustee"), source.trustee),
        sub_trustees=resolver.organizations((*path, "sub_trustees"), source.sub_trustees),
        items=resolver.items((*path, "items"), source.items),
        purposes=resolver.purposes((*path, "purposes"), source.purposes),
        valid_from=source.valid_from,
        valid_until=source.valid_until,
    )


def _batches(resolver: Resolver) -> Iterable[BatchAgreement]:
    for name, source in resolver.sources.batch_agreements.items():
        path: Path = ("batch_agreements", name)
        resolver.in_order(path, source.first_provision, source.last_provision)
        yield BatchAgreement(
            id=name,
            provider=resolver.organization((*path, "provider"), source.provider),
            recipient=resolver.organization((*path, "recipient"), source.recipient),
            items=resolver.items((*path, "items"), source.items),
            purpose=resolver.purpose((*path, "purpose"), source.purpose),
            first_provision=source.first_provision,
            last_provision=source.last_provision,
        )


def _succession(resolver: Resolver, name: str, source: SuccessionSource) -> Succession:
    path: Path = ("successions", name)
    if source.holder is not None:
        resolver.holder((*path, "holder"), source.holder)
    return Succession(
        id=name,
        predecessor=resolver.predecessor((*path, "predecessor"), source.predecessor),
        successor=resolver.organization((*path, "successor"), source.successor),
        effective_on=source.effective_on,
        items=resolver.optional_items((*path, "items"), source.items),
        purposes=resolver.optional_purposes((*path, "purposes"), source.purposes),
        holder=source.holder,
    )


def _opt_outs(resolver: Resolver) -> Iterable[OptOut]:
    for name, source in resolver.sources.opt_outs.items():
        path: Path = ("opt_outs", name)
        if source.side_business is not None:
            resolver.purpose((*path, "side_business"), source.side_business)
        resolver.in_order(path, source.notified_on, source.open_from)
        yield OptOut(
            id=name,
            holder=resolver.holder((*path, "holder"), source.holder),
            side_business=source.side_business,
            items=resolver.items((*path, "items"), source.items),
            notified_on=source.notified_on,
            open_from=source.open_from,
        )


def _equivalent_systems(resolver: Resolver) -> Iterable[EquivalentSystem]:
    for name, source in resolver.sources.equivalent_systems.items():
        path: Path = ("equivalent_systems", name, "recipient")
        recipient = resolver.sources.organizations.get(resolver.organization(path, source.recipient))
        if recipient is not None and recipient.country == "JP":
            resolver.note(
                path, f'"{source.recipient}" is not abroad', "an equivalent system concerns APPI 28 alone"
            )
        yield EquivalentSystem(
            id=name,
            recipient=source.recipient,
            by=source.by,
            reviewed_on=source.reviewed_on,
            review_due=months_end(source.reviewed_on, source.period_months),
            impaired_since=source.impaired_since,
        )


def by_holder(found: Iterable[Agreement]) -> dict[str, tuple[OptOut, ...]]:
    """Opt-out notifications by holder id."""
    grouped: dict[str, list[OptOut]] = defaultdict(list)
    for agreement in found:
        if isinstance(agreement, OptOut):
            grouped[agreement.holder].append(agreement)
    return {holder: tuple(notices) for holder, notices in grouped.items()}


def by_recipient(found: Iterable[Agreement]) -> dict[str, tuple[EquivalentSystem, ...]]:
    """Equivalent-measures systems by the recipient abroad."""
    grouped: dict[str, list[EquivalentSystem]] = defaultdict(list)
    for agreement in found:
        if isinstance(agreement, EquivalentSystem):
            grouped[agreement.recipient].append(agreement)
    return {recipient: tuple(systems) for recipient, systems in grouped.items()}


def related(resolver: Resolver) -> dict[str, tuple[RelatedPurpose, ...]]:
    """Related purposes by the organization that published them."""
    grouped: dict[str, list[RelatedPurpose]] = defaultdict(list)
    for name, source in sorted(resolver.sources.related_purposes.items()):
        path: Path = ("related_purposes", name)
        grouped[resolver.organization((*path, "organization"), source.organization)].append(
            RelatedPurpose(
                id=name,
                specified=resolver.purpose((*path, "from"), source.from_purpose),
                related=resolver.purpose((*path, "to"), source.to_purpose),
                published_on=source.published_on,
            )
        )
    return {organization: tuple(relations) for organization, relations in grouped.items()}


def by_parties(found: Iterable[Agreement]) -> dict[tuple[str, str], tuple[Entrustment, ...]]:
    """Entrustments by (controller, trustee or registered sub-trustee)."""
    grouped: dict[tuple[str, str], list[Entrustment]] = defaultdict(list)
    for agreement in found:
        if isinstance(agreement, Entrustment):
            for trustee in sorted({agreement.trustee, *agreement.sub_trustees}):
                grouped[agreement.controller, trustee].append(agreement)
    return {parties: tuple(entrustments) for parties, entrustments in grouped.items()}


def by_succession(found: Iterable[Agreement]) -> dict[tuple[str, str], tuple[Succession, ...]]:
    """Successions by (predecessor, successor)."""
    grouped: dict[tuple[str, str], list[Succession]] = defaultdict(list)
    for agreement in found:
        if isinstance(agreement, Succession):
            grouped[agreement.predecessor, agreement.successor].append(agreement)
    return {parties: tuple(successions) for parties, successions in grouped.items()}


def by_user(found: Iterable[Agreement]) -> dict[str, tuple[JointUse, ...]]:
    """Joint-use notices by each of their users, those added since among them."""
    grouped: dict[str, list[JointUse]] = defaultdict(list)
    for agreement in found:
        if isinstance(agreement, JointUse):
            for user in sorted({*agreement.users, *agreement.changes.users, *agreement.changes.heirs}):
                grouped[user].append(agreement)
    return {user: tuple(notices) for user, notices in grouped.items()}


def moratoria(resolver: Resolver) -> tuple[Moratorium, ...]:
    """The stops; one that names neither activity nor system would stop everything and is a problem."""
    compiled = []
    for name, source in sorted(resolver.sources.moratoria.items()):
        path: Path = ("moratoria", name)
        resolver.in_order(path, source.start, source.end)
        if source.activities is None and source.systems is None:
            resolver.note(
                path, f'moratorium "{name}" names neither activities nor systems', "name what is stopped"
            )
        named = source.organizations
        compiled.append(
            Moratorium(
                id=name,
                organizations=None
                if named is None
                else resolver.organizations((*path, "organizations"), named),
                activities=None if source.activities is None else frozenset(source.activities),
                systems=resolver.systems((*path, "systems"), source.systems),
                item_classes=None if source.item_classes is None else frozenset(source.item_classes),
                purposes=resolver.optional_purposes((*path, "purposes"), source.purposes),
                start=source.start,
                end=source.end,
            )
        )
    return tuple(compiled)


def ended(resolver: Resolver) -> dict[str, tuple[EndedPurpose, ...]]:
    """Ended purposes by holder id."""
    grouped: dict[str, list[EndedPurpose]] = defaultdict(list)
    for name, source in sorted(resolver.sources.ended_purposes.items()):
        path: Path = ("ended_purposes", name)
        grouped[resolver.holder((*path, "holder"), source.holder)].append(
            EndedPurpose(
                id=name,
                holder=source.holder,
                items=resolver.optional_items((*path, "items"), source.items),
                purposes=resolver.purposes((*path, "purposes"), source.purposes),
                since=source.since,
            )
        )
    return {holder: tuple(purposes) for holder, purposes in grouped.items()}
