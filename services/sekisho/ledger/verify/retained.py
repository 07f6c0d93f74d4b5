"""How long one leaf's payload is to be kept, and whether its purge was lawful (records.md, "Retention"; ledger.md, "Purge")."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import lru_cache

from sekisho.domain.calendar import tokyo_day
from sekisho.domain.retention import effective
from sekisho.ledger.leaves import PayloadLeaf
from sekisho.ledger.verify.acts import About, Acts, Extended, Moment, Purged
from sekisho.ledger.verify.times import Clocks, instant


@lru_cache(maxsize=4096)
def day(text: str | None) -> date | None:
    """A day as leaves write it. Raises ValueError for what the calendar does not have."""
    return None if text is None else date.fromisoformat(text)


class Retained:
    """The retention of one log's payloads, by all that leaves say of them."""

    def __init__(self, acts: Acts, origin: str, clocks: Clocks) -> None:
        self._acts, self._clocks = acts, clocks
        self._about = acts.about.get(origin) or About()

    def extensions(self, index: int, leaf: PayloadLeaf) -> list[Extended]:
        """Those of the leaf and of its scope, in the order in which they count."""
        own, scope = self._about.extended.get(index, ()), self._acts.scopes.get(leaf.scope or "", ())
        return sorted([*own, *scope]) if own or scope else []

    def until(self, index: int, leaf: PayloadLeaf) -> date | None:
        """The last day that counts now."""
        found = self.extensions(index, leaf)
        return effective(day(leaf.retain_until), [day(each.until) for each in found])

    def is_held(self, index: int) -> bool:
        """Whether a hold that was not released names it."""
        covers = self._about.covered.get(index, ())
        return any(each.hold not in self._acts.releases for each in covers)

    def purges(self, index: int) -> list[Purged]:
        """The purge leaves that name it."""
        return self._about.purged.get(index, [])

    def purge_faults(self, index: int, leaf: PayloadLeaf, purge: Purged) -> Iterator[tuple[str, str]]:
        """What was not lawful about a purge: the kind of finding and its detail."""
        moment, told = purge
        before = [each for each in self.extensions(index, leaf) if each.moment.is_before(moment)]
        until = effective(day(leaf.retain_until), [day(each.until) for each in before])
        if until is None:
            yield "purge.early", "its retention had no end yet"
            return
        if told.retain_until != until.isoformat():
            yield "purge.early", f"its last day was {until}, the purge says {told.retain_until}"
        yield from self._clock_faults(moment, until, told.database_at, told.host_at, told.checkpoint_at)
        for hold in self._acts.holds_at(self._about.covered.get(index, ()), moment):
            yield "purge.held", f"the hold {hold} was in force"

    def _clock_faults(
        self, moment: Moment, until: date, database_at: str, host_at: str, checkpoint_at: str
    ) -> Iterator[tuple[str, str]]:
        clocks = {"database": database_at, "host": host_at, "checkpoint": checkpoint_at}
        try:
            days = {name: tokyo_day(instant(at)) for name, at in clocks.items()}
        except ValueError:
            yield "purge.clock", "one of its clocks states a time that does not exist"
            return
        for name, today in days.items():
            if not until < today:
                yield "purge.early", f"its last day was {until}; by the {name} clock the purge was on {today}"
        least = min(clocks.values())  # a clock that lags, or runs ahead alone, deletes nothing early
        if least > self._clocks.later(moment.at):
            yield "purge.clock", f"the leaf was written at {moment.at}, all its clocks say {least} or later"
        for stepped, clock in self._acts.clocks:
            if (
                moment.is_before(stepped)
                and moment.at > clock.now
                and not until < tokyo_day(instant(clock.now))
            ):
                yield (
                    "purge.early",
                    f"its last day was {until}; the clock was ahead then, and set back to {clock.now} later",
                )
