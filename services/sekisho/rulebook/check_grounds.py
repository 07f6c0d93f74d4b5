"""What a request may rest on beside consent: statutes and grounds that would open more than their source."""

from __future__ import annotations

from typing import Final, get_args

from sekisho.domain import statutes
from sekisho.domain.vocabulary import Capacity, LegalBasisKind
from sekisho.rulebook.findings import Findings, covering, pairs, some
from sekisho.rulebook.yamltree import Path

_ON_CONSENT: Final[frozenset[LegalBasisKind]] = frozenset({"business_consent", "biometric_identification"})
"""SV 8(1)ク・ケ: 本人の同意に基づき."""
_NO_GROUND: Final[frozenset[LegalBasisKind]] = frozenset({"subject_request"})
"""A legal basis that is no ground for sensitive information (SV 8(1))."""
_DOCUMENTS: Final = "identification_document"


def examine(findings: Findings) -> None:
    """Look at statutes, sensitive grounds, presumed consents, amendments, capacity and what is masked."""
    for each in (_statutes, _grounds, _presumed, _amendments, _capacity, _masks):
        each(findings)


def _statutes(findings: Findings) -> None:
    for name, source in findings.sources.statutes.items():
        for index, article in enumerate(source.permits):
            if not statutes.articles(article):
                findings.problem(
                    ("statutes", name, "permits", index), f'"{article}" names no article of {name}: it would count as one that obliges',
                    "write 第23条の2 (EXC-1)",
                )  # fmt: skip


def _grounds(findings: Findings) -> None:
    types = {source.type for source in findings.sources.organizations.values()}
    for kind, grounds in findings.sources.sensitive_grounds.items():
        if kind not in types:
            findings.note(("sensitive_grounds", kind), f"no organization is a {kind}")
        for ground, source in grounds.grounds.items():
            path: Path = ("sensitive_grounds", kind, "grounds", ground)
            if ground in _NO_GROUND:
                findings.problem(
                    path, f"{ground} is no ground for sensitive information", "leave it out (SENS-1; SV 8(1))"
                )
            if ground in _ON_CONSENT and not source.consent:
                findings.problem(
                    path, f"{ground} of {kind} asks for no consent", "consent: true (SENS-1; SV 8(1))"
                )
            if ground == _DOCUMENTS and source.items is None:
                findings.problem(
                    path,
                    f"{ground} of {kind} covers every sensitive item",
                    "name those that such documents show (SENS-2; SV 8(2))",
                )


def _presumed(findings: Findings) -> None:
    for first, one, second, other in pairs(findings.sources.presumed_consents):
        items, purposes = covering(findings, one, other)
        if items and purposes:
            findings.note(
                ("presumed_consents", second),
                f"{second} and {first} both presume consent for {some(items)}, {some(purposes)}",
            )
    for name, source in findings.sources.presumed_consents.items():
        sensitive = [
            item
            for item in findings.items(source.items)
            if findings.sources.items[item].item_class == "sensitive"
        ]
        if sensitive:
            findings.note(
                ("presumed_consents", name, "items"),
                f"{name} presumes consent for sensitive items: {some(sensitive)}",
                "SV 8",
            )


def _amendments(findings: Findings) -> None:
    for name, source in findings.sources.amendments.items():
        if source.in_force_from is not None and source.in_force_from < source.promulgated_on:
            findings.problem(
                ("amendments", name, "in_force_from"),
                f"{name} is in force from {source.in_force_from}, before it was promulgated on {source.promulgated_on}",
            )


def _capacity(findings: Findings) -> None:
    capacity = findings.sources.capacity
    if capacity.guardian_under == 0:
        findings.note(
            ("capacity", "guardian_under"), "no minor needs a guardian's consent", "PROV-3; SV 2(19)（注）"
        )
    unguarded = {*get_args(Capacity)} - {"full", *capacity.guardian_capacities}
    if unguarded:
        findings.note(
            ("capacity",), f"{some(unguarded)} consent without a guardian", "PROV-3; SV 2(19)（注）"
        )


def _masks(findings: Findings) -> None:
    """A card number that nothing masks is shown in full."""
    sources = findings.sources
    cards = {name for name, item in sources.items.items() if item.item_class == "card"}
    masked = {display.item for display in sources.display.values()}
    if cards and not cards & masked:
        findings.note(
            ("items", min(cards)), f"nothing masks {some(cards)}: shown in full to everyone", "CARD-1"
        )
    for name, display in sources.display.items():
        if display.item in sources.items and display.item not in cards:
            findings.note(
                ("display", name, "item"), f"{display.item} is no card item: {name} masks nothing", "CARD-1"
            )
