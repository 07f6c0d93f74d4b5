"""The log port's contract: topics, their identity and their trimming."""

from __future__ import annotations

import pytest

from log.bench import Bench, read
from sekisho.log.port import MissingTopicError, Outgoing, Partition, TopicExistsError


async def test_a_topic_is_described_as_it_was_made(bench: Bench) -> None:
    """Partition count and configuration come back; what does not exist is left out."""
    topic = await bench.topic("made", partitions=3, retention_ms="-1", message_timestamp_type="LogAppendTime")
    found = await bench.log.describe([topic, bench.name("nowhere")])
    assert list(found) == [topic]
    assert (found[topic].name, found[topic].partitions) == (topic, 3)
    assert found[topic].config["retention.ms"] == "-1"
    assert found[topic].config["message.timestamp.type"] == "LogAppendTime"


async def test_a_topic_cannot_be_made_twice(bench: Bench) -> None:
    """The second creation raises TopicExistsError and changes nothing."""
    topic = await bench.topic(partitions=2)
    with pytest.raises(TopicExistsError):
        await bench.log.create(topic, 5, 1, {})
    assert (await bench.log.describe([topic]))[topic].partitions == 2


async def test_a_topic_made_anew_has_another_id(bench: Bench) -> None:
    """Deleted and created again under the same name, a topic is empty and has a new id."""
    topic = await bench.topic()
    at = Partition(topic, 0)
    writer = await bench.plain_writer()
    await writer.send(topic, Outgoing(b"k", b"v"), 0)
    before = (await bench.log.describe([topic]))[topic].id
    await bench.log.delete(topic)
    assert await bench.log.describe([topic]) == {}
    await bench.log.create(topic, 1, 1, {})
    after = (await bench.log.describe([topic]))[topic].id
    assert before
    assert after
    assert before != after
    assert await (await bench.reader(at)).high_watermark(at) == 0


async def test_deleting_what_is_not_there_says_so(bench: Bench) -> None:
    """A topic that does not exist is a MissingTopicError."""
    with pytest.raises(MissingTopicError):
        await bench.log.delete(bench.name("nowhere"))


async def test_trimming_moves_the_start_and_keeps_the_rest(bench: Bench) -> None:
    """delete_records drops what stands before an offset; later offsets keep their numbers."""
    at = Partition(await bench.topic(), 0)
    writer = await bench.plain_writer()
    for number in range(4):
        await writer.send(at.topic, Outgoing(b"k", f"v{number}".encode()), 0)
    await bench.log.delete_records(at, 2)
    reader = await bench.reader(at)
    assert await reader.start_offset(at) == 2
    assert [(r.offset, r.value) for r in await read(reader, at, 2)] == [(2, b"v2"), (3, b"v3")]
