"""What a person types next, from where they are: the command, and the example files that come with it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Final

_PACKAGED: Final = Path(__file__).parents[1] / "examples"
_CHECKOUT: Final = Path(__file__).parents[3] / "deploy" / "examples"


def examples_path() -> Path:
    """The folder of the examples. Raises FileNotFoundError if the package was put together without it."""
    for path in (_PACKAGED, _CHECKOUT):
        if path.is_dir():
            return path
    raise FileNotFoundError(f"the examples are neither in {_PACKAGED} nor in {_CHECKOUT}: reinstall sekisho")


def example(name: str) -> str:
    """An example as a person would type its path from where they are."""
    return _from_here(examples_path() / name)


def command() -> str:
    """The command as a person would type it: its name where the PATH has it, else the path that was called."""
    called = Path(sys.argv[0])
    if called.name != "sekisho" or shutil.which("sekisho") is not None:
        return "sekisho"
    return _from_here(called.absolute())


def _from_here(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
