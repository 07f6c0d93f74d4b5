"""What a review of the fast paths found of the collector."""

from __future__ import annotations

import gc
from weakref import ref


class _Lane:
    """As a gate's lane: what it holds points back to it."""

    def __init__(self) -> None:
        self.around = lambda: self


def test_what_is_frozen_and_points_to_itself_is_never_freed() -> None:
    """Why lanes that live when the collector is quieted must be taken apart when they are lost."""
    lane = _Lane()
    gc.freeze()
    try:
        gone = ref(lane)
        del lane
        gc.collect()
        assert gone() is not None
    finally:
        gc.unfreeze()
