"""The end of the demo: counted from the topics, from their beginning, by a reader that knows nothing of what was seen."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from sekisho.bootstrap import topic_names
from sekisho.cli.demo.watching import place
from sekisho.cli.reading import Start, Tailing, tailed
from sekisho.cli.screen import Screen
from sekisho.contracts import access_requests
from sekisho.contracts.errors import RejectedMessageError, UnreadableMessageError
from sekisho.contracts.reading import read_object
from sekisho.gate.topics import TopicNames
from sekisho.log.port import Log, Partition, Record
from sekisho.settings import Settings

_ALL = Tailing(Start.beginning(), follow=False, most=None)


class Line(NamedTuple):
    """One line of the summary: what was counted, and whether it is as it must be."""

    ja: str
    en: str
    number: int
    right: bool


async def checked(screen: Screen, settings: Settings, log: Log, sent: int) -> bool:
    """Counts, shows, and tells whether all is as it must be."""
    names = topic_names(settings)
    screen.rule("トピックから数えた結果（確定したものだけ）")
    screen.text("Counted from the topics, committed messages only", indent=3)
    lines = await _lines(log, names, settings.topic.partitions, sent)
    for line in lines:
        mark = "✓ " if line.right else "✗ "
        style = "green" if line.right else "bold red"
        screen.text(f"{line.ja}  {line.en}", first=f"{mark}{line.number:>6}  ", lead=style)
    return all(line.right for line in lines)


async def _lines(log: Log, names: TopicNames, partitions: int, sent: int) -> list[Line]:
    requests = [each async for each in tailed(log, names.requests, _ALL)]
    decisions = [read_object(each.value or b"") async for each in tailed(log, names.decisions, _ALL)]
    records = [read_object(each.value or b"") async for each in tailed(log, names.records, _ALL)]
    rejected = [read_object(each.value or b"") async for each in tailed(log, names.rejected, _ALL)]
    answered = Counter(place(each["request_position"]) for each in decisions)
    refused = Counter(place(each["position"]) for each in rejected)
    expected = {
        at: _readable(each) for each in requests for at in [(each.topic, each.partition, each.offset)]
    }
    owed = Counter(
        each["record_id"] for each in decisions if each["record_id"] and each["duplicate_of"] is None
    )
    written = Counter(each["record_id"] for each in records)
    lost = [at for at, readable in expected.items() if readable and not answered[at]]
    doubled = [at for at, count in answered.items() if count > 1 or not expected.get(at)]
    unreadable = [at for at, readable in expected.items() if not readable]
    return [
        Line("申請（送信済みのものすべて）", "requests, all that were sent", len(requests), len(requests) == sent),
        Line("確定した決定", "committed decisions", len(decisions), not lost and not doubled),
        Line("うち許可", "of them allowed", _count(decisions, "allow"), right=True),
        Line("うち拒否", "of them denied", _count(decisions, "deny"), right=True),
        Line("うち再送への回答", "of them answers to requests sent again", _again(decisions), right=True),
        Line("提供記録（許可した提供と一対一）", "records, one for each allowed provision", len(records), owed == written),
        Line("読めないメッセージ（不受理イベントあり）", "unreadable, each with its rejected event", len(unreadable),
             all(refused[at] == 1 for at in unreadable)),
        Line("失われた申請", "lost", len(lost), not lost),
        Line("二重の決定", "doubled", len(doubled), not doubled),
        Line("開いたままのトランザクション", "transactions left open", *(await _open(log, names, partitions))),
    ]  # fmt: skip


def _readable(record: Record) -> bool:
    """Whether a request's id can be read, so that it is owed a decision."""
    try:
        access_requests.receive(record.headers, record.key, record.value, largest=1 << 30)
    except UnreadableMessageError:
        return False
    except RejectedMessageError:
        return True
    return True


def _count(decisions: list[dict[str, Any]], effect: str) -> int:
    return sum(each["effect"] == effect for each in decisions)


def _again(decisions: list[dict[str, Any]]) -> int:
    return sum(each["duplicate_of"] is not None for each in decisions)


async def _open(log: Log, names: TopicNames, partitions: int) -> tuple[int, bool]:
    """Partitions in which committed readers are held back: no client lists open transactions, their ends tell."""
    reader = log.partition_reader()
    await reader.start()
    try:
        found = 0
        for topic in names.shared:
            for number in range(partitions):
                at = Partition(topic, number)
                found += await reader.last_stable_offset(at) != await reader.high_watermark(at)
    finally:
        await reader.stop()
    return found, found == 0
