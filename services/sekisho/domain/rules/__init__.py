"""The rule families, in the rulebook's order. A family is a module: its reasons, bases and obligations; `ask`,
which judges the question and declares the consents that it needs; and `judge`, where it looks at the person, or at the
operator, besides.

To add a family: its module here, its name in the lists below, its data in `deploy/rulebook/rules/` and its cases in
`deploy/rulebook/cases/`. What has no family yet is refused by the guard in `sekisho.domain.decision`.
"""

from __future__ import annotations

from typing import Final

from sekisho.domain import clauses
from sekisho.domain.rules import acc, prov, purp, req, susp, wall
from sekisho.domain.verdict import Cite

FAMILIES: Final = (req, acc, susp, wall, purp, prov)
ASKING: Final = (req, acc, wall, purp, prov)
"""Those that say of a question, whoever the person is, what is refused, what is granted, and which consents it needs."""
JUDGING: Final = (acc, susp, wall)
"""Those that look at the person beside the consents, or at the operator; after the needs, for SUSP asks what rests on
consent."""

_ORDER: Final = (
    "REQ", "ACC", "SUSP", "USE", "SENS", "CRED", "CARD", "WALL", "PURP", "EXC", "PROV", "FORN", "RECV", "REF",
)  # fmt: skip


def _place(cite: Cite) -> tuple[int, int]:
    family, number = cite.rule.split("-")
    return _ORDER.index(family), int(number)


def _ordered(cites: tuple[Cite, ...]) -> tuple[Cite, ...]:
    """By family and number; within a rule as declared."""
    return tuple(sorted(dict.fromkeys(cites), key=_place))


DECLARED: Final = _ordered((*(cite for family in FAMILIES for cite in family.REASONS), *clauses.REASONS))
"""Every (reason code, rule) that a decision can carry, in the rulebook's order."""
BASES: Final = _ordered((*wall.BASES, *purp.BASES, *prov.BASES))
OBLIGATIONS: Final = wall.OBLIGATIONS
RANK: Final = {cite: rank for rank, cite in enumerate(DECLARED)}
BASIS_RANK: Final = {cite: rank for rank, cite in enumerate(BASES)}
