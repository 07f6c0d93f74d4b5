"""What the verifier is told: which topics, how far to believe them, and the limits that the gates decided with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from sekisho.contracts.topics import TopicNames


@dataclass(frozen=True, slots=True)
class CheckConfig:
    """How one check is made. Seconds, milliseconds, bytes and counts as the names say."""

    topics: TopicNames
    settled: bool
    """The gates are done with everything: what has no answer is lost. Else what comes last may still be under way."""
    partitions: frozenset[int] | None
    """Only these; None: all, and then also whether misrouted consent events arrived."""
    value_bytes: int
    """As the gates': inputs above are rejected."""
    subject_events: int
    """As the gates': consent events of one person above which nothing is decided."""
    window_ms: int
    """As the gates': between the append times of two requests of one id that count as one."""
    freshness_ms: int
    """As the gates': how old a request is at least when it is refused because its consents are not there."""
    tolerance_ms: int
    """Append times of two partitions that are no further apart count as simultaneous: brokers' clocks differ, and a
    replica acknowledges later than its leader appends."""
    clock_ms: int
    """As the gates': how far their clocks may be off the brokers'. The verifier's own is believed as much."""
    settle_seconds: float
    """How long a transaction may stay open before it is a finding; above the brokers' transaction time-out."""
    stall_seconds: float
    """How long reading may get no further."""
    poll_ms: int
    """Longest wait of one fetch."""
    findings_kept: int
    """Findings of one kind told in full; all are counted."""
    hmac_key: bytes | None
    """With it the keyed hashes of rejected payloads are compared too."""


class Sent(NamedTuple):
    """A message whose acknowledgement its sender holds: it must be there, with this content (SHA-256 of the value)."""

    topic: str
    partition: int
    offset: int
    sha256: str


class Progress(NamedTuple):
    """How far a check is: messages of one topic's partition looked at, of those that were there at the start."""

    topic: str
    partition: int
    done: int
    total: int


OnProgress = Callable[[Progress], None]
