"""The auditor's Go program as the outside yardstick, where Go is there."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final, NamedTuple

_SOURCE: Final = Path(__file__).parents[2] / "deploy" / "auditor"
_BUILD_S: Final = 240.0
_RUN_S: Final = 300.0


class Auditor(NamedTuple):
    """The program, built, and the folder of its source."""

    program: Path
    source: Path


def auditor(folder: Path) -> Auditor | None:
    """Builds it into a folder; None where Go or its modules are missing."""
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if go is None:
        return None
    command = [go, "build", "-o", str(folder / "verify"), "."]
    built = subprocess.run(command, cwd=_SOURCE, capture_output=True, check=False, timeout=_BUILD_S)
    return None if built.returncode else Auditor(folder / "verify", _SOURCE)


def outside(found: Auditor, bundle: Path) -> None:
    """Verifies a bundle. Raises RuntimeError where it does not hold."""
    command = [str(found.program), str(bundle), str(bundle / "keys")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_RUN_S)
    if done.returncode:
        raise RuntimeError(f"the bundle does not verify from outside:\n{(done.stdout + done.stderr)[-2000:]}")
