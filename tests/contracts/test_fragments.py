"""What is put together from kept fragments is, to the byte, the document dumped whole (ADR 0014)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import to_json

from cases.on_the_core import all_cases, book, verdict
from contracts.sample_verdicts import DENIED, INVALID, PROVIDED, STATEMENT, envelope, rulebook
from sekisho.contracts import access_decisions, identity, provision_records
from sekisho.contracts.access_decisions import Envelope
from sekisho.contracts.answers import AnswerWriter
from sekisho.contracts.fields import written, written_ms
from sekisho.contracts.fragments import LARGEST, MOST, MOST_BYTES, Fragments, quoted
from sekisho.contracts.shared_models import At, Engine
from sekisho.domain.book import Rulebook, Text
from sekisho.domain.events import Position
from sekisho.domain.verdict import ItemVerdict, NearMiss, ServedConsent, Verdict

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
TOPIC, TOPIC_ID, PARTITION = "sekisho-access-requests", "Zk3v0kzxQ3mJ5yqvE6Rt0w", 3
CIRCUMSTANCES = {"kind": "limit", "limit": 3, "note": "項目", "nothing": None}


def whole(verdict: Verdict, told: Envelope, book: Rulebook, statement: str) -> Iterator[Any]:
    """Decision and record, made as documents and dumped."""
    yield access_decisions.encode_document(access_decisions.document(verdict, told, book))
    record = provision_records.document(verdict, told, book, statement)
    yield None if record is None else to_json(record)


def pieced(verdict: Verdict, told: Envelope, book: Rulebook, statement: str) -> Iterator[Any]:
    """The same from fragments."""
    yield access_decisions.encode(verdict, told, book)
    record = provision_records.encode(verdict, told, book, statement)
    yield None if record is None else record.value


@pytest.mark.parametrize("again", ["made", "kept"])
def test_every_cases_answer_is_the_same_from_fragments(again: str) -> None:
    """All cases' verdicts, under two organizations and two rulebooks: fragments of one are never another's."""
    for rules in (book(), book(1)):
        for case in all_cases():
            said = verdict(case)
            for organization in (case.request["requester"]["organization"], None):
                told = envelope(organization=organization, subject_id=case.request["subject"]["id"])
                statement = rules.record_statement.ja
                assert [*pieced(said, told, rules, statement)] == [*whole(said, told, rules, statement)], (
                    again
                )


@given(
    TEXTS,
    TEXTS,
    TEXTS,
    st.sampled_from([None, 3]),
    st.integers(0, 2**63),
    st.sampled_from([None, CIRCUMSTANCES]),
)
def test_any_text_is_written_as_the_document_has_it(
    one: str, two: str, three: str, partition: int | None, offset: int, circumstances: Any
) -> None:
    """Ids and texts of any characters, in every place where one may stand."""
    told = envelope(
        decision_id=one, request_id=two, organization=three, subject_id=one, request_digest=two,
        consent_position=Position(partition, offset), request_position=At(three, 0, offset),
        engine=Engine(one, 1), circumstances=circumstances,
    )  # fmt: skip
    served = (
        ServedConsent(one or "a", Position(partition, offset), (two, three)),
        ServedConsent(two or "b", Position(None, 0), ()),
    )
    assert PROVIDED.record is not None
    content = PROVIDED.record._replace(
        subject_id=three, consents=served, document=one, agreement=two,
        counterparty=PROVIDED.record.counterparty._replace(name=one, address=None, country=three),
    )  # fmt: skip
    said = PROVIDED._replace(
        items=(ItemVerdict(one, "selection", "allow", (two,), (three,)),),
        near_misses=tuple(NearMiss(one, (two, three)) for _ in range(offset % 25)),
        consents=served,
        record=content,
    )
    statement = f"{three} ({{consents}}) {{consents}} ({{nothing}}) {two}".replace("\0", "")
    assert [*pieced(said, told, rulebook(), statement)] == [*whole(said, told, rulebook(), statement)]


def test_what_one_message_tells_is_not_kept() -> None:
    """Two refusals of the same reason with other details each say their own."""
    at = Verdict("deny", (), (INVALID,), details=(("field", "a.b"), ("nearest", "x")))
    for said in (at, at._replace(details=(("field", "c"),)), at._replace(details=())):
        told = envelope()
        assert [*pieced(said, told, rulebook(), "")] == [*whole(said, told, rulebook(), "")]


def test_a_shadow_and_absent_parts_are_written_too() -> None:
    """No append time, no positions, and what another rulebook would have said."""
    shadow = access_decisions.shadow_document(DENIED, rulebook(), "life-insurer")
    told = envelope(appended_at=None, consent_position=None, request_position=None, shadow=shadow)
    assert [*pieced(DENIED, told, rulebook(), "")] == [*whole(DENIED, told, rulebook(), "")]


@pytest.mark.parametrize("said", [DENIED, PROVIDED])
def test_an_answer_writer_writes_what_an_envelope_would(said: Verdict) -> None:
    """Decision and record of a position: the same messages, headers and ids included."""
    rules = replace(rulebook(), record_statement=Text(STATEMENT, STATEMENT))
    told = envelope(
        decision_id=identity.decision_id(TOPIC_ID, PARTITION, 977),
        request_position=At(TOPIC, PARTITION, 977),
        consent_position=Position(PARTITION, 41),
        circumstances=CIRCUMSTANCES,
    )
    writer = AnswerWriter(rules, told.engine, topic=TOPIC, topic_id=TOPIC_ID, partition=PARTITION)
    assert told.appended_at is not None
    answer = writer.write(
        said, told.request_id, told.organization, told.subject_id, told.request_digest, offset=977,
        decided_at=told.decided_at, appended_at=told.appended_at, consents_next=41, circumstances=CIRCUMSTANCES,
    )  # fmt: skip
    assert answer.decision == access_decisions.encode(said, told, rules)
    assert answer.record == provision_records.encode(said, told, rules, STATEMENT)


@given(TEXTS)
def test_a_string_is_quoted_as_pydantic_core_does(text: str) -> None:
    """Control characters, quotes and all planes."""
    assert quoted(text).encode() == to_json(text)
    assert json.loads(quoted(text)) == text


@given(st.datetimes(datetime(1900, 1, 1), datetime(2999, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001  hypothesis wants naive bounds
def test_a_time_is_written_as_the_standard_library_does(instant: datetime) -> None:
    """Microseconds for decisions, milliseconds for append times, cut and not rounded."""
    assert written(instant) == instant.isoformat(timespec="microseconds").replace("+00:00", "Z")
    assert written_ms(instant) == instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_fragments_are_bounded() -> None:
    """What is too large is not kept, and a full keep is emptied."""
    kept: Fragments[int] = Fragments()
    assert kept.added(0, b"x" * (LARGEST + 1)) == b"x" * (LARGEST + 1)
    assert kept.get(0) is None
    for number in range(MOST + 1):
        kept.added(number, b"x")
    assert 0 < len(kept) <= MOST
    assert kept.get(MOST) == b"x"


def test_the_keys_of_fragments_count_too() -> None:
    """A verdict on many items takes more as a key than as JSON: all of a kind are bounded with their keys."""
    kept: Fragments[tuple[ItemVerdict, ...]] = Fragments()
    for number in range(200):
        first = number * 40
        key = tuple(
            ItemVerdict(f"item-{each}", "requested", "deny", (), ("request.unknown_item",))
            for each in range(first, first + 40)
        )
        kept.added(key, b"x")
        assert kept.bytes <= MOST_BYTES
    assert kept.bytes > 200 * 40 * 300
    kept.added(tuple([each._replace(item=f"i{place}") for place, each in enumerate(key * 4)]), b"x")
    assert len(kept) == 200, "a key too large is not kept"
