"""The demo's day, without a log: every request of it gets from the core what the story expects."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sekisho.cli.demo.story import Step, encoded, the_day
from sekisho.contracts import access_requests, consent_events
from sekisho.contracts.errors import InvalidMessageError
from sekisho.domain.decision import decide
from sekisho.domain.events import ConsentEvent, Position
from sekisho.rulebook import compile_sources, read_texts, sample_path, shift_days

BASE = datetime(2026, 11, 20, 15, 1, tzinfo=UTC)
"""One minute past midnight of the base day in Tokyo: what the story tells has all happened by then."""


@pytest.mark.parametrize("days", [0, 45, 400])
def test_the_core_answers_each_request_as_the_story_expects(days: int) -> None:
    """Effect, reasons, consents, near misses, obligations and record hold on the base day and after a move in time."""
    from datetime import timedelta

    book = compile_sources(shift_days(read_texts(sample_path()), days)).book
    known: dict[str, list[ConsentEvent]] = {}
    asked = 0
    for number, step in enumerate(each for scene in the_day(days) for each in scene.steps):
        if step.type is not None:
            message = consent_events.decode(
                step.type, encoded({"event_id": f"EV-{number}", **step.data}), Position(None, number)
            )
            known.setdefault(message.subject_id, []).append(message.event)
        elif step.data and step.expected.reasons != ("request.misrouted",):
            asked += _asked(step, known, book, BASE + timedelta(days=days))
    assert asked >= 15


def _asked(step: Step, known: dict[str, list[ConsentEvent]], book: Any, at: datetime) -> int:
    data = encoded({"request_id": "R", "requested_at": "2026-11-21T09:00:00+09:00", **step.data})
    expected = step.expected
    try:
        request = access_requests.decode(data)
    except InvalidMessageError:
        assert expected.reasons == ("request.invalid",)
        return 1
    verdict = decide(request, known.get(request.subject_id, []), book, at)
    assert verdict.effect == expected.effect, (step.say, verdict)
    assert set(expected.reasons) <= {each.code for each in verdict.reasons}, (step.say, verdict)
    assert set(expected.consents) <= {each.consent_id for each in verdict.consents}, (step.say, verdict)
    assert set(expected.near_misses) <= {each.consent_id for each in verdict.near_misses}
    assert set(expected.obligations) == {each.code for each in verdict.obligations}, (step.say, verdict)
    basis = "" if verdict.record is None else verdict.record.basis
    assert (basis, verdict.record_exemption or "") == (expected.record, expected.exemption), (
        step.say,
        verdict,
    )
    return 1
