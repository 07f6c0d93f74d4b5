"""What a publisher is given: where and how often it publishes, its clocks, and who wants to hear of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, NamedTuple, Protocol

from sekisho.ledger.publish.keys import KeyPlaces

PUBLISHED: Final = "published"
"""The folder of the published files, in the ledger's."""
Cause = Literal["clock_skew", "database", "files", "key"]


@dataclass(frozen=True, slots=True)
class PublishSetup:
    """What a publisher publishes, where, and how often the log of logs grows. `origin`: the ledger's."""

    origin: str
    folder: Path
    """The published files'."""
    places: KeyPlaces
    meta_seconds: float = 10
    clock_skew_seconds: float = 5
    grace_seconds: float = 600
    """How long a partial tile stays beside the full one."""


class Clocks(NamedTuple):
    """The time, and seconds that only grow."""

    now: Callable[[], datetime]
    steady: Callable[[], float]


class PublishEvents(Protocol):
    """What others want to know: metrics and readiness."""

    def signed(self, origin: str, kind: str, size: int, at: datetime) -> None:
        """A log has a new checkpoint (at the start: the one that it had)."""

    def stopped(self, origin: str, why: str) -> None:
        """A log is signed no more: what the database holds was altered."""

    def published(self) -> None:
        """All that could be signed is signed and published."""

    def failed(self, cause: Cause, why: str) -> None:
        """Nothing was published this time; it is tried again."""


class NoEvents:
    """For commands, which tell what happened by themselves."""

    def signed(self, origin: str, kind: str, size: int, at: datetime) -> None:
        """A log has a new checkpoint."""

    def stopped(self, origin: str, why: str) -> None:
        """Told by `Publisher.stopped` too."""

    def published(self) -> None:
        """The call returned."""

    def failed(self, cause: Cause, why: str) -> None:
        """The call raised."""
