"""Registered relations between a holder and another, as the rulebook has them: entrustment, succession, joint use (APPI
27(5)). What ACC-5 finds by itself and what PROV is shown by name is proven here by the same words.

Every proof is of one agreement or notice, on one day, between two organizations, for all purposes asked: it gives the
items that are covered, or None where the relation does not stand.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Final, Literal, NamedTuple

from sekisho.domain.book import Agreement, Entrustment, JointUse, Succession
from sekisho.domain.question import Question
from sekisho.domain.request import Receipt
from sekisho.domain.vocabulary import Relation

ASSIGNEES: Final = frozenset({"servicer", "bank"})
"""Types of organization to which claims are assigned (PROV-9)."""


def in_force(trust: Entrustment, day: date) -> bool:
    """Whether an entrustment is current; both its days are included."""
    return trust.valid_from <= day and (trust.valid_until is None or day <= trust.valid_until)


def entrusted(
    trust: Entrustment, day: date, purposes: Collection[str], *, holder: str, giver: str, taker: str
) -> frozenset[str] | None:
    """The items that the controller entrusts to the trustee, or the trustee to its registered sub-trustee (PROV-4).

    `holder` is the organization whose data they are, `giver` who hands them over. The controller itself has entrusted
    nothing to a sub-trustee: the trustee alone provides on to it.
    """
    if not in_force(trust, day) or trust.controller != holder or not trust.purposes.issuperset(purposes):
        return None
    onward = taker in trust.sub_trustees and giver == trust.trustee
    return trust.items if taker == trust.trustee or onward else None


def succeeded(
    heir: Succession, day: date, purposes: Collection[str], *, holder: str, taker: str, items: frozenset[str]
) -> frozenset[str] | None:
    """Those of the items that go over to the successor of the holder's business (PROV-5)."""
    if day < heir.effective_on or (heir.predecessor, heir.successor) != (holder, taker):
        return None
    if heir.purposes is not None and not heir.purposes.issuperset(purposes):
        return None
    return items if heir.items is None else items & heir.items


def notified(notice: JointUse, day: date) -> bool:
    """Whether the notice is out, with all five particulars, and still tells who is responsible (PROV-6)."""
    lapsed = any(first <= day and (last is None or day <= last) for first, last in notice.changes.lapses)
    return notice.complete and notice.published_on <= day and not lapsed


def unnotified(notice: JointUse, day: date, purpose: str) -> bool:
    """Whether the purpose was added to the notice, but is not notified by that day."""
    added = notice.changes.purposes
    return purpose in added and not _reached(added[purpose], day)


class Shared(NamedTuple):
    """What two joint users may share: by the notice, and what was added since, by the person's consent alone."""

    items: frozenset[str]
    on_consent: frozenset[str]


def shared(
    notice: JointUse, day: date, purposes: Collection[str], *, holder: str, taker: str
) -> Shared | None:
    """What the holder and the other use jointly for those purposes (PROV-6), whether or not the notice is in order."""
    range_of = [_user(notice, name, day) for name in (holder, taker)]
    served = all(_serves(notice, purpose, day) for purpose in purposes)
    if holder == taker or None in range_of or not served:
        return None
    added = frozenset(item for item, since in notice.changes.items.items() if since <= day)
    added -= notice.items
    if "added" in range_of:
        return Shared(frozenset(), notice.items | added)
    return Shared(notice.items, added)


def _user(notice: JointUse, name: str, day: date) -> Literal["named", "added"] | None:
    """Whether an organization is a user: as the notice names it (or in such a one's place), or added since."""
    changes = notice.changes
    if _reached(changes.heirs.get(name), day):
        return "named"
    if name in notice.users and not _reached(changes.left.get(name), day):
        return "named"
    return "added" if _reached(changes.users.get(name), day) else None


def _serves(notice: JointUse, purpose: str, day: date) -> bool:
    return purpose in notice.purposes or _reached(notice.changes.purposes.get(purpose), day)


def _reached(since: date | None, day: date) -> bool:
    return since is not None and since <= day


def purposes_of(question: Question) -> list[str]:
    """The ids of all purposes asked."""
    return [purpose.id for purpose in question.purposes]


def received(question: Question, receipt: Receipt) -> tuple[Relation, frozenset[str]] | None:
    """The relation to the provider that a receipt rests on, where it is proven for every purpose; and for which items.

    The person's own handing over, or another's on the person's behalf, is proven by the receiver's word: nothing else
    can show it; but a registered organization is not the person. A third party and an opt-out need no proof of the relation, but RECV's confirmation.
    """
    if question.holder is None:
        return None
    holder, everything = question.holder.organization, question.ids
    provider = None if receipt.provider is None else receipt.provider.id
    if receipt.basis == "subject" and provider in question.book.organizations:
        return None
    if receipt.basis in ("subject", "on_behalf_of_subject"):
        return receipt.basis, everything
    if provider is None:
        return None
    if receipt.basis == "same_entity":
        return ("same_entity", everything) if provider == holder else None
    known = question.book.organizations.get(provider)
    if receipt.basis == "state_body":
        return ("state_body", everything) if known is not None and known.state_body else None
    if receipt.basis == "claim_assignment":
        own = question.book.organizations.get(holder)
        assigned = own is not None and own.type in ASSIGNEES and provider != holder
        return ("claim_assignment", everything) if assigned else None
    if receipt.basis in ("entrustment", "succession", "joint_use"):
        named = question.book.agreements.get(receipt.agreement or "")
        items = _handed_over(question, named, receipt.basis, provider, holder)
        return None if items is None else (receipt.basis, items)
    return None


def _handed_over(
    question: Question, named: Agreement | None, basis: Relation, provider: str, holder: str
) -> frozenset[str] | None:
    """The items that the agreement or notice covers on their way from the provider to the holder."""
    day, purposes = question.day, purposes_of(question)
    if basis == "entrustment" and isinstance(named, Entrustment):
        return entrusted(
            named, day, purposes, holder=provider if holder == named.trustee else named.controller,
            giver=provider, taker=holder,
        )  # fmt: skip
    if basis == "succession" and isinstance(named, Succession):
        return succeeded(named, day, purposes, holder=provider, taker=holder, items=question.ids)
    if basis == "joint_use" and isinstance(named, JointUse) and notified(named, day):
        found = shared(named, day, purposes, holder=provider, taker=holder)
        return None if found is None else found.items
    return None
