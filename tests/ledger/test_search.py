"""Finding kept records, and what the ledger knows of one person: on records that ingestion took in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import permutations
from typing import Literal

import psycopg
import pytest

from cli.ledger_world import LONG_AGO, RECORDS, ids, taken_in
from ledger.ingest.lodging import ORIGIN, SUBJECT_KEY, record
from sekisho.ledger import disclosing, search
from sekisho.ledger.disclosing import Decision, PurgedRecord, mark, persons_records, standing
from sekisho.ledger.ingest.pseudonyms import Pseudonyms
from sekisho.ledger.keeping.holding import Named, place, release
from sekisho.ledger.keeping.keeping import Keeping, Statement
from sekisho.ledger.search import RecordQuery, count, find
from sekisho.ledger.store.connection import session
from sekisho.ledger.store.marks import Withholding

pytestmark = pytest.mark.database
PSEUDONYMS = Pseudonyms(SUBJECT_KEY)
AT = datetime(2026, 11, 22, tzinfo=UTC)


async def test_pages_give_each_record_once(ledger_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the size of a page and the limit; the count is that of what is found."""
    await taken_in(ledger_database, *RECORDS)
    everything = RecordQuery().filter(None)
    async with session(ledger_database, "reader") as conn:
        for page in (1, 2, 3, 5, 6):
            monkeypatch.setattr(search, "_PAGE", page)
            for limit in (None, 1, 2, 3, 4, 5, 6):
                found = [each.record.record_id async for each in find(conn, everything, limit)]
                assert found == ids(1, 2, 3, 4, 5)[:limit]
        assert sum(each.records for each in await count(conn, everything)) == 5


async def test_a_query_for_persons_needs_their_key() -> None:
    """A filter without the hashes would find everybody's records."""
    with pytest.raises(AssertionError):
        RecordQuery(subjects=("C-000001",)).filter(None)


async def test_found_records_tell_the_day_that_counts_and_their_place(ledger_database: str) -> None:
    """An open batch has no end; the others have the stated one; each names log and index."""
    await taken_in(ledger_database, *RECORDS)
    async with session(ledger_database, "reader") as conn:
        found = [each async for each in find(conn, RecordQuery().filter(None))]
    days = [each.retain_until for each in found]
    assert days == [date(2029, 11, 21), date(2030, 1, 1), date(2029, 11, 21), date(2029, 11, 21), None]
    assert [each.idx for each in found] == [1, 2, 3, 4, 5]
    assert len({each.rid for each in found}) == 5


async def test_found_records_tell_their_holds(ledger_database: str) -> None:
    """Those in force, on records with an end and without, whoever asks for how many."""
    await taken_in(ledger_database, *RECORDS)
    keeping = Keeping(ledger_database, ORIGIN, skew_seconds=30, publish_now=_nothing)
    placed = [
        await place(keeping, Named(record_id=record_id), None, Statement("x", "y"))
        for record_id in (*ids(1), *ids(5), *ids(5))
    ]
    await release(keeping, placed[1].hold, Statement("x", "y"))
    async with session(ledger_database, "reader") as conn:
        found = [each.holds async for each in find(conn, RecordQuery().filter(None))]
    assert found == [(placed[0].hold,), (), (), (), (placed[2].hold,)]


async def _nothing() -> None:
    """Nothing to sign."""


async def test_what_a_purge_takes_meanwhile_is_told_as_expired(
    ledger_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record read before its purge and found among the purged after it counts once."""
    await taken_in(ledger_database, record(1, "C-1", **LONG_AGO), record(2, "C-1"))
    async with session(ledger_database, "reader") as conn:
        before = await persons_records(conn, PSEUDONYMS.subject("C-1"))
        gone = PurgedRecord(
            disclosing.place(before.kept[0]), date(2020, 11, 21), AT.date(), True, "savings-bank"
        )

        async def purged(*_: object) -> list[PurgedRecord]:
            return [gone]

        monkeypatch.setattr(disclosing, "_purged", purged)
        after = await persons_records(conn, PSEUDONYMS.subject("C-1"))
    assert (len(before.kept), before.purged) == (2, [])
    assert [each.record.record_id for each in after.kept] == [before.kept[1].record.record_id]
    assert after.purged == [gone]


async def test_a_reference_names_the_newest_checkpoint_of_the_log_of_logs(ledger_database: str) -> None:
    """None where nothing was signed yet."""
    await taken_in(ledger_database, record(1, "C-1"))
    async with session(ledger_database, "reader") as conn:
        assert (await persons_records(conn, PSEUDONYMS.subject("C-1"))).reference is None


async def test_a_mark_of_what_is_not_kept_is_none(ledger_database: str) -> None:
    """False, and nothing is written."""
    await taken_in(ledger_database, record(1, "C-1"))
    async with session(ledger_database, "purger") as conn:
        unknown = "00000000-0000-4000-8000-000000000000"
        assert not await mark(conn, unknown, Decision("exclusion", "state", (), "x", "y"))
    with psycopg.connect(ledger_database) as plain:
        assert plain.execute("SELECT count(*) FROM sekisho_ledger.withholding").fetchone() == (0,)


def _mark(kind: Literal["exclusion", "ground"], ground: str, *part: str, record_id: str = "r") -> Withholding:
    return Withholding(0, record_id, kind, ground, list(part), "x", "y", AT)


EXCLUDED = _mark("exclusion", "state")
WHOLE = _mark("ground", "harm")
ALL_ITEMS = _mark("ground", "harm", "items")
ONE_ITEM = _mark("ground", "hindrance", "item:a")
TWO = _mark("ground", "other_law", "item:a", "item:b", "person")


def _orders(*marks: Withholding) -> Iterator[list[Withholding]]:
    for order in permutations(marks):
        yield list(order)


def test_of_marks_the_strongest_counts_whatever_their_order() -> None:
    """An exclusion above every ground, the whole above its parts, all items above single ones."""
    for order in _orders(EXCLUDED, WHOLE, ONE_ITEM, ALL_ITEMS):
        assert standing(order) == [EXCLUDED]
    for order in _orders(WHOLE, ONE_ITEM, ALL_ITEMS):
        assert standing(order) == [WHOLE]
    for order in _orders(ONE_ITEM, ALL_ITEMS, TWO):
        parts = [part for each in standing(order) for part in each.part]
        assert sorted(parts) == ["items", "person"]


def test_what_is_marked_again_counts_as_last() -> None:
    """Of the same strength the later replaces the earlier, part for part; other parts and other records stay."""
    later = EXCLUDED._replace(ground="unlawful_acts")
    assert standing([EXCLUDED, later]) == [later]
    assert standing([TWO, ONE_ITEM]) == [TWO._replace(part=["item:b", "person"]), ONE_ITEM]
    assert standing([ONE_ITEM, TWO]) == [TWO]
    other = _mark("ground", "harm", "date", record_id="s")
    assert standing([ONE_ITEM, other]) == [ONE_ITEM, other]
    assert standing([]) == []
