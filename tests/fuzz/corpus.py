"""The kept inputs, one a line: `found-*` once broke something, `kept-*` reached what others did not, `gate-*` are sends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from fuzz.message import Message, line_of, message_of
from fuzz.sending import Send, line_of_send, send_of

FOLDER: Final = Path(__file__).parent / "corpus"
MESSAGES: Final = ("found-*.jsonl", "kept-*.jsonl")
SENDS: Final = "gate-*.jsonl"


def _lines(pattern: str) -> Iterator[tuple[str, str]]:
    for path in sorted(FOLDER.glob(pattern)):
        for line in path.read_text(encoding="utf-8").split("\n"):
            if line:
                yield path.name, line


def messages() -> list[tuple[str, Message]]:
    """Every kept message, and the file that it stands in."""
    return [(name, message_of(line)) for pattern in MESSAGES for name, line in _lines(pattern)]


def sends() -> dict[str, list[Send]]:
    """The kept batches of sends, by file."""
    found: dict[str, list[Send]] = {}
    for name, line in _lines(SENDS):
        found.setdefault(name, []).append(send_of(line))
    return found


def add_message(target: str, message: Message) -> Path:
    """Keeps a message that broke something."""
    path = FOLDER / f"found-{target}.jsonl"
    with path.open("a", encoding="utf-8") as file:
        file.write(line_of(message) + "\n")
    return path


def add_sends(name: str, batch: Iterable[Send]) -> Path:
    """Keeps the sends that broke something, as a file of their own."""
    path = FOLDER / f"gate-{name}.jsonl"
    path.write_text("".join(f"{line_of_send(each)}\n" for each in batch), encoding="utf-8")
    return path
