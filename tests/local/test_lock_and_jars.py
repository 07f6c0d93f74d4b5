"""The committed lock of Kafka's jars, and the cache that holds them: checked before every use, mended once, never half."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sekisho.local.jars import (
    FetchLimits,
    FetchProgress,
    JarSumError,
    KafkaUnavailableError,
    cache_folder,
    ensure_jars,
    missing_jars,
)
from sekisho.local.lock import Jar, KafkaLock, KafkaLockError, parse_lock, read_lock

LIMITS = FetchLimits(answer_seconds=1, lock_seconds=30)


def content_of(jar: Jar) -> bytes:
    """What the jar of the small test lock consists of."""
    return f"the content of {jar.filename}".encode()


def jar_named(name: str) -> Jar:
    """A jar of the small test lock."""
    unsummed = Jar(f"org.example:{name}:1.0", "", 0)
    content = content_of(unsummed)
    return Jar(unsummed.coordinate, hashlib.sha256(content).hexdigest(), len(content))


LOCK = KafkaLock("org.example:one:1.0", "1.0", (jar_named("one"), jar_named("two"), jar_named("three")))


class Repository:
    """A repository in memory that counts what is fetched from it; `changed` comes damaged so many times."""

    def __init__(self, changed: dict[str, int] | None = None) -> None:
        self.fetched: list[str] = []
        self.changed = changed or {}

    def __call__(self, jar: Jar, into: Path) -> Path:
        self.fetched.append(jar.filename)
        path = into / jar.filename
        left = self.changed.get(jar.filename, 0)
        self.changed[jar.filename] = left - 1
        path.write_bytes(b"something else" if left > 0 else content_of(jar))
        return path


def unreachable(jar: Jar, into: Path) -> Path:
    """A repository behind a network that is not there."""
    raise ConnectionError("Temporary failure in name resolution")


def test_the_shipped_lock_names_kafka_and_its_log_binding() -> None:
    """The lock in the package is whole: one Kafka version only, an SLF4J binding, every jar with its sum and size."""
    lock = read_lock()
    assert lock.endpoint == "org.apache.kafka:kafka_2.13:4.3.1+org.slf4j:slf4j-simple:1.7.36"
    kafka = {
        jar.coordinate.rpartition(":")[2]
        for jar in lock.jars
        if jar.coordinate.startswith("org.apache.kafka:")
    }
    assert kafka == {"4.3.1"}
    assert any(jar.filename == "slf4j-simple-1.7.36.jar" for jar in lock.jars)
    assert 40_000_000 < lock.size < 60_000_000


def _lock_text(**changes: object) -> str:
    entry = {"coordinate": "org.example:one:1.0", "sha256": "0" * 64, "size": 1, **changes}
    return json.dumps({"endpoint": "x", "version": "1.0", "jars": [entry]})


@pytest.mark.parametrize(
    "text",
    [
        "not json",
        "[]",
        '{"endpoint": "x", "version": "1.0", "jars": []}',
        _lock_text(sha256="0" * 63),
        _lock_text(sha256="z" * 64),
        _lock_text(size=0),
        _lock_text(size="1"),
        _lock_text(coordinate="org.example:../../one:1.0"),
        _lock_text(coordinate="org.example:one"),
    ],
)
def test_a_malformed_lock_is_refused(text: str) -> None:
    """A lock that is no JSON, empty, or has an entry without a full sum, size or coordinate is not used."""
    with pytest.raises(KafkaLockError, match="make relock-kafka"):
        parse_lock(text)


def test_a_jar_named_twice_is_refused() -> None:
    """Two entries for one file name cannot both be checked: the lock is not used."""
    once = json.loads(_lock_text())
    with pytest.raises(KafkaLockError, match="twice"):
        parse_lock(json.dumps({**once, "jars": once["jars"] * 2}))


def test_a_fetch_tells_its_progress_and_a_second_start_needs_no_network(tmp_path: Path) -> None:
    """The first start fetches every jar and tells how far it is; the second takes them from the cache."""
    told: list[FetchProgress] = []
    paths = ensure_jars(LOCK, tmp_path, LIMITS, download=Repository(), on_progress=told.append)
    assert [path.read_bytes() for path in paths] == [content_of(jar) for jar in LOCK.jars]
    assert [(step.jars, step.jars_total) for step in told] == [(1, 3), (2, 3), (3, 3)]
    assert told[-1].bytes == told[-1].bytes_total == LOCK.size
    assert ensure_jars(LOCK, tmp_path, LIMITS, download=unreachable) == paths


@pytest.mark.parametrize("damage", [b"", b"the content", b"the content of two-1.0.jaR"])
def test_a_damaged_jar_is_fetched_anew(tmp_path: Path, damage: bytes) -> None:
    """An emptied, a cut or a changed jar in the cache is noticed at the next start, and it alone is fetched again."""
    ensure_jars(LOCK, tmp_path, LIMITS, download=Repository())
    (cache_folder(tmp_path, LOCK) / "two-1.0.jar").write_bytes(damage)
    repository = Repository()
    ensure_jars(LOCK, tmp_path, LIMITS, download=repository)
    assert repository.fetched == ["two-1.0.jar"]
    assert missing_jars(LOCK, tmp_path) == ()


def test_a_jar_that_comes_damaged_once_is_fetched_again(tmp_path: Path) -> None:
    """One bad download is repeated and does no harm."""
    repository = Repository({"two-1.0.jar": 1})
    ensure_jars(LOCK, tmp_path, LIMITS, download=repository)
    assert repository.fetched.count("two-1.0.jar") == 2


def test_a_jar_that_is_not_the_locked_one_is_refused(tmp_path: Path) -> None:
    """A jar whose sum is wrong twice is refused with both sums, and never lies in the cache."""
    repository = Repository({"two-1.0.jar": 2})
    with pytest.raises(JarSumError, match=rf"two-1\.0\.jar.*{LOCK.jars[1].sha256}"):
        ensure_jars(LOCK, tmp_path, LIMITS, download=repository)
    assert not (cache_folder(tmp_path, LOCK) / "two-1.0.jar").exists()


def test_an_interrupted_fetch_looks_incomplete_and_is_gone_on_with(tmp_path: Path) -> None:
    """What was interrupted in the middle of a jar leaves no jar behind; the next fetch takes up the rest only."""

    def interrupted(jar: Jar, into: Path) -> Path:
        (into / jar.filename).write_bytes(content_of(jar)[:5])
        raise KeyboardInterrupt

    first = LOCK.jars[0]
    ensure_jars(KafkaLock("", LOCK.version, (first,)), tmp_path, LIMITS, download=Repository())
    with pytest.raises(KeyboardInterrupt):
        ensure_jars(LOCK, tmp_path, LIMITS, download=interrupted)
    assert [jar.filename for jar in missing_jars(LOCK, tmp_path)] == ["two-1.0.jar", "three-1.0.jar"]
    repository = Repository()
    ensure_jars(LOCK, tmp_path, LIMITS, download=repository)
    assert repository.fetched == ["two-1.0.jar", "three-1.0.jar"]


def test_no_network_and_no_cache_tells_the_ways_out(tmp_path: Path) -> None:
    """Without network and cache the error says what failed and names both ways out."""
    with pytest.raises(KafkaUnavailableError) as caught:
        ensure_jars(LOCK, tmp_path, LIMITS, download=unreachable)
    text = str(caught.value)
    assert "one-1.0.jar could not be fetched" in text
    assert "name resolution" in text
    assert "SEKISHO_KAFKA_BOOTSTRAP" in text
    assert "sekisho demo --in-memory" in text


def test_a_cache_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """A file where the cache folder should be is told as what it is."""
    (tmp_path / "cache").write_text("")
    with pytest.raises(KafkaUnavailableError, match="cannot be written"):
        ensure_jars(LOCK, tmp_path / "cache", LIMITS, download=Repository())


def _fetch_and_count(cache: Path, start: Callable[[], object], counts: Path) -> None:
    start()
    repository = Repository()
    ensure_jars(LOCK, cache, LIMITS, download=repository)
    (counts / str(os.getpid())).write_text(str(len(repository.fetched)))


def test_processes_that_fetch_at_once_fetch_each_jar_once(tmp_path: Path) -> None:
    """Four processes start a fetch together: one fetches, the others find its jars, nothing is damaged."""
    counts = tmp_path / "counts"
    counts.mkdir()
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(4)
    workers = [
        context.Process(target=_fetch_and_count, args=(tmp_path / "cache", barrier.wait, counts))
        for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert sum(int(path.read_text()) for path in counts.iterdir()) == 3
    assert missing_jars(LOCK, tmp_path / "cache") == ()


def test_a_fetch_that_never_ends_is_not_waited_for_without_end(tmp_path: Path) -> None:
    """Where another process holds the cache past the limit, the error says so."""
    from sekisho.local.exclusive import exclusive

    folder = cache_folder(tmp_path, LOCK)
    folder.mkdir(parents=True)
    with (
        exclusive(folder / ".lock", 0),
        pytest.raises(KafkaUnavailableError, match="another process is fetching"),
    ):
        ensure_jars(LOCK, tmp_path, FetchLimits(answer_seconds=1, lock_seconds=0.2), download=Repository())
