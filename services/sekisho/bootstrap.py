"""The composition root of the services: settings become a log, a rulebook, metrics, and the tree of `mode` services."""

from __future__ import annotations

import asyncio
import gc
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import mode
import structlog

from sekisho import __version__
from sekisho.contracts.shared_models import Engine
from sekisho.contracts.topics import TopicNames
from sekisho.domain import vocabulary
from sekisho.gate.clock import Clocks
from sekisho.gate.limits import GateLimits
from sekisho.gate.remedies import Remedies
from sekisho.gate.report import Report
from sekisho.gate.service import GateService, GateSetup
from sekisho.log.kafka import KafkaConfig, KafkaLog, KafkaSecurity
from sekisho.log.port import Log
from sekisho.log.topics import Copies
from sekisho.rulebook import LoadedRulebook, load
from sekisho.settings import Settings
from sekisho.telemetry.health import Health
from sekisho.telemetry.http import HttpOptions, HttpService
from sekisho.telemetry.logging import LogOptions, configure
from sekisho.telemetry.metrics import GateMetrics, Vocabulary

_log = structlog.get_logger(__name__)
DECISION_FORMAT: Final = 1
"""Of the decisions that this engine writes; it goes on reproducing every earlier one."""
CLOCKS: Final = Clocks(time.time, time.monotonic)
_COLLECT_AFTER: Final = (20_000, 10, 1_000)
"""Python's thresholds of garbage collection, by generation: see `quiet_collector`."""


def make_log(settings: Settings) -> Log:
    """The Kafka that the settings name. Raises SettingsError where they name none."""
    return kafka_log(settings, settings.for_gate().bootstrap)


def kafka_log(settings: Settings, bootstrap: str) -> Log:
    """The Kafka at an address, reached as the settings say. Opens nothing yet."""
    kafka, gate = settings.kafka, settings.gate
    return KafkaLog(
        KafkaConfig(
            bootstrap=bootstrap,
            client_id=f"{kafka.client_id}-{settings.instance}",
            security=_security(settings),
            request_timeout_ms=_ms(kafka.request_seconds),
            group_request_timeout_ms=_ms(kafka.group_request_seconds),
            retry_backoff_ms=kafka.retry_backoff_ms,
            call_timeout_s=kafka.call_seconds,
            commit_timeout_s=kafka.commit_seconds,
            admin_timeout_s=kafka.admin_seconds,
            stop_timeout_s=gate.lane_loss_seconds,
            revoke_timeout_s=gate.lane_loss_seconds * 2,
            session_timeout_ms=_ms(kafka.session_seconds),
            heartbeat_interval_ms=_ms(kafka.heartbeat_seconds),
            rebalance_timeout_ms=_ms(kafka.rebalance_seconds),
            max_poll_interval_ms=_ms(kafka.max_poll_seconds),
            metadata_max_age_ms=_ms(kafka.metadata_seconds),
            transaction_timeout_ms=_ms(kafka.transaction_seconds),
            commit_backoff_s=kafka.transaction_backoff_ms / 1000,
            max_batch_bytes=kafka.max_batch_bytes,
            fetch_max_wait_ms=kafka.fetch_wait_ms,
            fetch_max_bytes=kafka.fetch_bytes * settings.topic.partitions,
            partition_fetch_max_bytes=kafka.fetch_bytes,
        )
    )


def _security(settings: Settings) -> KafkaSecurity:
    kafka = settings.kafka

    def text(path: Path | None) -> str | None:
        return None if path is None else str(path)

    return KafkaSecurity(
        protocol=kafka.security_protocol,
        ca_file=text(kafka.ssl_ca_file),
        certificate_file=text(kafka.ssl_certificate_file),
        key_file=text(kafka.ssl_key_file),
        key_password=None if kafka.ssl_key_password is None else kafka.ssl_key_password.get_secret_value(),
        sasl_mechanism=kafka.sasl_mechanism,
        username=kafka.sasl_username,
        password=None if kafka.sasl_password is None else kafka.sasl_password.get_secret_value(),
    )


def load_rulebook(settings: Settings) -> LoadedRulebook:
    """The rulebook that the settings name. Raises SettingsError, RulebookError, OSError."""
    return load(settings.for_gate().rulebook)


def gate_limits(settings: Settings) -> GateLimits:
    """The gate's limits as the settings have them."""
    gate, kafka = settings.gate, settings.kafka
    return GateLimits(
        turn_records=gate.turn_requests,
        turn_bytes=gate.turn_bytes,
        turn_seconds=gate.turn_seconds,
        turn_attempts=gate.turn_attempts,
        freshness_seconds=gate.freshness_seconds,
        catch_up_seconds=gate.catch_up_seconds,
        lose_seconds=gate.lane_loss_seconds,
        call_seconds=kafka.call_seconds,
        restore_seconds=gate.lane_restore_seconds,
        poll_ms=kafka.fetch_wait_ms,
        backoff_seconds=gate.lane_backoff_seconds,
        backoff_max_seconds=gate.lane_backoff_max_seconds,
        check_seconds=settings.topic.check_seconds,
        clock_seconds=gate.clock_skew_seconds,
        duplicate_window_seconds=gate.duplicate_window_days * 86_400,
        cleanup_seconds=gate.cleanup_seconds,
        value_bytes=gate.max_value_bytes,
        output_bytes=gate.max_output_bytes,
        subject_events=gate.max_events_per_subject,
    )


def gate_setup(settings: Settings, loaded: LoadedRulebook) -> GateSetup:
    """One gate process as the settings describe it. Raises SettingsError."""
    return GateSetup(
        names=TopicNames.prefixed(settings.topic.prefix),
        partitions=settings.topic.partitions,
        prefix=settings.topic.prefix,
        folder=settings.state.directory / "gate" / settings.topic.prefix / settings.instance,
        hmac_key=settings.for_gate().payload_hmac_key,
        rulebook=loaded,
        engine=Engine(__version__, DECISION_FORMAT),
        limits=gate_limits(settings),
        clocks=CLOCKS,
        startup_seconds=settings.kafka.startup_seconds,
        stop_seconds=settings.gate.stop_seconds,
        copies=Copies(settings.topic.replication, settings.topic.min_insync_replicas),
    )


def gate_vocabulary(loaded: LoadedRulebook, partitions: int) -> Vocabulary:
    """The label values of a gate's metrics."""
    return Vocabulary(
        effects=vocabulary.values(vocabulary.Effect),
        actions=vocabulary.values(vocabulary.Action),
        reasons={code for code, _ in loaded.book.reasons},
        causes=vocabulary.values(vocabulary.RejectionCause),
        methods=vocabulary.values(vocabulary.RecordMethod),
        bases=vocabulary.values(vocabulary.RecordBasis),
        partitions=partitions,
    )


class GateProcess(mode.Service):
    """All of one gate process: its HTTP server, so that its state can be asked for from the start, and the gate."""

    def __init__(self, log: Log, setup: GateSetup, options: HttpOptions) -> None:
        super().__init__()
        self._event_log = log
        self.health = Health()
        self.metrics = GateMetrics(gate_vocabulary(setup.rulebook, setup.partitions), self.health)
        book = setup.rulebook.book
        self.metrics.set_build(setup.engine.version, book.version, book.digest)
        self.http = HttpService(options, self.metrics.exposition, self.health)
        self.gate = GateService(log, setup, Report(self.metrics, self.health, setup.clocks.wall))
        self.add_dependency(self.http)
        self.add_dependency(self.gate)

    async def on_shutdown(self) -> None:
        """Closes the log after everything that used it has stopped."""
        await self._event_log.close()


def gate_service(settings: Settings, log: Log | None = None) -> GateProcess:
    """One gate process as a service; `log` replaces the Kafka that the settings name.

    Raises SettingsError, RulebookError, OSError: what is missing or wrong is told before anything is opened.
    """
    loaded = load_rulebook(settings)
    return GateProcess(log or make_log(settings), gate_setup(settings, loaded), http_options(settings))


def http_options(settings: Settings) -> HttpOptions:
    """The server of metrics and readiness as the settings have it."""
    http = settings.http
    return HttpOptions(
        host=http.host,
        port=http.port,
        request_seconds=http.request_seconds,
        max_header_bytes=http.max_header_bytes,
        max_connections=http.max_connections,
    )


def gate_remedies(settings: Settings, log: Log) -> Remedies:
    """What an operator may do to a gate that stands still. Raises SettingsError."""
    prefix = settings.topic.prefix
    return Remedies(
        log=log,
        names=TopicNames.prefixed(settings.topic.prefix),
        group=f"{prefix}gate",
        transactional_prefix=f"{prefix}remedy-",
        hmac_key=settings.for_gate().payload_hmac_key,
        limits=gate_limits(settings),
        clocks=CLOCKS,
    )


def configure_logging(settings: Settings, service: str) -> None:
    """Log lines as the settings want them."""
    key = settings.payload_hmac_key if settings.log.pseudonyms else None
    secret = None if key is None else key.get_secret_value().encode()
    log = settings.log
    options = LogOptions(log.level, log.library_level, log.format, secret, log.library_repeat_seconds)
    configure(options, service, settings.instance)


def quiet_collector() -> None:
    """Has the garbage collector stop no turn for long. For the whole process; call it once all is loaded.

    What is loaded (modules, the rulebook) is never looked at again: a full collection took 70 ms of it, in the midst of
    a turn, and collecting 5 to 10 % of a turn's time. A lane's 20,000 cached consent events still take 60 ms, so full
    ones come after some thousand turns, not after ten: the gate makes next to no cycles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)


def run_gate(settings: Settings, told_before: Sequence[int] = ()) -> int:
    """Runs one gate until SIGTERM or SIGINT; gives the exit code: 0 stopped as told, 1 it failed.

    `told_before`: signals that came before it listened for them itself; one of them stops it as well.
    """
    configure_logging(settings, "gate")
    return asyncio.run(serve(gate_service(settings), told_before))


async def serve(service: mode.Service, told_before: Sequence[int] = ()) -> int:
    """Runs a service until SIGTERM or SIGINT; gives the exit code."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    if told_before:
        told.set()
    try:
        return await _until_told(service, told)
    finally:
        await service.stop()


async def _until_told(service: mode.Service, told: asyncio.Event) -> int:
    quiet_collector()  # before lanes are taken: what is frozen with one would be kept beyond its life
    waiting = asyncio.create_task(told.wait())
    starting = asyncio.create_task(_started(service))
    await asyncio.wait({waiting, starting}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
    elif not starting.result():
        waiting.cancel()
        return 1
    ended = asyncio.create_task(service.wait_until_stopped())
    await asyncio.wait({waiting, ended}, return_when=asyncio.FIRST_COMPLETED)
    ended.cancel()
    waiting.cancel()
    return 1 if service.crashed else 0


async def _started(service: mode.Service) -> bool:
    try:
        await service.start()
    except Exception as error:  # noqa: BLE001  told once, in the log; the exit code tells the supervisor
        _log.error("service_not_started", error=error)
        return False
    return True


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
