"""What two rulebooks answer otherwise to one request: effect, items, reasons, bases, obligations, record; and by which rule.

Words do not count: two answers are the same where only messages, remedies and citations differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sekisho.contracts.verdict_view import verdict_view
from sekisho.domain.rules import BASES
from sekisho.rulebook.families import family_of, in_order

Json = Mapping[str, Any]
_RECORDS: Final = "REQ-5"
"""The rule by which an allowed provision leaves its record."""
_OF_PROVISION: Final = ("PROV", "FORN")
"""Families whose bases carry a provision alone: a consent carries a use by PURP's or the WALL's."""


@dataclass(frozen=True)
class Otherwise:
    """What of an answer differs, in lines for a person, and the rules that make it differ."""

    effect: tuple[str, str]
    """Before and after; equal where only the way to it differs."""
    lines: tuple[str, ...]
    rules: tuple[str, ...]


def otherwise(
    before: tuple[Json, Json | None], after: tuple[Json, Json | None], action: str
) -> Otherwise | None:
    """What differs between two (decision, record) on a request of that action; None where nothing but words does."""
    old, new = verdict_view(*before), verdict_view(*after)
    # consents are compared with their ids, which a verdict leaves out: the person is the same here
    for view, (decision, _) in ((old, before), (new, after)):
        view["consents"] = [
            f"{each['consent_id']} ({', '.join(each['serves'])})" for each in decision["consents"]
        ]
        view["near_misses"] = [
            f"{each['consent_id']} ({', '.join(each['failed'])})" for each in decision["near_misses"]
        ]
    lines: list[str] = []
    if old["effect"] != new["effect"]:
        lines.append(f"effect: {old['effect']} → {new['effect']}")
    lines += _items(old["items"], new["items"])
    rules: set[str] = set()
    for part in ("reasons", "obligations"):
        lines += _cited(part, old[part], new[part], rules)
    for part in ("near_misses", "consents"):
        lines += _apart(part.replace("_", " "), old[part], new[part])
    lines += _of_record(old, new)
    if not lines:
        return None
    return Otherwise((old["effect"], new["effect"]), tuple(lines), tuple(_rules(old, new, rules, action)))


def _items(old: Sequence[Json], new: Sequence[Json]) -> list[str]:
    before, after = ({(each["item"], each["role"]): _item(each) for each in part} for part in (old, new))
    lines = []
    for key in dict.fromkeys((*before, *after)):
        if before.get(key) != after.get(key):
            lines.append(
                f"{key[0]} ({key[1]}): {before.get(key, 'not there')} → {after.get(key, 'not there')}"
            )
    return lines


def _item(item: Json) -> str:
    return f"{item['effect']} [{', '.join((*item['basis'], *item['reasons']))}]"


def _cited(part: str, old: Iterable[Json], new: Iterable[Json], rules: set[str]) -> list[str]:
    """Reasons or obligations that only one of the two has; their rules are added to `rules`."""
    before, after = ({_cite(each): each["rule"] for each in each_part} for each_part in (old, new))
    apart = {
        cite: rule
        for found in (before, after)
        for cite, rule in found.items()
        if (cite in before) != (cite in after)
    }
    rules |= set(apart.values())
    return [f"{part}: {'-' if cite in before else '+'} {cite}" for cite in apart]


def _cite(cited: Json) -> str:
    weight = f" ({cited['kind']}, {cited['severity']})" if "severity" in cited else ""
    return f"{cited['code']} {cited['rule']}{weight}"


def _apart(part: str, old: Sequence[str], new: Sequence[str]) -> list[str]:
    lines = [f"{part}: - {each}" for each in old if each not in new]
    return lines + [f"{part}: + {each}" for each in new if each not in old]


def _of_record(old: Json, new: Json) -> list[str]:
    lines = []
    if old["record_exemption"] != new["record_exemption"]:
        before, after = (each["record_exemption"] or "none" for each in (old, new))
        lines.append(f"record exemption: {before} → {after}")
    before, after = old["record"], new["record"]
    if (before is None) != (after is None):
        lines.append(f"record: {_kept(before)} → {_kept(after)}")
    elif before is not None and after is not None:
        lines += [
            f"record's {name}: {before[name]} → {after[name]}"
            for name in before
            if before[name] != after[name]
        ]
    return lines


def _kept(record: Json | None) -> str:
    return "none" if record is None else f"{record['basis']} ({record['method']})"


def _rules(old: Json, new: Json, cited: set[str], action: str) -> list[str]:
    """The rules by which two answers differ: of reasons and obligations; where none does, of bases; else of the record."""
    if cited:
        return in_order(cited)
    bases = {
        code
        for before, after in zip(old["items"], new["items"], strict=False)
        for code in {*before["basis"]} ^ {*after["basis"]}
    }
    told = (cite.rule for cite in BASES if cite.code in bases)
    return in_order(rule for rule in told if action == "provide" or family_of(rule) not in _OF_PROVISION) or [
        _RECORDS
    ]
