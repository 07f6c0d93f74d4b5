"""Which sections of a rulebook's data a rule reads, so that whoever reads the rule finds them."""

from __future__ import annotations

from typing import Final

RULE_DATA: Final = {
    "REQ-1": ("items", "purposes", "holders", "organizations"),
    "REQ-5": ("batch_agreements",),
    "ACC-1": ("organizations",),
    "ACC-2": ("operators", "organizations"),
    "ACC-3": ("moratoria",),
    "ACC-4": ("purposes", "businesses"),
    "ACC-5": ("entrustments", "successions", "joint_uses"),
    "USE-1": ("prohibited",),
    "SENS-1": ("sensitive_grounds",),
    "SENS-2": ("sensitive_grounds",),
    "CARD-1": ("display",),
    "WALL-14": ("solicitation_terms",),
    "WALL-15": ("items", "purposes"),
    "PURP-1": ("specified_purposes",),
    "PURP-2": ("related_purposes",),
    "PURP-3": ("successions", "holders"),
    "PURP-5": ("specified_purposes",),
    "PURP-6": ("specified_purposes",),
    "PURP-7": ("ended_purposes",),
    "EXC-1": ("statutes", "foreign_law"),
    "EXC-4": ("organizations",),
    "EXC-5": ("organizations",),
    "EXC-6": ("organizations",),
    "EXC-7": ("organizations",),
    "PROV-3": ("capacity",),
    "PROV-4": ("entrustments",),
    "PROV-5": ("successions", "dissolved"),
    "PROV-6": ("joint_uses",),
    "PROV-7": ("opt_outs",),
    "PROV-8": ("organizations",),
    "PROV-9": ("presumed_consents",),
    "PROV-11": ("organizations",),
    "PROV-12": ("organizations",),
    "FORN-0": ("organizations",),
    "FORN-1": ("adequate_countries",),
    "FORN-2": ("equivalent_systems",),
}
"""Rule → sections; a rule that is not here reads the request and the consents alone."""
