"""How long a lane pauses after a failure: longer each time, and no two lanes at the same moment."""

from __future__ import annotations

import random
from collections.abc import Callable


class Pauses:
    """Doubles from the first pause to the longest; `over` after something went well begins anew."""

    def __init__(self, first: float, longest: float, chance: Callable[[], float] = random.random) -> None:
        self._first, self._longest, self._chance = first, longest, chance
        self._next = first

    def next(self) -> float:
        """Seconds to pause now: between half of the step and all of it."""
        step, self._next = self._next, min(self._next * 2, self._longest)
        return step * (0.5 + self._chance() / 2)

    def over(self) -> None:
        """What failed works again."""
        self._next = self._first
