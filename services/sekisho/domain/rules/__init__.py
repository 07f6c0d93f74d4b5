"""The rule families, in the rulebook's order. A family is a module: its reasons, bases and obligations; `ask`,
which judges the question and declares the consents that it needs; and `judge`, where it looks at the person, or at the
operator, besides.

To add a family: its module here, its name in the lists below, its data in `deploy/rulebook/rules/` and its cases in
`deploy/rulebook/cases/`. What has no family yet is refused by the guard in `sekisho.domain.decision`.
"""

from __future__ import annotations

from typing import Final

from sekisho.domain import clauses
from sekisho.domain.rules import (
    acc,
    card,
    cred,
    exc,
    forn,
    prov,
    purp,
    recv,
    ref,
    req,
    sens,
    susp,
    use,
    wall,
)
from sekisho.domain.verdict import Cite

FAMILIES: Final = (req, acc, susp, use, sens, cred, card, wall, purp, exc, prov, forn, recv, ref)
ASKING: Final = (exc, prov, req, acc, use, sens, cred, card, wall, purp, forn, recv, ref)
"""Those that say of a question, whoever the person is, what is refused, what is granted, and which consents it needs. EXC
and PROV first: what they find of the question (`lifted`, `proven`) the others ask for."""
JUDGING: Final = (acc, susp, wall, prov)
"""Those that look at the person beside the consents, or at the operator; after the needs, for SUSP asks what rests on
consent."""
OWING: Final = (wall,)
"""Those that find obligations in the person's case (`owed`), beside what a question owes whoever the person is."""

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
BASES: Final = _ordered(tuple([cite for family in FAMILIES for cite in getattr(family, "BASES", ())]))
OBLIGATIONS: Final = _ordered(
    tuple([cite for family in FAMILIES for cite in getattr(family, "OBLIGATIONS", ())])
)
PROVIDING: Final = frozenset((*exc.BASES, *prov.BASES, forn.BY_CONSENT, ref.BY_CONSENT))
"""What grounds a provision, beside its purpose: where none of them holds, because its rule is not in force, none is made."""
RANK: Final = {cite: rank for rank, cite in enumerate(DECLARED)}
BASIS_RANK: Final = {cite: rank for rank, cite in enumerate(BASES)}
DUTY_RANK: Final = {cite: rank for rank, cite in enumerate(OBLIGATIONS)}
