"""Which faults come when: drawn from a seed, a pure function, so that a failure can be run again."""

from __future__ import annotations

import enum
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from faults.unsafe_log import Step

STEADY: Final = "gate-1"
"""Never ended, so that its memory can be watched over the whole run; everything else happens to it too."""
RESTARTED: Final = ("gate-2", "gate-3")
GATES: Final = (STEADY, *RESTARTED)
GUEST: Final = "gate-4"
"""Joins for a while and leaves again."""
BROKER: Final = "broker"
INPUT: Final = "input"
PARTITIONS: Final = 4


class Kind(enum.StrEnum):
    """What can happen."""

    KILL = "kill"
    TERMINATE = "terminate"
    PAUSE = "pause"
    PAUSE_LONG = "pause past the session"
    FORGET = "state deleted"
    FORGET_RESTORING = "state deleted mid-restore"
    ABORT = "failed step"
    DELAY = "delayed step"
    JOIN = "join and leave"
    LEAVE = "leave for long"
    BROKER_KILL = "broker killed"
    BROKER_RESTART = "broker restarted"
    BROKER_PAUSE = "broker paused"
    BROKER_SLOW = "broker slow"
    POISON = "poison"
    UNREADABLE = "unreadable request"
    HELD = "unreadable consent event"
    BURST = "burst of duplicates"
    UPSTREAM = "open upstream transaction"


@dataclass(frozen=True)
class Fault:
    """What happens to whom, how many seconds after the start, and for how long (s, where that means anything)."""

    at: float
    kind: Kind
    target: str
    seconds: float
    detail: str = ""

    def __str__(self) -> str:
        told = f"{self.kind} ({self.target}"
        if self.seconds:
            told += f", {self.seconds:.1f} s"
        return told + (f", {self.detail})" if self.detail else ")")


class _Way(enum.Enum):
    """Who a kind of fault can happen to."""

    ANY = GATES
    RESTARTED = RESTARTED
    GUEST = (GUEST,)
    BROKER = (BROKER,)
    INPUT = (INPUT,)


_TABLE: Final[dict[Kind, tuple[int, _Way, float, float]]] = {
    # how often in a bag, to whom, and for how long: least and most seconds
    Kind.KILL: (4, _Way.RESTARTED, 0, 8),
    Kind.TERMINATE: (3, _Way.RESTARTED, 0, 6),
    Kind.PAUSE: (3, _Way.ANY, 0.3, 4),
    Kind.PAUSE_LONG: (3, _Way.ANY, 8, 16),
    Kind.FORGET: (2, _Way.RESTARTED, 0, 6),
    Kind.FORGET_RESTORING: (1, _Way.RESTARTED, 0.5, 4),
    Kind.ABORT: (4, _Way.ANY, 0, 0),
    Kind.DELAY: (2, _Way.ANY, 1, 5),
    Kind.JOIN: (2, _Way.GUEST, 5, 25),
    Kind.LEAVE: (1, _Way.RESTARTED, 10, 25),
    Kind.BROKER_KILL: (1, _Way.BROKER, 0, 4),
    Kind.BROKER_RESTART: (1, _Way.BROKER, 0, 0),
    Kind.BROKER_PAUSE: (1, _Way.BROKER, 1, 8),
    Kind.BROKER_SLOW: (1, _Way.BROKER, 4, 12),
    Kind.POISON: (3, _Way.INPUT, 0, 0),
    Kind.UNREADABLE: (2, _Way.INPUT, 0, 0),
    Kind.HELD: (1, _Way.INPUT, 1, 8),
    Kind.BURST: (2, _Way.INPUT, 0, 0),
    Kind.UPSTREAM: (3, _Way.INPUT, 0.5, 12),
}
_STEPS: Final = (
    Step.START, Step.BEGIN, Step.SEND, Step.ANSWER, Step.OFFSETS, Step.BEFORE_COMMIT, Step.AFTER_COMMIT, Step.ABORT,
)  # fmt: skip


def draw(seed: int, seconds: float, every: float) -> tuple[Fault, ...]:
    """The faults of a run of so many seconds, one every so many on the average; the same for the same arguments.

    Kinds come from a shuffled bag that is filled again when it is empty: also a short run meets many of them.
    """
    drawn = random.Random(seed)
    kinds, plan = _bags(drawn), list[Fault]()
    at = min(5.0, seconds / 10)
    while at < seconds:
        plan.append(_fault(drawn, next(kinds), at))
        at += drawn.expovariate(1 / every)
    return tuple(plan)


def _bags(drawn: random.Random) -> Iterator[Kind]:
    while True:
        bag = [kind for kind, (often, *_) in _TABLE.items() for _ in range(often)]
        drawn.shuffle(bag)
        yield from bag


def _fault(drawn: random.Random, kind: Kind, at: float) -> Fault:
    _, way, least, most = _TABLE[kind]
    targets: Sequence[str] = way.value
    target, seconds = drawn.choice(targets), drawn.uniform(least, most)
    return Fault(round(at, 3), kind, target, round(seconds, 3), _detail(drawn, kind))


def _detail(drawn: random.Random, kind: Kind) -> str:
    match kind:
        case Kind.ABORT:
            return str(drawn.choice(_STEPS).value)
        case Kind.DELAY:
            return str(drawn.choice((Step.SEND, Step.ANSWER, Step.OFFSETS, Step.AFTER_COMMIT)).value)
        case Kind.FORGET:
            return drawn.choice(("killed", "stopped"))
        case Kind.UPSTREAM:
            return drawn.choice(("commits", "aborts"))
        case Kind.UNREADABLE | Kind.HELD:
            return f"partition {drawn.randrange(PARTITIONS)}"
        case _:
            return ""
