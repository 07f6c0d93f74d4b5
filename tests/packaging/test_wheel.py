"""The built wheel works outside the checkout: what it ships is enough to decide."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHIPPED = ("pyproject.toml", "README.md", "services", "deploy", "schemas")


@pytest.fixture(scope="session")
def unpacked_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a copy of the sources, unpacked into a folder far from the checkout."""
    copy, built, unpacked = (tmp_path_factory.mktemp(name) for name in ("sources", "built", "unpacked"))
    for name in SHIPPED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy(source, copy / name)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(built), str(copy)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    (wheel,) = built.glob("sekisho-*.whl")
    zipfile.ZipFile(wheel).extractall(unpacked)
    return unpacked


def _run(wheel: Path, *arguments: str, told: str = "") -> subprocess.CompletedProcess[str]:
    """Runs the wheel's command in its own folder, with the libraries of this environment but without the checkout."""
    start = "import sys; sys.path.insert(0, sys.argv.pop(1)); from sekisho.cli import main; sys.exit(main())"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SEKISHO_")}
    return subprocess.run(
        [sys.executable, "-c", start, str(wheel), *arguments],
        input=told, cwd=wheel, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_the_wheels_own_code_answers(unpacked_wheel: Path) -> None:
    """The code that runs is the wheel's, not the checkout's."""
    told = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(unpacked_wheel)!r}); import sekisho; print(sekisho.__file__)"],
        cwd=unpacked_wheel, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert Path(told.stdout.strip()).is_relative_to(unpacked_wheel)


def test_it_decides_with_the_sample_rulebook_that_it_ships(unpacked_wheel: Path) -> None:
    """`sekisho decide` answers from the wheel alone: the sample rulebook is inside."""
    request = {
        "request_id": "wheel-1",
        "requested_at": "2026-11-21T10:00:00+09:00",
        "requester": {"organization": "savings-bank", "business": "deposit", "system": "core-banking"},
        "subject": {"id": "C-1", "kind": "individual"},
        "action": "use",
        "holder": "savings-bank",
        "items": ["savings.balance"],
        "purpose": "savings.administration",
        "activity": {"kind": "maintenance", "mode": "none"},
    }
    document = {"at": "2026-11-21T10:00:00+09:00", "events": [], "request": request}
    done = _run(unpacked_wheel, "decide", "-", told=json.dumps(document))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["items"][0]["basis"] == ["basis.specified_purpose"]


def test_its_rulebook_passes_its_own_check(unpacked_wheel: Path) -> None:
    """`sekisho rulebook check` finds the shipped sample without fault."""
    done = _run(unpacked_wheel, "rulebook", "check", str(unpacked_wheel / "sekisho" / "rulebook" / "sample"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_not_code_is_shipped(unpacked_wheel: Path) -> None:
    """The lock of Kafka's jars and the type marker go with the wheel."""
    for name in ("local/kafka-lock.json", "py.typed"):
        assert (unpacked_wheel / "sekisho" / name).is_file()
