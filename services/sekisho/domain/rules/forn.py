"""FORN: a third party abroad (APPI 28; ER 15-18; SV 15). It protects living individuals and their personal data; referable
information is REF-1's.

Abroad is where the recipient is not in Japan, a country not told being none (FORN-0). What PROV judges at home it judges
too where the country is adequate or the recipient's equivalent system in order; elsewhere only the person's consent to
provision abroad helps, or an exception (APPI 28(1)).
"""

from __future__ import annotations

from typing import Final

from sekisho.domain.clauses import INFORMATION_NOT_GIVEN
from sekisho.domain.question import Need, Question, country_of, equivalent_system, in_japan
from sekisho.domain.request import AccessRequest, Recipient
from sekisho.domain.verdict import Cite

IMPAIRED: Final = Cite("foreign.system_impaired", "FORN-2")
REVIEW_OVERDUE: Final = Cite("foreign.system_review_overdue", "FORN-2")
CONSENT_REQUIRED: Final = Cite("foreign.consent_required", "FORN-4")
REASONS: Final = (IMPAIRED, REVIEW_OVERDUE, CONSENT_REQUIRED, INFORMATION_NOT_GIVEN)

ADEQUATE: Final = Cite("basis.adequate_country", "FORN-1")
EQUIVALENT: Final = Cite("basis.equivalent_system", "FORN-2")
BY_CONSENT: Final = Cite("basis.consent", "FORN-4")
BASES: Final = (ADEQUATE, EQUIVALENT, BY_CONSENT)

_FOREIGN: Final = frozenset({"foreign_provision"})
_NO_THIRD_PARTY: Final = frozenset({"on_behalf_of_subject", "subject", "same_entity"})
"""Relations that are no provision by the company to a third party: Art. 28 says nothing of them (PROV-10, PROV-11)."""


def ask(question: Question, request: AccessRequest) -> None:
    """FORN-1 to FORN-4 for what is provided to a third party abroad."""
    recipient = _third_party_abroad(question, request)
    if recipient is None:
        return
    if country_of(recipient, question.book) in question.book.adequate_countries:
        _granted(question, ADEQUATE)
    elif _impaired(question, recipient):
        if question.lifted is None:
            question.refuse(IMPAIRED)
    elif equivalent_system(recipient, question.book, question.day) is not None:
        _granted(question, EQUIVALENT)
    elif question.lifted is None and question.holder is not None:
        _on_consent(question, recipient)


def _third_party_abroad(question: Question, request: AccessRequest) -> Recipient | None:
    recipient = request.recipient
    if request.action != "provide" or not question.individual or recipient is None:
        return None
    if recipient.relation is None or recipient.relation in _NO_THIRD_PARTY:
        return None
    return None if in_japan(recipient, question.book) else recipient


def _granted(question: Question, basis: Cite) -> None:
    """Beside the basis that PROV finds as at home."""
    for asked in question.personal:
        asked.bases.append(basis)


def _impaired(question: Question, recipient: Recipient) -> bool:
    """FORN-2: what the recipient can no longer ensure is stopped, whatever else is registered of it (ER 18(1)(ii))."""
    return any(
        system.impaired_since is not None and system.impaired_since <= question.day
        for system in question.book.equivalent_systems.get(recipient.id, ())
    )


def _on_consent(question: Question, recipient: Recipient) -> None:
    """FORN-4; an overdue review is told beside (FORN-2), for with it no consent would be needed."""
    overdue = any(
        system.review_due < question.day for system in question.book.equivalent_systems.get(recipient.id, ())
    )
    needing = tuple(question.personal)
    for purpose in question.purposes:
        question.need(
            Need(
                kinds=_FOREIGN,
                purpose=purpose.id,
                asked=needing,
                own=(CONSENT_REQUIRED,) * len(needing),
                beside=False,
                serves=BY_CONSENT,
                also=REVIEW_OVERDUE if overdue else None,
            )
        )
