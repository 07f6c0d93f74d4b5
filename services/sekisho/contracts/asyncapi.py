"""The AsyncAPI 3.0 document of the contract: channels, operations, messages, Kafka bindings (0.5.0).

It is written from a gate's neighbours' side as the application `Sekisho`: inputs are received, outputs are sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from sekisho.contracts.messages import MODELS
from sekisho.contracts.topics import AUDIT, TOPICS, TopicSpec

VERSION: Final = "1.0.0"
"""The contract's version: it may grow (minor), it may not break."""
PREFIX: Final = "sekisho-"
"""The topics' prefix where the setting SEKISHO_TOPIC_PREFIX says nothing else."""
SCHEMA_FORMAT: Final = "application/schema+json;version=draft-2020-12"
_BINDING: Final = "0.5.0"

Examples = Mapping[str, Sequence[tuple[str, Any]]]
"""By message type: the examples' names and data."""


def asyncapi_document(examples: Examples) -> dict[str, Any]:
    """The whole document."""
    return {
        "asyncapi": "3.0.0",
        "id": "urn:sekisho:contract",
        "info": {
            "title": "Sekisho",
            "version": VERSION,
            "description": "Access requests for savings and insurance data, consents, decisions with reasons and "
            "third-party-provision records. CloudEvents 1.0 over Kafka: binary mode is written, both modes are read. "
            f"Topic names begin with `{PREFIX}` unless a deployment's SEKISHO_TOPIC_PREFIX says otherwise.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {_camel(each.name): _channel(each) for each in TOPICS},
        "operations": {_operation_name(each): _operation(each) for each in TOPICS},
        "components": {
            "messages": {
                message_name(type_): _message(each, type_, examples.get(type_, ()))
                for each in TOPICS
                for type_ in each.types
            },
            "messageTraits": {"cloudEvent": {"headers": _headers()}},
        },
    }


def message_name(type_: str) -> str:
    """A type's name within the document: `sekisho.access.requested.v1` is `accessRequestedV1`."""
    return _camel(type_.removeprefix("sekisho.").replace(".", "-"))


def _camel(name: str) -> str:
    first, *rest = name.split("-")
    return first + "".join(part.capitalize() for part in rest)


def _channel(topic: TopicSpec) -> dict[str, Any]:
    partitions = (
        "All gate topics have the same number of partitions, checked at start, never changed; the partition is the "
        "murmur2 of the key modulo their number (Kafka's default; librdkafka: `partitioner=murmur2_random`)."
        if topic.gate
        else "The number of partitions is free."
    )
    return {
        "address": topic.full_name(PREFIX),
        "title": topic.full_name(PREFIX),
        "summary": topic.description,
        "description": f"Key: {topic.key}. Kept: {topic.kept}. {partitions}",
        "messages": {
            message_name(each): {"$ref": f"#/components/messages/{message_name(each)}"}
            for each in topic.types
        },
        "bindings": {
            "kafka": {
                "topic": topic.full_name(PREFIX),
                "topicConfiguration": _topic_configuration(topic),
                "bindingVersion": _BINDING,
            }
        },
    }


def _topic_configuration(topic: TopicSpec) -> dict[str, Any]:
    found: dict[str, Any] = {"cleanup.policy": [topic.cleanup_policy]}
    if topic.retention is None:
        found["retention.ms"] = -1
    elif topic.retention != AUDIT:  # the audit period is the deployment's
        found["retention.ms"] = topic.retention // timedelta(milliseconds=1)
    return found


def _operation_name(topic: TopicSpec) -> str:
    verb = "receive" if topic.direction == "in" else "send"
    name = _camel(topic.name)
    return f"{verb}{name[0].upper()}{name[1:]}"


def _operation(topic: TopicSpec) -> dict[str, Any]:
    channel = f"#/channels/{_camel(topic.name)}"
    return {
        "action": "receive" if topic.direction == "in" else "send",
        "channel": {"$ref": channel},
        "summary": topic.description,
        "messages": [{"$ref": f"{channel}/messages/{message_name(each)}"} for each in topic.types],
    }


def _message(topic: TopicSpec, type_: str, examples: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    return {
        "name": type_,
        "title": type_,
        "summary": (MODELS[type_].__doc__ or "").partition("\n")[0],
        "contentType": "application/json",
        "traits": [{"$ref": "#/components/messageTraits/cloudEvent"}],
        "payload": {
            "schemaFormat": SCHEMA_FORMAT,
            "schema": {"$ref": f"./messages/{type_}.json"},
        },
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": f"{topic.key}, UTF-8"},
                "bindingVersion": _BINDING,
            }
        },
        "examples": [{"name": name, "payload": data} for name, data in examples],
    }


def _headers() -> dict[str, Any]:
    text = {"type": "string", "minLength": 1}
    return {
        "type": "object",
        "description": "CloudEvents 1.0, Kafka protocol binding, binary content mode.",
        "required": ["ce_id", "ce_source", "ce_specversion", "ce_type"],
        "properties": {
            "ce_id": text,
            "ce_source": text,
            "ce_specversion": {"type": "string", "const": "1.0"},
            "ce_type": text,
            "ce_time": {"type": "string", "format": "date-time"},
            "content-type": {"type": "string", "const": "application/json"},
        },
    }
