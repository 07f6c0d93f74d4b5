"""REF: personally referable information, which the recipient acquires as personal data (APPI 31; ER 26; SV 18).

In place of PROV-1 and FORN-4. It protects living individuals. Who provides confirms that the person consents; who receives
holds that consent (SV 18(1)).
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sekisho.domain.calendar import tokyo_day
from sekisho.domain.question import Need, Question
from sekisho.domain.request import AccessRequest, Recipient
from sekisho.domain.rules import exc, recv
from sekisho.domain.verdict import Cite

UNCONFIRMED: Final = Cite("referable.consent_unconfirmed", "REF-1")
REASONS: Final = (UNCONFIRMED,)

BY_CONSENT: Final = Cite("basis.consent", "REF-1")
BASES: Final = (BY_CONSENT,)

_REFERABLE: Final = frozenset({"referable"})
_NO_ACQUISITION: Final = frozenset({"same_entity", "subject", "on_behalf_of_subject"})
"""Relations in which nobody else acquires it as personal data."""
_WITHIN_27_5: Final = frozenset({"entrustment", "succession", "joint_use"})
"""At home such a recipient counts as the holder's own hand; abroad these relations do not help (APPI 28(1), 31(1)(ii))."""


def ask(question: Question, request: AccessRequest) -> None:
    """REF-1: confirmed by the recipient's own statement, or a `referable` consent held."""
    if not question.referable or question.holder is None or question.lifted is not None:
        return
    if request.action == "use" or not _acquires(question, request):
        return
    since = confirmed_at(question, request)
    question.by_the_hour = since is not None and tokyo_day(since) == question.day
    asked = tuple(question.referable)
    for purpose in question.purposes:
        question.need(
            Need(_REFERABLE, purpose.id, asked, (UNCONFIRMED,) * len(asked), True, BY_CONSENT, since=since)
        )


def _acquires(question: Question, request: AccessRequest) -> bool:
    """Whether somebody else is expected to acquire it as personal data: always, but for some relations."""
    if request.action == "receive":
        return recv.freed(question, request) in (None, "bid_due_diligence")
    relation = None if request.recipient is None else request.recipient.relation
    if relation is None or relation in _NO_ACQUISITION:
        return False
    return question.abroad or relation not in _WITHIN_27_5


def confirmed_at(question: Question, request: AccessRequest) -> datetime | None:
    """When the recipient's consent was confirmed, how it was and, abroad, the Art. 28 information told; None: not so."""
    recipient: Recipient | None = request.recipient
    stated = None if recipient is None else recipient.referable_consent
    if stated is None or stated.confirmed_at is None or not exc.told(stated.how):
        return None
    if question.abroad and not exc.told(stated.foreign_information):
        return None
    return stated.confirmed_at if tokyo_day(stated.confirmed_at) <= question.day else None
