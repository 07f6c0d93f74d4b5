"""The limits of ingestion; bootstrap fills them from the settings."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IngestLimits:
    """Seconds unless the name says otherwise. Each is explained with its setting."""

    batch_records: int
    batch_ms: int
    poll_ms: int
    """How long one fetch waits for messages."""
    clock_skew_seconds: float
    retry_seconds: float
    retry_max_seconds: float
    statement_seconds: float
    connect_seconds: float
    check_seconds: float
    """How often topics are looked at again, lags are told and a standby asks for the lock."""
    max_lag_seconds: float
    max_checkpoint_age_seconds: float
    trim_seconds: float
    trim_safety_days: float
    stop_seconds: float
