"""Which jars a local Kafka consists of: the committed lock, read strictly.

jgo writes SHA-256 sums into its lock and never checks them (runtime.md), so the project keeps a lock of its own: every jar's
coordinate, size and sum. `relock.py` writes it; `jars.py` fetches and checks by it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from importlib import resources

_SUM = re.compile(r"[0-9a-f]{64}")
_COORDINATE = re.compile(r"[\w.-]+:[\w.-]+:[\w.-]+")

LOCK_NAME = "kafka-lock.json"


class KafkaLockError(Exception):
    """The lock of the Kafka jars cannot be read; the installed package is damaged or the lock was edited by hand."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{LOCK_NAME} is not usable: {what}. Reinstall sekisho, or write the lock anew with `make relock-kafka`."
        )


@dataclass(frozen=True)
class Jar:
    """One locked jar: its Maven coordinate (group:artifact:version), SHA-256 in hexadecimal, and size in bytes."""

    coordinate: str
    sha256: str
    size: int

    @property
    def filename(self) -> str:
        """The jar's name in the cache: artifact-version.jar, as in a Maven repository."""
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"


@dataclass(frozen=True)
class KafkaLock:
    """The whole lock: what was asked for (`endpoint`), and every jar that it resolved to, in class path order."""

    endpoint: str
    version: str
    jars: tuple[Jar, ...]

    @property
    def size(self) -> int:
        """The size of all jars together, in bytes."""
        return sum(jar.size for jar in self.jars)


def _jar(entry: object) -> Jar:
    match entry:
        case {"coordinate": str(coordinate), "sha256": str(sha256), "size": int(size)} if size > 0:
            if _COORDINATE.fullmatch(coordinate) and _SUM.fullmatch(sha256):
                return Jar(coordinate, sha256, size)
    raise KafkaLockError(f"an entry is not {{coordinate, sha256, size}}: {entry!r}")


def parse_lock(text: str) -> KafkaLock:
    """Read a lock from its JSON text.

    Raises KafkaLockError where anything is missing, malformed, empty or doubled.
    """
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise KafkaLockError(f"it is no JSON ({error})") from error
    match content:
        case {"endpoint": str(endpoint), "version": str(version), "jars": [_, *_] as entries}:
            jars = tuple(_jar(entry) for entry in entries)
        case _:
            raise KafkaLockError("it lacks endpoint, version or jars")
    if len({jar.filename for jar in jars}) != len(jars):
        raise KafkaLockError("a jar stands in it twice")
    return KafkaLock(endpoint, version, jars)


def read_lock() -> KafkaLock:
    """The lock that is shipped with the package. Raises KafkaLockError."""
    try:
        text = resources.files(__package__).joinpath(LOCK_NAME).read_text("utf-8")
    except OSError as error:
        raise KafkaLockError(f"it cannot be opened ({error})") from error
    return parse_lock(text)
