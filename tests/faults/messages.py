"""Requests and consent events of the sample group for any person, good and bad: taken from the rulebook's own cases."""

from __future__ import annotations

import json
import uuid
from copy import deepcopy
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sekisho.contracts.envelope import binary_headers
from sekisho.log.port import Outgoing
from sekisho.rulebook import (
    LoadedRulebook,
    compile_sources,
    days_from_base,
    read_texts,
    sample_path,
    shift_days,
)
from sekisho.rulebook.cases import Case, load_cases, shift

Json = dict[str, Any]

ALLOWED_PROVISION = "prov-1-consent"
SUSPENDED = "sekisho.suspension.ordered.v1"


@cache
def days_moved() -> int:
    """How far the sample world is moved, so that its base day is today."""
    return days_from_base(read_texts(sample_path()), datetime.now(UTC).date())


@cache
def rulebook() -> LoadedRulebook:
    """The sample rulebook, moved to today."""
    return compile_sources(shift_days(read_texts(sample_path()), days_moved()))


@cache
def cases() -> dict[str, Case]:
    """The cases of the sample rulebook, moved as far."""
    return {each.id: shift(each, days_moved()) for each in load_cases(sample_path() / "cases")}


def request(subject_id: str, of: str = ALLOWED_PROVISION, **changes: Any) -> Json:
    """A case's request, about this person and under an id of its own."""
    found = deepcopy(cases()[of].request)
    found.update(request_id=str(uuid.uuid4()), subject={"id": subject_id, "kind": "individual"})
    found.update(changes)
    return found


def consents(subject_id: str, of: str = ALLOWED_PROVISION) -> list[tuple[str, Json]]:
    """A case's consent events (type, data), about this person and under ids of their own."""
    found = []
    for event in deepcopy(cases()[of].events):
        event["data"].update(event_id=str(uuid.uuid4()), subject_id=subject_id)
        found.append((event["type"], event["data"]))
    return found


def suspension(subject_id: str, event_id: str | None = None, **changes: Any) -> Json:
    """The person has all provision of the bank's data stopped, since long."""
    return {
        "event_id": event_id or str(uuid.uuid4()),
        "subject_id": subject_id,
        "suspension_id": f"S-{subject_id}",
        "kind": "provision",
        "controller": "savings-bank",
        "ordered_at": "2024-01-01T00:00:00+09:00",
    } | changes


def asked(data: Json) -> Outgoing:
    """An access request as its system sends it."""
    return Outgoing(data["subject"]["id"].encode(), json.dumps(data).encode())


def told(type_: str, data: Json) -> Outgoing:
    """A consent event as its system sends it."""
    headers = binary_headers(type_, data["event_id"], "urn:test:consents", "2026-01-01T00:00:00Z")
    return Outgoing(data["subject_id"].encode(), json.dumps(data).encode(), headers)
