"""Output partitions read into the workspace: each record under what it says it is about, and in its order."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from sekisho.audit import refusals
from sekisho.audit.findings import Findings
from sekisho.audit.scanning import Scanned, Undecodable
from sekisho.audit.workspace import Output, Workspace
from sekisho.contracts import access_decisions, provision_records, rejected_events
from sekisho.contracts.envelope import open_message, require
from sekisho.contracts.errors import RejectedMessageError
from sekisho.contracts.reading import read_object
from sekisho.contracts.shared_models import LogPosition
from sekisho.log.port import Partition, Record

DECISION: Final = "decision"
RECORD: Final = "record"
SOURCE: Final = access_decisions.SOURCE
"""The CloudEvents source of all that gates write."""
NOBODY: Final = -1
"""The request offset of an output that names no position of its own input partition."""


class OutputRules(NamedTuple):
    """Which partition of access requests (and of consent events) the outputs of one number are about."""

    requests: Partition
    consents: Partition


class OutputCheck:
    """Takes one output partition's records in order; what nothing explains later is told by the walk over the inputs."""

    def __init__(
        self, kind: str, at: Partition, rules: OutputRules, workspace: Workspace, findings: Findings
    ) -> None:
        self._kind = kind
        self._at = at
        self._rules = rules
        self._workspace = workspace
        self._findings = findings
        self.count = 0
        self.last_request = NOBODY
        """Highest offset of a request that an output names."""

    def take(self, item: Scanned) -> None:
        """Keeps one record, or tells why it cannot be one."""
        self.count += 1
        if isinstance(item, Undecodable) or item.value is None:
            self._findings.add(f"{self._kind}.unreadable", *self._at, item.offset, "no value can be read")
            return
        try:
            self._keep(item, item.value)
        except RejectedMessageError as error:
            self._findings.add(f"{self._kind}.unreadable", *self._at, item.offset, str(error))

    def take_archived(self, offset: int, value: bytes) -> None:
        """Keeps a record that the ledger has taken out of the topic. Its headers and key are not there to be compared."""
        self.count += 1
        try:
            told = provision_records.decode(value)
        except RejectedMessageError as error:
            self._findings.add(f"{self._kind}.unreadable", *self._at, offset, str(error))
            return
        request = self._request(_document(told.request_position))
        self._in_order(offset, request)
        key = b"" if told.subject is None else told.subject.id.encode()
        self._workspace.add_output(self._kind, told.decision_id, Output(offset, request, key, value))

    def _keep(self, record: Record, value: bytes) -> None:
        if self._kind == DECISION:
            self._keep_decision(record, value)
        elif self._kind == RECORD:
            self._keep_record(record, value)
        else:
            self._keep_rejected(record, value)

    def _keep_decision(self, record: Record, value: bytes) -> None:
        told = read_object(value)
        position = told.get("request_position")
        request = self._request(position if isinstance(position, dict) else {})
        if request == NOBODY:
            self._findings.add(
                "decision.misplaced", *self._at, record.offset, "its request is of another place"
            )
            return
        self._in_order(record.offset, request)
        wrong = _wrong_headers(record, access_decisions.TYPE, told.get("decision_id"), told.get("decided_at"))
        if wrong:
            self._findings.add("decision.headers", *self._at, record.offset, wrong)
        self._add(str(request), request, record, value)

    def _keep_record(self, record: Record, value: bytes) -> None:
        told = provision_records.decode(value)
        request = self._request(_document(told.request_position))
        self._in_order(record.offset, request)
        created_at = read_object(value).get("created_at")
        wrong = _wrong_headers(record, provision_records.TYPE, told.record_id, created_at)
        if wrong:
            self._findings.add("record.altered", *self._at, record.offset, wrong)
        self._add(told.decision_id, request, record, value)

    def _keep_rejected(self, record: Record, value: bytes) -> None:
        told = rejected_events.decode(value)
        about = _document(told.position)
        request = self._request(about)
        rejected_at = read_object(value).get("rejected_at")
        wrong = _wrong_headers(record, rejected_events.TYPE, told.rejected_id, rejected_at)
        if wrong:
            self._findings.add("rejected.altered", *self._at, record.offset, wrong)
        if request != NOBODY:
            self.last_request = max(self.last_request, request)
        here = told.position.partition == self._at.partition
        named = refusals.about(told.position.topic, told.position.offset) if here else ""
        self._add(named, request, record, value)

    def _request(self, position: dict[str, Any]) -> int:
        requests, offset = self._rules.requests, position.get("offset")
        here = (position.get("topic"), position.get("partition")) == requests
        return offset if here and isinstance(offset, int) else NOBODY

    def _in_order(self, offset: int, request: int) -> None:
        if request < self.last_request:
            detail = f"about request {request}, behind one about {self.last_request}"
            self._findings.add(f"{self._kind}.order", *self._at, offset, detail)
        self.last_request = max(self.last_request, request)

    def _add(self, about: str, request: int, record: Record, value: bytes) -> None:
        self._workspace.add_output(self._kind, about, Output(record.offset, request, record.key, value))


def _document(position: LogPosition | None) -> dict[str, Any]:
    return {} if position is None else position.model_dump()


def _wrong_headers(record: Record, type_: str, id_: object, time: object) -> str:
    """What is not as in the gate's CloudEvent of that type and id, in binary mode, made at that time; "": nothing."""
    try:
        event = open_message(record.headers, record.value, largest=len(record.value or b""))
        require(event, frozenset({type_}))
    except RejectedMessageError:
        return "headers"
    right = {"id": id_, "source": SOURCE, "time": time}
    wrong = [f"ce_{name}" for name, value in right.items() if event.attributes.get(name) != value]
    return ", ".join(wrong)
