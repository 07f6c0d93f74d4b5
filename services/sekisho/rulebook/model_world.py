"""The world as data: catalogue, organizations, operators, holders and what their items were obtained for."""

# ruff: noqa: RUF012 -- pydantic copies a model's defaults, and exclude_defaults does not see a default_factory

from __future__ import annotations

from pydantic import Field

from sekisho.domain.vocabulary import ItemClass, OrganizationType, ProductLine, Regime
from sekisho.rulebook.model_base import (
    Bilingual,
    BusinessId,
    Country,
    Names,
    Origin,
    PlainId,
    Sentence,
    SomeNames,
    Source,
    WorldDay,
)


class ItemSource(Source):
    """A data item."""

    item_class: ItemClass = Field(alias="class")
    product_line: ProductLine | None = None
    special_care: bool = False
    name: Bilingual
    source: Origin = None


class BusinessSource(Source):
    """A line of business that purposes belong to and requesters act for."""

    name: Bilingual


class PurposeSource(Source):
    """A purpose; `solicits` is the line of product that it proposes."""

    business: BusinessId
    solicits: ProductLine | None = None
    name: Bilingual


class SystemSource(Source):
    """A system; an automatic one may ask without an operator."""

    automatic: bool = False


class JointResearch(Source):
    """An academic institution's joint research with an organization (EXC-7)."""

    since: WorldDay
    until: WorldDay | None = None


class OrganizationSource(Source):
    """A registered organization; `businesses` maps each of its businesses to the items it may ask for."""

    type: OrganizationType
    regime: Regime | None = None
    group: bool = False
    name: Sentence
    address: Sentence | None = None
    representative: Sentence | None = None
    country: Country
    businesses: dict[BusinessId, Names] = {}
    systems: dict[PlainId, SystemSource] = {}
    agent_for: Names = ()
    partners: Names = ()
    joint_research: dict[PlainId, JointResearch] = {}


class DissolvedSource(Source):
    """An organization that is no more."""

    name: Sentence
    dissolved_on: WorldDay


class ProhibitedSource(Source):
    """A list of organizations to which nothing goes (USE-1)."""

    organizations: SomeNames


class OperatorSource(Source):
    """A person at the keyboard; scopes that are not stated do not restrict (ACC-2)."""

    organization: PlainId
    branch: PlainId | None = None
    active_from: WorldDay | None = None
    active_until: WorldDay | None = None
    businesses: SomeNames | None = None
    systems: SomeNames | None = None
    items: SomeNames | None = None


class HolderSource(Source):
    """A compound holder id: what an organization's data was obtained for."""

    name: Bilingual


class SpecifiedRow(Source):
    """Specified purposes of a holder's items (PURP-1, 5, 6)."""

    items: SomeNames
    purposes: SomeNames
    provision: bool = False
    provider: PlainId | None = None
    received_under: PlainId | None = None
    on_sensitive_ground: bool = False
