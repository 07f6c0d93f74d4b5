"""Where the example files are: `deploy/examples` in a checkout, inside the package elsewhere."""

from __future__ import annotations

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
    path = examples_path() / name
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
