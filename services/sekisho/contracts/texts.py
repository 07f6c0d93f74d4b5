"""Fills the placeholders of the rulebook's texts from what a verdict tells (domain/verdict.py, `details`).

A placeholder of which nothing is told is left out together with the brackets that hold it, else shown as an ellipsis:
a text is never the reason why an answer cannot be given. What is filled in is not looked at for placeholders again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from sekisho.domain.book import Text

_PLACEHOLDER: Final = re.compile(r"\{([a-z_]+)\}")
_BRACKETED: Final = re.compile(r"\s?\([^()]*\)|（[^（）]*）")
_LEFT_OUT: Final = "…"


def filled(text: Text, told: Mapping[str, str]) -> dict[str, str]:
    """Both languages of a text with its placeholders filled, as it stands in a document."""
    return {"ja": fill(text.ja, told), "en": fill(text.en, told)}


def fill(template: str, told: Mapping[str, str]) -> str:
    """One language of a text with its placeholders filled."""
    if "{" not in template:
        return template
    whole = _BRACKETED.sub(lambda found: found[0] if _told(found[0], told) else "", template)
    return _PLACEHOLDER.sub(lambda found: told.get(found[1]) or _LEFT_OUT, whole)


def _told(part: str, told: Mapping[str, str]) -> bool:
    return all(told.get(name) for name in _PLACEHOLDER.findall(part))
