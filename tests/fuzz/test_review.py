"""What a review of the fast paths found: each test is expected to fail until its finding is mended."""

from __future__ import annotations

import gc
from typing import Any
from weakref import ref

import pytest

from audit.scenario import LANE, NAMES, Forger, played
from sekisho.log.port import Partition


@pytest.mark.xfail(
    strict=True, reason="audit.answers: _names_forgotten believes any number below what is kept"
)
async def test_an_allow_that_claims_to_repeat_a_deleted_decision_is_compared() -> None:
    """A made-up `duplicate_of` before what is kept hides a false allow from the verifier."""
    forger = Forger(await played())
    kept_from = forger.answer("use").offset

    def lie(data: dict[str, Any]) -> None:
        data.update(effect="allow", reasons=[], duplicate_of=0, circumstances={"kind": "duplicate"})

    forger.change(forger.answer("not reached"), lie)
    await forger.log.delete_records(Partition(NAMES.decisions, LANE), kept_from)
    assert not (await forger.check()).ok


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
