"""What a disclosure is made from: who asks, who answers, what the operator has decided, and what the ledger holds.

The request, the answer and the statements are strict: what is misspelt is refused, since a withholding that went
unnoticed would disclose the record. Days are Asia/Tokyo calendar days.
"""

from __future__ import annotations

import json
from datetime import date
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from sekisho.audit.disclosure.errors import DisclosureError
from sekisho.contracts.errors import RejectedMessageError
from sekisho.contracts.fields import Id, Input
from sekisho.contracts.provision_records import ProvisionRecord
from sekisho.contracts.reading import read
from sekisho.domain.vocabulary import RecordExemption, SubjectKind

Capacity = Literal["person", "legal_representative", "agent"]
"""Who asks: the person, the legal representative of a minor or adult ward, or one whom the person mandated (APPI 37(3); SV 24(3))."""
Method = Literal["electronic", "document", "other"]
"""How it is disclosed: 電磁的記録の提供, 書面の交付, or another way that the organization has set (ER 30)."""
Ground = Literal["harm", "hindrance", "other_law"]
"""Why a record may be withheld in whole or part (APPI 33(2)(i)-(iii), applied by 33(5))."""
ExcludedKind = Literal["life_body_property", "unlawful_acts", "state", "crime_prevention"]
"""Records that are no 第三者提供記録, since to know of them harms already (APPI 33(5); Cabinet Order 11(i)-(iv))."""
Particular = Literal[
    "date", "consent", "foreign_information", "counterparty_name", "counterparty_address",
    "counterparty_representative", "acquisition", "person", "items", "ppc_publication",
]  # fmt: skip
"""What a record states, in the order in which a notice states it (ER 20(1), 24(1); records.md, first table)."""


def _not_blank(value: str) -> str:
    if not value.strip():
        raise PydanticCustomError("string_too_short", "blank")
    return value


Line = Annotated[
    str,
    StringConstraints(min_length=1, max_length=2_000, pattern=r"^[^\u0000]*$"),
    AfterValidator(_not_blank),
]
"""A text that says something."""


class Person(Input):
    """The person whose records are asked for."""

    subject_id: Id
    kind: SubjectKind = "individual"
    living: bool = True
    """Personal information is of living individuals (APPI 2(1))."""
    name: Line | None = None
    """As the letter addresses them; the ledger knows no name."""


class Asker(Input):
    """Who asks."""

    capacity: Capacity = "person"
    name: Line | None = None
    """Of a representative."""
    verified_by: Line | None = None
    """How identity and authority were checked (SV 24(3)); for the operator's sheet alone."""


class Period(Input):
    """The days of provision that the request is about; None: no bound."""

    first: date | None = None
    last: date | None = None


class Request(Input):
    """What was asked, by whom, when it came in."""

    person: Person
    asker: Asker = Asker()
    received_on: date
    method: Method = "electronic"
    period: Period = Period()


class Contact(Input):
    """Where the organization takes questions and complaints (APPI 40)."""

    desk: Line
    address: Line | None = None
    phone: Line | None = None
    hours: Line | None = None
    email: Line | None = None


class Organization(Input):
    """The business operator that answers, for its own records."""

    id: Id
    """As the rulebook and the records name it."""
    name: Line
    address: Line
    representative: Line
    contact: Contact
    calls_itself: Line = "当社"
    """当社, 当行, 当組合, …"""


class Answer(Input):
    """The letter that goes out."""

    organization: Organization
    document_id: Id
    """Must not depend on what was found: two letters that say the same must be the same."""
    issued_on: date
    as_of: date
    """The day on which the ledger was searched."""
    method: Method = "electronic"
    method_difficulty: Line | None = None
    """Why the method asked for is difficult, where the answer is by document instead (APPI 33(2)(3))."""
    ledger_reference: Line | None = None
    """What proves the ledger as a whole, e.g. its newest checkpoint."""


class Withholding(Input):
    """The operator's decision not to disclose one record, or some particulars or items of it.

    What is left must be disclosed (SV 20(3)), so an item can be withheld alone.
    """

    record_id: Id
    ground: Ground
    reason: Line
    """As the person reads it (APPI 36)."""
    whole: bool = False
    particulars: tuple[Particular, ...] = ()
    items: tuple[Id, ...] = ()

    @model_validator(mode="after")
    def _either(self) -> Withholding:
        if self.whole == bool(self.particulars or self.items):
            raise PydanticCustomError("exclusive_fields", "whole, or particulars and items")
        return self


class Exclusion(Input):
    """The operator's statement that a record is of one of the four kinds, so that nobody is told that there is one."""

    record_id: Id
    kind: ExcludedKind
    reason: Line


class WithoutDuty(Input):
    """The operator's statement that a record was written without a duty, and is no 第三者提供記録 (GL 3-8-3-1)."""

    record_id: Id
    exemption: RecordExemption
    reason: Line


class Statements(Input):
    """All that the operator states of single records."""

    withheld: tuple[Withholding, ...] = ()
    excluded: tuple[Exclusion, ...] = ()
    without_duty: tuple[WithoutDuty, ...] = ()


class Instructions(Input):
    """A file that holds everything that is not in the ledger."""

    request: Request | None = None
    answer: Answer | None = None
    statements: Statements = Statements()


class KeptRecord(NamedTuple):
    """A record whose payload the ledger holds."""

    record: ProvisionRecord
    proof: str | None = None
    """Where the ledger proves it: one line."""
    retain_until: date | None = None
    """The last day of its retention as the ledger has prolonged it; the record's own counts where it is later."""
    open_ended: bool = False
    """It has no end now, whatever it stated when it was made: provision went on, or it was prolonged without a day."""


class ExpiredRecord(NamedTuple):
    """A record whose payload was purged when its retention had ended: no content is left."""

    record_id: str
    created_on: date
    purged_on: date
    disclosable: bool
    """Decided when it was purged: a 第三者提供記録 of this person, of none of the four kinds, written under a duty."""
    controller: str | None = None
    """Whose record it was; None: this organization's."""


def read_instructions(document: object) -> Instructions:
    """The instructions that a decoded YAML or JSON document states. Raises DisclosureError, naming the field."""
    try:
        return read(Instructions, json.dumps(document, default=_plain, ensure_ascii=False).encode())
    except (RejectedMessageError, UnicodeEncodeError, TypeError) as error:
        told = error.message.en if isinstance(error, RejectedMessageError) else "no JSON"
        ja = error.message.ja if isinstance(error, RejectedMessageError) else "JSON にならない値があります。"
        raise DisclosureError("instructions.invalid", en=told, ja=ja) from error


def _plain(value: Any) -> str:
    """A day as YAML reads it."""
    if type(value) is date:
        return value.isoformat()
    raise TypeError(type(value).__name__)
