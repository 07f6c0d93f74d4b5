"""What is wrong with a rulebook, and where: every problem names file and line, all are reported together."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import NamedTuple


class Place(NamedTuple):
    """Where something stands in the sources; lines and columns count from 1."""

    file: str
    line: int
    column: int


class Problem(NamedTuple):
    """One thing that is wrong; `hint` says what to do about it, empty where the message already does."""

    file: str
    line: int
    message: str
    hint: str = ""

    def __str__(self) -> str:
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.file}:{self.line}: {self.message}{hint}"


class RulebookError(Exception):
    """A rulebook that cannot be used; `problems` holds everything that is wrong with it, by file and line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(set(problems))
        count = len(self.problems)
        head = f"the rulebook has {count} problem{'s' if count != 1 else ''}:"
        super().__init__("\n".join([head, *(f"  {problem}" for problem in self.problems)]))


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint naming the known words closest to a misspelt one; empty where nothing is near."""
    close = difflib.get_close_matches(word, sorted(known), n=2, cutoff=0.6)
    return f"nearest known: {', '.join(close)}" if close else ""
