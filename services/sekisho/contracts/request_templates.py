"""Requests that differ from one read before by their ids and their time alone are read by that one (ADR 0014).

A list, a campaign or a screen asks the same of one person after another: its messages have the same bytes but for
`request_id`, `requested_at`, `subject.id` and who is at the keyboard. What stands around those is kept with what it
said, once the whole contract has been read out of it; the next such message is read for them alone (20 → 8 µs,
bench.wire).

Why no other message can pass for such a one: `"request_id":` stands in no valid message but as that field's name. Its
first quote cannot end a string (a name would follow), nor lie escaped in one (the string would then be a field's name
that no object of the contract has); and a field that stands twice is refused. So in a valid message what the pattern
finds is the field's value, and a string without quotes, backslashes and control characters in its place, valid as what
it is, leaves all else as it was. The same holds for the other two.
"""

from __future__ import annotations

import hashlib
import re
from operator import itemgetter
from typing import Final, NamedTuple

from pydantic_core import PydanticCustomError, to_json

from sekisho.contracts.fields import MAX_ID, instant
from sekisho.contracts.request_content import content
from sekisho.domain.memory import Memory, size_of
from sekisho.domain.request import AccessRequest, Requester

LARGEST: Final = 4096
"""Bytes of a message that is kept: lists of hundreds of items are read in full each time."""
MOST: Final = 2048
"""Messages kept, as of the questions that they ask."""
MOST_BYTES: Final = 24 * 2**20
"""Bytes of all messages kept, with what they say: one of 4 KB that names 600 short items says 40 KB."""

_STRING: Final = rb'\s*:\s*"([^"\\\x00-\x1f\x7f]+)"'
_PERSONS: Final = tuple(
    re.compile(name + _STRING)
    for name in (rb'"request_id"', rb'"requested_at"', rb'"subject"\s*:\s*\{\s*"id"')
)
"""The values that are a request's own: each message has them."""
_HANDS: Final = ("operator", "branch", "authenticated_operator")
_OPERATORS: Final = tuple(re.compile(b'"%b"' % name.encode() + _STRING) for name in _HANDS)
"""Those of the person at the keyboard: there are thousands, and a message may have none."""


class Received(NamedTuple):
    """A request, and the digest of its content (`access_requests.digest`), as text and as its 32 bytes."""

    request: AccessRequest
    digest: str
    digest_bytes: bytes


_Around = tuple[bytes, ...]
"""What stands around the values of a message."""
_Values = tuple[bytes, ...]
"""Request id, time, subject id, operator, branch, authenticated operator; empty where a message has none."""
Likeness = tuple[_Around, _Values]


class _Template:
    """What a kept message says but for its values."""

    __slots__ = ("_before", "_hands", "_order", "_rest", "_side", "_tail")

    def __init__(self, like: AccessRequest, values: _Values) -> None:
        _, _, requester, _, *rest = like
        self._side, self._hands, self._rest = requester[:3], requester[3:], tuple(rest)
        told = content(like)
        before = {name: value for name, value in told.items() if name < "request_id"}
        start = to_json(before)[:-1] + (b"," if before else b"") + b'"request_id":"'
        self._before = hashlib.sha256(start)
        self._tail, order = b'%b","requester":{', [0]
        for name, value in told["requester"].items():
            comma = b"" if self._tail.endswith(b"{") else b","
            place = 3 + _HANDS.index(name) if name in _HANDS else -1
            if place >= 3 and values[place]:
                written = b'"%b"'
                order.append(place)
            else:
                written = to_json(value).replace(b"%", b"%%")
            self._tail += b'%b"%b":' % (comma, name.encode()) + written
        self._tail += b'},"subject":{"id":"%b","kind":' + to_json(like.subject_kind) + b"}}"
        self._order = itemgetter(*order, 2)

    def filled(self, values: _Values) -> Received | None:
        """What a message with these values says; None where one of them is not valid, so that it is read in full."""
        try:
            request_id, requested_at, subject_id, *hands = [value.decode() for value in values]
            at = instant(requested_at)
        except (UnicodeDecodeError, PydanticCustomError):
            return None
        if len(request_id) > MAX_ID or len(subject_id) > MAX_ID or max(map(len, hands)) > MAX_ID:
            return None
        first, second, third = self._hands
        operator, branch, authenticated = hands
        requester = Requester(*self._side, operator or first, branch or second, authenticated or third)
        request = AccessRequest._make((request_id, at, requester, subject_id, *self._rest))
        # in the canonical content the ids stand as they were sent: nothing in them is escaped
        hashed = self._before.copy()
        hashed.update(self._tail % self._order(values))
        digest = hashed.digest()
        return Received(request, "sha256:" + digest.hex(), digest)


_TEMPLATES: Final[Memory[_Around, _Template]] = Memory(most=MOST, most_bytes=MOST_BYTES, largest=64 * 2**10)
_A_TEMPLATE: Final = 4096
"""Bytes of a template, but for what the message says: its digest so far, its tail."""
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
        if len(_SEEN) >= MOST * 8:
            _SEEN.clear()
        _SEEN.add(known)
        return
    template = _Template(whole.request, values)
    if template.filled(values) == whole:
        _TEMPLATES.keep(around, template, _A_TEMPLATE + size_of(around) + size_of(whole.request))


def forget() -> None:
    """Forgets what was learned: for measuring what a new message costs. What a message says does not depend on it."""
    _TEMPLATES.clear()
    _SEEN.clear()


def likeness_of(data: bytes) -> Likeness | None:
    """A message split at its values; None where they do not stand in the usual way."""
    if len(data) > LARGEST:
        return None
    spans: list[tuple[int, int]] = []
    values: list[bytes] = []
    for pattern in _PERSONS:
        found = pattern.search(data)
        if found is None:
            return None
        spans.append(found.span(1))
        values.append(found[1])
    for pattern in _OPERATORS:
        found = pattern.search(data)
        if found is None:
            values.append(b"")
        else:
            spans.append(found.span(1))
            values.append(found[1])
    spans.sort()
    around, before = [], 0
    for start, end in spans:
        around.append(data[before:start])
        before = end
    return (*around, data[before:]), tuple(values)
