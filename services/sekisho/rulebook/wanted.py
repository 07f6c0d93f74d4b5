"""A place in a source, or a piece of its text, as a person writes it: which cited sentences and citations it means."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from sekisho.rulebook.case_model import CitedSentence

DOCUMENT_NAMES: Final = {
    "APPI": ("個人情報の保護に関する法律", "Act on the Protection of Personal Information"),
    "ER": ("個人情報の保護に関する法律施行規則", "its Enforcement Rules"),
    "GL": ("個人情報保護法ガイドライン（通則編）", "the PPC's general guidelines"),
    "IBR": ("保険業法施行規則", "Insurance Business Act Enforcement Regulation"),
    "JP": ("日本郵便「非公開金融情報の不適切な利用について」", "Japan Post on its cross-selling"),
    "SG": ("保険会社向けの総合的な監督指針", "supervision guidelines for insurers"),
    "SV": ("債権管理回収業における個人情報保護に関する自主規制規則", "the servicers' own rules"),
    "RB": ("本ルールブックの方針", "this rulebook's own principles"),
}
"""The documents by their abbreviations, as rules cite them."""
_SHORTEST: Final = 4
"""Characters of a text that is looked for in sentences: fewer would find everything."""
_IN_ARTICLES: Final = frozenset({"APPI", "ER", "IBR"})
_ARTICLE: Final = re.compile(r"(\d+)(?:-(\d+))?(?:\((\d+)\))?(?:\(([ivx]+)\))?")
"""27(1)(ii) or 53-6(2), as articles are written in short."""
_BEGINS: Final = re.compile(r"第|\d|[IVX]+-")
"""How a section begins, in a document."""
_ROMAN: Final = {"i": 1, "v": 5, "x": 10}


@dataclass(frozen=True)
class Wanted:
    """What is looked for: a text, and the place that it names by a document's abbreviation, if it does (`SV 14(2)`)."""

    text: str
    place: str | None
    """Abbreviation and section, as cases cite it."""
    in_full: str | None
    """The document's name and the section, as rules cite it."""

    @classmethod
    def read(cls, written: str) -> Wanted:
        """What a person wrote, whatever the widths and blanks in it."""
        text = _plain(written)
        for document, (name, _) in DOCUMENT_NAMES.items():
            for prefix in (document, _plain(name)):
                section = text.removeprefix(prefix)
                if section != text and _BEGINS.match(section):
                    section = _articles(section) if document in _IN_ARTICLES else section
                    return cls(text, document + section, _plain(name) + section)
        return cls(text, None, None)

    def carries(self, cited: CitedSentence) -> bool:
        """Whether a sentence is meant: by its place, or by a part of its text, or by a longer text that holds it."""
        if self.place is not None:
            place = _plain(f"{cited.document}{cited.section}")
            return place.startswith(self.place) and _names(place, self.place)
        sentence = _plain(cited.sentence)
        return len(self.text) >= _SHORTEST and (self.text in sentence or sentence in self.text)

    def reaches(self, document: str, section: str) -> bool:
        """Whether the place is that section of a document, one within it, or one around it."""
        if self.place is None:
            return False
        told, wanted = _plain(f"{document}{section}"), self.place
        return any(
            longer.startswith(shorter) and _names(longer, shorter)
            for longer, shorter in ((wanted, told), (told, wanted))
        )

    def is_cited_in(self, citation: str) -> bool:
        """Whether a rule's citation names the place, or holds the text."""
        if self.in_full is None:
            return len(self.text) >= _SHORTEST and self.text in _plain(citation)
        return _names(_plain(citation), self.in_full)


def _names(text: str, place: str) -> bool:
    """規則1 is not named by 規則14."""
    return re.search(re.escape(place) + (r"(?!\d)" if place[-1].isdecimal() else ""), text) is not None


def _articles(section: str) -> str:
    """27(1)(ii) → 第27条第1項第2号; what is written otherwise stays."""
    found = _ARTICLE.fullmatch(section)
    if found is None:
        return section
    article, branch, paragraph, item = found.groups()
    told = f"第{article}条" + (f"の{branch}" if branch else "")
    told += f"第{paragraph}項" if paragraph else ""
    return told + (f"第{_arabic(item)}号" if item else "")


def _arabic(roman: str) -> int:
    values = [_ROMAN[letter] for letter in roman]
    return sum(-value if value < max(values[place:]) else value for place, value in enumerate(values))


def _plain(text: str) -> str:
    """Without differences of width and of dashes, and without blanks."""
    return "".join(unicodedata.normalize("NFKC", text).split()).replace("−", "-")
