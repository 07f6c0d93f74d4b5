"""What a turn's requests get: read, looked up, decided, put into their envelopes. No I/O, no log, no clock but to measure its work by.

A turn's own entries stay in memory until its commit (runtime.md, State): a request sent twice within one turn finds
them here. Whatever goes wrong with one record is that record's answer or rejected event, never the turn's end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from time import perf_counter
from typing import Any, Final

import structlog
from pydantic_core import from_json

from sekisho.contracts import access_decisions, access_requests
from sekisho.contracts.answers import AnswerWriter, Written
from sekisho.contracts.envelope import TOO_LARGE
from sekisho.contracts.errors import InvalidMessageError, Readable, RejectedMessageError
from sekisho.contracts.ruling import Ruling
from sekisho.contracts.shared_models import At
from sekisho.domain.book import Text
from sekisho.domain.request import AccessRequest
from sekisho.domain.rules import req
from sekisho.gate.clock import decided_us, instant, instant_ms
from sekisho.gate.decided import NONE, Answer, Decided, Tally
from sekisho.gate.inbox import Item, Undecodable
from sekisho.gate.intake import Persons
from sekisho.gate.outputs import digest_bytes
from sekisho.gate.poison import Trouble
from sekisho.gate.rejecting import DEFECT, UNDECODABLE, Rejecter, cause_of, told_key, unpacked
from sekisho.gate.ruling import DUPLICATE, Asked, Knowledge, Rules, refusal, rule, too_large
from sekisho.gate.state import IdEntry, IdKey, LaneState, StateError
from sekisho.log.port import Outgoing, Record

_log = structlog.get_logger(__name__)
ID_REUSED: Final = Text(
    "この申請番号は、内容の異なる別の申請ですでに使われています。",
    "This request_id has already been used for a request with another content.",
)
TOO_SLOW: Final = Text(
    "この申請は、定められた時間内に判断できません。",
    "This request takes longer to decide than a turn may last.",
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
        self._answers = AnswerWriter(
            rules.book, rules.engine, topic=rules.topic, topic_id=rules.topic_id, partition=rules.partition
        )
        self._spent: dict[str, float] = {}

    def spent(self) -> Mapping[str, float]:
        """Seconds of work since the last call, by phase (of TURN_PHASES): decode, state, decide, encode."""
        spent, self._spent = self._spent, {}
        return spent

    def _spend(self, phase: str, seconds: float) -> None:
        self._spent[phase] = self._spent.get(phase, 0.0) + seconds

    def forget(self, subject_ids: set[str]) -> None:
        """Consent events of these persons were applied."""
        self._persons.forget(subject_ids)

    # reading

    def read(self, items: Sequence[Item]) -> list[Asked | Undecodable]:
        """Reads a batch, without what has its output already (group offsets may lie behind the outputs)."""
        begun, done = perf_counter(), self._state.marks.last_output
        opened = [
            each if isinstance(each, Undecodable) else self._opened(each)
            for each in items
            if done is None or each.offset > done
        ]
        read = perf_counter()
        asked = [each if isinstance(each, Undecodable) else self._known(each) for each in opened]
        self._spend("decode", read - begun)
        self._spend("state", perf_counter() - read)
        return asked

    def _known(self, asked: Asked) -> Asked:
        """With what the state knows of its id: that does not change before this turn's own commit, one look does."""
        if asked.key is None:
            return asked
        first = self._within_window(asked.record, self._state.entry(asked.key))
        return asked if first is None else asked._replace(first=first)

    def _opened(self, record: Record) -> Asked:
        try:
            request, digest, content = access_requests.receive_digested(
                record.headers, record.key, record.value, largest=self._rules.value_bytes
            )
            key = IdKey(request.subject_id, request.requester.organization, request.request_id)
            return Asked(record, request, digest, key, content)
        except InvalidMessageError as error:
            readable = error.readable
            if readable is None:
                return Asked(record, error=error)
            content = digest_bytes(readable.digest)
            return Asked(record, None, readable.digest, _key_of(readable), content, readable, error)
        except RejectedMessageError as error:
            return Asked(record, error=error)
        except Exception as error:  # noqa: BLE001  whatever one record does to its reader is that record's
            _log.error("request_defect", partition=record.partition, offset=record.offset, exc_info=error)
            return Asked(record, error=RejectedMessageError("unreadable", DEFECT))

    def lookups(self, asked: Sequence[Asked | Undecodable]) -> set[int]:
        """Offsets of the committed decisions that duplicates in this batch repeat."""
        return {
            each.first.decision_offset
            for each in asked
            if isinstance(each, Asked) and each.first is not None and each.first.digest == each.content
        }

    def without_lost(
        self, asked: Sequence[Asked | Undecodable], firsts: Mapping[int, bytes]
    ) -> Sequence[Asked | Undecodable]:
        """The requests with those as new whose first decision is deleted: a gate that was restored since would not know
        of it either."""
        wanted = self.lookups(asked)
        if wanted <= firsts.keys():
            return asked
        gone = wanted - firsts.keys()
        return [
            each._replace(first=None)
            if isinstance(each, Asked) and each.first is not None and each.first.decision_offset in gone
            else each
            for each in asked
        ]

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
        begun, encoding = perf_counter(), self._spent.get("encode", 0.0)
        for each in asked:
            if isinstance(each, Undecodable):
                out.reject(self._rejecter.reject(each.offset, "undecodable", UNDECODABLE), "undecodable")
                out.last_output = each.offset
            else:
                self._answer_safely(each, known, firsts, out)
                out.last_output = each.record.offset
        encoding = self._spent.get("encode", 0.0) - encoding
        self._spend("decide", perf_counter() - begun - encoding)

    def _answer_safely(
        self, asked: Asked, known: Knowledge, firsts: Mapping[int, bytes], out: Decided
    ) -> None:
        record = asked.record
        try:
            self._answer(asked, known, firsts, out)
        except StateError:
            raise  # no record is to answer for this gate's own disk
        except Exception as error:  # noqa: BLE001  any other exception of one record rejects that record
            _log.error("request_defect", partition=record.partition, offset=record.offset, exc_info=error)
            request_id = None if asked.key is None else asked.key.request_id
            rejected = self._rejecter.reject(
                record.offset, "unreadable", DEFECT, record=record, request_id=request_id
            )
            out.reject(rejected, "unreadable")

    def _answer(self, asked: Asked, known: Knowledge, firsts: Mapping[int, bytes], out: Decided) -> None:
        """Adds a request's outputs: none is added before all of them are made."""
        record = asked.record
        decided = decided_us(self._wall(), out.last_decided_us, record.timestamp)
        at = instant(decided)
        guilty, slow = self._trouble.is_guilty(record.offset), self._trouble.is_slow(record.offset)
        # what is wrong with the message: one thing at most, for a position has one rejected event (one id)
        large = RejectedMessageError("too_large", TOO_SLOW if slow else TOO_LARGE)
        wrong = large if guilty else asked.error
        entry = self._known_entry(asked, out)
        answer = None
        if asked.request is not None or asked.readable is not None:
            if entry is not None and entry.digest == asked.content:
                answer = self._repeated(asked, entry, firsts, out)
            elif entry is not None:
                reused = refusal(asked, req.ID_REUSED, kind="id", first=entry.request_offset)
                answer = self._answer_of(asked, reused, at, known)
                wrong = wrong or RejectedMessageError("id_reused", ID_REUSED, "request_id")
            elif guilty:
                ruling = too_large(asked, "time" if slow else self._rules.output_bytes, with_items=False)
                answer = self._answer_of(asked, ruling, at, known)
            else:
                ruling = rule(asked, known, at, self._rules, self._persons)
                answer = self._answer_of(asked, ruling, at, known)
        rejected = None if wrong is None else self._refused(asked, wrong, at)
        if answer is not None:
            self._give(asked, answer, entry, out)
            out.last_decided_us = out.last_decided_us if answer.repeated else decided
        if rejected is not None and wrong is not None:
            out.reject(rejected, wrong.cause)

    def _refused(self, asked: Asked, error: RejectedMessageError, at: datetime) -> Outgoing:
        told: AccessRequest | Readable | None = asked.request or asked.readable
        request_id = None if told is None else told.request_id
        return self._rejecter.refuse(asked.record, error, request_id=request_id, at=at)

    def _known_entry(self, asked: Asked, out: Decided) -> IdEntry | None:
        """The first request under the same id: of this turn, or committed."""
        entry = None if asked.key is None else out.entries.get(asked.key)
        return asked.first if entry is None else self._within_window(asked.record, entry)

    # outputs

    def _answer_of(self, asked: Asked, ruling: Ruling, at: datetime, known: Knowledge) -> Answer:
        """The ruling as it is written; the refusal `request.too_large` where that is larger than an output may be."""
        written = self._written(asked, ruling, at, known)
        largest = self._rules.output_bytes
        for with_items in (True, False):
            if len(written.decision.value) <= largest and (
                written.record is None or len(written.record.value) <= largest
            ):
                break
            ruling = too_large(asked, largest, with_items=with_items)
            written = self._written(asked, ruling, at, known)
        verdict = ruling.verdict
        return Answer(
            written.decision,
            written.record,
            verdict.record and (verdict.record.method, verdict.record.basis),
            verdict.effect,
            verdict.reasons[0].code if verdict.reasons else NONE,
        )

    def _written(self, asked: Asked, ruling: Ruling, at: datetime, known: Knowledge) -> Written:
        record, told = asked.record, asked.readable
        if told is not None:
            subject_id, organization, request_id = told.subject_id, told.organization, told.request_id
        else:
            assert asked.key is not None
            subject_id, organization, request_id = asked.key
        begun = perf_counter()
        written = self._answers.write(
            ruling.verdict,
            request_id,
            organization,
            subject_id,
            asked.digest,
            offset=record.offset,
            decided_at=at,
            appended_at=instant_ms(record.timestamp),
            consents_next=known.consent_next,
            circumstances=ruling.circumstances,
        )
        self._spend("encode", perf_counter() - begun)
        return written

    def _repeated(self, asked: Asked, entry: IdEntry, firsts: Mapping[int, bytes], out: Decided) -> Answer:
        """The first decision again, with no record: it is decided and recorded once."""
        assert asked.key is not None
        own = out.entries.get(asked.key)  # of this turn: an index into its decisions
        raw = firsts[entry.decision_offset] if own is None else out.decisions[own.decision_offset].value
        first: Mapping[str, Any] = from_json(raw or b"{}")
        document = access_decisions.duplicate(
            first,
            request_position=At(self._rules.topic, self._rules.partition, asked.record.offset),
            duplicate_of=entry.request_offset,
            appended_at=instant_ms(asked.record.timestamp),
            circumstances=DUPLICATE,
        )
        reasons = document["reasons"]
        code = reasons[0]["code"] if reasons else NONE
        encoded = access_decisions.encode_document(document)
        return Answer(encoded, None, None, document["effect"], code, repeated=True)

    def _give(self, asked: Asked, answer: Answer, entry: IdEntry | None, out: Decided) -> None:
        record, key = asked.record, _output_key(asked)
        out.decisions.append(Outgoing(key, answer.decision.value, answer.decision.headers))
        if answer.record is not None and answer.recorded is not None:
            out.records.append(Outgoing(key, answer.record.value, answer.record.headers))
            out.recorded[answer.recorded] += 1
        if entry is None and asked.key is not None:
            out.entries[asked.key] = IdEntry(
                record.offset, record.timestamp, asked.content, len(out.decisions) - 1
            )
        out.duplicates += answer.repeated
        out.tallies[Tally(answer.effect, _action(asked) or NONE, answer.reason)] += 1
        out.appended_ms[record.timestamp] += 1


def _output_key(asked: Asked) -> bytes | None:
    """What an answer is keyed by: the person, or where that cannot be told the message's own key."""
    if asked.key is not None:
        return asked.key.subject_id.encode()
    told = asked.readable
    return told_key(asked.record) if told is None or told.subject_id is None else told.subject_id.encode()


def _action(asked: Asked) -> str | None:
    if asked.request is not None:
        return asked.request.action
    return None if asked.readable is None else asked.readable.action


def _key_of(readable: Readable) -> IdKey | None:
    if readable.subject_id is None or readable.organization is None:
        return None
    return IdKey(readable.subject_id, readable.organization, readable.request_id)
