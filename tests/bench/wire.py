"""How long the wire takes, in microseconds: `PYTHONPATH=tests python -m bench.wire`. CPU time, medians of rounds."""

from __future__ import annotations

import statistics
import time
import timeit
from collections.abc import Callable

from contracts.sample_messages import LARGEST, data, envelope, granted, request
from contracts.sample_verdicts import DENIED, PROVIDED, STATEMENT, rulebook
from contracts.sample_verdicts import envelope as decision_envelope
from sekisho.contracts import access_decisions, access_requests, consent_events, identity, provision_records
from sekisho.contracts.routing import partition_of
from sekisho.domain.events import Position

ROUNDS, CALLS = 15, 2_000
GRANTED = "sekisho.consent.granted.v1"


def runs() -> list[tuple[str, Callable[[], object]]]:
    """What a turn does with each request, and what a fold does with each consent."""
    sent, consent, at = data(request()), data(granted()), Position(3, 41)
    headers, asked = envelope(access_requests.TYPE), access_requests.decode(sent)
    whole, book = decision_envelope(), rulebook()
    return [
        ("request: bytes to domain", lambda: access_requests.decode(sent)),
        ("request: message, envelope and key too", lambda: access_requests.receive(headers, b"C-000001", sent, largest=LARGEST)),
        ("request: digest", lambda: access_requests.digest(asked)),
        ("decision: denial to bytes", lambda: access_decisions.encode(DENIED, whole, book)),
        ("decision: provision to bytes", lambda: access_decisions.encode(PROVIDED, whole, book)),
        ("record to bytes", lambda: provision_records.encode(PROVIDED, whole, book, STATEMENT)),
        ("consent: bytes to domain and digest", lambda: consent_events.decode(GRANTED, consent, at)),
        ("consent: bytes to domain", lambda: consent_events.fact(GRANTED, consent, at)),
        ("decision id", lambda: identity.decision_id("Zk3v0kzxQ3mJ5yqvE6Rt0w", 3, 977)),
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
