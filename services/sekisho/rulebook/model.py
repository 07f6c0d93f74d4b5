"""The rulebook's sources as typed models: strict, closed, and silent on what is not stated.

No list of a rulebook is ordered and every default means "not stated", so that the digest follows from the meaning alone
(`canonical`). A `WorldDay` is a day of the world, which moves with it (`shift`); a plain `date` is a day of the law, which
does not.
"""

# ruff: noqa: RUF012 -- pydantic copies a model's defaults, and exclude_defaults does not see a default_factory

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from sekisho.domain.vocabulary import Capacity, LegalBasisKind, OrganizationType
from sekisho.rulebook.model_agreements import (
    BatchSource,
    EndedPurposeSource,
    EntrustmentSource,
    EquivalentSystemSource,
    JointUseSource,
    MoratoriumSource,
    OptOutSource,
    RelatedPurposeSource,
    SuccessionSource,
)
from sekisho.rulebook.model_base import (
    Bilingual,
    BusinessId,
    CompoundHolder,
    Country,
    DottedId,
    Names,
    Origin,
    PlainId,
    Sentence,
    SomeNames,
    Source,
    Version,
    WorldDay,
    without_repetition,
)
from sekisho.rulebook.model_rules import Rule, RuleId
from sekisho.rulebook.model_world import (
    BusinessSource,
    DissolvedSource,
    HolderSource,
    ItemSource,
    OperatorSource,
    OrganizationSource,
    ProhibitedSource,
    PurposeSource,
    SpecifiedRow,
)


class RecordStatements(Source):
    """What records state of consent that do not rest on one held, in Japan (ER 20(1)(ii)イ, 24(1)(ii)(iii)イ, 28(1)(i)).

    `{consents}`, `{how}` and the brackets around them are left out where there are none.
    """

    presumed: Bilingual
    """On the assignment of a claim (SV 14 注2ア)."""
    foreign: Bilingual
    """Consent to provision to a third party abroad."""
    received: Bilingual
    """The provider's consent, of a receipt."""
    referable: Bilingual
    """Confirmed as the recipient stated."""
    referable_held: Bilingual
    """Confirmed by a consent that the provider obtained itself."""
    referable_received: Bilingual
    """The receiver's own consent."""


class Meta(Source):
    """The rulebook itself; `base_day` is the day that its world is made for."""

    version: Version
    base_day: WorldDay
    title: Bilingual
    record_statement: Bilingual
    record_statements: RecordStatements


class CountriesSource(Source):
    """Countries whose protection of personal information counts as adequate (FORN-1)."""

    countries: Annotated[tuple[Country, ...], Field(min_length=1), AfterValidator(without_repetition)]
    source: Origin = None


class TermsSource(Source):
    """Terms of list names (WALL-14)."""

    implied: SomeNames
    ambiguous: Names = ()


class StatuteSource(Source):
    """A statute that may be named as a ground (EXC-1); `permits`: articles that permit but do not oblige."""

    permits: Names = ()
    source: Origin = None


class ForeignLawSource(Source):
    """Whether foreign law counts as 法令 (EXC-1)."""

    counts_as_statute: Literal[False]
    source: Origin = None


class AmendmentSource(Source):
    """A promulgated change of law; its days are days of the law."""

    statute: Sentence
    promulgated_on: date
    in_force_from: date | None = None
    source: Origin = None


class GroundSource(Source):
    """What a ground for sensitive information covers; items not stated: all sensitive ones (SENS-2)."""

    items: SomeNames | None = None
    specified_purpose: bool = False
    consent: bool = False


class GroundsSource(Source):
    """The grounds of one type of organization (SENS-1)."""

    source: Origin = None
    grounds: dict[LegalBasisKind, GroundSource]


class CapacitySource(Source):
    """Who needs a guardian's consent (PROV-3)."""

    guardian_under: Annotated[int, Field(ge=0, le=20)]
    guardian_capacities: tuple[Capacity, ...] = ()


class PresumedConsentSource(Source):
    """What consent is presumed for on the assignment of claims (PROV-9)."""

    items: SomeNames
    purposes: SomeNames


class DisplaySource(Source):
    """What may be shown of an item (CARD-1)."""

    item: DottedId
    visible_last: Annotated[int, Field(ge=0)]


class RetentionClassSource(Source):
    """A retention beyond the Act (records.md)."""

    what: Literal["solicitation_records"]
    until: Literal["end_of_insurance"]


class Sources(Source):
    """The whole rulebook as written."""

    rulebook: Meta
    items: dict[DottedId, ItemSource]
    businesses: dict[BusinessId, BusinessSource]
    purposes: dict[DottedId, PurposeSource]
    organizations: dict[PlainId, OrganizationSource]
    dissolved: dict[PlainId, DissolvedSource] = {}
    prohibited: dict[PlainId, ProhibitedSource] = {}
    operators: dict[PlainId, OperatorSource] = {}
    holders: dict[CompoundHolder, HolderSource] = {}
    specified_purposes: dict[str, Annotated[tuple[SpecifiedRow, ...], Field(min_length=1)]] = {}
    related_purposes: dict[PlainId, RelatedPurposeSource] = {}
    entrustments: dict[PlainId, EntrustmentSource] = {}
    batch_agreements: dict[PlainId, BatchSource] = {}
    successions: dict[PlainId, SuccessionSource] = {}
    joint_uses: dict[PlainId, JointUseSource] = {}
    opt_outs: dict[PlainId, OptOutSource] = {}
    equivalent_systems: dict[PlainId, EquivalentSystemSource] = {}
    adequate_countries: dict[PlainId, CountriesSource] = {}
    moratoria: dict[PlainId, MoratoriumSource] = {}
    ended_purposes: dict[PlainId, EndedPurposeSource] = {}
    solicitation_terms: TermsSource
    statutes: dict[Sentence, StatuteSource] = {}
    foreign_law: ForeignLawSource | None = None
    amendments: dict[PlainId, AmendmentSource] = {}
    sensitive_grounds: dict[OrganizationType, GroundsSource] = {}
    presumed_consents: dict[PlainId, PresumedConsentSource] = {}
    capacity: CapacitySource
    display: dict[PlainId, DisplaySource] = {}
    retention_classes: dict[PlainId, RetentionClassSource] = {}
    switched_off: dict[RuleId, SomeNames] = {}
    rules: dict[RuleId, Rule]
