"""What somebody with a database's rights can do to a record: refused by the triggers, done without them, put back."""

from __future__ import annotations

import json
from typing import Final, NamedTuple

import psycopg
from psycopg import sql

_SCHEMA: Final = "sekisho_ledger"
_AFTER: Final = "unknown-recipient"


class Alteration(NamedTuple):
    """One record of the ledger, and what its recipient is to be changed into."""

    origin: str
    log_id: int
    idx: int
    subject_id: str
    controller: str
    body: bytes
    before: str
    after: str

    @property
    def altered(self) -> bytes:
        """The record's bytes with another recipient, in the same canonical form."""
        return self.body.replace(json.dumps(self.before).encode(), json.dumps(self.after).encode())


def choose(url: str) -> Alteration:
    """The first provision on a person's consent that the ledger has. Raises LookupError where there is none."""
    with psycopg.connect(url) as connection:
        found = connection.execute(
            f"SELECT l.origin, p.log_id, p.idx, p.body FROM {_SCHEMA}.payload p JOIN {_SCHEMA}.log l USING (log_id) "  # noqa: S608
            "WHERE p.basis = 'provision.consent' ORDER BY p.created_at, p.log_id, p.idx LIMIT 1"
        ).fetchone()
    if found is None:
        raise LookupError("the ledger holds no provision on consent")
    origin, log_id, idx, body = found
    record = json.loads(body)
    who, whose = record["subject"]["id"], record["controller"]
    return Alteration(origin, log_id, idx, who, whose, body, record["counterparty"]["id"], _AFTER)


def attempt(url: str, altered: Alteration) -> str:
    """Tries it as the tables' own owner, and returns what the database says. Raises RuntimeError where it lets it pass."""
    try:
        with psycopg.connect(url) as connection:
            _update(connection, altered, altered.altered)
    except psycopg.Error as error:
        return str(error).splitlines()[0]
    raise RuntimeError("the database let a record be rewritten: its triggers are not there")


def alter(url: str, altered: Alteration) -> None:
    """Does it as an administrator who takes the triggers off, and puts them on again."""
    _without_triggers(url, altered, altered.altered)


def restore(url: str, altered: Alteration) -> None:
    """Puts the record's own bytes back, in the same way."""
    _without_triggers(url, altered, altered.body)


def _without_triggers(url: str, altered: Alteration, body: bytes) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(f"ALTER TABLE {_SCHEMA}.payload DISABLE TRIGGER USER")
        _update(connection, altered, body)
        found = connection.execute(
            "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal",
            (f"{_SCHEMA}.payload",),
        ).fetchall()
        for (name,) in found:
            connection.execute(
                sql.SQL("ALTER TABLE {}.payload ENABLE ALWAYS TRIGGER {}").format(
                    sql.Identifier(_SCHEMA), sql.Identifier(name)
                )
            )


def _update(connection: psycopg.Connection[tuple[object, ...]], altered: Alteration, body: bytes) -> None:
    connection.execute(
        f"UPDATE {_SCHEMA}.payload SET body = %s WHERE log_id = %s AND idx = %s",  # noqa: S608
        (body, altered.log_id, altered.idx),
    )
