"""A request read by the likeness of one before says the same, and fails the same, as one read in full (ADR 0014)."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contracts.sample_messages import LARGEST, Header, data, envelope, request
from sekisho.contracts import access_requests, request_templates
from sekisho.contracts.errors import InvalidMessageError, RejectedMessageError

HEADERS = [*envelope(access_requests.TYPE), ("ce_time", b"2026-11-21T10:00:00Z")]
TIMES = (
    "2026-11-21T10:00:00Z", "2026-11-21T10:00:00+09:00", "2026-11-21T10:00:00.123456789-03:30", "2026-11-21T10:00:00",
    "2026-13-01T00:00:00Z", "1899-12-31T00:00:00Z", "3000-01-01T00:00:00+09:00", "yesterday", "",
)  # fmt: skip
TEXTS = st.text(st.characters(), max_size=300) | st.sampled_from(
    ["あ" * 256, "x" * 257, "a\x7fb", "\u2028", 'a"b', "a\\b"]
)


@pytest.fixture(autouse=True)
def _nothing_learned() -> Iterator[None]:
    """Each test begins with nothing learned, and leaves nothing."""
    request_templates.forget()
    yield
    request_templates.forget()


Read = Callable[[Sequence[Header], bytes | None, bytes], access_requests.Received]


def outcome(read: Read, headers: Sequence[Header], key: bytes | None, value: bytes) -> Any:
    """What was received, or all that an error tells."""
    try:
        return read(headers, key, value)
    except RejectedMessageError as error:
        told = (type(error), error.cause, error.field, error.message)
        if isinstance(error, InvalidMessageError):
            return (*told, error.problem, error.where, error.nearest, error.readable)
        return told


def in_full(headers: Sequence[Header], key: bytes | None, value: bytes) -> access_requests.Received:
    """A message as it is read without likeness."""
    found = access_requests.receive(headers, key, value, largest=LARGEST)
    digest = access_requests.digest(found)
    return access_requests.Received(found, digest, bytes.fromhex(digest.removeprefix("sha256:")))


def by_likeness(headers: Sequence[Header], key: bytes | None, value: bytes) -> access_requests.Received:
    """A message as a gate reads it."""
    return access_requests.receive_digested(headers, key, value, largest=LARGEST)


def learned(value: bytes) -> None:
    """Two messages like this one were received, so the next is read by their likeness."""
    for _ in range(2):
        outcome(by_likeness, HEADERS, None, value)


def asked(request_id: str, requested_at: str, subject_id: str) -> dict[str, Any]:
    """The contract's request of another person, at another time."""
    return request(
        request_id=request_id, requested_at=requested_at, subject={"id": subject_id, "kind": "individual"}
    )


@given(
    TEXTS, st.sampled_from(TIMES), TEXTS, st.booleans(), st.sampled_from([None, (",", ":"), (" ,\n", "\t: ")])
)
@example("日本", TIMES[1], "C-000002", False, None)
def test_any_three_values_are_read_as_in_full(
    request_id: str, requested_at: str, subject_id: str, ascii_only: bool, separators: tuple[str, str] | None
) -> None:
    """Ids of any characters and any times, valid or not: the same request and digest, or the same error."""

    def written(*values: str) -> bytes:
        text = json.dumps(asked(*values), ensure_ascii=ascii_only, separators=separators)
        return text.encode("utf-8", "surrogatepass")

    learned(written("r-1", TIMES[0], "C-000001"))
    value = written(request_id, requested_at, subject_id)
    for key in (None, subject_id.encode("utf-8", "surrogatepass"), b"C-other"):
        assert outcome(by_likeness, HEADERS, key, value) == outcome(in_full, HEADERS, key, value)


def test_a_message_is_read_by_likeness_from_its_third_time_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was asked twice is not read in full again: else nothing here would test likeness."""
    learned(data(asked("r-1", TIMES[0], "C-000001")))
    whole = access_requests.decode(data(asked("r-2", TIMES[1], "C-000002")))
    monkeypatch.setattr(access_requests, "read", lambda *_, **__: pytest.fail("read in full"))
    found = by_likeness(HEADERS, b"C-000002", data(asked("r-2", TIMES[1], "C-000002")))
    assert (found.request.request_id, found.request.subject_id) == ("r-2", "C-000002")
    assert found.digest == access_requests.digest(found.request)
    assert found.request == whole


@pytest.mark.parametrize("order", list(itertools.permutations(["request_id", "requested_at", "subject"])))
def test_fields_may_stand_in_any_order(order: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each order is a likeness of its own, and each value is told as what it is."""

    def written(*values: str) -> bytes:
        told = asked(*values)
        return data(
            {order[0]: told[order[0]], **{name: told[name] for name in told if name not in order}}
            | {name: told[name] for name in order}
        )

    for values in (("r-1", TIMES[0], "C-1"), ("C-1", TIMES[1], "r-1")):
        learned(written(*values))
    value = written("r-2", TIMES[1], "C-2")
    whole = in_full(HEADERS, b"C-2", value)
    monkeypatch.setattr(access_requests, "read", lambda *_, **__: pytest.fail("read in full"))
    assert by_likeness(HEADERS, b"C-2", value) == whole
    assert (whole.request.request_id, whole.request.subject_id) == ("r-2", "C-2")


HANDS = st.sampled_from([None, "op-1", "支店", "", "a\x7fb", 'q"', "x" * 257, "%b", "100%", 5])


@given(HANDS, HANDS, HANDS, st.booleans())
def test_any_operator_is_read_as_in_full(
    operator: Any, branch: Any, authenticated: Any, is_known: bool
) -> None:
    """One question by many hands is one likeness; whoever is named, or not, or not validly, is told as in full."""
    who = {"organization": "post-office 100%", "business": "b", "system": "s%b"}

    def written(number: int, *hands: Any) -> bytes:
        named = dict(zip(("operator", "branch", "authenticated_operator"), hands, strict=True))
        return data(request(request_id=f"r-{number}", requester=who | named))

    learned(written(1, operator, branch, authenticated) if is_known else written(1, "op-9", "br-9", "op-9"))
    for number in range(2, 5):
        value = written(number, operator, branch, authenticated)
        assert outcome(by_likeness, HEADERS, None, value) == outcome(in_full, HEADERS, None, value)


def test_another_operator_is_no_other_likeness(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was asked by one hand is not read in full when another asks it."""
    by = {
        "organization": "o",
        "business": "b",
        "system": "s",
        "operator": "op-1",
        "branch": "br-1",
        "authenticated_operator": None,
    }
    learned(data(request(requester=by)))
    monkeypatch.setattr(access_requests, "read", lambda *_, **__: pytest.fail("read in full"))
    found = by_likeness(HEADERS, None, data(request(requester=by | {"operator": "op-2", "branch": "br-2"})))
    assert found.request.requester[3:] == ("op-2", "br-2", None)
    assert found.digest == access_requests.digest(found.request)


LIKE = data(asked("r-1", TIMES[0], "C-000001"))
ODD = {
    "a field twice": LIKE.replace(b'"request_id"', b'"request_id": "r-9", "request_id"', 1),
    "the person twice": LIKE.replace(b'"subject"', b'"subject": {"id": "C-9", "kind": "individual"}, "subject"', 1),
    "the id twice": LIKE.replace(b'"id": "C-000001"', b'"id": "C-9", "id": "C-000001"', 1),
    "a name within a text": LIKE.replace("満期".encode(), b'\\"request_id\\": \\"r-9\\", ', 1),
    "a name that ends alike": LIKE.replace(b'"request_id"', b'"x\\"request_id"', 1),
    "an escaped name": LIKE.replace(b'"request_id"', b'"request\\u005fid"', 1),
    "no UTF-8": LIKE.replace(b"C-000001", b"C-\xff", 1),
    "a surrogate": LIKE.replace(b"C-000001", b"C-\xed\xa0\x80", 1),
    "a control character": LIKE.replace(b"C-000001", b"C-\x01", 1),
    "cut off": LIKE[:-1],
    "something after it": LIKE + b"x",
    "another kind": LIKE.replace(b"individual", b"corporation", 1),
    "no JSON space": LIKE.replace(b'"request_id": ', b'"request_id":\x0b', 1),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_odd_messages_are_read_as_in_full(name: str) -> None:
    """Before and after the usual one was learned, and however often they come themselves."""
    value = ODD[name]
    learned(LIKE)
    for _ in range(4):
        assert outcome(by_likeness, HEADERS, None, value) == outcome(in_full, HEADERS, None, value)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [*HEADERS, ("traceparent", b"00-1")],
        [*HEADERS, ("x-other", b"1")],
        [*HEADERS, ("ce_id", b"1")],
        [*HEADERS, ("ce_id", b"2")],
        [*HEADERS, ("CE_Type", b"another.v1")],
        envelope(access_requests.TYPE, ce_id=b""),
        envelope(access_requests.TYPE, ce_id=b"\xff"),
        envelope(access_requests.TYPE, ce_source=None),
        envelope(access_requests.TYPE, ce_specversion=b"0.3"),
        envelope(access_requests.TYPE, content_type=b"text/plain"),
        envelope(access_requests.TYPE, content_type=b"application/json; charset=utf-8"),
        envelope("sekisho.access.requested.v2"),
        [("ce_id", None)],
        [("content-type", b"application/cloudevents+json")],
    ],
)
def test_an_envelope_is_judged_whatever_the_message_is_like(headers: list[Header]) -> None:
    """A known message in an envelope that is not whole, of another type or version, fails as it always did."""
    learned(LIKE)
    assert outcome(by_likeness, headers, None, LIKE) == outcome(in_full, headers, None, LIKE)


def test_what_is_kept_is_bounded() -> None:
    """Messages asked once are not kept, large ones never, and a full memory is emptied."""
    for number in range(request_templates.MOST + 2):
        learned(data(request(purpose=f"p-{number}")))
    assert 0 < len(request_templates._TEMPLATES) <= request_templates.MOST
    request_templates.forget()
    by_likeness(HEADERS, None, LIKE)
    learned(data(request(items=[f"item-{number}" for number in range(400)])))
    assert not request_templates._TEMPLATES


def test_what_is_kept_is_bounded_by_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message of 4 KB may name 450 items, which take ten times its bytes: they count."""
    request_templates.forget()
    monkeypatch.setattr(request_templates._TEMPLATES, "most_bytes", 200_000)
    for first in range(100, 500, 40):
        message = data(request(items=[str(number) for number in range(first, first + 450)]))
        assert len(message) <= request_templates.LARGEST
        learned(message)
        assert request_templates._TEMPLATES.bytes <= 200_000
    assert 0 < len(request_templates._TEMPLATES) <= 7
    request_templates.forget()
    assert request_templates._TEMPLATES.bytes == 0
