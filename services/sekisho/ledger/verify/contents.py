"""One range of one log: every payload against its leaf, its retention, its purge. Ranges are worked at in parallel.

Runs after all leaves were scanned: it knows every extension, hold and purge.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from sekisho.domain.calendar import tokyo_day
from sekisho.ledger.ingest.pseudonyms import Pseudonyms
from sekisho.ledger.leaves import Clock, Extend, Hold, LeafError, NewKey, PayloadLeaf, Release, read
from sekisho.ledger.merkle.canonical import CanonicalError, commit
from sekisho.ledger.verify.acts import Acts
from sekisho.ledger.verify.batches import Batches
from sekisho.ledger.verify.beside import Beside
from sekisho.ledger.verify.bodies import (
    Document,
    agreement_key,
    column_faults,
    decision_columns,
    decision_policy,
    policy_key,
    record_agreement,
    record_columns,
    record_faults,
    statement_columns,
    unread_columns,
)
from sekisho.ledger.verify.findings import Finding, Findings
from sekisho.ledger.verify.retained import Retained, day
from sekisho.ledger.verify.sources import LogRow, PayloadRow, Source
from sekisho.ledger.verify.times import Clocks

_STATEMENTS: Final = (Extend, Hold, Release, Clock, NewKey)


@dataclass(frozen=True)
class ContentsTask:
    """A range to go through."""

    log: LogRow
    low: int
    high: int


@dataclass
class ContentsFacts:
    """What was there."""

    payloads: int = 0
    statements: int = 0
    purged: int = 0
    redacted: int = 0
    held: int = 0
    due: int = 0
    due_held: int = 0
    open: int = 0
    methods: Counter[tuple[str, str]] = field(default_factory=Counter)
    scopes: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    """Scope -> what its payloads have in common, and the first that says so."""
    totals: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


class Contents:
    """Goes through the payloads of one ledger."""

    def __init__(
        self, source: Source, acts: Acts, clocks: Clocks, pseudonyms: Pseudonyms | None = None
    ) -> None:
        self._source, self._acts, self._clocks, self._pseudonyms = source, acts, clocks, pseudonyms

    def go(self, task: ContentsTask) -> ContentsFacts:
        """A range. Raises SourceError."""
        return _Range(self._source, self._acts, self._clocks, self._pseudonyms, task).facts


class _Range:
    def __init__(
        self, source: Source, acts: Acts, clocks: Clocks, pseudonyms: Pseudonyms | None, task: ContentsTask
    ) -> None:
        self._log, self._subject = task.log, None if pseudonyms is None else pseudonyms.subject
        self._pseudonyms = pseudonyms
        self._batches = Batches(source, task.log, task.low)
        self._beside = Beside(source, task.log, task.low, task.high, acts, pseudonyms)
        self._retained = Retained(acts, task.log.origin, clocks)
        self._about = acts.about.get(task.log.origin)
        self._today = tokyo_day(clocks.now)
        self._redacted = source.redacted(task.log)
        self._found = Findings()
        self.facts = ContentsFacts()
        payloads = _Payloads(source.payloads(task.log, task.low, task.high))
        for row in source.leaves(task.log, task.low, task.high):
            payload = payloads.at(row.idx, self._unaccounted)
            try:
                leaf = read(row.leaf)
            except LeafError:
                continue  # told when the leaves were scanned
            if isinstance(leaf, PayloadLeaf) and not _has_day(leaf):
                continue  # told when the leaves were scanned
            if isinstance(leaf, PayloadLeaf):
                self._payload_leaf(row.idx, leaf, payload)
            else:
                self._other_leaf(row.idx, leaf, payload)
            if self._about is not None:
                self._targets(row.idx, leaf.rid, leaf.kind)
        payloads.at(task.high, self._unaccounted)
        for index, told in self._beside.scopes():
            self._add("stored.differs", index, told)
        self.facts.totals, self.facts.findings = dict(self._found.totals), self._found.kept()

    def _add(self, kind: str, index: int, detail: str) -> None:
        self._found.add(kind, self._log.origin, index, detail)

    def _unaccounted(self, index: int, told: str) -> None:
        self._add("payload.unaccounted", index, told)

    def _targets(self, index: int, rid: str, kind: str) -> None:
        """That what extensions, holds and purges name at this place is this leaf, and has a payload."""
        assert self._about is not None
        named = [
            *(("extend.target", each.moment, each.rid) for each in self._about.extended.get(index, ())),
            *(("hold.target", each.moment, each.rid) for each in self._about.covered.get(index, ())),
            *(
                ("purge.target", each.moment, each.leaf.target.rid)
                for each in self._about.purged.get(index, ())
            ),
        ]
        for fault, moment, target in named:
            if target != rid or kind not in ("record", "decision", "unreadable"):
                told = (
                    f"it names {self._log.origin} #{index}, which is another leaf, or one without a payload"
                )
                self._found.add(fault, moment.origin, moment.idx, told)

    def _payload_leaf(self, index: int, leaf: PayloadLeaf, row: PayloadRow | None) -> None:
        self._batches.add(leaf)
        purges = self._retained.purges(index)
        for purge in purges:
            for kind, told in self._retained.purge_faults(index, leaf, purge):
                self._add(kind, index, f"{told} (purge leaf {purge.moment.origin} #{purge.moment.idx})")
        for purge in purges[1:]:
            self._found.add(
                "purge.target",
                purge.moment.origin,
                purge.moment.idx,
                f"{self._log.origin} #{index} was purged before",
            )
        if row is None:
            self._gone(index, purged=bool(purges))
            for kind, told in self._beside.purged(index, leaf) if purges else ():
                self._add(kind, index, told)
        elif purges:
            self._add("payload.after_purge", index, "its purge leaf is there, and so is its body")
        else:
            self._kept(index, leaf, row)

    def _gone(self, index: int, *, purged: bool) -> None:
        if purged:
            self.facts.purged += 1
        elif index in self._redacted:
            self.facts.redacted += 1
        else:
            self._add("payload.missing", index, "its body and salt are gone")

    def _kept(self, index: int, leaf: PayloadLeaf, row: PayloadRow) -> None:
        facts = self.facts
        facts.payloads += 1
        until, held = self._retained.until(index, leaf), self._retained.is_held(index)
        facts.held += held
        if until is None:
            facts.open += 1
        elif until < self._today:
            facts.due_held += held
            facts.due += not held
        if not self._committed(index, leaf.commit, row):
            return
        faults = [] if row.columns is None else list(column_faults(leaf, row.columns))
        faults += self._beside.held(index, leaf, row)
        if leaf.kind == "record":
            faults += self._record(index, leaf, row)
        elif leaf.kind == "decision":
            faults += self._decision(index, leaf, row)
        elif row.columns is not None:
            faults += unread_columns(row.columns)
        for kind, told in faults:
            self._add(kind, index, told)

    def _committed(self, index: int, promised: str, row: PayloadRow) -> bool:
        """Whether the payload is what the leaf committed to."""
        try:
            if commit(row.salt, row.body).hex() == promised:
                return True
            told = "salt and body do not give the commitment in the leaf"
        except ValueError as error:
            told = str(error)
        self._add("payload.commitment", index, told)
        return False

    def _record(self, index: int, leaf: PayloadLeaf, row: PayloadRow) -> list[tuple[str, str]]:
        try:
            Document(row.body)
        except CanonicalError as error:
            return [("payload.malformed", str(error))]
        told, faults = record_faults(leaf, row.body)
        if told is not None:
            self.facts.methods[told.method, told.basis] += 1
            self._scope(index, leaf, record_agreement(told))
            if leaf.scope is not None:
                self._beside.scope(index, leaf.scope, agreement_key(told, self._pseudonyms))
            if row.columns is not None:
                faults += record_columns(told, row.columns, self._subject)
        return faults

    def _decision(self, index: int, leaf: PayloadLeaf, row: PayloadRow) -> list[tuple[str, str]]:
        try:
            document: Any = Document(row.body).data
            told = document["outcome"]
            until, subject_id = told.get("insurance_until"), told["subject_id"]
            self._scope(index, leaf, decision_policy(document))
            if leaf.scope is not None:
                self._beside.scope(index, leaf.scope, policy_key(document, self._pseudonyms))
            served = [*document["decisions"], *document["missing"]]
            faults = (
                [] if row.columns is None else list(decision_columns(document, row.columns, self._subject))
            )
        except (CanonicalError, KeyError, TypeError, AttributeError, ValueError) as error:
            return [
                ("payload.malformed", f"it is no outcome with its decisions: {type(error).__name__} {error}")
            ]
        if until != leaf.retain_until:
            faults.append(
                ("retention.differs", f"the leaf says {leaf.retain_until}, the insurance ends {until}")
            )
        if (
            leaf.scope is None
            or not served
            or any(each.get("subject_id", subject_id) != subject_id for each in served)
        ):
            faults.append(
                ("scope.differs", "it has no scope, no decisions, or decisions about another person")
            )
        return faults

    def _scope(self, index: int, leaf: PayloadLeaf, common: bytes) -> None:
        if leaf.scope is not None:
            known, first = self.facts.scopes.setdefault(leaf.scope, (common, index))
            if known != common:
                self._add(
                    "scope.differs",
                    index,
                    f"its scope {leaf.scope} is that of another agreement or policy (#{first})",
                )

    def _other_leaf(self, index: int, leaf: Any, row: PayloadRow | None) -> None:
        fault = self._batches.fault(leaf) if isinstance(leaf, Extend) else None
        if fault is not None:
            self._add("extend.unfounded", index, fault)
        promised = leaf.commit if isinstance(leaf, _STATEMENTS) else None
        if promised is None:
            if row is not None:
                self._unaccounted(index, f"a leaf of kind {leaf.kind} has no payload")
            return
        if row is None:
            self._gone(index, purged=False)
            return
        self.facts.statements += 1
        if self._committed(index, promised, row):
            self._statement(index, leaf, row)

    def _statement(self, index: int, leaf: Any, row: PayloadRow) -> None:
        """Who and why: readable, and of this hold."""
        try:
            told = Document(row.body).data
            if isinstance(leaf, Hold | Release) and told.get("hold") != leaf.hold:
                self._add("payload.malformed", index, "the statement is of another hold")
            elif isinstance(leaf, Hold) and row.columns is not None:
                for kind, fault in self._beside.statement(leaf, told, row.columns):
                    self._add(kind, index, fault)
        except (CanonicalError, AttributeError, TypeError) as error:
            self._add("payload.malformed", index, f"the statement cannot be read: {error}")
        for kind, fault in () if row.columns is None else statement_columns(leaf.rid, leaf.kind, row.columns):
            self._add(kind, index, fault)


def _has_day(leaf: PayloadLeaf) -> bool:
    """Whether the calendar has its last day."""
    try:
        day(leaf.retain_until)
    except ValueError:
        return False
    return True


class _Payloads:
    """Payload rows, asked for by rising index."""

    def __init__(self, rows: Iterator[PayloadRow]) -> None:
        self._rows = rows
        self._next = next(rows, None)

    def at(self, index: int, unaccounted: Any) -> PayloadRow | None:
        """The row of this index; those passed over have no leaf, and a second one for an index has none either."""
        found = None
        while self._next is not None and self._next.idx <= index:
            row, self._next = self._next, next(self._rows, None)
            if row.idx < index:
                unaccounted(row.idx, "there is no such leaf")
            elif found is None:
                found = row
            else:
                unaccounted(index, "there are two payloads for this leaf")
        return found
