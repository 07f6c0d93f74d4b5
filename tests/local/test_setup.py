"""The set-up scripts: an up-to-date `.venv` costs nothing, a half-done one never looks done, and every failure says what to do."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
FIND_PYTHON = ROOT / "deploy" / "setup" / "find-python.sh"


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The set-up script, working on a small checkout of the test's own."""
    spec = importlib.util.spec_from_file_location("sekisho_setup", ROOT / "deploy" / "setup" / "install.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "requirements.lock").write_text(
        "one==1.0 \\\n    --hash=sha256:00\ntwo==2.0 \\\n    --hash=sha256:00\n"
    )
    (tmp_path / "pyproject.toml").write_text("")
    for name, path in {
        "ROOT": tmp_path,
        "VENV": tmp_path / ".venv",
        "STAMP": tmp_path / ".venv" / "sekisho-setup.json",
        "LOCK": tmp_path / "requirements.lock",
    }.items():
        monkeypatch.setattr(module, name, path)
    return module


@pytest.fixture
def pip(install: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """In place of pip: writes down whether the stamp was there when it was called; and venvs without pip, made quickly."""
    calls: list[str] = []

    def called(arguments: list[str], total: int) -> None:
        calls.append("stamped" if install.STAMP.exists() else "unstamped")

    def make_venv(folder: Path, *, with_pip: bool) -> None:
        (folder / "bin").mkdir(parents=True)
        (folder / "bin" / "python").symlink_to(sys.executable)

    monkeypatch.setattr(install, "run_pip", called)
    monkeypatch.setattr(install.venv, "create", make_venv)
    return calls


def test_a_second_setup_does_nothing(install: ModuleType, pip: list[str]) -> None:
    """The first set-up installs the packages and the project; the second finds its stamp and calls nothing."""
    assert install.main() == 0
    assert pip == ["unstamped", "unstamped"]
    assert install.main() == 0
    assert len(pip) == 2


@pytest.mark.parametrize("changed", ["requirements.lock", "pyproject.toml"])
def test_a_changed_lock_is_installed(
    install: ModuleType, pip: list[str], tmp_path: Path, changed: str
) -> None:
    """When the lock or the project changes, the set-up is done again, unstamped while it lasts."""
    install.main()
    (tmp_path / changed).write_text("three==3.0 \\\n    --hash=sha256:00\n")
    assert install.main() == 0
    assert pip == ["unstamped"] * 4


def test_a_moved_checkout_gets_a_new_venv(install: ModuleType, pip: list[str], tmp_path: Path) -> None:
    """A .venv that came along from another folder has scripts that point there: it is made anew."""
    install.main()
    install.STAMP.write_text(json.dumps({**json.loads(install.STAMP.read_text()), "place": "/elsewhere"}))
    (tmp_path / ".venv" / "left-over").touch()
    assert install.main() == 0
    assert not (tmp_path / ".venv" / "left-over").exists()


def test_a_venv_whose_python_is_gone_is_made_anew(install: ModuleType, pip: list[str]) -> None:
    """A stamp beside a Python that does not run any more (removed from the system) does not count."""
    install.main()
    (install.VENV / "bin" / "python").unlink()
    assert install.main() == 0
    assert len(pip) == 4


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_a_half_done_setup_is_redone(
    install: ModuleType, pip: list[str], monkeypatch: pytest.MonkeyPatch, interruption: type[BaseException]
) -> None:
    """After an interruption in the middle there is no stamp, and the next run begins with a new .venv."""
    good = install.run_pip

    def interrupted(arguments: list[str], total: int) -> None:
        (install.VENV / "half").touch()
        raise interruption

    monkeypatch.setattr(install, "run_pip", interrupted)
    if interruption is KeyboardInterrupt:
        assert install.main() == 130
    else:
        with pytest.raises(SystemExit):
            install.main()
    assert not install.STAMP.exists()
    monkeypatch.setattr(install, "run_pip", good)
    assert install.main() == 0
    assert not (install.VENV / "half").exists()


def failing_pip(install: ModuleType, words: str) -> Callable[[], str]:
    """A stand-in for `.venv/bin/python -m pip` that says something and fails."""
    script = install.ROOT / "pip"
    script.write_text(f"#!/bin/sh\necho Collecting one==1.0\necho '{words}'\nexit 1\n")
    script.chmod(0o755)
    return lambda: str(script)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            "WARNING: Retrying after NewConnectionError: Temporary failure in name resolution",
            "PIP_FIND_LINKS=",
        ),
        (
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE",
            "try\nanother one: make clean",
        ),
    ],
)
def test_a_failing_install_says_what_to_do(
    install: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: str,
    told: str,
) -> None:
    """Without the network it says so and what to do; any other failure shows pip's words and another remedy. No stamp is left."""
    monkeypatch.setattr(install, "make_venv", lambda: install.VENV.mkdir())
    monkeypatch.setattr(install, "venv_python", failing_pip(install, words))
    assert install.main() == 1
    said = capsys.readouterr().err
    assert words in said
    assert told in said
    assert not install.STAMP.exists()


def test_the_makefile_has_the_targets_of_the_readme() -> None:
    """`make` alone lists every target that a newcomer is told of."""
    make = shutil.which("make")
    assert make is not None
    told = subprocess.run([make, "-C", str(ROOT)], capture_output=True, text=True, check=True).stdout
    for target in ("setup", "fetch", "demo", "test", "lint", "bench", "clean", "help"):
        assert f"make {target} " in told


def found_python(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run find-python.sh with nothing on the PATH but one folder."""
    sh = shutil.which("sh")
    assert sh is not None
    return subprocess.run(
        [sh, str(FIND_PYTHON)],
        env={"PATH": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def fake_python(folder: Path, name: str, version: str, code: int) -> None:
    """A command that tells a version and says whether it fits."""
    path = folder / name
    path.write_text(f'#!/bin/sh\ncase "$2" in *venv*) exit {code};; *) echo {version};; esac\n')
    path.chmod(0o755)


def test_the_users_own_python_comes_first_where_it_fits(tmp_path: Path) -> None:
    """python3 is taken if it is new enough, whatever else there is."""
    fake_python(tmp_path, "python3", "3.12.1", 0)
    fake_python(tmp_path, "python3.13", "3.13.0", 0)
    assert found_python(tmp_path).stdout.strip() == str(tmp_path / "python3")


def test_a_newer_python_is_found_beside_an_old_one(tmp_path: Path) -> None:
    """Where python3 is too old, a newer one under its own name is taken."""
    fake_python(tmp_path, "python3", "3.9.2", 1)
    fake_python(tmp_path, "python3.11", "3.11.4", 0)
    assert found_python(tmp_path).stdout.strip() == str(tmp_path / "python3.11")


def test_no_fitting_python_is_told_with_what_was_found(tmp_path: Path) -> None:
    """Where none fits, the message names the version that is needed, those that were found, and the way out."""
    fake_python(tmp_path, "python3", "3.9.2", 1)
    found = found_python(tmp_path)
    assert found.returncode == 1
    assert "needs Python 3.11 or newer" in found.stderr
    assert "python3=3.9.2" in found.stderr
    assert "make PYTHON=" in found.stderr


def test_a_named_python_is_taken_or_refused(tmp_path: Path) -> None:
    """PYTHON=… is the only candidate: it is used if it fits, and nothing else is if it does not."""
    assert found_python(tmp_path, PYTHON=sys.executable).stdout.strip() == sys.executable
    fake_python(tmp_path, "python3", "3.12.1", 0)
    assert found_python(tmp_path, PYTHON=os.fspath(tmp_path / "nothing")).returncode == 1
