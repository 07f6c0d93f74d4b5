"""The composition root of the ledger: settings become a database, keys, a publisher, lanes, and what is done beside them.

Apart from bootstrap.py, so that a gate loads nothing of PostgreSQL.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast

import mode

from sekisho.bootstrap import configure_logging, http_options, kafka_log, quiet_collector, serve
from sekisho.contracts.topics import ACCESS_DECISIONS, PROVISION_RECORDS, SOLICITATION_OUTCOMES
from sekisho.domain.vocabulary import RecordBasis, RecordMethod, values
from sekisho.ledger.ingest.clock import Clocks
from sekisho.ledger.ingest.limits import IngestLimits
from sekisho.ledger.ingest.report import LedgerReport
from sekisho.ledger.ingest.service import Duties, LedgerService, LedgerSetup, Publishing
from sekisho.ledger.ingest.shard import Source
from sekisho.ledger.ingest.topics import LedgerTopics
from sekisho.ledger.ingest.trim import Backups, Trimmer, TrimSetup
from sekisho.ledger.keeping.keeping import Keeping
from sekisho.ledger.keeping.service import PeriodicPurge
from sekisho.ledger.merkle.note import VerifierKey
from sekisho.ledger.publish import publisher as publishing_clocks
from sekisho.ledger.publish.files import PublishedTree
from sekisho.ledger.publish.finding import RecordFinder
from sekisho.ledger.publish.http import ReadOptions, ReadService
from sekisho.ledger.publish.key_history import KEYS
from sekisho.ledger.publish.keys import KeyPlaces, load_subject_key
from sekisho.ledger.publish.publisher import PUBLISHED, PublishSetup
from sekisho.ledger.publish.service import PublishService, Rhythm
from sekisho.ledger.store.connection import Connection, connect, row
from sekisho.log.port import Log, TopicDescription
from sekisho.settings import PREFIX, Settings, SettingsError
from sekisho.telemetry.health import Health
from sekisho.telemetry.http import HttpOptions, HttpService
from sekisho.telemetry.ledger import LedgerMetrics

CLOCKS: Final = Clocks(lambda: datetime.now(UTC), time.monotonic)
_LONGEST_PAUSE_S: Final = 30.0
_CONNECT_S: Final = 10.0
_POLL_MS: Final = 500
"""How long a lane waits in one fetch; it returns as soon as something is there."""
_STOP_S: Final = 60.0
_PUBLISH_STOP_S: Final = 30.0
_ANY_PERSON: Final = "SELECT 1 FROM payload WHERE subject_hmac IS NOT NULL LIMIT 1"
_ANY_SERVED: Final = "SELECT 1 FROM served LIMIT 1"


def ledger_topics(settings: Settings) -> LedgerTopics:
    """The full names of the topics that the ledger reads."""
    prefix = settings.topic.prefix
    specs = (PROVISION_RECORDS, SOLICITATION_OUTCOMES, ACCESS_DECISIONS)
    return LedgerTopics(*(spec.full_name(prefix) for spec in specs))


def ingest_limits(settings: Settings) -> IngestLimits:
    """The limits of ingestion as the settings have them."""
    ledger = settings.ledger
    return IngestLimits(
        batch_records=ledger.batch_records,
        batch_ms=ledger.batch_ms,
        poll_ms=_POLL_MS,
        clock_skew_seconds=ledger.clock_skew_seconds,
        retry_seconds=ledger.retry_seconds,
        retry_max_seconds=_LONGEST_PAUSE_S,
        statement_seconds=ledger.statement_seconds,
        connect_seconds=_CONNECT_S,
        check_seconds=settings.topic.check_seconds,
        max_lag_seconds=ledger.max_lag_seconds,
        max_checkpoint_age_seconds=ledger.max_lag_seconds + ledger.checkpoint_seconds,
        trim_seconds=ledger.trim_seconds,
        trim_safety_days=ledger.trim_safety_days,
        stop_seconds=_STOP_S,
    )


class LedgerProcess(mode.Service):
    """All of one ledger process: its HTTP server, so that its state can be asked for from the start, and the ledger.

    `url` is the database's, `folder` the ledger's: its keys and what it publishes.
    """

    def __init__(self, settings: Settings, url: str, folder: Path, log: Log, options: HttpOptions) -> None:
        super().__init__()
        self._settings = settings
        self._url = url
        self._folder = folder
        self._event_log = log
        self.health = Health()
        self.metrics = LedgerMetrics(values(RecordMethod), values(RecordBasis), self.health)
        self.report = LedgerReport(self.metrics, self.health, CLOCKS.steady)
        self.http = HttpService(options, self.metrics.exposition, self.health)
        self.ledger = LedgerService(log, self._setup(), self.report, self._duties())
        self.add_dependency(self.http)
        self.add_dependency(self.ledger)

    async def on_shutdown(self) -> None:
        """Closes the log after everything that used it has stopped."""
        await self._event_log.close()

    def _setup(self) -> LedgerSetup:
        settings = self._settings
        limits = ingest_limits(settings)
        return LedgerSetup(self._url, settings.ledger.origin, ledger_topics(settings), limits, CLOCKS)

    def _duties(self) -> Duties:
        return Duties(self._publishing, self._subject_key, self._trimmer, self._others)

    @property
    def _places(self) -> KeyPlaces:
        given = self._settings.ledger
        return KeyPlaces(self._folder / "keys", given.signing_key_file, given.subject_hmac_key_file)

    @property
    def _published(self) -> Path:
        return self._folder / PUBLISHED

    def _publishing(self) -> Publishing:
        given = self._settings.ledger
        setup = PublishSetup(
            origin=given.origin,
            folder=self._published,
            places=self._places,
            meta_seconds=given.meta_seconds,
            clock_skew_seconds=given.clock_skew_seconds,
        )
        clocks = publishing_clocks.Clocks(CLOCKS.wall, CLOCKS.steady)
        rhythm = Rhythm(given.checkpoint_seconds, given.retry_seconds, _PUBLISH_STOP_S)
        service = PublishService(self._connected, setup, clocks, self.report, rhythm)
        return cast("Publishing", service)  # mode has no types

    async def _connected(self) -> Connection:
        return await connect(
            self._url,
            "writer",
            application="sekisho publisher",
            statement_seconds=self._settings.ledger.statement_seconds,
        )

    async def _subject_key(self, conn: Connection) -> bytes:
        """Made only where nobody could be missed by a new one."""
        found = [
            await row(conn, query, doing="looking for pseudonyms") for query in (_ANY_PERSON, _ANY_SERVED)
        ]
        return load_subject_key(self._places, may_make=found == [None, None]).secret

    def _verifier_keys(self) -> Sequence[VerifierKey]:
        lines = (self._published / KEYS).read_text("ascii").splitlines()
        return [VerifierKey.from_text(line) for line in lines if line]

    def _trimmer(self, source: Source, topic: TopicDescription) -> Trimmer:
        folder = self._settings.ledger.backup_checkpoints
        setup = TrimSetup(
            log=self._event_log,
            url=self._url,
            limits=ingest_limits(self._settings),
            clocks=CLOCKS,
            keys=self._verifier_keys,
            backups=None if folder is None else Backups(folder, self._verifier_keys),
            trimmed=self.report.trimmed,
        )
        return Trimmer(setup, source, topic)

    def _others(self, publishing: Publishing) -> Sequence[Coroutine[Any, Any, None]]:
        given = self._settings.ledger
        keeping = Keeping(
            self._url,
            given.origin,
            given.clock_skew_seconds,
            publishing.publish_now,
            batch=given.purge_records,
        )
        purge = PeriodicPurge(keeping, given.purge_hours * 3600, self.metrics)
        return [purge.run(), self._read_endpoint()]

    async def _read_endpoint(self) -> None:
        """Tiles, checkpoints and proofs over HTTP, for as long as this process is the ledger."""
        given = self._settings.ledger
        finder = RecordFinder(lambda: connect(self._url, "reader", application="sekisho read endpoint"))
        options = ReadOptions(given.read_host, given.read_port)
        service = ReadService(options, PublishedTree(self._published), given.origin, finder.find)
        try:
            await service.start()
            await service.wait_until_stopped()
        finally:
            await service.stop()
            await finder.close()


def ledger_log(settings: Settings) -> Log:
    """The Kafka that the settings name. Raises SettingsError where they name none."""
    if settings.kafka.bootstrap is None:
        raise SettingsError([f"{PREFIX}KAFKA_BOOTSTRAP is not given; a ledger cannot run without it"])
    return kafka_log(settings, settings.kafka.bootstrap)


def ledger_service(settings: Settings, url: str, folder: Path, log: Log | None = None) -> LedgerProcess:
    """One ledger process as a service; `log` replaces the Kafka that the settings name. Raises SettingsError."""
    return LedgerProcess(settings, url, folder, log or ledger_log(settings), http_options(settings))


def run_ledger(settings: Settings, url: str, folder: Path, told_before: Sequence[int] = ()) -> int:
    """Runs one ledger until SIGTERM or SIGINT; gives the exit code: 0 stopped as told, 1 it failed."""
    configure_logging(settings, "ledger")
    return asyncio.run(_run(settings, url, folder, told_before))


async def _run(settings: Settings, url: str, folder: Path, told_before: Sequence[int]) -> int:
    service = ledger_service(settings, url, folder)
    quiet_collector()  # a batch makes thousands of objects and no cycles
    return await serve(service, told_before)
