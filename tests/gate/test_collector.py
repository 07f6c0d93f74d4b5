"""The garbage collector of a gate process: nothing that was loaded is looked at again, full collections are rare."""

from __future__ import annotations

import gc

from sekisho.bootstrap import quiet_collector


def test_what_was_loaded_is_set_aside_and_full_collections_are_rare() -> None:
    """Python's defaults stop a turn for as long as the rulebook takes to be walked through."""
    before = gc.get_threshold()
    try:
        quiet_collector()
        assert gc.get_freeze_count() > 10_000
        assert gc.isenabled()
        assert all(now >= then for now, then in zip(gc.get_threshold(), before, strict=True))
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
