"""A copy of the code, so that what runs for an hour is one state of it: gates are started again and again meanwhile."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn

_PARTS: Final = ("services", "tests", "deploy/rulebook")
SAYS: Final = "commit.txt"
"""The file beside the copy that tells what it was made of."""


def taken(root: Path, commit: str | None, into: Path) -> Path:
    """Copies the code of a commit, None: of the working tree as it is now; gives the folder. Raises CalledProcessError."""
    into.mkdir(parents=True)
    if commit is not None:
        packed = _git(root, "archive", commit, *_PARTS)
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(into, filter="data")
    else:
        for part in _PARTS:
            shutil.copytree(root / part, into / part, ignore=shutil.ignore_patterns("__pycache__"))
    (into / SAYS).write_text(_told(root, commit), "utf-8")
    return into


def _told(root: Path, commit: str | None) -> str:
    revision = _git(root, "rev-parse", "--short", commit or "HEAD").decode().strip()
    changed = commit is None and bool(_git(root, "status", "--porcelain", *_PARTS).strip())
    return revision + (" with changes that are not committed" if changed else "")


def _git(root: Path, *arguments: str) -> bytes:
    return subprocess.run(["git", "-C", str(root), *arguments], check=True, capture_output=True).stdout


def run_again_with(code: Path, arguments: Sequence[str]) -> NoReturn:
    """This program in place of itself, from the copy."""
    path = os.pathsep.join((str(code / "services"), str(code / "tests")))
    os.execve(sys.executable, [sys.executable, "-m", "soak", *arguments], {**os.environ, "PYTHONPATH": path})


def of(code: Path) -> str:
    """What a copy was made of; "" where this is none."""
    path = code / SAYS
    return path.read_text("utf-8") if path.exists() else ""
