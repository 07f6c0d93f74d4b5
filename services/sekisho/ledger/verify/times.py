"""Times against each other: leaves, checkpoints, purges and the verifier's own clock.

A clock that was set forward to delete early, or back to hide it, leaves times that do not go together: each leaf lies between the
checkpoints that were signed before and after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sekisho.ledger.leaves import Clock
from sekisho.ledger.verify.findings import Findings
from sekisho.ledger.verify.signed import written


def instant(text: str) -> datetime:
    """The time that a leaf states. Raises ValueError for what the calendar does not have."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


@dataclass
class Clocks:
    """The verifier's clock, and by how much clocks may differ."""

    now: datetime
    skew: timedelta
    accepted: list[Clock] = field(default_factory=list)
    """Steps back that an operator accepted, as clock leaves say."""

    def later(self, text: str) -> str:
        """A time, later by what clocks may differ, as leaves write it."""
        return written(instant(text) + self.skew)

    def earlier(self, text: str) -> str:
        """A time, earlier by what clocks may differ."""
        return written(instant(text) - self.skew)

    def check_signed(
        self, origin: str, size: int, signed_at: str, before: str, after: str, where: str, found: Findings
    ) -> None:
        """A checkpoint is signed after the leaves in it were taken in, and before those after it were."""
        if before and before > self.later(signed_at) and not self._excused(before, signed_at):
            told = f"{where}: signed at {signed_at}, but the leaf before it was taken in later, at {before}"
            found.add("time.order", origin, size, told)
        if after and after < self.earlier(signed_at) and not self._excused(signed_at, after):
            told = f"{where}: signed at {signed_at}, but the leaf after it was taken in earlier, at {after}"
            found.add("time.order", origin, size, told)

    def check_backs(self, origin: str, backs: Sequence[tuple[int, str, str]], found: Findings) -> int:
        """Where time goes back within a log; how many of these steps an operator had accepted."""
        excused = 0
        for index, before, at in backs:
            if self._excused(before, at):
                excused += 1
            else:
                told = f"it was taken in at {at}, the leaf before it at {before}, and no clock leaf accepts the step"
                found.add("time.back", origin, index, told)
        return excused

    def check_future(self, origin: str, index: int, at: str, what: str, found: Findings) -> None:
        """That a time is not in the verifier's future."""
        if at and at > written(self.now + self.skew):
            found.add("time.future", origin, index, f"{what} at {at}; it is {written(self.now)} here")

    def _excused(self, before: str, at: str) -> bool:
        return any(self.earlier(before) <= each.was and each.now <= self.later(at) for each in self.accepted)
