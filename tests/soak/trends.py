"""Slopes: whether something grows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from soak.sampling import Sample


class Trend(NamedTuple):
    """A straight line fitted by least squares within each life of a process (a restart begins a new one)."""

    per_hour: float
    """In the unit of the values."""
    explained: float
    """R²: the part of the variance within lives that the line explains, 0 to 1."""
    first: float
    last: float
    lives: int
    hours: float
    """Observed, all lives together."""


def lives(samples: Sequence[Sample], name: str, value: str) -> list[list[tuple[float, float]]]:
    """(seconds, value) of one process's figure, one list for each pid."""
    found: dict[int, list[tuple[float, float]]] = {}
    for each in samples:
        pid, figure = each.get(f"{name}_pid"), each.get(f"{name}_{value}")
        if pid is not None and figure is not None:
            found.setdefault(pid, []).append((each["t"], figure))
    return list(found.values())


def trend(found: Sequence[Sequence[tuple[float, float]]], warm_up: float) -> Trend | None:
    """The common slope of the lives after the first `warm_up` seconds of each; None where too little is left (10 points)."""
    left = [[point for point in life if point[0] - life[0][0] >= warm_up] for life in found if life]
    kept = [life for life in left if len(life) >= 5]
    if sum(map(len, kept)) < 10:
        return None
    both = along = total = 0.0
    for life in kept:
        middle_t = sum(t for t, _ in life) / len(life)
        middle = sum(value for _, value in life) / len(life)
        both += sum((t - middle_t) * (value - middle) for t, value in life)
        along += sum((t - middle_t) ** 2 for t, _ in life)
        total += sum((value - middle) ** 2 for _, value in life)
    slope = both / along
    explained = both * slope / total if total else 1.0
    hours = sum(life[-1][0] - life[0][0] for life in kept) / 3600
    return Trend(slope * 3600, explained, kept[0][0][1], kept[-1][-1][1], len(kept), hours)
