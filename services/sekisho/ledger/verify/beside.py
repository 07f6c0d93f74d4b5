"""What tables say of single payloads of a range: the holds that name a record, the scope it is found by, what a purge left.

They decide what is deleted and what a person is told, and no commitment covers them: each is held against leaf and body.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Final

from sekisho.domain.calendar import tokyo_day
from sekisho.domain.retention import retention
from sekisho.ledger.ingest.pseudonyms import Pseudonyms
from sekisho.ledger.leaves import Hold, PayloadLeaf
from sekisho.ledger.store import rows as stored
from sekisho.ledger.store.errors import BadRowError
from sekisho.ledger.store.filters import Filter
from sekisho.ledger.verify.acts import Acts
from sekisho.ledger.verify.sources import Columns, HoldRow, LogRow, PayloadRow, Source
from sekisho.ledger.verify.times import instant

Faults = Iterator[tuple[str, str]]
_KINDS: Final = ["record", "decision", "unreadable"]
_ONE_DAY: Final = timedelta(days=1)
_NAMED: Final = (
    ("record_id", "record_ids"),
    ("counterparty", "counterparties"),
    ("controller", "controllers"),
)


class Beside:
    """Of one range of one log. In a source without tables it finds nothing."""

    def __init__(
        self, source: Source, log: LogRow, low: int, high: int, acts: Acts, pseudonyms: Pseudonyms | None
    ) -> None:
        self._source, self._acts, self._pseudonyms = source, acts, pseudonyms
        self._purged = source.purged(log, low, high)
        self._holds = source.holds() or {}
        self._active = dict(_active(self._holds, acts))
        about = acts.about.get(log.origin)
        self._covered = {} if about is None else about.covered
        self._keys: dict[str, tuple[int, bytes | None]] = {}

    def purged(self, index: int, leaf: PayloadLeaf) -> Faults:
        """What a purge left of a payload: that it was one to be told of, and when it was created, as far as the leaf tells."""
        row = None if self._purged is None else self._purged.get(index)
        if row is None:
            return
        if row.disclosable and leaf.kind != "record":
            yield "stored.differs", f"a row of purged says that a {leaf.kind} is to be told of"
        newest = tokyo_day(instant(leaf.ingested_at)) + _ONE_DAY
        own = leaf.kind == "record" and leaf.scope is None
        if row.created_on > newest or (own and _last_day(row.created_on).isoformat() != leaf.retain_until):
            told = f"a row of purged says that it was created on {row.created_on}; it was kept until {leaf.retain_until}"
            yield "stored.differs", told

    def held(self, index: int, leaf: PayloadLeaf, row: PayloadRow) -> Faults:
        """That each hold in force which names the record covers it."""
        if not self._active or row.columns is None:
            return
        mine = _as_stored(index, leaf, row, row.columns)
        covered = {each.hold for each in self._covered.get(index, ())}
        for hold, selector in self._active.items():
            if hold not in covered and selector.matches(mine):
                yield "hold.missing", f"the hold {hold} names it, and no leaf says that it is held"

    def statement(self, leaf: Hold, words: Any, columns: Columns) -> Faults:
        """That a hold looks for what its statement names."""
        row = self._holds.get(leaf.hold)
        if row is None:
            return  # told with the table
        named, looked_for = words.get("selector", {}), row.selector
        expected: dict[str, Any] = {"kinds": _KINDS}
        expected |= {part: [named[word]] for word, part in _NAMED if word in named}
        if "subject_id" in named:
            hashed = None if self._pseudonyms is None else self._pseudonyms.subject(named["subject_id"])
            expected["subject_hmacs"] = [(hashed or columns.subject_hmac or b"").hex()]
        if "agreement" in named:
            expected["scopes"] = looked_for.get("scopes", [])  # the scopes that it had then
        if looked_for != expected:
            yield "stored.differs", "a row of hold looks for something else than the hold's statement names"

    def scope(self, index: int, scope: str, key: bytes | None) -> None:
        """A record of a scope; `key`: what the scope is found by, where the persons' key is at hand."""
        self._keys.setdefault(scope, (index, key))

    @property
    def pseudonyms(self) -> Pseudonyms | None:
        """By which scopes are found."""
        return self._pseudonyms

    def scopes(self) -> Iterator[tuple[int, str]]:
        """Which scopes new records would not find."""
        table = self._source.scopes(list(self._keys)) if self._keys else None
        for scope, (index, key) in self._keys.items() if table is not None else ():
            assert table is not None
            if scope not in table:
                yield index, f"the row of its scope {scope} is missing"
            elif key is not None and table[scope] != key:
                yield index, f"its scope {scope} is found by another agreement or policy"


@lru_cache(maxsize=4096)
def _last_day(created_on: date) -> date:
    until = retention("individual", created_on, None).until
    assert until is not None, "what is made for one provision has an end"
    return until


def _active(holds: Mapping[str, HoldRow], acts: Acts) -> Iterator[tuple[str, Filter]]:
    for hold, row in holds.items():
        if hold in acts.placed and hold not in acts.releases:
            try:
                yield hold, Filter.from_json(dict(row.selector))
            except BadRowError:
                continue  # what cannot be read is not what the statement names: told there


def _as_stored(index: int, leaf: PayloadLeaf, row: PayloadRow, columns: Columns) -> stored.PayloadRow:
    created_at = columns.created_at or instant(leaf.ingested_at)
    record_id = None if columns.record_id is None else str(columns.record_id)
    return stored.PayloadRow(
        index, leaf.rid, leaf.kind, columns.retain_until, leaf.scope, row.salt, row.body, created_at,
        columns.subject_hmac, record_id, None, columns.direction, columns.basis, columns.method, columns.controller,
        columns.counterparty, columns.provided_on,
    )  # fmt: skip
