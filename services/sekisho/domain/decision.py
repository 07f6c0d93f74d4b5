"""The decision: a pure function of (request, the person's events, the compiled rulebook, the decision time).

It does no I/O and reads no clock: the same four give the same verdict for ever, and what is remembered between calls
(of questions, of answers alike, of orders) changes none. Every reason that holds is listed, in the rulebook's order, per item and for the whole; an allowed item has a basis, for an
effect never rests on silence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from functools import lru_cache
from sys import getsizeof
from typing import Final

from sekisho.domain import alike
from sekisho.domain.book import Rulebook
from sekisho.domain.calendar import tokyo_day
from sekisho.domain.case import Case
from sekisho.domain.consent import fold
from sekisho.domain.consulting import consult, presumption
from sekisho.domain.events import ConsentEvent
from sekisho.domain.memory import Memory, size_of
from sekisho.domain.question import Asked, Need, Question
from sekisho.domain.records import ParticularsMissingError, exemption, record, recorded_items
from sekisho.domain.request import AccessRequest, Requester
from sekisho.domain.rules import ASKING, BASIS_RANK, DUTY_RANK, JUDGING, OWING, PROVIDING, RANK
from sekisho.domain.rules.acc import in_order
from sekisho.domain.rules.req import NO_BASIS, PARTICULARS_MISSING
from sekisho.domain.verdict import Cite, ItemVerdict, NearMiss, RecordContent, ServedConsent, Verdict
from sekisho.domain.vocabulary import RecordExemption


def decide(request: AccessRequest, events: Iterable[ConsentEvent], book: Rulebook, at: datetime) -> Verdict:
    """Judges one request. `events` are all that is known of the person, in any order; `at` is aware.

    Sources: rulebook.md (the rules), APPI 17-30, IBR 53-6, 212, 234; each reason carries its own citation.
    """
    question = _asked(request, book, tokyo_day(at))
    events = tuple(events)
    key = alike.key_of(question, events, at)
    if key is None or not in_order(question, request.requester):
        return _judged(question, request, events, at)
    found = alike.recall(key, request, events)
    if found is None:
        found = _judged(question, request, events, at)
        alike.keep(key, found)
    return found


def decide_in_full(
    request: AccessRequest, events: Iterable[ConsentEvent], book: Rulebook, at: datetime
) -> Verdict:
    """As `decide`, but that no answer is taken from another person's: by this one the verifier and the tests judge it."""
    return _judged(_asked(request, book, tokyo_day(at)), request, events, at)


def _judged(
    question: Question, request: AccessRequest, events: Iterable[ConsentEvent], at: datetime
) -> Verdict:
    case = Case(question, request, fold(events), at)
    for need in question.needs:
        _meet(case, need)
    for family in JUDGING:
        family.judge(case)
    if question.dormant:
        for found in (case.whole, *case.reasons, *case.bases):
            question.keep_binding(found)
    items = tuple([_item(case, asked) for asked in question.asked])
    for _, _, effect, _, _ in items:
        if effect == "deny":
            return _deny(case, items)
    return _allow(case, items) if request.items else _deny(case, items)


_Shape = tuple[object, ...]
_QUESTIONS: Final[Memory[tuple[Rulebook, date, _Shape], Question]] = Memory(
    most=4096, most_bytes=32 * 2**20, largest=64 * 2**10
)
"""Questions remembered, of 4 KB for one item and 12 for twenty as `_size` counts: 4,096 of 500 short items would take 600 MB."""
_AFTER_SUBJECT: Final = slice(
    AccessRequest._fields.index("subject_kind"), AccessRequest._fields.index("minimum_consent_position")
)


def _shape(request: AccessRequest) -> _Shape:
    """All that a request says but ids, times, positions and its operator: equal to another's that asks the same, of
    whomever, whenever and by whichever hand. (A slice, for naming each part takes half a microsecond.)"""
    organization, business, system, *_ = request.requester
    whole: tuple[object, ...] = request
    return (organization, business, system, *whole[_AFTER_SUBJECT])


def _asked(request: AccessRequest, book: Rulebook, day: date) -> Question:
    """The question that a request asks on that day, as far as it can be judged without the person and the operator."""
    key = (book, day, _shape(request))
    known = _QUESTIONS.get(key)
    if known is not None:
        return known
    # what is not in the key must not be asked of: a family that did would find nobody
    asking = request._replace(requester=Requester(*request.requester[:3]))
    question = Question(asking, book, day)
    for family in ASKING:
        family.ask(question, asking)
    question.settle()
    size = _size(key[2], question)
    if _QUESTIONS.is_full_for(size):
        forget()
    question.remembered = _QUESTIONS.keep(key, question, size)
    return question


def _size(shape: _Shape, question: Question) -> int:
    """The bytes of a question, never less than it takes (a test measures them): texts are its shape's, for each item there
    are an `Asked`, its two lists and its places, for each need three places an item."""
    asked = sum([200 + getsizeof(each.reasons) + getsizeof(each.bases) for each in question.asked])
    needs = sum([400 + 24 * len(need.asked) for need in question.needs])
    return 1536 + size_of(shape) + asked + needs + sum(map(getsizeof, question.details.values()))


def forget() -> None:
    """Forgets the questions remembered, and their answers. No answer depends on it."""
    _QUESTIONS.clear()
    alike.forget()


def _meet(case: Case, need: Need) -> None:
    """Consults for one need: each item gets its basis, or the rule's reason and the nearest consent's clauses."""
    if need.presumed is not None and _presumed(case, need, need.presumed):
        return
    answers = consult(case, need)
    if need.serves is not None and answers.count(None) == len(answers):
        # the common case, all are served: half a microsecond less
        for asked in need.asked:
            case.bases[asked.place].append(need.serves)
        if need.opens:
            case.on_consent.update(need.ids)
        return
    for asked, own, nearest in zip(need.asked, need.own, answers, strict=True):
        if nearest is None:
            if need.serves is not None:
                case.bases[asked.place].append(need.serves)
            if need.opens:
                case.on_consent.add(asked.id)
        elif need.silent:
            case.ungrounded = case.ungrounded | {asked.id}
        else:
            reasons = case.reasons[asked.place]
            if need.beside or not nearest:
                reasons.append(own)
            if need.clauses:
                reasons.extend(nearest)
            if need.also is not None:
                reasons.append(need.also)


def _presumed(case: Case, need: Need, basis: Cite) -> bool:
    """PROV-9: consent is presumed until the person refuses; an explicit one that serves is a basis beside."""
    explicit = presumption(case, need)
    if explicit is None:
        return False
    for asked in need.asked:
        case.bases[asked.place].append(basis)
        if need.serves is not None and asked.id in explicit:
            case.bases[asked.place].append(need.serves)
    return True


def hold(request: AccessRequest | None, reason: Cite, details: Mapping[str, str] | None = None) -> Verdict:
    """The refusal of a request that cannot be judged (REQ-2, REQ-4): that reason alone, at every item.

    `request` is None for an invalid one, which has no items.
    """
    told = tuple((details or {}).items())
    if request is None:
        return Verdict("deny", (), (reason,), details=told)
    roles = dict.fromkeys(request.items, "requested")
    items = tuple(
        ItemVerdict(name, "requested" if name in roles else "selection", "deny", (), (reason.code,))
        for name in dict.fromkeys((*request.items, *(request.activity.selected_by or ())))
    )
    return Verdict("deny", items, (reason,), details=told)


def _item(case: Case, asked: Asked) -> ItemVerdict:
    reasons = case.reasons[asked.place]
    if case.whole or reasons:
        return ItemVerdict(asked.id, asked.role, "deny", (), _codes(_ranked((*case.whole, *reasons))))
    question, bases = case.question, case.bases[asked.place]
    assert asked.item is not None
    if (
        question.empty
        or not bases
        or not question.purposes
        or asked.id in case.ungrounded
        or (question.action == "provide" and PROVIDING.isdisjoint(bases))
    ):
        reasons.append(NO_BASIS)
        return ItemVerdict(asked.id, asked.role, "deny", (), (NO_BASIS.code,))
    return ItemVerdict(asked.id, asked.role, "allow", _grounds(tuple(bases)), ())


# The functions below are pure and their inputs few: remembering them saves a third of a common decision (make bench).


@lru_cache(maxsize=4096)
def _ranked(reasons: tuple[Cite, ...]) -> tuple[Cite, ...]:
    """Reasons in the rulebook's order; a code stands once, at its first rule."""
    first: dict[str, Cite] = {}
    for cite in sorted(reasons, key=RANK.__getitem__):
        first.setdefault(cite.code, cite)
    return tuple(first.values())


@lru_cache(maxsize=4096)
def _codes(reasons: tuple[Cite, ...]) -> tuple[str, ...]:
    return tuple(cite.code for cite in reasons)


@lru_cache(maxsize=4096)
def _grounds(bases: tuple[Cite, ...]) -> tuple[str, ...]:
    """Basis codes in the rulebook's order, each once."""
    return tuple(dict.fromkeys(cite.code for cite in sorted(bases, key=BASIS_RANK.__getitem__)))


def _allow(case: Case, items: tuple[ItemVerdict, ...]) -> Verdict:
    served = _serving(case) if case.served else ()
    provided = recorded_items(case)
    written: RecordContent | None = None
    exempt: RecordExemption | None = None
    if provided:
        exempt = exemption(case, provided)
        if exempt is None:
            try:
                written = record(case, provided)
            except ParticularsMissingError as lacking:
                return _lacks_particulars(case, lacking)
    return Verdict("allow", items, (), _near_misses(case), _owed(case), served, written, exempt)


def _owed(case: Case) -> tuple[Cite, ...]:
    """What must still be done, in the rulebook's order."""
    owed = [*case.question.owed]
    for family in OWING:
        owed.extend(family.owed(case))
    if case.question.dormant:
        case.question.keep_binding(owed)
    return tuple(sorted(set(owed), key=DUTY_RANK.__getitem__)) if owed else ()


def _lacks_particulars(case: Case, lacking: ParticularsMissingError) -> Verdict:
    """REQ-5: what would be allowed but could not be recorded as the law demands is refused."""
    case.whole.append(PARTICULARS_MISSING)
    items = tuple(_item(case, asked) for asked in case.question.asked)
    return _deny(case, items)._replace(details=((PARTICULARS_MISSING.code, str(lacking)),))


def _deny(case: Case, items: tuple[ItemVerdict, ...]) -> Verdict:
    if items:
        reasons = _united(frozenset([(*case.whole, *found) for found in case.reasons]))
    else:
        reasons = _ranked(tuple(case.whole)) or (NO_BASIS,)
    consents = _served_allowed(case, items) if case.served else ()
    details = tuple(case.question.details.items())
    return Verdict("deny", items, reasons, _near_misses(case), (), consents, None, None, details)


@lru_cache(maxsize=1024)
def _united(per_item: frozenset[tuple[Cite, ...]]) -> tuple[Cite, ...]:
    """One entry per (code, rule) of all items, in the rulebook's order. (Of a set, for 500 items have few different
    reasons: tuples of 500 took 170 MB.)"""
    found = {cite for reasons in per_item for cite in _ranked(reasons)}
    return tuple(sorted(found, key=RANK.__getitem__))


def _serving(case: Case) -> tuple[ServedConsent, ...]:
    found = []
    for index, grant in enumerate(case.state.grants):
        items = case.served.get(index)
        if items:
            found.append(ServedConsent(grant.consent_id, grant.position, tuple(items)))
    return tuple(found)


def _served_allowed(case: Case, items: tuple[ItemVerdict, ...]) -> tuple[ServedConsent, ...]:
    """The consents that served, with those of their items that are allowed."""
    allowed = {item.item for item in items if item.effect == "allow"}
    kept = ((consent, tuple(filter(allowed.__contains__, consent.serves))) for consent in _serving(case))
    return tuple([consent._replace(serves=serves) for consent, serves in kept if serves])


def _near_misses(case: Case) -> tuple[NearMiss, ...]:
    if not case.missed:
        return ()
    grants = case.state.grants
    return tuple(
        [
            NearMiss(grants[index].consent_id, _failed_codes(frozenset(case.missed[index])))
            for index in sorted(case.missed)
        ]
    )


@lru_cache(maxsize=4096)
def _failed_codes(failed: frozenset[Cite]) -> tuple[str, ...]:
    """Failed clauses in the rulebook's order; one code of two rules stands once."""
    return tuple(dict.fromkeys(cite.code for cite in sorted(failed, key=RANK.__getitem__)))
