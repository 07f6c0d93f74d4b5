"""The letter around a disclosure: who asks, who answers; from the instructions, else from the rulebook."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from sekisho.audit.disclosure import Answer, Contact, Instructions, Organization, Person, Request
from sekisho.cli.outcome import InputError
from sekisho.domain.book import Rulebook

_TOKYO: Final = ZoneInfo("Asia/Tokyo")
_DESK: Final = "個人情報お問い合わせ窓口"
"""What a letter names where the instructions name no desk."""


def today() -> date:
    """Today's date in Tokyo."""
    return datetime.now(UTC).astimezone(_TOKYO).date()


def request_of(given: Instructions, subject_id: str, received_on: date) -> Request:
    """The request as the instructions state it, else one of the person for everything. Raises InputError."""
    if given.request is None:
        return Request(person=Person(subject_id=subject_id), received_on=received_on)
    if given.request.person.subject_id != subject_id:
        raise InputError(
            f"The instructions are about {given.request.person.subject_id}, not {subject_id}.",
            "Use the instructions of this request.",
        )
    return given.request


def document_id(request: Request, organization: str | None, key: bytes) -> str:
    """A number for the letter, of what was asked alone: it tells nothing of what was found."""
    told = f"{request.received_on.isoformat()}\0{organization}".encode()
    return f"D-{today():%Y%m%d}-{hashlib.sha256(key + told).hexdigest()[:10]}"


def answer_of(
    given: Instructions, book: Rulebook, organization: str | None, number: str, reference: str | None
) -> Answer:
    """The letter's own particulars. Raises InputError where nobody knows who answers."""
    if given.answer is not None:
        if organization not in (None, given.answer.organization.id):
            raise InputError(
                f"The instructions answer for {given.answer.organization.id}, --organization says {organization}.",
                "Leave --organization out, or use the instructions of that organization.",
            )
        proven = given.answer.ledger_reference or reference
        return given.answer.model_copy(update={"ledger_reference": proven})
    known = ", ".join(sorted(id_ for id_, each in book.organizations.items() if each.group))
    if organization is None:
        raise InputError(
            "Who answers? A business operator discloses its own records.",
            f"Give --organization, for example one of {known}; or `answer` in --instructions.",
        )
    found = book.organizations.get(organization)
    if found is None:
        raise InputError(
            f"The rulebook knows no organization {organization}.", f"It knows {known}, and others."
        )
    if found.address is None or found.representative is None:
        raise InputError(
            f"The rulebook has no address or representative of {organization}.",
            "State them in `answer` of --instructions.",
        )
    return Answer(
        organization=Organization(
            id=organization,
            name=found.name,
            address=found.address,
            representative=found.representative,
            contact=Contact(desk=_DESK),
        ),
        document_id=number,
        issued_on=today(),
        as_of=today(),
        ledger_reference=reference,
    )
