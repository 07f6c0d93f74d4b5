"""The parts of ingestion that know no database: scopes, times, pauses, the index of decisions, policies."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.ingest.lodging import decision, message, record
from sekisho.domain.retention import effective
from sekisho.ledger.ingest.clock import Accepted, ClockBehindError, ingestion_time
from sekisho.ledger.ingest.following import served_by
from sekisho.ledger.ingest.pauses import Pauses
from sekisho.ledger.ingest.pseudonyms import Pseudonyms, SubjectKeyError
from sekisho.ledger.ingest.reading import RecordReader, rid_of
from sekisho.ledger.ingest.scopes import ScopeState, Stated, change
from sekisho.ledger.merkle.canonical import canonicalized, commit
from sekisho.log.memory_partition import MemoryRecord
from sekisho.log.port import Outgoing

NAMES = Pseudonyms(b"k" * 32)
NOON = datetime(2026, 11, 21, 3, tzinfo=UTC)
DAYS = st.one_of(st.none(), st.dates(date(2026, 1, 1), date(2030, 12, 31)))


def read(out: Outgoing, offset: int = 7) -> MemoryRecord:
    """A message as a reader gets it."""
    return MemoryRecord("topic", 0, offset, 0, out.key, out.value, tuple(out.headers))


# scopes


@given(st.lists(st.lists(DAYS, min_size=1, max_size=4), min_size=1, max_size=6))
def test_after_every_batch_all_records_of_a_scope_end_together(batches: list[list[date | None]]) -> None:
    """Whatever records state in whatever order: with the extensions written, all have the same effective last day."""
    stated: list[date | None] = []
    extensions: list[date | None] = []
    for number, batch in enumerate(batches):
        new = [Stated(until, NOON + timedelta(minutes=number)) for until in batch]
        days = [day for day in stated if day is not None]
        first = max(days, default=None) if extensions or not stated else stated[0]
        needed = change(ScopeState(bool(stated), first, tuple(extensions), None), new)
        stated += batch
        if needed is not None:
            extensions.append(needed.until)
        assert len({effective(each, extensions) for each in stated}) == 1


@given(st.lists(DAYS, min_size=1, max_size=8))
def test_a_scope_ends_never_before_what_a_record_states(days: list[date | None]) -> None:
    """The day only moves forward, and what was stated last opens it again or not."""
    extensions: list[date | None] = []
    for index, until in enumerate(days):
        known = [day for day in days[:index] if day is not None]
        first = max(known, default=None) if extensions or not index else days[0]
        state = ScopeState(index > 0, first, tuple(extensions))
        needed = change(state, [Stated(until, NOON)])
        extensions += [] if needed is None else [needed.until]
        ends = effective(days[0], extensions)
        assert ends is None if until is None else ends is not None and ends >= until


def test_a_record_that_came_late_opens_no_scope_again() -> None:
    """Partitions are read side by side: one created before the end was stated changes nothing but its own end."""
    end, before = date(2029, 11, 20), NOON - timedelta(days=1)
    state = ScopeState(True, end, (), NOON)
    needed = change(state, [Stated(None, before)])
    assert needed is not None
    assert needed.until == end
    later = change(state, [Stated(None, NOON + timedelta(days=1))])
    assert later is not None
    assert later.until is None


def test_who_states_nothing_opens_nothing() -> None:
    """A policy whose outcome tells no end leaves the end that another outcome told."""
    assert change(ScopeState(True, None, (date(2036, 1, 1),)), [Stated(None, None)]) is None
    assert change(ScopeState(True, None), [Stated(None, None)]) is None


# times


def test_time_never_goes_back_within_what_clocks_may_differ() -> None:
    """A clock a little behind takes the log's last time; one further behind writes nothing."""
    assert ingestion_time(NOON, None, 5) == NOON
    assert ingestion_time(NOON, NOON - timedelta(hours=1), 5) == NOON
    assert ingestion_time(NOON, NOON + timedelta(seconds=4), 5) == NOON + timedelta(seconds=4)
    with pytest.raises(ClockBehindError, match="accept-clock"):
        ingestion_time(NOON, NOON + timedelta(seconds=6), 5)


def test_an_accepted_step_back_lets_time_go_back_and_no_further() -> None:
    """From the time that was accepted to the one it was accepted at: not before it, and not from a later one."""
    was, now = NOON + timedelta(days=1), NOON
    accepted = Accepted(was, now)
    assert ingestion_time(now, was, 5, accepted) == now
    with pytest.raises(ClockBehindError):
        ingestion_time(now - timedelta(seconds=1), was, 5, accepted)
    with pytest.raises(ClockBehindError):
        ingestion_time(now, was + timedelta(seconds=1), 5, accepted)


def test_pauses_grow_to_their_limit_and_begin_anew() -> None:
    """No busy loop, and no waiting for long after what was mended."""
    pauses = Pauses(1, 30, lambda: 1.0)
    assert [pauses.next() for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    pauses.over()
    assert pauses.next() == 1
    assert Pauses(1, 30, lambda: 0.0).next() == 0.5


# reading


@given(st.binary(min_size=16, max_size=16))
def test_a_rid_is_a_random_uuid(chance: bytes) -> None:
    """Version 4, variant of RFC 9562, in the form of leaves."""
    rid = rid_of(chance)
    assert str(uuid.UUID(rid)) == rid
    assert uuid.UUID(rid).version == 4
    assert uuid.UUID(rid).variant == uuid.RFC_4122


def test_a_record_is_committed_to_as_canonical_json() -> None:
    """Its body is the canonical form of what was sent; its salt is new each time."""
    taken = RecordReader(NAMES).take([read(message(record(1))), read(message(record(1)), 8)])
    assert [each.kind for each in taken] == ["record", "record"]
    assert taken[0].body == canonicalized(message(record(1)).value or b"")[1] == taken[1].body
    assert taken[0].salt != taken[1].salt
    assert all(commit(each.salt, each.body).hex() == each.commit for each in taken)


def test_what_is_unreadable_tells_no_content() -> None:
    """The problem that is logged names the contract's field alone."""
    out = message(record(1, method="sometimes"))
    (taken,) = RecordReader(NAMES).take([read(out)])
    assert (taken.kind, taken.body) == ("unreadable", out.value)
    assert "sometimes" not in (taken.problem or "")
    assert "method" in (taken.problem or "")


@pytest.mark.parametrize(
    "change_", [{"basis": "provision.opt_out"}, {"method": "individual", "agreement": "AG-1"}]
)
def test_an_individual_record_has_no_scope(change_: dict[str, str]) -> None:
    """It ends by itself, whatever agreement it names."""
    (taken,) = RecordReader(NAMES).take([read(message(record(1, **change_)))])
    assert taken.particulars is not None
    assert taken.particulars.scope_key is None


def test_a_scope_is_one_agreement_of_one_pair_or_one_persons_contract() -> None:
    """A batch's records of all persons end together, a contract's those of its person."""

    def key(subject: str, **changes: object) -> bytes | None:
        (taken,) = RecordReader(NAMES).take([read(message(record(1, subject, **changes)))])
        assert taken.particulars is not None
        return taken.particulars.scope_key

    batch = {"method": "batch", "agreement": "AG-1"}
    assert key("C-1", **batch) == key("C-2", **batch)
    assert key("C-1", **batch) != key("C-1", method="batch", agreement="AG-2")
    assert key("C-1", **batch) != key("C-1", **batch, controller="life-insurer")
    contract = {"method": "contract", "document": "DOC-1"}
    assert key("C-1", **contract) == key("C-1", **contract)
    assert key("C-1", **contract) != key("C-2", **contract)


def test_keyed_hashes_of_one_use_are_none_of_another() -> None:
    """A person and a consent of the same id have different hashes, another key gives others; a short key is refused."""
    assert NAMES.subject("X") != NAMES.consent("X")
    assert NAMES.subject("X") != Pseudonyms(b"l" * 32).subject("X")
    assert NAMES.agreement("batch", "a", "b", "c", None) != NAMES.agreement("batch", "a", "b|c", None, None)
    with pytest.raises(SubjectKeyError, match="32"):
        Pseudonyms(b"short")


# decisions


def test_an_allowed_decision_is_found_by_each_consent_that_served() -> None:
    """Person and consent, as keyed hashes, at its offset and time."""
    consents: list[dict[str, Any]] = [
        {"consent_id": name, "position": None, "serves": []} for name in ("CS-1", "CS-2", "CS-1")
    ]
    rows = served_by(read(decision("C-1", consents=consents)), NAMES)
    assert {each.consent_hmac for each in rows} == {NAMES.consent("CS-1"), NAMES.consent("CS-2")}
    assert len(rows) == 2
    assert {(each.koff, each.subject_hmac) for each in rows} == {(7, NAMES.subject("C-1"))}
    assert rows[0].decided_at == datetime(2026, 11, 20, 1, 0, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    "changes", [{"effect": "deny"}, {"duplicate_of": 3}, {"subject_id": None}, {"consents": []}]
)
def test_other_decisions_are_not_indexed(changes: dict[str, Any]) -> None:
    """Denied ones, repeated answers, those on nobody known, those that used no consent."""
    assert served_by(read(decision("C-1", **changes)), NAMES) == []


@pytest.mark.parametrize(
    "value",
    [
        b"{",
        b"[]",
        b'{"effect":"allow"}',
        b'{"effect":"allow","duplicate_of":null,"subject_id":"C","decided_at":"x","consents":[{}]}',
    ],
)
def test_what_is_no_decision_is_told_apart(value: bytes) -> None:
    """It raises instead of passing for one that no consent served."""
    with pytest.raises(ValueError, match=re.compile(".")):
        served_by(read(Outgoing(None, value)), NAMES)
