"""Choices by a seed that are the same on every Python: `Random.random()` is the one sequence that it promises to keep."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Chance:
    """A source of choices. The same seed gives the same choices, now and after an upgrade of Python."""

    def __init__(self, seed: int) -> None:
        self._next = Random(seed).random

    def below(self, limit: int) -> int:
        """A number from 0 to `limit` - 1."""
        return int(self._next() * limit)

    def between(self, first: int, last: int) -> int:
        """A number from `first` to `last`, both included."""
        return first + self.below(last - first + 1)

    def odds(self, probability: float) -> bool:
        """True that often."""
        return self._next() < probability

    def pick(self, among: Sequence[T]) -> T:
        """One of them."""
        return among[self.below(len(among))]

    def some(self, among: Sequence[T], probability: float) -> list[T]:
        """Each of them that often, in order."""
        return [each for each in among if self.odds(probability)]
