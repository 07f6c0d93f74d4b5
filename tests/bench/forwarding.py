"""What the bare forwarders share: their settings, what they write in place of decisions, and how they say they are ready."""

from __future__ import annotations

import json
import pickle
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from sekisho.bootstrap import kafka_log
from sekisho.contracts.topics import TopicNames
from sekisho.log.kafka import KafkaConfig
from sekisho.settings import Settings

READY: Final = "ready"


Headers = list[tuple[str, str | bytes | None]]


class Pair(NamedTuple):
    """A decision of the gate's, and its record where it left one, as they stood in the topics."""

    decision: bytes
    decision_headers: Headers
    record: bytes | None
    record_headers: Headers


def keep(pairs: Sequence[Pair], path: Path) -> Path:
    """Writes pairs for forwarders to read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps([tuple(pair) for pair in pairs]))
    return path


@dataclass(frozen=True)
class Forwarding:
    """One forwarder process: its settings are the gate's (SEKISHO_*), its arguments the pairs and how many share the work."""

    settings: Settings
    config: KafkaConfig
    names: TopicNames
    pairs: list[Pair]
    processes: int

    @classmethod
    def from_arguments(cls, arguments: Sequence[str]) -> Forwarding:
        """`PAIRS PROCESSES`, and the environment."""
        settings = Settings.from_environment()
        # made, so that what it sets for the whole process (the client's backoffs) is the gate's here too
        log: Any = kafka_log(settings, settings.for_gate().bootstrap)
        pairs = [Pair(*each) for each in pickle.loads(Path(arguments[0]).read_bytes())]
        return cls(
            settings, log._config, TopicNames.prefixed(settings.topic.prefix), pairs, int(arguments[1])
        )

    @property
    def group(self) -> str:
        """The consumer group."""
        return f"{self.settings.topic.prefix}bare"

    @property
    def lanes(self) -> int:
        """Partitions of this process when all processes have theirs."""
        return self.settings.topic.partitions // self.processes

    def transactional_id(self, lane: int | str) -> str:
        """Of one lane."""
        return f"{self.settings.topic.prefix}bare-{lane}"


def say_ready(partitions: Sequence[int]) -> None:
    """Tells the bench, which reads the log, that work can come."""
    # Faust makes log lines of what is printed
    print(json.dumps({READY: sorted(partitions)}), file=sys.__stdout__, flush=True)
