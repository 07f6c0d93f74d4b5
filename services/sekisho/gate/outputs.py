"""What a partition's committed outputs tell: the fold of decisions and rejected events into the lane's state.

The outputs tell the truth (runtime.md, State): which requests are answered, under which ids, and which bad consent
events have their rejected event. Decisions are read leniently, as every reader of outputs must.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, NamedTuple

from pydantic_core import from_json

from sekisho.gate.clock import micros
from sekisho.gate.state import IdEntry, IdKey, Marks
from sekisho.log.port import Partition, Record

ID_REUSED: Final = "request.id_reused"


class Told(NamedTuple):
    """What a run of output records tells."""

    entries: Mapping[IdKey, IdEntry]
    settled: Sequence[int]
    marks: Marks


def digest_bytes(digest: str) -> bytes:
    """The 32 bytes of a `sha256:…` digest."""
    return bytes.fromhex(digest.removeprefix("sha256:"))


def fold_decisions(records: Sequence[Record], marks: Marks, requests: Partition) -> Told:
    """Folds decisions on requests of `requests`; `marks.decisions_next` is the caller's."""
    entries: dict[IdKey, IdEntry] = {}
    last = -1 if marks.last_output is None else marks.last_output
    decided, seen, count = marks.last_decided_us or 0, marks.consent_seen, 0
    for record in records:
        data = from_json(record.value or b"{}")
        position = data.get("request_position") or {}
        if (position.get("topic"), position.get("partition")) != requests:
            continue
        count += 1
        last = max(last, position["offset"])
        decided = max(decided, micros(datetime.fromisoformat(data["decided_at"])))
        known = (data.get("consent_position") or {}).get("offset")
        seen = seen if known is None else max(seen, known)
        key = id_key(data)
        if key is not None and uses_its_id(data):
            digest = digest_bytes(data["request_digest"])
            entries[key] = IdEntry(position["offset"], _appended(data), digest, record.offset)
    if count:
        marks = replace(marks, last_output=last, last_decided_us=decided, consent_seen=seen)
    return Told(entries, (), marks)


def appended_ms(record: Record | None, requests: Partition) -> int | None:
    """When the request that a decision answers was appended; None where that is no decision on one of `requests`."""
    data = {} if record is None else from_json(record.value or b"{}")
    position = data.get("request_position") or {}
    is_ours = (position.get("topic"), position.get("partition")) == requests
    return _appended(data) if is_ours and data.get("appended_at") else None


def _appended(decision: Mapping[str, Any]) -> int:
    return micros(datetime.fromisoformat(decision["appended_at"])) // 1000


def id_key(decision: Mapping[str, Any]) -> IdKey | None:
    """What the decided request is idempotent by; None where a malformed one did not tell all of it."""
    parts = (decision.get("subject_id"), decision.get("organization"), decision.get("request_id"))
    return None if None in parts else IdKey(*parts)  # type: ignore[arg-type]  # None was just excluded


def uses_its_id(decision: Mapping[str, Any]) -> bool:
    """Whether a decision is the first under its id: neither a duplicate's answer nor the refusal of a reused id."""
    if decision.get("duplicate_of") is not None:
        return False
    return all(reason.get("code") != ID_REUSED for reason in decision.get("reasons", ()))


def fold_rejected(records: Sequence[Record], marks: Marks, requests: Partition, consents: Partition) -> Told:
    """Folds rejected events about `requests` and `consents`; `marks.rejected_next` is the caller's."""
    settled: list[int] = []
    last = -1 if marks.last_output is None else marks.last_output
    for record in records:
        data = from_json(record.value or b"{}")
        position = data.get("position") or {}
        about = (position.get("topic"), position.get("partition"))
        if about == consents:
            settled.append(position["offset"])
        elif about == requests:
            last = max(last, position["offset"])  # a lost range stands under its last offset
    if last >= 0:
        marks = replace(marks, last_output=last)
    return Told({}, settled, marks)
