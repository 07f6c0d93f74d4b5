"""What is known of a person: the consent events as facts, times in UTC, days Asia/Tokyo (contract.md).

What was *true* is told by an event's own time; what was *known* by its position. A null fact stays None: it is the
rule's refusal that needs it, never a parse error.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

from sekisho.domain.vocabulary import Capacity, ConsentKind, ConsentMethod, Mode, SuspensionKind


class Position(NamedTuple):
    """Where an event stands in sekisho-consent-events; `partition` is None where no log is involved."""

    partition: int | None
    offset: int


@dataclass(frozen=True, slots=True)
class Terms:
    """What was shown to the person when consenting (SG II-4-2-6-2(1)): None is "not shown"."""

    valid_from: date | None = None
    valid_until: date | None = None
    withdrawal: str | None = None
    modes: frozenset[str] | None = None
    items: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class ConsentRecipient:
    """A recipient that the consent names (SV 14(1)); partners and members concern credit bureaus (SV 14(6))."""

    id: str
    name: str | None = None
    contact: str | None = None
    purpose: str | None = None
    partners: tuple[str, ...] = ()
    members: bool | None = None


@dataclass(frozen=True, slots=True)
class ForeignInformation:
    """The Art. 28(2) information given with a consent to provision abroad (ER 17)."""

    country: str | None = None
    system_information: str | None = None
    recipient_measures: str | None = None
    unknown_reason: str | None = None


class Likeness(NamedTuple):
    """What makes consents alike (`sekisho.domain.alike`): a form (None: like no other), the last of its times, its first
    and last valid day."""

    form: object
    latest: datetime | None
    first: date | None
    last: date | None


@dataclass(frozen=True, slots=True)
class ConsentGranted:
    """A consent as recorded. `explained_*` tell how and when it was explained; None: not recorded."""

    event_id: str
    consent_id: str
    kind: ConsentKind
    controller: str
    position: Position
    given_at: datetime | None = None
    recorded_at: datetime | None = None
    method: ConsentMethod | None = None
    mode: Mode | None = None
    explained_method: ConsentMethod | None = None
    explained_at: datetime | None = None
    terms: Terms | None = None
    purposes: frozenset[str] = frozenset()
    recipients: tuple[ConsentRecipient, ...] = ()
    bundled: bool | None = None
    coerced: bool | None = None
    accepted_at: datetime | None = None
    acceptance_refused_at: datetime | None = None
    guardian_relation: str | None = None
    guardian_document: str | None = None
    evidence_document: str | None = None
    foreign: ForeignInformation | None = None
    likeness: Likeness | None = field(default=None, init=False, repr=False, compare=False)
    """Noted here once it is asked for: it follows from the other fields."""


@dataclass(frozen=True, slots=True)
class ConsentConfirmed:
    """A consent put in writing (or otherwise) later."""

    event_id: str
    consent_id: str
    position: Position
    method: ConsentMethod | None
    confirmed_at: datetime


@dataclass(frozen=True, slots=True)
class ConsentWithdrawn:
    """Exactly one of `consent_id` and `controller` is given; a controller's ends all consents given until then."""

    event_id: str
    position: Position
    withdrawn_at: datetime
    consent_id: str | None = None
    controller: str | None = None


@dataclass(frozen=True, slots=True)
class ConsentRefused:
    """The person refused purposes or recipients: ends consents to them given until then."""

    event_id: str
    controller: str
    position: Position
    refused_at: datetime
    purposes: frozenset[str] = frozenset()
    recipients: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SuspensionOrdered:
    """利用停止 / 第三者提供停止 (APPI 35); items or purposes None: all."""

    event_id: str
    suspension_id: str
    kind: SuspensionKind
    controller: str
    position: Position
    ordered_at: datetime
    items: frozenset[str] | None = None
    purposes: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class SuspensionLifted:
    """The suspension of that id ended."""

    event_id: str
    suspension_id: str
    position: Position
    lifted_at: datetime


@dataclass(frozen=True, slots=True)
class OptOutRegistered:
    """The person opted out of provision under APPI 27(2); items None: all."""

    event_id: str
    controller: str
    position: Position
    registered_at: datetime
    items: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class OptOutCancelled:
    """The opt-out was taken back; items None: all."""

    event_id: str
    controller: str
    position: Position
    cancelled_at: datetime
    items: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class RestrictionCheck:
    """The checks of SG II-4-2-6-4(1): declaration asked, matched against borrowers, special circumstances."""

    declared_on: date | None = None
    matched_on: date | None = None
    special_circumstances: bool | str | None = None


@dataclass(frozen=True, slots=True)
class SubjectStatus:
    """What became known of the person at `status_at`; `told` names the fields that the event states (null too)."""

    event_id: str
    position: Position
    status_at: datetime
    told: frozenset[str] = field(default_factory=frozenset)
    birth_date: date | None = None
    capacity: Capacity | None = None
    restricted_customer: bool | None = None
    restriction_check: RestrictionCheck | None = None


ConsentEvent = (
    ConsentGranted
    | ConsentConfirmed
    | ConsentWithdrawn
    | ConsentRefused
    | SuspensionOrdered
    | SuspensionLifted
    | OptOutRegistered
    | OptOutCancelled
    | SubjectStatus
)
