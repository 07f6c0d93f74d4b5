"""A lane's state: folds that do not depend on order, offsets stored with what they cover, folders that may be lost."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.world import HMAC_KEY, SUSPENDED, consent, request, rulebook, subject_in, suspension
from sekisho.contracts import access_requests
from sekisho.domain.decision import decide
from sekisho.domain.verdict import Verdict
from sekisho.gate.follow import ConsentFollower
from sekisho.gate.intake import Persons, consent_reading
from sekisho.gate.rejecting import EVENT_REUSED, Rejecter, packed, unpacked
from sekisho.gate.state import (
    ConsentWrite,
    Identity,
    IdEntry,
    IdKey,
    LaneState,
    Marks,
    StateError,
    StoredEvent,
    open_state,
)
from sekisho.log.memory import MemoryConfig, MemoryLog
from sekisho.log.port import Partition

LIFTED = "sekisho.suspension.lifted.v1"
GRANTED = "sekisho.consent.granted.v1"
SUBJECT = subject_in(0)
NOW = datetime.now(UTC)


def events() -> list[tuple[str, dict[str, Any]]]:
    """What became known of one person: suspensions, one of them lifted, consents, one withdrawn."""
    suspended = [suspension(SUBJECT, f"e-{n}", suspension_id=f"S-{n}") for n in range(3)]
    grants = [
        {
            "event_id": f"g-{n}", "subject_id": SUBJECT, "consent_id": f"CS-{n}", "kind": "purpose",
            "controller": "savings-bank", "given_at": "2026-01-01T09:00:00+09:00", "method": "written",
            "purposes": ["savings.maturity_notice"],
        }
        for n in range(2)
    ]  # fmt: skip
    lifted = {
        "event_id": "l-1", "subject_id": SUBJECT, "suspension_id": "S-1", "lifted_at": NOW.isoformat(),
    }  # fmt: skip
    withdrawn = {
        "event_id": "w-1", "subject_id": SUBJECT, "consent_id": "CS-1", "withdrawn_at": NOW.isoformat(),
    }  # fmt: skip
    return [
        *((SUSPENDED, each) for each in suspended),
        *((GRANTED, each) for each in grants),
        (LIFTED, lifted),
        ("sekisho.consent.withdrawn.v1", withdrawn),
    ]


EVENTS = events()


async def folded(order: list[tuple[str, dict[str, Any]]]) -> tuple[dict[str, bytes], Verdict]:
    """The state after these events in this order (contents by event id), and what the core says on it."""
    log = MemoryLog(MemoryConfig(524_288, 10_000, 5), lambda: 1_795_000_000_000)
    at = Partition("consent-events", 0)
    await log.create(at.topic, 1, 1, {})
    writer = log.writer()
    for kind, event in order:
        await writer.send(at.topic, consent(event, kind), 0)
    with tempfile.TemporaryDirectory() as folder:
        state = LaneState(Path(folder))
        reader = log.partition_reader()
        await reader.assign({at: 0})
        rejecter = Rejecter(at.topic, "id", 0, HMAC_KEY, lambda: NOW)
        follower = ConsentFollower(reader, at, state, consent_reading(0, 1, rejecter, 262_144), 10)
        while follower.next < await reader.high_watermark(at):
            await follower.advance()
        known = Persons(state, 0, 1000).events(SUBJECT)
        stored = {
            json.loads(each.encoded.partition(b"\0")[2])["event_id"]: each.encoded
            for each in state.events(SUBJECT, 99)
        }
        state.close()
    assert known is not None
    asked = access_requests.decode(json.dumps(request(SUBJECT, "r-1", requested_at=NOW.isoformat())).encode())
    return stored, decide(asked, known, rulebook().book, NOW)


@settings(max_examples=25, deadline=None)
@given(order=st.permutations(EVENTS))
async def test_the_order_of_events_changes_nothing(order: list[tuple[str, dict[str, Any]]]) -> None:
    """Any permutation of events with distinct ids gives the same facts and the same verdict (runtime.md, State)."""
    assert await folded(order) == await folded(EVENTS)


def test_a_write_and_its_offset_are_read_back_together(tmp_path: Path) -> None:
    """What was applied, up to where, and which log it came from survive a restart."""
    state = LaneState(tmp_path)
    state.identify(Identity(4, {"requests": "x"}))
    write = ConsentWrite(
        {("C-1", "e-1"): StoredEvent(7, b"type\0{}")}, {8: b"rejection"}, next=9, last=8, hash="ab"
    )
    state.apply_consents(write)
    state.close()
    again = LaneState(tmp_path)
    assert again.identity == Identity(4, {"requests": "x"})
    assert again.marks == Marks(consents_next=9, consent_last=8, consent_hash="ab")
    assert again.event("C-1", "e-1") == StoredEvent(7, b"type\0{}")
    assert again.pending(10) == [(8, b"rejection")]
    again.apply_outputs({}, [8], again.marks)
    assert again.pending(10) == []
    assert again.is_settled(8)
    again.close()


def test_persons_whose_ids_begin_alike_are_kept_apart(tmp_path: Path) -> None:
    """C-1's events are not C-10's."""
    state = LaneState(tmp_path)
    stored = {(subject, "e"): StoredEvent(0, subject.encode()) for subject in ("C-1", "C-10", "C-")}
    state.apply_consents(ConsentWrite(stored, next=1))
    assert [each.encoded for each in state.events("C-1", 9)] == [b"C-1"]
    assert state.events("C-1", 0) == []
    state.close()


def test_request_ids_older_than_the_window_are_forgotten_in_rounds(tmp_path: Path) -> None:
    """A round looks at every id once, however few at a time; what lies in the window stays."""
    state = LaneState(tmp_path)
    keys = [IdKey("C-1", "post-office", f"r-{number:02}") for number in range(10)]
    entries = {key: IdEntry(number, number * 100, b"d" * 32, number) for number, key in enumerate(keys)}
    state.apply_outputs(entries, [], state.marks)
    assert sum(state.sweep(500, 3) for _ in range(4)) == 5
    assert [state.entry(key) is None for key in keys] == [True] * 5 + [False] * 5
    state.close()


def test_folders_are_given_up_as_their_faults_ask(tmp_path: Path) -> None:
    """Missing: made; held by another: left alone, the next is taken; corrupt: deleted and made anew."""
    told: list[str] = []
    first = open_state(tmp_path, 3, told.append)
    first.identify(Identity(4, {}))
    second = open_state(tmp_path, 3, told.append)
    assert told == ["missing", "locked", "missing"]
    assert second.path != first.path
    first.close()
    (first.path / "CURRENT").write_text("garbage")
    third = open_state(tmp_path, 3, told.append)
    assert told[3:] == ["corrupt"]
    assert third.path == first.path
    assert third.identity is None
    second.close()
    third.close()


def test_a_state_of_another_format_is_not_read(tmp_path: Path) -> None:
    """What a later version has written is restored, never guessed at."""
    state = LaneState(tmp_path)
    state._db.put(b"\x00identity", json.dumps({"format": 99}).encode())
    state.close()
    with pytest.raises(StateError, match="another format"):
        LaneState(tmp_path)


def test_outgoing_rejections_survive_the_state() -> None:
    """A rejected event that waits is written as it was made, its key included."""
    rejecter = Rejecter("consent-events", "id", 0, HMAC_KEY, lambda: NOW)
    made = rejecter.reject(5, "id_reused", EVENT_REUSED, field="event_id")
    assert unpacked(packed(made)) == made
    assert unpacked(packed(made._replace(key=b""))) == made._replace(key=b"")
