"""Log lines: one JSON object each, from our code and the libraries' alike, and never a person in them."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import mode
import pytest
import structlog
from pydantic import BaseModel, ValidationError

from sekisho.telemetry.logging import LogOptions, configure
from sekisho.telemetry.privacy import error_keys, is_personal, pseudonym

KEY = b"0123456789abcdef0123456789abcdef"
PERSON = "C-000001"


class Model(BaseModel):
    """A message as pydantic reads it."""

    count: int = 0


Lines = Callable[[], list[dict[str, Any]]]
Setup = Callable[..., Lines]


@pytest.fixture
def setup() -> Iterator[Setup]:
    """Configures logging into memory and gives the lines; what was configured before comes back at the end."""
    root, ours = logging.getLogger(), logging.getLogger("sekisho")
    before = ([*root.handlers], root.level, ours.level)

    def start(pseudonym_key: bytes | None = None, form: str = "json", level: str = "INFO") -> Lines:
        stream = io.StringIO()
        configure(LogOptions(level, "WARNING", form, pseudonym_key), "gate", "gate-1", stream)
        return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]

    yield start
    structlog.reset_defaults()
    logging.captureWarnings(False)
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])


@pytest.fixture
def lines(setup: Setup) -> Lines:
    """The lines of this test, without pseudonyms."""
    return setup()


def logger() -> Any:
    """A logger as our modules have it."""
    return structlog.get_logger("sekisho.gate.lane")


def test_a_line_is_one_json_object_with_its_origin(lines: Lines) -> None:
    """Event, keys, level, time, service and instance; Japanese stays readable."""
    logger().info("lane_taken", lane=3, seconds=0.25, why="復元")
    (line,) = lines()
    assert datetime.fromisoformat(line.pop("at")).tzinfo == UTC
    assert line == {
        "event": "lane_taken", "lane": 3, "seconds": 0.25, "why": "復元", "level": "info", "service": "gate", "instance": "gate-1",
    }  # fmt: skip


@pytest.mark.parametrize(
    "key",
    [
        "subject", "subject_id", "subjects", "key", "record_key", "payload", "value", "body", "data", "headers", "name", "list_name",
        "address", "phone", "birth_date", "representative", "operator", "authenticated_operator", "branch", "guardian",
        "evidence", "document", "statement", "requester", "recipient", "counterparty", "request_id", "event_id", "consent_id",
        "list_id", "sasl_password", "payload_hmac_key", "subjectId", "Subject-Id", "SUBJECT",
    ],
)  # fmt: skip
def test_personal_keys_are_withheld_and_the_line_says_so(lines: Lines, key: str) -> None:
    """Keys that name persons, contents, secrets or ids that upstream chose never show their value."""
    logger().info("decided", **{key: PERSON})
    (line,) = lines()
    assert PERSON not in json.dumps(line)
    assert line["withheld"] == [key]


@pytest.mark.parametrize(
    "key",
    [
        "lane",
        "partition",
        "topic",
        "offset",
        "decision_id",
        "record_id",
        "reason",
        "effect",
        "rulebook_digest",
        "requests",
    ],
)
def test_what_an_operator_needs_is_shown(lines: Lines, key: str) -> None:
    """Positions, derived ids, codes and counts pass."""
    logger().info("decided", **{key: "x"})
    assert lines()[0][key] == "x"


def test_a_measure_of_something_personal_is_no_person(lines: Lines) -> None:
    """A number under a key that ends as a measure is shown; a text under it is not."""
    logger().info("read", payload_bytes=12, subject_count=PERSON)
    (line,) = lines()
    assert line["payload_bytes"] == 12
    assert "subject_count" not in line


def test_personal_keys_are_found_at_any_depth(lines: Lines) -> None:
    """Mappings and lists inside a value are gone through."""
    logger().info("decided", asked={"by": [{"subject": {"id": PERSON}, "lane": 1}]})
    (line,) = lines()
    assert line["asked"] == {"by": [{"lane": 1}]}
    assert line["withheld"] == ["subject"]


def test_what_lies_too_deep_is_told_by_its_type(lines: Lines) -> None:
    """The guard does not follow endless nesting, and shows nothing of what it did not go through."""
    deep: dict[str, Any] = {"lane": PERSON}
    for _ in range(6):
        deep = {"next": deep}
    logger().info("decided", deep=deep)
    assert PERSON not in json.dumps(lines()[0])


@pytest.mark.parametrize("value", [PERSON.encode(), bytearray(PERSON.encode()), object(), Model()])
def test_values_that_are_not_plain_are_told_by_their_type(lines: Lines, value: object) -> None:
    """Bytes, models and other objects could hold anything."""
    logger().info("decided", thing=value)
    assert lines()[0]["thing"] == f"<{type(value).__name__}>"


def test_long_texts_are_cut(lines: Lines) -> None:
    """A text that is as long as a message is no key's value."""
    logger().info("decided", why="x" * 2000)
    assert lines()[0]["why"] == "x" * 500 + "… (2000 characters)"


@pytest.mark.parametrize("event", [f"decided for {PERSON}", "Decided", "", "took 3 s", "x" * 81])
def test_an_event_name_that_was_put_together_is_withheld(lines: Lines, event: str) -> None:
    """Event names are constants in small letters; anything else could carry an id."""
    logger().info(event, lane=1)
    (line,) = lines()
    assert (line["event"], line["withheld"], line["lane"]) == ("unnamed_event", ["event"], 1)


def test_a_pseudonym_stands_for_a_person_where_asked_for(setup: Setup) -> None:
    """With a key, the same person gets the same digits, another gets others, and the id itself is not there."""
    lines = setup(KEY)
    for person in (PERSON, PERSON, "C-000002"):
        logger().info("decided", subject_id=person)
    first, second, third = (line["subject_id_hmac"] for line in lines())
    assert first == second == pseudonym(KEY, PERSON)
    assert first != third
    assert PERSON not in json.dumps(lines())


def test_pseudonyms_depend_on_the_key() -> None:
    """Without the key a number cannot be tried out."""
    assert pseudonym(KEY, PERSON) != pseudonym(KEY[::-1], PERSON)


def test_an_error_is_told_by_type_and_place_without_its_data(lines: Lines) -> None:
    """KeyError and its like quote what they failed on; the line tells where, not what."""
    try:
        dict[str, int]()[PERSON]
    except KeyError:
        logger().exception("turn_failed", lane=1)
    (line,) = lines()
    assert line["error"] == "KeyError: (text withheld)"
    assert any("test_logging.py:" in place for place in line["error_at"])
    assert PERSON not in json.dumps(line)


def test_a_validation_error_does_not_show_its_input(lines: Lines) -> None:
    """pydantic writes the wrong input into its text; it stays out, also as a cause."""
    try:
        try:
            Model.model_validate({"count": PERSON})
        except ValidationError as error:
            raise OSError("the disk is full") from error
    except OSError:
        logger().exception("turn_failed")
    (line,) = lines()
    assert line["error"] == "OSError: the disk is full"
    assert line["error_causes"] == ["ValidationError: (text withheld)"]
    assert PERSON not in json.dumps(line)


def test_parts_of_a_group_of_errors_are_told() -> None:
    """A task group's error names what failed inside."""
    keys = error_keys(ExceptionGroup("tasks", [OSError("no route"), ValueError(PERSON)]))
    assert keys["error_parts"] == ["OSError: no route", "ValueError: (text withheld)"]


def test_an_error_as_a_value_is_told_likewise(lines: Lines) -> None:
    """An exception handed over as a key is no way around."""
    logger().warning("retry", cause=ValueError(PERSON), other=TimeoutError("no answer"))
    (line,) = lines()
    assert (line["cause"], line["other"]) == ("ValueError: (text withheld)", "TimeoutError: no answer")


@pytest.mark.parametrize("key", ["error", "exception", "exc", "failure"])
def test_an_errors_repr_is_no_way_around(setup: Setup, key: str) -> None:
    """A text under such a key is withheld, with a pseudonym's key as well; the error itself is told safely."""
    lines = setup(KEY)
    logger().error("request_defect", **{key: repr(KeyError(PERSON))})
    logger().error("request_defect", **{key: KeyError(PERSON)})
    withheld, told = lines()
    assert PERSON not in json.dumps(lines())
    assert (withheld["withheld"], f"{key}_hmac" in withheld) == ([key], False)
    assert told[key] == "KeyError: (text withheld)"


def test_an_error_handed_over_is_told_with_its_place(lines: Lines) -> None:
    """exc_info=error tells where it was raised, wherever the line is written."""
    try:
        raise OSError("no route")
    except OSError as error:
        caught = error
    logger().error("turn_failed", exc_info=caught)
    (line,) = lines()
    assert line["error"] == "OSError: no route"
    assert "test_an_error_handed_over" in line["error_at"][-1]


def test_library_lines_go_the_same_way(lines: Lines) -> None:
    """aiokafka's lines are JSON too, with their logger, and arguments of unknown types told by type."""
    logging.getLogger("aiokafka.consumer").warning(
        "Joined %s at %d: %r, %s", "gate", 7, ValueError(PERSON), object()
    )
    (line,) = lines()
    assert (line["event"], line["level"], line["logger"]) == ("library", "warning", "aiokafka.consumer")
    assert line["text"] == "Joined gate at 7: 'ValueError: (text withheld)', <object>"
    assert line["service"] == "gate"


def test_a_library_line_that_cannot_be_filled_is_still_written(lines: Lines) -> None:
    """%d of an object that is told by its type does not lose the line."""
    logging.getLogger("aiokafka").error("at %d", Decimal(3))
    assert lines()[0]["text"] == "at %d ('<Decimal>',)"


def test_a_forgotten_task_does_not_show_its_errors_data(lines: Lines) -> None:
    """asyncio puts the failed task's repr, and so its error's text, into the message."""
    text = f"Task exception was never retrieved\nfuture: <Task exception=ValueError('{PERSON}')>"
    logging.getLogger("asyncio").error(text, exc_info=ValueError(PERSON))
    (line,) = lines()
    assert line["text"] == "Task exception was never retrieved"
    assert line["error"] == "ValueError: (text withheld)"


def test_quiet_libraries_and_our_own_level(setup: Setup) -> None:
    """Our lines have their level, the libraries' theirs."""
    lines = setup(level="DEBUG")
    logging.getLogger("aiokafka").info("chatter")
    logger().debug("detail")
    assert [line["event"] for line in lines()] == ["detail"]


def test_warnings_become_lines(lines: Lines) -> None:
    """A library's DeprecationWarning does not stand as bare text among JSON lines."""
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old call", UserWarning, stacklevel=1)
    assert "old call" in lines()[0]["text"]


async def test_a_mode_service_does_not_take_over_logging(lines: Lines) -> None:
    """Starting, crashing and stopping a service leaves our one handler in place, and its lines go through it."""

    class Failing(mode.Service):
        async def on_start(self) -> None:
            self.add_future(self.fail())

        async def fail(self) -> None:
            raise ValueError(PERSON)

    handlers = [*logging.getLogger().handlers]
    service = Failing()
    await service.start()
    await service.wait()
    await service.stop()
    assert logging.getLogger().handlers == handlers
    assert [line["error"] for line in lines() if "error" in line] == ["ValueError: (text withheld)"]
    assert PERSON not in json.dumps(lines())


def test_configuring_twice_does_not_write_twice(setup: Setup) -> None:
    """The second call replaces the first."""
    first, second = setup(), setup()
    logger().info("once")
    assert (len(first()), len(second())) == (0, 1)


def test_the_console_form_is_guarded_as_well(setup: Setup) -> None:
    """For eyes or for machines: the guard stands before the renderer; no colours into a file."""
    stream = io.StringIO()
    configure(LogOptions("INFO", "WARNING", "console", None), "gate", "gate-1", stream)
    logger().info("decided", subject_id=PERSON, lane=3)
    text = stream.getvalue()
    assert "decided" in text
    assert "lane=3" in text
    assert PERSON not in text
    assert "\x1b" not in text


def test_keys_are_judged_by_their_words() -> None:
    """A word inside of another word is not that word."""
    assert is_personal("subject.id", "x")
    assert not is_personal("hostname", "x")
    assert not is_personal("monkey", "x")
    assert not is_personal("database", "x")


def test_paths_and_times_are_plain(lines: Lines) -> None:
    """What is plain is written as text."""
    logger().info("opened", folder=Path("/state/lane"), when=datetime(2026, 11, 21, tzinfo=UTC), lanes={2, 1})
    (line,) = lines()
    assert (line["folder"], line["when"], line["lanes"]) == (
        "/state/lane",
        "2026-11-21 00:00:00+00:00",
        [1, 2],
    )
