"""What the deciding lanes of a process share, and what a turn has ready before its freshness mark."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from sekisho.gate.clock import ClockGuard
from sekisho.gate.follow import ConsentReading
from sekisho.gate.inbox import Undecodable
from sekisho.gate.poison import Trouble
from sekisho.gate.report import Report
from sekisho.gate.ruling import Asked
from sekisho.gate.state import LaneState
from sekisho.gate.topics import Topics
from sekisho.gate.turn import Turn
from sekisho.log.port import PartitionReader


class Work(NamedTuple):
    """What a turn has ready before its freshness mark: its requests as read, the first decisions of those sent twice,
    the rejections of consent events that wait, and the processor's time (s) that reading took."""

    asked: Sequence[Asked | Undecodable]
    firsts: Mapping[int, bytes]
    pending: Sequence[tuple[int, bytes]]
    seconds: float


@dataclass(frozen=True, slots=True)
class Desk:
    """What all deciding lanes of a process share."""

    topics: Topics
    folder: Path
    watermarks: PartitionReader
    """Asked for high watermarks only: a reader that fetches would answer after its long poll."""
    clock: ClockGuard
    report: Report
    turn: Callable[[int, LaneState], Turn]
    consents: Callable[[int], ConsentReading]
    trouble: dict[int, Trouble]
    deciding: asyncio.Lock
    """One lane decides at a time: its mark would age while another has the processor."""
