"""Rows as PostgreSQL's binary COPY wants them, put together by hand: every record passes here.

The form (PostgreSQL, "COPY", Binary Format): a header, each row with the number of its fields, each field with its length in bytes
before it (-1: null), a trailer. All numbers are big-endian; a date counts days and a timestamptz microseconds from 2000-01-01.
Measured, with sending: 3.3 µs of CPU for a leaf of 370 bytes and its payload of 1.3 KB, 7.2 µs through psycopg's `write_row`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final

from sekisho.ledger.store.rows import LeafRow, PayloadRow

LEAF_COLUMNS: Final = "log_id, idx, koff, leaf, hash"
PAYLOAD_COLUMNS: Final = (
    "idx, log_id, shelf, retain_until, provided_on, created_at, rid, scope, record_id, decision_id, subject_hmac, "
    "kind, direction, basis, method, controller, counterparty, salt, body"
)

_HEADER: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_TRAILER: Final = b"\xff\xff"
_NULL: Final = b"\xff\xff\xff\xff"
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_EPOCH_DAY: Final = date(2000, 1, 1).toordinal()
_MICROSECOND: Final = timedelta(microseconds=1)

_LEAF: Final = struct.Struct("!hiiiqiqi")
_LEAF_WITHOUT_OFFSET: Final = struct.Struct("!hiiiqii")
_PAYLOAD: Final = struct.Struct("!hiqii")
_CREATED: Final = struct.Struct("!iq")
_LENGTH: Final = struct.Struct("!i")
_HASH_LENGTH: Final = _LENGTH.pack(32)

OPEN_SHELF: Final = date(9999, 12, 1)
_FAR: Final = date(2200, 1, 1)


@lru_cache(maxsize=4096)
def shelf(retain_until: date | None) -> date:
    """The shelf of a payload: the first of the month of its last day; one shelf for those without, or beyond 2199."""
    if retain_until is None or retain_until >= _FAR:
        return OPEN_SHELF
    return retain_until.replace(day=1)


def leaf_rows(log_id: int, first: int, leaves: Sequence[LeafRow]) -> bytes:
    """The leaves as COPY data for LEAF_COLUMNS; the first has the index `first`."""
    parts: list[bytes] = [_HEADER]
    add = parts.extend
    pack, pack_without = _LEAF.pack, _LEAF_WITHOUT_OFFSET.pack
    for idx, (leaf, leaf_hash, koff) in enumerate(leaves, first):
        if koff is None:
            head = pack_without(5, 4, log_id, 8, idx, -1, len(leaf))
        else:
            head = pack(5, 4, log_id, 8, idx, 8, koff, len(leaf))
        add((head, leaf, _HASH_LENGTH, leaf_hash))
    parts.append(_TRAILER)
    return b"".join(parts)


def payload_rows(log_id: int, payloads: Iterable[PayloadRow]) -> bytes:
    """The payloads as COPY data for PAYLOAD_COLUMNS."""
    parts: list[bytes] = [_HEADER]
    add = parts.extend
    pack, created, length, fromhex = _PAYLOAD.pack, _CREATED.pack, _LENGTH.pack, bytes.fromhex
    for row in payloads:
        (idx, rid, kind, until, scope, salt, body, created_at, subject, record_id, decision_id,
         direction, basis, method, controller, counterparty, provided_on) = row  # fmt: skip
        add(
            (
                pack(19, 8, idx, 4, log_id),
                _days(until, provided_on),
                created(8, (created_at - _EPOCH) // _MICROSECOND),
                fromhex(
                    f"00000010{rid}{_uuid(scope)}{_uuid(record_id)}{_uuid(decision_id)}".replace("-", "")
                ),
                _NULL if subject is None else length(len(subject)) + subject,
                _texts(kind, direction, basis, method, controller, counterparty),
                length(len(salt)),
                salt,
                length(len(body)),
                body,
            )
        )
    parts.append(_TRAILER)
    return b"".join(parts)


def _uuid(text: str | None) -> str:
    """A uuid as a field, in hexadecimal: those of a row are turned into bytes at once, which is twice as fast."""
    return "ffffffff" if text is None else f"00000010{text}"


@lru_cache(maxsize=65_536)
def _days(until: date | None, provided_on: date | None) -> bytes:
    """shelf, retain_until, provided_on: few different ones pass, however many records."""
    return b"".join(_day(each) for each in (shelf(until), until, provided_on))


def _day(day: date | None) -> bytes:
    return _NULL if day is None else struct.pack("!ii", 4, day.toordinal() - _EPOCH_DAY)


@lru_cache(maxsize=65_536)
def _texts(*texts: str | None) -> bytes:
    """Texts as fields: combinations of kind, basis, method and the parties recur."""
    fields = []
    for text in texts:
        if text is None:
            fields.append(_NULL)
        else:
            data = text.encode()
            fields.append(_LENGTH.pack(len(data)) + data)
    return b"".join(fields)
