"""What was written compared with what should have been written: decisions, their repetitions, and records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from pydantic_core import from_json

from sekisho.audit.core import Expected
from sekisho.audit.findings import Findings
from sekisho.audit.outputs import RECORD
from sekisho.audit.questions import Question
from sekisho.audit.workspace import Output, Workspace
from sekisho.contracts.decision_models import Decision
from sekisho.contracts.routing import key_of_output
from sekisho.contracts.verdict_view import verdict_view
from sekisho.log.port import Partition

Json = dict[str, Any]
_IDS: Final = ("decision_id", "record_id")
_CODES: Final = ("code", "item", "consent_id")


class Answered(NamedTuple):
    """A decision as it stands in its topic: the record, its document, and that as a model."""

    output: Output
    document: Json
    decision: Decision


class Comparison:
    """Compares the outputs of one partition."""

    def __init__(
        self, findings: Findings, workspace: Workspace, decisions: Partition, records: Partition
    ) -> None:
        self._findings = findings
        self._workspace = workspace
        self._decisions = decisions
        self._records = records
        self.deleted = 0
        """Records of this partition that were deleted when they were due and that no decision was found to lack yet."""

    def add(self, kind: str, answered: Answered, detail: str) -> None:
        """A finding about a decision."""
        self._findings.add(kind, *self._decisions, answered.output.offset, detail)

    def key(self, asked: Question, output: Output) -> None:
        """The key is the subject's id, or the request's own where that cannot be read."""
        expected = key_of_output(asked.record.key) if asked.subject_id is None else asked.subject_id.encode()
        if output.key != expected:
            self._findings.add("decision.headers", *self._decisions, output.offset, "key")

    def duplicate(self, answered: Answered, expected: Json) -> None:
        """A duplicate's answer is the first one but for what tells it apart; it leaves no record."""
        wrong = _differing(answered.document, expected)
        if wrong:
            self.add("duplicate.altered", answered, ", ".join(wrong))

    def decision(self, answered: Answered, expected: Expected) -> None:
        """The verdict as the core gives it; then everything else."""
        found, right = (verdict_view(each, None) for each in (answered.document, expected.decision))
        verdict = [name for name in right if found[name] != right[name]]
        if verdict:
            told = "; ".join(_told(name, found[name], right[name]) for name in verdict)
            self.add("decision.verdict", answered, told)
        wrong = [name for name in _differing(answered.document, expected.decision) if name not in verdict]
        ids = [name for name in wrong if name in _IDS and not (verdict and name == "record_id")]
        if ids:
            self.add("decision.id", answered, ", ".join(ids))
        rest = [name for name in wrong if name not in _IDS]
        if rest:
            self.add("decision.envelope", answered, ", ".join(rest))

    def records(self, asked: Question, answered: Answered, expected: Expected) -> None:
        """Exactly one record, as the core gives it, where the verdict leaves one; else none."""
        offset = asked.record.offset
        found = self._workspace.take_outputs(RECORD, expected.decision["decision_id"])
        if expected.record is None:
            for each in found:
                self._about_record("record.unowed", each, f"request {offset} leaves none")
            return
        if not found:
            if self.deleted:
                self.deleted -= 1  # which one it was cannot be told any more: that is what deletion means
            else:
                self.add("record.missing", answered, f"of request {offset}")
            return
        for each in found[1:]:
            self._about_record("record.doubled", each, f"of request {offset}, first at {found[0].offset}")
        wrong = _differing(from_json(found[0].value), expected.record)
        if found[0].key != (asked.subject_id or "").encode():
            wrong.append("key")
        ids = [name for name in wrong if name in _IDS]
        if ids:
            self._about_record("decision.id", found[0], ", ".join(ids))
        if wrong != ids:
            particulars = [name for name in wrong if name not in _IDS]
            self._about_record("record.altered", found[0], ", ".join(particulars))

    def _about_record(self, kind: str, output: Output, detail: str) -> None:
        self._findings.add(kind, *self._records, output.offset, detail)


def _differing(found: Mapping[str, Any], expected: Mapping[str, Any]) -> list[str]:
    """Names of the fields that are not as expected; fields beyond those are passed over, as readers must."""
    return [name for name, value in expected.items() if name not in found or found[name] != value]


def _told(name: str, found: object, right: object) -> str:
    return f"{name} {_shown(found)}, the core says {_shown(right)}"


def _shown(value: object) -> str:
    if not isinstance(value, list):
        return "none" if value is None else str(value)
    return "[" + ", ".join(_short(each) for each in value) + "]"


def _short(value: object) -> str:
    if isinstance(value, dict):
        return next((_effect(value, name) for name in _CODES if name in value), "…")
    return str(value)


def _effect(value: Mapping[str, Any], name: str) -> str:
    return f"{value[name]} {value['effect']}" if "effect" in value else str(value[name])
