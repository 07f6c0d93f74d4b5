"""Numbers of a document as they are written: nothing is rounded before the contract's reader sees them."""

from __future__ import annotations

import re
from typing import Final

_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)


class Number(str):
    """A number as it is written."""

    __slots__ = ()


def is_number(text: str) -> bool:
    """Whether a text is a number as JSON writes it."""
    return _NUMBER.fullmatch(text) is not None
