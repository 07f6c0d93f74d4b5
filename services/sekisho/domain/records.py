"""Third-party-provision records: who owes one, with which particulars, kept how long (records.md; ER 19-21, 22-25, 27-29).

What is provided or received is found of an allowed request; then why no record is owed of it, if so; then the record, each
row of records.md's first table with its particulars. One that would lack a particular is not written: the request is
refused (REQ-5).
"""

from __future__ import annotations

from typing import Final

from sekisho.domain import recording
from sekisho.domain.case import Case
from sekisho.domain.clauses import CREDITORS
from sekisho.domain.question import OPENING_KINDS, Question, RecordFrame
from sekisho.domain.rules import acc, recv
from sekisho.domain.verdict import Besides, RecordContent, ServedConsent
from sekisho.domain.vocabulary import RecordExemption

_BY_EXCEPTION: Final[dict[str, RecordExemption]] = {
    "EXC-1": "law",
    "EXC-2": "life_body_property",
    "EXC-3": "public_health",
    "EXC-4": "state_cooperation",
    "EXC-5": "academic",
    "EXC-6": "academic",
    "EXC-7": "academic",
}
_BY_RELATION: Final[dict[str, RecordExemption]] = {
    "on_behalf_of_subject": "by_subject",
    "same_entity": "not_third_party",
    "subject": "not_third_party",
    "state_body": "state_body",
}
_WITHIN_27_5: Final[dict[str, RecordExemption]] = {
    "entrustment": "entrustment",
    "succession": "succession",
    "joint_use": "joint_use",
}
_PROVISION: Final = frozenset({"provision"})
_OR_THE_CREDITORS: Final = frozenset({"provision", CREDITORS})
_FOREIGN: Final = frozenset({"foreign_provision"})
_REFERABLE: Final = frozenset({"referable"})


class ParticularsMissingError(Exception):
    """The record would lack a particular, or its method does not fit (REQ-5). `missing` names what."""

    def __init__(self, missing: list[str]) -> None:
        super().__init__(", ".join(missing))
        self.missing = missing


def recorded_items(case: Case) -> tuple[str, ...]:
    """The items that the allowed request provides to, or receives from, another; empty where it does neither."""
    question = case.question
    if question.action != "use":
        return question.all_ids
    opened = case.on_consent
    if opened:
        return tuple([item for item in question.all_ids if item in opened])
    by_exception = acc.excepted(question, case.request)
    return tuple([item for item in question.all_ids if item in by_exception])


def exemption(case: Case, items: tuple[str, ...]) -> RecordExemption | None:
    """Why no record is owed for what is provided or received; None where one is owed, or there is nothing.

    Where several hold, the first in rulebook.md's order: corporation, EXC, by_subject, not_third_party, state_body, 27(5).
    """
    question = case.question
    if not items:
        return None
    if not question.individual:
        return "corporation"
    if question.lifted is not None:
        return _BY_EXCEPTION[question.lifted.rule]
    if question.action == "use":
        return None
    if question.action == "receive":
        return recv.freed(question, case.request)
    return _of_provision(case)


def _of_provision(case: Case) -> RecordExemption | None:
    """Of what is provided; abroad on Art. 28 consent only the exceptions exempt (APPI 29(1))."""
    question, recipient = case.question, case.question.named
    relation = None if recipient is None else recipient.relation
    if recipient is None or relation is None:
        return None
    if relation in ("on_behalf_of_subject", "same_entity", "subject"):
        return _BY_RELATION[relation]
    known = question.book.organizations.get(recipient.id)
    if relation == "state_body" or (known is not None and known.state_body):
        return "state_body"
    if question.abroad:
        return None
    if relation in _WITHIN_27_5:
        return _WITHIN_27_5[relation]
    return "bid_due_diligence" if recv.bids(question, case.request) else None


def record(case: Case, items: tuple[str, ...]) -> RecordContent:
    """The record of an allowed provision or receipt. Raises ParticularsMissingError (REQ-5)."""
    question = case.question
    frame = question.frame
    if frame is None:
        # found once a question, and kept by it alone: 1.7 of 16 µs of a recorded provision (make bench)
        frame = question.frame = recording.framed(question, case.request)
    missing = list(frame.missing)
    if question.record.method != "individual":
        missing += recording.method_faults(question, frame, items)
    consents = _carrying(case, items) if frame.basis in recording.ON_CONSENT else ()
    besides = frame.besides
    if besides is None:
        if not consents:
            missing.append("consent")
    else:
        besides = _stated(case, frame, besides, items, consents, missing)
    if missing:
        raise ParticularsMissingError(missing)
    return _content(case, frame, items, consents, besides)


def _stated(
    case: Case,
    frame: RecordFrame,
    besides: Besides,
    items: tuple[str, ...],
    consents: tuple[ServedConsent, ...],
    missing: list[str],
) -> Besides | None:
    """What the record states, now that the consents are known; what it lacks is added to `missing`."""
    if frame.basis == "provision.foreign_consent":
        if not consents:
            missing.append("consent")
        return besides._replace(foreign=recording.foreign_of(case, consents))
    if frame.basis == "provision.consent":  # on the assignment of a claim: expressly, or presumed
        covered = {item for consent in consents for item in consent.serves}
        return None if covered.issuperset(items) else besides
    if frame.basis in ("referable.provision", "referable.receipt"):
        return recording.of_referable(case, frame, besides, consents, missing)
    return besides


def _carrying(case: Case, items: tuple[str, ...]) -> tuple[ServedConsent, ...]:
    """The consents that the provision rests on: to it, and not those that lift the wall or give a purpose alone."""
    question, use = case.question, case.request.action == "use"
    kinds = OPENING_KINDS if use else _kinds(question)
    names = case.request.requester.organization if use else None
    carried: dict[int, dict[str, None]] = {}
    for purpose in question.purposes:
        examined, _ = case.candidates.get((purpose.id, names), ((), {}))
        for place, kind, failed, shown in examined:
            if kind in kinds and not failed and shown is not None:
                found = carried.setdefault(place, {})
                found.update(dict.fromkeys([item for item in items if item in shown]))
    grants = case.state.grants
    return tuple(
        [
            ServedConsent(grants[place].consent_id, grants[place].position, tuple(carried[place]))
            for place in sorted(carried)
            if carried[place]
        ]
    )


def _kinds(question: Question) -> frozenset[str]:
    if question.referable:
        return _REFERABLE
    if question.abroad:
        return _FOREIGN
    return _OR_THE_CREDITORS if question.creditors else _PROVISION


def _content(
    case: Case,
    frame: RecordFrame,
    items: tuple[str, ...],
    consents: tuple[ServedConsent, ...],
    besides: Besides | None,
) -> RecordContent:
    question, request = case.question, case.request
    wanted, nobody = question.record, frame.basis == "referable.provision"
    assert question.holder is not None
    return RecordContent(  # by position: half a microsecond less than by name
        frame.basis,
        wanted.method,
        question.day,
        question.holder.organization,
        "receipt" if question.action == "receive" else "provision",
        frame.counterparty,
        None if nobody else request.subject_id,
        None if nobody else request.subject_kind,
        items,
        () if nobody else consents,
        frame.first,
        frame.last,
        wanted.agreement if wanted.method == "batch" else None,
        wanted.document if wanted.method == "contract" else None,
        frame.kept.until,
        frame.kept.rule,
        besides,
    )
