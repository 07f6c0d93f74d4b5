"""The verifier on topics in which nothing is wrong."""

from __future__ import annotations

import pytest

from audit.scenario import CONFIG, LANE, NAMES, Forger
from sekisho.audit import Progress, check
from sekisho.log.port import MissingTopicError, Partition


async def test_topics_that_a_gate_has_written_have_nothing_wrong(forger: Forger) -> None:
    """Everything that can come to a gate is answered as the verifier, which knows nothing of gates, expects."""
    report = await forger.check()
    assert report.ok, str(report)


async def test_everything_is_counted(forger: Forger) -> None:
    """The counts are of what stands in the topics."""
    counts = (await forger.check()).counts
    assert (counts.requests, counts.decisions, counts.unreadable) == (15, 12, 3)
    assert (counts.allowed, counts.denied, counts.duplicates, counts.invalid) == (4, 8, 1, 2)
    assert (counts.records, counts.rejected, counts.rulebooks) == (2, 10, 1)
    assert (counts.misrouted_events, counts.forwarded) == (2, 1)
    assert counts.sent == len(forger.sent)
    assert (counts.pending, counts.unverifiable) == (0, 0)


async def test_topics_of_running_gates_are_no_finding_where_the_last_answers_lack(forger: Forger) -> None:
    """While gates go on, what has no answer yet is pending; once they are said to be done, it is lost."""
    forger.erase(forger.provision_record("second provision"))
    forger.erase(forger.answer("second provision"))
    running = await forger.check(settled=False)
    assert running.ok, str(running)
    assert running.counts.pending == 1
    assert (await forger.check()).totals == {"request.lost": 1}


async def test_one_partition_alone_can_be_checked(forger: Forger) -> None:
    """With some partitions only, they alone are looked at, and the report says what could not be compared."""
    report = await forger.check(partitions=frozenset({2}))
    assert report.ok, str(report)
    assert (report.counts.partitions, report.counts.requests) == (1, 1)
    assert "forwarding" in report.notes[0].en


async def test_what_the_ledger_has_trimmed_is_not_missed(forger: Forger) -> None:
    """Records before the first one that is kept are told as not compared, not as missing."""
    last = forger.provision_record("second provision")
    await forger.log.delete_records(Partition(NAMES.records, LANE), last.offset)
    report = await forger.check()
    assert report.ok, str(report)
    assert len(report.notes) == 1


async def test_requests_that_are_kept_no_longer_are_told_as_unverifiable(forger: Forger) -> None:
    """Outputs about requests before the topic's start cannot be compared, and are no finding."""
    await forger.log.delete_records(Partition(NAMES.requests, LANE), forger.offsets["unreadable"])
    report = await forger.check(sent=())
    assert report.ok, str(report)
    assert report.counts.unverifiable == 8 + 3


async def test_decisions_that_are_kept_no_longer_are_told_as_unverifiable(forger: Forger) -> None:
    """Where retention has cut decisions, the records of their requests prove nothing either way."""
    await forger.log.delete_records(Partition(NAMES.decisions, LANE), forger.answer("use").offset)
    report = await forger.check()
    assert report.ok, str(report)
    assert report.counts.unverifiable > 0


async def test_progress_is_told(forger: Forger) -> None:
    """Long work shows how far it is: every topic's partition is told to its end."""
    told: list[Progress] = []
    await check(forger.log, CONFIG, on_progress=told.append)
    ends = {(each.topic, each.partition) for each in told if each.done == each.total}
    assert (NAMES.requests, LANE) in ends
    assert (NAMES.decisions, LANE) in ends


async def test_a_missing_topic_proves_nothing_either_way(forger: Forger) -> None:
    """Without a topic there is no report: the error says what makes it."""
    await forger.log.delete(NAMES.records)
    with pytest.raises(MissingTopicError, match="sekisho topics create"):
        await forger.check()
