"""Medians, spreads and percentiles of what was measured."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import NamedTuple


class Spread(NamedTuple):
    """Several rounds of one figure."""

    median: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{self.median:,.2f} ({self.least:,.2f}–{self.most:,.2f})"

    def whole(self) -> str:
        """As whole numbers."""
        return f"{self.median:,.0f} ({self.least:,.0f}–{self.most:,.0f})"


def spread(found: Sequence[float]) -> Spread:
    """Of at least one figure."""
    return Spread(statistics.median(found), min(found), max(found))


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Round by round, so that what slows the machine down for a while slows both."""
    return spread([one / other for one, other in zip(ours, theirs, strict=True)])


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value below which that share lies (nearest rank)."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
