"""A purge deletes what is due and nothing else, and leaves the proof that it was there."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta

import pytest

from ledger.keeping.held_world import NOW, RECORDS, Wanted, World, day_before
from sekisho.domain.calendar import TOKYO
from sekisho.ledger.keeping.holding import Named, place, release
from sekisho.ledger.keeping.keeping import ClockBehindError, NotFoundError, Statement
from sekisho.ledger.keeping.overview import overview
from sekisho.ledger.keeping.purging import PurgeRunningError, alone, purge, purge_record
from sekisho.ledger.keeping.refusing import PurgeRefusedError
from sekisho.ledger.store.connection import session

pytestmark = pytest.mark.database
DUE = day_before()
WHY = Statement("an inquiry", "legal")


async def test_what_is_due_is_deleted_and_nothing_else(world: World) -> None:
    """Body and salt of the due rows go; every other row of every table stays byte for byte; a leaf tells each deletion."""
    due = await world.take([Wanted(DUE), Wanted(date(2027, 1, 1))])
    kept = await world.take([Wanted(DUE + timedelta(days=1)), Wanted(None), Wanted(date(2031, 1, 1))])
    before = world.everything_but(due)
    report = await purge(world.keeping)
    assert report.purged == 2
    assert report.refusal is None
    assert world.kept() == set(kept)
    assert world.everything_but(due) == before
    leaves = world.acts("purge")
    assert [(leaf["target"]["origin"], leaf["target"]["index"], leaf["retain_until"]) for leaf in leaves] == [
        (RECORDS, str(due[1]), "2027-01-01"),
        (RECORDS, str(due[0]), DUE.isoformat()),
    ]
    for leaf in leaves:
        assert {leaf["database_at"], leaf["host_at"], leaf["checkpoint_at"]} == {
            "2029-12-01T03:00:00.000000Z"
        }
    told = world.sql("SELECT idx, subject_hmac, direction, created_on, disclosable FROM purged ORDER BY idx")
    assert told == [(idx, b"\x01" * 32, "provision", date(2026, 11, 21), True) for idx in sorted(due)]


async def test_the_purge_leaf_names_the_leaf_that_it_deleted(world: World) -> None:
    """Its target's rid is that of the record's own leaf, which stays."""
    (idx,) = await world.take([Wanted(DUE)])
    (rid,) = world.sql("SELECT rid::text FROM payload WHERE idx = %s", (idx,))[0]
    await purge(world.keeping)
    assert [leaf["target"]["rid"] for leaf in world.acts("purge")] == [rid]
    assert world.sql("SELECT count(*) FROM leaf JOIN log USING (log_id) WHERE kind = 'records'") == [(2,)]


async def test_purging_twice_deletes_once(world: World) -> None:
    """The second run finds nothing and writes nothing."""
    await world.take([Wanted(DUE)] * 3)
    assert (await purge(world.keeping)).purged == 3
    acts = world.sql("SELECT count(*) FROM leaf")
    assert (await purge(world.keeping)).purged == 0
    assert world.sql("SELECT count(*) FROM leaf") == acts


@pytest.mark.parametrize("late", [False, True])
async def test_the_day_ends_at_midnight_in_tokyo(world: World, late: bool) -> None:
    """A microsecond before 24:00 of the last day nothing goes; at 24:00 it goes."""
    await world.take([Wanted(date(2029, 11, 21))])
    midnight = datetime(2029, 11, 22, tzinfo=TOKYO).astimezone(UTC)
    world.clock.both(midnight if late else midnight - timedelta(microseconds=1))
    assert (await purge(world.keeping)).purged == (1 if late else 0)


@pytest.mark.parametrize("clock", ["database", "host", "checkpoint"])
async def test_a_clock_that_runs_ahead_deletes_nothing(world: World, clock: str) -> None:
    """Whichever of the three is years ahead, nothing goes early, and the disagreement is written down with what it would have cost."""
    ahead = NOW + timedelta(days=4000)
    await world.take([Wanted(DUE + timedelta(days=30))] * 2)
    world.signs_at = ahead if clock == "checkpoint" else NOW
    if clock != "checkpoint":
        setattr(world.clock, clock, ahead)
    report = await purge(world.keeping)
    assert report.purged == 0
    assert len(world.kept()) == 2
    assert report.refusal == "clock"
    assert [(leaf["cause"], leaf["counts"], leaf["target"]) for leaf in world.acts("refusal")] == [
        ("clock", {"clock": "2"}, None)
    ]


@pytest.mark.parametrize("clock", ["database", "host", "checkpoint"])
async def test_a_clock_that_lags_delays(world: World, clock: str) -> None:
    """The least of the three counts: with one a year behind, what is due by the others stays."""
    behind = NOW - timedelta(days=365)
    await world.take([Wanted(DUE), Wanted(date(2027, 1, 1))])
    world.signs_at = behind if clock == "checkpoint" else NOW
    if clock != "checkpoint":
        setattr(world.clock, clock, behind)
    report = await purge(world.keeping)
    assert report.purged == 1
    assert report.clocks.least == clock
    assert world.acts("refusal")[0]["counts"] == {"clock": "1"}


async def test_in_a_quiet_ledger_a_purge_has_a_checkpoint_signed(world: World) -> None:
    """Where nothing arrived for years nothing was signed: the run writes down what waits, which is signed, and then deletes it."""
    await world.take([Wanted(DUE)])
    world.clock.both(NOW - timedelta(days=900))
    await world.sign()
    world.clock.both(NOW)
    keeping = world.keeping

    async def what_grew() -> None:
        newest: dict[int, int] = dict(world.sql("SELECT log_id, max(size) FROM checkpoint GROUP BY 1"))
        if any(newest.get(log) != size for log, size in world.sql("SELECT log_id, size FROM log_head")):
            await world.sign()

    quiet = type(keeping)(
        keeping.url, keeping.origin, 30, publish_now=what_grew, host_now=keeping.host_now, database_now=keeping.database_now
    )  # fmt: skip
    report = await purge(quiet)
    assert (report.purged, report.refusal, report.clocks.checkpoint_at) == (1, None, NOW), (
        "nothing was kept in the end"
    )
    assert world.acts("refusal")[0]["counts"] == {"clock": "1"}
    assert (await purge(quiet)).refusal is None


async def test_without_a_checkpoint_nothing_is_due(world: World) -> None:
    """Nothing that was never signed is deleted: there would be no proof that it was there."""
    await world.take([Wanted(DUE)])
    keeping = world.keeping

    async def nothing() -> None:
        pass

    unsigned = type(keeping)(
        keeping.url, keeping.origin, 30, publish_now=nothing, host_now=keeping.host_now, database_now=keeping.database_now
    )  # fmt: skip
    report = await purge(unsigned)
    assert (report.purged, report.clocks.least) == (0, "checkpoint")
    record_id = world.sql("SELECT record_id::text FROM payload WHERE kind = 'record'")[0][0]
    with pytest.raises(PurgeRefusedError, match="No signed checkpoint"):
        await purge_record(unsigned, record_id)


async def test_what_no_checkpoint_covers_stays(world: World) -> None:
    """A record that came after the newest checkpoint of its log waits for the next."""
    (first,) = await world.take([Wanted(DUE)])
    await world.sign()
    keeping = world.keeping

    async def late() -> None:
        pass

    (second,) = await world.take([Wanted(DUE)])
    stale = type(keeping)(
        keeping.url, keeping.origin, 30, publish_now=late, host_now=keeping.host_now, database_now=keeping.database_now
    )  # fmt: skip
    assert (await purge(stale)).purged == 1
    assert world.kept() == {second}
    assert first not in world.kept()


async def test_a_host_whose_clock_stepped_back_purges_nothing(world: World) -> None:
    """All clocks forward, then back: the acts log knows a later time, so the purger stops and says so."""
    await world.take([Wanted(DUE)])
    world.clock.both(NOW + timedelta(days=4000))
    await purge(world.keeping)
    await world.take([Wanted(DUE)])
    world.clock.both(NOW)
    with pytest.raises(ClockBehindError, match="behind"):
        await purge(world.keeping)
    assert len(world.kept()) == 1


async def test_a_hold_stops_a_purge_until_the_last_is_released(world: World) -> None:
    """Overlapping holds: releasing one leaves the other; released, what is due is due the same day."""
    first, second = await world.take([Wanted(DUE), Wanted(DUE, subject=b"\x02" * 32)])
    one = await place(world.keeping, Named(subject_id="person"), b"\x01" * 32, WHY)
    two = await place(world.keeping, Named(counterparty="insurer"), None, WHY)
    assert (one.covered, two.covered) == (1, 2)
    report = await purge(world.keeping)
    assert (report.purged, report.held, report.refusal) == (0, 2, "hold")
    assert world.acts("refusal")[-1]["counts"] == {"hold": "2"}
    await release(world.keeping, two.hold, WHY)
    assert (await purge(world.keeping)).purged == 1
    assert world.kept() == {first}
    assert second not in world.kept()
    await release(world.keeping, one.hold, WHY)
    assert (await purge(world.keeping)).purged == 1
    assert world.kept() == set()


@pytest.mark.parametrize(
    ("wanted", "cause", "words"),
    [
        (Wanted(DUE + timedelta(days=1)), "not_due", "until 2029-12-01"),
        (Wanted(None), "open", "no end yet"),
        (Wanted(DUE), "hold", "legal hold"),
    ],
)
async def test_a_record_asked_for_and_not_due_is_refused_in_writing(
    world: World, wanted: Wanted, cause: str, words: str
) -> None:
    """The refusal is told in plain words and stands in the acts log with the record's place."""
    (idx,) = await world.take([wanted])
    if cause == "hold":
        await place(world.keeping, Named(record_id=wanted.record_id), None, WHY)
    with pytest.raises(PurgeRefusedError, match=words):
        await purge_record(world.keeping, wanted.record_id)
    (leaf,) = world.acts("refusal")
    assert (leaf["cause"], leaf["target"]["index"], leaf["counts"]) == (cause, str(idx), None)
    assert world.kept() == {idx}


async def test_a_record_asked_for_and_due_is_deleted(world: World) -> None:
    """Only that one; an unknown one is told as such."""
    one, other = Wanted(DUE), Wanted(DUE)
    await world.take([one, other])
    await purge_record(world.keeping, one.record_id)
    assert len(world.kept()) == 1
    assert len(world.acts("purge")) == 1
    with pytest.raises(NotFoundError):
        await purge_record(world.keeping, one.record_id)


async def test_what_may_not_be_told_of_is_marked_so(world: World) -> None:
    """Referable provisions, decisions, and records with an exclusion mark are in no "kept and expired" line (Order 11)."""
    marked = Wanted(DUE)
    grounds = Wanted(DUE)
    await world.take([
        Wanted(DUE, basis="referable.provision"), Wanted(DUE, kind="decision"), marked, grounds,
        Wanted(DUE, basis="referable.receipt"),
    ])  # fmt: skip
    async with session(world.url, "writer") as conn:
        for wanted, kind in ((marked, "exclusion"), (grounds, "ground")):
            await conn.execute(
                "INSERT INTO withholding (record_id, kind, ground, part, reason, by) VALUES (%s, %s, 'x', '{}', 'x', 'x')",
                (wanted.record_id, kind),
            )
    assert (await purge(world.keeping)).purged == 5
    assert [told for (told,) in world.sql("SELECT disclosable FROM purged ORDER BY idx")] == [
        False, False, False, True, True,
    ]  # fmt: skip


async def test_many_batches_and_a_limit(world: World) -> None:
    """More than a transaction takes are deleted in several; a limit stops at that number."""
    await world.take([Wanted(DUE)] * 2500)
    progress: list[tuple[int, int]] = []
    report = await purge(
        world.keeping, limit=1700, on_progress=lambda done, total: progress.append((done, total))
    )
    assert report.purged == 1700
    assert progress == [(1000, 1700), (1700, 1700)]
    assert (await purge(world.keeping)).purged == 800
    assert len(world.acts("purge")) == 2500
    assert world.sql("SELECT count(DISTINCT (act_log, act_idx)), count(*) FROM purged") == [(2500, 2500)]


async def test_never_two_purges_at_once(world: World) -> None:
    """While one holds the lock another is told so."""
    async with session(world.url, "purger") as conn, alone(conn):
        with pytest.raises(PurgeRunningError):
            await purge(world.keeping)
    assert (await purge(world.keeping)).purged == 0


async def test_the_overview_tells_what_is_due_and_why(world: World) -> None:
    """By month and rule, what is held and by which hold, how many have no end; on another day it is another table."""
    scope = str(uuid.uuid4())
    held = Wanted(DUE)
    await world.take([
        held, Wanted(DUE), Wanted(date(2029, 10, 5), basis="receipt.consent", method="batch"),
        Wanted(None, scope=scope, method="batch"), Wanted(None, kind="unreadable"), Wanted(date(2031, 1, 31), kind="decision"),
    ])  # fmt: skip
    hold = await place(world.keeping, Named(record_id=held.record_id), None, WHY)
    await world.sign()
    table = await overview(world.keeping, rows=10)
    assert table.day == DUE + timedelta(days=1)
    assert [tuple(group) for group in table.groups] == [
        ("2029-10", "record", "ER 25(ii)", "batch", 1, 0),
        ("2029-11", "record", "ER 21(iii)", "individual", 1, 1),
    ]
    assert (table.due, table.held, table.no_end, len(table.rows)) == (2, 1, 2, 3)
    assert [(each.hold, each.covered, each.due) for each in table.holds] == [(hold.hold, 1, 1)]
    later = await overview(world.keeping, as_of=date(2031, 2, 1))
    assert (later.due, later.held, later.groups[-1].rule) == (3, 1, "SG Ⅱ-4-2-6-3(5)")
    await world.extend(date(2030, 1, 1), scope=scope)
    assert (await overview(world.keeping)).no_end == 1
    await world.extend(None, scope=scope, at=world.taken_at + timedelta(seconds=1))
    assert (await overview(world.keeping)).no_end == 2
    assert len(world.kept()) == 6
