"""How a command can end: its exit code, and what it could not do, in words.

The codes are the contract's: 0 done, 1 found something wrong, 2 usage; and, as shells have them, 130 after Ctrl-C, 141
after a closed pipe.
"""

from __future__ import annotations

from typing import Final

DONE: Final = 0
FOUND: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130
PIPE_CLOSED: Final = 141


class CommandError(Exception):
    """What a command could not do: the text says what is wrong, `remedy` what to do; `code` is the exit code."""

    def __init__(self, message: str, remedy: str = "", *, code: int = FOUND) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.code = code


class InputError(CommandError):
    """What was given to a command cannot be used: wrong usage (exit code 2)."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message, remedy, code=USAGE)


class PipeClosedError(Exception):
    """Whoever read this command's output has gone."""
