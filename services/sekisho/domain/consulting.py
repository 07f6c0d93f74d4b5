"""Consulting the consents: for a need, which of the person's consents serves each item, and which is the nearest.

Every consent of a kind that can serve is examined by its clauses (`sekisho.domain.clauses`); one that passes every clause
serves. Where none does, each is a near miss with all its failed clauses (rulebook.md, Consents).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sekisho.domain.calendar import tokyo_day
from sekisho.domain.case import Answer, Candidate, Case
from sekisho.domain.clauses import (
    CREDITORS,
    REFUSED,
    SCOPE_ITEMS,
    TERMS_NOT_SHOWN,
    TO_RECIPIENTS,
    common,
    for_purpose,
    of_recipient,
    to_bureau,
)  # fmt: skip
from sekisho.domain.events import ConsentGranted
from sekisho.domain.question import Need, Question
from sekisho.domain.verdict import Cite


def consult(case: Case, need: Need) -> list[Answer]:
    """For each item of a need: None where a consent serves, else why the nearest does not.

    An empty answer means that there is no such consent at all. Every consent that serves is noted as such; where none
    does, each is a near miss with all its failed clauses.
    """
    kinds, purpose, asked, _, _, _, _, names, *_, since, ids = need
    if since is not None and _is_confirmed(case, purpose, since):
        return [None] * len(asked)
    found = case.candidates.get((purpose, names))
    if found is None:
        found = case.candidates[purpose, names] = (_candidates(case, need), {})
    candidates, answered = found
    examined = [candidate for candidate in candidates if candidate[1] in kinds]
    if not examined:
        return [()] * len(asked)
    if len(examined) < len(candidates):
        return _answers(case, ids, examined)
    # Where all candidates can serve both, WALL's answer for an item is PURP's too: a sixth of a common decision.
    unanswered = [item for item in ids if item not in answered] if answered else ids
    if unanswered:
        answers = _answers(case, unanswered, examined)
        answered.update(zip(unanswered, answers))  # noqa: B905  of one length; `strict` costs as much as it does
        if len(unanswered) == len(ids):
            return answers
    return [answered[item] for item in ids]


def _is_confirmed(case: Case, purpose: str, since: datetime) -> bool:
    """Whether what the recipient stated of its own consent stands: confirmed by now, and not refused to the holder since."""
    holder = case.question.holder
    if holder is None or since > case.at:
        return False
    refused = case.state.last_refusal(holder.organization, purpose, case.question.recipient, case.at)
    return refused is None or refused < since


def _answers(case: Case, needing: Sequence[str], examined: list[Candidate]) -> list[Answer]:
    open_items = _serving(case, needing, examined)
    if len(open_items) == len(needing):
        return [None] * len(needing)
    return _explain(case, needing, examined, open_items)


def _serving(case: Case, needing: Sequence[str], examined: list[Candidate]) -> set[str]:
    """The items that some consent serves; each that does is noted."""
    open_items: set[str] = set()
    for place, _, failed, items in examined:
        if failed or items is None:
            continue
        hit = [item for item in needing if item in items]
        open_items.update(hit)
        served = case.served.get(place)
        case.served[place] = hit if served is None else served + [item for item in hit if item not in served]
    return open_items


def _candidates(case: Case, need: Need) -> list[Candidate]:
    """Every consent of this person and the holder's organization, with the clauses that fail but for the item's."""
    holder, recipient = case.question.holder, case.question.recipient
    assert holder is not None
    controller, purpose, names = holder.organization, need.purpose, need.names
    found: list[Candidate] = []
    refusals: dict[str | None, datetime | None] = {}
    for index, grant in enumerate(case.state.grants):
        if grant.controller != controller:
            if case.question.creditors:
                found += _of_creditors(case, index, grant, purpose)
            continue
        kind, terms = grant.kind, grant.terms
        if kind not in case.question.kinds:
            continue  # nobody will ask for it: a fifth of a hard decision (make bench)
        failed = case.failures.get(index)
        if failed is None:
            failed = case.failures[index] = common(case, grant)
        named = names or (recipient if kind in TO_RECIPIENTS else None)
        if kind == "foreign_provision" or kind == "referable":
            failed += of_recipient(case, index, grant, purpose)
        elif named is not None or purpose not in grant.purposes:
            failed += for_purpose(grant, purpose, named)
        if case.question.partners is not None and kind == "provision":
            failed += to_bureau(case.question, grant)
        if case.state.refusals:
            if named not in refusals:
                refusals[named] = case.state.last_refusal(controller, purpose, named, case.at)
            refused_at = refusals[named]
            if refused_at is not None and (grant.given_at is None or grant.given_at <= refused_at):
                failed += (REFUSED,)
        items = None if terms is None else terms.items
        if case.question.dormant:
            failed, items = _binding(case.question, failed, items, need)
        found.append((index, kind, failed, items))
    return found


def _of_creditors(case: Case, index: int, grant: ConsentGranted, purpose: str) -> list[Candidate]:
    """PROV-8: a consent to the provision that the creditor obtained before it entrusted the claim (SV 14(6))."""
    question, recipient = case.question, case.question.recipient
    claims = [
        trust.items
        for trust in question.creditors
        if trust.controller == grant.controller
        and (grant.given_at is None or tokyo_day(grant.given_at) <= trust.valid_from)
    ]
    if grant.kind != "provision" or not claims or recipient is None or question.holder is None:
        return []
    failed = common(case, grant) + for_purpose(grant, purpose, recipient) + to_bureau(question, grant)
    for controller in (grant.controller, question.holder.organization):
        refused_at = case.state.last_refusal(controller, purpose, recipient, case.at)
        if refused_at is not None and (grant.given_at is None or grant.given_at <= refused_at):
            failed += (REFUSED,)
    entrusted = frozenset().union(*claims)
    return [
        (
            index,
            CREDITORS,
            failed,
            None if grant.terms is None else grant.terms.items and grant.terms.items & entrusted,
        )
    ]


def presumption(case: Case, need: Need) -> frozenset[str] | None:
    """PROV-9: the items for which an explicit consent serves beside the presumed one; None: the person has refused.

    While consent is presumed, an explicit one that fails is no near miss: nothing is missed.
    """
    question = case.question
    assert question.holder is not None
    controller = question.holder.organization
    if case.state.last_refusal(controller, need.purpose, question.recipient, case.at) is not None:
        return None
    key = (need.purpose, need.names)
    if key not in case.candidates:
        case.candidates[key] = (_candidates(case, need), {})
    examined = [candidate for candidate in case.candidates[key][0] if candidate[1] in need.kinds]
    return frozenset(_serving(case, need.ids, examined))


def _binding(
    question: Question, failed: tuple[Cite, ...], items: frozenset[str] | None, need: Need
) -> tuple[tuple[Cite, ...], frozenset[str] | None]:
    """What fails of a consent by the rules that bind here; where the rule of its items does not, it covers all."""
    if question.off(SCOPE_ITEMS.rule):
        items = frozenset(need.ids)
    return tuple([cite for cite in failed if not question.off(cite.rule)]), items


def _explain(
    case: Case, needing: Sequence[str], examined: list[Candidate], open_items: set[str]
) -> list[Answer]:
    """For each item that nothing serves, the clauses of the nearest consents; items alike are explained once."""
    alike: dict[tuple[Cite | None, ...], Sequence[Cite]] = {}
    answers: list[Answer] = []
    for item in needing:
        if item in open_items:
            answers.append(None)
            continue
        faults = tuple([_item_fault(kind, items, item) for _, kind, _, items in examined])
        if faults not in alike:
            alike[faults] = _nearest(case, examined, faults)
        answers.append(alike[faults])
    return answers


def _nearest(case: Case, examined: list[Candidate], faults: tuple[Cite | None, ...]) -> tuple[Cite, ...]:
    """The clauses of the consents with the fewest failed ones; each that was examined is a near miss."""
    fewest = -1
    nearest: set[Cite] = set()
    for (place, _, failed, _), fault in zip(examined, faults, strict=True):
        clauses = set(failed)
        if fault is not None:
            clauses.add(fault)
        missed = case.missed.get(place)
        case.missed[place] = clauses if missed is None else missed | clauses
        if fewest < 0 or len(clauses) < fewest:
            fewest, nearest = len(clauses), clauses
        elif len(clauses) == fewest:
            nearest = nearest | clauses
    return tuple(nearest)


def _item_fault(kind: str, items: frozenset[str] | None, item: str) -> Cite | None:
    """WALL-8 for the item; where the terms do not say, they were not shown (an empty cross-sell list as null)."""
    if items is None or (not items and kind == "cross_sell"):
        return TERMS_NOT_SHOWN
    return None if item in items else SCOPE_ITEMS
