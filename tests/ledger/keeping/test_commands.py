"""`sekisho audit purge`, `hold`, `extend`, as an operator runs them, on a real PostgreSQL with a real signing key."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ledger.keeping.held_world import ORIGIN, Wanted, World
from sekisho.cli.app import root
from sekisho.domain.calendar import tokyo_day
from sekisho.ledger.ingest.pseudonyms import Pseudonyms
from sekisho.ledger.publish.keys import KeyPlaces, load_subject_key

pytestmark = pytest.mark.database
Run = Callable[..., Result]
TODAY = tokyo_day(datetime.now(UTC))
YESTERDAY = TODAY - timedelta(days=1)
WHY = ("--reason", "an inquiry", "--by", "legal")


@pytest.fixture
def made(database: str) -> World:
    """A ledger, made without an event loop: the commands run their own."""
    world = World(database)
    asyncio.run(world.make())
    return world


@pytest.fixture
def run(made: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command, in this ledger."""
    monkeypatch.setenv("SEKISHO_DATABASE_URL", made.url)
    monkeypatch.setenv("SEKISHO_LEDGER_ORIGIN", ORIGIN)
    monkeypatch.setenv("SEKISHO_LEDGER_DIRECTORY", str(tmp_path / "ledger"))
    monkeypatch.setenv("SEKISHO_LEDGER_CLOCK_SKEW_SECONDS", "60")

    def called(*arguments: str, code: int = 0) -> Result:
        result = CliRunner().invoke(root, ["audit", *arguments])
        assert result.exit_code == code, result.output
        return result

    return called


def test_the_dry_run_is_the_default_and_changes_nothing(made: World, run: Run) -> None:
    """It tells what is due by rule and month, and that --execute deletes it; every row stays."""
    asyncio.run(made.take([Wanted(YESTERDAY), Wanted(TODAY), Wanted(None)]))
    before = made.sql("SELECT count(*) FROM leaf")
    asyncio.run(_signed(made))
    told = json.loads(run("purge", "--json").stdout)
    assert (told["due"], told["held"], told["no_end"], told["simulated"]) == (1, 0, 1, False)
    assert told["groups"] == [
        {"month": f"{YESTERDAY:%Y-%m}", "kind": "record", "rule": "ER 21(iii)", "method": "individual", "due": 1, "held": 0}
    ]  # fmt: skip
    assert told["rows"][0]["until"] == YESTERDAY.isoformat()
    shown = run("purge").stdout
    assert "ER 21(iii)" in shown
    assert "--execute" in shown
    assert "the least" in shown
    assert len(made.kept()) == 3
    assert made.sql("SELECT count(*) FROM leaf") == before


async def _signed(world: World) -> None:
    world.clock.both(datetime.now(UTC))
    await world.sign()


def test_a_simulated_day_never_deletes(made: World, run: Run) -> None:
    """--as-of shows what would be due; with --execute it is wrong usage."""
    asyncio.run(made.take([Wanted(TODAY + timedelta(days=1000))]))
    later = (TODAY + timedelta(days=1001)).isoformat()
    assert json.loads(run("purge", "--as-of", later, "--json").stdout)["due"] == 1
    assert "simulation" in run("purge", "--as-of", later, "--execute", "--yes", code=2).output
    assert len(made.kept()) == 1


def test_execute_deletes_what_is_due(made: World, run: Run) -> None:
    """After a real checkpoint was signed; without a terminal it needs --yes."""
    asyncio.run(made.take([Wanted(YESTERDAY), Wanted(TODAY)]))
    assert "--yes" in run("purge", "--execute", code=2).output
    told = json.loads(run("purge", "--execute", "--yes", "--json").stdout)
    assert (told["purged"], told["held"], told["refusal"]) == (1, 0, None)
    assert [each["clean"] for each in told["erased"]] == [True]
    assert len(made.kept()) == 1
    assert len(made.acts("purge")) == 1
    assert "0" in run("purge", "--execute", "--yes").stdout


def test_a_refusal_is_told_in_words(made: World, run: Run) -> None:
    """A record that is not due: exit code 1, until when it is to be kept, and a leaf."""
    wanted = Wanted(TODAY)
    asyncio.run(made.take([wanted]))
    result = run("purge", "--execute", "--yes", "--record", wanted.record_id, code=1)
    assert f"until {TODAY}" in result.output
    assert [leaf["cause"] for leaf in made.acts("refusal")] == ["not_due"]


def test_holds_are_placed_listed_and_released(made: World, run: Run, tmp_path: Path) -> None:
    """By person, through the keyed hash; the id stands in no leaf and not in the hold's row."""
    key = load_subject_key(KeyPlaces(tmp_path / "ledger" / "keys", None, None), may_make=True)
    who = Pseudonyms(key.secret).subject("C-000001")
    asyncio.run(made.take([Wanted(YESTERDAY, subject=who), Wanted(YESTERDAY)]))
    placed = json.loads(run("hold", "place", "--subject", "C-000001", *WHY, "--json").stdout)
    assert placed["covered"] == 1
    (listed,) = json.loads(run("hold", "list", "--json").stdout)
    assert (listed["hold"], listed["covered"], listed["selector"]) == (
        placed["hold"], 1, {"subject_hmacs": [who.hex()]},
    )  # fmt: skip
    assert placed["hold"] in run("hold", "list").stdout
    told = json.loads(run("purge", "--execute", "--yes", "--json").stdout)
    assert (told["purged"], told["held"], told["refusal"]) == (1, 1, "hold")
    (bodies,) = made.sql("SELECT string_agg(encode(leaf, 'escape'), '') FROM leaf")
    assert "C-000001" not in bodies[0]
    assert "C-000001" not in str(made.sql("SELECT selector FROM hold"))
    told = json.loads(run("hold", "release", placed["hold"], *WHY, "--json").stdout)
    assert told == {"hold": placed["hold"], "released": True}
    run("hold", "release", placed["hold"], *WHY, code=1)
    assert json.loads(run("hold", "list", "--json").stdout) == []
    assert json.loads(run("purge", "--execute", "--yes", "--json").stdout)["purged"] == 1


def test_a_hold_names_something(run: Run) -> None:
    """Nothing, or everything and something, is wrong usage."""
    run("hold", "place", *WHY, code=2)
    run("hold", "place", "--all", "--controller", "x", *WHY, code=2)
    run("hold", "place", "--agreement", "unknown", *WHY, code=1)
    run("hold", "release", "not-an-id", *WHY, code=2)


def test_extend_prolongs_and_never_shortens(made: World, run: Run) -> None:
    """A later day is taken, an earlier one refused in words."""
    wanted = Wanted(YESTERDAY)
    asyncio.run(made.take([wanted]))
    later = (TODAY + timedelta(days=30)).isoformat()
    run("extend", "--record", wanted.record_id, "--until", later, *WHY)
    assert [leaf["retain_until"] for leaf in made.acts("extend")] == [later]
    result = run("extend", "--record", wanted.record_id, "--until", TODAY.isoformat(), *WHY, code=1)
    assert "never shortened" in result.output
    assert json.loads(run("purge", "--execute", "--yes", "--json").stdout)["purged"] == 0
    told = json.loads(run("extend", "--record", wanted.record_id, "--open", *WHY, "--json").stdout)
    assert told == [{"name": wanted.record_id, "until": None, "at_least": later}]
    run("extend", "--record", wanted.record_id, *WHY, code=2)


def test_an_agreement_ends_when_an_operator_says_so(made: World, run: Run) -> None:
    """Three years counted from and with the last provision, not before the newest in the ledger."""
    scope = "0b0e7a52-1f63-4c8e-9d53-7a3f6f1c2d10"
    batch = {"scope": scope, "method": "batch", "agreement": 'B "26"', "provided_on": TODAY}
    asyncio.run(made.take([Wanted(None, **batch), Wanted(None, **batch), Wanted(None)]))  # type: ignore[arg-type]
    result = run("extend", "--agreement", 'B "26"', "--ended", YESTERDAY.isoformat(), *WHY, code=1)
    assert f"provision under it on {TODAY}" in result.output
    run("extend", "--agreement", 'B "26"', "--ended", TODAY.isoformat(), *WHY)
    (leaf,) = made.acts("extend")
    assert leaf["target"] == {"scope": scope}
    assert json.loads(run("purge", "--as-of", leaf["retain_until"], "--json").stdout)["no_end"] == 1
    held = json.loads(run("hold", "place", "--agreement", 'B "26"', *WHY, "--json").stdout)
    assert held["covered"] == 2


def test_what_of_an_agreement_has_ended_already_hinders_no_end_of_the_rest(made: World, run: Run) -> None:
    """Provider and receiver both record under it: the one's records have their end, the other's get it."""
    batch = {"method": "batch", "agreement": "AG-1", "provided_on": YESTERDAY}
    mine, theirs = "0b0e7a52-1f63-4c8e-9d53-7a3f6f1c2d10", "1b0e7a52-1f63-4c8e-9d53-7a3f6f1c2d10"
    theirs_ends = TODAY + timedelta(days=900)
    asyncio.run(
        made.take(
            [
                Wanted(None, scope=mine, **batch),  # type: ignore[arg-type]
                Wanted(theirs_ends, scope=theirs, controller="insurer", **batch),  # type: ignore[arg-type]
            ]
        )
    )
    told = run("extend", "--agreement", "AG-1", "--ended", TODAY.isoformat(), *WHY).stdout
    (leaf,) = made.acts("extend")
    assert leaf["target"] == {"scope": mine}
    assert f"Kept until {theirs_ends}" in told
    assert f"Kept until {leaf['retain_until']}" in told
    result = run("extend", "--agreement", "AG-1", "--ended", TODAY.isoformat(), *WHY, code=1)
    assert "ended already" in result.output


def test_what_nobody_could_read_ends_when_an_operator_says_so(made: World, run: Run) -> None:
    """No rule gives it an end; once an operator has, it is deleted like all that is due, and never made to end earlier."""
    run("purge", "--execute", "--yes")
    asyncio.run(made.take([Wanted(None, kind="unreadable", method=None, basis=None)]))
    (offset,) = next(iter(made.sql("SELECT max(koff) FROM leaf")))
    name, day = f"sekisho-provision-records:0:{offset}", YESTERDAY.isoformat()
    run("extend", "--unreadable", name, *WHY, code=2)
    run("extend", "--unreadable", "0:7", "--until", day, *WHY, code=2)
    run("extend", "--unreadable", "sekisho-provision-records:1:0", "--until", day, *WHY, code=1)
    told = json.loads(run("extend", "--unreadable", name, "--until", day, *WHY, "--json").stdout)
    assert told == [{"name": name, "until": day, "at_least": day}]
    assert "never shortened" in run("extend", "--unreadable", name, "--until", day, *WHY, code=1).output
    assert json.loads(run("purge", "--execute", "--yes", "--json").stdout)["purged"] == 1


@pytest.mark.parametrize(("answer", "code", "left"), [("n", 130, 1), ("y", 0, 0)])
def test_on_a_terminal_it_asks_first(made: World, run: Run, answer: str, code: int, left: int) -> None:
    """How many would go, for good; a no deletes nothing."""
    run("purge", "--execute", "--yes")
    asyncio.run(made.take([Wanted(YESTERDAY)]))
    assert json.loads(run("purge", "--json").stdout)["due"] == 1
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "sekisho", "audit", "purge", "--execute"],
        stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    os.write(ours, f"{answer}\n".encode())
    told, _ = process.communicate(timeout=120)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == code, told.decode()
    assert "Deletes the contents of 1 for good" in told.decode()
    assert len(made.kept()) == left
