"""The parts that several outputs share: positions, texts, the rulebook that was used."""

from __future__ import annotations

from typing import Any, NamedTuple

from sekisho.contracts.fields import Offset, Output, Partition
from sekisho.domain.events import Position


class Message(Output):
    """A text in Japanese and English."""

    ja: str
    en: str


class LogPosition(Output):
    """Where a message stands."""

    topic: str
    """The topic's name, with its prefix."""
    partition: Partition
    offset: Offset


class ConsentPosition(Output):
    """A place in sekisho-consent-events; the partition is null where no log is involved (`sekisho decide`)."""

    partition: Partition | None
    offset: Offset
    """As a decision's consent position: the offset after the last event that was known."""


class RulebookReference(Output):
    """The rulebook that decided."""

    version: str
    digest: str
    """`sha256:` of its compiled content."""


class At(NamedTuple):
    """A message's position in a topic."""

    topic: str
    partition: int
    offset: int

    def document(self) -> dict[str, Any]:
        """As it stands in a document."""
        return {"topic": self.topic, "partition": self.partition, "offset": self.offset}


class Engine(NamedTuple):
    """What decided: the version of the software and the format of its decisions (contract.md, replay)."""

    version: str
    format: int


class Encoded(NamedTuple):
    """A message to send."""

    headers: list[tuple[str, bytes]]
    value: bytes


def position_document(position: Position | None) -> dict[str, int | None] | None:
    """A consent position as it stands in a document."""
    return None if position is None else {"partition": position.partition, "offset": position.offset}
