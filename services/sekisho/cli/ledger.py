"""`sekisho ledger`: the ledger process, and what an operator decides about it in writing.

Settings and services are imported when a command runs: the process listens for SIGTERM before that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

import click

from sekisho.cli.gate import terminable
from sekisho.cli.outcome import DONE, CommandError, InputError

if TYPE_CHECKING:
    from sekisho.cli.database import LedgerHome
    from sekisho.ledger.publish.keys import SigningKey
    from sekisho.ledger.publish.publisher import PublishSetup
    from sekisho.settings import Settings

T = TypeVar("T")
_REASON = click.option("--reason", required=True, metavar="TEXT", help="Why: it is kept.")
_BY = click.option("--by", required=True, metavar="ID", help="Who decides: it is kept.")


@click.group(invoke_without_command=True)
@click.pass_context
def ledger(ctx: click.Context) -> int | None:
    """Runs the ledger until it is stopped (SIGTERM or Ctrl-C). A second one waits as a standby and takes over.

    It takes the provision records and the decisions that served concluded policies into PostgreSQL, exactly once, signs
    what it has and publishes it, deletes what is due and trims the records' topic behind it. It needs
    SEKISHO_KAFKA_BOOTSTRAP; without SEKISHO_DATABASE_URL it runs a PostgreSQL of its own. docs/settings.md lists the rest.
    Log lines go to stderr; /metrics, /healthz and /readyz are served on SEKISHO_HTTP_PORT.

    \b
    Examples:
      SEKISHO_KAFKA_BOOTSTRAP=localhost:9092 sekisho ledger
      SEKISHO_KAFKA_BOOTSTRAP=localhost:9092 SEKISHO_DATABASE_URL=postgresql://ledger@db/sekisho \\
        sekisho ledger
      sekisho ledger accept-clock --reason "NTP was broken until 10:00" --by op-0123
    """
    if ctx.invoked_subcommand is not None:
        return None
    with terminable() as told:
        from sekisho.bootstrap_ledger import ledger_log, run_ledger
        from sekisho.cli.database import ledger_home
        from sekisho.settings import Settings

        settings = Settings.from_environment()
        ledger_log(settings)  # what is missing is told before a database is started
        with ledger_home(settings, make=True) as home:
            return run_ledger(settings, home.url, home.folder, told)


@ledger.command()
def migrate() -> int:
    """Brings the database's schema and roles to this version; the service does it too, where it may.

    For a database user that may create roles; the service then needs to be no more than a member of them.

    \b
    Example:
      SEKISHO_DATABASE_URL=postgresql://owner@db/sekisho sekisho ledger migrate
    """
    from sekisho.cli.database import ledger_home
    from sekisho.ledger.store.schema import migrate as migrated
    from sekisho.settings import Settings

    with ledger_home(Settings.from_environment(), make=True) as home:
        version = _expected(lambda: migrated(home.url))
    click.echo(f"The schema is at version {version}.")
    return DONE


@ledger.command("accept-clock")
@_REASON
@_BY
def accept_clock(reason: str, by: str) -> int:
    """Accepts that the clock stepped back: the ledger then goes on although newer times stand in it.

    A clock that is merely wrong is to be set right instead. Where the newer times were the wrong ones, this writes a leaf that says so, which verification honours.

    \b
    Example:
      sekisho ledger accept-clock --reason "the host's clock was a day ahead on 11-20" --by op-0123
    """

    async def accept(settings: Settings, home: LedgerHome) -> str:
        from sekisho.bootstrap_ledger import CLOCKS
        from sekisho.cli.database import ledger_session
        from sekisho.ledger.ingest import acceptance
        from sekisho.ledger.ingest.clock import written

        async with ledger_session(settings, home, "writer") as conn:
            said = acceptance.Statement(by, reason)
            found = await acceptance.accept_clock(conn, settings.ledger.origin, CLOCKS, said)
        return f"Accepted: from {written(found.was)} back to {written(found.now)}."

    return _decided(accept)


@ledger.command("accept-topic")
@_REASON
@_BY
def accept_topic(reason: str, by: str) -> int:
    """Has the ledger go on with topics that were deleted and made anew.

    What the old topics held and the ledger had not taken in is lost: find out who deleted them first. The old logs are closed,
    new ones begin that name them as their predecessors.

    \b
    Example:
      sekisho ledger accept-topic --reason "the cluster was rebuilt, see INC-77" --by op-0123
    """

    async def accept(settings: Settings, home: LedgerHome) -> str:
        from sekisho.bootstrap_ledger import CLOCKS, ledger_topics
        from sekisho.cli.connection import connected
        from sekisho.cli.database import ledger_session
        from sekisho.ledger.ingest import acceptance

        async with connected(settings) as log, ledger_session(settings, home, "writer") as conn:
            said, topics = acceptance.Statement(by, reason), ledger_topics(settings)
            opened = await acceptance.accept_topics(conn, log, topics, settings.ledger.origin, CLOCKS, said)
        return "\n".join(["New logs:", *(f"  {origin}" for origin in opened)])

    return _decided(accept)


@ledger.command("rotate-key")
@_REASON
@_BY
@click.option(
    "--new-key-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The new key, where the settings give the signing key by file; name this file in them afterwards.",
)
@click.option(
    "--lost", is_flag=True, help="The old key is gone: its last checkpoints are signed by no successor."
)
def rotate_key(reason: str, by: str, new_key_file: Path | None, lost: bool) -> int:
    """Changes the key that signs checkpoints; every log's checkpoint is signed with both.

    \b
    Examples:
      sekisho ledger rotate-key --reason "yearly" --by op-0123
      sekisho ledger rotate-key --reason "the disk died" --by op-0123 --lost
    """

    async def rotate(settings: Settings, home: LedgerHome) -> str:
        from sekisho.cli.database import key_places, ledger_session
        from sekisho.ledger.publish.keys import KeyPlaces, load_signing_key
        from sekisho.ledger.publish.meta import Statement
        from sekisho.ledger.publish.publisher import Clocks, NoEvents
        from sekisho.ledger.publish.rotation import rotate_key as rotated
        from sekisho.ledger.publish.starting import open_publisher

        origin, new_key = settings.ledger.origin, None
        if new_key_file is not None:
            places = KeyPlaces(key_places(settings, home).folder, signing_file=new_key_file)
            new_key = load_signing_key(places, origin, may_make=False)
        async with ledger_session(settings, home, "writer") as conn:
            clocks = Clocks(lambda: datetime.now(UTC), monotonic)
            setup = _publish_setup(settings, home)
            publisher = await open_publisher(conn, setup, clocks, NoEvents(), next_key=new_key, lost=lost)
            key: SigningKey = await rotated(conn, publisher, Statement(by, reason), new_key=new_key)
        return f"The new key signs: {key.verifier(origin)}"

    return _decided(rotate)


def _publish_setup(settings: Settings, home: LedgerHome) -> PublishSetup:
    from sekisho.cli.database import key_places
    from sekisho.ledger.publish.publisher import PUBLISHED, PublishSetup

    given = settings.ledger
    return PublishSetup(
        given.origin, home.folder / PUBLISHED, key_places(settings, home), given.meta_seconds, given.clock_skew_seconds
    )  # fmt: skip


def _decided(work: Callable[[Settings, LedgerHome], Awaitable[str]]) -> int:
    """Does it on the ledger that the settings name, and prints what it says."""
    from sekisho.cli.connection import quiet
    from sekisho.cli.database import ledger_home
    from sekisho.settings import Settings

    settings = Settings.from_environment()
    quiet(settings)

    async def run(home: LedgerHome) -> str:
        return await work(settings, home)

    with ledger_home(settings) as home:
        click.echo(_expected(lambda: asyncio.run(run(home))))
    return DONE


def _expected(work: Callable[[], T]) -> T:
    """What the ledger refuses is told in its own words."""
    from sekisho.ledger.ingest.acceptance import NothingToAcceptError
    from sekisho.ledger.publish.key_history import KeyHistoryError
    from sekisho.ledger.publish.opening import OpeningError
    from sekisho.ledger.publish.publisher import ClockBehindError, KeyChangedError
    from sekisho.ledger.publish.rotation import RotationError
    from sekisho.ledger.publish.secret_files import KeyFileError
    from sekisho.ledger.store.errors import StoreError

    try:
        return work()
    except NothingToAcceptError as error:
        raise InputError(f"There is nothing to accept: {error}.", "Nothing was written.") from error
    except (
        ClockBehindError, KeyChangedError, KeyFileError, KeyHistoryError, OpeningError, RotationError, StoreError,
    ) as error:  # fmt: skip
        raise CommandError(str(error)) from error
