"""The verifier: reads the topics as an outsider and compares everything in them with what the core says (runtime.md, Proof).

It writes nothing, joins no group and trusts no gate: committed data only, partition by partition, each decision made
again from the same request, the same consent events and the published rulebook. What it remembers of a partition lies
in a temporary file, so the topics may be large.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from sekisho.audit import refusals
from sekisho.audit.answers import Room, Walk
from sekisho.audit.archive import RecordArchive
from sekisho.audit.config import CheckConfig, OnProgress, Sent
from sekisho.audit.consents import ConsentCheck, ConsentRules, check_forwarding
from sekisho.audit.core import Core, Lane
from sekisho.audit.findings import Findings
from sekisho.audit.knowledge import Persons
from sekisho.audit.outputs import DECISION, RECORD, OutputCheck, OutputRules
from sekisho.audit.refusals import Refusals
from sekisho.audit.report import CheckReport, Counts
from sekisho.audit.rulebooks import Rulebooks
from sekisho.audit.scanning import Range, Scanned, scan, snapshot
from sekisho.audit.sends import Sends
from sekisho.audit.timing import Timing
from sekisho.audit.workspace import Workspace
from sekisho.contracts.fields import MAX_OFFSET
from sekisho.domain.book import Text
from sekisho.log.port import Log, MissingTopicError, Partition, PartitionReader, TopicDescription

MAX_MESSAGE_BYTES: Final = 1_048_588
"""Kafka's own max.message.bytes, for a log that tells none."""
ONE_PARTITION: Final = Text(
    "一部の区画だけを調べたので、誤った区画の同意イベントの転送は照合していません。",
    "Only some partitions were looked at, so the forwarding of misrouted consent events was not compared.",
)
NOT_APPENDED: Final = Text(
    "入力トピックの時刻がブローカーの記録時刻ではないため、同意の見落としを到着順からは調べていません。",
    "The inputs' times are not the brokers' append times, so freshness was not compared with the order of arrival.",
)
TRIMMED: Final = Text(
    "提供記録のトピックは途中から始まるため、それより前の提供の記録は照合していません。",
    "The records' topic does not begin at its first record, so the records of earlier provisions were not compared.",
)
ARCHIVED: Final = Text(
    "台帳が取り込んでトピックから消した提供記録は、台帳の記録と照合しました。",
    "Records that the ledger has taken out of their topic were compared as the ledger has them.",
)
DELETED: Final = Text(
    "保存期間が過ぎて削除された提供記録があります。その数までは、記録がなくても不備としていません。",
    "Some records were deleted when they were due; up to their number, a record that is not there is no finding.",
)


async def check(
    log: Log,
    config: CheckConfig,
    *,
    sent: Iterable[Sent] = (),
    on_progress: OnProgress | None = None,
    archive: RecordArchive | None = None,
) -> CheckReport:
    """Verifies the topics; `sent` are acknowledged messages that must be there, `archive` has records trimmed from theirs.

    Raises MissingTopicError, UnavailableError: then nothing is proven either way.
    """
    described = await log.describe(config.topics)
    missing = [name for name in config.topics if name not in described]
    if missing:
        raise MissingTopicError(f"missing: {', '.join(missing)}; `sekisho topics create` makes them")
    workspace, reader = Workspace(), log.partition_reader()
    await reader.start()
    try:
        return await _Check(reader, config, described, workspace, on_progress, archive).run(sent)
    finally:
        await reader.stop()
        workspace.close()


class _Check:
    """One check under way."""

    def __init__(
        self,
        reader: PartitionReader,
        config: CheckConfig,
        described: Mapping[str, TopicDescription],
        workspace: Workspace,
        on_progress: OnProgress | None,
        archive: RecordArchive | None,
    ) -> None:
        self._archive = archive
        self._archived: set[int] = set()
        """Partitions whose trimmed records the archive has."""
        self._deleted: dict[int, int] = {}
        self._reader = reader
        self._config = config
        self._described = described
        self._workspace = workspace
        self._on_progress = on_progress
        self._counts = Counts()
        self._findings = Findings(config.findings_kept)
        self._rulebooks = Rulebooks(self._findings)
        self._sends = Sends(workspace, self._findings)
        self._notes: list[Text] = []

    async def run(self, sent: Iterable[Sent]) -> CheckReport:
        names = self._config.topics
        counts = {name: self._described[name].partitions for name in names[:5]}
        if len(set(counts.values())) != 1:
            self._findings.add("topics.partitions", names.requests, detail=str(counts))
            return self._report()
        partitions = counts[names.requests]
        numbers = self._numbers(partitions)
        self._counts.sent = self._sends.expect(sent)
        spans = await snapshot(self._reader, self._config, numbers, self._findings)
        rulebooks = self._described[names.rulebooks].partitions
        await self._rulebooks.read(self._reader, rulebooks, self._config, self._on_progress)
        self._counts.rulebooks = len(self._rulebooks)
        for number in numbers:
            await self._partition(number, partitions, spans)
        self._across(numbers, partitions)
        return self._report()

    def _numbers(self, partitions: int) -> list[int]:
        chosen = self._config.partitions
        return [number for number in range(partitions) if chosen is None or number in chosen]

    def _report(self) -> CheckReport:
        findings, totals = tuple(self._findings.listed), dict(self._findings.totals)
        return CheckReport(self._counts, findings, totals, self._config.settled, tuple(self._notes))

    def _note(self, note: Text) -> None:
        if note not in self._notes:
            self._notes.append(note)

    # one partition

    async def _partition(self, number: int, partitions: int, spans: Mapping[Partition, Range]) -> None:
        names = self._config.topics
        requests, consents = Partition(names.requests, number), Partition(names.consents, number)
        self._workspace.next_partition()
        self._counts.partitions += 1
        outputs = await self._outputs(number, OutputRules(requests, consents), spans)
        horizon = None if self._config.settled else outputs.last_request
        checked = await self._consents(consents, partitions, spans[consents])
        timing = Timing(
            self._config, Partition(names.decisions, number), checked.appended if self._is_clocked() else None,
            spans[consents].end, self._findings,
        )  # fmt: skip
        room = Room(
            requests, self._config, self._workspace, self._findings, self._counts, self._rulebooks,
            answered_from=self._answered_from(spans[requests], spans[Partition(names.decisions, number)]),
            records_from=self._records_from(number, spans[Partition(names.records, number)]),
            records_deleted=self._deleted.get(number, 0),
        )  # fmt: skip
        topic_id = self._described[names.requests].id
        lane = Lane(
            names.requests, topic_id, number, partitions, self._config.subject_events,
            self._takes(names.decisions), self._takes(names.records),
        )  # fmt: skip
        core = Core(lane, Persons(self._workspace, number))
        walk = Walk(room, core, timing, self._refusals(requests), horizon)
        await self._scan(requests, spans[requests], walk.take)
        self._leftovers(number, room.answered_from, horizon)

    async def _scan(self, at: Partition, span: Range, take: Callable[[Scanned], None]) -> None:
        async for item in scan(self._reader, at, span, self._config, self._on_progress):
            self._sends.note(at, item)
            take(item)

    async def _outputs(
        self, number: int, rules: OutputRules, spans: Mapping[Partition, Range]
    ) -> OutputCheck:
        """Reads the outputs in; gives the decisions', which tell how far the lane has come."""
        names, counts = self._config.topics, self._counts
        kinds = ((refusals.KIND, names.rejected), (RECORD, names.records), (DECISION, names.decisions))
        read: dict[str, OutputCheck] = {}
        for kind, topic in kinds:
            at = Partition(topic, number)
            read[kind] = OutputCheck(kind, at, rules, self._workspace, self._findings)
            if kind == RECORD and spans[at].start > 0:
                await self._from_archive(at, spans[at].start, read[kind])
            await self._scan(at, spans[at], read[kind].take)
        counts.rejected += read[refusals.KIND].count
        counts.records += read[RECORD].count
        counts.decisions += read[DECISION].count
        return read[DECISION]

    async def _from_archive(self, at: Partition, before: int, outputs: OutputCheck) -> None:
        """The records that the topic has no longer, as the ledger has them."""
        if self._archive is None:
            return
        topic_id = self._described[at.topic].id
        async for each in self._archive.records(topic_id, at.partition, before):
            self._archived.add(at.partition)
            if each.value is None:
                self._deleted[at.partition] = self._deleted.get(at.partition, 0) + 1
            else:
                outputs.take_archived(each.offset, each.value)

    async def _consents(self, at: Partition, partitions: int, span: Range) -> ConsentCheck:
        config = self._config
        rules = ConsentRules(
            at, partitions, config.value_bytes, lagging=not config.settled, crossing=config.partitions is None
        )
        checked = ConsentCheck(rules, self._workspace, self._findings, self._counts, self._refusals(at))
        await self._scan(at, span, checked.take)
        return checked

    def _refusals(self, at: Partition) -> Refusals:
        return Refusals(self._workspace, self._findings, self._config, self._described[at.topic].id, at)

    def _takes(self, topic: str) -> int:
        """Bytes of the largest batch that a topic takes, as it is configured now."""
        return int(self._described[topic].config.get("max.message.bytes", MAX_MESSAGE_BYTES))

    def _is_clocked(self) -> bool:
        inputs = (self._config.topics.requests, self._config.topics.consents)
        clocked = all(
            self._described[name].config.get("message.timestamp.type") == "LogAppendTime" for name in inputs
        )
        if not clocked:
            self._note(NOT_APPENDED)
        return clocked

    # what is kept no longer

    def _answered_from(self, requests: Range, decisions: Range) -> int:
        """The first request that is still kept and whose decision is."""
        first = self._workspace.first_request(DECISION) if decisions.start else None
        return max(requests.start, first or 0)

    def _records_from(self, number: int, records: Range) -> int:
        """The first request whose record is still kept, here or in the archive: the ledger trims those that it has taken."""
        if records.start == 0:
            return 0
        if number in self._archived:
            self._note(ARCHIVED)
            if number in self._deleted:
                self._note(DELETED)
            return 0
        self._note(TRIMMED)
        first = self._workspace.first_request(RECORD)
        return MAX_OFFSET if first is None else first  # none is left: of none can it be told

    def _leftovers(self, number: int, answered_from: int, horizon: int | None) -> None:
        """Outputs that no input explains. What is about requests before those that are kept with their decisions is told
        as not compared."""
        names = self._config.topics
        kinds = (
            (DECISION, "decision.unasked", names.decisions),
            (RECORD, "record.unowed", names.records),
            (refusals.KIND, "rejected.unasked", names.rejected),
        )
        for kind, finding, topic in kinds:
            for each in self._workspace.unused_outputs(kind):
                if 0 <= each.request < answered_from:
                    self._counts.unverifiable += 1
                elif horizon is None or each.request <= horizon:
                    detail = (
                        "nothing was asked there" if each.request < 0 else f"about request {each.request}"
                    )
                    self._findings.add(finding, topic, number, each.offset, detail)

    # over all partitions

    def _across(self, numbers: list[int], partitions: int) -> None:
        lagging = not self._config.settled
        if self._config.partitions is None:
            topic = self._config.topics.consents
            check_forwarding(topic, self._workspace, self._findings, self._counts, lagging=lagging)
        else:
            self._note(ONE_PARTITION)
        self._sends.lost(frozenset(numbers) if len(numbers) < partitions else None)
