"""Connections in each role."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from ledger.store.sample import Roles, roles_of
from sekisho.ledger.store.connection import Connection


@pytest_asyncio.fixture
async def roles(ledger_database: str) -> AsyncIterator[Roles]:
    """Opens connections in a role to a migrated database of the test's own."""
    async with roles_of(ledger_database) as opened:
        yield opened


@pytest_asyncio.fixture
async def writer(roles: Roles) -> Connection:
    """A writer's connection."""
    return await roles("writer")


@pytest_asyncio.fixture
async def purger(roles: Roles) -> Connection:
    """A purger's connection."""
    return await roles("purger")


@pytest_asyncio.fixture
async def reader(roles: Roles) -> Connection:
    """A reader's connection."""
    return await roles("reader")
