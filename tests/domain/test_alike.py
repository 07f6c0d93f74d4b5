"""An answer that is remembered for a form of consent is the answer that each person with that form gets in full."""

from __future__ import annotations

import pickle
import random
import tracemalloc
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.decision import Common, commons
from cases.on_the_core import all_cases, book, read, verdict, well_formed
from domain.worlds import AT, REQUESTERS, consent, drawn, good_consent, moment, request, sample_book
from sekisho.domain import alike, decision
from sekisho.domain.calendar import tokyo_day
from sekisho.domain.decision import decide, decide_in_full, forget
from sekisho.domain.events import ConsentGranted, ForeignInformation, Position
from sekisho.domain.request import AccessRequest
from sekisho.rulebook.cases import Case

MANY = settings(max_examples=400, deadline=None)
OTHERS: dict[str, Any] = {
    "event_id": "another",
    "consent_id": "another",
    "position": Position(3, 7),
    "evidence_document": "another",
    "given_at": AT - timedelta(days=900),
    "recorded_at": AT - timedelta(days=900),
    "explained_at": AT + timedelta(days=1),
    "accepted_at": AT - timedelta(days=3),
    "acceptance_refused_at": AT - timedelta(days=2),
    "foreign": ForeignInformation("US"),
    "kind": "purpose",
    "controller": "another",
    "method": "oral",
    "mode": "phone",
    "explained_method": "oral",
    "terms": None,
    "purposes": frozenset({"another"}),
    "recipients": (),
    "bundled": True,
    "coerced": True,
    "guardian_relation": "親権者",
    "guardian_document": "DOC-7",
}
"""For every field of a consent, another value than `good_consent` has."""


def with_one_consent() -> tuple[Common, ConsentGranted]:
    """A common request about a person of whom one consent is known."""
    run = next(each for each in commons() if len(each.events) == 1)
    (grant,) = run.events
    assert isinstance(grant, ConsentGranted)
    return run, grant


def varied(chance: random.Random, grant: ConsentGranted) -> ConsentGranted:
    """The consent, of another person perhaps: with other ids, and now and then other times, days and particulars."""
    changes: dict[str, Any] = {
        "event_id": f"e{chance.random()}",
        "consent_id": f"c{chance.random()}",
        "position": Position(0, chance.randrange(99)),
    }
    for name in ("given_at", "recorded_at", "explained_at", "accepted_at", "acceptance_refused_at"):
        if chance.random() < 0.3:
            changes[name] = chance.choice((None, moment(chance), moment(chance)))
    if chance.random() < 0.5:
        changes |= {name: value for name, value in OTHERS.items() if chance.random() < 0.1}
    if grant.terms is not None and chance.random() < 0.3:
        first, last = chance.choice((None, date(2026, 11, 21), date(2026, 11, 22))), date(2026, 11, 20)
        changes["terms"] = replace(grant.terms, valid_from=first, valid_until=chance.choice((None, last)))
    return replace(grant, **changes)


@MANY
@given(drawn(request), drawn(consent) | drawn(good_consent), st.integers(0, 2**32))
def test_whoever_has_the_same_form_gets_what_was_found_in_full(
    asked: AccessRequest, grant: ConsentGranted, seed: int
) -> None:
    """The person, the hand, ids, times and any particular of the consent vary; each answer is the one without memory."""
    chance = random.Random(seed)
    people = [grant, *[varied(chance, grant) for _ in range(6)]]
    for number, each in enumerate(people * 2):
        side, hand = asked.requester, chance.choice(REQUESTERS)
        mine = asked._replace(subject_id=f"P-{number}", request_id=f"r{number}")
        if chance.random() < 0.3:
            mine = mine._replace(requester=side._replace(operator=hand.operator, branch=hand.branch))
        at = AT + timedelta(hours=chance.choice((0, 0, 0, 1, 15, 900, -700)))
        assert decide(mine, [each], sample_book(), at) == decide_in_full(mine, [each], sample_book(), at)
        assert decide(mine, [], sample_book(), at) == decide_in_full(mine, [], sample_book(), at)


@pytest.mark.parametrize("name", [each.name for each in fields(ConsentGranted) if each.init])
def test_every_field_of_a_consent_is_in_its_form_or_told_of_each_person(name: str) -> None:
    """A fact that the form left out would answer one person with another's: ids and evidence alone are no part of it,
    times are by their order."""
    grant = replace(good_consent(random.Random(1)), kind="cross_sell")
    other = replace(grant, **{name: OTHERS[name]})
    event, changed = alike._likened(grant), alike._likened(other)
    told_of_each = name in ("event_id", "consent_id", "position", "evidence_document")
    assert (event.form is changed.form) is told_of_each, name


def test_times_after_the_decision_are_judged_in_full() -> None:
    """The form knows the order of a consent's times among each other, not against the decision's."""
    run, grant = with_one_consent()
    question = decision._asked(run.request, sample_book(), tokyo_day(AT))
    assert alike.key_of(question, (grant,), AT) is not None
    assert alike.key_of(question, (replace(grant, recorded_at=AT + timedelta(seconds=1)),), AT) is None
    assert alike.key_of(question, (grant, grant), AT) is None


def test_a_creditors_consent_is_compared_with_the_day_of_its_entrustment() -> None:
    """Two consents of one form, before and after the claim was entrusted, do not get one answer (PROV-8)."""
    cases = {case.id: case for case in all_cases()}
    earlier, later = cases["sv-14-6-creditor-before"], cases["sv-14-6-creditor-after"]
    forget()
    assert [verdict(case).effect for case in (earlier, later, earlier)] == ["allow", "deny", "allow"]


@pytest.mark.parametrize("case", well_formed(), ids=lambda case: case.id)
def test_a_record_names_its_own_person(case: Case) -> None:
    """Whoever asked the same before, with a consent or without one: nobody's record names another."""
    asked = read(case)
    for person in ("C-first", "C-second"):
        request = asked.request._replace(subject_id=person)
        found = decide(request, asked.events, book(), asked.at)
        assert found == decide_in_full(request, asked.events, book(), asked.at)
        assert found.record is None or found.record.subject_id in (person, None)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers and forms are forgotten when there are too many of them; long forms and answers are never kept."""
    monkeypatch.setattr(alike._ANSWERS, "most", 5)
    monkeypatch.setattr(alike._FORMS, "most", 5)
    run, grant = with_one_consent()
    forget()
    for number in range(30):
        mine = replace(grant, purposes=grant.purposes | {f"purpose-{number}"})
        assert decide(run.request, [mine], sample_book(), AT) == decide_in_full(
            run.request, [mine], sample_book(), AT
        )
        assert len(alike._ANSWERS) <= 5
        assert len(alike._FORMS) <= 5
    forget()
    assert not alike._ANSWERS
    long = replace(grant, purposes=grant.purposes | {"purpose" * 4000})
    decide(run.request, [long], sample_book(), AT)
    assert not alike._ANSWERS
    many = run.request._replace(items=tuple(f"item-{number}" for number in range(40)))
    decide(many, [grant], sample_book(), AT)
    assert not alike._ANSWERS


@pytest.mark.parametrize("count", [1, 20])
@pytest.mark.parametrize("action", ["use", "provide"])
def test_the_bytes_of_answers_are_no_fewer_than_they_take(count: int, action: str) -> None:
    """Allowed, recorded or refused for as many reasons as there are: an answer's size is not told too small."""
    run = next(each for each in commons() if len(each.events) == 1 and each.request.action == action)
    (grant,) = run.events
    assert isinstance(grant, ConsentGranted)
    book = sample_book()
    asked = run.request if count == 1 else run.request._replace(items=tuple(book.items)[:count])
    forget()
    grants = [replace(grant, purposes=grant.purposes | {f"purpose-{number}"}) for number in range(40)]
    grants += [replace(each, bundled=None, terms=None, method="oral") for each in grants]
    for each in grants:
        alike._likened(each)
    decide(asked, [], book, AT)
    before = alike._ANSWERS.bytes
    tracemalloc.start()
    for each in grants:
        decide(asked, [each], book, AT)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(alike._ANSWERS) == 81
    assert 0 < taken <= alike._ANSWERS.bytes - before
    forget()


def test_short_names_count_as_what_they_take() -> None:
    """A consent to 300 purposes of three characters is large, though its characters are few."""
    run, grant = with_one_consent()
    forget()
    wide = replace(grant, purposes=frozenset(f"{number:03}" for number in range(300)))
    assert alike._likened(wide).form is None
    decide(run.request, [wide], sample_book(), AT)
    assert not alike._ANSWERS


def test_a_copy_of_a_consent_is_alike() -> None:
    """A fact may be copied or pickled with its note; in another process its form is that process's own."""
    _, grant = with_one_consent()
    form = alike._likened(grant).form
    copied = pickle.loads(pickle.dumps(grant))
    assert copied == grant
    assert copied.likeness is not None
    assert copied.likeness.form is form


def test_times_are_ranked() -> None:
    """Equal times have one place, what is not told has none."""
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    assert alike._order((late, None, early, late)) == (1, None, 0, 1)
