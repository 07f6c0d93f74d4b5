"""`sekisho audit check`: proves from the topics alone that every request was answered once and rightly."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from typing import TYPE_CHECKING

import click

from sekisho.audit import CheckConfig, CheckReport
from sekisho.audit import check as verify
from sekisho.cli.audit_report import ProgressLine, show_report
from sekisho.cli.connection import connected
from sekisho.cli.outcome import InputError
from sekisho.cli.screen import stdout_screen
from sekisho.contracts.topics import TopicNames
from sekisho.settings import Settings

if TYPE_CHECKING:
    from sekisho.cli.database import LedgerHome


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
@click.option(
    "--settled/--running",
    default=True,
    help="The gates are done: what has no answer is lost. Or they go on: it is pending. [default: settled]",
)
@click.option(
    "--partition", "partitions", metavar="P", type=click.IntRange(min=0), multiple=True,
    help="Only this partition; may be given more than once.",
)  # fmt: skip
def check(as_json: bool, settled: bool, partitions: tuple[int, ...]) -> int:
    """Reads the topics as an outsider (committed data only) and decides everything again.

    Every readable request has exactly one decision, in order, as the core gives it from the same consent events and
    the published rulebook; every allowed provision its record; every unacceptable message its rejected event; nothing
    else is there, and no transaction is open. Nothing is written.

    Exit codes: 0 all of that holds, 1 something is wrong (each finding names topic, partition and offset).

    \b
    Examples:
      sekisho audit check
      sekisho audit check --running
      sekisho audit check --partition 3 --json
    """
    settings = Settings.from_environment()
    config = check_config(settings, settled=settled, partitions=frozenset(partitions) or None)
    with _ledger(settings) as home:
        report = asyncio.run(_check(settings, config, home))
    if as_json:
        click.echo(json.dumps(report.as_dict(), ensure_ascii=False))
    else:
        show_report(stdout_screen(), report)
    return report.exit_code


@contextmanager
def _ledger(settings: Settings) -> Iterator[LedgerHome | None]:
    """The ledger, where there is one: it has what it trimmed from the records' topic."""
    from sekisho.cli.database import ledger_home

    with ExitStack() as stack:
        try:
            home = stack.enter_context(ledger_home(settings, lambda _: None))
        except InputError:  # there is none here; whatever is missing then is told in the report
            home = None
        yield home


async def _check(settings: Settings, config: CheckConfig, home: LedgerHome | None) -> CheckReport:
    from sekisho.cli.archive import LedgerArchive
    from sekisho.cli.database import ledger_session
    from sekisho.ledger.store.errors import StoreError

    async with AsyncExitStack() as stack:
        log = await stack.enter_async_context(connected(settings))
        archive = None
        if home is not None:
            try:
                conn = await stack.enter_async_context(ledger_session(settings, home, "reader"))
            except StoreError as error:
                click.echo(f"The ledger is not asked for trimmed records: {error}", err=True)
            else:
                archive = LedgerArchive(conn)
        with ProgressLine() as progress:
            return await verify(log, config, on_progress=progress.show, archive=archive)


def check_config(
    settings: Settings, *, settled: bool, partitions: frozenset[int] | None = None
) -> CheckConfig:
    """The check of the topics that the settings name, by the limits that their gates decide with."""
    gate, limits, key = settings.gate, settings.audit, settings.payload_hmac_key
    return CheckConfig(
        topics=TopicNames.prefixed(settings.topic.prefix),
        settled=settled,
        partitions=partitions,
        value_bytes=gate.max_value_bytes,
        subject_events=gate.max_events_per_subject,
        window_ms=gate.duplicate_window_days * 86_400_000,
        freshness_ms=int(gate.freshness_seconds * 1000),
        tolerance_ms=limits.tolerance_ms,
        clock_ms=int(settings.gate.clock_skew_seconds * 1000),
        settle_seconds=limits.settle_seconds,
        stall_seconds=limits.stall_seconds,
        poll_ms=settings.kafka.fetch_wait_ms,
        findings_kept=limits.findings_kept,
        hmac_key=None if key is None else key.get_secret_value().encode(),
    )
