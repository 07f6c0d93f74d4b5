"""aiokafka's errors in the port's words, time-outs around every call, and what is wrong when no broker answers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import aiokafka.errors as kafka

from sekisho.log.kafka_config import KafkaConfig
from sekisho.log.port import (
    FencedError,
    LogError,
    MissingTopicError,
    SendError,
    TooLargeError,
    UnavailableError,
)

PROBE_TIMEOUT_S = 2.0  # only for the text of an error that is certain already

_FENCED = (kafka.ProducerFenced, kafka.InvalidProducerEpoch)
_TOO_LARGE = (kafka.MessageSizeTooLargeError, kafka.RecordListTooLargeError)
_FORBIDDEN = (
    kafka.TopicAuthorizationFailedError,
    kafka.GroupAuthorizationFailedError,
    kafka.ClusterAuthorizationFailedError,
    kafka.TransactionalIdAuthorizationFailed,
)


def translated(error: BaseException, what: str) -> LogError:
    """The port's error for one of aiokafka's; `what` says what was being done."""
    text = f"{what}: {error!r}"
    if isinstance(error, _FENCED):
        return FencedError(
            f"{what}: another owner of the transactional id took over, or its transaction timed out"
        )
    if isinstance(error, _TOO_LARGE):
        return TooLargeError(f"{what}: larger than the topic or the broker takes (max.message.bytes)")
    if isinstance(error, kafka.UnknownTopicOrPartitionError):
        return MissingTopicError(
            f"{what}: there is no such topic or partition; `sekisho topics create` makes it"
        )
    if isinstance(error, _FORBIDDEN):
        return LogError(f"{text}: this client's user is not allowed to; grant it with an ACL")
    return UnavailableError(text)


def translated_send(error: BaseException, what: str) -> LogError:
    """Like `translated`, where anything else is a failed send."""
    found = translated(error, what)
    return SendError(str(found)) if type(found) in (UnavailableError, LogError, MissingTopicError) else found


@contextlib.asynccontextmanager
async def bounded(what: str, timeout_s: float) -> AsyncIterator[None]:
    """Ends what is inside after the time-out (UnavailableError) and translates aiokafka's errors."""
    try:
        async with asyncio.timeout(timeout_s):
            yield
    except TimeoutError as error:
        raise UnavailableError(f"{what}: no answer within {timeout_s} s") from error
    except kafka.KafkaError as error:
        raise translated(error, what) from error


@contextlib.asynccontextmanager
async def connecting(config: KafkaConfig, what: str) -> AsyncIterator[None]:
    """Like `bounded`, for a client's start: a failure says what is wrong with the connection and what to do."""
    try:
        async with asyncio.timeout(config.call_timeout_s):
            yield
    except (TimeoutError, kafka.KafkaConnectionError, kafka.AuthenticationFailedError) as error:
        raise UnavailableError(f"{what}: {await diagnosis(config)}") from error
    except kafka.KafkaError as error:
        raise translated(error, what) from error


async def diagnosis(config: KafkaConfig) -> str:
    """Tries each bootstrap address by plain TCP; says which answer what, and what to look at."""
    found = [f"{address} {await _probe(address.strip())}" for address in config.bootstrap.split(",")]
    return (
        f"no Kafka could be reached with security protocol {config.security.protocol}: {'; '.join(found)}. "
        "Check SEKISHO_KAFKA_BOOTSTRAP, that the broker runs, and the TLS and SASL settings"
    )


async def _probe(address: str) -> str:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        return "is not host:port"
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    except TimeoutError:
        return "does not answer"
    except OSError as error:
        return f"refuses ({error.strerror or error})"
    writer.close()
    return "takes TCP connections, but a Kafka does not answer there in this way (protocol, TLS, user or coordinator)"
