"""Ledgers to publish from: a database of the test's own, a folder, a clock that the test turns."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ledger.publish.ground import Ground
from sekisho.ledger.store.connection import session
from sekisho.ledger.store.schema import migrate


@pytest.fixture
async def ground(database: str, tmp_path: Path) -> AsyncIterator[Ground]:
    """A ledger that has not begun: the schema is there, no log, no key, no file."""
    migrate(database)
    async with session(database, "writer") as conn:
        yield Ground(database, tmp_path / "ledger", conn)
