"""Which extend leaves an operator's wish needs, or why it is refused. Pure.

Retention is prolonged, never shortened (records.md). A day given for what has no end yet is a floor: it is written, then opened
again, so that what goes on stays without an end and, once it ends, is kept to that day at least. Only an agreement's end closes
what is open, and only to the day on which the law lets it end.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sekisho.domain.retention import effective, retention
from sekisho.domain.vocabulary import RecordMethod


class ShorteningError(ValueError):
    """What is asked for would end the retention earlier than it ends now, or change nothing; the text says when it ends."""


class UnchangedError(ShorteningError):
    """It is kept as long as that already, or has ended: of an agreement's several parties the others' records may not be."""


def prolonged(
    stated: date | None, extensions: Sequence[date | None], until: date | None
) -> list[date | None]:
    """The extensions by which it is kept until that day at least (None: without an end). Raises ShorteningError."""
    now = effective(stated, extensions)
    if until is None:
        if now is None:
            raise UnchangedError("It has no end yet already: nothing is to be extended.")
        return [None]
    if now is None:
        floor = max((day for day in (stated, *extensions) if day is not None), default=date.min)
        if until <= floor:
            raise UnchangedError(f"It has no end yet, and is kept until {floor} at least already.")
        return [until, None]
    if until <= now:
        raise UnchangedError(f"It is kept until {now} already: retention is prolonged, never shortened.")
    return [until]


def ended(
    stated: date | None,
    extensions: Sequence[date | None],
    *,
    method: RecordMethod,
    last_provision: date,
    newest_provision: date | None,
) -> list[date | None]:
    """The extension by which an open agreement whose last provision was on that day ends when the law lets it (ER 21(i)(ii)).

    `newest_provision` is the newest day of a provision under it in the ledger: the last one cannot be before it. Raises
    ShorteningError.
    """
    now = effective(stated, extensions)
    if now is not None:
        raise UnchangedError(f"It has ended already, and is kept until {now}.")
    if method == "individual":
        raise ShorteningError("A record made for one provision ends by itself.")
    if newest_provision is not None and last_provision < newest_provision:
        raise ShorteningError(
            f"The ledger has a provision under it on {newest_provision}: the last one was not before that day."
        )
    return [retention(method, last_provision, last_provision).until]
