"""The ledger that a command talks to: its PostgreSQL and its folder.

The one that the settings name, else the one that `sekisho up` keeps running, else the ledger's own on this machine: where
nobody runs it, it runs for the time of the command.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from sekisho.cli.connection import quiet, up_folder
from sekisho.cli.here import postgres_limits
from sekisho.cli.outcome import InputError
from sekisho.settings import Settings

if TYPE_CHECKING:
    from sekisho.ledger.ingest.pseudonyms import Pseudonyms
    from sekisho.ledger.publish.keys import KeyPlaces
    from sekisho.ledger.store.connection import Connection, Role
    from sekisho.local.postgres_folder import PostgresFolder

_FOLDER: Final = "postgres"


class LedgerHome(NamedTuple):
    """Where a ledger is: its database's URL (it may hold a password: never print it) and the folder of its keys and tiles."""

    url: str
    folder: Path


def told_on_stderr(said: str) -> None:
    """A remark or a line of progress, kept apart from what the command prints."""
    click.echo(said, err=True)


@contextmanager
def ledger_home(
    settings: Settings, on_progress: Callable[[str], None] = told_on_stderr, *, make: bool = False
) -> Iterator[LedgerHome]:
    """The ledger of these settings, its database up until the end.

    `make`: a new database folder is made where there is none (the service); else InputError tells that there is no ledger.
    """
    if not make:
        quiet(settings)  # a command's own output is what it prints; the service says how it logs
    if settings.database_url is not None:
        yield LedgerHome(settings.database_url.get_secret_value(), settings.ledger_folder)
        return
    up = _of_up(settings)
    if up is not None:
        yield up
        return
    with _kept(settings, on_progress, make) as home:
        yield home


def _of_up(settings: Settings) -> LedgerHome | None:
    from sekisho.local.stack import POSTGRES
    from sekisho.local.state import read_state

    folder = up_folder(settings)
    state = read_state(folder)
    if state is None:
        return None
    addresses = [process.address for process in state.alive if process.name == POSTGRES and process.address]
    return LedgerHome(addresses[0], folder / "ledger") if addresses else None


@contextmanager
def _kept(settings: Settings, on_progress: Callable[[str], None], make: bool) -> Iterator[LedgerHome]:
    """The ledger's own here, else that of an `up` which is down."""
    from sekisho.local.postgres_folder import PostgresFolder

    up = up_folder(settings)
    homes = {settings.ledger_folder / _FOLDER: settings.ledger_folder, up / _FOLDER: up / "ledger"}
    there = [path for path in homes if PostgresFolder(path).data.exists()]
    if make:
        there = [settings.ledger_folder / _FOLDER]
    if not there:
        raise InputError(
            f"There is no ledger here: {settings.ledger_folder} has no database.",
            "SEKISHO_DATABASE_URL names another PostgreSQL; `sekisho up` or `sekisho ledger` begins a ledger.",
        )
    with _running(settings, PostgresFolder(there[0]), on_progress) as url:
        yield LedgerHome(url, homes[there[0]])


@contextmanager
def _running(settings: Settings, folder: PostgresFolder, on_progress: Callable[[str], None]) -> Iterator[str]:
    from sekisho.local.postgres import LocalPostgres, PostgresInUseError

    server = LocalPostgres(postgres_limits(settings), data_dir=folder.path, on_progress=on_progress)
    try:
        server.start()
    except PostgresInUseError:
        yield folder.socket_url()  # the ledger itself runs it, or another command: its socket lets in this user
        return
    try:
        yield server.url
    finally:
        server.stop()


@asynccontextmanager
async def ledger_session(settings: Settings, home: LedgerHome, role: Role) -> AsyncIterator[Connection]:
    """A connection to the ledger in one of its roles, its schema checked. Raises StoreError, which says what to do."""
    from sekisho.ledger.store.connection import session
    from sekisho.ledger.store.schema import check_schema

    seconds = settings.ledger.statement_seconds
    async with session(home.url, role, application="sekisho-cli", statement_seconds=seconds) as connection:
        await check_schema(connection)
        yield connection


def pseudonyms(settings: Settings, home: LedgerHome) -> Pseudonyms:
    """What persons are found by. Raises KeyFileError where the ledger's key is not there or not safe."""
    from sekisho.ledger.ingest.pseudonyms import Pseudonyms
    from sekisho.ledger.publish.keys import load_subject_key

    return Pseudonyms(load_subject_key(key_places(settings, home), may_make=False).secret)


def key_places(settings: Settings, home: LedgerHome) -> KeyPlaces:
    """Where that ledger's keys are."""
    from sekisho.ledger.publish.keys import KeyPlaces

    given = settings.ledger
    return KeyPlaces(home.folder / "keys", given.signing_key_file, given.subject_hmac_key_file)
