"""What `demo` and `up` start on this machine: Kafka's jars with progress, limits, the rulebook of today, a gate's plan."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from sekisho.cli.screen import Screen
from sekisho.local.broker import BrokerLimits
from sekisho.local.jars import FetchLimits, FetchProgress, cache_folder, ensure_jars, missing_jars
from sekisho.local.lock import read_lock
from sekisho.local.ports import LOOPBACK
from sekisho.local.postgres import PostgresLimits
from sekisho.local.process import ProcessLimits
from sekisho.local.service import ServicePlan
from sekisho.rulebook import (
    LoadedRulebook,
    compile_sources,
    days_from_base,
    read_texts,
    sample_path,
    shift_days,
)
from sekisho.settings import Settings, child_environment

_TOKYO: Final = ZoneInfo("Asia/Tokyo")
_MB: Final = 1_000_000


def jars(settings: Settings, screen: Screen) -> Sequence[Path]:
    """Kafka's jars, fetched with progress if they are not in the cache. Raises KafkaUnavailableError."""
    lock = read_lock()
    local = settings.local
    if missing_jars(lock, local.cache):
        screen.text(
            f"Fetching Kafka {lock.version} ({lock.size / _MB:.0f} MB, once) into {cache_folder(local.cache, lock)}"
        )
    return ensure_jars(
        lock,
        local.cache,
        FetchLimits(local.fetch_answer_seconds, local.fetch_lock_seconds),
        on_progress=_Progress(screen),
    )


class _Progress:
    """How far the fetch is: one line that changes on a terminal, else a line every ten jars."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def __call__(self, at: FetchProgress) -> None:
        said = f"  {at.jars}/{at.jars_total} files, {at.bytes / _MB:.0f} of {at.bytes_total / _MB:.0f} MB"
        last = at.jars == at.jars_total
        if self._screen.is_terminal:
            sys.stdout.write(f"\r{said}" + ("\n" if last else ""))
            sys.stdout.flush()
        elif last or at.jars % 10 == 0:
            self._screen.line(said)


def process_limits(settings: Settings) -> ProcessLimits:
    """How long a broker or a gate may take to start and to stop."""
    return ProcessLimits(settings.local.start_seconds, settings.local.stop_seconds)


def broker_limits(settings: Settings) -> BrokerLimits:
    """The same for the broker, with its heap and its ports."""
    return BrokerLimits(process_limits(settings), settings.local.heap, settings.local.port_attempts)


def postgres_limits(settings: Settings) -> PostgresLimits:
    """The same for the embedded PostgreSQL."""
    return PostgresLimits(process_limits(settings), settings.local.port_attempts)


class World(NamedTuple):
    """The sample world moved to today: by how many days, and its rulebook."""

    days: int
    rulebook: LoadedRulebook


def world_of_today() -> World:
    """The sample rulebook with its base day moved to today (Asia/Tokyo)."""
    texts = read_texts(sample_path())
    days = days_from_base(texts, datetime.now(UTC).astimezone(_TOKYO).date())
    return World(days, compile_sources(shift_days(texts, days) if days else texts))


def write_rulebook(rulebook: LoadedRulebook, folder: Path) -> Path:
    """The rulebook's sources as files, for a gate to read."""
    for name, text in rulebook.texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


class GateHome(NamedTuple):
    """What gates on this machine share: where Kafka is, their rulebook, the key, where their state goes."""

    bootstrap: str
    rulebook: Path
    hmac_key: str
    state: Path

    def variables(self) -> dict[str, str]:
        """As settings."""
        return {
            "SEKISHO_KAFKA_BOOTSTRAP": self.bootstrap,
            "SEKISHO_RULEBOOK": str(self.rulebook),
            "SEKISHO_PAYLOAD_HMAC_KEY": self.hmac_key,
        }


def gate_plan(name: str, home: GateHome, port: int, variables: dict[str, str]) -> ServicePlan:
    """One gate process of that name (also its instance), whose HTTP server listens on `port` of the loopback interface."""
    environment = child_environment(
        {
            **home.variables(),
            "SEKISHO_INSTANCE": name,
            "SEKISHO_STATE_DIRECTORY": str(home.state),
            "SEKISHO_HTTP_HOST": LOOPBACK,
            "SEKISHO_HTTP_PORT": str(port),
            **variables,
        }
    )
    return ServicePlan(name, ("gate",), environment, LOOPBACK, port)


LEDGER: Final = "ledger"
"""The ledger service's name, among the processes of `up` and of the demo."""


def ledger_plan(
    home: GateHome, database_url: str, folder: Path, port: int, variables: dict[str, str]
) -> ServicePlan:
    """The ledger process on that PostgreSQL, with its keys and what it publishes in `folder`."""
    environment = child_environment(
        {
            **home.variables(),
            "SEKISHO_INSTANCE": LEDGER,
            "SEKISHO_DATABASE_URL": database_url,
            "SEKISHO_LEDGER_DIRECTORY": str(folder),
            "SEKISHO_HTTP_HOST": LOOPBACK,
            "SEKISHO_HTTP_PORT": str(port),
            **variables,
        }
    )
    return ServicePlan(LEDGER, ("ledger",), environment, LOOPBACK, port)
