"""Rejected events: which messages owe one, and whether exactly that one is there."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from sekisho.audit.config import CheckConfig
from sekisho.audit.findings import Findings
from sekisho.audit.workspace import Output, Workspace
from sekisho.contracts import identity, rejected_events
from sekisho.contracts.errors import RejectedMessageError
from sekisho.contracts.reading import read_object
from sekisho.contracts.rejected_events import payload_hmac
from sekisho.contracts.routing import key_of_output
from sekisho.domain.vocabulary import RejectionCause
from sekisho.log.port import Partition, Record

KIND: Final = "rejected"


class Refusal(NamedTuple):
    """What a rejected event is to say. `message` None: the gate's own words, which are not compared."""

    cause: RejectionCause
    field: str | None = None
    request_id: str | None = None
    message: dict[str, str] | None = None


def refusal_of(error: RejectedMessageError, request_id: str | None = None) -> Refusal:
    """The refusal that a message's reader has found."""
    return Refusal(error.cause, error.field, request_id, {"ja": error.message.ja, "en": error.message.en})


def about(topic: str, offset: int) -> str:
    """Under what a rejected event is kept: the position that it names, in its own partition."""
    return f"{topic}/{offset}"


class Refusals:
    """Compares one input's messages with the rejected events about them."""

    def __init__(
        self, workspace: Workspace, findings: Findings, config: CheckConfig, topic_id: str, at: Partition
    ) -> None:
        self._workspace = workspace
        self._findings = findings
        self._config = config
        self._topic_id = topic_id
        self._at = at

    def among(self, offset: int) -> list[Output]:
        """The rejected events about an offset; they are explained from now on."""
        return self._workspace.take_outputs(KIND, about(self._at.topic, offset))

    def compare(
        self, offset: int, record: Record | None, owed: Refusal | None, *, may_lack: bool = False
    ) -> bool:
        """Whether the rejected events about an offset are as owed; `may_lack`: one may still be under way.

        What is wrong becomes a finding; what may still come is no finding, and not as owed.
        """
        found = self.among(offset)
        place = (*self._at, offset)
        if owed is None:
            for each in found:
                self._unasked(each)
            return not found
        if not found:
            if not may_lack:
                self._findings.add("rejected.missing", *place, f"cause {owed.cause}")
            return False
        for each in found[1:]:
            rejected = Partition(self._config.topics.rejected, self._at.partition)
            self._findings.add(
                "rejected.doubled", *rejected, each.offset, f"about {self._at.topic} offset {offset}"
            )
        return self._says(found[0], offset, record, owed)

    def _unasked(self, output: Output) -> None:
        told = rejected_events.decode(output.value)
        detail = f"about {told.position.topic} offset {told.position.offset}, cause {told.cause}"
        self._findings.add(
            "rejected.unasked", self._config.topics.rejected, self._at.partition, output.offset, detail
        )

    def _says(self, output: Output, offset: int, record: Record | None, owed: Refusal) -> bool:
        told = {**read_object(output.value), "key": output.key}
        wrong = [
            name for name, value in self._expected(offset, record, owed).items() if told.get(name) != value
        ]
        if wrong:
            self._findings.add(
                "rejected.altered",
                self._config.topics.rejected,
                self._at.partition,
                output.offset,
                f"about {self._at.topic} offset {offset}: {', '.join(wrong)}",
            )
        return not wrong

    def _expected(self, offset: int, record: Record | None, owed: Refusal) -> dict[str, Any]:
        value = None if record is None else record.value
        expected: dict[str, Any] = {
            "rejected_id": identity.rejected_id(self._topic_id, self._at.partition, offset),
            "cause": owed.cause,
            "field": owed.field,
            "request_id": owed.request_id,
            "size": None if value is None else len(value),
            "key": None if record is None else key_of_output(record.key),
        }
        if owed.message is not None:
            expected["message"] = owed.message
        if self._config.hmac_key is not None:
            expected["payload_hmac"] = None if value is None else payload_hmac(value, self._config.hmac_key)
        return expected
