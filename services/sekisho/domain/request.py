"""An access request as the rules see it: already valid, times in UTC, absent parts None (contract.md).

It and its parts are named tuples: they hash and compare quickly, which what is remembered of a question's shape rests
on, and one is made in a fifth of the time of a frozen dataclass (0.3 for 1.6 µs).
"""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

from sekisho.domain.vocabulary import (
    Action,
    ActivityKind,
    ConsentKind,
    LegalBasisKind,
    Mode,
    ReceiptBasis,
    RecordMethod,
    Relation,
    SubjectKind,
)


class Requester(NamedTuple):
    """Who asks: organization, business and system, and the person at the keyboard (None for automatic systems)."""

    organization: str
    business: str
    system: str
    operator: str | None = None
    branch: str | None = None
    authenticated_operator: str | None = None


class Activity(NamedTuple):
    """What the requester is about to do; `selected_by` None means not stated, () everyone (REQ-6)."""

    kind: ActivityKind
    mode: Mode
    list_name: str | None = None
    selected_by: tuple[str, ...] | None = None


class ReferableConsent(NamedTuple):
    """The recipient's statement that the person consents to acquisition as personal data (APPI 31)."""

    confirmed_at: datetime | None = None
    how: str | None = None
    foreign_information: str | None = None


class Recipient(NamedTuple):
    """To whom data is provided; `relation` is a claim that the rulebook must prove (PROV)."""

    id: str
    relation: Relation | None = None
    name: str | None = None
    address: str | None = None
    representative: str | None = None
    country: str | None = None
    agreement: str | None = None
    contact: str | None = None
    referable_consent: ReferableConsent | None = None
    deletes_unless_awarded: bool | None = None
    unspecified_many: bool | None = None


class LegalBasis(NamedTuple):
    """An exception that the requester claims (EXC), or the person's own request (PROV-10, 11)."""

    kind: LegalBasisKind
    reference: str | None = None
    consent_difficult: str | None = None
    would_hinder: str | None = None
    necessity: str | None = None
    reasonableness: str | None = None
    body: str | None = None
    no_undue_harm: bool | str | None = None


class Provider(NamedTuple):
    """Who hands data over, for `receive`."""

    id: str
    name: str | None = None
    address: str | None = None
    representative: str | None = None


class Receipt(NamedTuple):
    """How data came to the receiver (APPI 30)."""

    provider: Provider | None = None
    acquisition: str | None = None
    document: str | None = None
    unlawful_suspected: bool | None = None
    basis: ReceiptBasis | None = None
    agreement: str | None = None
    ppc_publication: str | None = None


class RecordRequest(NamedTuple):
    """How the provision is to be recorded (records.md, Methods); days are Asia/Tokyo."""

    method: RecordMethod = "individual"
    agreement: str | None = None
    document: str | None = None
    first_provision: date | None = None
    last_provision: date | None = None


class Acquisition(NamedTuple):
    """How the data itself was acquired (PROV-7, RECV-2)."""

    improper: bool = False
    by_opt_out: bool = False


class AccessRequest(NamedTuple):
    """One request for one person's items, every rule's input."""

    request_id: str
    requested_at: datetime
    requester: Requester
    subject_id: str
    subject_kind: SubjectKind
    action: Action
    holder: str
    items: tuple[str, ...]
    purpose: str
    activity: Activity
    anticipated_purposes: tuple[str, ...] = ()
    product_provider: str | None = None
    consent_sought: ConsentKind | None = None
    recipient: Recipient | None = None
    legal_basis: LegalBasis | None = None
    receipt: Receipt | None = None
    record: RecordRequest | None = None
    acquisition: Acquisition | None = None
    card_number_in_full: str | None = None
    minimum_consent_position: tuple[int | None, int] | None = None
    list_id: str | None = None
