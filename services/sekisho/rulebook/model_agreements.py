"""What opens or closes something beside the rules: agreements, notices, relations of purposes, stops and ends."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sekisho.domain.vocabulary import ActivityKind, ItemClass, SystemBasis
from sekisho.rulebook.model_base import (
    Bilingual,
    CompoundHolder,
    DottedId,
    Names,
    PlainId,
    Sentence,
    SomeNames,
    Source,
    WorldDay,
)


class RelatedPurposeSource(Source):
    """A purpose related to a specified one, from its notice or publication (PURP-2)."""

    organization: PlainId
    from_purpose: DottedId = Field(alias="from")
    to_purpose: DottedId = Field(alias="to")
    published_on: WorldDay


class EntrustmentSource(Source):
    """An entrustment (PROV-4); sub-entrustment only to those named."""

    controller: PlainId
    trustee: PlainId
    sub_trustees: Names = ()
    items: SomeNames
    purposes: SomeNames
    valid_from: WorldDay
    valid_until: WorldDay | None = None


class BatchSource(Source):
    """Continuous or repeated provision to one recipient (ER 19(2))."""

    provider: PlainId
    recipient: PlainId
    items: SomeNames
    purpose: DottedId
    first_provision: WorldDay
    last_provision: WorldDay | None = None


class SuccessionSource(Source):
    """A succession (PROV-5); items not stated: all; purposes not stated: those the predecessor had specified."""

    predecessor: PlainId
    successor: PlainId
    effective_on: WorldDay
    items: SomeNames | None = None
    purposes: SomeNames | None = None
    holder: CompoundHolder | None = None
    scope: Bilingual | None = None


class Responsible(Source):
    """Who is responsible for jointly used data, with the address and representative as published."""

    organization: PlainId
    address: Sentence | None = None
    representative: Sentence | None = None


class ReplacedUser(Source):
    """A user renamed, or whose business another took over: it stands in the former's place (GL 3-6-3 事例2, 事例3)."""

    user: PlainId
    by: PlainId


class JointUseChange(Source):
    """A change of a joint use since its notice, from a day on (APPI 27(6); GL 3-6-3).

    `notified_on`: when the person was told of it, or could easily know; not stated: never. It matters for purposes (told
    before they serve), for another responsible party (told before), and for the responsible party's name, address or
    representative (`responsible_details`), which are told without delay: by `notify_by` at the latest.
    """

    since: WorldDay
    notified_on: WorldDay | None = None
    add_items: Names = ()
    add_users: Names = ()
    replace_users: tuple[ReplacedUser, ...] = ()
    add_purposes: Names = ()
    responsible: Responsible | None = None
    responsible_details: bool = False
    notify_by: WorldDay | None = None


class JointUseSource(Source):
    """A joint-use notice (PROV-6), as published, and what has changed since."""

    published_on: WorldDay
    states_joint_use: bool = False
    items: Names = ()
    users: Names = ()
    purposes: Names = ()
    responsible: Responsible | None = None
    changes: tuple[JointUseChange, ...] = ()


class OptOutSource(Source):
    """A notification of opt-out to the PPC (PROV-7); `open_from`: the waiting period is over."""

    holder: str
    side_business: DottedId | None = None
    items: SomeNames
    notified_on: WorldDay
    open_from: WorldDay


class EquivalentSystemSource(Source):
    """A recipient abroad with an equivalent-measures system (FORN-2)."""

    recipient: PlainId
    by: SystemBasis
    reviewed_on: WorldDay
    period_months: Annotated[int, Field(ge=1, le=60)]
    impaired_since: WorldDay | None = None


class MoratoriumSource(Source):
    """A stop (ACC-3); what is not stated matches everything."""

    organizations: SomeNames | None = None
    activities: Annotated[tuple[ActivityKind, ...], Field(min_length=1)] | None = None
    systems: SomeNames | None = None
    item_classes: Annotated[tuple[ItemClass, ...], Field(min_length=1)] | None = None
    purposes: SomeNames | None = None
    start: WorldDay
    end: WorldDay | None = None


class EndedPurposeSource(Source):
    """A purpose achieved (PURP-7); items not stated: all."""

    holder: str
    items: SomeNames | None = None
    purposes: SomeNames
    since: WorldDay
