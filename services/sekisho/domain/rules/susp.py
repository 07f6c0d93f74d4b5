"""SUSP: the person's own stop of use or of provision (APPI 35; SV 22), in force until lifted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from sekisho.domain.case import Case
from sekisho.domain.events import SuspensionOrdered
from sekisho.domain.question import Asked
from sekisho.domain.rules import acc
from sekisho.domain.verdict import Cite

USE: Final = Cite("subject.use_suspended", "SUSP-1")
PROVISION: Final = Cite("subject.provision_suspended", "SUSP-2")
OTHERS_USE: Final = Cite("subject.use_suspended", "SUSP-3")
OTHERS_PROVISION: Final = Cite("subject.provision_suspended", "SUSP-3")

REASONS: Final = (USE, PROVISION, OTHERS_USE, OTHERS_PROVISION)

_TO_THIRD_PARTIES: Final = frozenset({"third_party", "opt_out", "claim_assignment", "state_body"})
"""Relations that are provision by the company to a third party; 27(5) and the person's own are not (SUSP-2)."""
_WITHIN: Final = frozenset({"entrustment", "joint_use", "same_entity"})
"""Relations in which what is handed over goes on being used as the holder's own: a stop of use reaches it. A succession
hands the business over, stop and all, and the person's own wish is no use by the company."""


def judge(case: Case) -> None:
    """SUSP-1 to SUSP-3: a stop binds the holder, and entrustees and joint users for its holder ids as well."""
    question, request = case.question, case.request
    if not case.state.suspensions or not question.individual or question.holder is None:
        return
    if question.by_law or request.action == "receive":
        return
    recipient = request.recipient if request.action == "provide" else None
    relation = None if recipient is None else recipient.relation
    if request.action == "use" or relation in _WITHIN:
        for reason, asked in _held(case, USE, OTHERS_USE):
            _stop(case, "use", reason, asked)
    if relation in _TO_THIRD_PARTIES:
        for reason, asked in _held(case, PROVISION, OTHERS_PROVISION):
            _stop(case, "provision", reason, asked)
    if question.foreign_hands:
        _stop(case, "provision", PROVISION, _provided(case))


def _provided(case: Case) -> list[Asked]:
    """Another's items that are open to the requester by a consent or an exception alone: a provision to it (ACC-5)."""
    found = case.on_consent | acc.excepted(case.question, case.request)
    return [asked for asked in case.question.known if asked.id in found]


def _held(case: Case, own: Cite, others: Cite) -> Iterator[tuple[Cite, Sequence[Asked]]]:
    """SUSP-3 reaches what is held by entrustment, succession or joint use; what needs consent or an exception is not."""
    question = case.question
    if not question.foreign_hands:
        yield own, question.known
        return
    apart = {asked.id for need in question.needs if need.opens for asked in need.asked}
    apart |= acc.excepted(question, case.request)
    yield own, [asked for asked in question.known if asked.id in apart]
    yield others, [asked for asked in question.known if asked.id not in apart]


def _stop(case: Case, kind: str, reason: Cite, asked_items: Sequence[Asked]) -> None:
    assert case.question.holder is not None
    for stop in case.state.suspensions_in_force(kind, case.question.holder.organization, case.at):
        if not _names_purpose(case, stop):
            continue
        for asked in asked_items:
            if stop.items is None or asked.id in stop.items:
                case.refuse(asked, reason)


def _names_purpose(case: Case, stop: SuspensionOrdered) -> bool:
    return stop.purposes is None or any(purpose.id in stop.purposes for purpose in case.question.purposes)
