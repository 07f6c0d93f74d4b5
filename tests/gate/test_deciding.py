"""What requests get from a gate on the in-memory log: decisions, duplicates, refusals, rejected events."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from faults.unsafe_memory import UnsafeFaults
from gate.world import LIMITS, World, changed, codes, consent, effects, request, subject_in, suspension
from sekisho.contracts import identity
from sekisho.domain.decision import decide
from sekisho.gate.clock import Clocks
from sekisho.log.memory import MemoryConfig, MemoryLog
from sekisho.log.port import Outgoing, Partition


async def test_a_request_gets_one_decision_in_the_partition_of_the_same_number(world: World) -> None:
    """A valid request is answered once, beside its input, under its person's key, with derived ids."""
    await world.gate()
    subject = subject_in(2)
    (offset,) = await world.ask(request(subject))
    (decision,) = await world.decisions(1)
    assert decision["effect"] == "allow"
    assert decision["request_position"] == {"topic": world.names.requests, "partition": 2, "offset": offset}
    topic = (await world.log.describe([world.names.requests]))[world.names.requests]
    assert decision["decision_id"] == identity.decision_id(topic.id, 2, offset)
    assert decision["circumstances"] is None
    (record,) = await world.read(world.names.decisions, 2)
    assert record.key == subject.encode()


async def test_a_suspension_acknowledged_before_the_request_is_seen(world: World) -> None:
    """A decision uses every consent event acknowledged before its request was fetched."""
    await world.gate()
    subject = subject_in(1)
    await world.tell(suspension(subject))
    await world.ask(request(subject))
    (decision,) = await world.decisions(1)
    assert codes(decision) == ["subject.use_suspended"]
    assert decision["consent_position"] == {"partition": 1, "offset": 1}


async def test_many_requests_keep_their_order(world: World) -> None:
    """Every request has exactly one decision, in the order of the requests."""
    await world.gate()
    await world.ask(*(request(subject_in(number % 4)) for number in range(60)))
    assert effects(await world.decisions(60)) == ["allow"] * 60
    for partition in range(4):
        told = await world.data(world.names.decisions, partition)
        offsets = [each["request_position"]["offset"] for each in told]
        assert offsets == sorted(offsets)


async def test_the_rulebook_is_published_before_the_first_decision(world: World) -> None:
    """The sources of the rulebook that decides stand in the log under their digest, first of all."""
    await world.gate()
    await world.ask(request(subject_in(0)))
    (decision,) = await world.decisions(1)
    (published,) = await world.read(world.names.rulebooks)
    assert published.key == decision["rulebook"]["digest"].encode()
    (written,) = await world.read(world.names.decisions)
    assert published.timestamp <= written.timestamp


# requests sent twice


async def test_a_request_sent_again_gets_the_first_decision_again(world: World) -> None:
    """The second answer has the first's ids and times, its own position, and names the first request."""
    await world.gate()
    subject = subject_in(3)
    asked = request(subject)
    (first_offset,) = await world.ask(asked)
    await world.decisions(1)
    await world.tell(suspension(subject))
    (second_offset,) = await world.ask(asked | {"requested_at": datetime.now(UTC).isoformat()})
    first, second = await world.decisions(2)
    assert second["request_position"]["offset"] == second_offset
    assert second["duplicate_of"] == first_offset
    same = ("decision_id", "effect", "decided_at", "items", "consent_position", "request_digest")
    assert {name: second[name] for name in same} == {name: first[name] for name in same}
    assert second["circumstances"] == {"kind": "duplicate"}


async def test_a_request_sent_twice_in_one_turn_is_decided_once(world: World) -> None:
    """Duplicates within a turn find the first decision before it is committed."""
    asked = request(subject_in(0))
    offsets = await world.ask(asked, asked, asked)
    await world.gate()
    decisions = await world.decisions(3)
    assert [each["duplicate_of"] for each in decisions] == [None, offsets[0], offsets[0]]
    assert len({each["decision_id"] for each in decisions}) == 1


async def test_an_id_used_with_another_content_is_refused_and_rejected(world: World) -> None:
    """A different content under a used id gets deny `request.id_reused` beside a rejected event; the id stays the first's."""
    await world.gate()
    subject = subject_in(0)
    asked = request(subject)
    await world.ask(asked)
    await world.decisions(1)
    await world.ask(asked | {"items": ["customer.name"]}, asked)
    first, reused, again = await world.decisions(3)
    assert codes(reused) == ["request.id_reused"]
    assert reused["decision_id"] != first["decision_id"]
    assert again["decision_id"] == first["decision_id"]
    (rejected,) = await world.rejected(1)
    assert (rejected["cause"], rejected["field"]) == ("id_reused", "request_id")
    assert rejected["position"] == reused["request_position"]


async def test_duplicates_are_known_after_the_state_was_lost(world: World) -> None:
    """Request ids are a fold of committed decisions: a gate with an empty folder knows them."""
    gate = await world.gate("a")
    asked = request(subject_in(1))
    await world.ask(asked, asked | {"items": ["customer.name"]})
    await world.decisions(2)
    await world.stop(gate)
    await world.gate("another")
    await world.ask(asked)
    *_, last = await world.decisions(3)
    assert last["duplicate_of"] == 0
    assert last["effect"] == "allow"


async def test_an_id_may_be_used_again_after_the_window(world: World) -> None:
    """Whether a duplicate lies in the window is told by the two append times."""
    await world.gate(limits=changed(LIMITS, duplicate_window_seconds=0.05))
    asked = request(subject_in(1))
    await world.ask(asked)
    (first,) = await world.decisions(1)
    at = datetime.fromisoformat(first["appended_at"]) + timedelta(seconds=0.06)
    await world.until(lambda: datetime.now(UTC) > at)
    await world.ask(asked)
    first, second = await world.decisions(2)
    assert second["duplicate_of"] is None
    assert second["decision_id"] != first["decision_id"]


async def test_ids_outlast_an_append_time_that_was_ahead(topic_prefix: str, tmp_path: Path) -> None:
    """A new leader's clock is behind its predecessor's: what still lies in the window by it was not forgotten."""
    ahead = 0
    config = MemoryConfig(max_batch_bytes=524_288, transaction_timeout_ms=10_000, rebalance_timeout_s=5)
    world = World(MemoryLog(config, lambda: int(time.time() * 1000) + ahead), topic_prefix, tmp_path)
    await world.create()
    limits = changed(LIMITS, duplicate_window_seconds=60, cleanup_seconds=0.001, clock_seconds=1000)
    gate = await world.gate(limits=limits)
    asked = request(subject_in(1))
    await world.ask(asked)
    await world.decisions(1)
    ahead = 120_000
    for count in range(2, 5):  # a sweep comes before each turn
        await world.ask(request(subject_in(1)))
        await world.decisions(count)
    ahead = 0
    await world.ask(asked)
    *_, last = await world.decisions(5)
    await world.stop(gate)
    assert last["duplicate_of"] == 0


# what cannot be judged


async def test_a_misrouted_request_is_refused_naming_the_right_partition(world: World) -> None:
    """A request in another person's partition gets deny `request.misrouted` there."""
    await world.gate()
    await world.ask(request(subject_in(2)), partition=0)
    (decision,) = await world.decisions(1)
    assert codes(decision) == ["request.misrouted"]
    assert decision["request_position"]["partition"] == 0
    assert "2" in decision["reasons"][0]["message"]["en"]


async def test_a_key_that_is_not_the_subject_makes_the_request_invalid(world: World) -> None:
    """A key that is there and is not the subject id: deny `request.invalid` and a rejected event; no key is fine."""
    await world.gate()
    asked = request(subject_in(2))
    body = json.dumps(asked).encode()
    await world.put(world.names.requests, Outgoing(b"somebody", body), 2)
    await world.put(world.names.requests, Outgoing(None, json.dumps(request(subject_in(2))).encode()), 2)
    wrong, fine = await world.decisions(2)
    assert codes(wrong) == ["request.invalid"]
    assert fine["effect"] == "allow"
    (rejected,) = await world.rejected(1)
    assert (rejected["cause"], rejected["field"]) == ("invalid", "subject.id")
    assert rejected["request_id"] == asked["request_id"]


async def test_a_misspelt_field_is_named_with_the_nearest_known_one(world: World) -> None:
    """A malformed request with a readable id gets deny `request.invalid` and a rejected event that quotes nothing of it."""
    await world.gate()
    await world.ask(request(subject_in(2)) | {"anticipated_purpose": ["insurance.solicitation"]})
    (decision,) = await world.decisions(1)
    assert codes(decision) == ["request.invalid"]
    assert "anticipated_purposes" in decision["reasons"][0]["remedy"]["en"]
    (rejected,) = await world.rejected(1)
    assert rejected["field"] == "anticipated_purposes"


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        (b"{not json", "unreadable"),
        (b'{"purpose": "x"}', "unreadable"),
        (None, "tombstone"),
        (b"x" * 300_000, "too_large"),
    ],
    ids=["no JSON", "no readable id", "tombstone", "oversized"],
)
async def test_what_is_no_readable_request_gets_a_rejected_event_only(
    world: World, value: bytes | None, cause: str
) -> None:
    """No decision is made on it; what stands behind it is decided."""
    await world.gate()
    await world.put(world.names.requests, Outgoing(b"C-1", value), 2)
    await world.ask(request(subject_in(2)))
    (rejected,) = await world.rejected(1)
    assert rejected["cause"] == cause
    assert rejected["position"]["offset"] == 0
    await world.decisions(1)


async def test_a_request_that_the_log_cannot_decode_is_rejected_and_passed(
    world: World, memory_log: MemoryLog
) -> None:
    """A header key that is not UTF-8 costs that position only."""
    await world.ask(request(subject_in(2)))
    UnsafeFaults(memory_log).append_undecodable(Partition(world.names.requests, 2))
    await world.ask(request(subject_in(2)))
    await world.gate()
    decisions = await world.decisions(2)
    assert [each["request_position"]["offset"] for each in decisions] == [0, 2]
    (rejected,) = await world.rejected(1)
    assert (rejected["cause"], rejected["position"]["offset"]) == ("undecodable", 1)
    assert rejected["payload_hmac"] is None


async def test_any_other_exception_of_one_record_rejects_that_record(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect over one request is told in writing, and the others of its turn are decided."""
    victim = request(subject_in(0))

    def defective(asked: object, *rest: object) -> object:
        if getattr(asked, "request_id", None) == victim["request_id"]:
            raise ZeroDivisionError
        return decide(asked, *rest)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr("sekisho.gate.ruling.decide", defective)
    await world.ask(request(subject_in(0)), victim, request(subject_in(0)))
    await world.gate()
    decisions = await world.decisions(2)
    assert [each["request_position"]["offset"] for each in decisions] == [0, 2]
    (rejected,) = await world.rejected(1)
    assert (rejected["cause"], rejected["request_id"]) == ("unreadable", victim["request_id"])


async def test_a_demanded_consent_position_that_is_known_is_no_obstacle(world: World) -> None:
    """A position below the high watermark is reached by the freshness rule."""
    await world.gate()
    subject = subject_in(1)
    offset = await world.tell(suspension(subject))
    await world.ask(request(subject, minimum_consent_position={"partition": 1, "offset": offset}))
    (decision,) = await world.decisions(1)
    assert codes(decision) == ["subject.use_suspended"]


@pytest.mark.parametrize(
    ("position", "code"),
    [
        ({"partition": 1, "offset": 7}, "consent.position_not_reached"),
        ({"partition": 3, "offset": 0}, "consent.position_misrouted"),
    ],
)
async def test_a_demanded_consent_position_that_is_not_there_is_refused_at_once(
    world: World, position: dict[str, int], code: str
) -> None:
    """One at or above the high watermark, or of another partition, is refused."""
    await world.gate()
    await world.ask(request(subject_in(1), minimum_consent_position=position))
    (decision,) = await world.decisions(1)
    assert codes(decision) == [code]


async def test_an_open_upstream_transaction_makes_the_consents_stale(world: World) -> None:
    """The high watermark counts what an open transaction hides: past the limit the request is refused, never decided
    on old consents; once the transaction is committed, what it held back counts."""
    await world.gate(limits=changed(LIMITS, freshness_seconds=0.3))
    subject = subject_in(1)
    writer = world.log.transactional_writer(f"{world.prefix}upstream")
    await writer.start()
    await writer.begin()
    for answer in await writer.send(
        Partition(world.names.consents, 1), [consent(suspension(subject), "sekisho.suspension.ordered.v1")]
    ):
        await answer
    await world.ask(request(subject))
    (decision,) = await world.decisions(1)
    assert codes(decision) == ["consent.state_stale"]
    assert decision["circumstances"] == {"kind": "hold", "code": "consent.state_stale"}
    await writer.commit()
    await world.ask(request(subject))
    *_, decision = await world.decisions(2)
    assert codes(decision) == ["subject.use_suspended"]
    await writer.stop()


async def test_a_person_with_too_many_events_is_refused(world: World) -> None:
    """Above the limit nothing is decided about the person, and others are."""
    await world.gate(limits=changed(LIMITS, subject_events=3))
    subject, other = subject_in(1), subject_in(1, 1)
    for _ in range(4):
        await world.tell(suspension(subject))
    await world.ask(request(subject), request(other))
    refused, allowed = await world.decisions(2)
    assert codes(refused) == ["subject.too_many_events"]
    assert refused["circumstances"] == {"kind": "limit", "code": "subject.too_many_events", "limit": 3}
    assert allowed["effect"] == "allow"


async def test_an_answer_above_the_limit_becomes_a_refusal(world: World) -> None:
    """An encoded output that is too large is answered deny `request.too_large` instead."""
    await world.gate(limits=changed(LIMITS, output_bytes=6_000))
    await world.ask(
        request(subject_in(1), items=[f"no.such.item.{number}" for number in range(80)]),
        request(subject_in(1)),
    )
    large, small = await world.decisions(2)
    assert codes(large) == ["request.too_large"]
    assert large["items"] == []
    assert small["effect"] == "allow"


async def test_time_does_not_go_back_within_a_partition(world: World) -> None:
    """`decided_at` is no earlier than the append time, and than the partition's previous decision."""
    await world.gate()
    for _ in range(3):
        await world.ask(*(request(subject_in(0)) for _ in range(5)))
    decisions = await world.decisions(15)
    times = [each["decided_at"] for each in decisions]
    assert times == sorted(times)
    assert all(each["decided_at"][:23] >= each["appended_at"][:23] for each in decisions)


async def test_a_clock_that_is_off_pauses_the_gate(world: World) -> None:
    """Nothing is decided by a clock far behind the append times; the gate is unready until the clock is right again."""
    off = [0.0]
    world.clocks = Clocks(lambda: time.time() + off[0], time.monotonic)
    gate = await world.gate()
    off[0] = -60.0
    await world.ask(request(subject_in(1)))
    await world.until(lambda: not world.health[id(gate)].ready)
    assert await world.data(world.names.decisions) == []
    off[0] = 0.0
    await world.decisions(1)
    await world.until(lambda: world.health[id(gate)].ready)


@pytest.mark.parametrize("ahead", [86_400.0, -86_400.0])
async def test_a_clock_that_is_off_at_the_start_decides_no_backlog(world: World, ahead: float) -> None:
    """The gate's own rulebook, read back, tells it: unready, the backlog waits until the clock is set right."""
    off = [ahead]
    world.clocks = Clocks(lambda: time.time() + off[0], time.monotonic)
    await world.ask(request(subject_in(1)))
    with capture_logs() as told:
        gate = await world.gate(ready=False)
    assert "clock_off" in [line["event"] for line in told]
    (clock,) = [one for one in world.health[id(gate)].conditions() if one.name == "clock"]
    assert clock.cause == "clock_skew"
    await world.until(lambda: gate.lanes is not None and len(gate.lanes.lanes) == world.partitions)
    await asyncio.sleep(0.5)
    assert await world.data(world.names.decisions) == []
    off[0] = 0.0
    await world.decisions(1)
    await world.until(lambda: world.health[id(gate)].ready)


async def test_a_brokers_clock_that_is_set_right_frees_an_idle_gate(
    topic_prefix: str, tmp_path: Path
) -> None:
    """The broker's clock was wrong when the gate started: the rulebook is published again, and excuses."""
    ahead = [3600.0]
    config = MemoryConfig(max_batch_bytes=524_288, transaction_timeout_ms=10_000, rebalance_timeout_s=5)
    log = MemoryLog(config, lambda: int((time.time() + ahead[0]) * 1000))
    world = World(log, topic_prefix, tmp_path)
    await world.create()
    gate = await world.gate(ready=False)
    try:
        assert not world.health[id(gate)].ready
        ahead[0] = 0.0
        await world.until(lambda: world.health[id(gate)].ready)
    finally:
        await world.close()


async def test_a_brokers_clock_that_is_set_right_ends_the_pause_of_a_full_inbox(
    topic_prefix: str, tmp_path: Path
) -> None:
    """Records of an hour ahead fill the inbox; the newest one behind them is looked at all the same, and excuses."""
    ahead = [0.0]
    config = MemoryConfig(max_batch_bytes=524_288, transaction_timeout_ms=10_000, rebalance_timeout_s=5)
    log = MemoryLog(config, lambda: int((time.time() + ahead[0]) * 1000))
    world = World(log, topic_prefix, tmp_path, limits=changed(LIMITS, turn_records=1, turn_bytes=1))
    await world.create()
    gate = await world.gate()
    ahead[0] = 3600.0
    try:
        await world.ask(*(request(subject_in(1)) for _ in range(40)))
        await world.until(lambda: not world.health[id(gate)].ready)
        ahead[0] = 0.0
        subjects = [request(subject_in(1)) for _ in range(2)]
        for each in subjects:
            await asyncio.sleep(1.5)  # so that the gate knows the end before the next one
            await world.ask(each)
        await world.decisions(42)
        await world.until(lambda: world.health[id(gate)].ready)
    finally:
        await world.close()
