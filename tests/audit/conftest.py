"""One played day for all tests of the verifier, and a copy of it to forge for each."""

from __future__ import annotations

import asyncio

import pytest

from audit.scenario import Forger, Played, played
from gate.conftest import kafka_world

__all__ = ["kafka_world"]


@pytest.fixture(scope="session")
def day() -> Played:
    """The topics after a gate has answered everything that can come."""
    return asyncio.run(played())


@pytest.fixture
def forger(day: Played) -> Forger:
    """A copy of it."""
    return Forger(day)
