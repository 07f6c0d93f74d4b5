"""The messages whose outcomes are pinned: `bases.jsonl`, each as it is, and changed by chance."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from fuzz.chance import Chance
from fuzz.golden.encodings import of_outputs
from fuzz.message import Message, line_of, message_of
from fuzz.mutating import mutated
from fuzz.outcomes import Outcome, of_consent, of_request

FOLDER: Final = Path(__file__).parent
COUNTS: Final[Mapping[str, int]] = {"request": 3000, "consent": 2000, "output": 800}


class Input(NamedTuple):
    """What is read, or written, and how its outcome is found; `sent` is the message as a line, "" for an output."""

    kind: str
    number: int
    sent: str
    outcome: Callable[[], Outcome]


@cache
def bases(kind: str) -> tuple[Message, ...]:
    """The messages that the others of a kind are made of. They are kept, so that a new case changes no outcome."""
    lines = (FOLDER / f"bases-{kind}.jsonl").read_text(encoding="utf-8").split("\n")
    return tuple(message_of(line) for line in lines if line)


def inputs() -> Iterator[Input]:
    """All inputs, in order."""
    for kind, count in COUNTS.items():
        for number in range(count):
            yield an_input(kind, number)


def an_input(kind: str, number: int) -> Input:
    """One input."""
    if kind == "output":
        return Input(kind, number, "", lambda: of_outputs(number))
    message = _message(kind, number)
    of = {"request": of_request, "consent": of_consent}[kind]
    return Input(kind, number, line_of(message), lambda: of(message))


def _message(kind: str, number: int) -> Message:
    known = bases(kind)
    if number < len(known):
        return known[number]
    chance = Chance(number)
    return mutated(chance, chance.pick(known))
