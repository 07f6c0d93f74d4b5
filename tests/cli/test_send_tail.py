"""`sekisho send` and `sekisho tail` on the in-memory log: what is sent where, and how it is shown."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from cli.conftest import Run
from sekisho.cli import connection
from sekisho.cli.connection import topic_plan
from sekisho.contracts.routing import partition_of
from sekisho.log.memory import MemoryConfig, MemoryLog
from sekisho.log.port import Outgoing
from sekisho.log.topics import create_topics
from sekisho.settings import Settings

Write = Callable[..., str]


@pytest.fixture
def log(run: Run, monkeypatch: pytest.MonkeyPatch) -> MemoryLog:
    """The log that every command of the test talks to, with its topics."""
    found = MemoryLog(
        MemoryConfig(max_batch_bytes=524_288, transaction_timeout_ms=10_000, rebalance_timeout_s=5),
        lambda: int(time.time() * 1000),
    )
    asyncio.run(create_topics(found, topic_plan(Settings.from_environment({}))))
    monkeypatch.setattr(connection, "open_log", lambda settings, bootstrap: found)
    monkeypatch.setenv("SEKISHO_KAFKA_BOOTSTRAP", "memory:1")
    return found


@pytest.mark.usefixtures("log")
def test_events_and_bare_requests_go_to_their_topics_and_partitions(
    run: Run, write: Write, document: dict[str, Any]
) -> None:
    """A person's messages lie in the partition of murmur2; what was sent where is told, one line each."""
    path = write(document["events"][0], document["request"])
    result = run("send", path, "--json")
    assert result.exit_code == 0
    event, request = (json.loads(line) for line in result.stdout.splitlines())
    right = partition_of("C-000001", 4)
    assert (event["topic"], event["partition"], event["offset"], event["key"]) == (
        "sekisho-consent-events", right, 0, "C-000001",
    )  # fmt: skip
    assert (request["topic"], request["partition"], request["id"]) == (
        "sekisho-access-requests",
        right,
        "R-1",
    )
    assert request["line"] == 2


@pytest.mark.usefixtures("log")
def test_nothing_is_sent_if_one_document_is_invalid_and_its_line_is_told(
    run: Run, write: Write, document: dict[str, Any]
) -> None:
    """All are validated before the first is sent; --force sends them all the same."""
    wrong = {**document["request"], "anticipated_purpose": []}
    path = write(document["request"], wrong)
    result = run("send", path)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert f'{path}:2: "anticipated_purpose"' in result.stderr
    assert "anticipated_purposes" in result.stderr
    assert run("tail", "requests", "--no-follow", "--json").stdout == ""
    forced = run("send", path, "--force")
    assert forced.exit_code == 0
    assert len(run("tail", "requests", "--no-follow", "--json").stdout.splitlines()) == 2


@pytest.mark.usefixtures("log")
def test_the_line_of_a_field_in_yaml_is_told(run: Run, write: Write) -> None:
    """In YAML the field's own line is named, not only the document's."""
    text = "type: sekisho.consent.withdrawn.v1\ndata:\n  event_id: E\n  subject_id: C\n  consent_id: CS\n  withdrawn_at: 2026-01-01T10:00:00\n"
    path = write(text, name="event.yaml")
    result = run("send", path)
    assert result.exit_code == 1
    assert f"{path}:6: The time in withdrawn_at has no time zone." in result.stderr


@pytest.mark.usefixtures("log")
def test_an_unknown_type_and_a_broken_file_are_told(run: Run, write: Write) -> None:
    """A type that no gate reads is a finding (exit 1); what is no JSON at all is wrong usage (exit 2)."""
    unknown = run("send", write({"type": "sekisho.consent.given.v1", "data": {}}))
    assert unknown.exit_code == 1
    assert 'no gate reads the type "sekisho.consent.given.v1"' in unknown.stderr
    path = write({"a": 1}, '{"b": ', name="broken.jsonl")
    broken = run("send", path)
    assert broken.exit_code == 2
    assert f"{path}:2: not readable as JSON" in broken.stderr
    empty = run("send", "-", stdin="")
    assert empty.exit_code == 2
    assert "no document" in empty.stderr


@pytest.mark.usefixtures("log")
def test_tail_shows_committed_messages_in_words_and_as_json(
    run: Run, write: Write, document: dict[str, Any]
) -> None:
    """In words a request says who asks for what; as JSON it is the message with its position."""
    run("send", write(document["events"][0], document["request"]))
    words = run("tail", "requests", "--no-follow").stdout
    assert "operator op-0123" in words
    assert "savings.maturity_date" in words
    (shown,) = (
        json.loads(line)
        for line in run("tail", "access-requests", "--no-follow", "--json").stdout.splitlines()
    )
    assert shown["data"] == document["request"]
    assert shown["type"] == "sekisho.access.requested.v1"
    assert "consent.granted" in run("tail", "consents", "--no-follow").stdout


@pytest.mark.usefixtures("log")
def test_tail_begins_where_it_is_told_and_ends_after_max(
    run: Run, write: Write, document: dict[str, Any]
) -> None:
    """--last, --from-beginning, --from P:O and --max choose; --max ends a following tail."""
    requests = [{**document["request"], "request_id": f"R-{number}"} for number in range(30)]
    run("send", write(*requests))
    at = partition_of("C-000001", 4)

    def ids(*options: str) -> list[str]:
        lines = run("tail", "requests", "--json", *options).stdout.splitlines()
        return [json.loads(line)["data"]["request_id"] for line in lines]

    assert ids("--no-follow") == [f"R-{number}" for number in range(20, 30)]
    assert len(ids("--no-follow", "--from-beginning")) == 30
    assert ids("--max", "2", "--from", f"{at}:5") == ["R-5", "R-6"]
    assert ids("--no-follow", "--last", "1") == ["R-29"]
    assert ids("--no-follow", "--last", "0") == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tail", "decision"], 'no topic "decision"'),
        (["tail", "decisions", "--from", "x"], "PARTITION:OFFSET"),
        (["tail", "decisions", "--from", "9:0"], "partitions 0 to 3"),
        (["tail", "decisions", "--from", "0:7"], "has the offsets"),
    ],
)
@pytest.mark.usefixtures("log")
def test_wrong_usage_of_tail_is_told(run: Run, arguments: list[str], said: str) -> None:
    """What is there is listed; exit 2."""
    result = run(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr


def test_tail_shows_what_is_not_readable_as_such(run: Run, log: MemoryLog) -> None:
    """A message that is no JSON is shown by its size, and in JSON by its bytes."""

    async def send() -> None:
        writer = log.writer()
        await writer.start()
        await writer.send("sekisho-access-requests", Outgoing(b"C", b"\xff{"), 0)
        await writer.stop()

    asyncio.run(send())
    assert "not readable: 2 bytes" in run("tail", "requests", "--no-follow").stdout
    (shown,) = run("tail", "requests", "--no-follow", "--json").stdout.splitlines()
    assert json.loads(shown)["value_base64"] == "/3s="


def test_a_missing_topic_says_what_makes_it(run: Run, log: MemoryLog) -> None:
    """The error names the topic and the command that creates it."""
    asyncio.run(log.delete("sekisho-provision-records"))
    result = run("tail", "records", "--no-follow")
    assert result.exit_code == 1
    assert "sekisho-provision-records" in result.stderr
    assert "sekisho topics create" in result.stderr


def test_topics_are_created_checked_and_their_faults_told(run: Run, log: MemoryLog) -> None:
    """create makes what is missing, check finds nothing then; another partition count is found (exit 1)."""
    asyncio.run(log.delete("sekisho-provision-records"))
    assert run("topics", "check").exit_code == 1
    created = run("topics", "create", "--json")
    assert created.exit_code == 0
    assert json.loads(created.stdout) == {"created": ["sekisho-provision-records"], "findings": []}
    assert "as they must be" in run("topics", "check").stdout
    asyncio.run(log.delete("sekisho-provision-records"))
    asyncio.run(log.create("sekisho-provision-records", 3, 1, {}))
    found = run("topics", "check", "--json")
    assert found.exit_code == 1
    assert "topic.partitions" in [each["code"] for each in json.loads(found.stdout)["findings"]]


def test_without_a_kafka_the_ways_out_are_told(
    run: Run, write: Write, document: dict[str, Any], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No setting and nothing up: the message names `sekisho up` and the variable; exit 2."""
    monkeypatch.setenv("SEKISHO_STATE_DIRECTORY", str(tmp_path))
    result = run("send", write(document["request"]))
    assert result.exit_code == 2
    assert "sekisho up" in result.stderr
    assert "SEKISHO_KAFKA_BOOTSTRAP" in result.stderr
