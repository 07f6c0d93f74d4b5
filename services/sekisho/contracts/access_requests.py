"""sekisho-access-requests: one organization asks for one person's items (contract.md, An access request)."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field, TypeAdapter, ValidationError

from sekisho.contracts import fields
from sekisho.contracts.envelope import Headers, is_plain, open_message, require, require_key
from sekisho.contracts.errors import InvalidMessageError, Readable, UnreadableMessageError
from sekisho.contracts.fields import FreeText, Id, Ids, Input, Instant, NearDay, Offset, Partition
from sekisho.contracts.reading import read, read_object
from sekisho.contracts.request_content import digest, digest_of_invalid, document
from sekisho.contracts.request_templates import Received, learn, likeness_of, recognized
from sekisho.domain import request as domain
from sekisho.domain.book import Text
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
    values,
)

__all__ = [
    "TYPE", "AccessRequest", "Received", "decode", "digest", "document", "readable", "receive", "receive_digested",
    "to_domain",
]  # fmt: skip

TYPE: Final = "sekisho.access.requested.v1"
TYPES: Final = frozenset({TYPE})
_TYPE: Final = TYPE.encode()

NO_READABLE_ID: Final = Text(
    "申請番号 request_id が読めないため、回答できません。",
    "The request_id is not readable, so it cannot be answered.",
)


class Requester(Input):
    """Who asks."""

    organization: Id
    """The registered organization."""
    business: Id
    """The business on whose behalf it asks."""
    system: Id
    """The system that sends the request."""
    operator: Id | None = None
    """The person at the keyboard; null for automatic systems."""
    branch: Id | None = None
    """The operator's branch."""
    authenticated_operator: Id | None = None
    """Whom the upstream system has authenticated, where it tells."""


class Subject(Input):
    """Whose data is asked for."""

    id: Id
    """The person's id; also the message's key."""
    kind: SubjectKind


class Activity(Input):
    """What the requester is about to do."""

    kind: ActivityKind
    mode: Mode
    list_name: FreeText = None
    """The name of the list or event, as people call it."""
    selected_by: Ids | None = None
    """Items by which the persons were searched, filtered or ordered; empty: everyone (REQ-6)."""


class ReferableConsent(Input):
    """The recipient's statement that the person consents to acquisition as personal data (APPI 31)."""

    confirmed_at: Instant | None = None
    how: FreeText = None
    foreign_information: FreeText = None


class Recipient(Input):
    """To whom data is provided."""

    id: Id
    name: FreeText = None
    address: FreeText = None
    representative: FreeText = None
    relation: Relation | None = None
    """What the requester claims; the rulebook must prove it."""
    country: Id | None = None
    """ISO 3166-1 alpha-2; null counts as abroad."""
    agreement: Id | None = None
    """The agreement or notice (AG-, JU-, OO-, SUC-, ES-) that the relation rests on."""
    contact: FreeText = None
    referable_consent: ReferableConsent | None = None
    deletes_unless_awarded: bool | None = None
    """A bidder's agreement to delete (records.md)."""
    unspecified_many: bool | None = None
    """Unspecified many persons get the data (ER 20(1)); the id then names the way, a web page or a directory."""


class LegalBasis(Input):
    """An exception that the requester claims, with its stated conditions."""

    kind: LegalBasisKind
    reference: FreeText = None
    """The article, the case or the identity check that it rests on."""
    consent_difficult: FreeText = None
    would_hinder: FreeText = None
    necessity: FreeText = None
    reasonableness: FreeText = None
    body: FreeText = None
    """The id of a registered state body."""
    no_undue_harm: bool | FreeText = None


class Provider(Input):
    """Who hands data over, for `receive`."""

    id: Id
    name: FreeText = None
    address: FreeText = None
    representative: FreeText = None


class Receipt(Input):
    """How data came to the receiver (APPI 30)."""

    provider: Provider | None = None
    acquisition: FreeText = None
    """How the provider acquired the data."""
    document: FreeText = None
    """What showed it."""
    unlawful_suspected: bool | None = None
    basis: ReceiptBasis | None = None
    agreement: Id | None = None
    ppc_publication: FreeText = None


class RecordRequest(Input):
    """How the provision is to be recorded (records.md, Methods)."""

    method: RecordMethod | None = None
    """Null: individual."""
    agreement: Id | None = None
    document: FreeText = None
    first_provision: NearDay | None = None
    last_provision: NearDay | None = None


class Acquisition(Input):
    """How the data itself was acquired; null: false."""

    improper: bool | None = None
    by_opt_out: bool | None = None


class MinimumConsentPosition(Input):
    """The position in sekisho-consent-events that the decision must have seen."""

    partition: Partition | None = None
    offset: Offset | None = None


class AccessRequest(Input):
    """One request for one person's items."""

    request_id: Id
    """The sender's id of this request: sent twice, it is decided once."""
    requested_at: Instant
    requester: Requester
    subject: Subject
    action: Action
    holder: Id
    """Whose data it is; after a slash, what it was obtained for."""
    items: Ids
    """Catalogue ids of the items asked for, at most 500."""
    purpose: Id
    """What the data is for; for `provide`, the recipient's purpose."""
    anticipated_purposes: Ids | None = None
    """Purposes that may follow, as far as the requester knows."""
    product_provider: Id | None = None
    """Whose product is proposed; null: none of another company."""
    consent_sought: ConsentKind | None = None
    """For `consent.acquisition`: the consent that is asked for; null counts as cross_sell."""
    activity: Activity
    recipient: Recipient | None = None
    """For `provide`."""
    legal_basis: LegalBasis | None = None
    receipt: Receipt | None = None
    """For `receive`."""
    record: RecordRequest | None = None
    acquisition: Acquisition | None = None
    card_number_in_full: FreeText = None
    """The business need to see the whole card number."""
    minimum_consent_position: MinimumConsentPosition | None = None
    """What the consent system got when it published the consent that the decision must have seen."""
    list_id: Id | None = None
    """Set by Sekisho where the request is part of a list."""


def decode(data: bytes) -> domain.AccessRequest:
    """The request that `data` holds, times in UTC.

    Raises UnreadableMessageError where no id can be read (a rejected event only) and InvalidMessageError, with
    `readable` set, where an answer can be addressed (contract.md: deny `request.invalid` and a rejected event).
    """
    try:
        return to_domain(read(AccessRequest, data))
    except InvalidMessageError as error:
        error.readable = readable(data)
        raise


def receive(
    headers: Headers, key: bytes | None, value: bytes | None, *, largest: int
) -> domain.AccessRequest:
    """The request in a Kafka message of at most `largest` bytes; one with no CloudEvents headers is bare data.

    Raises as `decode`, and UnreadableMessageError for what is no message of this topic (tombstone, size, type,
    version), InvalidMessageError also for a key that is not the subject id.
    """
    event = open_message(headers, value, largest=largest)
    try:
        if not event.bare:
            require(event, TYPES)
    except InvalidMessageError as error:
        error.readable = readable(event.data)
        raise
    return _read(key, event.data)


def _read(key: bytes | None, data: bytes) -> domain.AccessRequest:
    """The request in a message's data, of whose envelope nothing more is to be said."""
    try:
        request = to_domain(read(AccessRequest, data))
        require_key(key, request.subject_id, "subject.id")
    except InvalidMessageError as error:
        error.readable = readable(data)
        raise
    return request


def receive_digested(headers: Headers, key: bytes | None, value: bytes | None, *, largest: int) -> Received:
    """As `receive`, with the digest of the request's content. Raises as `receive`.

    A message like one received before is read for what is its own alone (`request_templates`).
    """
    if value is None or len(value) > largest or not is_plain(headers, _TYPE):
        return _with_digest(receive(headers, key, value, largest=largest))
    likeness = likeness_of(value)
    if likeness is None:
        return _with_digest(_read(key, value))
    found = recognized(likeness)
    if found is not None and (key is None or key == found.request.subject_id.encode()):
        return found
    whole = _with_digest(_read(key, value))
    learn(likeness, whole)
    return whole


def _with_digest(request: domain.AccessRequest) -> Received:
    told = digest(request)
    return Received(request, told, bytes.fromhex(told.removeprefix("sha256:")))


def readable(data: bytes) -> Readable:
    """What a message tells that is no valid request. Raises UnreadableMessageError if not even its id."""
    content = read_object(data)
    request_id = _id(content.get("request_id"))
    if request_id is None:
        raise UnreadableMessageError("unreadable", NO_READABLE_ID, "request_id")
    action = content.get("action")
    return Readable(
        request_id,
        _id(_inside(content, "requester", "organization")),
        _id(_inside(content, "subject", "id")),
        action if isinstance(action, str) and action in values(Action) else None,
        digest_of_invalid(content),
    )


_ID: Final[TypeAdapter[str]] = TypeAdapter(Annotated[Id, Field(strict=True)])


def _id(value: object) -> str | None:
    try:
        return _ID.validate_python(value)
    except ValidationError:
        return None


def _inside(content: dict[str, Any], part: str, name: str) -> object:
    found = content.get(part)
    return found.get(name) if isinstance(found, dict) else None


def to_domain(message: AccessRequest) -> domain.AccessRequest:
    """The request as the rules see it."""
    who, what = message.requester, message.activity
    demanded = message.minimum_consent_position
    return domain.AccessRequest(
        request_id=message.request_id,
        requested_at=message.requested_at,
        requester=domain.Requester(
            who.organization, who.business, who.system, who.operator, who.branch, who.authenticated_operator
        ),
        subject_id=message.subject.id,
        subject_kind=message.subject.kind,
        action=message.action,
        holder=message.holder,
        items=message.items,
        purpose=message.purpose,
        activity=domain.Activity(what.kind, what.mode, what.list_name, what.selected_by),
        anticipated_purposes=message.anticipated_purposes or (),
        product_provider=message.product_provider,
        consent_sought=message.consent_sought,
        recipient=None if message.recipient is None else _recipient(message.recipient),
        legal_basis=None if message.legal_basis is None else _legal_basis(message.legal_basis),
        receipt=None if message.receipt is None else _receipt(message.receipt),
        record=None if message.record is None else _record(message.record),
        acquisition=None if message.acquisition is None else _acquisition(message.acquisition),
        card_number_in_full=message.card_number_in_full,
        minimum_consent_position=None if demanded is None else _position(demanded),
        list_id=message.list_id,
    )


def _recipient(part: Recipient) -> domain.Recipient:
    stated = part.referable_consent
    return domain.Recipient(
        id=part.id,
        relation=part.relation,
        name=part.name,
        address=part.address,
        representative=part.representative,
        country=part.country,
        agreement=part.agreement,
        contact=part.contact,
        referable_consent=None
        if stated is None
        else domain.ReferableConsent(stated.confirmed_at, stated.how, stated.foreign_information),
        deletes_unless_awarded=part.deletes_unless_awarded,
        unspecified_many=part.unspecified_many,
    )


def _legal_basis(part: LegalBasis) -> domain.LegalBasis:
    return domain.LegalBasis(
        kind=part.kind,
        reference=part.reference,
        consent_difficult=part.consent_difficult,
        would_hinder=part.would_hinder,
        necessity=part.necessity,
        reasonableness=part.reasonableness,
        body=part.body,
        no_undue_harm=part.no_undue_harm,
    )


def _receipt(part: Receipt) -> domain.Receipt:
    giver = part.provider
    return domain.Receipt(
        provider=None
        if giver is None
        else domain.Provider(giver.id, giver.name, giver.address, giver.representative),
        acquisition=part.acquisition,
        document=part.document,
        unlawful_suspected=part.unlawful_suspected,
        basis=part.basis,
        agreement=part.agreement,
        ppc_publication=part.ppc_publication,
    )


def _record(part: RecordRequest) -> domain.RecordRequest:
    return domain.RecordRequest(
        part.method or "individual", part.agreement, part.document, part.first_provision, part.last_provision
    )


def _acquisition(part: Acquisition) -> domain.Acquisition:
    return domain.Acquisition(part.improper or False, part.by_opt_out or False)


def _position(part: MinimumConsentPosition) -> tuple[int | None, int]:
    # a demand without an offset names no position that exists: the largest one is never reached
    return (part.partition, fields.MAX_OFFSET if part.offset is None else part.offset)
