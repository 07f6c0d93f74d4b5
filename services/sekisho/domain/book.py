"""The compiled rulebook: immutable, indexed for the rules, made by `sekisho.rulebook` from YAML.

Everything here is looked up by exact id; what is not here is unknown, and unknown refuses. Days are Asia/Tokyo,
`*_until` days are included, None is "no limit stated" as each field says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple

from sekisho.domain.vocabulary import (
    ItemClass,
    LegalBasisKind,
    OrganizationType,
    ProductLine,
    ReasonKind,
    Regime,
    Severity,
    SystemBasis,
)


class Text(NamedTuple):
    """A text in both languages of the house."""

    ja: str
    en: str


@dataclass(frozen=True, slots=True)
class Item:
    """A data item of the catalogue; `product_line` is the business that a non-public item belongs to (WALL-15)."""

    id: str
    item_class: ItemClass
    product_line: ProductLine | None
    special_care: bool
    name: Text


@dataclass(frozen=True, slots=True)
class Purpose:
    """A purpose; `solicits` is the line of product that it proposes, None where it proposes nothing."""

    id: str
    business: str
    solicits: ProductLine | None
    name: Text


@dataclass(frozen=True, slots=True)
class Operator:
    """A person registered to an organization; None scopes are not restricted (ACC-2)."""

    id: str
    organization: str
    branch: str | None
    active_from: date | None
    active_until: date | None
    businesses: frozenset[str] | None
    systems: frozenset[str] | None
    items: frozenset[str] | None


class Research(NamedTuple):
    """A joint research; `until` None: no end stated."""

    since: date
    until: date | None


@dataclass(frozen=True, slots=True)
class Organization:
    """A registered organization. `businesses` maps each business to the items it may ask for (ACC-1)."""

    id: str
    type: OrganizationType
    name: str
    address: str | None
    representative: str | None
    country: str
    regime: Regime | None
    group: bool
    businesses: Mapping[str, frozenset[str]]
    systems: frozenset[str]
    state_body: bool
    academic: bool
    prohibited: bool
    partners: frozenset[str]
    """A credit bureau's partner bureaus (PROV-8)."""
    joint_research: Mapping[str, Research]
    """By the organization with which an academic institution researches jointly (EXC-7)."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A holder id: an organization, and what the data was obtained for (the part after the slash), if named."""

    id: str
    organization: str
    obtained_for: str | None


@dataclass(frozen=True, slots=True)
class Specified:
    """Specified purposes of one (holder, item): always, by product provider, and whether provision is one."""

    purposes: frozenset[str]
    by_provider: Mapping[str, frozenset[str]]
    provision: bool
    on_ground: frozenset[str] = frozenset()
    """Purposes of a sensitive item that are specified only where a ground of SENS is claimed and holds."""


class RelatedPurpose(NamedTuple):
    """A purpose related to a specified one, for an organization's holder ids (PURP-2; APPI 17(2), 21(3))."""

    id: str
    specified: str
    related: str
    published_on: date


@dataclass(frozen=True, slots=True)
class Entrustment:
    """A registered entrustment (APPI 27(5)(i)); controller and trustee are organizations."""

    id: str
    controller: str
    trustee: str
    sub_trustees: frozenset[str]
    items: frozenset[str]
    purposes: frozenset[str]
    valid_from: date
    valid_until: date | None


@dataclass(frozen=True, slots=True)
class Succession:
    """A registered succession (APPI 27(5)(ii)); purposes None: those the predecessor had specified."""

    id: str
    predecessor: str
    successor: str
    effective_on: date
    items: frozenset[str] | None
    purposes: frozenset[str] | None
    holder: str | None = None
    """The successor's holder id under which the data stand, where they are kept apart."""


class NoticeChanges(NamedTuple):
    """What has changed of a joint use since its notice (APPI 27(6); GL 3-6-3): each with the first day on which it holds."""

    items: Mapping[str, date] = {}
    """Items added: only with the person's consent."""
    users: Mapping[str, date] = {}
    """Users added: only with the person's consent."""
    heirs: Mapping[str, date] = {}
    """Users renamed, or who took over another's business: they stand in its place."""
    left: Mapping[str, date] = {}
    """Users in whose place an heir stands: the first day on which they are none any more."""
    purposes: Mapping[str, date | None] = {}
    """Purposes added; from the day on which they were notified, None: they never were."""
    lapses: tuple[tuple[date, date | None], ...] = ()
    """First and last day of times in which the notice did not tell who is responsible (None: no end)."""


UNCHANGED: Final = NoticeChanges()


@dataclass(frozen=True, slots=True)
class JointUse:
    """A joint-use notice (APPI 27(5)(iii)); it opens nothing unless `complete` (all five particulars)."""

    id: str
    published_on: date
    items: frozenset[str]
    users: frozenset[str]
    purposes: frozenset[str]
    complete: bool
    changes: NoticeChanges = UNCHANGED


@dataclass(frozen=True, slots=True)
class BatchAgreement:
    """Continuous or repeated provision to one recipient (ER 20; records.md, Methods)."""

    id: str
    provider: str
    recipient: str
    items: frozenset[str]
    purpose: str
    first_provision: date
    last_provision: date | None


@dataclass(frozen=True, slots=True)
class OptOut:
    """A notification of opt-out to the PPC (APPI 27(2)); `open_from` is the first day after the waiting period.

    `side_business` is the licensed side business (a purpose) that it concerns, None for one of another company.
    """

    id: str
    holder: str
    side_business: str | None
    items: frozenset[str]
    notified_on: date
    open_from: date


@dataclass(frozen=True, slots=True)
class EquivalentSystem:
    """A recipient abroad with an equivalent-measures system (ER 16, 18), to be reviewed again by `review_due` (included)."""

    id: str
    recipient: str
    by: SystemBasis
    reviewed_on: date
    review_due: date
    impaired_since: date | None


Agreement = Entrustment | Succession | JointUse | BatchAgreement | OptOut | EquivalentSystem


@dataclass(frozen=True, slots=True)
class PresumedConsent:
    """Items and purposes for which consent is presumed on an assignment of claims (PROV-9; SV 14 注2ア)."""

    id: str
    items: frozenset[str]
    purposes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Ground:
    """What a ground for sensitive information covers (SENS-2); items None: all sensitive ones.

    `specified_purpose`: only items that have a specified purpose of the holder; `consent`: only on a `sensitive` consent.
    """

    kind: LegalBasisKind
    items: frozenset[str] | None
    specified_purpose: bool
    consent: bool


@dataclass(frozen=True, slots=True)
class Moratorium:
    """A stop of activities, or of systems for item classes; None matches everything (ACC-3)."""

    id: str
    organizations: frozenset[str] | None
    activities: frozenset[str] | None
    systems: frozenset[str] | None
    item_classes: frozenset[str] | None
    purposes: frozenset[str] | None
    start: date
    end: date | None


@dataclass(frozen=True, slots=True)
class EndedPurpose:
    """A purpose achieved for a holder id's items (PURP-7); items None: all."""

    id: str
    holder: str
    items: frozenset[str] | None
    purposes: frozenset[str]
    since: date


@dataclass(frozen=True, slots=True)
class Reason:
    """What a (code, rule) says to one requester: the citation and severity depend on who is bound."""

    code: str
    kind: ReasonKind
    rule: str
    severity: Severity
    citation: str
    message: Text
    remedy: Text


@dataclass(frozen=True, slots=True)
class Obligation:
    """What must still be done although the request is allowed."""

    code: str
    rule: str
    message: Text


@dataclass(frozen=True, slots=True, eq=False)
class Rulebook:
    """All that the rules know beside the request, the person's events and the time. Compared by identity."""

    version: str
    digest: str
    items: Mapping[str, Item]
    purposes: Mapping[str, Purpose]
    organizations: Mapping[str, Organization]
    operators: Mapping[str, Operator]
    automatic_systems: frozenset[str]
    systems: frozenset[str]
    businesses: frozenset[str]
    holders: Mapping[str, Holder]
    specified: Mapping[tuple[str, str], Specified]
    agreements: Mapping[str, Agreement]
    entrustments: Mapping[tuple[str, str], tuple[Entrustment, ...]]
    """By (controller, trustee or registered sub-trustee)."""
    successions: Mapping[tuple[str, str], tuple[Succession, ...]]
    """By (predecessor, successor)."""
    joint_uses: Mapping[str, tuple[JointUse, ...]]
    """By user organization; each also among the notice's users is the holder's."""
    opt_outs: Mapping[str, tuple[OptOut, ...]]
    """By holder id."""
    equivalent_systems: Mapping[str, tuple[EquivalentSystem, ...]]
    """By the recipient's organization id."""
    adequate_countries: frozenset[str]
    """Countries whose protection counts as adequate (FORN-1); Japan is none of them."""
    related: Mapping[str, tuple[RelatedPurpose, ...]]
    """By the holder's organization (PURP-2)."""
    presumed: tuple[PresumedConsent, ...]
    statutes: Mapping[str, frozenset[str]]
    """Statutes that may be named as a ground (EXC-1) → their articles that permit but do not oblige."""
    sensitive_grounds: Mapping[OrganizationType, Mapping[LegalBasisKind, Ground]]
    masked: Mapping[str, int]
    """Items shown only masked (CARD-1) → how many of the last characters may be seen."""
    moratoria: tuple[Moratorium, ...]
    ended: Mapping[str, tuple[EndedPurpose, ...]]
    """By holder id."""
    solicitation_terms: tuple[str, ...]
    """NFKC-normalized, casefolded."""
    ambiguous_terms: tuple[str, ...]
    guardian_under: int
    """Years of age below which the guardian consents (PROV-3)."""
    guardian_capacities: frozenset[str]
    switched_off: frozenset[tuple[str, str]]
    """(rule, organization): policy rules switched off; a duty cannot be."""
    spans: Mapping[str, tuple[date | None, date | None]]
    """Rules that are not always in force → first and last day of law on which they are."""
    reasons: Mapping[tuple[str, str], Mapping[str | None, Reason]]
    """(code, rule) → organization id (None: any other) → what it says there."""
    obligations: Mapping[tuple[str, str], Obligation]
    bases: Mapping[tuple[str, str], Text]
    """(basis code, rule) → what it means; for display, a decision carries the code alone."""
    record_statement: Text
    """The statement that consent is held (ER 20(1)(ii)イ); `{consents}` stands for the consents' ids."""
    record_statements: Mapping[str, Text]
    """What other records state of consent: by what it is that they state (`RecordStatements` of the rulebook's model)."""

    def dormant(self, organization: str, day: date) -> frozenset[str]:
        """The rules that do not bind an organization on a day: policy switched off, and what is not in force."""
        off = (
            {rule for rule, named in self.switched_off if named == organization}
            if self.switched_off
            else set()
        )
        for rule, (first, last) in self.spans.items():
            if (first is not None and day < first) or (last is not None and day > last):
                off.add(rule)
        return frozenset(off)

    def reason(self, code: str, rule: str, organization: str | None) -> Reason:
        """The reason as it stands for a requester's organization. Raises KeyError for a pair no rule declares."""
        by_organization = self.reasons[code, rule]
        found = by_organization.get(organization)
        return found if found is not None else by_organization[None]
