"""The clauses of a consent: which of them fail for a purpose and an item, and which consent is the nearest.

WALL-6 to WALL-12 are the clauses of a cross-sell consent, PROV-1 to PROV-3 those of the others; each clause cites the
WALL or PROV rule that defines it, whatever the consent's kind (rulebook.md, Consents and Order).
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sekisho.domain.abroad import covers, entries_of, is_informed
from sekisho.domain.calendar import age_reached_on, tokyo_day
from sekisho.domain.case import Case
from sekisho.domain.events import ConsentGranted
from sekisho.domain.question import Question, country_of
from sekisho.domain.verdict import Cite
from sekisho.domain.vocabulary import WRITTEN_METHODS

TERMS_NOT_SHOWN: Final = Cite("consent.terms_not_shown", "WALL-6")
METHOD_INSUFFICIENT: Final = Cite("consent.method_insufficient", "WALL-7")
NOT_WRITTEN: Final = Cite("consent.not_written", "WALL-7")
SCOPE_ITEMS: Final = Cite("consent.scope_items", "WALL-8")
SCOPE_PURPOSE: Final = Cite("consent.scope_purpose", "WALL-8")
SCOPE_MODE: Final = Cite("consent.scope_mode", "WALL-8")
EXPIRED: Final = Cite("consent.expired", "WALL-8")
NOT_YET_VALID: Final = Cite("consent.not_yet_valid", "WALL-8")
UNDATED: Final = Cite("consent.undated", "WALL-9")
WITHDRAWN: Final = Cite("consent.withdrawn", "WALL-10")
ELECTRONIC_NOT_ACCEPTED: Final = Cite("consent.electronic_not_accepted", "WALL-12")
NOT_SHOWN_IN_WRITING: Final = Cite("consent.method_insufficient", "PROV-1")
SCOPE_RECIPIENT: Final = Cite("consent.scope_recipient", "PROV-1")
RECIPIENTS_PURPOSE: Final = Cite("consent.scope_purpose", "PROV-1")
NOT_IN_WRITING: Final = Cite("consent.not_written", "PROV-2")
BUNDLED: Final = Cite("consent.bundled", "PROV-2")
COERCED: Final = Cite("consent.coerced", "PROV-2")
GUARDIAN_REQUIRED: Final = Cite("consent.guardian_required", "PROV-3")
SCOPE_BUREAU: Final = Cite("consent.scope_recipient", "PROV-8")
REFUSED: Final = Cite("consent.refused", "PROV-9")
INFORMATION_NOT_GIVEN: Final = Cite("foreign.information_not_given", "FORN-4")

REASONS: Final = (
    TERMS_NOT_SHOWN, METHOD_INSUFFICIENT, NOT_WRITTEN, SCOPE_ITEMS, SCOPE_PURPOSE, SCOPE_MODE, EXPIRED, NOT_YET_VALID,
    UNDATED, WITHDRAWN, ELECTRONIC_NOT_ACCEPTED, NOT_SHOWN_IN_WRITING, SCOPE_RECIPIENT, RECIPIENTS_PURPOSE,
    NOT_IN_WRITING, BUNDLED, COERCED, GUARDIAN_REQUIRED, SCOPE_BUREAU, REFUSED, INFORMATION_NOT_GIVEN,
)  # fmt: skip

WRITTEN_STAGE: Final = frozenset({"application", "conclusion"})
"""Activities for which a cross-sell consent must be a written one (SG II-4-2-6-2(1))."""
_IN_WRITING: Final = WRITTEN_METHODS | {"electronic"}
"""書面（電磁的記録を含む。以下同じ。）: SV 2(17)."""
_WRITING_RULED: Final = frozenset({"purpose", "provision", "foreign_provision", "referable"})
"""Kinds of consent that PROV-2 governs."""
TO_RECIPIENTS: Final = frozenset({"provision", "foreign_provision", "referable"})
"""Kinds of consent to the provision to the recipients that they name."""
CREDITORS: Final = "creditors"
"""What stands for the kind of a provision consent that a creditor obtained (PROV-8): no other need may be met by it."""
_EXPLAINED_BY_CHANNEL: Final = {
    "face_to_face": (frozenset({"written"}), None),
    "mail": (frozenset({"written"}), frozenset({"mail_reply"})),
    "phone": (frozenset({"oral", "written"}), None),
    "internet": (frozenset({"electronic"}), frozenset({"electronic"})),
}
"""By the channel of consent: how it must have been explained, and given (None: any recorded way)."""


def explained_before(grant: ConsentGranted) -> bool:
    """Whether it was explained at or before it was given; an undated consent is judged by WALL-9 alone."""
    if grant.explained_at is None:
        return False
    return grant.given_at is None or grant.explained_at <= grant.given_at


def _channel_passes(grant: ConsentGranted) -> bool:
    """WALL-7 by channel (SG II-4-2-6-2(1) ①-④); explained and given in writing passes whatever the channel."""
    if grant.recorded_at is None or not explained_before(grant):
        return False
    if grant.explained_method == "written" and grant.method in WRITTEN_METHODS:
        return True
    channel = _EXPLAINED_BY_CHANNEL.get(grant.mode or "none")
    if channel is None or grant.method is None:
        return False
    explained, given = channel
    return grant.explained_method in explained and (given is None or grant.method in given)


def electronic_accepted(case: Case, grant: ConsentGranted) -> bool:
    """WALL-12: accepted before, and not refused between, or confirmed on paper since (IBR 53-6(2)-(4))."""
    if case.state.confirmed_in_writing(grant.consent_id, case.at, WRITTEN_METHODS):
        return True
    return _accepted_before(grant, grant.given_at)


def _accepted_before(grant: ConsentGranted, moment: datetime | None) -> bool:
    """Whether the electronic method was accepted before (あらかじめ) that moment and not refused between."""
    accepted, refused = grant.accepted_at, grant.acceptance_refused_at
    if accepted is None or (moment is not None and accepted >= moment):
        return False
    return refused is None or refused < accepted or (moment is not None and refused > moment)


def is_written(case: Case, grant: ConsentGranted) -> bool:
    """Whether a cross-sell consent is a written one, as application and conclusion need it (WALL-7)."""
    if grant.method in WRITTEN_METHODS:
        return True
    if grant.method == "electronic":
        return electronic_accepted(case, grant)
    return case.state.confirmed_in_writing(grant.consent_id, case.at, WRITTEN_METHODS) or any(
        event.consent_id == grant.consent_id
        and event.method == "electronic"
        and event.confirmed_at <= case.at
        and _accepted_before(grant, event.confirmed_at)
        for event in case.state.confirmations
    )


def _cross_sell(case: Case, grant: ConsentGranted, failed: list[Cite]) -> None:
    """WALL-6, 7, the mode of WALL-8, and WALL-12."""
    terms = grant.terms
    activity = case.activity
    if terms is None or not (
        terms.valid_from and terms.valid_until and terms.withdrawal and terms.modes and terms.items
    ):
        failed.append(TERMS_NOT_SHOWN)
    if not _channel_passes(grant):
        failed.append(METHOD_INSUFFICIENT)
    if activity.kind in WRITTEN_STAGE and not is_written(case, grant):
        failed.append(NOT_WRITTEN)
    if terms is not None and terms.modes and activity.mode != "none" and activity.mode not in terms.modes:
        failed.append(SCOPE_MODE)
    if grant.method == "electronic" and not electronic_accepted(case, grant):
        failed.append(ELECTRONIC_NOT_ACCEPTED)


def _shown_in_writing(grant: ConsentGranted) -> bool:
    return grant.explained_method in _IN_WRITING and explained_before(grant)


def _in_writing(case: Case, grant: ConsentGranted, failed: list[Cite]) -> None:
    """PROV-2, and for a provision consent that it was shown in writing beforehand (PROV-1; SV 14(1), 2(19))."""
    if grant.kind == "provision" and not _shown_in_writing(grant):
        failed.append(NOT_SHOWN_IN_WRITING)
    if grant.method not in _IN_WRITING and not case.state.confirmed_in_writing(
        grant.consent_id, case.at, _IN_WRITING
    ):
        failed.append(NOT_IN_WRITING)
    if grant.bundled is not False:
        failed.append(BUNDLED)
    if grant.coerced is not False:
        failed.append(COERCED)


def _guardian_missing(case: Case, grant: ConsentGranted) -> bool:
    """PROV-3: one who could not judge on the day consented without the guardian (SV 2(19)注)."""
    if not case.question.individual or grant.given_at is None:
        return False
    if grant.guardian_relation and grant.guardian_document:
        return False
    day = tokyo_day(grant.given_at)
    birth = case.state.birth_date(case.at)
    if birth is not None and day < age_reached_on(birth, case.book.guardian_under):
        return True
    return case.state.capacity_on(day, case.at) in case.book.guardian_capacities


def common(case: Case, grant: ConsentGranted) -> tuple[Cite, ...]:
    """The clauses that fail whatever the purpose and item."""
    failed: list[Cite] = []
    if grant.kind == "cross_sell":
        _cross_sell(case, grant, failed)
    elif grant.kind in _WRITING_RULED:
        _in_writing(case, grant, failed)
    terms, given_at, day = grant.terms, grant.given_at, case.question.day
    if terms is not None and terms.valid_until is not None and day > terms.valid_until:
        failed.append(EXPIRED)
    if (given_at is not None and given_at > case.at) or (
        terms is not None and terms.valid_from is not None and day < terms.valid_from
    ):
        failed.append(NOT_YET_VALID)
    if given_at is None:
        failed.append(UNDATED)
    if case.state.withdrawals and case.state.withdrawn(grant, case.at):
        failed.append(WITHDRAWN)
    if case.state.statuses and _guardian_missing(case, grant):
        failed.append(GUARDIAN_REQUIRED)
    return tuple(failed)


def _recipient(grant: ConsentGranted, recipient: str, purpose: str) -> Cite | None:
    """PROV-1: the recipient's name, contact and purpose were shown, and the purpose is this one."""
    fault = SCOPE_RECIPIENT
    for entry in grant.recipients:
        if entry.id == recipient and entry.name and entry.contact and entry.purpose:
            if entry.purpose == purpose:
                return None
            fault = RECIPIENTS_PURPOSE
    return fault


def for_purpose(grant: ConsentGranted, purpose: str, recipient: str | None) -> tuple[Cite, ...]:
    """The clauses that depend on the purpose and, where one is in play, the recipient."""
    outside = grant.kind != "provision" and purpose not in grant.purposes
    failed = [SCOPE_PURPOSE] if outside else []
    fault = None if recipient is None else _recipient(grant, recipient, purpose)
    if fault is not None:
        failed.append(fault)
    elif grant.kind == "provision" and grant.purposes and purpose not in grant.purposes:
        # what the consent says of purposes beside its recipients binds it too
        failed.append(RECIPIENTS_PURPOSE)
    if recipient is not None and grant.kind == "cross_sell" and not _shown_in_writing(grant):
        failed.append(NOT_SHOWN_IN_WRITING)  # what opens another's data is shown as PROV-1 has it (ACC-5)
    return tuple(failed)


def of_recipient(case: Case, index: int, grant: ConsentGranted, purpose: str) -> tuple[Cite, ...]:
    """FORN-4 and REF-1: what was told of the recipient, its purpose, and abroad of its country."""
    known = case.told.get(index)
    if known is None:
        # found once a consent, not once a purpose: 8 of 57 µs of a hard decision (make bench)
        known = case.told[index] = _told_of_recipient(case, grant)
    told, missing = known
    if covers(grant, told, purpose):
        return missing
    return (RECIPIENTS_PURPOSE if told else SCOPE_PURPOSE, *missing)


def _told_of_recipient(case: Case, grant: ConsentGranted) -> tuple[frozenset[str], tuple[Cite, ...]]:
    """The purposes told with the recipient, and the clauses that fail whatever the purpose."""
    question = case.question
    recipient = question.named if question.action == "provide" else None
    if recipient is None:
        return frozenset(), ()
    entries = entries_of(grant, recipient.id)
    told = frozenset([entry.purpose for entry in entries if entry.purpose])
    abroad = grant.kind == "foreign_provision"
    failed = [] if entries else [INFORMATION_NOT_GIVEN if abroad else SCOPE_RECIPIENT]
    if question.abroad and not is_informed(grant, country_of(recipient, case.book), excusable=abroad):
        failed.append(INFORMATION_NOT_GIVEN)
    return told, tuple(dict.fromkeys(failed))


def to_bureau(question: Question, grant: ConsentGranted) -> tuple[Cite, ...]:
    """PROV-8: where the bureau is named, so are its partner bureaus, and that their members get the data."""
    assert question.partners is not None
    entries = [entry for entry in grant.recipients if entry.id == question.recipient]
    shown = any(entry.members is True and question.partners.issubset(entry.partners) for entry in entries)
    return () if shown or not entries else (SCOPE_BUREAU,)
