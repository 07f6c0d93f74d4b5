"""A person's screen: at most 100 columns, 80 where it is no terminal; colour only on a terminal (NO_COLOR honoured)."""

from __future__ import annotations

from typing import IO, Any, Final

from rich.console import Console
from rich.text import Text as Styled

from sekisho.cli.wrapping import wrap

WIDEST: Final = 100
ASSUMED: Final = 80


class Screen:
    """Writes wrapped paragraphs; never interprets what it is given as markup."""

    def __init__(self, stream: IO[str]) -> None:
        console = Console(file=stream, highlight=False, markup=False, emoji=False)
        self.is_terminal = console.is_terminal
        width = console.width if console.is_terminal else ASSUMED
        self.width = min(width, WIDEST)
        self._console = console

    def line(self, text: str = "", style: str = "") -> None:
        """One line as it is."""
        self._console.print(Styled(text, style), soft_wrap=True)

    def text(self, text: str, *, indent: int = 0, first: str = "", style: str = "", lead: str = "") -> None:
        """A paragraph; `first` stands before its first line (in style `lead`), the others are indented as far."""
        head = Styled(" " * indent).append(first, lead)
        hanging = " " * head.cell_len
        for index, line in enumerate(wrap(text, max(self.width - len(hanging), 20))):
            start = head if index == 0 else Styled(hanging)
            self._console.print(Styled.assemble(start, (line, style)), soft_wrap=True)

    def rule(self, title: str) -> None:
        """A heading: the title in a line across the screen."""
        self.line()
        first, *others = wrap(title, self.width - 4)
        self.line(f"── {first} " + "─" * (self.width - Styled(first).cell_len - 4), "bold")
        for line in others:
            self.line(f"   {line}", "bold")


def stdout_screen() -> Screen:
    """The screen on this process's stdout as it is now."""
    import sys

    return Screen(sys.stdout)


def mapping(value: Any) -> dict[str, Any]:
    """A part of a message that is an object; an empty one where it is absent (readers ignore what they do not know)."""
    return value if isinstance(value, dict) else {}
