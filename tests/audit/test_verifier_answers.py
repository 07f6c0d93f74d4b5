"""Forged decisions: each must be found, at its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from audit.scenario import LANE, NAMES, Forger
from faults import messages
from sekisho.log.port import Outgoing, Partition

Json = dict[str, Any]


async def test_a_doubled_decision_is_found(forger: Forger) -> None:
    """Two decisions on one request."""
    forger.add(forger.answer("use"))
    report = await forger.check()
    assert report.totals == {"decision.doubled": 1, "decision.order": 1}
    found = next(each for each in report.findings if each.kind == "decision.doubled")
    assert (found.topic, found.partition) == (NAMES.decisions, LANE)
    assert found.offset == forger.records(NAMES.decisions)[-1].offset


async def test_a_lost_decision_is_found(forger: Forger) -> None:
    """A request in the middle has no decision: lost, also while gates go on."""
    forger.erase(forger.answer("use"))
    for settled in (True, False):
        report = await forger.check(settled=settled)
        assert report.totals == {"request.lost": 1}
        assert report.findings[0].place == f"{NAMES.requests} {LANE}:{forger.offsets['use']}"


async def test_a_wrong_order_is_found(forger: Forger) -> None:
    """Decisions that stand in another order than their requests."""
    forger.swap(forger.answer("use"), forger.answer("stopped"))
    report = await forger.check()
    assert report.totals["decision.order"] == 1


async def test_a_decision_in_another_partition_is_found(forger: Forger) -> None:
    """An output stands in the partition of its input's number."""
    answer = forger.answer("use")
    forger.add(answer, partition=3)
    forger.erase(answer)
    assert (await forger.check()).totals == {"decision.misplaced": 1, "request.lost": 1}


async def test_a_decision_that_nobody_asked_for_is_found(forger: Forger) -> None:
    """A decision about a position at which no request stands."""
    forger.append(
        Partition(NAMES.decisions, LANE),
        outgoing_of(forger, lambda data: data["request_position"].update(offset=900)),
    )
    assert (await forger.check()).totals == {"decision.unasked": 1}


async def test_a_decision_on_an_unreadable_message_is_found(forger: Forger) -> None:
    """What cannot be read gets a rejected event only."""
    offset = forger.offsets["unreadable"]
    forger.change(
        forger.answer("misspelt reused"), lambda data: data["request_position"].update(offset=offset)
    )
    totals = (await forger.check()).totals
    assert totals == {"request.lost": 1, "decision.unasked": 1}


def _allow(data: Json) -> None:
    data["effect"] = "allow"


def _other_reasons(data: Json) -> None:
    data["reasons"] = data["reasons"][1:]


def _other_text(data: Json) -> None:
    data["reasons"][0]["remedy"]["ja"] = "どうぞ"


def _other_item(data: Json) -> None:
    data["items"][0]["item"] = "customer.name"


VERDICTS: list[Callable[[Json], None]] = [_allow, _other_reasons, _other_text, _other_item]


@pytest.mark.parametrize("change", VERDICTS)
async def test_a_verdict_that_is_not_the_cores_is_found(
    forger: Forger, change: Callable[[Json], None]
) -> None:
    """Effect, items, reasons and their texts are as the core gives them."""
    forger.change(forger.answer("stopped"), change)
    assert (await forger.check()).totals == {"decision.verdict": 1}


ENVELOPES: list[tuple[str, Json, str]] = [
    ("decision_id", {"decision_id": "00000000-0000-5000-8000-000000000000"}, "decision.id"),
    ("record_id", {"record_id": "00000000-0000-5000-8000-000000000000"}, "decision.id"),
    ("request_digest", {"request_digest": "sha256:" + "0" * 64}, "decision.envelope"),
    ("request_id", {"request_id": "another"}, "decision.envelope"),
    ("organization", {"organization": "life-insurer"}, "decision.envelope"),
    ("subject_id", {"subject_id": "C-999999"}, "decision.envelope"),
    ("appended_at", {"appended_at": "2026-01-01T00:00:00.000Z"}, "decision.envelope"),
    ("circumstances", {"circumstances": {"kind": "limit", "code": "other"}}, "decision.envelope"),
    ("consents", {"consents": []}, "decision.verdict"),
]


@pytest.mark.parametrize(("field", "forged", "kind"), ENVELOPES)
async def test_a_forged_envelope_is_found(forger: Forger, field: str, forged: Json, kind: str) -> None:
    """Ids are the derived ones, and everything beside the verdict is what the request says."""
    forger.change(forger.answer("second provision"), lambda data: data.update(forged))
    report = await forger.check()
    assert kind in report.totals
    assert any(field in each.detail for each in report.findings if each.kind == kind)


async def test_a_forged_consent_of_the_verdict_is_found(forger: Forger) -> None:
    """Which consent served, and where it stands, is compared too, though the verdict view leaves it out."""
    forger.change(
        forger.answer("second provision"), lambda data: data["consents"][0]["position"].update(offset=0)
    )
    assert (await forger.check()).totals == {"decision.envelope": 1}


async def test_forged_headers_and_keys_are_found(forger: Forger) -> None:
    """A decision is a CloudEvent of its type under its id, and its key is its person."""
    forger.replace(forger.answer("use"), headers=())
    forger.replace(forger.answer("stopped"), key=b"another")
    assert (await forger.check()).totals == {"decision.headers": 2}


@pytest.mark.parametrize(
    ("name", "forged"), [("ce_source", b"urn:another"), ("ce_time", b"2020-01-01T00:00:00.000000Z")]
)
@pytest.mark.parametrize("topic", ["decisions", "records", "rejected"])
async def test_a_forged_source_or_time_of_an_output_is_found(
    forger: Forger, topic: str, name: str, forged: bytes
) -> None:
    """What every output tells in its headers is of the gate, and of the time that stands in it."""
    record = forger.records(getattr(NAMES, topic))[0]
    headers = [(each, forged if each == name else value) for each, value in record.headers]
    assert headers != list(record.headers)
    forger.replace(record, headers=headers)
    report = await forger.check()
    kind = {"decisions": "decision.headers", "records": "record.altered", "rejected": "rejected.altered"}
    assert report.totals == {kind[topic]: 1}
    assert report.findings[0].detail == name


async def test_an_unreadable_decision_is_found(forger: Forger) -> None:
    """A decision that does not follow the contract answers nobody."""
    forger.replace(forger.answer("use"), value=b"{no json")
    forger.change(forger.answer("stopped"), lambda data: data.pop("engine"))
    totals = (await forger.check()).totals
    assert totals == {"decision.unreadable": 2, "request.lost": 1}


async def test_a_decision_made_on_old_consents_is_found(forger: Forger) -> None:
    """A decision that did not know a consent event appended before its request, though it is right for what it knew."""

    def on_old_consents(data: Json) -> None:
        data["consent_position"]["offset"] = forger.offsets["suspension"]

    forger.change(forger.answer("use"), on_old_consents)
    totals = (await forger.check()).totals
    assert totals == {"decision.stale_consents": 1, "decision.consent_position": 1}


async def test_a_decision_that_ignores_a_known_consent_event_is_found(forger: Forger) -> None:
    """The verdict rests on all events before its consent position: an allowed provision in spite of a stop is wrong."""
    allowed, stopped = forger.answer("second provision"), forger.answer("stopped")
    same = ("effect", "items", "reasons", "consents", "obligations", "near_misses", "record_exemption")
    source = json.loads(allowed.value or b"{}")
    forger.change(stopped, lambda data: data.update({name: source[name] for name in same}))
    assert (await forger.check()).totals == {"decision.verdict": 1}


@pytest.mark.parametrize(
    "position", [None, {"partition": 3, "offset": 10}, {"partition": LANE, "offset": 999}]
)
async def test_a_consent_position_that_cannot_be_is_found(forger: Forger, position: Json | None) -> None:
    """A position of no partition, of another one, or beyond the events that there are."""
    forger.change(forger.answer("use"), lambda data: data.update(consent_position=position))
    assert "decision.consent_position" in (await forger.check()).totals


async def test_an_unknown_rulebook_is_found(forger: Forger) -> None:
    """A rulebook is published before its first use."""
    forger.change(forger.answer("use"), lambda data: data["rulebook"].update(digest="sha256:" + "1" * 64))
    assert (await forger.check()).totals == {"rulebook.unknown": 1}


async def test_an_altered_rulebook_is_found(forger: Forger) -> None:
    """The published sources compile to the digest under which they stand."""
    (published,) = forger.records(NAMES.rulebooks, 0)
    forger.change(published, lambda data: data["sources"].popitem())
    totals = (await forger.check()).totals
    assert totals["rulebook.altered"] == 1
    assert totals["rulebook.unknown"] == 11


async def test_a_format_that_cannot_be_reproduced_is_found(forger: Forger) -> None:
    """Nothing is claimed about a decision of a format that this version does not know."""
    forger.change(forger.answer("use"), lambda data: data["engine"].update(format=99))
    assert (await forger.check()).totals == {"decision.unknown_format": 1}


async def test_time_that_goes_back_is_found(forger: Forger) -> None:
    """The times of decisions never go back within a partition, nor before their request."""
    forger.change(forger.answer("use"), lambda data: data.update(decided_at="2020-01-01T00:00:00.000000Z"))
    totals = (await forger.check()).totals
    assert totals["decision.before_request"] == 1
    assert totals["decision.time_back"] == 1


async def test_a_time_that_has_not_come_is_found(forger: Forger) -> None:
    """A gate whose clock was far ahead judged consents and rules by a day that has not come."""
    last = forger.records(NAMES.decisions)[-1]
    forger.change(last, lambda data: data.update(decided_at="2099-01-01T00:00:00.000000Z"))
    assert "decision.not_yet" in (await forger.check()).totals


async def test_a_decision_that_claims_later_consents_is_found(forger: Forger) -> None:
    """It cannot know an event that was appended after it was made, even one of another person."""
    event = messages.told(messages.SUSPENDED, messages.suspension("C-000000"))
    last = forger.records(NAMES.decisions)[-1]
    at = Partition(NAMES.consents, LANE)
    offset = forger.append(at, event._replace(key=None))
    forger.change(last, lambda data: data["consent_position"].update(offset=offset + 1))
    found = (await forger.check()).findings
    assert any(each.kind == "decision.consent_position" and "appended" in each.detail for each in found)


async def test_a_hold_without_a_wait_is_found(forger: Forger) -> None:
    """Refused as stale at once: the limit from the append time was not reached."""
    held = {"kind": "hold", "code": "consent.state_stale"}
    forger.change(forger.answer("stopped"), lambda data: data.update(circumstances=held))
    totals = (await forger.check()).totals
    assert totals == {"decision.hold_unjustified": 1, "decision.verdict": 1}


async def test_a_claimed_limit_that_was_not_reached_is_found(forger: Forger) -> None:
    """A refusal as too large is believed only if the whole answer is above the limit that it names."""
    claimed = {"kind": "limit", "code": "request.too_large", "limit": 262_144}
    forger.change(forger.answer("use"), lambda data: data.update(circumstances=claimed))
    assert (await forger.check()).totals == {"decision.envelope": 1}


# duplicates


async def test_an_altered_answer_to_a_duplicate_is_found(forger: Forger) -> None:
    """A duplicate gets the first decision with the first's ids, and names the first's offset."""
    forger.change(forger.answer("provision again"), lambda data: data.update(duplicate_of=5))
    assert (await forger.check()).totals == {"duplicate.altered": 1}


async def test_a_duplicate_decided_anew_is_found(forger: Forger) -> None:
    """A request sent twice is decided once."""
    forger.change(
        forger.answer("provision again"), lambda data: data.update(duplicate_of=None, circumstances=None)
    )
    assert (await forger.check()).totals == {"duplicate.missed": 1}


async def test_another_requests_answer_is_found(forger: Forger) -> None:
    """A decision may repeat another only for a true duplicate."""
    first = forger.offsets["provision"]
    forger.change(
        forger.answer("use"),
        lambda data: data.update(duplicate_of=first, circumstances={"kind": "duplicate"}),
    )
    assert (await forger.check()).totals == {"duplicate.false": 1}


async def test_a_duplicate_outside_the_window_is_none(forger: Forger) -> None:
    """Two append times further apart than the window are two requests."""
    again = forger.sent_record("provision again")
    forger.replace(again, timestamp=again.timestamp + 8 * 86_400_000)
    assert "duplicate.false" in (await forger.check()).totals


def outgoing_of(forger: Forger, change: Callable[[Json], None]) -> Outgoing:
    """The last decision, changed, to be appended."""
    last = forger.records(NAMES.decisions)[-1]
    data = json.loads(last.value or b"{}")
    change(data)
    return Outgoing(last.key, json.dumps(data).encode(), last.headers)
