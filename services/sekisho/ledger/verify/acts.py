"""What the leaves say of retention: extensions, holds and their releases, purges, accepted clock steps; by the leaf they speak of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sekisho.ledger.leaves import Clock, Extend, Hold, Leaf, Place, Purge, Refusal, Release
from sekisho.ledger.verify.findings import Findings


class Moment(NamedTuple):
    """When a leaf was written: within its log its index tells, across logs its time."""

    at: str
    origin: str
    idx: int

    def is_before(self, other: Moment) -> bool:
        """Whether it came first."""
        if self.origin == other.origin:
            return self.idx < other.idx
        return self.at <= other.at


class Extended(NamedTuple):
    """An extension: they count in the order of these tuples (time, origin of the log that holds it, index)."""

    at: str
    origin: str
    idx: int
    until: str | None
    rid: str | None
    """The target's, where it is one leaf."""

    @property
    def moment(self) -> Moment:
        """When."""
        return Moment(self.at, self.origin, self.idx)


class Purged(NamedTuple):
    """A purge leaf."""

    moment: Moment
    leaf: Purge


class Covered(NamedTuple):
    """That a hold names a leaf."""

    moment: Moment
    hold: str
    rid: str


@dataclass
class About:
    """What is said of the leaves of one log, by index."""

    extended: dict[int, list[Extended]] = field(default_factory=lambda: defaultdict(list))
    covered: dict[int, list[Covered]] = field(default_factory=lambda: defaultdict(list))
    purged: dict[int, list[Purged]] = field(default_factory=lambda: defaultdict(list))


@dataclass
class Acts:
    """All of it. Memory: some 500 bytes for each extension, held leaf and purge."""

    about: dict[str, About] = field(default_factory=lambda: defaultdict(About))
    scopes: dict[str, list[Extended]] = field(default_factory=lambda: defaultdict(list))
    releases: dict[str, Moment] = field(default_factory=dict)
    placed: dict[str, dict[int, tuple[Moment, Hold]]] = field(default_factory=lambda: defaultdict(dict))
    """Hold -> part -> the leaf that placed it (an acts log's); growth stands in the logs of the records."""
    clocks: list[tuple[Moment, Clock]] = field(default_factory=list)
    refusals: int = 0

    def take(self, origin: str, kind: str, leaves: Iterable[tuple[int, Leaf]], found: Findings) -> None:
        """The leaves of a log that are no payload leaves."""
        for index, leaf in leaves:
            moment = Moment(leaf.ingested_at, origin, index)
            if isinstance(leaf, Extend):
                self._extend(moment, leaf)
            elif isinstance(leaf, Hold):
                self._hold(moment, leaf, kind, found)
            elif isinstance(leaf, Release):
                if leaf.hold in self.releases:
                    found.add("hold.parts", origin, index, f"the hold {leaf.hold} is released a second time")
                self.releases.setdefault(leaf.hold, moment)
            elif isinstance(leaf, Purge):
                self.about[leaf.target.origin].purged[int(leaf.target.index)].append(Purged(moment, leaf))
            elif isinstance(leaf, Clock):
                self.clocks.append((moment, leaf))
            elif isinstance(leaf, Refusal):
                self.refusals += 1

    def _extend(self, moment: Moment, leaf: Extend) -> None:
        target = leaf.target
        if isinstance(target, Place):
            one = Extended(*moment, leaf.retain_until, target.rid)
            self.about[target.origin].extended[int(target.index)].append(one)
        else:
            self.scopes[target.scope].append(Extended(*moment, leaf.retain_until, None))

    def _hold(self, moment: Moment, leaf: Hold, kind: str, found: Findings) -> None:
        for origin, index, rid in leaf.targets:
            self.about[origin].covered[int(index)].append(Covered(moment, leaf.hold, rid))
        if kind != "acts":
            return
        parts = self.placed[leaf.hold]
        if (
            leaf.part in parts
            or not 1 <= leaf.part <= leaf.parts
            or (leaf.commit is None) == (leaf.part == 1)
        ):
            told = f"part {leaf.part} of {leaf.parts} of the hold {leaf.hold} does not fit the others"
            found.add("hold.parts", moment.origin, moment.idx, told)
        parts[leaf.part] = moment, leaf

    def check_holds(self, found: Findings) -> None:
        """That each hold is whole, and that each release and each growth has its hold."""
        for hold, parts in self.placed.items():
            moment, leaf = next(iter(parts.values()))
            missing = [part for part in range(1, leaf.parts + 1) if part not in parts]
            if missing:
                told = f"the hold {hold} has {leaf.parts} parts; part {missing[0]} is missing"
                found.add("hold.parts", moment.origin, moment.idx, told)
        for hold, moment in self.releases.items():
            if hold not in self.placed:
                found.add(
                    "hold.parts", moment.origin, moment.idx, f"it releases {hold}, which was never placed"
                )
        for origin, about in self.about.items():
            for index, covers in about.covered.items():
                for each in covers:
                    if each.hold not in self.placed:
                        told = f"the hold {each.hold} grows to {origin} #{index}, but was never placed"
                        found.add("hold.parts", each.moment.origin, each.moment.idx, told)

    def check_targets(self, sizes: Mapping[str, int], found: Findings) -> None:
        """That what is extended, held or purged is no leaf beyond its log's end. `sizes`: of every log."""
        for origin, about in self.about.items():
            size = sizes.get(origin, 0)
            named: list[tuple[str, dict[int, list[Any]]]] = [
                ("extend.target", about.extended),
                ("hold.target", about.covered),
                ("purge.target", about.purged),
            ]
            for kind, by_index in named:
                for index, every in by_index.items():
                    for each in every if index >= size else ():
                        told = f"it names {origin} #{index}, which is not there"
                        found.add(kind, each.moment.origin, each.moment.idx, told)

    def holds_at(self, covers: Iterable[Covered], moment: Moment) -> list[str]:
        """The holds among these that were in force then."""
        return sorted(
            {each.hold for each in covers if each.moment.is_before(moment) and self._holds(each.hold, moment)}
        )

    def _holds(self, hold: str, moment: Moment) -> bool:
        released = self.releases.get(hold)
        return released is None or moment.is_before(released)
