"""How to reach a Kafka and how long to wait for it: plain values, and what both client libraries are told of them.

The defaults and their reasons stand in `sekisho.settings`.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import Any

from aiokafka.helpers import create_ssl_context

from sekisho.log.port import LogError

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
SASL_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


class KafkaSecurityError(LogError):
    """The TLS or SASL settings for Kafka cannot work as they are."""


@dataclass(frozen=True)
class KafkaSecurity:
    """TLS and SASL. Files are PEM paths; what does not apply is None."""

    protocol: str
    ca_file: str | None
    certificate_file: str | None
    key_file: str | None
    key_password: str | None = field(repr=False)
    sasl_mechanism: str | None
    username: str | None
    password: str | None = field(repr=False)

    def __post_init__(self) -> None:
        if self.protocol not in PROTOCOLS:
            raise KafkaSecurityError(
                f"security protocol {self.protocol!r}: use one of {', '.join(PROTOCOLS)}"
            )
        if self.uses_sasl and self.sasl_mechanism not in SASL_MECHANISMS:
            known = ", ".join(SASL_MECHANISMS)
            raise KafkaSecurityError(f"SASL mechanism {self.sasl_mechanism!r}: use one of {known}")
        if self.uses_sasl and not (self.username and self.password):
            raise KafkaSecurityError(f"{self.protocol} needs a user name and a password")

    @property
    def uses_sasl(self) -> bool:
        return self.protocol.startswith("SASL_")

    @property
    def uses_tls(self) -> bool:
        return self.protocol.endswith("SSL")

    def ssl_context(self) -> ssl.SSLContext | None:
        """The TLS context, host names checked; None without TLS. Raises KafkaSecurityError for files that do not do."""
        if not self.uses_tls:
            return None
        try:
            context: ssl.SSLContext = create_ssl_context(
                cafile=self.ca_file,
                certfile=self.certificate_file,
                keyfile=self.key_file,
                password=self.key_password,
            )
        except OSError as error:  # ssl.SSLError is one
            files = [name for name in (self.ca_file, self.certificate_file, self.key_file) if name]
            raise KafkaSecurityError(f"cannot load the TLS files {', '.join(files)}: {error}") from error
        return context

    def for_aiokafka(self) -> dict[str, Any]:
        """aiokafka's keyword arguments."""
        known: dict[str, Any] = {"security_protocol": self.protocol, "ssl_context": self.ssl_context()}
        if self.uses_sasl:
            known["sasl_mechanism"] = self.sasl_mechanism
            known["sasl_plain_username"] = self.username
            known["sasl_plain_password"] = self.password
        return known

    def for_confluent(self) -> dict[str, Any]:
        """librdkafka's configuration properties."""
        known: dict[str, Any] = {"security.protocol": self.protocol.lower()}
        if self.uses_tls:
            known["ssl.ca.location"] = self.ca_file
            known["ssl.certificate.location"] = self.certificate_file
            known["ssl.key.location"] = self.key_file
            known["ssl.key.password"] = self.key_password
        if self.uses_sasl:
            known["sasl.mechanism"] = self.sasl_mechanism
            known["sasl.username"] = self.username
            known["sasl.password"] = self.password
        return {name: value for name, value in known.items() if value is not None}


@dataclass(frozen=True)
class KafkaConfig:
    """One cluster and the limits of every call to it. Units stand in the names."""

    bootstrap: str  # "host:port", several separated by commas
    client_id: str
    security: KafkaSecurity

    request_timeout_ms: int  # one request to a broker
    group_request_timeout_ms: (
        int  # one of a group's member: a join is answered only when the rebalance has ended
    )
    retry_backoff_ms: int
    call_timeout_s: float  # one call of the port, its retries included
    commit_timeout_s: float  # after it a commit is unknown
    admin_timeout_s: float  # one request of administration, which waits for all brokers
    stop_timeout_s: float  # after it what is left is cut off
    revoke_timeout_s: float  # what a listener gets to let its partitions go

    session_timeout_ms: int
    heartbeat_interval_ms: int
    rebalance_timeout_ms: int
    max_poll_interval_ms: int
    metadata_max_age_ms: int  # how soon another number of partitions is seen

    transaction_timeout_ms: int
    commit_backoff_s: float  # see client_backoffs.lower_commit_backoff
    max_batch_bytes: int
    fetch_max_wait_ms: int
    fetch_max_bytes: int
    partition_fetch_max_bytes: int

    def connection(self, purpose: str) -> dict[str, Any]:
        """What every aiokafka client of this cluster is told."""
        return {
            "bootstrap_servers": self.bootstrap.split(","),
            "client_id": f"{self.client_id}-{purpose}",
            "request_timeout_ms": self.request_timeout_ms,
            "retry_backoff_ms": self.retry_backoff_ms,
            "metadata_max_age_ms": self.metadata_max_age_ms,
            **self.security.for_aiokafka(),
        }

    def producer(self) -> dict[str, Any]:
        """A producer's part beside that."""
        return {"max_batch_size": self.max_batch_bytes, "acks": "all", "enable_idempotence": True}

    def consumer(self, *, committed: bool) -> dict[str, Any]:
        """A consumer's part beside that. Never an automatic reset (`latest` jumps to the end with nothing read [M])."""
        return {
            "auto_offset_reset": "none",
            "enable_auto_commit": False,
            "isolation_level": "read_committed" if committed else "read_uncommitted",
            "fetch_max_wait_ms": self.fetch_max_wait_ms,
            "fetch_max_bytes": self.fetch_max_bytes,
            "max_partition_fetch_bytes": self.partition_fetch_max_bytes,
        }

    def member(self, group: str) -> dict[str, Any]:
        """A group member's part beside that."""
        return {
            "group_id": group,
            "request_timeout_ms": self.group_request_timeout_ms,
            "session_timeout_ms": self.session_timeout_ms,
            "heartbeat_interval_ms": self.heartbeat_interval_ms,
            "rebalance_timeout_ms": self.rebalance_timeout_ms,
            "max_poll_interval_ms": self.max_poll_interval_ms,
        }

    def admin(self) -> dict[str, Any]:
        """librdkafka's configuration for administration."""
        return {
            "bootstrap.servers": self.bootstrap,
            "client.id": f"{self.client_id}-admin",
            "socket.timeout.ms": self.request_timeout_ms,
            **self.security.for_confluent(),
        }
