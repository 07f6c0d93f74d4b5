"""A record of any topic on the screen: in words, or as one JSON object."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import click

from sekisho.cli.rendering import show_decision, show_event, show_record, show_rejected, show_request
from sekisho.cli.screen import Screen, mapping
from sekisho.contracts import (
    access_decisions,
    access_requests,
    consent_events,
    provision_records,
    rejected_events,
)
from sekisho.contracts.envelope import Event, open_message
from sekisho.contracts.errors import RejectedMessageError
from sekisho.contracts.reading import read_object
from sekisho.contracts.topics import TopicSpec
from sekisho.log.port import Record


def print_record(screen: Screen, spec: TopicSpec, record: Record, *, as_json: bool) -> None:
    """Prints one record of that topic; one that is not readable is shown as such."""
    type_, data = _opened(spec, record)
    if as_json:
        click.echo(json.dumps(_document(record, type_, data), ensure_ascii=False))
        return
    screen.line(f"{_time(record)}  {record.topic} {record.partition}:{record.offset}", "dim")
    if data is None:
        screen.text(f"not readable: {len(record.value or b'')} bytes", style="yellow")
    else:
        _show(screen, type_, data)
    screen.line()


def _opened(spec: TopicSpec, record: Record) -> tuple[str, dict[str, Any] | None]:
    try:
        event: Event = open_message(record.headers, record.value, largest=len(record.value or b""))
        type_ = event.type or (access_requests.TYPE if access_requests.TYPE in spec.types else "")
        return type_, read_object(event.data)
    except RejectedMessageError:
        return "", None


def _document(record: Record, type_: str, data: dict[str, Any] | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": _time(record),
        "key": None if record.key is None else record.key.decode("utf-8", "replace"),
        "type": type_ or None,
        "data": data,
    }
    if data is None:
        found["value_base64"] = None if record.value is None else base64.b64encode(record.value).decode()
    return found


def _time(record: Record) -> str:
    return datetime.fromtimestamp(record.timestamp / 1000, UTC).isoformat(timespec="milliseconds")


def _show(screen: Screen, type_: str, data: dict[str, Any]) -> None:
    if type_ == access_requests.TYPE:
        show_request(screen, data)
    elif type_ == access_decisions.TYPE:
        screen.text(f"{data.get('organization')} asked about {data.get('subject_id')}", style="dim")
        show_decision(screen, data)
    elif type_ == provision_records.TYPE:
        show_record(screen, data)
    elif type_ == rejected_events.TYPE:
        show_rejected(screen, data)
    elif type_ in consent_events.TYPES:
        show_event(screen, type_, data)
    elif type_.startswith("sekisho.rulebook."):
        screen.text(f"rulebook {data.get('version')} {data.get('digest')}")
    else:
        screen.text(json.dumps(mapping(data), ensure_ascii=False))
