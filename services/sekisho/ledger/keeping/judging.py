"""What is due on a day, and why not if not. Pure: rows, extensions, holds and the day are arguments.

Deletion is lawful from the day after the last one (ER 21, 25, 29; Civil Code 141, 143(2)). What has no end yet is kept. A hold
stops deletion and prolongs nothing: what was due under it is due when it is released (records.md, Retention).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final, Literal, NamedTuple

from sekisho.domain.retention import effective

Standing = Literal["due", "held", "not_due", "open"]
SOLICITATION: Final = "SG Ⅱ-4-2-6-3(5)"
"""Decisions that served a concluded policy are kept to the end of its insurance (retention class SOLICITATION)."""
UNREADABLE: Final = "-"
"""No rule gives an unreadable message an end: an operator must."""
_PARAGRAPH: Final = {"contract": "i", "batch": "ii", "individual": "iii"}


class Kept(NamedTuple):
    """What is kept, as far as its retention goes by it.

    `stated` is the last day as its leaf states it, `extensions` those of its scope and of itself in their order, `holds` the
    holds on it that are not released.
    """

    kind: str
    basis: str | None
    method: str | None
    stated: date | None
    extensions: Sequence[date | None] = ()
    holds: Sequence[str] = ()

    @property
    def until(self) -> date | None:
        """The last day that counts now; None: no end yet."""
        return effective(self.stated, self.extensions)


def judge(kept: Kept, day: date | None) -> Standing:
    """How it stands on that Asia/Tokyo day. `day` None (no checkpoint yet): nothing is due."""
    until = kept.until
    if until is None:
        return "open"
    if day is None or not until < day:
        return "not_due"
    return "held" if kept.holds else "due"


def due_on(kept: Iterable[Kept], day: date) -> list[Kept]:
    """Those that may, and therefore must, be deleted on that day: a day is an argument here, and here alone."""
    return [each for each in kept if judge(each, day) == "due"]


def rule(kind: str, basis: str | None, method: str | None) -> str:
    """The provision that its last day rests on: ER 21 (provided), 25 (received), 29 (referable, provided), by method."""
    if kind == "decision":
        return SOLICITATION
    if kind != "record" or basis is None or method is None:
        return UNREADABLE
    if basis == "referable.provision":
        article = "ER 29"
    else:
        article = "ER 25" if basis.startswith("receipt.") or basis == "referable.receipt" else "ER 21"
    return f"{article}({_PARAGRAPH[method]})"
