"""The sample rulebook (sample-group.md), as it comes with the package."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import sekisho

_PACKAGE: Final = Path(sekisho.__file__).parent
_PACKAGED: Final = _PACKAGE / "rulebook" / "sample"
_CHECKOUT: Final = _PACKAGE.parent.parent / "deploy" / "rulebook"


def sample_path() -> Path:
    """The folder of the sample rulebook: packed into a wheel, or `deploy/rulebook` in a checkout.

    Raises FileNotFoundError if the package was put together without it.
    """
    for path in (_PACKAGED, _CHECKOUT):
        if path.is_dir():
            return path
    raise FileNotFoundError(
        f"the sample rulebook is neither in {_PACKAGED} nor in {_CHECKOUT}: reinstall sekisho"
    )
