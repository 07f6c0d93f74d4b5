"""How long the wire takes, in microseconds: `PYTHONPATH=tests python -m bench.wire`. CPU time, medians of rounds."""

from __future__ import annotations

import itertools
import statistics
import time
import timeit
from collections.abc import Callable
from dataclasses import replace

from contracts.sample_messages import LARGEST, data, envelope, granted, request
from contracts.sample_verdicts import DENIED, PROVIDED, STATEMENT, rulebook
from contracts.sample_verdicts import envelope as decision_envelope
from sekisho.contracts import (
    access_decisions,
    access_requests,
    consent_events,
    identity,
    provision_records,
    request_templates,
)
from sekisho.contracts.answers import AnswerWriter, Written
from sekisho.contracts.routing import partition_of
from sekisho.domain.book import Text
from sekisho.domain.events import Position
from sekisho.domain.verdict import Verdict

ROUNDS, CALLS = 15, 2_000
TOPIC_ID = "Zk3v0kzxQ3mJ5yqvE6Rt0w"
GRANTED = "sekisho.consent.granted.v1"


def alike() -> Callable[[], object]:
    """A campaign's requests: the same of one person after another."""
    headers = envelope(access_requests.TYPE, ce_time=b"2026-11-21T01:00:00Z")
    sent = itertools.cycle(
        (name.encode(), data(request(request_id=f"r-{number}", subject={"id": name, "kind": "individual"})))
        for number, name in ((number, f"C-{number:06}") for number in range(64))
    )

    def received() -> object:
        key, value = next(sent)
        return access_requests.receive_digested(headers, key, value, largest=LARGEST)

    return received


def unlike() -> Callable[[], object]:
    """Requests of which none is like another, nothing learned of any."""
    headers, sent = envelope(access_requests.TYPE), data(request())

    def received() -> object:
        request_templates.forget()
        return access_requests.receive_digested(headers, b"C-000001", sent, largest=LARGEST)

    return received


def answered(verdict: Verdict) -> Callable[[], Written]:
    """A verdict to its messages, decision id included."""
    told, book = decision_envelope(), replace(rulebook(), record_statement=Text(STATEMENT, STATEMENT))
    writer = AnswerWriter(book, told.engine, topic="sekisho-access-requests", topic_id=TOPIC_ID, partition=3)
    at, appended = told.decided_at, told.appended_at
    assert appended is not None

    def written() -> Written:
        return writer.write(
            verdict, told.request_id, told.organization, told.subject_id, told.request_digest, offset=977,
            decided_at=at, appended_at=appended, consents_next=41,
        )  # fmt: skip

    return written


def runs() -> list[tuple[str, Callable[[], object]]]:
    """What a turn does with each request, and what a fold does with each consent."""
    sent, consent, at = data(request()), data(granted()), Position(3, 41)
    headers, asked = envelope(access_requests.TYPE), access_requests.decode(sent)
    whole, book, id_at = decision_envelope(), rulebook(), identity.decision_ids(TOPIC_ID, 3)
    return [
        ("request: bytes to domain", lambda: access_requests.decode(sent)),
        ("request: message, envelope and key too", lambda: access_requests.receive(headers, b"C-000001", sent, largest=LARGEST)),
        ("request: all that and its digest, alike", alike()),
        ("request: all that and its digest, unlike", unlike()),
        ("request: digest", lambda: access_requests.digest(asked)),
        ("decision: denial to bytes", lambda: access_decisions.encode(DENIED, whole, book)),
        ("decision: provision to bytes", lambda: access_decisions.encode(PROVIDED, whole, book)),
        ("record to bytes", lambda: provision_records.encode(PROVIDED, whole, book, STATEMENT)),
        ("denial to its message, id and all", answered(DENIED)),
        ("provision to both messages, ids and all", answered(PROVIDED)),
        ("consent: bytes to domain and digest", lambda: consent_events.decode(GRANTED, consent, at)),
        ("consent: bytes to domain", lambda: consent_events.fact(GRANTED, consent, at)),
        ("decision id", lambda: identity.decision_id(TOPIC_ID, 3, 977)),
        ("decision id of a lane", lambda: id_at(977)),
        ("partition of a subject", lambda: partition_of("C-000001", 4)),
    ]  # fmt: skip


def main() -> None:
    """Times every run and prints it."""
    timed = [(name, call, list[float]()) for name, call in runs()]
    for _ in range(ROUNDS):
        for _, call, spent in timed:
            spent.append(timeit.timeit(call, timer=time.process_time, number=CALLS) / CALLS * 1e6)
    for name, _, spent in timed:
        print(
            f"{name:40} median {statistics.median(spent):6.1f}   min {min(spent):6.1f}   max {max(spent):6.1f}"
        )


if __name__ == "__main__":
    main()
