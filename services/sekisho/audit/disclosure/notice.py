"""What the person is told, as a value; its JSON is the disclosure as electronic data (電磁的記録の提供).

Field names are stable: a new field may come, none goes or changes its meaning under the same `format`. Days are
Asia/Tokyo, YYYY-MM-DD; texts are Japanese. Nothing in it depends on records that are no 第三者提供記録.
"""

from __future__ import annotations

from datetime import date
from typing import Final, Literal

from pydantic import ConfigDict

from sekisho.audit.disclosure.given import Capacity, Ground, Method, Particular
from sekisho.audit.disclosure.wording import DisclosedBasis, Outcome
from sekisho.contracts.fields import Output
from sekisho.domain.vocabulary import RecordMethod

FORMAT: Final = 1


class Document(Output):
    """A part of a document: what stands under its fields here stands in its schema."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class Decision(Document):
    """That something is not disclosed, and why."""

    ground: Ground
    article: str
    """The article of the ground."""
    text: str
    """The ground in the law's words."""
    reason: str
    """The organization's reason (APPI 36)."""


class StatedParticular(Document):
    """One particular of a record."""

    particular: Particular
    label: str
    """Its Japanese name."""
    values: tuple[str, ...]
    """What the record states; empty where the whole particular is withheld."""
    items_withheld: int
    """How many data items are left out of `values`."""
    withheld: tuple[Decision, ...]


class StatedRecord(Document):
    """One record that is disclosed, in whole or part."""

    number: int
    """Within its list, from 1."""
    record_id: str
    basis: DisclosedBasis
    basis_name: str
    article: str
    """The article that says what the record states."""
    method: RecordMethod
    method_name: str
    method_article: str
    provided_on: date | None
    """Null where the day is withheld."""
    created_on: date | None
    """Null where the day of provision is withheld: it would tell that day."""
    particulars: tuple[StatedParticular, ...]
    """In the law's order."""
    retain_until: date | None
    """The last day on which it is kept; null while there is none, as the provision goes on, or where the day is withheld."""
    retention_article: str
    proof: str | None
    """Where the ledger proves it."""


class WithheldRecord(Document):
    """A record that is withheld in whole."""

    number: int
    record_id: str
    decision: Decision


class PurgedRecord(Document):
    """A record whose retention has ended: that it was there, and no more."""

    number: int
    record_id: str
    created_on: date
    purged_on: date


class Addressee(Document):
    """Whom the letter goes to."""

    capacity: Capacity
    name: str | None


class NoticeSubject(Document):
    """The person concerned."""

    id: str
    name: str | None


class NoticeRequest(Document):
    """What was asked."""

    received_on: date
    method: Method
    period_first: date | None
    period_last: date | None


class NoticeContact(Document):
    """Where questions and complaints are taken."""

    desk: str
    address: str | None
    phone: str | None
    hours: str | None
    email: str | None


class NoticeOrganization(Document):
    """Who answers."""

    id: str
    name: str
    address: str
    representative: str
    calls_itself: str
    contact: NoticeContact


class NoticeCounts(Document):
    """How many records the person is told of, by list; only those disclosed in whole or part say which list is theirs."""

    records: int
    """All but the purged ones."""
    disclosed: int
    partly_withheld: int
    withheld: int
    expired: int


class Notice(Document):
    """The answer to the request for disclosure (APPI 33(5), applying 33(1)-(3))."""

    format: Literal[1]
    type: Literal["sekisho.disclosure.notice"]
    language: Literal["ja"]
    title: str
    document_id: str
    issued_on: date
    as_of: date
    """The day on which the ledger was searched."""
    outcome: Outcome
    addressee: Addressee
    subject: NoticeSubject
    request: NoticeRequest
    organization: NoticeOrganization
    method: Method
    """How it is disclosed."""
    method_difficulty: str | None
    """Why the method asked for is difficult."""
    statement: tuple[str, ...]
    """What the letter says, sentence by sentence."""
    counts: NoticeCounts
    provisions: tuple[StatedRecord, ...]
    """Records of provision (APPI 29(1)), by day."""
    receipts: tuple[StatedRecord, ...]
    """Records of receipt (APPI 30(3)), by day."""
    withheld: tuple[WithheldRecord, ...]
    expired: tuple[PurgedRecord, ...]
    ledger_reference: str | None
