"""The rulebooks that gates have published: compiled again from their sources, and only believed if their digest agrees."""

from __future__ import annotations

from sekisho.audit.config import CheckConfig, OnProgress
from sekisho.audit.findings import Findings
from sekisho.audit.scanning import Range, Undecodable, scan
from sekisho.contracts import rulebooks
from sekisho.contracts.errors import RejectedMessageError
from sekisho.domain.book import Rulebook
from sekisho.log.port import Partition, PartitionReader, Record
from sekisho.rulebook import compile_sources
from sekisho.rulebook.problems import RulebookError


class Rulebooks:
    """Rulebooks by digest."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._books: dict[str, Rulebook] = {}

    def __len__(self) -> int:
        return len(self._books)

    def get(self, digest: str) -> Rulebook | None:
        """The rulebook of that digest, None where none was published."""
        return self._books.get(digest)

    async def read(
        self, reader: PartitionReader, partitions: int, config: CheckConfig, on_progress: OnProgress | None
    ) -> None:
        """Reads the whole topic. A rulebook that does not compile to its digest is a finding."""
        for number in range(partitions):
            at = Partition(config.topics.rulebooks, number)
            span = Range(await reader.start_offset(at), await reader.last_stable_offset(at))
            async for record in scan(reader, at, span, config, on_progress):
                if isinstance(record, Undecodable):
                    self._findings.add("rulebook.altered", *at, record.offset, "it cannot be decoded")
                elif record.value is not None:  # a tombstone of a compacted topic
                    self._take(record, record.value)

    def _take(self, record: Record, value: bytes) -> None:
        place = (record.topic, record.partition, record.offset)
        try:
            published = rulebooks.decode(value)
            book = compile_sources(published.sources).book
        except (RejectedMessageError, RulebookError) as error:
            self._findings.add("rulebook.altered", *place, f"it does not compile: {type(error).__name__}")
            return
        if (record.key or b"").decode("utf-8", "replace") != book.digest or published.digest != book.digest:
            self._findings.add("rulebook.altered", *place, f"its sources have the digest {book.digest}")
            return
        self._books[book.digest] = book
