"""Makes `.venv` with everything that Sekisho needs, from the hashed lock. Standard library only; `make setup` runs it.

It says what it does. A second run finds the stamp of the first and does nothing, without the network. The stamp is taken away
before anything is changed and written at the very end, so a set-up that was interrupted never looks done: it is redone.
"""

# ruff: noqa: S603, T201  (it talks to a person, and runs pip with an argument list of its own)
from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
STAMP = VENV / "sekisho-setup.json"
LOCK = ROOT / "requirements.lock"
NO_NETWORK = re.compile(
    "NewConnectionError|NameResolutionError|Name or service not known|Temporary failure in name resolution|"
    "Network is unreachable|Connection refused|ConnectTimeoutError|ReadTimeoutError|ProxyError|nodename nor servname"
)
REMEDY_NETWORK = """\
The network (or the package index) cannot be reached from here. What to do:
  - connect this machine and run the same command again; once it is done, later runs need no network;
  - or point pip at a mirror or a folder of wheels: PIP_INDEX_URL=… or PIP_FIND_LINKS=… PIP_NO_INDEX=1.
"""
REMEDY_OTHER = """\
pip failed; its last lines are above. If it says that a hash does not match or that no wheel fits this Python ({version}), try
another one: make clean, then make PYTHON=/path/to/python3.12 setup. If it speaks of sekisho's own metadata, the checkout is not
whole: git status.
"""


class SetupError(Exception):
    """The set-up cannot go on; the text says why and what to do."""


def say(text: str) -> None:
    """One line of progress, at once."""
    print(f"set-up: {text}", flush=True)


def wanted_stamp() -> dict[str, str]:
    """What a finished set-up of this checkout looks like: any difference means work to do."""
    return {
        "lock": hashlib.sha256(LOCK.read_bytes()).hexdigest(),
        "project": hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest(),
        "place": str(ROOT),
    }


def found_stamp() -> dict[str, str] | None:
    """The stamp of a finished set-up whose Python still works, else None."""
    try:
        stamp = json.loads(STAMP.read_text("utf-8"))
        subprocess.run([venv_python(), "-c", ""], check=True, capture_output=True, timeout=60)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return stamp if isinstance(stamp, dict) else None


def venv_python() -> str:
    """The Python inside `.venv`."""
    return str(VENV / "bin" / "python")


def make_venv() -> None:
    """A new, empty `.venv`; what is left of another one goes."""
    say(f"making .venv with Python {sys.version.split()[0]}")
    if VENV.is_symlink() or VENV.is_file():
        raise SetupError(f"{VENV} is not a folder; move it away and run this again.")
    shutil.rmtree(VENV, ignore_errors=True)
    venv.create(VENV, with_pip=True)


def locked_packages() -> int:
    """How many packages the lock names (a few of them only for other systems or Pythons)."""
    return len(re.findall(r"^[a-z0-9][\w.-]*==", LOCK.read_text("utf-8"), re.MULTILINE | re.IGNORECASE))


def run_pip(arguments: list[str], total: int) -> None:
    """Run pip in `.venv`, telling progress by its own lines. Raises SetupError with what to do."""
    command = [venv_python(), "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments]
    said: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT
    ) as pip:
        assert pip.stdout is not None
        collected = 0
        for line in pip.stdout:
            said.append(line.rstrip())
            collected += line.startswith("Collecting ")
            if line.startswith("Collecting ") and collected % 20 == 0:
                say(f"  {collected} of about {total} packages")
            elif collected and line.startswith("Installing collected"):
                say("  all fetched, unpacking")
    if pip.returncode:
        fail_pip(said)


def fail_pip(said: list[str]) -> None:
    """Raise SetupError with pip's last lines and the remedy that fits them."""
    lines = [
        line
        for line in said
        if line and not line.startswith(("Collecting", "  Downloading", "  Using cached"))
    ]
    offline = any(NO_NETWORK.search(line) for line in said)
    remedy = REMEDY_NETWORK if offline else REMEDY_OTHER.format(version=sys.version.split()[0])
    raise SetupError("\n".join([*lines[-8:], "", remedy]))


def install() -> None:
    """The locked packages, hashes required, wheels only; then the project itself, editable."""
    total = locked_packages()
    say(f"installing about {total} locked packages (hashes checked; the first time a minute or two)")
    locked = ["--require-hashes", "--only-binary", ":all:", "-r", str(LOCK)]
    run_pip(["install", "--retries", "2", "--progress-bar", "off", *locked], total)
    say("installing Sekisho itself, from this checkout")
    # the build back end is among the locked packages: nothing is fetched here
    run_pip(["install", "--no-deps", "--no-build-isolation", "--no-index", "--editable", str(ROOT)], 0)


def main() -> int:
    """Do what is missing; exit 0 when `.venv` is as the lock says."""
    wanted, found = wanted_stamp(), found_stamp()
    if found == wanted:
        return 0
    started = time.monotonic()
    try:
        if found is None or found.get("place") != wanted["place"]:
            make_venv()
        else:
            say("the lock or the project has changed; bringing .venv up to date")
            STAMP.unlink()
        install()
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nset-up: interrupted; the next run begins anew", file=sys.stderr)
        return 130
    unfinished = STAMP.with_suffix(".part")
    unfinished.write_text(json.dumps(wanted), "utf-8")
    unfinished.replace(STAMP)
    say(f"done in {time.monotonic() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
