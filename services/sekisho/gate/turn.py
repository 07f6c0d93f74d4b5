"""What a turn's requests get: read, looked up, decided, put into their envelopes. No I/O, no log, no clock of its own.

A turn's own entries stay in memory until its commit (runtime.md, State): a request sent twice within one turn finds
them here. Whatever goes wrong with one record is that record's answer or rejected event, never the turn's end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

import structlog
from pydantic_core import from_json

from sekisho.contracts import access_decisions, access_requests, identity, provision_records
from sekisho.contracts.access_decisions import Envelope
from sekisho.contracts.envelope import TOO_LARGE
from sekisho.contracts.errors import InvalidMessageError, Readable, RejectedMessageError
from sekisho.contracts.shared_models import At
from sekisho.domain.book import Text
from sekisho.domain.events import Position
from sekisho.domain.request import AccessRequest
from sekisho.domain.rules import req
from sekisho.gate.clock import decided_us, instant
from sekisho.gate.decided import Answer, Decided, tally
from sekisho.gate.inbox import Item, Undecodable
from sekisho.gate.intake import Persons
from sekisho.gate.outputs import digest_bytes
from sekisho.gate.poison import Trouble
from sekisho.gate.rejecting import DEFECT, UNDECODABLE, Rejecter, cause_of, told_key, unpacked
from sekisho.gate.ruling import DUPLICATE, Asked, Knowledge, Rules, Ruling, refusal, rule, too_large
from sekisho.gate.state import IdEntry, IdKey, LaneState
from sekisho.log.port import Outgoing, Record

_log = structlog.get_logger(__name__)
ID_REUSED: Final = Text(
    "この申請番号は、内容の異なる別の申請ですでに使われています。",
    "This request_id has already been used for a request with another content.",
)


class Turn:
    """Decides one lane's batches."""

    def __init__(
        self, rules: Rules, state: LaneState, rejecter: Rejecter, trouble: Trouble, wall: Callable[[], float]
    ) -> None:
        self._rules = rules
        self._state = state
        self._rejecter = rejecter
        self._trouble = trouble
        self._wall = wall
        self._persons = Persons(state, rules.partition, rules.subject_events)

    def forget(self, subject_ids: set[str]) -> None:
        """Consent events of these persons were applied."""
        self._persons.forget(subject_ids)

    # reading

    def read(self, items: Sequence[Item]) -> list[Asked | Undecodable]:
        """Reads a batch, without what has its output already (group offsets may lie behind the outputs)."""
        done = self._state.marks.last_output
        return [
            each if isinstance(each, Undecodable) else self._read(each)
            for each in items
            if done is None or each.offset > done
        ]

    def _read(self, record: Record) -> Asked:
        try:
            request = access_requests.receive(
                record.headers, record.key, record.value, largest=self._rules.value_bytes
            )
            key = IdKey(request.subject_id, request.requester.organization, request.request_id)
            return Asked(record, request, access_requests.digest(request), key)
        except InvalidMessageError as error:
            readable = error.readable
            if readable is None:
                return Asked(record, None, "", None, error=error)
            return Asked(record, None, readable.digest, _key_of(readable), readable, error)
        except RejectedMessageError as error:
            return Asked(record, None, "", None, error=error)
        except Exception as error:  # noqa: BLE001  whatever one record does to its reader is that record's
            _log.error("request_defect", partition=record.partition, offset=record.offset, exc_info=error)
            return Asked(record, None, "", None, error=RejectedMessageError("unreadable", DEFECT))

    def lookups(self, asked: Sequence[Asked | Undecodable]) -> set[int]:
        """Offsets of the committed decisions that duplicates in this batch repeat."""
        found: set[int] = set()
        for each in asked:
            if isinstance(each, Asked) and each.key is not None:
                entry = self._within_window(each.record, self._state.entry(each.key))
                if entry is not None and entry.digest == digest_bytes(each.digest):
                    found.add(entry.decision_offset)
        return found

    def _within_window(self, record: Record, entry: IdEntry | None) -> IdEntry | None:
        """The first request under an id, unless this one was appended too long after it to count as the same."""
        if entry is None or record.timestamp - entry.appended_ms > self._rules.window_ms:
            return None
        return entry

    # deciding

    def begin(self, pending: Sequence[tuple[int, bytes]]) -> Decided:
        """A turn's outputs with the consent topic's rejections that wait (`pending`), and no request answered yet."""
        out = Decided(self._state.marks.last_output, self._state.marks.last_decided_us)
        for offset, rejection in pending:
            rejected = unpacked(rejection)
            out.reject(rejected, cause_of(rejected))
            out.settled.append(offset)
        return out

    def decide(
        self,
        asked: Sequence[Asked | Undecodable],
        known: Knowledge,
        firsts: Mapping[int, bytes],
        out: Decided,
    ) -> None:
        """Adds the outputs of some requests to the turn's. `firsts` are the decisions that `lookups` named."""
        for each in asked:
            if isinstance(each, Undecodable):
                out.reject(self._rejecter.reject(each.offset, "undecodable", UNDECODABLE), "undecodable")
                out.last_output = each.offset
            else:
                self._answer_safely(each, known, firsts, out)
                out.last_output = each.record.offset

    def _answer_safely(
        self, asked: Asked, known: Knowledge, firsts: Mapping[int, bytes], out: Decided
    ) -> None:
        record = asked.record
        try:
            self._answer(asked, known, firsts, out)
        except Exception as error:  # noqa: BLE001  any other exception of one record rejects that record
            _log.error("request_defect", partition=record.partition, offset=record.offset, exc_info=error)
            request_id = None if asked.key is None else asked.key.request_id
            rejected = self._rejecter.reject(
                record.offset, "unreadable", DEFECT, record=record, request_id=request_id
            )
            out.reject(rejected, "unreadable")

    def _answer(self, asked: Asked, known: Knowledge, firsts: Mapping[int, bytes], out: Decided) -> None:
        """Adds a request's outputs: none is added before all of them are made."""
        decided = decided_us(self._wall(), out.last_decided_us, asked.record.timestamp)
        at = instant(decided)
        wrong = self._wrong(asked)
        entry = self._known_entry(asked, out)
        answer = None
        if asked.request is not None or asked.readable is not None:
            answer = self._answered(asked, entry, at, known, firsts, out)
            if entry is not None and not answer.repeated and not wrong:  # one message, one rejected event
                wrong.append(RejectedMessageError("id_reused", ID_REUSED, "request_id"))
        rejected = [(self._refused(asked, error, at), error.cause) for error in wrong]
        if answer is not None:
            self._give(asked, answer, entry, out)
            out.last_decided_us = out.last_decided_us if answer.repeated else decided
        for outgoing, cause in rejected:
            out.reject(outgoing, cause)

    def _wrong(self, asked: Asked) -> list[RejectedMessageError]:
        """What is wrong with the message: one thing at most, for a position has one rejected event (one id)."""
        if self._trouble.is_guilty(asked.record.offset):
            return [RejectedMessageError("too_large", TOO_LARGE)]
        return [] if asked.error is None else [asked.error]

    def _refused(self, asked: Asked, error: RejectedMessageError, at: datetime) -> Outgoing:
        told: AccessRequest | Readable | None = asked.request or asked.readable
        request_id = None if told is None else told.request_id
        return self._rejecter.refuse(asked.record, error, request_id=request_id, at=at)

    def _answered(
        self,
        asked: Asked,
        entry: IdEntry | None,
        at: datetime,
        known: Knowledge,
        firsts: Mapping[int, bytes],
        out: Decided,
    ) -> Answer:
        if entry is None:
            return self._answer_of(asked, self._rule(asked, known, at), at, known)
        if entry.digest == digest_bytes(asked.digest):
            return self._repeated(asked, entry, firsts, out)
        return self._answer_of(
            asked, refusal(asked, req.ID_REUSED, kind="id", first=entry.request_offset), at, known
        )

    def _known_entry(self, asked: Asked, out: Decided) -> IdEntry | None:
        if asked.key is None:
            return None
        return self._within_window(asked.record, out.entries.get(asked.key) or self._state.entry(asked.key))

    def _rule(self, asked: Asked, known: Knowledge, at: datetime) -> Ruling:
        if self._trouble.is_guilty(asked.record.offset):
            return too_large(asked, self._rules.output_bytes, with_items=False)
        return rule(asked, known, at, self._rules, self._persons)

    # outputs

    def _answer_of(self, asked: Asked, ruling: Ruling, at: datetime, known: Knowledge) -> Answer:
        """The ruling in its envelope; the refusal `request.too_large` where that is larger than an output may be."""
        answer = self._enveloped(asked, ruling, at, known)
        for with_items in (True, False):
            if not self._is_too_large(answer):
                break
            ruling = too_large(asked, self._rules.output_bytes, with_items=with_items)
            answer = self._enveloped(asked, ruling, at, known)
        return answer

    def _is_too_large(self, answer: Answer) -> bool:
        largest = self._rules.output_bytes
        record = answer.record
        return len(answer.decision.value) > largest or (record is not None and len(record.value) > largest)

    def _enveloped(self, asked: Asked, ruling: Ruling, at: datetime, known: Knowledge) -> Answer:
        book = self._rules.book
        envelope = self._envelope(asked, ruling, at, known)
        document = access_decisions.document(ruling.verdict, envelope, book)
        record = provision_records.encode(ruling.verdict, envelope, book, book.record_statement.ja)
        content = ruling.verdict.record
        recorded = None if content is None else (content.method, content.basis)
        return Answer(document, access_decisions.encode_document(document), record, recorded, repeated=False)

    def _envelope(self, asked: Asked, ruling: Ruling, at: datetime, known: Knowledge) -> Envelope:
        rules, record, told = self._rules, asked.record, asked.readable
        if told is not None:
            subject_id, organization, request_id = told.subject_id, told.organization, told.request_id
        else:
            assert asked.key is not None
            subject_id, organization, request_id = asked.key
        return Envelope(
            decision_id=identity.decision_id(rules.topic_id, rules.partition, record.offset),
            request_id=request_id,
            organization=organization,
            subject_id=subject_id,
            decided_at=at,
            appended_at=instant(record.timestamp * 1000),
            consent_position=Position(rules.partition, known.consent_next),
            request_position=At(rules.topic, rules.partition, record.offset),
            request_digest=asked.digest,
            engine=rules.engine,
            circumstances=ruling.circumstances,
        )

    def _repeated(self, asked: Asked, entry: IdEntry, firsts: Mapping[int, bytes], out: Decided) -> Answer:
        """The first decision again, with no record: it is decided and recorded once."""
        assert asked.key is not None
        first = out.documents.get(asked.key)
        if first is None:
            first = from_json(firsts[entry.decision_offset])
        document = access_decisions.duplicate(
            first,
            request_position=At(self._rules.topic, self._rules.partition, asked.record.offset),
            duplicate_of=entry.request_offset,
            appended_at=instant(asked.record.timestamp * 1000),
            circumstances=DUPLICATE,
        )
        return Answer(document, access_decisions.encode_document(document), None, None, repeated=True)

    def _give(self, asked: Asked, answer: Answer, entry: IdEntry | None, out: Decided) -> None:
        subject_id = answer.document["subject_id"]
        key = told_key(asked.record) if subject_id is None else subject_id.encode()
        out.decisions.append(Outgoing(key, answer.decision.value, answer.decision.headers))
        if answer.record is not None and answer.recorded is not None:
            out.records.append(Outgoing(key, answer.record.value, answer.record.headers))
            out.recorded.append(answer.recorded)
        if entry is None and asked.key is not None:
            out.documents[asked.key] = answer.document
            out.entries[asked.key] = IdEntry(
                asked.record.offset,
                asked.record.timestamp,
                digest_bytes(asked.digest),
                len(out.decisions) - 1,
            )
        out.duplicates += answer.repeated
        out.tallies.append(tally(asked, answer.document))
        out.appended_ms.append(asked.record.timestamp)


def _key_of(readable: Readable) -> IdKey | None:
    if readable.subject_id is None or readable.organization is None:
        return None
    return IdKey(readable.subject_id, readable.organization, readable.request_id)
