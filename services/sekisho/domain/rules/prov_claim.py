"""What a provision claims of its recipient, and what of it the rules of provision ask (PROV)."""

from __future__ import annotations

from typing import NamedTuple

from sekisho.domain import relations
from sekisho.domain.book import Agreement, Entrustment, Organization
from sekisho.domain.question import Question
from sekisho.domain.request import AccessRequest, Recipient
from sekisho.domain.rules.exc import asked_for
from sekisho.domain.vocabulary import CREDIT_BUREAU, MAIN_BUSINESS, SIDE_BUSINESS, LegalBasisKind


class Claim(NamedTuple):
    """What is claimed of a recipient, by whom, and of whose data."""

    question: Question
    recipient: Recipient
    holder: str
    """The organization."""
    holder_id: str
    giver: str
    """Who hands the data over: the requester's organization."""
    business: str
    asked_for: bool
    """Whether the person's own request is claimed, with its reference (PROV-10, PROV-11)."""
    legal_basis: LegalBasisKind | None
    ill_gotten: bool
    """Whether the data were acquired improperly, or themselves by opt-out."""

    @property
    def agreement(self) -> Agreement | None:
        """The agreement or notice that the request names."""
        return self.question.book.agreements.get(self.recipient.agreement or "")

    @property
    def known(self) -> Organization | None:
        """The recipient, if registered."""
        return self.question.book.organizations.get(self.recipient.id)

    @property
    def to_itself(self) -> bool:
        """Whether the recipient is the holder's own organization."""
        return self.recipient.id == self.holder


def claim_of(question: Question, request: AccessRequest, recipient: Recipient, holder: str) -> Claim:
    basis, acquired = request.legal_basis, request.acquisition
    return Claim(
        question=question,
        recipient=recipient,
        holder=holder,
        holder_id=request.holder,
        giver=request.requester.organization,
        business=request.requester.business,
        asked_for=asked_for(request),
        legal_basis=None if basis is None else basis.kind,
        ill_gotten=acquired is not None and (acquired.improper or acquired.by_opt_out),
    )


def creditors(claim: Claim) -> tuple[Entrustment, ...]:
    """The entrustment of claims to the holder that the request names, in force; without one nobody can tell whose claim it is."""
    named = claim.agreement
    if (
        isinstance(named, Entrustment)
        and named.trustee == claim.holder
        and relations.in_force(named, claim.question.day)
    ):
        return (named,)
    return ()


def is_main_business(claim: Claim) -> bool:
    """Whether a servicer's data are of no licensed side business, or asked for beyond it (SV 14(3)): each such business
    has its own data and its own purpose."""
    book, question = claim.question.book, claim.question
    holder = book.organizations.get(claim.holder)
    if holder is None or holder.type != "servicer" or question.holder is None:
        return False
    side = book.purposes.get(question.holder.obtained_for or "")
    licensed = side is not None and side.business == SIDE_BUSINESS
    within = all(purpose.id == question.holder.obtained_for for purpose in question.purposes)
    return not licensed or not within or claim.business == MAIN_BUSINESS


def is_of_a_bureau(claim: Claim) -> bool:
    """Whether a credit bureau gives or gets the data (SV 14(4))."""
    parties = (claim.known, claim.question.book.organizations.get(claim.holder))
    return any(party is not None and party.type == CREDIT_BUREAU for party in parties)
