"""Administration through confluent-kafka (aiokafka's own client knows no topic ids [S]), in threads, every call bounded."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from confluent_kafka import (
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # its own way of exporting
    AdminClient,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from sekisho.log.kafka_config import KafkaConfig
from sekisho.log.kafka_errors import diagnosis
from sekisho.log.port import (
    LogError,
    MissingTopicError,
    Partition,
    TopicDescription,
    TopicExistsError,
    UnavailableError,
)

T = TypeVar("T")
POLL_S = 0.05  # between two looks whether a creation or deletion has reached the brokers

_UNREACHABLE = {
    KafkaError._TRANSPORT,
    KafkaError._TIMED_OUT,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._AUTHENTICATION,
    KafkaError.REQUEST_TIMED_OUT,
}


def topic_id(told: str) -> str:
    """A topic's id in Kafka's own form (Base64, URL-safe, unpadded): librdkafka tells it with `+` and `/`.

    It stands in the names of logs, keys and folders, which have no plus, and a slash only between their parts.
    """
    return told.replace("+", "-").replace("/", "_").rstrip("=")


class KafkaAdmin:
    """Topics and groups of one cluster. Connects at the first call."""

    def __init__(self, config: KafkaConfig) -> None:
        self._config = config
        self._client: AdminClient | None = None

    async def describe(self, topics: Sequence[str]) -> Mapping[str, TopicDescription]:
        """Those that exist, with ids and configuration."""
        if not topics:
            return {}
        found = await self._ask(self._describe_topics, topics)
        configs = await self._ask(self._describe_configs, sorted(found)) if found else {}
        return {
            name: TopicDescription(
                name,
                topic_id(str(topic.topic_id)),
                len(topic.partitions),
                configs[name],
                min(len(partition.replicas) for partition in topic.partitions),
            )
            for name, topic in found.items()
            if name in configs
        }

    async def create(self, topic: str, partitions: int, replication: int, config: Mapping[str, str]) -> None:
        """Returns when the topic can be seen. Raises TopicExistsError."""
        new = NewTopic(topic, num_partitions=partitions, replication_factor=replication, config=dict(config))
        await self._ask(lambda client: _answers(client.create_topics([new], **self._limits(operation=True))))
        await self._until_described(topic, there=True)

    async def delete(self, topic: str) -> None:
        """Returns when the topic cannot be seen any more. Raises MissingTopicError."""
        await self._ask(
            lambda client: _answers(client.delete_topics([topic], **self._limits(operation=True)))
        )
        await self._until_described(topic, there=False)

    async def delete_records(self, at: Partition, before: int) -> None:
        position = TopicPartition(at.topic, at.partition, before)
        await self._ask(
            lambda client: _answers(client.delete_records([position], **self._limits(operation=True)))
        )

    async def delete_group(self, group: str) -> None:
        """Forgets a group without members, its offsets with it; one that is not there is forgotten already."""
        await self._ask(lambda client: _answers(client.delete_consumer_groups([group], **self._limits())))

    async def _until_described(self, topic: str, *, there: bool) -> None:
        deadline = time.monotonic() + self._config.admin_timeout_s
        while (topic in await self.describe([topic])) is not there:
            if time.monotonic() > deadline:
                state = "created" if there else "deleted"
                raise UnavailableError(f"topic {topic} was {state}, but the brokers do not show it yet")
            await asyncio.sleep(POLL_S)

    def _describe_topics(self, client: AdminClient, topics: Sequence[str]) -> dict[str, Any]:
        asked = client.describe_topics(TopicCollection(list(topics)), **self._limits())
        return _existing(asked)

    def _describe_configs(self, client: AdminClient, topics: Sequence[str]) -> dict[str, dict[str, str]]:
        resources = [ConfigResource(ResourceType.TOPIC, name) for name in topics]
        asked = client.describe_configs(resources, **self._limits())
        found = _existing({resource.name: answer for resource, answer in asked.items()})
        return {
            name: {key: entry.value for key, entry in entries.items() if entry.value is not None}
            for name, entries in found.items()
        }

    def _limits(self, *, operation: bool = False) -> dict[str, float]:
        seconds = self._config.admin_timeout_s
        return {"request_timeout": seconds, **({"operation_timeout": seconds} if operation else {})}

    async def _ask(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """Runs a blocking call in a thread; its own time-out ends it, this one is the last resort."""
        try:
            async with asyncio.timeout(2 * self._config.admin_timeout_s):
                return await _in_thread(lambda: call(self._reached(), *arguments))
        except TimeoutError as error:
            raise UnavailableError(f"administration: {await diagnosis(self._config)}") from error
        except KafkaException as error:
            raise await self._translated(error) from error

    def _connected(self) -> AdminClient:
        if self._client is None:
            self._client = AdminClient(
                self._config.admin(), logger=logging.getLogger("sekisho.log.librdkafka")
            )
        return self._client

    def _reached(self) -> AdminClient:
        """The client, once a broker has answered: what waits for all brokers may take long, whether one is there may not
        (a wrong address was told after 31 s)."""
        client = self._connected()
        client.describe_cluster(request_timeout=self._config.request_timeout_ms / 1000).result()
        return client

    async def _translated(self, error: KafkaException) -> LogError:
        cause: KafkaError = error.args[0]
        if cause.code() in _UNREACHABLE:
            return UnavailableError(f"administration: {await diagnosis(self._config)}")
        known = {
            KafkaError.TOPIC_ALREADY_EXISTS: TopicExistsError,
            KafkaError.UNKNOWN_TOPIC_OR_PART: MissingTopicError,
        }
        return known.get(cause.code(), LogError)(f"administration: {cause.str()}")


async def _in_thread(call: Callable[[], T]) -> T:
    """Like `asyncio.to_thread`, in a thread that the end of the process does not wait for: a gate that was told to stop
    while its broker was away took 22 s longer, until an administration request's time was over [M]."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[T] = loop.create_future()

    def tell(result: T | None, error: BaseException | None) -> None:
        if found.done():
            return  # nobody waits for it any more
        if error is not None:
            found.set_exception(error)
        else:
            found.set_result(result)  # type: ignore[arg-type]  # None only if T is

    def run() -> None:
        try:
            told: tuple[T | None, BaseException | None] = (call(), None)
        except Exception as error:  # noqa: BLE001  whoever waits gets it
            told = (None, error)
        with contextlib.suppress(RuntimeError):  # the loop is closed: the process ends
            loop.call_soon_threadsafe(tell, *told)

    threading.Thread(target=run, name="kafka-admin", daemon=True).start()
    return await found


def _answers(asked: Mapping[Any, Future[Any]]) -> None:
    """Waits for the answers (the requests' own time-outs bound them). Raises the first failure."""
    for answer in asked.values():
        try:
            answer.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.GROUP_ID_NOT_FOUND:
                raise


def _existing(asked: Mapping[str, Future[Any]]) -> dict[str, Any]:
    """The answers of those that are there."""
    found = {}
    for name, answer in asked.items():
        try:
            found[name] = answer.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise
    return found
