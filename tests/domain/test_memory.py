"""What is remembered between calls is bounded, and what is too large to be remembered leaves nothing behind."""

from __future__ import annotations

import gc

from cases.on_the_core import book, read, well_formed
from sekisho.domain.decision import decide, forget
from sekisho.domain.question import Question


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
