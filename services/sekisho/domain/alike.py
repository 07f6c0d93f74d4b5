"""Persons of whom the same is known are answered alike (ADR 0015).

A bank's consents come from a handful of forms: thousands of persons have the same one but for ids, evidence and times. Of
a person of whom nothing or one consent alone is known, the answer to a question is that of everybody with the same form
(11 → 2.3 µs, and a whole answer 38 → 18). All that a rule reads of a consent is in the form, or judged before it is used:

* its texts, sets and flags, as they are, or where rules ask only whether they are told, that;
* its times by their order among each other; not used where one of them lies after the decision;
* its first and last valid day by whether the question's day lies outside.

A property test holds a form's answers equal to those found in full, with every field of a consent varied.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Final

from sekisho.domain.events import (
    ConsentEvent,
    ConsentGranted,
    ConsentRecipient,
    ForeignInformation,
    Likeness,
)
from sekisho.domain.memory import Memory, size_of
from sekisho.domain.question import Question
from sekisho.domain.request import AccessRequest
from sekisho.domain.verdict import NearMiss, RecordContent, ServedConsent, Verdict

Key = tuple[Question, object, bool, bool]
"""The question, the form (None: nothing is known of the person), whether its days lie after or before today."""

_ANSWER: Final = 1024
"""Bytes of an answer, its items apart (some 500 measured): its texts are the question's and the consent's."""
_AN_ITEM: Final = 400
"""Bytes of an item of an answer (some 100 measured; with thirty reasons of its own, 300)."""


class Form:
    """A form of consent: one object in a process, for a comparison of two is then one of addresses."""

    __slots__ = ("_content",)

    def __init__(self, content: tuple[object, ...]) -> None:
        self._content = content

    def __reduce__(self) -> tuple[Callable[[tuple[object, ...]], Form | None], tuple[tuple[object, ...]]]:
        return _interned, (self._content,)  # a copy, in whichever process, is that process's own


_ANSWERS: Final[Memory[Key, Verdict]] = Memory(most=4096, most_bytes=16 * 2**20, largest=16 * 2**10)
_FORMS: Final[Memory[tuple[object, ...], Form]] = Memory(most=4096, most_bytes=16 * 2**20, largest=16 * 2**10)
"""Mostly 2 to 3 KB each, with the whole catalogue 12."""


def key_of(question: Question, events: Sequence[ConsentEvent], at: datetime) -> Key | None:
    """What the answer is the same under; None where more than one consent is known, or what is not alike."""
    if not question.remembered or question.by_the_hour or question.creditors or len(events) > 1:
        return None  # a creditor's consent is compared with the day on which it entrusted the claim (PROV-8)
    if not events:
        return (question, None, False, False)
    (event,) = events
    if type(event) is not ConsentGranted:
        return None
    form, latest, first, last = event.likeness or _likened(event)
    if form is None or (latest is not None and latest > at):
        return None
    day = question.day
    return (question, form, first is not None and day < first, last is not None and day > last)


def recall(key: Key, request: AccessRequest, events: Sequence[ConsentEvent]) -> Verdict | None:
    """The answer that somebody got, told of this person; None: nobody has asked yet."""
    known = _ANSWERS.get(key)
    if known is None:
        return None
    if not events:
        return known if known.record is None else _told_of(known, known.record, request.subject_id)
    (grant,) = events
    assert isinstance(grant, ConsentGranted)
    effect, items, reasons, near_misses, owed, consents, record, exempt, details = known
    if near_misses:
        near_misses = (NearMiss(grant.consent_id, near_misses[0][1]),)
    if consents:
        consents = (ServedConsent(grant.consent_id, grant.position, consents[0][2]),)
    if record is not None:
        record = _retold(record, request.subject_id, grant, consents)
    return Verdict(effect, items, reasons, near_misses, owed, consents, record, exempt, details)


def keep(key: Key, verdict: Verdict) -> None:
    """Remembers the answer for the others."""
    _ANSWERS.keep(key, verdict, _ANSWER + _AN_ITEM * len(verdict.items))


def forget() -> None:
    """Forgets all answers: when the questions are forgotten, which they would hold."""
    _ANSWERS.clear()


def _told_of(known: Verdict, record: RecordContent, subject_id: str) -> Verdict:
    """The answer whose record names this person, where it names one: a receipt's, or a provision's by opt-out, rests on no
    consent of whoever it is about."""
    named = record if record.subject_id is None else record._replace(subject_id=subject_id)
    return known._replace(record=named)


def _retold(
    record: RecordContent, subject_id: str, grant: ConsentGranted, served: tuple[ServedConsent, ...]
) -> RecordContent:
    (
        basis, method, day, controller, direction, counterparty, subject, kind, items, carried, first, last, agreement,
        document, until, rule, besides,
    ) = record  # fmt: skip
    consents = served if carried else ()
    if carried and (not served or carried[0][2] != served[0][2]):
        consents = (ServedConsent(grant.consent_id, grant.position, carried[0][2]),)
    return RecordContent(
        basis, method, day, controller, direction, counterparty, None if subject is None else subject_id, kind, items, consents, first,
        last, agreement, document, until, rule, besides,
    )  # fmt: skip


def _likened(grant: ConsentGranted) -> Likeness:
    """Found once a consent, and noted on it."""
    form = _interned(_form(grant))
    times = [time for time in _times(grant) if time is not None]
    terms = grant.terms
    first, last = (None, None) if terms is None else (terms.valid_from, terms.valid_until)
    found = Likeness(form, max(times, default=None), first, last)
    object.__setattr__(grant, "likeness", found)  # it says nothing of the fact that the fact does not
    return found


def _interned(content: tuple[object, ...]) -> Form | None:
    """The form of that content; None where it is too large to be remembered."""
    known = _FORMS.get(content)
    if known is None:
        made = Form(content)
        known = made if _FORMS.keep(content, made, size_of(content)) else None
    return known


def _form(grant: ConsentGranted) -> tuple[object, ...]:
    """All of a consent but its ids, position, evidence (which no rule reads) and times."""
    terms = grant.terms
    return (
        grant.kind,
        grant.controller,
        grant.method,
        grant.mode,
        grant.explained_method,
        None
        if terms is None
        else (_told(terms.valid_from), _told(terms.valid_until), bool(terms.withdrawal), terms.modes, terms.items),
        grant.purposes,
        tuple([_recipient(each) for each in grant.recipients]),
        grant.bundled,
        grant.coerced,
        bool(grant.guardian_relation),
        bool(grant.guardian_document),
        _foreign(grant.foreign),
        _order(_times(grant)),
    )  # fmt: skip


def _recipient(named: ConsentRecipient) -> tuple[object, ...]:
    return (named.id, bool(named.name), bool(named.contact), named.purpose, named.partners, named.members)


def _foreign(told: ForeignInformation | None) -> tuple[str | None, ...] | None:
    """As it is: the record of a provision abroad states it."""
    if told is None:
        return None
    return (told.country, told.system_information, told.recipient_measures, told.unknown_reason)


def _told(day: date | None) -> bool:
    return day is not None


def _times(grant: ConsentGranted) -> tuple[datetime | None, ...]:
    return (
        grant.given_at, grant.recorded_at, grant.explained_at, grant.accepted_at, grant.acceptance_refused_at,
    )  # fmt: skip


def _order(times: Sequence[datetime | None]) -> tuple[int | None, ...]:
    """Times by their places among each other: all that two of them can be compared for."""
    ranked = sorted({time for time in times if time is not None})
    return tuple([None if time is None else ranked.index(time) for time in times])
