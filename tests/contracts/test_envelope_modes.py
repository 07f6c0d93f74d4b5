"""CloudEvents in both modes, with the public CloudEvents SDK as the other side; and what is no message of a topic."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from contracts.sample_messages import LARGEST, Header, data, envelope, request
from sekisho.contracts import access_requests
from sekisho.contracts.envelope import binary_headers, open_message, require, structured
from sekisho.contracts.errors import InvalidMessageError, UnreadableMessageError
from sekisho.domain.request import AccessRequest

TIME = "2026-11-21T01:00:00.123456Z"


def received(headers: list[Header], value: bytes | None, key: bytes | None = None) -> AccessRequest:
    return access_requests.receive(headers, key, value, largest=LARGEST)


def unreadable(headers: list[Header], value: bytes | None) -> UnreadableMessageError:
    with pytest.raises(UnreadableMessageError) as caught:
        received(headers, value)
    return caught.value


def sdk_event() -> CloudEvent:
    return CloudEvent(
        {
            "id": "7",
            "source": "urn:upstream",
            "type": access_requests.TYPE,
            "time": datetime(2026, 11, 21, 1, 0, tzinfo=UTC),
            "datacontenttype": "application/json",
            "partitionkey": "C-000001",
            "traceparent": "00-1",
        },
        request(),
    )


@pytest.mark.parametrize("write", [to_binary, to_structured])
def test_what_the_sdk_writes_is_read(write: object) -> None:
    """Both modes, with extension attributes and a key, as an upstream system with the public SDK sends them."""
    assert callable(write)
    message: KafkaMessage = write(sdk_event(), JSONFormat())
    assert isinstance(message.key, str)
    found = received(list(message.headers.items()), message.value, message.key.encode())
    assert found == access_requests.decode(data(request()))


def test_the_sdk_reads_what_is_written_in_binary_mode() -> None:
    """Every attribute arrives, and the data as the same JSON."""
    headers = binary_headers("sekisho.access.decided.v1", "d-1", "urn:sekisho:gate", TIME)
    event = from_kafka(KafkaMessage(dict(headers), b"C-000001", b'{"effect": "deny"}'), JSONFormat())
    assert event.get_type() == "sekisho.access.decided.v1"
    assert (event.get_id(), event.get_source(), event.get_specversion()) == ("d-1", "urn:sekisho:gate", "1.0")
    assert event.get_time() == datetime(2026, 11, 21, 1, 0, 0, 123456, tzinfo=UTC)
    assert event.get_datacontenttype() == "application/json"
    assert event.get_data() == {"effect": "deny"}


def test_the_sdk_reads_what_is_written_in_structured_mode() -> None:
    """The same event in one JSON object, and Sekisho reads it back."""
    headers, value = structured(access_requests.TYPE, "7", "urn:upstream", TIME, request())
    event = from_kafka(KafkaMessage(dict(headers), None, value), JSONFormat())
    assert (event.get_type(), event.get_id()) == (access_requests.TYPE, "7")
    assert event.get_data() == request()
    assert received(list(headers), value) == access_requests.decode(data(request()))


def test_a_message_without_cloudevents_headers_is_bare_data() -> None:
    """On access-requests only; other headers and a plain content type do not make it a CloudEvent."""
    found = access_requests.decode(data(request()))
    for headers in ([], [("traceparent", b"00-1")], [("content-type", b"application/json")]):
        assert received(list(headers), data(request())) == found


def test_header_names_are_compared_without_case_and_content_types_with_parameters() -> None:
    """As the SDK does; a charset parameter changes nothing."""
    headers: list[Header] = [
        (name.upper(), value)
        for name, value in envelope(access_requests.TYPE, content_type=b"application/json; charset=UTF-8")
    ]
    assert received(headers, data(request())).request_id == request()["request_id"]
    headers, value = structured(access_requests.TYPE, "7", "urn:upstream", TIME, request())  # type: ignore[assignment]
    headers = [("content-type", b"Application/CloudEvents+JSON; charset=UTF-8")]
    assert received(headers, value).request_id == request()["request_id"]


def test_base64_data_of_a_structured_event_is_read() -> None:
    """JSON event format, section 3.1: data may come as `data_base64`."""
    event = {
        "specversion": "1.0", "id": "7", "source": "s", "type": access_requests.TYPE,
        "datacontenttype": "application/json", "data_base64": base64.b64encode(data(request())).decode(),
    }  # fmt: skip
    found = received([("content-type", b"application/cloudevents+json")], data(event))
    assert found == access_requests.decode(data(request()))


def test_a_tombstone_and_an_oversized_message_are_rejected_before_anything_else() -> None:
    """Whatever their headers say; at the limit a message is still read."""
    bad_headers: list[Header] = [("ce_type", b"\xff")]
    assert unreadable(bad_headers, None).cause == "tombstone"
    assert unreadable(bad_headers, b"x" * (LARGEST + 1)).cause == "too_large"
    padded = data(request()).ljust(LARGEST)
    assert received([], padded).request_id == request()["request_id"]


@pytest.mark.parametrize(
    ("type_", "cause"),
    [
        ("sekisho.access.requested.v2", "unsupported_version"),
        ("sekisho.access.requested.v10", "unsupported_version"),
        ("sekisho.access.requested", "wrong_type"),
        ("sekisho.access.requested.v1.extra", "wrong_type"),
        ("sekisho.access.decided.v1", "wrong_type"),
        ("com.example.other", "wrong_type"),
        ("", "wrong_type"),
    ],
)
def test_another_type_and_another_version_are_rejected(type_: str, cause: str) -> None:
    """A known type with another version is told apart from what does not belong to the topic."""
    assert unreadable(envelope(type_), data(request())).cause == cause
    headers, value = structured(type_, "7", "s", TIME, request())
    assert unreadable(list(headers), value).cause == cause


@pytest.mark.parametrize("specversion", [b"0.3", b"1.1", b""])
def test_another_cloudevents_version_is_rejected(specversion: bytes) -> None:
    """Only CloudEvents 1.0 is read."""
    headers = envelope(access_requests.TYPE, ce_specversion=specversion)
    assert unreadable(headers, data(request())).cause == "unsupported_version"


@pytest.mark.parametrize("missing", ["ce_id", "ce_source", "ce_specversion"])
def test_a_cloudevent_that_lacks_an_attribute_is_an_invalid_request(missing: str) -> None:
    """Its request is readable, so it gets an answer that names the header."""
    with pytest.raises(InvalidMessageError) as caught:
        received(envelope(access_requests.TYPE, **{missing: None}), data(request()))
    assert (caught.value.field, caught.value.problem) == (missing, "missing_field")
    assert caught.value.readable is not None
    assert caught.value.readable.request_id == request()["request_id"]


@pytest.mark.parametrize(
    "headers",
    [
        [("ce_type", b"\xff")],
        [*envelope(access_requests.TYPE), ("ce_type", b"another")],
        envelope(access_requests.TYPE, content_type=b"application/avro"),
        [("content-type", b"application/cloudevents+avro")],
        [("content-type", b"application/cloudevents-batch+json")],
        [("content-type", b"application/cloudevents+json")],
    ],
)
def test_an_envelope_that_cannot_be_read_is_unreadable(headers: list[Header]) -> None:
    """Headers that are no UTF-8 or contradict each other, other formats, structured mode without an event."""
    assert unreadable(headers, data([request()])).cause == "unreadable"


@pytest.mark.parametrize(
    "event",
    [
        {"data": ..., "data_base64": ...},
        {"data_base64": "e30="},
        {"data": ..., "data_base64": "not base64!"},
        {"data": ..., "data_base64": 3},
        {"datacontenttype": "application/avro"},
        {"data": json.dumps(request())},
        {"data": None},
    ],
)
def test_a_structured_event_without_json_data_is_unreadable(event: dict[str, object]) -> None:
    """No data, two kinds of data, data that is no object: nothing to read."""
    whole = {"specversion": "1.0", "id": "7", "source": "s", "type": access_requests.TYPE, "data": request()}
    sent = {name: value for name, value in (whole | event).items() if value is not ...}
    assert unreadable([("content-type", b"application/cloudevents+json")], data(sent)).cause == "unreadable"


def test_a_structured_event_without_attributes_is_no_bare_request() -> None:
    """Only a message with no CloudEvents headers at all is: in a structured one nothing may hide either."""
    sent = data({"data": request()})
    found = unreadable([("content-type", b"application/cloudevents+json")], sent)
    assert found.cause == "wrong_type"


def test_a_field_that_stands_twice_is_found_in_structured_mode_too() -> None:
    """The event is parsed once more as a whole: nothing hides in its data."""
    headers, value = structured(access_requests.TYPE, "7", "s", TIME, request())
    doubled = value.replace(b'"purpose":', b'"purpose":"savings.administration","purpose":', 1)
    with pytest.raises(InvalidMessageError) as caught:
        received(list(headers), doubled)
    assert caught.value.problem == "duplicate_field"
    assert caught.value.readable is not None


def test_a_key_that_is_not_the_subject_makes_the_request_invalid() -> None:
    """A key that is there and is not the subject id; no key is fine (runtime.md, Routing)."""
    for key in (None, b"C-000001"):
        assert received(envelope(access_requests.TYPE), data(request()), key).subject_id == "C-000001"
    for key in (b"C-000002", b"", b"\xff"):
        with pytest.raises(InvalidMessageError) as caught:
            received(envelope(access_requests.TYPE), data(request()), key)
        assert (caught.value.field, caught.value.problem) == ("subject.id", "key_mismatch")
        assert caught.value.readable is not None


def test_an_opened_event_tells_its_attributes() -> None:
    """Readers such as `tail` see type and attributes without knowing the data."""
    event = open_message(envelope("sekisho.signal.raised.v1"), b"{}", largest=10)
    assert event.type == "sekisho.signal.raised.v1"
    assert (event.attributes["id"], event.data, event.bare) == ("1", b"{}", False)
    assert require(event, frozenset({"sekisho.signal.raised.v1"})) == "sekisho.signal.raised.v1"
