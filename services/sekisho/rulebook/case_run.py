"""A case on the core alone: contracts read the documents, the core decides, contracts write the answer.

`sekisho rulebook test` and the tests ask this way; a gate and `sekisho decide` must answer the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from sekisho.contracts import access_decisions, access_requests, consent_events, provision_records
from sekisho.contracts.errors import InvalidMessageError, RejectedMessageError
from sekisho.contracts.shared_models import Engine
from sekisho.domain.book import Rulebook
from sekisho.domain.decision import decide, hold
from sekisho.domain.events import ConsentEvent, Position
from sekisho.domain.request import AccessRequest
from sekisho.domain.rules.req import INVALID
from sekisho.domain.verdict import Verdict
from sekisho.rulebook.cases import Case, compare

_NO_ID: Final = "00000000-0000-5000-8000-000000000000"
"""Ids of the answer itself are not compared."""


class Read(NamedTuple):
    """A case in the core's own types."""

    request: AccessRequest
    events: list[ConsentEvent]
    at: datetime


class Answer(NamedTuple):
    """The decision and the record (None: none is left) as documents of the contract."""

    decision: dict[str, Any]
    record: dict[str, Any] | None


@dataclass(frozen=True)
class Result:
    """A case that was run: what it was answered (None: an event or its request could not be read) and what differs."""

    case: Case
    answer: Answer | None
    differences: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether the whole answer is as the case expects."""
        return not self.differences


def read(case: Case) -> Read:
    """The case as the core sees it. Raises RejectedMessageError (InvalidMessageError for a malformed request)."""
    return Read(_request(case), _events(case), datetime.fromisoformat(case.at))


def _request(case: Case) -> AccessRequest:
    return access_requests.decode(json.dumps(case.request).encode())


def _events(case: Case) -> list[ConsentEvent]:
    return [
        consent_events.decode(each["type"], json.dumps(each["data"]).encode(), Position(None, index)).event
        for index, each in enumerate(case.events)
    ]


def verdict(case: Case, book: Rulebook) -> Verdict:
    """What the core says of a case, as the gate asks it.

    Raises RejectedMessageError where an event cannot be read, or a request that the case does not call malformed.
    """
    events = _events(case)
    try:
        request = _request(case)
    except InvalidMessageError as error:
        if not case.malformed:
            raise
        return hold(None, INVALID, dict(error.details))
    return decide(request, events, book, datetime.fromisoformat(case.at))


def answer(case: Case, book: Rulebook) -> Answer:
    """The decision and the record as documents (contract.md). Raises RejectedMessageError as `verdict`."""
    told = verdict(case, book)
    requester = case.request.get("requester")
    envelope = access_decisions.Envelope(
        decision_id=_NO_ID,
        request_id=case.request["request_id"],
        organization=requester.get("organization") if isinstance(requester, dict) else None,
        subject_id=case.request["subject"]["id"],
        decided_at=datetime.fromisoformat(case.at),
        appended_at=None,
        consent_position=None,
        request_position=None,
        request_digest="sha256:0",
        engine=Engine("0", 1),
    )
    decision = access_decisions.document(told, envelope, book)
    return Answer(decision, provision_records.document(told, envelope, book, book.record_statement.ja))


def answer_or_none(case: Case, book: Rulebook) -> Answer | None:
    """The answer, or None where an event or the request cannot be read: that is no matter of the rulebook."""
    try:
        return answer(case, book)
    except RejectedMessageError:
        return None


def run(cases: Iterable[Case], book: Rulebook) -> list[Result]:
    """Every case answered by that rulebook and compared with what it expects."""
    return [_result(case, book) for case in cases]


def _result(case: Case, book: Rulebook) -> Result:
    try:
        found = answer(case, book)
    except InvalidMessageError as error:
        near = f" (nearest known: {error.nearest})" if error.nearest else ""
        return Result(case, None, (f"not of the contract: {error.where}: {error.message.en}{near}",))
    except RejectedMessageError as error:
        return Result(case, None, (f"not readable: {error.cause}: {error.message.en}",))
    return Result(case, found, tuple(compare(case, *found)))
