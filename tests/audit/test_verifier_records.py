"""Forged records, rejected events, forwarding, transactions and sends: each must be found, at its place."""

from __future__ import annotations

import json
from typing import Any

import pytest

from audit.scenario import LANE, NAMES, PREFIX, Forger, person
from faults import messages
from gate.world import HMAC_KEY, subject_in
from sekisho.audit import Sent, consents
from sekisho.contracts import rejected_events
from sekisho.gate import routing
from sekisho.log.port import Outgoing, Partition

Json = dict[str, Any]


async def test_a_missing_record_is_found(forger: Forger) -> None:
    """Every allowed provision leaves its record, and the finding names the decision."""
    forger.erase(forger.provision_record("provision"))
    report = await forger.check()
    assert report.totals == {"record.missing": 1}
    assert report.findings[0].offset == forger.answer("provision").offset


async def test_a_doubled_record_is_found(forger: Forger) -> None:
    """Exactly one record each."""
    forger.add(forger.provision_record("second provision"))
    assert (await forger.check()).totals == {"record.doubled": 1}


async def test_a_record_for_a_denial_is_found(forger: Forger) -> None:
    """A refused provision leaves none."""
    stopped = forger.answer("stopped")
    record = forger.provision_record("second provision")
    forger.add(record)
    copied = forger.records(NAMES.records)[-1]
    forger.change(
        copied,
        lambda data: data.update(
            decision_id=_decision_id(stopped.value), request_position=_position(stopped.value)
        ),
    )
    totals = (await forger.check()).totals
    assert totals["record.unowed"] == 1


async def test_a_record_of_no_decision_is_found(forger: Forger) -> None:
    """A record that names a decision that was never made."""
    forger.add(forger.provision_record("second provision"))
    forger.change(
        forger.records(NAMES.records)[-1],
        lambda data: data.update(decision_id="00000000-0000-5000-8000-000000000000"),
    )
    assert (await forger.check()).totals == {"record.unowed": 1}


PARTICULARS: list[Json] = [
    {"items": ["customer.name"]},
    {"provided_on": "2020-01-01"},
    {"retain_until": "2020-01-01"},
    {"controller": "post-office"},
    {"subject": {"id": "C-999999", "kind": "individual"}},
    {"consent": None},
    {"created_at": "2020-01-01T00:00:00.000000Z"},
    {"rulebook": {"version": "0", "digest": "sha256:0"}},
]


@pytest.mark.parametrize("forged", PARTICULARS)
async def test_altered_particulars_are_found(forger: Forger, forged: Json) -> None:
    """Every particular of a record is the one that the core gives (ER 20)."""
    forger.change(forger.provision_record("provision"), lambda data: data.update(forged))
    report = await forger.check()
    # the header tells when it was made too
    assert report.totals == {"record.altered": 2 if "created_at" in forged else 1}
    assert any(next(iter(forged)) in each.detail for each in report.findings)


async def test_a_record_id_that_is_not_derived_is_found(forger: Forger) -> None:
    """A record's id follows from its decision's."""
    forger.change(
        forger.provision_record("provision"),
        lambda data: data.update(record_id="00000000-0000-5000-8000-000000000000"),
    )
    assert (await forger.check()).totals == {
        "decision.id": 1,
        "record.altered": 1,
    }  # its header tells the old id


async def test_records_in_another_order_are_found(forger: Forger) -> None:
    """Records stand in the order of their requests."""
    forger.swap(forger.provision_record("provision"), forger.provision_record("second provision"))
    assert (await forger.check()).totals == {"record.order": 1}


# rejected events


@pytest.mark.parametrize("name", ["unreadable", "dead", "large", "misspelt", "provision reused", "bad event"])
async def test_a_missing_rejected_event_is_found(forger: Forger, name: str) -> None:
    """Whatever is not acceptable has exactly one rejected event."""
    forger.erase(forger.rejected(name))
    report = await forger.check()
    assert report.totals == {"rejected.missing": 1}
    place = forger.places[name]
    assert report.findings[0].place == f"{place.topic} {place.partition}:{forger.offsets[name]}"


async def test_a_doubled_rejected_event_is_found(forger: Forger) -> None:
    """Told twice, it is one too many."""
    forger.add(forger.rejected("unreadable"))
    assert (await forger.check()).totals == {"rejected.doubled": 1}


@pytest.mark.parametrize("name", ["use", "consent 0", "suspension again"])
async def test_a_rejected_event_for_a_good_message_is_found(forger: Forger, name: str) -> None:
    """What is acceptable is not rejected."""
    forger.add(forger.rejected("unreadable"))
    place, offset = forger.places[name], forger.offsets[name]
    position = {"topic": place.topic, "partition": place.partition, "offset": offset}
    forger.change(forger.records(NAMES.rejected)[-1], lambda data: data.update(position=position))
    assert (await forger.check()).totals == {"rejected.unasked": 1}


async def test_a_rejected_event_about_nothing_is_found(forger: Forger) -> None:
    """One that names no position of its partition's inputs."""
    forger.add(forger.rejected("unreadable"), partition=3)
    assert (await forger.check()).totals == {"rejected.unasked": 1}


REJECTIONS: list[Json] = [
    {"rejected_id": "00000000-0000-5000-8000-000000000000"},
    {"cause": "tombstone"},
    {"size": 1},
    {"payload_hmac": "hmac-sha256:" + "0" * 64},
    {"field": "purpose"},
]


@pytest.mark.parametrize("forged", REJECTIONS)
async def test_an_altered_rejected_event_is_found(forger: Forger, forged: Json) -> None:
    """It says what was wrong, under the derived id, with the keyed hash of the payload."""
    forger.change(forger.rejected("unreadable"), lambda data: data.update(forged))
    report = await forger.check()
    assert set(report.totals) == {"rejected.altered"}
    assert any(next(iter(forged)) in each.detail for each in report.findings)


async def test_without_the_key_payloads_are_not_compared(forger: Forger) -> None:
    """An auditor who does not hold the key compares everything else."""
    forged = rejected_events.payload_hmac(b"something else", HMAC_KEY)
    forger.change(forger.rejected("unreadable"), lambda data: data.update(payload_hmac=forged))
    assert (await forger.check(hmac_key=None)).ok


async def test_an_unreadable_rejected_event_is_found(forger: Forger) -> None:
    """One that does not follow the contract tells nothing."""
    forger.replace(forger.rejected("unreadable"), value=b"[]")
    assert (await forger.check()).totals == {"rejected.unreadable": 1, "rejected.missing": 1}


# consent events


async def test_a_misrouted_event_that_was_not_forwarded_is_found(forger: Forger) -> None:
    """It must not be lost; while gates go on it may be under way."""
    forger.erase(forger.records(NAMES.consents, 2)[0])
    report = await forger.check()
    assert report.totals["consent.not_forwarded"] == 1
    assert report.findings[-1].offset == forger.offsets["misrouted event"]


async def test_an_event_forwarded_twice_is_found(forger: Forger) -> None:
    """Exactly once, by the router's transactions."""
    forger.add(forger.records(NAMES.consents, 2)[0])
    assert (await forger.check()).totals == {"consent.forwarded_twice": 1}


async def test_a_forwarded_event_with_another_content_is_found(forger: Forger) -> None:
    """Forwarding changes nothing but a header."""
    forwarded = forger.records(NAMES.consents, 2)[0]
    forger.change(forwarded, lambda data: data.update(kind="use"))
    assert "consent.forward_false" in (await forger.check()).totals


async def test_a_forwarded_event_that_names_no_misrouted_one_is_found(forger: Forger) -> None:
    """A forwarding header is the router's alone."""
    event = messages.told(messages.SUSPENDED, messages.suspension(subject_in(3)))
    header = (routing.FIRST_POSITION, f"{NAMES.consents}/{LANE}/0".encode())
    forger.append(Partition(NAMES.consents, 3), event._replace(headers=[*event.headers, header]))
    assert (await forger.check()).totals == {"consent.forward_false": 1}


async def test_an_undecodable_consent_event_holds_its_partition(forger: Forger) -> None:
    """Until an operator has passed it in writing, nothing behind it is known."""
    offset = forger.faults.append_undecodable(Partition(NAMES.consents, 3))
    assert (await forger.check()).totals == {"consent.held": 1}
    forger.add(forger.rejected("dead event"), partition=3)
    position = {"topic": NAMES.consents, "partition": 3, "offset": offset}
    forger.change(
        forger.records(NAMES.rejected, 3)[-1],
        lambda data: data.update(position=position, cause="skipped"),
    )
    assert (await forger.check()).ok


async def test_an_undecodable_request_has_its_rejected_event(forger: Forger) -> None:
    """A request that the log cannot give is rejected, never answered."""
    forger.faults.append_undecodable(Partition(NAMES.requests, 3))
    report = await forger.check()
    assert report.totals == {"rejected.missing": 1}
    assert "undecodable" in report.findings[0].detail


# the log


@pytest.mark.parametrize("topic", [NAMES.decisions, NAMES.records, NAMES.rejected, NAMES.consents])
async def test_an_open_transaction_is_found(forger: Forger, topic: str) -> None:
    """A last stable offset that stays below the end, after the time for settling."""
    forger.leave_open(Partition(topic, 3))
    report = await forger.check()
    assert report.totals == {"transaction.open": 1}
    assert (report.findings[0].topic, report.findings[0].partition) == (topic, 3)


async def test_topics_with_different_partitions_are_found(forger: Forger) -> None:
    """Keys and outputs route by the count: nothing can be compared then."""
    forger.faults.add_partition(NAMES.decisions)
    report = await forger.check()
    assert report.totals == {"topics.partitions": 1}


async def test_times_that_are_not_the_brokers_are_told(forger: Forger) -> None:
    """Where senders set the inputs' times, freshness cannot be told from them, and the report says so."""
    forger.log.store.topics[NAMES.requests].config = {}
    report = await forger.check()
    assert report.ok, str(report)
    assert len(report.notes) == 1


# what was sent


async def test_an_acknowledged_message_that_is_gone_is_found(forger: Forger) -> None:
    """What its sender holds an acknowledgement of must be there."""
    lost = Sent(NAMES.requests, LANE, 900, "0" * 64)
    report = await forger.check(sent=(*forger.sent, lost))
    assert report.totals == {"sent.lost": 1}
    assert report.findings[0].offset == 900


async def test_an_acknowledged_message_that_is_another_is_found(forger: Forger) -> None:
    """And with the content that was sent."""
    other = [each._replace(sha256="0" * 64) if each.offset == 0 else each for each in forger.sent[:1]]
    assert (await forger.check(sent=other)).totals == {"sent.altered": 1}


async def test_many_findings_are_counted_and_the_first_ones_told(forger: Forger) -> None:
    """A report stays readable whatever has happened."""
    sent = [Sent(NAMES.requests, LANE, 900 + number, "0" * 64) for number in range(80)]
    report = await forger.check(sent=sent)
    assert report.totals == {"sent.lost": 80}
    assert len(report.findings) == 50
    assert "30 more" in str(report)
    assert report.exit_code == 1


async def test_unread_requests_of_a_stopped_gate_are_lost(forger: Forger) -> None:
    """A request that was acknowledged and never answered, once the gates are said to be done."""
    forger.append(Partition(NAMES.requests, LANE), messages.asked(messages.request(person(0))))
    assert (await forger.check()).totals == {"request.lost": 1}
    assert (await forger.check(settled=False)).counts.pending == 1


async def test_an_unread_bad_message_is_pending_while_gates_go_on(forger: Forger) -> None:
    """Its rejected event may be under way."""
    forger.append(Partition(NAMES.requests, LANE), Outgoing(b"x", b"[]"))
    assert (await forger.check()).totals == {"rejected.missing": 1}
    running = await forger.check(settled=False)
    assert running.ok, str(running)
    assert running.counts.pending == 1


def test_the_forwarding_header_is_the_routers() -> None:
    """The verifier, which imports nothing of the gate, knows the header by the same name."""
    assert consents.FIRST_POSITION == routing.FIRST_POSITION
    assert NAMES.requests == PREFIX + "access-requests"


def _decision_id(value: bytes | None) -> str:
    return str(json.loads(value or b"{}")["decision_id"])


def _position(value: bytes | None) -> Json:
    found: Json = json.loads(value or b"{}")["request_position"]
    return found
