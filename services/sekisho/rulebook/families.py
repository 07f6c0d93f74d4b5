"""The rule families in the rulebook's order, with their names: what tables, pages and explanations are arranged by."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple


class Family(NamedTuple):
    """A family's name in both languages."""

    ja: str
    en: str


FAMILIES: Final = {
    "REQ": Family("申請そのもの", "the request itself"),
    "ACC": Family("誰が求めるか", "who asks"),
    "SUSP": Family("本人による停止", "the person's own stop"),
    "USE": Family("不適正な利用", "improper use"),
    "SENS": Family("機微（センシティブ）情報", "sensitive information"),
    "CRED": Family("返済能力情報", "repayment capacity"),
    "CARD": Family("クレジットカード情報", "card data"),
    "WALL": Family("非公開情報の壁（クロスセル）", "the cross-sell wall"),
    "PURP": Family("利用目的による制限", "purpose limitation"),
    "EXC": Family("同意を要しない例外", "exceptions to consent"),
    "PROV": Family("第三者への提供", "provision to another"),
    "FORN": Family("外国にある第三者への提供", "a third party abroad"),
    "RECV": Family("提供を受けるとき", "receiving"),
    "REF": Family("個人関連情報", "personally referable information"),
}
_PLACE: Final = {family: place for place, family in enumerate(FAMILIES)}


def family_of(rule: str) -> str:
    """The family of a rule id (`WALL-8` → `WALL`)."""
    return rule.partition("-")[0]


def place_of(rule: str) -> tuple[int, str, int]:
    """A sort key: families in the rulebook's order (unknown ones last, by name), rules by number."""
    family, _, number = rule.partition("-")
    return _PLACE.get(family, len(_PLACE)), family, int(number) if number.isdecimal() else 0


def in_order(rules: Iterable[str]) -> list[str]:
    """Rule ids in the rulebook's order, each once."""
    return sorted(set(rules), key=place_of)


def families_in_order(rules: Iterable[str]) -> list[str]:
    """The families of those rules, in the rulebook's order."""
    return list(dict.fromkeys(family_of(rule) for rule in in_order(rules)))
