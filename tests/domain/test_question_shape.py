"""What is remembered of a question is kept under all that the request says, but for whom, when and under which id."""

from __future__ import annotations

from typing import Any

from bench.decision import AT, commons
from sekisho.domain.decision import _QUESTIONS, _shape, decide, forget
from sekisho.domain.request import AccessRequest, Acquisition, Requester
from sekisho.rulebook import load, sample_path

NOT_OF_THE_QUESTION = {"request_id", "requested_at", "subject_id", "minimum_consent_position", "list_id"}


def test_every_part_of_a_request_is_in_its_shape_but_ids_times_and_positions() -> None:
    """A field that a family may ask of and that the shape left out would answer one request with another's question."""
    request = commons()[0].request
    for name in AccessRequest._fields:
        if name == "requester":
            continue  # below
        other: dict[str, Any] = {name: Acquisition(improper=True)}
        changed = request._replace(**other)
        assert (_shape(changed) == _shape(request)) is (name in NOT_OF_THE_QUESTION), name


def test_a_question_is_the_same_by_whichever_hand() -> None:
    """The operator, whom ACC-2 judges of each request, is not of the question; organization, business and system are."""
    request = commons()[0].request
    for name in Requester._fields:
        changed = request._replace(requester=request.requester._replace(**{name: "another"}))
        by_hand = name in ("operator", "branch", "authenticated_operator")
        assert (_shape(changed) == _shape(request)) is by_hand, name


def test_a_long_question_is_not_remembered() -> None:
    """Hundreds of items or long texts in 4,096 questions would take hundreds of MB; the answer is the same."""
    run, book = commons()[0], load(sample_path()).book
    forget()
    decide(run.request, run.events, book, AT)
    assert len(_QUESTIONS) == 1
    long = run.request._replace(items=tuple(f"an-item-of-some-length-{number}" for number in range(500)))
    first = decide(long, run.events, book, AT)
    assert len(_QUESTIONS) == 1
    assert decide(long, run.events, book, AT) == first
