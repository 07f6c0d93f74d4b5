"""RECV: receiving from a third party (APPI 30; ER 22; SV 17). It protects living individuals.

The receiver is the holder. What a receipt's `basis` claims beside consent, opt-out, private and referable (an exception, a
relation) frees from the confirmation only where it is proven; claimed and not proven, nothing is confirmed.
"""

from __future__ import annotations

from typing import Final

from sekisho.domain.question import Asked, Question
from sekisho.domain.request import AccessRequest, Provider, Receipt
from sekisho.domain.rules import exc, purp
from sekisho.domain.verdict import Cite
from sekisho.domain.vocabulary import EXCEPTIONS, RecordExemption

UNCONFIRMED: Final = Cite("receipt.unconfirmed", "RECV-1")
UNLAWFUL: Final = Cite("receipt.unlawful_acquisition", "RECV-2")
NOT_PUBLISHED: Final = Cite("receipt.opt_out_not_published", "RECV-3")
REASONS: Final = (UNCONFIRMED, UNLAWFUL, NOT_PUBLISHED)

NOTIFY_PURPOSE: Final = Cite("notify_purpose", "RECV-4")
OBLIGATIONS: Final = (NOTIFY_PURPOSE,)

DUE_DILIGENCE: Final = "debt.due_diligence"
_FREEING: Final[dict[str, RecordExemption]] = {
    "entrustment": "entrustment",
    "succession": "succession",
    "joint_use": "joint_use",
    "subject": "by_subject",
    "on_behalf_of_subject": "by_subject",
    "subject_request": "by_subject",
    "same_entity": "not_third_party",
    "state_body": "state_body",
}
"""Relations that free from confirmation and record where they are proven (APPI 27(5), 30(1); SV 16 注1)."""
_WITHIN: Final = frozenset(purp.BASES) - {purp.BY_CONSENT}
"""What PURP finds, once for each purpose, where an item may serve it without the person's consent."""
_CLAIMS: Final = EXCEPTIONS | set(_FREEING)


def ask(question: Question, request: AccessRequest) -> None:
    """RECV-1 to RECV-3, and what RECV-4 obliges to."""
    if request.action != "receive" or not question.individual:
        return
    receipt = request.receipt or Receipt()
    for asked in question.known:
        if not _is_confirmed(question, request, receipt, asked):
            asked.reasons.append(UNCONFIRMED)
    improper = request.acquisition is not None and request.acquisition.improper
    if receipt.unlawful_suspected is not False or improper:
        question.refuse(UNLAWFUL)
    if receipt.basis == "opt_out" and question.lifted is None and not exc.told(receipt.ppc_publication):
        question.refuse(NOT_PUBLISHED)
    if _is_carried(question):
        question.owed.append(NOTIFY_PURPOSE)


def freed(question: Question, request: AccessRequest) -> RecordExemption | None:
    """Why neither confirmation nor record is due for a receipt, exceptions apart; None: they are."""
    receipt = request.receipt
    if receipt is None:
        return None
    proven = question.proven
    if proven in ("subject", "on_behalf_of_subject", "same_entity"):
        return _FREEING[proven]
    if receipt.basis == "subject_request" and exc.asked_for(request):
        return "by_subject"
    if _from_state_body(question, receipt):
        return "state_body"
    if proven in _FREEING:
        return _FREEING[proven]
    return "bid_due_diligence" if bids(question, request) else None


def bids(question: Question, request: AccessRequest) -> bool:
    """Whether a bidder looks at claims and has agreed to delete what it is not awarded (SV 16 注3)."""
    deletes = question.named is not None and question.named.deletes_unless_awarded is True
    relation = request.receipt and request.receipt.basis if request.action == "receive" else question.proven
    return (
        deletes
        and relation == "claim_assignment"
        and bool(question.purposes)
        and all(purpose.id == DUE_DILIGENCE for purpose in question.purposes)
    )


def _from_state_body(question: Question, receipt: Receipt) -> bool:
    known = question.book.organizations.get(receipt.provider.id) if receipt.provider is not None else None
    return known is not None and known.state_body


def _is_carried(question: Question) -> bool:
    """RECV-4: whether a purpose that is not specified is carried by a consent, if any serves, or by an exception."""
    if any(not purp.OUTSIDES.isdisjoint(need.own) for need in question.needs):
        return True
    return question.lifted is not None and any(
        sum(basis in _WITHIN for basis in asked.bases) < len(question.purposes) for asked in question.known
    )


def _is_confirmed(question: Question, request: AccessRequest, receipt: Receipt, asked: Asked) -> bool:
    """RECV-1: freed from it, or the provider and how it acquired the data are confirmed, by a document shown."""
    if question.lifted is not None:
        return True
    if freed(question, request) is not None and asked.id in question.covered:
        return True
    if receipt.basis in _CLAIMS or (
        receipt.basis == "claim_assignment" and question.proven != "claim_assignment"
    ):
        return False
    if not _is_known(receipt.provider, natural=receipt.basis == "private"):
        return False
    if asked in question.referable:
        return True  # its provider never had it as personal data: there is no acquisition to confirm (GL 3-7-5-1)
    return exc.told(receipt.acquisition) and exc.told(receipt.document)


def _is_known(provider: Provider | None, *, natural: bool) -> bool:
    """Name and address, and the representative unless it is one that is no business operator: mostly no corporation."""
    return (
        provider is not None
        and exc.told(provider.name)
        and exc.told(provider.address)
        and (natural or exc.told(provider.representative))
    )
