"""That each extension comes from what was taken in with it, so that nobody ends an agreement by an extension made up.

A batch is one transaction: all its leaves have one time, and its extensions follow the payload leaves that cause them.
"""

from __future__ import annotations

from collections.abc import Iterator

from sekisho.ledger.leaves import Extend, LeafError, PayloadLeaf, Place, read
from sekisho.ledger.verify.sources import LogRow, Source

_LONGEST = 8_192
"""Leaves looked at before a range for the rest of a batch: batches are of a thousand messages or so."""
_CAUSES = {"records": ("provision", "reference"), "outcomes": ("policy",), "acts": ("operator",)}


class Batches:
    """The batch of one log that is gone through, by rising index."""

    def __init__(self, source: Source, log: LogRow, low: int) -> None:
        self._source, self._log, self._low = source, log, low
        self._at = ""
        self._first = True
        self._said: set[tuple[str | None, str | None]] = set()

    def add(self, leaf: PayloadLeaf) -> None:
        """The next payload leaf."""
        if leaf.ingested_at != self._at:
            self._first = not self._at
            self._at, self._said = leaf.ingested_at, set()
        self._said.add((leaf.scope, leaf.retain_until))

    def fault(self, leaf: Extend) -> str | None:
        """What is wrong with an extension's cause; of a policy's end only its kind can be told, an outcome may leave nothing else."""
        if leaf.cause not in _CAUSES.get(self._log.kind, ()) or (leaf.commit is None) == (
            leaf.cause == "operator"
        ):
            return f"its cause is {leaf.cause}, which no leaf of a log of {self._log.kind} has"
        if leaf.cause in ("operator", "policy"):
            return None
        if _calls_for(self._said if leaf.ingested_at == self._at else set(), leaf):
            return None
        if (self._first or not self._at) and _calls_for(set(self._before(leaf.ingested_at)), leaf):
            return None
        return "no record that was taken in with it calls for it"

    def _before(self, at: str) -> Iterator[tuple[str | None, str | None]]:
        """The same batch's leaves before the range."""
        for row in self._source.leaves(self._log, max(0, self._low - _LONGEST), self._low):
            try:
                leaf = read(row.leaf)
            except LeafError:
                continue  # told when the leaves were scanned
            if isinstance(leaf, PayloadLeaf) and leaf.ingested_at == at:
                yield leaf.scope, leaf.retain_until


def _calls_for(said: set[tuple[str | None, str | None]], leaf: Extend) -> bool:
    if isinstance(leaf.target, Place):
        # without a day it ends nothing: what has no end is opened again where a new part with an end refers to it
        return bool(said) and (
            leaf.retain_until is None or any(until == leaf.retain_until for _, until in said)
        )
    return any(scope == leaf.target.scope for scope, _ in said)
