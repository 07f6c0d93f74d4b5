"""PURP: purpose limitation (APPI 17, 18; SV 4, 5). It protects living individuals; for a corporation its grounds still
give the basis, and where none holds, silence refuses (REQ-3)."""

from __future__ import annotations

from typing import Final

from sekisho.domain.book import Specified
from sekisho.domain.question import Asked, Need, Question, in_japan
from sekisho.domain.request import AccessRequest
from sekisho.domain.rules import exc, sens
from sekisho.domain.rules.wall import IMPLIED
from sekisho.domain.verdict import Cite
from sekisho.domain.vocabulary import CONSENT_ACQUISITION, INSURANCE_SOLICITATION, NON_PUBLIC, Relation

OUTSIDE: Final = Cite("purpose.outside_specified", "PURP-1")
OUTSIDE_PREDECESSORS: Final = Cite("purpose.outside_specified", "PURP-3")
OUTSIDE_PROVIDERS: Final = Cite("purpose.outside_specified", "PURP-6")
ACQUISITION_SCOPE: Final = Cite("purpose.consent_acquisition_scope", "PURP-4")
PROVISION_NOT_SPECIFIED: Final = Cite("purpose.provision_not_specified", "PURP-5")
ENDED: Final = Cite("purpose.ended", "PURP-7")

OUTSIDES: Final = frozenset({OUTSIDE, OUTSIDE_PREDECESSORS, OUTSIDE_PROVIDERS})
REASONS: Final = (
    OUTSIDE, OUTSIDE_PREDECESSORS, ACQUISITION_SCOPE, PROVISION_NOT_SPECIFIED, OUTSIDE_PROVIDERS, ENDED,
)  # fmt: skip

SPECIFIED: Final = Cite("basis.specified_purpose", "PURP-1")
BY_CONSENT: Final = Cite("basis.consent", "PURP-1")
RELATED: Final = Cite("basis.related_purpose", "PURP-2")
ACQUISITION: Final = Cite("basis.consent_acquisition", "PURP-4")
BASES: Final = (SPECIFIED, BY_CONSENT, RELATED, ACQUISITION)

_OWN: Final = frozenset({"purpose", "cross_sell"})
_WITH_RECIPIENT: Final = frozenset({"purpose", "cross_sell", "provision"})
_SENSITIVE: Final = frozenset({"sensitive"})
_PROVISION: Final = frozenset({"provision"})
_PROVISION_ABROAD: Final = frozenset({"provision", "foreign_provision"})
_ON_CONSENT: Final = frozenset({"third_party", "claim_assignment"})
"""Relations for which a consent to the provision satisfies PURP-5, abroad one to a provision abroad too."""
_PUBLIC: Final = frozenset({"attribute", "relationship"})


def ask(question: Question, request: AccessRequest) -> None:
    """PURP-1 and PURP-4 for each item and purpose, PURP-5 for a provision, PURP-7 for what has ended."""
    if question.holder is None:
        return
    _limits(question, request, exc.lifts_purpose(question))
    if question.individual and not question.by_law:
        _ended(question, request)


def _limits(question: Question, request: AccessRequest, lifted: bool) -> None:
    """What is specified is a basis beside an exception that holds too; what is not needs none then."""
    for purpose in question.purposes:
        if purpose.id == CONSENT_ACQUISITION and not question.off(ACQUISITION.rule):
            for asked in question.known:
                _acquisition(question, request, asked, lifted)
        else:
            _purpose(question, request, purpose.id, lifted)
    relation = _provided_as(request)
    excepted = question.lifted is not None and relation != "opt_out"
    if question.individual and relation is not None and not excepted:
        _provision(question, request, relation)


def _provided_as(request: AccessRequest) -> Relation | None:
    """The relation of a provision that must be specified (PURP-5); None for others."""
    recipient = request.recipient
    if request.action != "provide" or recipient is None:
        return None
    return recipient.relation if recipient.relation in (*_ON_CONSENT, "opt_out") else None


def _purpose(question: Question, request: AccessRequest, purpose: str, lifted: bool) -> None:
    """PURP-1: specified for this holder and item, or related to what is, or the person's consent for it."""
    by_class: dict[bool, list[Asked]] = {False: [], True: []}
    for asked in question.known:
        assert asked.item is not None
        within = _within(question, request, asked.id, purpose)
        if within is not None:
            asked.bases.append(within)
        else:
            by_class[asked.item.item_class == "sensitive"].append(asked)
        if not lifted and question.off((within or OUTSIDE).rule):
            question.ungrounded.add(asked.id)  # nothing in force grounds it, whatever else gives a basis
    if lifted:
        return
    kinds = _OWN if question.recipient is None else _WITH_RECIPIENT
    for sensitive, needing in by_class.items():
        implied = IMPLIED if question.implied and purpose == INSURANCE_SOLICITATION else None
        question.need(
            Need(
                kinds=kinds | _SENSITIVE if sensitive else kinds,
                purpose=purpose,
                asked=tuple(needing),
                own=tuple([_outside(question, request, asked.id, purpose) for asked in needing]),
                beside=True,
                serves=BY_CONSENT,
                also=implied,
                silent=not question.individual,
            )
        )


def _within(question: Question, request: AccessRequest, item: str, purpose: str) -> Cite | None:
    """Whether the purpose is specified for the item, for this provider's product or on a ground too, or related to one."""
    found = question.book.specified.get((request.holder, item))
    if found is None or question.holder is None:
        return None
    if purpose in found.purposes or _for_provider(request, found, purpose):
        return SPECIFIED
    if purpose in found.on_ground and sens.is_on_ground(question, request, item):
        return SPECIFIED
    if question.off(RELATED.rule):
        return None
    for relation in question.book.related.get(question.holder.organization, ()):
        told = relation.related == purpose and relation.published_on <= question.day
        if told and (
            relation.specified in found.purposes or _for_provider(request, found, relation.specified)
        ):
            return RELATED
    return None


def _for_provider(request: AccessRequest, found: Specified, purpose: str) -> bool:
    """A purpose specified for one product provider alone (a multi-insurer agent's; null is in doubt: outside)."""
    provider = request.product_provider
    return provider is not None and purpose in found.by_provider.get(provider, ())


def _outside(question: Question, request: AccessRequest, item: str, purpose: str) -> Cite:
    """The rule that closes a purpose: that of another provider's product (PURP-6), one that the successor alone has
    specified for its own data (PURP-3), or any other (PURP-1)."""
    specified = question.book.specified
    found = specified.get((request.holder, item))
    elsewhere = found is not None and any(purpose in purposes for purposes in found.by_provider.values())
    if elsewhere and not question.off(OUTSIDE_PROVIDERS.rule):
        return OUTSIDE_PROVIDERS
    if question.off(OUTSIDE_PREDECESSORS.rule):
        return OUTSIDE
    for successor in _successors(question, request):
        own = specified.get((successor, item))
        if own is not None and purpose in own.purposes:
            return OUTSIDE_PREDECESSORS
    return OUTSIDE


def _successors(question: Question, request: AccessRequest) -> list[str]:
    """Who took the holder's data over with a business: they stand under its holder id, or still under the predecessor's."""
    return [
        heir.successor
        for heirs in question.book.successions.values()
        for heir in heirs
        if heir.effective_on <= question.day
        and (
            heir.holder == request.holder
            or (heir.predecessor, heir.successor) == (request.holder, request.requester.organization)
        )
    ]


def _acquisition(question: Question, request: AccessRequest, asked: Asked, lifted: bool) -> None:
    """PURP-4: asking for consent is never outside purpose, but choosing whom to ask by their savings is the use."""
    assert asked.item is not None
    item_class = asked.item.item_class
    sought = request.consent_sought or "cross_sell"
    if item_class in _PUBLIC or (item_class in NON_PUBLIC and sought != "cross_sell"):
        asked.bases.append(ACQUISITION)
    elif lifted:
        return
    elif question.individual:
        asked.reasons.append(ACQUISITION_SCOPE)
    else:
        question.ungrounded.add(asked.id)


def _provision(question: Question, request: AccessRequest, relation: Relation) -> None:
    """PURP-5: provision must itself be among the specified purposes (SV 4(2)); a provision consent satisfies it, but
    nothing does for opt_out."""
    specified = question.book.specified
    needing = tuple(
        asked
        for asked in question.known
        if (found := specified.get((request.holder, asked.id))) is None or not found.provision
    )
    if relation == "opt_out":
        for asked in needing:
            asked.reasons.append(PROVISION_NOT_SPECIFIED)
        return
    recipient = request.recipient
    abroad = recipient is not None and not in_japan(recipient, question.book)
    own = (PROVISION_NOT_SPECIFIED,) * len(needing)
    for purpose in question.purposes:
        kinds = _PROVISION_ABROAD if abroad else _PROVISION
        question.need(Need(kinds, purpose.id, needing, own, beside=True, clauses=False))


def _ended(question: Question, request: AccessRequest) -> None:
    """PURP-7: the rulebook has closed the purpose for the holder's items, its purpose being achieved (SV 10(4))."""
    for ended in question.book.ended.get(request.holder, ()):
        if question.day < ended.since or not any(p.id in ended.purposes for p in question.purposes):
            continue
        for asked in question.known:
            if ended.items is None or asked.id in ended.items:
                asked.reasons.append(ENDED)
