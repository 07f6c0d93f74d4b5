"""Which extensions the verifier takes for what records of their batch have caused."""

from __future__ import annotations

from typing import Any, cast

from sekisho.ledger.leaves import Extend, PayloadLeaf, Place
from sekisho.ledger.verify.batches import Batches
from sekisho.ledger.verify.sources import LogRow, Source

AT = "2026-11-21T01:00:00.123456Z"


def reference(until: str | None, at: str = AT) -> Extend:
    """An extension of one older record."""
    place = Place(
        origin="l/provision-records/t/0/2026", index="7", rid="0f9c0000-0000-4000-8000-000000000000"
    )
    return Extend(
        rid="0f9c0000-0000-4000-8000-000000000001",
        ingested_at=at,
        target=place,
        retain_until=until,
        cause="reference",
        commit=None,
    )


def test_a_reference_states_the_day_of_a_record_beside_it_or_opens_again() -> None:
    """A day that no record of the batch states is made up; no day ends nothing; without a batch there is no cause."""

    class NoLeaves:
        def leaves(self, *_: Any) -> list[Any]:
            return []

    log = cast("LogRow", type("Row", (), {"kind": "records"})())
    batches = Batches(cast("Source", NoLeaves()), log, 0)
    batches.add(PayloadLeaf("record", "r", AT, "t", 0, 3, 2, "c" * 64, "2029-11-21", None))
    assert batches.fault(reference("2029-11-21")) is None
    assert batches.fault(reference(None)) is None
    assert batches.fault(reference("2027-11-21")) is not None
    assert batches.fault(reference(None, "2026-11-22T01:00:00.123456Z")) is not None
