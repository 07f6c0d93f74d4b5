"""The rules themselves: which are not in force on the rulebook's base day, which are switched off, which decide nothing."""

from __future__ import annotations

from sekisho.domain.rules import BASES, DECLARED, OBLIGATIONS
from sekisho.rulebook.families import family_of
from sekisho.rulebook.findings import Findings, some


def examine(findings: Findings) -> None:
    """Look at the rules and at what is switched off."""
    standing = {family_of(cite.rule) for cite in (*DECLARED, *BASES, *OBLIGATIONS)}
    day = findings.sources.rulebook.base_day
    for name, rule in findings.sources.rules.items():
        if family_of(name) not in standing:
            findings.note(("rules", name), f"this release has no family for {name}", "it decides nothing")
        if rule.effective_from is not None and rule.effective_from > day:
            findings.note(
                ("rules", name, "effective_from"), f"{name} is not in force before {rule.effective_from}"
            )
        if rule.effective_until is not None and rule.effective_until < day:
            findings.note(
                ("rules", name, "effective_until"),
                f"{name} is no longer in force since {rule.effective_until}",
            )
    for name, organizations in findings.sources.switched_off.items():
        findings.note(
            ("switched_off", name),
            f"{name} is switched off for {some(organizations)}",
            "what it refused there is open",
        )
