"""The command as a whole: help that is quick and has examples, exit codes, no tracebacks for what is expected."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import click
import pytest

from cli.conftest import Run
from sekisho.cli.app import COMMANDS, root

Write = Callable[..., str]


def commands(
    group: click.Group, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command with the words that call it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        yield (*path, name), found
        if isinstance(found, click.Group):
            yield from commands(found, (*path, name))


ALL = list(commands(root))
LEDGERS = ("psycopg", "alembic", "sqlalchemy", "aiohttp", "cryptography", "typst")
"""Libraries that only the ledger and what reads it need."""
HEAVY = (
    *LEDGERS, "pydantic", "aiokafka", "rich", "ruamel", "confluent_kafka", "rocksdict", "structlog", "mode",
)  # fmt: skip


def loaded_by(script: str, libraries: tuple[str, ...]) -> tuple[set[str], str]:
    """Which of the libraries a new Python has loaded after a script, and what that printed."""
    asking = f"{script}\nimport sys; print(*(set({libraries}) & set(sys.modules)), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", asking], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split()), done.stdout


@pytest.mark.parametrize("words", [words for words, _ in ALL], ids=" ".join)
def test_every_command_has_help_that_fits_its_example(run: Run, words: tuple[str, ...]) -> None:
    """--help works everywhere and shows a command line to copy, or (in a group with one) the group does."""
    result = run(*words, "--help")
    assert result.exit_code == 0
    shown = result.stdout + run(*words[:-1], "--help").stdout
    assert f"sekisho {words[0]}" in shown.replace("Usage: sekisho", "")


def test_help_loads_no_command() -> None:
    """`sekisho --help`, and that of the groups, imports click alone of all libraries, so that it answers at once."""
    for words in ([], ["gate"], ["ledger"], ["audit"]):
        asking = (
            f"from sekisho.cli.app import root\ntry: root.main([*{words}, '--help'])\nexcept SystemExit: pass"
        )
        heavy, shown = loaded_by(asking, HEAVY)
        assert heavy == set(), words
        assert words or all(f"\n  {name} " in shown for name in COMMANDS)


@pytest.mark.parametrize(
    "module", ["bootstrap", "cli.gate", "cli.decide", "cli.send", "cli.tail", "cli.topics", "cli.audit_check"]
)
def test_what_needs_no_ledger_loads_none_of_its_libraries(module: str) -> None:
    """A gate, and the commands on Kafka or on nothing, start without PostgreSQL's driver, keys, fonts or a web server."""
    assert loaded_by(f"import sekisho.{module}", (*LEDGERS, "sekisho.ledger")) == (set(), "")


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["send"], ["decide", "/no/such/file"], ["tail", "decisions", "--max", "0"]]
)
def test_wrong_usage_ends_with_2(run: Run, arguments: list[str]) -> None:
    """Unknown commands, missing arguments, absent files, values out of range."""
    assert run(*arguments).exit_code == 2


def test_a_wrong_setting_is_told_without_a_traceback(
    run: Run, write: Write, document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A misspelt variable names the nearest; exit 2."""
    monkeypatch.setenv("SEKISHO_KAFKA_BOOTSTRP", "x:1")
    result = run("decide", write(document))
    assert result.exit_code == 2
    assert "SEKISHO_KAFKA_BOOTSTRAP" in result.stderr
    assert "Traceback" not in result.stderr


def test_debug_shows_the_traceback(run: Run, write: Write) -> None:
    """What is told in words is shown in full with --debug."""
    path = write("[1", name="broken.json")
    assert "Traceback" not in run("decide", path).stderr
    assert "Traceback" in run("--debug", "decide", path).stderr


def test_a_fault_of_the_program_is_told_as_such(
    run: Run, monkeypatch: pytest.MonkeyPatch, write: Write, document: dict[str, Any]
) -> None:
    """An error that nobody expected is not passed off as the caller's: exit 1, and how to see where."""
    from sekisho.cli import decide

    def broken(*_: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(decide, "answer", broken)
    result = run("decide", write(document))
    assert result.exit_code == 1
    assert "ZeroDivisionError" in result.stderr
    assert "--debug" in result.stderr


def test_ctrl_c_ends_with_130(tmp_path: Any) -> None:
    """SIGINT while waiting for input: one line, no traceback."""
    fifo = tmp_path / "documents"
    os.mkfifo(fifo)
    process = subprocess.Popen(
        [sys.executable, "-m", "sekisho", "decide", str(fifo)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with fifo.open("w"):  # returns when the command has opened it, and so has been loaded
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130, stderr
    assert stderr.strip() == "Interrupted."


def test_a_closed_pipe_is_no_error(write: Write, document: dict[str, Any]) -> None:
    """`sekisho decide FILE | head -1`: the reader goes, the command ends quietly as others do."""
    path = write(*[document] * 3000)
    process = subprocess.Popen(
        [sys.executable, "-m", "sekisho", "decide", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    stderr = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait(timeout=60) == 141
    assert "Traceback" not in stderr
    assert "BrokenPipe" not in stderr


def test_the_version_is_the_projects() -> None:
    """What decisions name as their engine's version is what the package is released as."""
    import tomllib
    from pathlib import Path

    from sekisho import __version__
    from sekisho.bootstrap import DECISION_FORMAT
    from sekisho.cli.deciding import ENGINE

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["version"] == __version__
    assert (ENGINE.version, ENGINE.format) == (__version__, DECISION_FORMAT)
