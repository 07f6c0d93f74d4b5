"""What the tests share: one real Kafka broker for all that ask for one, and a prefix of its own for each test's topics."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from local_kafka import BROKER_LIMITS, FETCH_LIMITS, MakeBroker
from sekisho.local.broker import LocalKafka
from sekisho.local.jars import ensure_jars
from sekisho.local.lock import read_lock
from sekisho.settings import Settings

pytest_plugins = ("local_postgres",)

BROKER_TEST_S = 900.0


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--fire N`: for the fault tests."""
    parser.addoption("--fire", type=int, default=1, help="how many times longer the fault tests run")


def pytest_configure(config: pytest.Config) -> None:
    """What a fault test proves, for docs/faults.md (tests/faults/page.py)."""
    config.addinivalue_line(
        "markers", "scenario(name): what is done to gates; the verifier must find nothing"
    )
    config.addinivalue_line(
        "markers", "control(name): the guarantee that is taken away; the verifier must find it"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests with real brokers or databases get more time before they are given up for hung: on two busy cores they may take
    five times as long as alone. A longer time given by the command line stands."""
    seconds = max(BROKER_TEST_S, float(config.getoption("timeout", None) or config.getini("timeout") or 0))
    for item in items:
        needs = any(item.get_closest_marker(name) for name in ("broker", "own_broker", "database"))
        if needs and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(seconds))


@pytest.fixture(scope="session")
def fire(request: pytest.FixtureRequest) -> int:
    """How many times longer the fault tests run: a factor of their rounds or durations."""
    return max(1, int(request.config.getoption("--fire")))


@pytest.fixture(scope="session")
def kafka_jars() -> tuple[Path, ...]:
    """The jars of the locked Kafka, from this user's cache; fetched if they are not there."""
    return ensure_jars(read_lock(), Settings.from_environment().local.cache, FETCH_LIMITS)


@pytest.fixture(scope="session")
def broker(request: pytest.FixtureRequest) -> Iterator[str]:
    """host:port of the one broker that all tests share (SEKISHO_TEST_KAFKA_BOOTSTRAP, or one started now).

    No test may break it: those that kill or freeze a broker make their own (`make_broker`).
    """
    given = os.environ.get("SEKISHO_TEST_KAFKA_BOOTSTRAP")
    if given:
        yield given
        return
    # asked for here and not as an argument: with a broker given, nothing is fetched
    jars: tuple[Path, ...] = request.getfixturevalue("kafka_jars")
    with LocalKafka(jars, BROKER_LIMITS) as kafka:
        yield kafka.bootstrap


@pytest.fixture
def make_broker(kafka_jars: tuple[Path, ...]) -> Iterator[MakeBroker]:
    """Makes brokers of the test's own (`make_broker(properties={...}, data_dir=...)`, not started); all end with the test."""
    with ExitStack() as ending:

        def make(*, properties: Mapping[str, str] | None = None, data_dir: Path | None = None) -> LocalKafka:
            kafka = LocalKafka(kafka_jars, BROKER_LIMITS, properties=properties, data_dir=data_dir)
            ending.callback(kafka.stop)
            return kafka

        yield make


@pytest.fixture
def topic_prefix() -> str:
    """A prefix for this test's topics, groups and transactional ids that no other test has."""
    return f"t{uuid.uuid4().hex[:12]}-"
