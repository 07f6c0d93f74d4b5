"""One partition's requests walked through in order, each compared with what was answered to it."""

from __future__ import annotations

from typing import Final, NamedTuple

from pydantic_core import from_json

from sekisho.audit.comparing import Answered, Comparison
from sekisho.audit.config import CheckConfig
from sekisho.audit.core import FORMAT, Core, Expected, Told
from sekisho.audit.findings import Findings
from sekisho.audit.forgotten import Forgotten
from sekisho.audit.outputs import DECISION, RECORD
from sekisho.audit.questions import Question, read_question
from sekisho.audit.refusals import KIND, Refusal, Refusals, about
from sekisho.audit.report import Counts
from sekisho.audit.rulebooks import Rulebooks
from sekisho.audit.scanning import Scanned, Undecodable
from sekisho.audit.timing import Timing
from sekisho.audit.workspace import FirstUse, Output, Workspace
from sekisho.contracts import access_decisions, rejected_events
from sekisho.contracts.decision_models import Decision
from sekisho.contracts.errors import RejectedMessageError
from sekisho.domain.book import Rulebook
from sekisho.domain.rules import req
from sekisho.log.port import Partition

_UNTOLD: Final = frozenset(each.code for each in (req.STATE_STALE, req.TOO_LARGE, req.TOO_MANY_EVENTS))
"""Refusals that only the circumstances of the first decision explain."""


class Room(NamedTuple):
    """What the walk over one partition shares with the rest of the check."""

    at: Partition
    config: CheckConfig
    workspace: Workspace
    findings: Findings
    counts: Counts
    rulebooks: Rulebooks
    answered_from: int
    """The first request that is still kept, and its decision too (offset)."""
    records_from: int
    """The first request whose record is still kept (offset)."""
    records_deleted: int = 0
    """Records that the ledger had and deleted when they were due."""


class Walk:
    """Takes the requests of one partition in order. Beyond `horizon` (offsets) answers may still be under way."""

    def __init__(
        self, room: Room, core: Core, timing: Timing, refusals: Refusals, horizon: int | None
    ) -> None:
        self._room = room
        self._core = core
        self._timing = timing
        self._refusals = refusals
        self._horizon = horizon
        self._forgotten = Forgotten(room.config, room.workspace, room.answered_from)
        self._compare = Comparison(
            room.findings, room.workspace, Partition(room.config.topics.decisions, room.at.partition),
            Partition(room.config.topics.records, room.at.partition),
        )  # fmt: skip
        self._compare.deleted = room.records_deleted

    def take(self, item: Scanned) -> None:
        """Looks at one request and at everything that was answered to it."""
        self._room.counts.requests += 1
        outputs = self._room.workspace.take_outputs(DECISION, str(item.offset))
        self._forgotten.note(item)
        if item.offset < self._room.answered_from:
            self._refusals.among(item.offset)
            self._room.counts.unverifiable += 1
            return
        if isinstance(item, Undecodable):
            self._take_unanswerable(item, None, Refusal("undecodable"), outputs)
            return
        question = read_question(item, self._room.config.value_bytes)
        if not question.is_answerable:
            self._take_unanswerable(item, question, question.owed, outputs)
        elif not outputs:
            self._take_unanswered(question)
        else:
            self._take_answered(question, outputs)

    def _may_lack(self, offset: int) -> bool:
        return self._horizon is not None and offset > self._horizon

    def _take_unanswerable(
        self, item: Scanned, question: Question | None, owed: Refusal | None, outputs: list[Output]
    ) -> None:
        self._room.counts.unreadable += 1
        self._all_unasked(outputs, f"request {item.offset} cannot be answered")
        may_lack = self._may_lack(item.offset)
        record = None if question is None else question.record
        if not self._refusals.compare(item.offset, record, owed, may_lack=may_lack) and may_lack:
            self._room.counts.pending += 1

    def _all_unasked(self, outputs: list[Output], detail: str) -> None:
        decisions = (self._room.config.topics.decisions, self._room.at.partition)
        for each in outputs:
            self._room.findings.add("decision.unasked", *decisions, each.offset, detail)

    def _take_unanswered(self, asked: Question) -> None:
        offset = asked.record.offset
        if self._may_lack(offset):
            self._refusals.among(offset)
            self._room.counts.pending += 1
            return
        self._room.findings.add("request.lost", *self._room.at, offset)
        self._refusals.compare(offset, asked.record, asked.owed)

    def _take_answered(self, asked: Question, outputs: list[Output]) -> None:
        decisions = (self._room.config.topics.decisions, self._room.at.partition)
        for each in outputs[1:]:
            detail = f"on request {asked.record.offset}, first answered at {outputs[0].offset}"
            self._room.findings.add("decision.doubled", *decisions, each.offset, detail)
        try:
            decision = access_decisions.decode(outputs[0].value)
        except RejectedMessageError as error:
            self._room.findings.add("decision.unreadable", *decisions, outputs[0].offset, str(error))
            self._refusals.compare(asked.record.offset, asked.record, asked.owed)
            return
        self._count(asked, decision)
        self._examine(asked, Answered(outputs[0], from_json(outputs[0].value), decision))

    def _count(self, asked: Question, decision: Decision) -> None:
        counts = self._room.counts
        counts.allowed += decision.effect == "allow"
        counts.denied += decision.effect == "deny"
        counts.duplicates += decision.duplicate_of is not None
        counts.invalid += asked.error is not None

    # one answer

    def _examine(self, asked: Question, answered: Answered) -> None:
        self._compare.key(asked, answered.output)
        decision = answered.decision
        first = self._first_use(asked)
        named = self._forgotten.named(asked, decision) if first is None else None
        if named is not None:
            self._room.counts.unverifiable += 1
            if decision.duplicate_of is None:  # its id was used by another request: that much is believed
                first = named
        if first is not None and first.digest == asked.digest:
            self._refused(asked, asked.owed)
            self._examine_duplicate(asked, answered, first)
        elif decision.duplicate_of is None:
            self._examine_first(asked, answered, first)
        else:
            self._refused(asked, asked.owed or _reused(asked, first))
            if named is None:
                self._compare.add("duplicate.false", answered, f"it names request {decision.duplicate_of}")
            else:
                self._examine_forgotten(asked, answered, named)

    def _refused(self, asked: Question, owed: Refusal | None) -> None:
        self._refusals.compare(asked.record.offset, asked.record, owed)

    def _first_use(self, asked: Question) -> FirstUse | None:
        """The earlier request under the same id, unless it came so long before that its id is free again."""
        first = None if asked.key is None else self._room.workspace.first_use(asked.key)
        if first is None or asked.record.timestamp - first.appended_ms > self._room.config.window_ms:
            return None
        return first

    def _is_rejected(self, asked: Question) -> bool:
        """Whether a rejected event says that the request was too large to be answered."""
        rejected = self._room.workspace.first_output(KIND, about(self._room.at.topic, asked.record.offset))
        return rejected is not None and rejected_events.decode(rejected.value).cause == "too_large"

    def _examine_duplicate(self, asked: Question, answered: Answered, first: FirstUse) -> None:
        if answered.decision.duplicate_of is None:
            self._compare.add("duplicate.missed", answered, f"of request {first.offset}")
            return
        original = self._room.workspace.first_output(DECISION, str(first.offset))
        if original is not None:
            expected = self._core.repeated(asked, first, from_json(original.value))
            self._compare.duplicate(answered, expected)

    def _examine_forgotten(self, asked: Question, answered: Answered, named: FirstUse) -> None:
        """A duplicate whose first decision is kept no longer: it was about the same content, so it is made again. Only
        a refusal that the core was not asked about cannot be: its circumstances stood in the first decision."""
        decision = answered.decision
        told = Told.by(decision)
        if decision.effect == "allow":
            self._room.counts.unverifiable_allowed += 1
            self._timing.take_repeated(answered, told, named.appended_ms)
        if decision.effect == "deny" and any(each.code in _UNTOLD for each in decision.reasons):
            return
        book = self._book(answered)
        if book is not None:
            expected = self._core.repeated_anew(asked, named.offset, told, book)
            self._compare.decision(answered, Expected(expected, None))

    def _examine_first(self, asked: Question, answered: Answered, first: FirstUse | None) -> None:
        """A decision that repeats none; `first` is an earlier request under the same id, with another content."""
        told = Told.by(answered.decision, is_rejected=self._is_rejected(asked))
        self._timing.take(asked, answered, told)
        if asked.key is not None and first is None:
            use = FirstUse(asked.record.offset, asked.record.timestamp, asked.digest)
            self._room.workspace.use(asked.key, use)
        book = self._book(answered)
        expected = None if book is None else self._core.expected(asked, first, told, book)
        if expected is None:
            is_refused = told.is_rejected and told.claims(req.TOO_LARGE)
        else:
            is_refused = expected.is_rejected_too
        owed = asked.owed or _reused(asked, first)
        # one message has one rejected event: that it cannot be answered goes before what is wrong with it
        self._refused(asked, Refusal("too_large", None, asked.request_id) if is_refused else owed)
        if expected is None:
            self._room.workspace.take_outputs(RECORD, answered.decision.decision_id)
            return
        self._room.counts.too_slow += expected.refused == "time"
        self._room.counts.too_large += expected.refused in ("size", "log")
        self._compare.decision(answered, expected)
        if asked.record.offset >= self._room.records_from:
            self._compare.records(asked, answered, expected)

    def _book(self, answered: Answered) -> Rulebook | None:
        """The rulebook that decided; None, and a finding, where the decision cannot be made again."""
        decision = answered.decision
        book = self._room.rulebooks.get(decision.rulebook.digest)
        if book is None:
            self._compare.add("rulebook.unknown", answered, decision.rulebook.digest)
        elif decision.engine.format != FORMAT:
            self._compare.add("decision.unknown_format", answered, str(decision.engine.format))
            return None
        return book


def _reused(asked: Question, first: FirstUse | None) -> Refusal | None:
    """What is owed by a request whose id stands for another one already."""
    if first is None or first.digest == asked.digest:
        return None
    return Refusal("id_reused", "request_id", asked.request_id)
