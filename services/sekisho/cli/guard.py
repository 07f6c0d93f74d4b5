"""The worldwide guard: what an error, Ctrl-C or a closed pipe looks like to whoever called `sekisho`.

An expected error is told in words, with what to do, and no traceback (`--debug` shows it). Exit codes are those of the
contract: 0 done, 1 found something wrong, 2 usage; and, as shells have them, 130 after Ctrl-C, 141 after a closed pipe.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from sekisho.cli.lazy import LazyGroup
from sekisho.cli.outcome import DONE, FOUND, INTERRUPTED, PIPE_CLOSED, CommandError, PipeClosedError


class GuardedGroup(LazyGroup):
    """A lazy group that ends the process in an orderly way, whatever happens below it."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command. Raises PipeClosedError: click would take a BrokenPipeError for its own and exit with 1."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise PipeClosedError from error

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: ARG002 (click's signature; this one always ends the process)
        **extra: Any,
    ) -> NoReturn:
        """Run the command that `args` (default: the process's) name and exit."""
        given = list(sys.argv[1:] if args is None else args)
        debug = "--debug" in given[: _options_end(given)]
        for stream in (sys.stdout, sys.stderr):
            _line_by_line(stream)
        try:
            code = super().main(given, prog_name or "sekisho", complete_var, standalone_mode=False, **extra)
            sys.stdout.flush()
        except (PipeClosedError, BrokenPipeError):
            _leave_stdout()
            sys.exit(PIPE_CLOSED)
        except BaseException as error:  # noqa: BLE001 (told, never swallowed: the exit code says it)
            if debug:
                traceback.print_exception(error)
            code = _told(error)
        sys.exit(code if isinstance(code, int) else DONE)


def _options_end(given: Sequence[str]) -> int:
    """How many of the arguments are options of the root."""
    for index, argument in enumerate(given):
        if not argument.startswith("-"):
            return index
    return len(given)


def _told(error: BaseException) -> int:
    """Say what happened on stderr; the exit code."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else FOUND
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        click.echo("Interrupted.", err=True)
        return INTERRUPTED
    if isinstance(error, click.ClickException):
        error.show()
        return error.exit_code
    if isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        return _told(error.exceptions[0])
    from sekisho.cli.expected import as_command_error

    known = error if isinstance(error, CommandError) else as_command_error(error)
    if known is None:
        known = CommandError(
            f"{type(error).__name__}: {error}",
            "This is a fault in Sekisho. `sekisho --debug …` shows where; please report it.",
        )
    click.echo(f"Error: {known.message}", err=True)
    if known.remedy:
        click.echo(known.remedy, err=True)
    return known.code


def _line_by_line(stream: Any) -> None:
    """Whoever reads along through a pipe sees each line at once. A terminal that knows no Japanese shows `?`."""
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(
            errors="replace" if stream is sys.stdout else "backslashreplace", line_buffering=True
        )


def _leave_stdout() -> None:
    """Whoever read our output has gone: what is still buffered must not fail at exit."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
    os.close(devnull)
