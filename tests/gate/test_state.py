"""A lane's state: folds that do not depend on order, offsets stored with what they cover, folders that may be lost."""

from __future__ import annotations

import json
import subprocess
import sys
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
from sekisho.gate import intake
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


def test_request_ids_older_than_the_window_are_forgotten(tmp_path: Path) -> None:
    """The oldest first, however few at a time; what lies in the window stays."""
    state = LaneState(tmp_path)
    keys = [IdKey("C-1", "post-office", f"r-{number:02}") for number in range(10)]
    entries = {key: IdEntry(number, number * 100, b"d" * 32, number) for number, key in enumerate(keys)}
    state.apply_outputs(entries, [], state.marks)
    assert sum(state.sweep(500, 3) for _ in range(4)) == 5
    assert [state.entry(key) is None for key in keys] == [True] * 5 + [False] * 5
    state.close()


def test_an_id_used_anew_after_its_window_is_not_forgotten_with_the_old_use(tmp_path: Path) -> None:
    """Each use has an age of its own; what the newer one says stays until it is old itself, over a restart too."""
    state = LaneState(tmp_path)
    key = IdKey("C-1", "post-office", "r-1")
    for offset, appended in ((0, 100), (7, 900)):
        state.apply_outputs({key: IdEntry(offset, appended, b"d" * 32, offset)}, [], state.marks)
    assert state.sweep(100, 9) == 0
    state.close()
    state = LaneState(tmp_path)
    assert state.sweep(500, 9) == 1
    assert state.entry(key) == IdEntry(7, 900, b"d" * 32, 7)
    assert state.sweep(900, 9) == 0
    assert state.sweep(901, 9) == 1
    assert state.entry(key) is None
    assert state.sweep(10_000, 9) == 0
    state.close()


def test_an_id_stored_with_an_earlier_time_than_what_was_forgotten_is_found(tmp_path: Path) -> None:
    """Append times go back where a partition's leader changes: the walk through the ages begins low enough again."""
    state = LaneState(tmp_path)
    late, early = (IdKey("C-1", "post-office", name) for name in ("late", "early"))
    state.apply_outputs({late: IdEntry(0, 500, b"d" * 32, 0)}, [], state.marks)
    assert state.sweep(501, 9) == 1
    state.apply_outputs({early: IdEntry(1, 400, b"d" * 32, 1)}, [], state.marks)
    assert state.sweep(501, 9) == 1
    assert state.entry(early) is None
    state.close()


def test_rejections_that_wait_are_found_whatever_was_settled_before(tmp_path: Path) -> None:
    """In their order, those that came later with a lower offset too, and after a restart."""
    state = LaneState(tmp_path)
    assert state.pending(9) == []
    state.apply_consents(ConsentWrite({}, dict.fromkeys((20, 21, 22), b"r"), next=23))
    assert [offset for offset, _ in state.pending(2)] == [20, 21]
    state.apply_outputs({}, [20, 21, 22], state.marks)
    assert state.pending(9) == []
    state.apply_consents(ConsentWrite({}, {5: b"r", 30: b"r"}, next=31))
    assert state.pending(9) == [(5, b"r"), (30, b"r")]
    state.close()
    state = LaneState(tmp_path)
    assert [offset for offset, _ in state.pending(9)] == [5, 30]
    state.close()


_FOLD_UNTIL_KILLED = """
import sys
from pathlib import Path
from sekisho.gate.state import ConsentWrite, LaneState, StoredEvent
state, size = LaneState(Path(sys.argv[1])), 50
for first in range(0, 10**9, size):
    events = {(f"C-{n % 97}", f"e-{n}"): StoredEvent(n, b"x" * 800) for n in range(first, first + size)}
    state.apply_consents(ConsentWrite(events, next=first + size, last=first + size - 1, hash="h"))
    print(first + size, flush=True)
"""


@pytest.mark.parametrize("folds", [3, 700])
def test_a_restore_that_is_killed_goes_on_where_its_state_stands(tmp_path: Path, folds: int) -> None:
    """However it dies, the events stored are those before the offset stored with them, in memory or files alike."""
    with subprocess.Popen(
        [sys.executable, "-c", _FOLD_UNTIL_KILLED, str(tmp_path)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        told = [int(process.stdout.readline()) for _ in range(folds)][-1]
        process.kill()
    state = LaneState(tmp_path)
    known = state.marks.consents_next
    assert known >= told
    assert state.marks.consent_last == known - 1
    found = sorted(each.offset for number in range(97) for each in state.events(f"C-{number}", known))
    assert found == list(range(known))
    state.close()


def test_decoded_events_are_kept_by_number_of_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few persons with many events are not kept in place of many persons; what was forgotten is read again."""
    monkeypatch.setattr(intake, "_CACHED_EVENTS", 10)
    state = LaneState(tmp_path)
    stored = {}
    for number in range(6):
        for event_id in (f"e-{n}" for n in range(3)):
            data = json.dumps(suspension(f"C-{number}", event_id)).encode()
            stored[f"C-{number}", event_id] = StoredEvent(0, SUSPENDED.encode() + b"\0" + data)
    state.apply_consents(ConsentWrite(stored, next=18))
    persons, read = Persons(state, 0, 1000), list[str]()

    def look_up(self: LaneState, subject_id: str, limit: int) -> list[StoredEvent]:
        read.append(subject_id)
        return whole(self, subject_id, limit)

    whole = LaneState.events
    monkeypatch.setattr(LaneState, "events", look_up)
    for subject in ("C-0", "C-1", "C-2", "C-2", "C-3", "C-3", "C-0"):
        found = persons.events(subject)
        assert found is not None
        assert len(found) == 3
    assert read == ["C-0", "C-1", "C-2", "C-3", "C-0"]
    persons.forget({"C-0", "C-9"})
    persons.events("C-3")
    persons.events("C-0")
    assert read[5:] == ["C-0"]
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


def test_a_folder_that_another_process_holds_is_left_alone(tmp_path: Path) -> None:
    """RocksDB says it in other words than of one that this process holds."""
    state = open_state(tmp_path, 3, lambda _: None)
    state.identify(Identity(4, {"requests": "mine"}))
    code = """
import sys
from pathlib import Path
from sekisho.gate.state import open_state
told = []
open_state(Path(sys.argv[1]), 3, told.append).close()
print(*told)
"""
    asked = [sys.executable, "-c", code, str(tmp_path)]
    found = subprocess.run(asked, check=True, capture_output=True, text=True)
    assert found.stdout.split() == ["locked", "missing"]
    assert state.identity == Identity(4, {"requests": "mine"})
    state.close()


def stored_in_blocks(folder: Path) -> Path:
    """A closed state of many blocks, with 50 persons' suspensions; gives its only table file."""
    state = open_state(folder, 3, lambda _: None)
    state.identify(Identity(4, {"requests": "x"}))
    events = {
        (f"C-{number % 50:02}", f"e-{number}"): StoredEvent(number, b"%d" % number * 99)
        for number in range(2000)
    }
    state.apply_consents(ConsentWrite(events, next=2000))
    state._db.flush()
    state.close()
    (table,) = state.path.glob("*.sst")
    return table


def spoil(table: Path, at: int) -> None:
    """Turns some bits of a file around, as a bad disk does."""
    content = bytearray(table.read_bytes())
    content[at : at + 8] = bytes(byte ^ 0xFF for byte in content[at : at + 8])
    table.write_bytes(content)


def test_a_spoilt_block_is_no_lock(tmp_path: Path) -> None:
    """RocksDB's "block checksum mismatch" has "lock" in it: the folder is deleted and made anew, not left alone."""
    table = stored_in_blocks(tmp_path)
    spoil(table, 20)  # the first block holds identity and marks
    with pytest.raises(StateError, match="block checksum mismatch"):
        LaneState(table.parent)
    told: list[str] = []
    state = open_state(tmp_path, 3, told.append)
    assert told == ["corrupt"]
    assert (state.path, state.identity) == (table.parent, None)
    state.close()


def test_a_spoilt_block_hides_no_event(tmp_path: Path) -> None:
    """A cursor that meets one ends as if nothing stood behind: a suspension would not be seen. It is told instead."""
    table = stored_in_blocks(tmp_path)
    spoil(table, table.stat().st_size // 2)
    state = LaneState(table.parent)
    found, failures = [], []
    for number in range(50):
        try:
            found.append(len(state.events(f"C-{number:02}", 99)))
        except StateError as error:
            failures.append(str(error))
    assert set(found) == {40}
    assert failures
    assert all("checksum" in each for each in failures)
    state.close()


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


def test_large_events_count_as_several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept is bounded by bytes too: one event may have 256 KB."""
    monkeypatch.setattr(intake, "_CACHED_EVENTS", 10)
    state = LaneState(tmp_path)
    for number in range(3):
        event = suspension(f"C-{number}", f"e-{number}") | {
            "items": [f"a-longer-item-{n:04d}" for n in range(500)]
        }
        large = StoredEvent(0, SUSPENDED.encode() + b"\0" + json.dumps(event).encode())
        state.apply_consents(ConsentWrite({(f"C-{number}", f"e-{number}"): large}, next=number + 1))
    persons = Persons(state, 0, 1000)
    first = persons.events("C-0")
    assert persons.events("C-0") is first
    persons.events("C-1")
    persons.events("C-2")
    again = persons.events("C-0")
    assert again is not first
    assert again == first
    state.close()
