"""What the core says to a request, put into the envelope that its position gives: the whole decision, and its record.

Everything is found anew: ids from positions, the verdict from the consent events before the decision's consent position
and the rulebook of its digest. Taken from the decision itself are only its time, its consent position, its rulebook's
digest, its engine, and the claims among its circumstances that the topics cannot tell (a hold, a limit).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

from pydantic_core import from_json, to_json

from sekisho.audit.knowledge import Persons
from sekisho.audit.questions import Question
from sekisho.audit.workspace import FirstUse
from sekisho.contracts import access_decisions, identity, provision_records
from sekisho.contracts.access_decisions import Envelope
from sekisho.contracts.decision_models import Decision
from sekisho.contracts.envelope import binary_headers
from sekisho.contracts.routing import partition_of
from sekisho.contracts.shared_models import At, Engine
from sekisho.domain.book import Rulebook
from sekisho.domain.decision import decide_in_full, hold
from sekisho.domain.events import Position
from sekisho.domain.request import AccessRequest
from sekisho.domain.rules import req
from sekisho.domain.verdict import Cite, Verdict

FORMAT: Final = 1
"""The decisions' format that this reproduces."""
TIME: Final = "time"
"""The circumstances' limit where it is none of size."""
_FRAME_BYTES: Final = 160
"""Of a batch of one record, beside key, value and headers: 61 of the batch, the lengths of the record and its headers."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Json = dict[str, Any]


class Ruling(NamedTuple):
    """A verdict, and what else decided it."""

    verdict: Verdict
    circumstances: Mapping[str, Any] | None = None


class Expected(NamedTuple):
    """The documents as they are to stand in the topics."""

    decision: Json
    record: Json | None
    refused: Literal["size", "log", "time"] | None = None
    """Why they stand in place of the core's answer: it is above the gate's limit, above what the topics take, or (as
    claimed) took too long."""

    @property
    def is_rejected_too(self) -> bool:
        """Whether a rejected event says so besides."""
        return self.refused in ("log", "time")


class Lane(NamedTuple):
    """Which partition is judged, and by which limits (as the gates': counts; `…_bytes`: the topic's max.message.bytes)."""

    topic: str
    topic_id: str
    partition: int
    partitions: int
    subject_events: int
    decision_bytes: int
    record_bytes: int


class Told(NamedTuple):
    """What is taken from the decision: when, knowing what, by which engine and under which circumstances."""

    decided_at: datetime
    consents_before: int
    engine: Engine
    circumstances: Mapping[str, Any]
    is_rejected: bool
    """Whether a rejected event says that the request was too large to be answered."""

    @classmethod
    def by(cls, decision: Decision, *, is_rejected: bool = False) -> Told:
        """Reads a decision."""
        position = decision.consent_position
        return cls(
            decision.decided_at,
            0 if position is None else position.offset,
            Engine(decision.engine.version, decision.engine.format),
            decision.circumstances or {},
            is_rejected,
        )

    def claims(self, reason: Cite) -> bool:
        """Whether the decision says that this refusal was made without asking the core."""
        return bool(self.circumstances.get("code") == reason.code)

    @property
    def is_for_time(self) -> bool:
        """Whether the refusal says that deciding took too long."""
        return self.circumstances.get("limit") == TIME

    def limit(self, default: int) -> int:
        """The limit that the decision names, or the default."""
        named = self.circumstances.get("limit")
        return named if isinstance(named, int) else default


class Core:
    """Judges the requests of one partition once more."""

    def __init__(self, lane: Lane, persons: Persons) -> None:
        self._lane = lane
        self._persons = persons

    def expected(self, asked: Question, first: FirstUse | None, told: Told, book: Rulebook) -> Expected:
        """What should stand in the topics; `first` is the earlier request under the same id, with another content."""
        ruling = self._ruling(asked, first, told, book)
        expected = self._documents(asked, ruling, told, book)
        if told.claims(req.TOO_LARGE):
            return self._too_large(asked, expected, told, book)
        return expected

    def repeated(self, asked: Question, first: FirstUse, decision: Json) -> Json:
        """The first decision again, as a duplicate's answer."""
        return _plain(
            access_decisions.duplicate(
                decision,
                request_position=self._position(asked),
                duplicate_of=first.offset,
                appended_at=appended_at(asked.record.timestamp),
                circumstances={"kind": "duplicate"},
            )
        )

    def repeated_anew(self, asked: Question, offset: int, told: Told, book: Rulebook) -> Json:
        """As `repeated` where the first decision, on the request at `offset`, is kept no longer: it was about the same
        content, so it is made again, as of the time and with the knowledge that its repetition tells."""
        first = self.expected(asked, None, told, book).decision
        decision_id = self.decision_id(offset)
        record_id = None if first["record_id"] is None else identity.record_id(decision_id)
        first = {**first, "decision_id": decision_id, "record_id": record_id}
        return self.repeated(asked, FirstUse(offset, 0, asked.digest), first)

    def decision_id(self, offset: int) -> str:
        """The id of the decision on the request at an offset."""
        return identity.decision_id(self._lane.topic_id, self._lane.partition, offset)

    def _ruling(self, asked: Question, first: FirstUse | None, told: Told, book: Rulebook) -> Ruling:
        if first is not None:
            return _refusal(asked, req.ID_REUSED, kind="id", first=first.offset)
        if asked.request is None:
            details = {} if asked.error is None else dict(asked.error.details)
            return _refusal(asked, req.INVALID, details, kind="invalid")
        return self._unasked(asked, asked.request, told) or self._asked(asked, asked.request, told, book)

    def _unasked(self, asked: Question, request: AccessRequest, told: Told) -> Ruling | None:
        """The refusal of a request that the core cannot be asked about (REQ-4)."""
        right = partition_of(request.subject_id, self._lane.partitions)
        if right != self._lane.partition:
            details = {"partition": str(right)}
            return _refusal(asked, req.MISROUTED, details, kind="routing", partitions=self._lane.partitions)
        if told.claims(req.STATE_STALE):
            return _refusal(asked, req.STATE_STALE, kind="hold")
        if request.minimum_consent_position is None:
            return None
        partition, offset = request.minimum_consent_position
        if partition is not None and partition != self._lane.partition:
            details = {"partition": str(self._lane.partition)}
            return _refusal(asked, req.POSITION_MISROUTED, details, kind="position")
        if offset >= told.consents_before:
            return _refusal(asked, req.POSITION_NOT_REACHED, kind="position")
        return None

    def _asked(self, asked: Question, request: AccessRequest, told: Told, book: Rulebook) -> Ruling:
        events = self._persons.events(request.subject_id, told.consents_before)
        most = self._lane.subject_events
        limit = told.limit(most) if told.claims(req.TOO_MANY_EVENTS) else most
        if len(events) > limit:
            return _refusal(asked, req.TOO_MANY_EVENTS, kind="limit", limit=limit)
        return Ruling(decide_in_full(request, events, book, told.decided_at))

    def _too_large(self, asked: Question, full: Expected, told: Told, book: Rulebook) -> Expected:
        """The refusal in place of the core's answer, as far as its reason can be believed; else the core's answer.

        Believed by size: the answer made again is above the limit that the decision names, or, where a rejected event
        says that the log did not take it, above what the topics take as they stand. Believed for time: with a
        rejected event only, since nothing in the topics tells how long a gate took; the report counts these apart.
        """
        limit, named = told.limit(0), told.circumstances.get("limit")
        circumstances = {"kind": "limit", "code": req.TOO_LARGE.code, "limit": named}
        if told.is_for_time:
            if not told.is_rejected:
                return full
            return self._held(asked, None, circumstances, told, book)._replace(refused="time")
        if not isinstance(named, int):
            return full
        if told.is_rejected:
            if not self._is_above_topics(asked, full):
                return full
            return self._held(asked, None, circumstances, told, book)._replace(refused="log")
        if not _is_above(full, limit):
            return full
        found = self._held(asked, asked.request, circumstances, told, book)
        if _is_above(found, limit):
            found = self._held(asked, None, circumstances, told, book)
        return found._replace(refused="size")

    def _held(
        self, asked: Question, request: AccessRequest | None, circumstances: Json, told: Told, book: Rulebook
    ) -> Expected:
        return self._documents(asked, Ruling(hold(request, req.TOO_LARGE), circumstances), told, book)

    def _is_above_topics(self, asked: Question, full: Expected) -> bool:
        """Whether a batch with nothing but this answer may be larger than its topic takes; never too small a guess, and
        for nothing that fits by more than its frame."""
        key = len(asked.record.key or b"") if asked.subject_id is None else len(asked.subject_id.encode())
        limits = (self._lane.decision_bytes, self._lane.record_bytes)
        written = (_message_bytes(full.decision, access_decisions.TYPE), 0)
        if full.record is not None:
            written = (written[0], _message_bytes(full.record, provision_records.TYPE))
        return any(
            size and _FRAME_BYTES + key + size > limit for size, limit in zip(written, limits, strict=True)
        )

    def _documents(self, asked: Question, ruling: Ruling, told: Told, book: Rulebook) -> Expected:
        lane, record = self._lane, asked.record
        envelope = Envelope(
            decision_id=self.decision_id(record.offset),
            request_id=asked.request_id or "",
            organization=asked.organization,
            subject_id=asked.subject_id,
            decided_at=told.decided_at,
            appended_at=appended_at(record.timestamp),
            consent_position=Position(lane.partition, told.consents_before),
            request_position=self._position(asked),
            request_digest=asked.digest,
            engine=told.engine,
            circumstances=ruling.circumstances,
        )
        written = provision_records.document(ruling.verdict, envelope, book, book.record_statement.ja)
        return Expected(
            _plain(access_decisions.document(ruling.verdict, envelope, book)),
            None if written is None else _plain(written),
        )

    def _position(self, asked: Question) -> At:
        return At(self._lane.topic, self._lane.partition, asked.record.offset)


def appended_at(timestamp_ms: int) -> datetime:
    """An append time (ms since the epoch)."""
    return _EPOCH + timedelta(milliseconds=timestamp_ms)


def _refusal(
    asked: Question, reason: Cite, details: Mapping[str, str] | None = None, **circumstances: object
) -> Ruling:
    return Ruling(hold(asked.request, reason, details), {**circumstances, "code": reason.code})


def _is_above(expected: Expected, limit: int) -> bool:
    documents = (expected.decision, expected.record)
    return any(each is not None and len(to_json(each)) > limit for each in documents)


def _message_bytes(document: Json, type_: str) -> int:
    """Value and headers of a message."""
    id_ = document.get("record_id") if type_ == provision_records.TYPE else document["decision_id"]
    told_at = document.get("created_at") or document["decided_at"]
    headers = binary_headers(type_, str(id_), access_decisions.SOURCE, told_at)
    return len(to_json(document)) + sum(len(name) + len(value) for name, value in headers)


def _plain(document: Mapping[str, Any]) -> Json:
    """As it is read back from the topic: tuples are lists there."""
    plain: Json = from_json(to_json(document))
    return plain
