"""`sekisho audit withhold`: writes down that a record is not, or not wholly, disclosed to its person."""

from __future__ import annotations

import asyncio
import uuid
from datetime import date
from typing import get_args

import click

from sekisho.audit import disclosure as documents
from sekisho.audit.disclosure import DisclosureError
from sekisho.audit.disclosure.given import ExcludedKind, Ground, Particular
from sekisho.cli.audit_disclose import expired_of, kept_of, statements_of
from sekisho.cli.database import LedgerHome, ledger_home, ledger_session
from sekisho.cli.outcome import DONE, CommandError, InputError
from sekisho.ledger.disclosing import Decision, PersonsRecords, kept_payload, mark, persons_records
from sekisho.ledger.store.rows import Payload
from sekisho.settings import Settings


@click.command()
@click.argument("record_id", metavar="RECORD")
@click.option(
    "--exclude",
    type=click.Choice(get_args(ExcludedKind)),
    help="Its existence may not be told (Cabinet Order 11).",
)
@click.option(
    "--ground",
    type=click.Choice(get_args(Ground)),
    help="It is not disclosed, wholly or in part (APPI 33(2)).",
)
@click.option(
    "--particular",
    "particulars",
    type=click.Choice(get_args(Particular)),
    metavar="NAME",
    multiple=True,
    help=f"Only this particular is withheld; may be repeated: {', '.join(get_args(Particular))}.",
)
@click.option(
    "--item", "items", metavar="ITEM", multiple=True, help="Only this data item is withheld; may be repeated."
)
@click.option("--reason", required=True, help="Why; with --ground it is told to the person (APPI 36).")
@click.option("--by", required=True, metavar="ID", help="Who decided.")
def withhold(
    record_id: str,
    exclude: str | None,
    ground: str | None,
    particulars: tuple[str, ...],
    items: tuple[str, ...],
    reason: str,
    by: str,
) -> int:
    """Writes down that a record is not, or not wholly, disclosed to its person, and why; it holds for every later request.

    What is marked again counts as it was marked last; nothing is taken back. A decision about one request alone belongs into
    the instructions of `sekisho audit disclose`.

    \b
    Examples:
      sekisho audit withhold 6c1f… --ground harm --item savings.balance --reason "…" --by op-1
      sekisho audit withhold 6c1f… --exclude crime_prevention --reason "…" --by op-1
    """  # fmt: skip
    if (exclude is None) == (ground is None):
        raise click.UsageError("Give either --exclude or --ground.")
    if exclude is not None and (particulars or items):
        raise click.UsageError("--exclude concerns the whole record.")
    if "items" in particulars and items:
        raise click.UsageError("--particular items means all items; leave --item out.")
    if not reason.strip() or not by.strip():
        raise click.UsageError("--reason and --by must say something.")
    part = (*particulars, *(f"item:{item}" for item in items))
    decision = (
        Decision("ground", ground, part, reason, by)
        if ground is not None
        else Decision("exclusion", str(exclude), (), reason, by)
    )
    settings = Settings.from_environment()
    with ledger_home(settings) as home:
        asyncio.run(_mark(settings, home, _id(record_id), decision))
    click.echo(
        "記録しました。以後の開示（`sekisho audit disclose`）に反映されます。 Written down: every later disclosure heeds it."
    )
    return DONE


def _id(given: str) -> str:
    try:
        return str(uuid.UUID(given))
    except ValueError:
        raise InputError(
            f"{given} is no record id.", "`sekisho audit records --person ID` shows them."
        ) from None


async def _mark(settings: Settings, home: LedgerHome, record_id: str, decision: Decision) -> None:
    async with ledger_session(settings, home, "purger") as connection:
        payload = await kept_payload(connection, record_id)
        if payload is None:
            raise _not_kept(record_id)
        if payload.subject_hmac is None:
            raise CommandError(
                f"The record {record_id} is of no person (referable.provision): no disclosure tells of it anyway."
            )
        _try(payload, await persons_records(connection, payload.subject_hmac), decision)
        if not await mark(connection, record_id, decision):
            raise _not_kept(record_id)


def _not_kept(record_id: str) -> CommandError:
    return CommandError(
        f"The ledger keeps no record {record_id}.",
        "`sekisho audit records --person ID` lists a person's records with their ids.",
    )


def _try(payload: Payload, found: PersonsRecords, decision: Decision) -> None:
    """Makes the disclosure that the mark would lead to: one that would stop every later one is refused now. Raises CommandError."""
    record_id = str(payload.record_id)
    record = next(each.record for each in found.kept if each.record.record_id == record_id)
    subject = "" if record.subject is None else record.subject.id
    day = date.max.replace(year=2999)
    line = "-"
    organization = documents.Organization(
        id=record.controller,
        name=line,
        address=line,
        representative=line,
        contact=documents.Contact(desk=line),
    )
    try:
        documents.disclose(
            documents.Request(person=documents.Person(subject_id=subject), received_on=day),
            documents.Answer(organization=organization, document_id=line, issued_on=day, as_of=day),
            statements_of(found.with_mark(record_id, decision), documents.Statements()),
            kept_of(found), expired_of(found), {},
        )  # fmt: skip
    except DisclosureError as error:
        raise InputError(f"{error.ja} {error.en}") from error
