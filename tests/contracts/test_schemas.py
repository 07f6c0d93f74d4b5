"""The schemas folder: generated, complete, with examples that hold; and an AsyncAPI document that is one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from sekisho.contracts import access_requests, consent_events, generate
from sekisho.contracts.asyncapi import asyncapi_document, message_name
from sekisho.contracts.fields import Input
from sekisho.contracts.json_schemas import json_schema
from sekisho.contracts.messages import MODELS
from sekisho.contracts.reading import paths, read, read_output
from sekisho.contracts.topics import GATE_TOPICS, TOPICS, TopicSpec
from sekisho.domain.events import Position

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"
EXAMPLES = sorted((SCHEMAS / "examples").glob("*/*.json"))


def loaded(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_folder_is_what_is_generated() -> None:
    """A changed model without its schema, page and AsyncAPI document fails here."""
    assert list(generate.differences(SCHEMAS, generate.generated(SCHEMAS))) == []


def test_check_shows_what_differs_and_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--check exits 1 with a diff on a changed, a missing and an orphaned file; writing mends all three."""
    folder = tmp_path / "schemas"
    shutil.copytree(SCHEMAS, folder)
    assert generate.main(["--check", str(folder)]) == 0
    assert capsys.readouterr().out == ""
    changed = folder / "topics" / "signals.md"
    changed.write_text(changed.read_text(encoding="utf-8").replace("signals", "sginals"), encoding="utf-8")
    (folder / "messages" / "sekisho.subject.status.v1.json").unlink()
    (folder / "messages" / "sekisho.no.more.v1.json").write_text("{}\n", encoding="utf-8")
    assert generate.main(["--check", str(folder)]) == 1
    shown = capsys.readouterr().out
    assert "-# sekisho-sginals" in shown
    assert "+++ messages/sekisho.subject.status.v1.json (generated)" in shown
    assert "--- messages/sekisho.no.more.v1.json" in shown
    assert generate.main([str(folder)]) == 0
    assert generate.main(["--check", str(folder)]) == 0


def test_every_message_of_the_contract_has_a_topic_a_schema_and_an_example() -> None:
    """No schema, type, page or example stands alone."""
    types = [type_ for topic in TOPICS for type_ in topic.types]
    assert sorted(types) == sorted(MODELS)
    assert {path.stem for path in (SCHEMAS / "messages").iterdir()} == set(MODELS)
    assert {path.parent.name for path in EXAMPLES} == set(MODELS)
    assert {path.stem for path in (SCHEMAS / "topics").iterdir()} == {topic.name for topic in TOPICS}
    assert {path.name for path in SCHEMAS.iterdir()} == {
        "README.md", "asyncapi.json", "examples", "messages", "topics",
    }  # fmt: skip


def test_the_types_are_the_contracts() -> None:
    """contract.md, Envelope: every type, by name."""
    assert sorted(MODELS) == sorted(
        [
            "sekisho.access.requested.v1", "sekisho.access.decided.v1", "sekisho.provision.recorded.v1",
            "sekisho.consent.granted.v1", "sekisho.consent.confirmed.v1", "sekisho.consent.withdrawn.v1",
            "sekisho.consent.refused.v1", "sekisho.suspension.ordered.v1", "sekisho.suspension.lifted.v1",
            "sekisho.optout.registered.v1", "sekisho.optout.cancelled.v1", "sekisho.subject.status.v1",
            "sekisho.list.requested.v1", "sekisho.list.decided.v1", "sekisho.solicitation.concluded.v1",
            "sekisho.rulebook.published.v1", "sekisho.event.rejected.v1", "sekisho.signal.raised.v1",
        ]
    )  # fmt: skip


@pytest.mark.parametrize("type_", MODELS)
def test_a_schema_is_one_of_its_dialect_and_closed_for_inputs(type_: str) -> None:
    """Draft 2020-12; inputs refuse unknown fields at every depth, outputs do not."""
    schema = loaded(SCHEMAS / "messages" / f"{type_}.json")
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    closed = {part.get("additionalProperties") is False for part in objects(schema)}
    assert closed == {issubclass(MODELS[type_], Input)}


def objects(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    yield from (each for each in schema.get("$defs", {}).values() if "properties" in each)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_an_example_follows_its_schema_and_is_read(path: Path) -> None:
    """Each example validates, is read, and written again says the same."""
    type_, example = path.parent.name, loaded(path)
    jsonschema.Draft202012Validator(json_schema(type_)).validate(example)
    model, sent = MODELS[type_], path.read_bytes()
    message = read(model, sent) if issubclass(model, Input) else read_output(model, sent)
    written = message.model_dump_json(by_alias=True).encode()
    assert (read(model, written) if issubclass(model, Input) else read_output(model, written)) == message
    if not issubclass(model, Input):
        assert set(json.loads(written)) == set(example), "an output's example shows every field"


@pytest.mark.parametrize("type_", [access_requests.TYPE, *consent_events.MODELS])
def test_the_gates_inputs_examples_reach_the_domain(type_: str) -> None:
    """What the pages show is what the rules judge."""
    for path in (SCHEMAS / "examples" / type_).iterdir():
        if type_ == access_requests.TYPE:
            assert access_requests.decode(path.read_bytes()).request_id == loaded(path)["request_id"]
        else:
            message = consent_events.decode(type_, path.read_bytes(), Position(0, 0))
            assert message.subject_id == loaded(path)["subject_id"]


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_a_topics_page_tells_all_of_it(topic: TopicSpec) -> None:
    """Description, producers, consumers, key, retention, versions, every field and every example."""
    page = (SCHEMAS / "topics" / f"{topic.name}.md").read_text(encoding="utf-8")
    for said in (topic.description, topic.producers, topic.consumers, topic.key, topic.kept, "| versions |"):
        assert said in page
    for type_ in topic.types:
        assert f"## {type_}\n" in page
        aliased = (path.replace("from_", "from") for path in paths(MODELS[type_]))
        assert [path for path in aliased if f"| `{path}` |" not in page] == []
        assert page.count("Example: ") == sum(path.parent.name in topic.types for path in EXAMPLES)


# AsyncAPI 3.0.0, as far as the document goes: which fields an object of the specification may and must have
ASYNCAPI = {
    "root": ({"asyncapi", "info"}, {"id", "defaultContentType", "channels", "operations", "components"}),
    "info": ({"title", "version"}, {"description", "license"}),
    "channel": (set(), {"address", "title", "summary", "description", "messages", "bindings"}),
    "operation": ({"action", "channel"}, {"summary", "messages", "bindings"}),
    "components": (set(), {"messages", "messageTraits", "schemas"}),
    "message": (
        set(), {"name", "title", "summary", "contentType", "traits", "payload", "bindings", "examples"},
    ),
    "example": (set(), {"name", "summary", "headers", "payload"}),
    "payload": ({"schemaFormat", "schema"}, set()),
    "channel binding": (set(), {"topic", "topicConfiguration", "bindingVersion"}),
    "topic configuration": (set(), {"cleanup.policy", "retention.ms", "retention.bytes"}),
    "message binding": (set(), {"key", "bindingVersion"}),
}  # fmt: skip


def shaped(kind: str, found: dict[str, Any]) -> None:
    must, may = ASYNCAPI[kind]
    assert must <= set(found) <= must | may, kind


def test_the_asyncapi_document_is_one() -> None:
    """AsyncAPI 3.0.0: its objects have the fields that the specification gives them, and the Kafka bindings theirs."""
    found = loaded(SCHEMAS / "asyncapi.json")
    shaped("root", found)
    shaped("info", found["info"])
    shaped("components", found["components"])
    assert found["asyncapi"] == "3.0.0"
    for channel in found["channels"].values():
        shaped("channel", channel)
        shaped("channel binding", channel["bindings"]["kafka"])
        shaped("topic configuration", channel["bindings"]["kafka"]["topicConfiguration"])
        assert channel["address"] == channel["bindings"]["kafka"]["topic"]
    for operation in found["operations"].values():
        shaped("operation", operation)
        assert operation["action"] in {"send", "receive"}
    for message in found["components"]["messages"].values():
        shaped("message", message)
        shaped("payload", message["payload"])
        shaped("message binding", message["bindings"]["kafka"])
        for example in message["examples"]:
            shaped("example", example)


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for name, inner in value.items():
            if name != "examples":
                yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_every_reference_of_the_asyncapi_document_resolves() -> None:
    """Within the document, and to the schema files beside it."""
    found = loaded(SCHEMAS / "asyncapi.json")
    all_of_them = list(references(found))
    assert all_of_them
    for reference in all_of_them:
        if reference.startswith("#/"):
            place = found
            for part in reference[2:].split("/"):
                place = place[part]
        else:
            assert (SCHEMAS / reference).is_file(), reference


def test_an_operations_messages_are_its_channels() -> None:
    """AsyncAPI 3.0.0: they must be a subset of the messages of the referenced channel, by reference into it."""
    found = loaded(SCHEMAS / "asyncapi.json")
    for operation in found["operations"].values():
        channel = operation["channel"]["$ref"]
        for message in operation["messages"]:
            assert message["$ref"].startswith(f"{channel}/messages/")


def test_directions_keys_and_retention_stand_in_the_asyncapi_document() -> None:
    """An input is received, an output sent; each channel tells key and what is kept."""
    found = asyncapi_document({})
    actions = {
        each["channel"]["$ref"].rpartition("/")[2]: each["action"] for each in found["operations"].values()
    }
    channels = list(found["channels"].items())
    for (name, channel), topic in zip(channels, TOPICS, strict=True):
        assert actions[name] == ("receive" if topic.direction == "in" else "send")
        assert topic.kept in channel["description"]
        assert f"Key: {topic.key}." in channel["description"]
        for type_ in topic.types:
            message = found["components"]["messages"][message_name(type_)]
            assert message["bindings"]["kafka"]["key"]["description"].startswith(topic.key)
    assert found["channels"]["rulebooks"]["bindings"]["kafka"]["topicConfiguration"] == {
        "cleanup.policy": ["compact"],
        "retention.ms": -1,
    }


def test_the_topics_are_the_contracts() -> None:
    """contract.md, Topics: names, directions and what is kept for ever."""
    assert [(each.full_name("sekisho-"), each.direction) for each in TOPICS] == [
        ("sekisho-access-requests", "in"), ("sekisho-consent-events", "in"), ("sekisho-access-decisions", "out"),
        ("sekisho-provision-records", "out"), ("sekisho-rejected-events", "out"), ("sekisho-list-requests", "in"),
        ("sekisho-list-decisions", "out"), ("sekisho-solicitation-outcomes", "in"), ("sekisho-signals", "out"),
        ("sekisho-rulebooks", "out"),
    ]  # fmt: skip
    assert [each.name for each in GATE_TOPICS] == [
        "access-requests", "consent-events", "access-decisions", "provision-records", "rejected-events",
    ]  # fmt: skip


DAY_MS = 24 * 60 * 60 * 1000


@pytest.mark.parametrize(
    ("name", "cleanup", "retention", "timestamps"),
    [
        ("access-requests", "delete", 3660 * DAY_MS, "LogAppendTime"),
        ("consent-events", "delete", -1, "LogAppendTime"),
        ("access-decisions", "delete", 3660 * DAY_MS, "CreateTime"),
        ("provision-records", "delete", -1, "CreateTime"),
        ("rejected-events", "delete", 3660 * DAY_MS, "CreateTime"),
        ("list-requests", "delete", 90 * DAY_MS, "LogAppendTime"),
        ("rulebooks", "compact", -1, "LogAppendTime"),
    ],
)
def test_a_topics_configuration_keeps_what_the_contract_keeps(
    name: str, cleanup: str, retention: int, timestamps: str
) -> None:
    """Ten years never end a day early; consents are never trimmed; inputs get the broker's time."""
    [topic] = [each for each in TOPICS if each.name == name]
    assert topic.configuration(audit_years=10) == {
        "cleanup.policy": cleanup,
        "retention.ms": str(retention),
        "retention.bytes": "-1",
        "message.timestamp.type": timestamps,
    }
    assert topic.compacted == (cleanup == "compact")
