"""One consent partition looked through: what each record is, who owes what for it, and what it makes known."""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple

from sekisho.audit.findings import Findings
from sekisho.audit.knowledge import Appended
from sekisho.audit.refusals import Refusal, Refusals, refusal_of
from sekisho.audit.report import Counts
from sekisho.audit.scanning import Scanned, Undecodable
from sekisho.audit.workspace import Forwarded, Misrouted, StoredFact, Workspace
from sekisho.contracts import consent_events
from sekisho.contracts.envelope import open_message
from sekisho.contracts.errors import RejectedMessageError
from sekisho.contracts.routing import partition_of
from sekisho.domain.events import Position
from sekisho.log.port import Partition, Record

FIRST_POSITION: Final = "sekisho_first_position"
"""Header of a forwarded event: topic/partition/offset of where it stood first (runtime.md, Routing)."""


class ConsentRules(NamedTuple):
    """By what one consent partition is read. `lagging`: rejected events may still come."""

    at: Partition
    partitions: int
    largest: int
    lagging: bool
    crossing: bool
    """Whether all partitions are looked at, so that forwarding can be compared."""


class ConsentCheck:
    """Takes one partition's records in order."""

    def __init__(
        self,
        rules: ConsentRules,
        workspace: Workspace,
        findings: Findings,
        counts: Counts,
        refusals: Refusals,
    ) -> None:
        self._rules = rules
        self._workspace = workspace
        self._findings = findings
        self._counts = counts
        self._refusals = refusals
        self.appended = Appended()

    def take(self, item: Scanned) -> None:
        """Looks at one record."""
        self._counts.consent_events += 1
        if isinstance(item, Undecodable):
            self._take_undecodable(item)
            return
        self.appended.add(item.offset, item.timestamp)
        owed = self._owed(item)
        settled = self._refusals.compare(item.offset, item, owed, may_lack=self._rules.lagging)
        if owed is not None and not settled and self._rules.lagging:
            self._counts.pending += 1

    def _take_undecodable(self, item: Undecodable) -> None:
        """Only an operator's `sekisho gate skip` passes it, in writing; until then it holds the partition."""
        if not self._refusals.among(item.offset):
            self._findings.add(
                "consent.held", *self._rules.at, item.offset, "`sekisho gate skip` passes it, in writing"
            )

    def _owed(self, record: Record) -> Refusal | None:
        at = Position(record.partition, record.offset)
        try:
            message = consent_events.receive(
                record.headers, record.key, record.value, at, largest=self._rules.largest
            )
            right = partition_of(message.subject_id, self._rules.partitions)
        except RejectedMessageError as error:
            return refusal_of(error)
        except Exception:  # noqa: BLE001  whatever a record does to its reader, the gate rejects it in these words
            return Refusal("unreadable")
        named = next((value or b"" for name, value in record.headers if name == FIRST_POSITION), None)
        if right != record.partition:
            return self._misrouted(record, right, is_forwarded=named is not None)
        if named is not None:
            self._note_forwarded(record, named.decode("utf-8", "replace"))
        return self._note_fact(record, message)

    def _note_fact(self, record: Record, message: consent_events.ConsentMessage) -> Refusal | None:
        event = open_message(record.headers, record.value, largest=self._rules.largest)
        fact = StoredFact(record.offset, event.type, event.data)
        taken_by = self._workspace.first_fact(
            message.subject_id, message.event.event_id, fact, message.digest
        )
        if taken_by is None or taken_by == message.digest:
            return None
        return Refusal("id_reused", "event_id")

    def _note_forwarded(self, record: Record, named: str) -> None:
        self._counts.forwarded += 1
        if self._rules.crossing:
            event = Forwarded(named, record.partition, record.offset, _content(record))
            self._workspace.add_forwarded(event)

    def _misrouted(self, record: Record, right: int, *, is_forwarded: bool) -> Refusal | None:
        """The router forwards it, once; what comes forwarded to a wrong partition is rejected."""
        self._counts.misrouted_events += 1
        if is_forwarded:
            return Refusal("misrouted_twice")
        if self._rules.crossing:
            event = Misrouted(record.partition, record.offset, right, _content(record))
            self._workspace.add_misrouted(event)
        return None


def check_forwarding(
    topic: str, workspace: Workspace, findings: Findings, counts: Counts, *, lagging: bool
) -> None:
    """Every misrouted event was forwarded once, as it was, to where it belongs; and nothing else was."""
    for event in workspace.all_misrouted():
        place = (topic, event.partition, event.offset)
        forwards = workspace.forwards_of(f"{topic}/{event.partition}/{event.offset}")
        if not forwards and lagging:
            counts.pending += 1
        elif not forwards:
            findings.add("consent.not_forwarded", *place, f"it belongs to partition {event.rightly}")
        for extra in forwards[1:]:
            findings.add("consent.forwarded_twice", *place, f"again at {extra.partition}:{extra.offset}")
        for each in forwards:
            wrong = ["partition"] * (each.partition != event.rightly) + ["content"] * (
                each.content != event.content
            )
            if wrong:
                detail = f"{', '.join(wrong)}: of {each.named}"
                findings.add("consent.forward_false", topic, each.partition, each.offset, detail)
    for each in workspace.forwards_of_nothing(topic):
        findings.add(
            "consent.forward_false", topic, each.partition, each.offset, "it names no misrouted event"
        )


def _content(record: Record) -> str:
    """A digest of what forwarding must not change: the value, and the headers that make it a CloudEvent (others, a trace
    context say, mean nothing to Sekisho and are not forwarded)."""
    found = hashlib.sha256(record.value or b"")
    for name, value in record.headers:
        if name.lower().startswith("ce_") or name.lower() == "content-type":
            found.update(b"%b\0%b\0" % (name.encode(), value or b""))
    return found.hexdigest()
