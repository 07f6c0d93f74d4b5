"""Rules as data → the reason that each (code, rule) gives to each organization, bases and obligations.

For one organization the sources that bind it are those for all, for its regime and, in the post group, for the group.
The weightiest of them gives severity and citation (duty before effort before policy); among equals the regime's own
before the group's before that for all. Whom no source binds, the rule is applied to as policy (rulebook.md, Who is
bound), citing `otherwise`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final

from sekisho.domain.book import Obligation, Reason, Text
from sekisho.domain.rules import BASES, DECLARED, OBLIGATIONS
from sekisho.domain.verdict import Cite
from sekisho.domain.vocabulary import Severity
from sekisho.rulebook.compile_world import text
from sekisho.rulebook.model_rules import Citation, ReasonSource, Rule
from sekisho.rulebook.model_world import OrganizationSource
from sekisho.rulebook.problems import nearest
from sekisho.rulebook.resolve import Resolver
from sekisho.rulebook.yamltree import Path

PLACEHOLDERS: Final = frozenset({"field", "nearest", "partition", "detail"})
_WEIGHT: Final[Mapping[Severity, int]] = {"duty": 3, "effort": 2, "policy": 1}
_UNSWITCHABLE: Final = "REQ"
_ARTICLE: Final[Mapping[Severity, str]] = {"duty": "a duty", "effort": "an effort", "policy": "policy"}


def bound(
    sources: Iterable[Citation], otherwise: str | None, organization: OrganizationSource | None
) -> tuple[Severity, str] | None:
    """Severity and citation for an organization (None: one that is not registered); None where nothing is stated."""
    binding = {"all": 0}
    if organization is not None and organization.group:
        binding["group"] = 1
    if organization is not None and organization.regime is not None:
        binding[organization.regime] = 2
    candidates = [source for source in sources if source.binds in binding]
    if candidates:
        best = max(candidates, key=lambda source: (_WEIGHT[source.severity], binding[source.binds]))
        return best.severity, best.citation
    return None if otherwise is None else ("policy", otherwise)


def reasons(resolver: Resolver) -> dict[tuple[str, str], Mapping[str | None, Reason]]:
    """What every (code, rule) says, by organization and for any other (None)."""
    compiled: dict[tuple[str, str], Mapping[str | None, Reason]] = {}
    for rule_id, rule in resolver.sources.rules.items():
        _citations(resolver, ("rules", rule_id), rule.sources, rule.otherwise)
        if rule.effective_from is not None and rule.effective_until is not None:
            resolver.in_order(("rules", rule_id), rule.effective_from, rule.effective_until)
        for code, source in rule.reasons.items():
            path: Path = ("rules", rule_id, "reasons", code)
            if source.sources is not None:
                _citations(resolver, path, source.sources, source.otherwise)
            elif source.otherwise is not None:
                resolver.note((*path, "otherwise"), "otherwise without sources of its own", "leave it out")
            _placeholders(resolver, path, source)
            compiled[code, rule_id] = _by_organization(resolver, Cite(code, rule_id), rule, source)
    _declared(resolver, "reasons", DECLARED, "reason")
    return compiled


def _by_organization(
    resolver: Resolver, cite: Cite, rule: Rule, source: ReasonSource
) -> Mapping[str | None, Reason]:
    own = source.sources is not None
    citations = source.sources if source.sources is not None else rule.sources
    otherwise = source.otherwise if own else rule.otherwise
    message, remedy = text(source.message), text(source.remedy)
    said: dict[tuple[Severity, str] | None, Reason] = {}
    by_organization: dict[str | None, Reason] = {}
    everyone: list[tuple[str | None, OrganizationSource | None]] = [(None, None)]
    everyone += list(resolver.sources.organizations.items())
    for name, organization in everyone:
        weight = bound(citations, otherwise, organization)
        if weight not in said:
            severity, citation = weight or ("policy", "")
            said[weight] = Reason(cite.code, source.kind, cite.rule, severity, citation, message, remedy)
        by_organization[name] = said[weight]
    return by_organization


def _citations(resolver: Resolver, path: Path, sources: tuple[Citation, ...], otherwise: str | None) -> None:
    """Everyone must be told a source, and each source that binds must be the only one of its kind."""
    binds = [source.binds for source in sources]
    for name in sorted({name for name in binds if binds.count(name) > 1}):
        resolver.note((*path, "sources"), f'two sources bind "{name}"', "put them into one citation")
    if "all" not in binds and otherwise is None:
        resolver.note(path, "no citation for whom no source binds", "state `otherwise`")
    if "all" in binds and otherwise is not None:
        resolver.note(
            (*path, "otherwise"), "a source binds all, so nobody is told `otherwise`", "leave it out"
        )


def _placeholders(resolver: Resolver, path: Path, source: ReasonSource) -> None:
    for part, bilingual in (("message", source.message), ("remedy", source.remedy)):
        for language in ("ja", "en"):
            for name in re.findall(r"\{([^}]*)\}", getattr(bilingual, language)):
                if name not in PLACEHOLDERS:
                    resolver.note(
                        (*path, part, language),
                        f"unknown placeholder {{{name}}}",
                        nearest(name, PLACEHOLDERS),
                    )


def _declared(resolver: Resolver, part: str, declared: Iterable[Cite], what: str) -> None:
    """Each declared pair has its text, and each text of a family that stands belongs to a declared pair."""
    pairs = set(declared)
    families = {cite.rule.split("-")[0] for cite in (*DECLARED, *BASES, *OBLIGATIONS)}
    stated = {
        Cite(code, rule_id)
        for rule_id, rule in resolver.sources.rules.items()
        for code in getattr(rule, part)
    }
    for cite in sorted(pairs - stated):
        if cite.rule not in resolver.left_out:
            resolver.note(
                ("rules", cite.rule, part), f'{cite.rule} lacks the text of its {what} "{cite.code}"'
            )
    for cite in sorted(stated - pairs):
        if cite.rule.split("-")[0] in families:
            known = [other.code for other in pairs if other.rule == cite.rule]
            path: Path = ("rules", cite.rule, part, cite.code)
            resolver.note(path, f'{cite.rule} has no {what} "{cite.code}"', nearest(cite.code, known))


def bases(resolver: Resolver) -> dict[tuple[str, str], Text]:
    """What each (basis code, rule) means, for those who read a decision."""
    _declared(resolver, "bases", BASES, "basis")
    return {
        (code, rule_id): text(source)
        for rule_id, rule in resolver.sources.rules.items()
        for code, source in rule.bases.items()
    }


def obligations(resolver: Resolver) -> dict[tuple[str, str], Obligation]:
    """What each (obligation code, rule) asks for."""
    _declared(resolver, "obligations", OBLIGATIONS, "obligation")
    return {
        (code, rule_id): Obligation(code, rule_id, text(source))
        for rule_id, rule in resolver.sources.rules.items()
        for code, source in rule.obligations.items()
    }


def spans(resolver: Resolver) -> dict[str, tuple[date | None, date | None]]:
    """The rules that are not always in force, with their first and last day of law."""
    found = {}
    for rule_id, rule in resolver.sources.rules.items():
        if rule.effective_from is None and rule.effective_until is None:
            continue
        found[rule_id] = (rule.effective_from, rule.effective_until)
        if rule_id.split("-")[0] == _UNSWITCHABLE:
            path: Path = ("rules", rule_id)
            resolver.note(
                path, f"{rule_id} is a condition of the gate itself and always in force", "leave the days out"
            )
    return found


def switched_off(resolver: Resolver) -> frozenset[tuple[str, str]]:
    """(rule, organization) pairs switched off; a duty or an effort cannot be, nor the request's own conditions."""
    pairs = set()
    for rule_id, names in resolver.sources.switched_off.items():
        path: Path = ("switched_off", rule_id)
        rule = resolver.sources.rules.get(rule_id)
        if rule is None:
            resolver.note(
                path, f'"{rule_id}" is no rule of this rulebook', nearest(rule_id, resolver.sources.rules)
            )
            continue
        for index, name in enumerate(names):
            resolver.organization((*path, index), name)
            _may_be_off(resolver, (*path, index), rule_id, rule, name)
            pairs.add((rule_id, name))
    return frozenset(pairs)


def _may_be_off(resolver: Resolver, path: Path, rule_id: str, rule: Rule, name: str) -> None:
    organization = resolver.sources.organizations.get(name)
    if rule_id.split("-")[0] == _UNSWITCHABLE:
        resolver.note(path, f"{rule_id} is a condition of the gate itself and cannot be switched off")
        return
    weights = [bound(rule.sources, rule.otherwise, organization)]
    weights += [
        bound(source.sources, source.otherwise, organization)
        for source in rule.reasons.values()
        if source.sources is not None
    ]
    for severity in sorted({weight[0] for weight in weights if weight is not None} - {"policy"}):
        resolver.note(
            path,
            f"{rule_id} is {_ARTICLE[severity]} for {name} and cannot be switched off",
            "only policy can",
        )
