"""Runs a case on the core alone: contracts read the documents, the core decides, contracts write the answer."""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sekisho.contracts import access_decisions, access_requests, consent_events, provision_records
from sekisho.contracts.errors import InvalidMessageError
from sekisho.contracts.shared_models import Engine
from sekisho.domain.book import Rulebook
from sekisho.domain.decision import decide, hold
from sekisho.domain.events import ConsentEvent, Position
from sekisho.domain.request import AccessRequest
from sekisho.domain.rules.req import INVALID
from sekisho.domain.verdict import Verdict
from sekisho.rulebook import compile_sources, read_texts, sample_path, shift_days
from sekisho.rulebook.cases import Case, expand, load_cases


class Read(NamedTuple):
    """A case in the core's own types."""

    request: AccessRequest
    events: list[ConsentEvent]
    at: datetime


@cache
def all_cases() -> tuple[Case, ...]:
    """The sample rulebook's cases."""
    return tuple(load_cases(sample_path() / "cases"))


def well_formed() -> list[Case]:
    """The cases whose request follows the contract."""
    return [case for case in all_cases() if not case.malformed]


@cache
def book(days: int = 0) -> Rulebook:
    """The sample rulebook, its world moved by so many days."""
    texts = read_texts(sample_path())
    return compile_sources(shift_days(texts, days) if days else texts).book


def read(case: Case) -> Read:
    """The case as the core sees it. Raises InvalidMessageError for a malformed request."""
    document = expand(case)
    events = [
        consent_events.decode(each["type"], json.dumps(each["data"]).encode(), Position(None, index)).event
        for index, each in enumerate(document["events"])
    ]
    request = access_requests.decode(json.dumps(document["request"]).encode())
    return Read(request, events, datetime.fromisoformat(document["at"]))


def verdict(case: Case, days: int = 0) -> Verdict:
    """What the core says of a case, as the gate and `sekisho decide` ask it."""
    try:
        found = read(case)
    except InvalidMessageError as error:
        return hold(None, INVALID, dict(error.details))
    return decide(found.request, found.events, book(days), found.at)


def answer(case: Case, days: int = 0) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The decision and the record as documents (contract.md)."""
    rulebook, told = book(days), verdict(case, days)
    envelope = access_decisions.Envelope(
        decision_id="00000000-0000-5000-8000-000000000000",
        request_id=case.request["request_id"],
        organization=case.request["requester"]["organization"],
        subject_id=case.request["subject"]["id"],
        decided_at=datetime.fromisoformat(case.at),
        appended_at=None,
        consent_position=None,
        request_position=None,
        request_digest="sha256:0",
        engine=Engine("0", 1),
    )
    decision = access_decisions.document(told, envelope, rulebook)
    record = provision_records.document(told, envelope, rulebook, rulebook.record_statement.ja)
    return decision, record
