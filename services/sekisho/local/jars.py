"""The jars of a local Kafka: fetched once into a cache folder, each checked against the lock before every start.

jgo downloads straight into its repository, where an interrupted download looks complete, and checks no SHA-256 (runtime.md). So
each jar is downloaded into a folder of its own, its sum is checked there, and only then it is moved to its place.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sekisho.local.exclusive import HeldElsewhereError, exclusive
from sekisho.local.lock import Jar, KafkaLock

DOWNLOADS_PER_JAR = 2
"""A jar that comes with a wrong sum is fetched anew once, then refused."""

_WAYS_OUT = (
    "Connect this machine to the network once (the jars are kept), or use a Kafka that runs elsewhere: "
    "SEKISHO_KAFKA_BOOTSTRAP=host:port. Without any Kafka, `sekisho demo --in-memory` works; nothing is durable there."
)


class KafkaUnavailableError(Exception):
    """There is no Kafka to start: not in the cache, and not to be fetched. The text says the ways out."""

    def __init__(self, what: str) -> None:
        super().__init__(f"Kafka cannot be had: {what}\n{_WAYS_OUT}")


class JarSumError(KafkaUnavailableError):
    """A jar has another SHA-256 than the lock says, also after it was fetched anew. It is not used."""

    def __init__(self, jar: Jar, found: str) -> None:
        super().__init__(
            f"{jar.filename} came with SHA-256 {found}, the lock says {jar.sha256}; it is not used. "
            "Something between here and the repository changes files."
        )


@dataclass(frozen=True)
class FetchProgress:
    """How far a fetch is: the jar just fetched, jars and bytes done, jars and bytes in all."""

    filename: str
    jars: int
    jars_total: int
    bytes: int
    bytes_total: int


Download = Callable[[Jar, Path], Path]
"""Fetches one jar into an empty folder and returns its path; raises OSError or RuntimeError where it cannot."""

OnProgress = Callable[[FetchProgress], None]


@dataclass(frozen=True)
class FetchLimits:
    """`answer_seconds`: the longest wait for the repository's next answer; `lock_seconds`: for another process's fetch."""

    answer_seconds: int
    lock_seconds: float


def cache_folder(cache_dir: Path, lock: KafkaLock) -> Path:
    """Where the jars of this lock lie, inside the cache folder."""
    return cache_dir / f"kafka-{lock.version}"


def sum_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_good(jar: Jar, path: Path) -> bool:
    """Whether this file is the jar, byte for byte. A missing or shortened file is not."""
    return path.is_file() and path.stat().st_size == jar.size and sum_of(path) == jar.sha256


def missing_jars(lock: KafkaLock, cache_dir: Path) -> tuple[Jar, ...]:
    """The jars of the lock that are not in the cache, or are not what the lock says."""
    folder = cache_folder(cache_dir, lock)
    return tuple(jar for jar in lock.jars if not is_good(jar, folder / jar.filename))


def jgo_download(answer_seconds: int) -> Download:
    """A download through jgo's pure-Python Maven client, with its own set-up of repositories."""

    def download(jar: Jar, into: Path) -> Path:
        # jgo takes a third of a second to import and is an optional dependency: most commands never need it
        try:
            from jgo.maven import MavenContext, PythonResolver
        except ImportError as error:
            raise KafkaUnavailableError(
                "the package `jgo` is not installed (`pip install 'sekisho[local]'`)."
            ) from error
        context = MavenContext(resolver=PythonResolver(), repo_cache=into, timeout=answer_seconds)
        group, name, version = jar.coordinate.split(":")
        return Path(context.project(group, name).at_version(version).artifact().resolve())

    return download


def _root(error: BaseException) -> str:
    """What an error began with: HTTP clients wrap "no such host" in many layers."""
    while error.__context__ is not None:
        error = error.__context__
    return f"{type(error).__name__}: {error}"


def _fetch_jar(jar: Jar, folder: Path, download: Download) -> None:
    """Download one jar, check it, move it to its place in one step. Raises KafkaUnavailableError."""
    found = ""
    for _ in range(DOWNLOADS_PER_JAR):
        with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as staging:
            try:
                path = download(jar, Path(staging))
            except (OSError, RuntimeError) as error:
                raise KafkaUnavailableError(
                    f"{jar.filename} could not be fetched ({_root(error)})."
                ) from error
            found = sum_of(path)
            if found == jar.sha256:
                os.replace(path, folder / jar.filename)
                return
    raise JarSumError(jar, found)


def _fetch_missing(lock: KafkaLock, cache_dir: Path, download: Download, on_progress: OnProgress) -> None:
    folder = cache_folder(cache_dir, lock)
    missing = missing_jars(lock, cache_dir)
    done = len(lock.jars) - len(missing)
    size = lock.size - sum(jar.size for jar in missing)
    for number, jar in enumerate(missing, start=done + 1):
        _fetch_jar(jar, folder, download)
        size += jar.size
        on_progress(FetchProgress(jar.filename, number, len(lock.jars), size, lock.size))


def ensure_jars(
    lock: KafkaLock,
    cache_dir: Path,
    limits: FetchLimits,
    *,
    download: Download | None = None,
    on_progress: OnProgress = lambda _: None,
) -> tuple[Path, ...]:
    """The paths of all jars of the lock, every sum checked now; what is missing or damaged is fetched.

    Needs the network only for what is missing. Safe against other processes that do the same in the same cache.
    Raises KafkaUnavailableError (JarSumError where a fetched jar is not the locked one).
    """
    folder = cache_folder(cache_dir, lock)
    if missing_jars(lock, cache_dir):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with exclusive(folder / ".lock", limits.lock_seconds):
                _fetch_missing(lock, cache_dir, download or jgo_download(limits.answer_seconds), on_progress)
        except HeldElsewhereError as error:
            raise KafkaUnavailableError(
                f"another process is fetching it and does not get done ({error})."
            ) from error
        except OSError as error:
            raise KafkaUnavailableError(f"the cache {folder} cannot be written ({error}).") from error
    return tuple(folder / jar.filename for jar in lock.jars)
