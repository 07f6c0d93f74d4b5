"""The gate's limits, named: their defaults and reasons stand in the settings (runtime.md, Time and identity)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GateLimits:
    """Seconds, bytes and counts that bound the gate's work. All are positive."""

    turn_records: int
    """Requests in one turn (one transaction)."""
    turn_bytes: int
    """Bytes of requests in one turn."""
    turn_seconds: float
    """Age of a turn at its commit, from its freshness mark: older ones abort, their consents may have aged."""
    turn_attempts: int
    """A turn that failed so often is run one record at a time."""
    freshness_seconds: float
    """How old a request may become while its consents are awaited, from its append time."""
    catch_up_seconds: float
    """However old a request is, it is not refused before the consents have stood still for so long."""
    lose_seconds: float
    """A lane that is taken away has finished or aborted within this time."""
    call_seconds: float
    """Any one call to the log."""
    restore_seconds: float
    """A restore that gets no further for so long fails and is tried again."""
    poll_ms: int
    """Longest wait of one fetch."""
    backoff_seconds: float
    """Pause before a stopped or failed lane is tried again; doubled at each failure..."""
    backoff_max_seconds: float
    """...up to this."""
    check_seconds: float
    """Between two looks at the topics' ids and partition counts."""
    clock_seconds: float
    """How far the clock may be off the append times."""
    duplicate_window_seconds: float
    """Between the append times of two requests of one id that count as one."""
    cleanup_seconds: float
    """Between two rounds of forgetting request ids whose window has passed."""
    value_bytes: int
    """An input value above this is rejected before anything else."""
    output_bytes: int
    """An encoded output above this becomes the refusal `request.too_large`."""
    subject_events: int
    """Consent events of one person above which nothing is decided."""
