"""Readiness: named conditions that are met or not, since when and why. /readyz and the metrics both read them here.

Nothing is ready by default: a service without a single condition is starting. Texts carry no personal data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sekisho.telemetry.definitions import UNREADY_CAUSES


class UnknownCauseError(ValueError):
    """A cause that definitions.UNREADY_CAUSES does not list."""


@dataclass(frozen=True)
class Condition:
    """One condition; `cause` is None where it is met. `since` is when `cause` became what it is (not `why`)."""

    name: str
    cause: str | None
    why: str
    since: datetime

    @property
    def ready(self) -> bool:
        """Whether it is met."""
        return self.cause is None


def now_utc() -> datetime:
    """This machine's time, UTC."""
    return datetime.now(UTC)


class Health:
    """The conditions of one service, by name (`lane-3`, `clock`). For one event loop; not for several threads."""

    def __init__(self, clock: Callable[[], datetime] = now_utc) -> None:
        self._clock = clock
        self._conditions: dict[str, Condition] = {}

    def met(self, name: str) -> None:
        """The condition holds."""
        self._put(name, None, "")

    def unmet(self, name: str, cause: str, why: str) -> None:
        """The condition does not hold. `cause` is one of UNREADY_CAUSES, `why` a sentence for an operator.

        Raises UnknownCauseError.
        """
        if cause not in UNREADY_CAUSES:
            raise UnknownCauseError(
                f"{cause!r} is no cause of unreadiness; known: {', '.join(UNREADY_CAUSES)}"
            )
        self._put(name, cause, why)

    def drop(self, name: str) -> None:
        """The condition concerns this service no longer (a lane that was let go). One that is not there is fine."""
        self._conditions.pop(name, None)

    def _put(self, name: str, cause: str | None, why: str) -> None:
        known = self._conditions.get(name)
        since = known.since if known is not None and known.cause == cause else self._clock()
        self._conditions[name] = Condition(name, cause, why, since)

    @property
    def ready(self) -> bool:
        """Whether there are conditions and all are met."""
        return bool(self._conditions) and all(one.ready for one in self._conditions.values())

    def conditions(self) -> tuple[Condition, ...]:
        """All conditions, the unmet first, then by name."""
        return tuple(sorted(self._conditions.values(), key=lambda one: (one.ready, one.name)))

    def unready_by_cause(self) -> Mapping[str, int]:
        """How many conditions are unmet, for every cause there is."""
        counts = dict.fromkeys(UNREADY_CAUSES, 0)
        for one in self._conditions.values():
            if one.cause is not None:
                counts[one.cause] += 1
        if not self._conditions:
            counts["starting"] = 1
        return counts

    def report(self) -> dict[str, object]:
        """The answer of /readyz."""
        return {"ready": self.ready, "conditions": [_told(one) for one in self.conditions()]}


def _told(one: Condition) -> dict[str, object]:
    since = one.since.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"name": one.name, "ready": one.ready, "cause": one.cause, "why": one.why, "since": since}
