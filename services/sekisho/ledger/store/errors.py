"""What can go wrong between the ledger and PostgreSQL, in words that an operator can act on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from psycopg import errors as pg


class StoreError(Exception):
    """The ledger's database did not do what was asked; nothing of the transaction was kept, where the text says nothing else."""


class UnavailableError(StoreError):
    """The server is gone, refuses connections or takes no writes. After a commit was sent, its outcome is unknown: read the head."""


class FencedError(StoreError):
    """Another writer moved the log's head, or opened the log: this one must stop writing and start from the head again."""


class HoldsChangedError(StoreError):
    """A legal hold was placed or released since the caller read them: read them again and build the batch anew."""


class DiskFullError(StoreError):
    """The database's disk is full. Nothing was kept; it goes on when there is room."""


class BusyError(StoreError):
    """A lock or a statement took longer than its time-out, or two transactions blocked each other: try again."""


class SchemaError(StoreError):
    """The database has no ledger, one of another version, or is itself too old."""


class RightsError(StoreError):
    """The database user lacks a right; the text says what to grant."""


class AppendOnlyError(StoreError):
    """A trigger refused a change: the ledger is append-only."""


class BadRowError(StoreError):
    """A row breaks a constraint of the schema: a defect of the writer, or somebody else's data."""


_APPEND_ONLY: Final = "SK001"
_KINDS: Final[tuple[tuple[tuple[type[psycopg.Error], ...], type[StoreError], str], ...]] = (
    ((pg.DiskFull,), DiskFullError, "The database's disk is full: make room on it; nothing was kept."),
    (
        (pg.LockNotAvailable, pg.QueryCanceled, pg.DeadlockDetected, pg.SerializationFailure),
        BusyError,
        "It took too long or stood in another's way: try again.",
    ),
    (
        (pg.UndefinedTable, pg.UndefinedColumn, pg.UndefinedFunction, pg.InvalidSchemaName),
        SchemaError,
        "The schema is not this version's: run `sekisho ledger migrate`.",
    ),
    (
        (pg.InsufficientPrivilege,),
        RightsError,
        "The database user lacks a right: see deploy/postgres/roles.sql.",
    ),
    (
        (
            pg.ReadOnlySqlTransaction,
            pg.AdminShutdown,
            pg.CrashShutdown,
            pg.CannotConnectNow,
            pg.TooManyConnections,
            pg.IdleInTransactionSessionTimeout,
        ),
        UnavailableError,
        "The server does not take writes or connections now.",
    ),
    ((psycopg.IntegrityError, psycopg.DataError), BadRowError, "A row breaks a rule of the schema."),
)
"""In this order: an error is of the first kind that fits."""


def told(doing: str, error: psycopg.Error) -> StoreError:
    """The store's error for one of the driver's. Its text quotes the server's message, never its detail: that holds row values."""
    message = error.diag.message_primary or _first_line(error)
    if error.sqlstate == _APPEND_ONLY:
        return AppendOnlyError(f"{doing}: {message}.")
    for classes, kind, remedy in _KINDS:
        if isinstance(error, classes):
            return kind(f"{doing}: {message}. {remedy}")
    if error.sqlstate is not None and error.sqlstate.startswith("53"):
        return UnavailableError(f"{doing}: {message}. The server lacks memory or connections.")
    if isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)):
        return UnavailableError(
            f"{doing}: {message}. The database cannot be reached or ended the connection."
        )
    return StoreError(f"{doing}: {message}.")


def _first_line(error: psycopg.Error) -> str:
    return str(error).partition("\n")[0].rstrip(".") or type(error).__name__


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Raise the driver's errors as StoreError; `doing` says what was going on ("a batch is appended")."""
    try:
        yield
    except psycopg.Error as error:
        raise told(doing, error) from error
