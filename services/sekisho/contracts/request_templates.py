"""Requests that differ from one read before by their ids and their time alone are read by that one (ADR 0014).

A list, a campaign or a screen asks the same of one person after another: its messages have the same bytes but for
`request_id`, `requested_at` and `subject.id`. What stands around those three is kept with what it said, once the whole
contract has been read out of it; the next such message is read for the three alone (20 → 5 µs, bench.wire).

Why no other message can pass for such a one: `"request_id":` stands in no valid message but as that field's name. Its
first quote cannot end a string (a name would follow), nor lie escaped in one (the string would then be a field's name
that no object of the contract has); and a field that stands twice is refused. So in a valid message what the pattern
finds is the field's value, and a string without quotes, backslashes and control characters in its place, valid as what
it is, leaves all else as it was. The same holds for the other two.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final, NamedTuple

from pydantic_core import PydanticCustomError, to_json

from sekisho.contracts.fields import MAX_ID, instant
from sekisho.contracts.request_content import content
from sekisho.domain.request import AccessRequest

LARGEST: Final = 4096
"""Bytes of a message that is kept: lists of hundreds of items are read in full each time."""
MOST: Final = 2048
"""Messages kept, as of the questions that they ask: with what they say, some 20 MB at the very worst."""

_STRING: Final = rb'\s*:\s*"([^"\\\x00-\x1f\x7f]+)"'
_REQUEST_ID: Final = re.compile(rb'"request_id"' + _STRING)
_REQUESTED_AT: Final = re.compile(rb'"requested_at"' + _STRING)
_SUBJECT_ID: Final = re.compile(rb'"subject"\s*:\s*\{\s*"id"' + _STRING)


class Received(NamedTuple):
    """A request, and the digest of its content (`access_requests.digest`), as text and as its 32 bytes."""

    request: AccessRequest
    digest: str
    digest_bytes: bytes


class _Around(NamedTuple):
    """What stands around the three values of a message."""

    before: bytes
    between: bytes
    until_subject: bytes
    after: bytes


class _Values(NamedTuple):
    """The three values, as bytes."""

    request_id: bytes
    requested_at: bytes
    subject_id: bytes


Likeness = tuple[_Around, _Values]


class _Template:
    """What a kept message says but for the three values."""

    __slots__ = ("_after", "_before", "_between", "_requester", "_rest")

    def __init__(self, like: AccessRequest) -> None:
        _, _, self._requester, _, *rest = like
        self._rest = tuple(rest)
        told = content(like)
        before = {name: value for name, value in told.items() if name < "request_id"}
        start = to_json(before)[:-1] + (b"," if before else b"") + b'"request_id":"'
        self._before = hashlib.sha256(start)
        self._between = b'","requester":' + to_json(told["requester"]) + b',"subject":{"id":"'
        self._after = b'","kind":' + to_json(like.subject_kind) + b"}}"

    def filled(self, values: _Values) -> Received | None:
        """What a message with these values says; None where one of them is not valid, so that it is read in full."""
        try:
            request_id, subject_id = values[0].decode(), values[2].decode()
            requested_at = instant(values[1].decode())
        except (UnicodeDecodeError, PydanticCustomError):
            return None
        if len(request_id) > MAX_ID or len(subject_id) > MAX_ID:
            return None
        request = AccessRequest._make((request_id, requested_at, self._requester, subject_id, *self._rest))
        # in the canonical content the two ids stand as they were sent: nothing in them is escaped
        hashed = self._before.copy()
        hashed.update(values[0] + self._between + values[2] + self._after)
        digest = hashed.digest()
        return Received(request, "sha256:" + digest.hex(), digest)


_TEMPLATES: Final[dict[_Around, _Template]] = {}
_SEEN: Final[set[int]] = set()
"""Hashes of what stood around the values of messages that were read once; if one lies, a message is kept too early."""


def recognized(likeness: Likeness) -> Received | None:
    """What a message says, if it is like one that was learned; None: it is to be read in full."""
    around, values = likeness
    template = _TEMPLATES.get(around)
    return None if template is None else template.filled(values)


def learn(likeness: Likeness, whole: Received) -> None:
    """Keeps a message that was read in full twice, for those like it."""
    around, values = likeness
    known = hash(around)
    if known not in _SEEN:  # what is asked once is not kept: that would cost more than it saves
        _clear_at(_SEEN, MOST * 8)
        _SEEN.add(known)
        return
    template = _Template(whole.request)
    if template.filled(values) == whole:
        _clear_at(_TEMPLATES, MOST)
        _TEMPLATES[around] = template


def _clear_at(kept: set[int] | dict[_Around, _Template], most: int) -> None:
    if len(kept) >= most:
        kept.clear()


def forget() -> None:
    """Forgets what was learned: for measuring what a new message costs. What a message says does not depend on it."""
    _TEMPLATES.clear()
    _SEEN.clear()


def likeness_of(data: bytes) -> Likeness | None:
    """A message split at its three values; None where they do not stand in the usual way."""
    if len(data) > LARGEST:
        return None
    first, second, third = _REQUEST_ID.search(data), _REQUESTED_AT.search(data), _SUBJECT_ID.search(data)
    if first is None or second is None or third is None:
        return None
    (one, two), (three, four), (five, six) = spans = first.span(1), second.span(1), third.span(1)
    values = _Values(data[one:two], data[three:four], data[five:six])
    if not two <= three <= five:  # not the contract's order
        (one, two), (three, four), (five, six) = sorted(spans)
    return _Around(data[:one], data[two:three], data[four:five], data[six:]), values
