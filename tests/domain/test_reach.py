"""What the generators of the property tests reach: a property that never meets a rule says nothing of it."""

from __future__ import annotations

from collections import Counter
from functools import cache
from random import Random
from typing import Final, get_args

import pytest

from domain.situations import situation
from domain.test_openings import judged
from sekisho.domain.rules import BASES, DECLARED, OBLIGATIONS
from sekisho.domain.vocabulary import (
    Action,
    ConsentKind,
    LegalBasisKind,
    RecordBasis,
    RecordExemption,
    RecordMethod,
    Relation,
)

SITUATIONS: Final = 15_000
NOT_OF_A_DECISION: Final = ("REQ-2", "REQ-4")
"""Rules that speak of requests which the gate could not read, or may not answer."""


@cache
def reached() -> dict[str, Counter[str]]:
    """How often each code, basis, exemption, kind and relation came in as many situations, always the same ones."""
    found: dict[str, Counter[str]] = {kind: Counter() for kind in declared()}
    for seed in range(SITUATIONS):
        made = situation(Random(seed))
        request, verdict = made.request, judged(made)
        found["effects"][verdict.effect] += 1
        found["reasons"].update(f"{cite.code} {cite.rule}" for cite in verdict.reasons)
        found["bases"].update(code for item in verdict.items for code in item.basis)
        found["obligations"].update(f"{cite.code} {cite.rule}" for cite in verdict.obligations)
        found["actions"][request.action] += 1
        if verdict.record is not None:
            found["records"][verdict.record.basis] += 1
            found["methods"][verdict.record.method] += 1
        if verdict.record_exemption is not None:
            found["exemptions"][verdict.record_exemption] += 1
        if request.recipient is not None and request.recipient.relation is not None:
            found["relations"][request.recipient.relation] += 1
        if request.legal_basis is not None:
            found["legal bases"][request.legal_basis.kind] += 1
        kinds = {getattr(event, "kind", None) for event in made.events}
        found["consents"].update(kind for kind in get_args(ConsentKind) if kind in kinds)
    return found


def declared() -> dict[str, set[str]]:
    """All that there is of each kind."""
    return {
        "effects": {"allow", "deny"},
        "reasons": {f"{cite.code} {cite.rule}" for cite in DECLARED if cite.rule not in NOT_OF_A_DECISION},
        "bases": {cite.code for cite in BASES},
        "obligations": {f"{cite.code} {cite.rule}" for cite in OBLIGATIONS},
        "actions": set(get_args(Action)),
        "records": set(get_args(RecordBasis)),
        "methods": set(get_args(RecordMethod)),
        "exemptions": set(get_args(RecordExemption)),
        "relations": set(get_args(Relation)),
        "legal bases": set(get_args(LegalBasisKind)),
        "consents": set(get_args(ConsentKind)),
    }


@pytest.mark.parametrize("kind", declared())
def test_the_generators_reach_all_that_is_declared(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every reason, basis, obligation, record, exemption, relation and kind comes up, and how often the rarest does is told."""
    found, whole = reached()[kind], declared()[kind]
    rarest = min(whole, key=lambda name: (found[name], name))
    with capsys.disabled():
        print(
            f"\n{kind}: {len(whole & found.keys())} of {len(whole)} reached in {SITUATIONS:,} situations,"
            f" {rarest} {found[rarest]} times"
        )
    assert whole - found.keys() == set()


def test_both_effects_are_common() -> None:
    """Neither allowing nor refusing is rare: a tenth at least of the situations is each."""
    effects = reached()["effects"]
    assert min(effects.values()) > SITUATIONS / 10
