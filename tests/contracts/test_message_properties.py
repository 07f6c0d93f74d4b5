"""Over random messages: what the schemas allow is read and written again the same; nothing else than a typed error."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from contracts.documents import JSON_VALUES, documents
from contracts.sample_messages import LARGEST, data
from sekisho.contracts import access_requests, consent_events
from sekisho.contracts.errors import RejectedMessageError
from sekisho.contracts.fields import Input
from sekisho.contracts.json_schemas import json_schema
from sekisho.contracts.messages import MODELS
from sekisho.contracts.reading import paths, read, read_output
from sekisho.contracts.request_content import content
from sekisho.domain.events import Position

SCHEMAS = {type_: json_schema(type_) for type_ in MODELS}
VALIDATORS = {type_: jsonschema.Draft202012Validator(schema) for type_, schema in SCHEMAS.items()}
INPUTS = [type_ for type_, model in MODELS.items() if issubclass(model, Input)]
AT = Position(3, 41)

modest = settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


def outcome(act: Callable[[], object]) -> RejectedMessageError | None:
    """The typed error that something raises, None if it does not; any other error is the test's failure."""
    try:
        act()
    except RejectedMessageError as error:
        return error
    return None


def valid(type_: str) -> st.SearchStrategy[Any]:
    return documents(SCHEMAS[type_]).filter(lambda each: VALIDATORS[type_].is_valid(each))


@pytest.mark.parametrize("type_", INPUTS)
def test_every_input_that_its_schema_allows_is_read(type_: str) -> None:
    """The schema that upstream systems get promises nothing that the reader refuses."""

    @modest
    @given(valid(type_))
    def run(document: Any) -> None:
        assert isinstance(read(MODELS[type_], data(document)), BaseModel)

    run()


@pytest.mark.parametrize("type_", [each for each in MODELS if each not in INPUTS])
def test_every_output_that_its_schema_allows_is_read_and_written_again(type_: str) -> None:
    """A reader's model loses nothing that the contract knows."""

    @modest
    @given(valid(type_))
    def run(document: Any) -> None:
        first = read_output(MODELS[type_], data(document))
        written = first.model_dump_json(by_alias=True).encode()
        assert VALIDATORS[type_].is_valid(json.loads(written))
        assert read_output(MODELS[type_], written) == first

    run()


@modest
@given(valid(access_requests.TYPE))
def test_a_request_written_again_is_the_same_request(document: Any) -> None:
    """decode(document(request)) is the request, in content and digest."""
    request = access_requests.decode(data(document))
    written = access_requests.document(request)
    assert VALIDATORS[access_requests.TYPE].is_valid(json.loads(data(written)))
    again = access_requests.decode(data(written))
    assert access_requests.digest(again) == access_requests.digest(request)
    assert access_requests.document(again) == written
    assert (again.requested_at, again.subject_id, again.items, again.requester, again.activity) == (
        request.requested_at,
        request.subject_id,
        request.items,
        request.requester,
        request.activity,
    )


@modest
@given(valid(access_requests.TYPE))
def test_the_digests_content_is_written_in_sorted_order(document: Any) -> None:
    """Its bytes are those of sorted JSON, so that anybody can compute it."""
    found = content(access_requests.decode(data(document)))
    plain = json.loads(json.dumps(found))
    assert json.dumps(plain) == json.dumps(plain, sort_keys=True)


@pytest.mark.parametrize("type_", list(consent_events.MODELS))
def test_a_consent_event_written_again_is_the_same_event(type_: str) -> None:
    """Whatever the order of its keys and its way of saying nothing, fact and digest stay."""

    @modest
    @given(valid(type_), st.randoms(use_true_random=False))
    def run(document: Any, random: Any) -> None:
        first = consent_events.decode(type_, data(document), AT)
        names = list(document)
        random.shuffle(names)
        again = consent_events.decode(type_, data({name: document[name] for name in names}), AT)
        assert again == first
        assert consent_events.fact(type_, data(document), AT) == first.event

    run()


@st.composite
def mutated(draw: st.DrawFn, type_: str) -> Any:
    """A valid document changed at one place: a value replaced, a key renamed, taken out or added."""
    document = draw(valid(type_))
    place, key = draw(st.sampled_from(_places(document)))
    change = draw(st.sampled_from(("replace", "rename", "remove", "add")))
    if change == "replace" or isinstance(place, list):
        place[key] = draw(JSON_VALUES)
    elif change == "add":
        place[draw(st.text(max_size=12))] = draw(JSON_VALUES)
    else:
        value = place.pop(key)
        if change == "rename":
            place[draw(st.sampled_from((key + "s", key[:-1], key.upper(), "_" + key)))] = value
    return document


def _places(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]]
    if isinstance(value, dict):
        found = [(value, key) for key in value]
    elif isinstance(value, list):
        found = [(value, index) for index in range(len(value))]
    else:
        return []
    return [
        *found,
        *(
            each
            for inner in (value.values() if isinstance(value, dict) else value)
            for each in _places(inner)
        ),
    ]


@pytest.mark.parametrize("type_", INPUTS)
def test_what_its_schema_forbids_is_refused_with_the_contracts_own_field(type_: str) -> None:
    """A changed message is either still valid or refused by a typed error whose field the contract knows."""
    known = {*paths(MODELS[type_]), "consent_id, controller", "data", None}
    known |= {f"{path}[]" for path in paths(MODELS[type_])}

    @modest
    @given(mutated(type_))
    def run(sent: Any) -> None:
        error = outcome(lambda: read(MODELS[type_], data(sent)))
        assert error is not None or VALIDATORS[type_].is_valid(sent)
        assert error is None or error.field in known

    run()


@pytest.mark.parametrize("type_", INPUTS)
def test_changed_bytes_raise_nothing_but_typed_errors(type_: str) -> None:
    """Bytes overwritten, cut, doubled, at random: a message is read or rejected, nothing else happens."""

    @modest
    @given(valid(type_), st.lists(st.tuples(st.integers(0, 4000), st.binary(max_size=4)), max_size=4))
    def run(document: Any, edits: list[tuple[int, bytes]]) -> None:
        sent = data(document)
        for place, new in edits:
            cut = place % (len(sent) + 1)
            sent = sent[:cut] + new + sent[cut + 1 :]
        error = outcome(lambda: read(MODELS[type_], sent))
        assert error is None or error.cause in {"invalid", "unreadable"}

    run()


_HEADERS = st.lists(
    st.tuples(
        st.sampled_from(("ce_type", "ce_id", "ce_source", "ce_specversion", "content-type", "CE_TYPE", "x"))
        | st.text(max_size=6),
        st.none()
        | st.binary(max_size=8)
        | st.sampled_from((
            b"1.0", b"application/json", b"application/cloudevents+json", access_requests.TYPE.encode(),
            b"sekisho.consent.granted.v1", b"sekisho.access.requested.v2",
        )),
    ),
    max_size=6,
)  # fmt: skip


@settings(modest, max_examples=150)
@given(
    _HEADERS, st.none() | st.binary(max_size=8), st.none() | st.binary(max_size=40) | JSON_VALUES.map(data)
)
def test_no_kafka_message_raises_anything_but_typed_errors(
    headers: list[tuple[str, bytes | None]], key: bytes | None, value: bytes | None
) -> None:
    """Whatever headers, key and value: the gate gets a request, an event, or a rejection."""
    for error in (
        outcome(lambda: access_requests.receive(headers, key, value, largest=LARGEST)),
        outcome(lambda: consent_events.receive(headers, key, value, AT, largest=LARGEST)),
    ):
        assert error is None or (error.message.ja and error.message.en)


@modest
@given(mutated(access_requests.TYPE))
def test_an_unreadable_or_invalid_request_is_told_apart_by_its_id(sent: Any) -> None:
    """With a readable id there is somebody to answer; without there is not."""
    error = outcome(lambda: access_requests.decode(data(sent)))
    known = getattr(error, "readable", None)
    assert (known is not None) == (error is not None and error.cause == "invalid")
    assert known is None or known.request_id == sent["request_id"]
