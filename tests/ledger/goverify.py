"""Checks from outside, with tools that are not ours: deploy/auditor's Go program, and tessera's `fsck`.

Each is built once per session into a temporary folder. Where Go or its modules cannot be had, the test that asks is
skipped and says why.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

import pytest

AUDITOR: Final = Path(__file__).parents[2] / "deploy" / "auditor"
FSCK: Final = "github.com/transparency-dev/tessera/cmd/fsck@v1.0.4"
BUILD_S: Final = 240.0
RUN_S: Final = 120.0
FSCK_S: Final = 60.0
"""fsck may hang on a fault (ledger.md): after this long it has failed. A sound log of a million entries takes it a second."""

_folder = tempfile.TemporaryDirectory(prefix="goverify-")


def run(bundle: Path, vkeys: Path, *old: Path) -> tuple[int, str]:
    """Runs deploy/auditor on a bundle: its exit code (0: everything holds) and what it prints."""
    command = [str(each) for each in (_auditor(), bundle, vkeys, *old)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_S, check=False)
    return done.returncode, done.stdout + done.stderr


def fsck(log: Path, vkey: str) -> tuple[bool, str]:
    """Runs tessera's fsck on one log's directory: whether the log is sound, and what fsck prints.

    It ends with 0 whatever it found, so its messages decide; a time-out is a failure too.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".vkey") as key:
        key.write(vkey)
        key.flush()
        command = [str(_fsck()), "--ui=false", "--N=64", f"--storage_url={log.resolve().as_uri()}/"]
        try:
            done = subprocess.run(
                [*command, f"--public_key={key.name}"],
                capture_output=True,
                text=True,
                timeout=FSCK_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return False, f"no end after {FSCK_S:.0f} s"
    told = done.stdout + done.stderr
    return done.returncode == 0 and "fsck failed" not in told, told


@cache
def _auditor() -> Path:
    """The auditor's program. Only what cannot be fetched skips: what does not compile fails."""
    fetched = go("mod", "download")
    if fetched.returncode:
        pytest.skip(f"Go's modules cannot be fetched: {_last_line(fetched)}")
    program = Path(_folder.name) / "verify"
    built = go("build", "-o", str(program), ".")
    assert not built.returncode, built.stderr
    return program


@cache
def _fsck() -> Path:
    built = go("install", FSCK, GOBIN=_folder.name)
    if built.returncode:
        pytest.skip(f"tessera's fsck cannot be built: {_last_line(built)}")
    return Path(_folder.name) / "fsck"


def go(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs Go in the auditor's folder; skips the test, with the reason, where Go is missing or does not end."""
    program = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if program is None:
        pytest.skip("Go is not installed: nothing outside this project checks the log here")
    try:
        return subprocess.run(
            [program, *arguments],
            cwd=AUDITOR,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=BUILD_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"go {arguments[0]} did not end within {BUILD_S:.0f} s")


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    return (done.stderr.strip().splitlines() or ["it does not say why"])[-1]
