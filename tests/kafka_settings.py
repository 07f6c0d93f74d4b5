"""How tests reach the broker that they share."""

from __future__ import annotations

from dataclasses import replace

from sekisho.log.kafka import KafkaConfig, KafkaSecurity

PLAINTEXT = KafkaSecurity(
    protocol="PLAINTEXT",
    ca_file=None,
    certificate_file=None,
    key_file=None,
    key_password=None,
    sasl_mechanism=None,
    username=None,
    password=None,
)


def kafka_config(bootstrap: str, client_id: str = "test") -> KafkaConfig:
    """As the settings' defaults have it, but for what would make tests slow."""
    return KafkaConfig(
        bootstrap=bootstrap,
        client_id=client_id,
        security=PLAINTEXT,
        request_timeout_ms=5_000,
        group_request_timeout_ms=15_000,
        retry_backoff_ms=100,
        call_timeout_s=30,
        commit_timeout_s=30,
        admin_timeout_s=30,
        stop_timeout_s=2,
        revoke_timeout_s=2,
        session_timeout_ms=6_000,
        heartbeat_interval_ms=500,
        rebalance_timeout_ms=6_000,
        max_poll_interval_ms=30_000,
        metadata_max_age_ms=2_000,
        transaction_timeout_ms=10_000,
        commit_backoff_s=0.003,
        max_batch_bytes=524_288,
        fetch_max_wait_ms=50,
        fetch_max_bytes=8_388_608,
        partition_fetch_max_bytes=1_048_576,
    )


def patient(bootstrap: str) -> KafkaConfig:
    """For a sender whose brokers are taken away: it waits until they are back, however slow the machine is."""
    return replace(kafka_config(bootstrap), call_timeout_s=180)
