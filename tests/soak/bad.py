"""Values that are no good message, each in its own way."""

from __future__ import annotations

import json


def bad_request_values(good: bytes) -> list[bytes | None]:
    """Made from a good request's value."""
    data = json.loads(good)
    return [
        None,
        b"",
        b"{no json",
        b"\xff\xfe" + good,
        good[: len(good) // 2],
        good + b"}",
        b"null",
        b"[]",
        b'"' + b"x" * 50 + b'"',
        b"1e999",
        b"[" * 5_000,
        _put(data, items=5),
        _put(data, items=[]),
        _put(data, items=[None]),
        _put(data, subject="x"),
        _put(data, subject={"id": "", "kind": "individual"}),
        _put(data, requested_at=True),
        _put(data, requested_at="yesterday"),
        _put(data, action="devour"),
        _put(data, anticpated_purposes=[]),
        _put(data, request_id="x" * 10_000),
        _put(data, request_id=9**40),
        good.replace(b'"request_id"', b'"request_id": "a", "request_id"', 1),
        good.replace(b"C-", b"\\ud800-", 1),
        good.replace(b"C-", b"\\u0000-", 1),
    ]


def bad_consent_values(good: bytes) -> list[bytes | None]:
    """Made from a good suspension's value."""
    data = json.loads(good)
    return [
        None,
        b"",
        b"{no json",
        b"NaN",
        _put(data, kynd="use"),
        _put(data, kind=["use"]),
        _put(data, ordered_at=0),
        _put(data, ordered_at="9999-99-99T00:00:00Z"),
        _put(data, subject_id=None),
        _put(data, event_id={}),
        good.replace(b"C-", b"\\udfff-", 1),
    ]


def _put(data: dict[str, object], **changes: object) -> bytes:
    return json.dumps(data | changes).encode()
