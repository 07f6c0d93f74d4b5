"""How long a record is kept: the table of records.md, to the day (ER 21, 25, 29; Civil Code 140, 143(2)).

Days are Asia/Tokyo. A period ends at 24:00 of the day given; deletion is lawful from the following day. 「から起算して」
includes the first day, the plain 「3年」 of an individual record does not (Civil Code 140).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple

from sekisho.domain.calendar import period_end
from sekisho.domain.vocabulary import RecordMethod

_ONE_DAY = timedelta(days=1)
_ARTICLE = {"provision": "ER 21", "receipt": "ER 25", "referable": "ER 29"}
_PARAGRAPH: dict[RecordMethod, str] = {"contract": "i", "batch": "ii", "individual": "iii"}
_YEARS_COUNTED_FROM_LAST: dict[RecordMethod, int] = {"contract": 1, "batch": 3}


class Retention(NamedTuple):
    """The last day on which a record must be kept (None: no end yet) and the rule that says so."""

    until: date | None
    rule: str


@lru_cache(maxsize=1024)
def retention(
    method: RecordMethod, created_on: date, last_provision: date | None, *, article: str = "provision"
) -> Retention:
    """When a record's retention ends.

    `created_on` counts for individual records, `last_provision` for batch and contract ones, which have no end while
    it is unknown. `article` is provision, receipt or referable (ER 21, 25, 29).
    """
    rule = f"{_ARTICLE[article]}({_PARAGRAPH[method]})"
    if method == "individual":
        return Retention(period_end(created_on + _ONE_DAY, 3), rule)
    if last_provision is None:
        return Retention(None, rule)
    return Retention(period_end(last_provision, _YEARS_COUNTED_FROM_LAST[method]), rule)


def effective(stated: date | None, extensions: Sequence[date | None]) -> date | None:
    """The last day that counts now: what was stated when the record was kept, then each extension in its order.

    None means that the end is not known yet: such a record is kept. A date, once stated, only moves forward
    (records.md: retention can be prolonged, never shortened); an extension to None opens it again (provision under a
    batch or a contract goes on) until the next that states a day. Days are Asia/Tokyo.
    """
    newest = extensions[-1] if extensions else stated
    if newest is None:
        return None
    return max(day for day in (stated, *extensions) if day is not None)
