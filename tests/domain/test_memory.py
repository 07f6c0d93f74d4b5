"""What is remembered between calls is bounded, and what is too large to be remembered leaves nothing behind."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator

import pytest

from bench.decision import AT, commons
from cases.on_the_core import book, read, well_formed
from domain.worlds import sample_book
from sekisho.domain import alike, decision
from sekisho.domain.decision import decide, forget
from sekisho.domain.memory import Memory
from sekisho.domain.question import Question
from sekisho.domain.request import AccessRequest
from sekisho.domain.rules import req


def _questions() -> int:
    gc.collect()
    return sum(type(each) is Question for each in gc.get_objects())


def test_a_question_too_large_to_be_remembered_is_not_kept_by_its_records() -> None:
    """A recorded provision with texts of 57,000 characters leaves nothing behind, a forgotten one neither."""
    for case in map(read, well_formed()):
        if case.request.action == "provide" and decide(case.request, case.events, book(), case.at).record:
            break
    recipient = case.request.recipient
    assert recipient is not None
    text = "東" * 19_000
    named = recipient._replace(name=text, address=text, representative=text)
    request = case.request._replace(recipient=named)
    forget()
    before = _questions()
    assert decide(request, case.events, book(), case.at).record is not None
    assert _questions() == before
    assert decide(case.request, case.events, book(), case.at).record is not None
    assert _questions() == before + 1
    forget()
    assert _questions() == before


def _sizes_told_and_taken(requests: Iterator[AccessRequest]) -> tuple[int, int]:
    """The bytes of the questions as the memory counts them, and as they are measured."""
    decide(_of("an item", 0), (), sample_book(), AT)  # what is loaded once is no question's
    forget()
    gc.collect()
    tracemalloc.start()
    for request in requests:  # made here, for a question keeps its request's texts
        decide(request, (), sample_book(), AT)
    for cached in (decision._united, decision._ranked, decision._codes, decision._grounds, req._nearest):
        cached.cache_clear()
    alike.forget()
    gc.collect()
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    told = decision._QUESTIONS.bytes
    assert len(decision._QUESTIONS) == 40
    forget()
    return told, taken


def _short(first: int, count: int) -> tuple[str, ...]:
    return tuple(f"{number:x}" for number in range(first, first + count))


def _of(kind: str, number: int) -> AccessRequest:
    book, asked = sample_book(), next(each.request for each in commons() if each.request.action == "provide")
    mine = asked._replace(card_number_in_full=f"{number}")
    if kind == "unknown items":
        return mine._replace(items=_short(number, 100))
    if kind == "anticipated":
        return mine._replace(anticipated_purposes=_short(number, 300))
    if kind == "whole catalogue":
        return mine._replace(items=tuple(book.items), anticipated_purposes=tuple(book.purposes)[:6])
    return mine


@pytest.mark.parametrize("kind", ["an item", "unknown items", "anticipated", "whole catalogue"])
def test_the_bytes_of_a_question_are_no_fewer_than_it_takes(kind: str) -> None:
    """Short names, many needs, many reasons: whatever a question is made of, its size is not told too small."""
    told, taken = _sizes_told_and_taken(_of(kind, number) for number in range(0, 400, 10))
    assert taken <= told < 4 * taken


def test_the_questions_remembered_are_bounded_by_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many questions of many short items are forgotten before they fill the memory, and their answers with them."""
    monkeypatch.setattr(decision._QUESTIONS, "most_bytes", 200_000)
    asked = commons()[0].request
    forget()
    most = 0
    for number in range(40):
        decide(asked._replace(items=_short(number, 50)), (), sample_book(), AT)
        most = max(most, len(decision._QUESTIONS))
        assert decision._QUESTIONS.bytes <= 200_000
    assert 1 < most < 20
    forget()
    assert decision._QUESTIONS.bytes == 0


def test_the_reasons_of_many_items_are_remembered_as_few() -> None:
    """What 500 items are refused for is kept once for each set of reasons, not 500 times."""
    asked = commons()[0].request
    decision._united.cache_clear()
    for number in range(20):
        decide(
            asked._replace(items=("customer.name", *_short(number * 7, 100 + number))), (), sample_book(), AT
        )
    assert decision._united.cache_info().currsize <= 2


def test_a_memory_is_bounded() -> None:
    """By number, by bytes, and by the largest; what it is emptied of it no longer counts."""
    kept: Memory[int, str] = Memory(most=3, most_bytes=100, largest=60)
    assert not kept.keep(0, "large", 61)
    assert not kept
    assert kept.keep(1, "a", 60)
    assert kept.keep(2, "b", 40)
    assert not kept.is_full_for(61), "it is not emptied for what is too large"
    assert not kept.keep(0, "large", 61)
    assert (dict(kept), kept.bytes) == ({1: "a", 2: "b"}, 100)
    assert kept.keep(3, "c", 1)
    assert (dict(kept), kept.bytes) == ({3: "c"}, 1)
    for number in range(4, 9):
        kept.keep(number, "d", 1)
        assert len(kept) <= 3
    assert kept.bytes == len(kept)
