"""A ledger for each test that asks for one."""

from __future__ import annotations

import pytest

from ledger.keeping.held_world import World


@pytest.fixture
async def world(database: str) -> World:
    """A migrated ledger with one empty records log."""
    made = World(database)
    await made.make()
    return made
