"""Records that the ledger has taken out of their topic are compared as the ledger has them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from audit.scenario import CONFIG, LANE, NAMES, Forger
from sekisho.audit import ArchivedRecord, CheckReport, check
from sekisho.ledger.merkle.canonical import canonical
from sekisho.log.port import Partition

Change = Callable[[list[ArchivedRecord]], list[ArchivedRecord]]


@dataclass
class Kept:
    """An archive of what was trimmed; `topic_id` is the topic that it knows."""

    topic_id: str
    kept: list[ArchivedRecord]

    async def records(self, topic_id: str, partition: int, before: int) -> AsyncIterator[ArchivedRecord]:
        """RecordArchive."""
        for each in self.kept if (topic_id, partition) == (self.topic_id, LANE) else ():
            if each.offset < before:
                yield each


async def trimmed(
    forger: Forger, change: Change = lambda kept: kept, topic_id: str | None = None
) -> CheckReport:
    """Trims the whole partition of the records and checks, with an archive of it, changed."""
    records = forger.records(NAMES.records, LANE)
    kept = [ArchivedRecord(each.offset, canonical(json.loads(each.value or b""))) for each in records]
    at = Partition(NAMES.records, LANE)
    await forger.log.delete_records(at, records[-1].offset + 1)
    known = (await forger.log.describe([NAMES.records]))[NAMES.records].id
    return await check(forger.log, CONFIG, archive=Kept(topic_id or known, change(kept)))


async def test_trimmed_records_are_compared_with_the_archive(forger: Forger) -> None:
    """All is well, and the report says where it looked."""
    report = await trimmed(forger)
    assert report.ok, str(report)
    assert any("as the ledger has them" in note.en for note in report.notes)


async def test_a_record_that_neither_has_is_found(forger: Forger) -> None:
    """Trimmed, and not in the ledger: it is missing."""
    report = await trimmed(forger, lambda kept: kept[1:])
    assert set(report.totals) == {"record.missing"}


async def test_a_record_that_the_archive_has_altered_is_found(forger: Forger) -> None:
    """The ledger is believed no more than the topic."""

    def alter(kept: list[ArchivedRecord]) -> list[ArchivedRecord]:
        told: dict[str, Any] = json.loads(kept[0].value or b"")
        return [kept[0]._replace(value=canonical(told | {"items": ["something.else"]})), *kept[1:]]

    assert set((await trimmed(forger, alter)).totals) == {"record.altered"}


async def test_what_was_deleted_when_it_was_due_is_no_finding(forger: Forger) -> None:
    """Its leaf is there, its payload is not: as many decisions may lack their records, and no more."""
    report = await trimmed(forger, lambda kept: [kept[0]._replace(value=None), *kept[1:]])
    assert report.ok, str(report)
    assert any("deleted when they were due" in note.en for note in report.notes)


async def test_deleted_ones_excuse_no_more_than_their_number(forger: Forger) -> None:
    """One was deleted, two are not there."""
    report = await trimmed(forger, lambda kept: [kept[0]._replace(value=None), *kept[2:]])
    assert report.totals == {"record.missing": 1}


async def test_an_archive_of_another_topic_proves_nothing(forger: Forger) -> None:
    """It does not know this topic: trimmed records are told as not compared, as without an archive."""
    report = await trimmed(forger, topic_id="another")
    assert report.ok
    assert any("were not compared" in note.en for note in report.notes)
