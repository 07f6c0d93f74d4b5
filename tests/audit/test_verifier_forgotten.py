"""Answers that rest on a request whose decision retention has deleted: believed no further than they must be."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from audit.scenario import CONFIG, LANE, NAMES, Forger
from sekisho.audit import CheckReport
from sekisho.log.port import Partition

Json = dict[str, Any]
WINDOW_MS = CONFIG.window_ms


async def _forgetting(forger: Forger, *, requests: bool) -> None:
    """Deletes the decisions on the first three requests, and with `requests` these too."""
    assert forger.offsets["provision again"] == 3
    await forger.log.delete_records(Partition(NAMES.decisions, LANE), forger.answer("provision again").offset)
    if requests:
        await forger.log.delete_records(Partition(NAMES.requests, LANE), 3)


async def _checked(forger: Forger) -> CheckReport:
    return await forger.check(sent=())


def _repeating(offset: int) -> Json:
    return {"duplicate_of": offset, "circumstances": {"kind": "duplicate"}}


@pytest.mark.parametrize("requests", [False, True])
async def test_a_true_duplicate_of_what_is_kept_no_longer_is_made_again_and_counted(
    forger: Forger, requests: bool
) -> None:
    """What it allows is what the core says to the same content; that the first was ever given, nothing tells."""
    await _forgetting(forger, requests=requests)
    report = await _checked(forger)
    assert report.ok, str(report)
    assert report.counts.unverifiable_allowed == 1


@pytest.mark.parametrize("requests", [False, True])
async def test_an_allow_that_claims_to_repeat_a_deleted_decision_is_found(
    forger: Forger, requests: bool
) -> None:
    """A made-up `duplicate_of` before what is kept hides no false allow: another request stood there, or the core says
    something else."""

    def lie(data: Json) -> None:
        data.update(effect="allow", reasons=[], **_repeating(0))

    forger.change(forger.answer("not reached"), lie)
    await _forgetting(forger, requests=requests)
    totals = (await _checked(forger)).totals
    if requests:
        assert "decision.verdict" in totals
    else:
        assert totals == {"duplicate.false": 1}


@pytest.mark.parametrize("requests", [False, True])
async def test_a_repetition_after_the_window_is_found(forger: Forger, requests: bool) -> None:
    """A deleted request came no later than the first that is kept: where the window was over, its id was free again."""
    again = forger.sent_record("second provision")
    forger.change(forger.answer("second provision"), lambda data: data.update(_repeating(0)))
    forger.replace(again, timestamp=again.timestamp + WINDOW_MS + 10_000)
    await _forgetting(forger, requests=requests)
    assert (await _checked(forger)).totals["duplicate.false"] == 1


async def test_a_repetition_of_a_kept_request_after_the_window_is_found(forger: Forger) -> None:
    """The same content under the same id, but later than the window: it had to be decided anew."""
    again = forger.sent_record("provision again")
    forger.replace(again, timestamp=again.timestamp + WINDOW_MS + 10_000)
    await _forgetting(forger, requests=False)
    assert "duplicate.false" in (await _checked(forger)).totals


async def test_the_window_is_as_long_as_the_brokers_clocks_may_differ(forger: Forger) -> None:
    """Append times that are a tolerance beyond the window disprove nothing."""
    again = forger.sent_record("provision again")
    forger.replace(again, timestamp=again.timestamp + WINDOW_MS + 10_000)
    forger.change(
        forger.answer("provision again"),
        lambda data: data.update(appended_at=_later(data["appended_at"], WINDOW_MS + 10_000)),
    )
    await _forgetting(forger, requests=False)
    report = await forger.check(sent=(), tolerance_ms=20_000)
    assert "duplicate.false" not in report.totals, str(report)


def _later(written: str, ms: int) -> str:
    return (datetime.fromisoformat(written) + timedelta(milliseconds=ms)).isoformat()


async def test_a_repetition_by_what_was_known_long_before_is_found(forger: Forger) -> None:
    """A first within the window was not decided before it, nor without the consents that had come by then."""

    def long_ago(data: Json) -> None:
        data["decided_at"] = "2020-01-01T00:00:00.000000Z"
        data["consent_position"]["offset"] = 0

    forger.change(forger.answer("provision again"), long_ago)
    await _forgetting(forger, requests=False)
    totals = (await _checked(forger)).totals
    assert totals["decision.before_request"] == 1
    assert totals["decision.stale_consents"] == 1


async def test_a_repetition_of_what_is_gone_is_no_older_than_the_window(forger: Forger) -> None:
    """Nor, where its request is gone, was it decided before the window in which it must have come."""
    again = forger.answer("provision again")
    forger.change(again, lambda data: data.update(decided_at="2020-01-01T00:00:00.000000Z"))
    await _forgetting(forger, requests=True)
    assert (await _checked(forger)).totals["decision.before_request"] == 1


ALTERED: list[tuple[Json, str]] = [
    ({"effect": "deny"}, "decision.verdict"),
    ({"decision_id": "00000000-0000-5000-8000-000000000000"}, "decision.id"),
    ({"record_id": "00000000-0000-5000-8000-000000000000"}, "decision.id"),
    ({"request_digest": "sha256:" + "0" * 64}, "decision.envelope"),
    ({"rulebook": {"version": "0", "digest": "sha256:0"}}, "rulebook.unknown"),
    ({"engine": {"version": "0", "format": 99}}, "decision.unknown_format"),
]


@pytest.mark.parametrize(("forged", "kind"), ALTERED)
@pytest.mark.parametrize("requests", [False, True])
async def test_an_altered_repetition_is_found(
    forger: Forger, requests: bool, forged: Json, kind: str
) -> None:
    """The answer to a duplicate is compared with the first one made again, ids and all."""
    forger.change(forger.answer("provision again"), lambda data: data.update(forged))
    await _forgetting(forger, requests=requests)
    assert kind in (await _checked(forger)).totals


@pytest.mark.parametrize("name", ["provision again", "provision reused"])
async def test_the_key_is_compared_whatever_is_forgotten(forger: Forger, name: str) -> None:
    """An answer that goes to another person is found, though its first cannot be read."""
    forger.replace(forger.answer(name), key=b"C-999999")
    await _forgetting(forger, requests=True)
    assert (await _checked(forger)).totals == {"decision.headers": 1}


@pytest.mark.parametrize(
    ("effect", "totals"), [("deny", {}), ("allow", {"decision.verdict": 1, "decision.envelope": 1})]
)
async def test_a_repeated_hold_is_believed_as_a_refusal_only(
    forger: Forger, effect: str, totals: dict[str, int]
) -> None:
    """Why the first one was held stood in its own circumstances: such a refusal is told as unverifiable, an allow is
    compared."""
    reason = {"code": "consent.state_stale"}

    def hold(data: Json) -> None:
        data.update(effect=effect, reasons=[data["reasons"][0] | reason], **_repeating(0))

    forger.change(forger.answer("not reached"), hold)
    await _forgetting(forger, requests=True)
    found = (await _checked(forger)).totals
    assert bool(found) == bool(totals), found
    assert set(found) <= set(totals) | {"decision.id"}, found


# an id that another request had used


@pytest.mark.parametrize("requests", [False, True])
async def test_a_reused_id_of_what_is_kept_no_longer_is_compared_in_full(
    forger: Forger, requests: bool
) -> None:
    """The refusal, its words and its rejected event are as owed: only the first request itself is believed."""
    forger.change(forger.answer("provision reused"), lambda data: data.update(effect="allow"))
    forger.erase(forger.rejected("provision reused"))
    await _forgetting(forger, requests=requests)
    assert (await _checked(forger)).totals == {"decision.verdict": 1, "rejected.missing": 1}


async def test_a_reuse_that_is_none_is_found(forger: Forger) -> None:
    """The request that it names is kept and had another id."""
    reused = forger.answer("provision reused")
    forger.change(reused, lambda data: data["circumstances"].update(first=1))
    await _forgetting(forger, requests=False)
    assert (await _checked(forger)).totals["decision.verdict"] == 1


async def test_a_reuse_after_the_window_is_found(forger: Forger) -> None:
    """The id was free again: the request had to be decided."""
    again = forger.sent_record("provision reused")
    forger.replace(again, timestamp=again.timestamp + WINDOW_MS + 10_000)
    await _forgetting(forger, requests=True)
    assert (await _checked(forger)).totals["decision.verdict"] == 1
