"""Fetches Kafka's jars into the cache now, so that no later start needs the network: `make fetch`."""

# ruff: noqa: T201  (it talks to a person)
from __future__ import annotations

import sys

from sekisho.local.jars import (
    FetchLimits,
    FetchProgress,
    KafkaUnavailableError,
    cache_folder,
    ensure_jars,
)
from sekisho.local.lock import read_lock
from sekisho.settings import Settings, SettingsError


def show(progress: FetchProgress) -> None:
    """One line in place on a terminal, else a line for every tenth jar."""
    text = f"Kafka: {progress.jars} of {progress.jars_total} jars, {progress.bytes / 1e6:.0f} of {progress.bytes_total / 1e6:.0f} MB"
    if sys.stdout.isatty():
        print(f"\r{text}", end="\n" if progress.jars == progress.jars_total else "", flush=True)
    elif progress.jars % 10 == 0 or progress.jars == progress.jars_total:
        print(text, flush=True)


def main() -> int:
    """Fetch what is missing; exit 0 when all jars are there and are the locked ones."""
    lock = read_lock()
    try:
        local = Settings.from_environment().local
        limits = FetchLimits(local.fetch_answer_seconds, local.fetch_lock_seconds)
        ensure_jars(lock, local.cache, limits, on_progress=show)
    except (SettingsError, KafkaUnavailableError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Kafka {lock.version} is complete in {cache_folder(local.cache, lock)}; starts need no network")
    return 0


if __name__ == "__main__":
    sys.exit(main())
