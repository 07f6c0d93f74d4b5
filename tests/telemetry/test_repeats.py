"""Repeated lines of the client libraries: one of a kind in each interval, none lost without a count."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest

from sekisho.telemetry.logging import LogOptions, configure
from sekisho.telemetry.repeats import RepeatsHandler

SECONDS = 10.0


class Setting:
    """A handler on a clock of its own, and loggers that write to it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.stream = io.StringIO()
        self.handler = RepeatsHandler(self.stream, SECONDS, lambda: self.now)
        self.handler.setFormatter(logging.Formatter("%(message)s +%(held_back)s", defaults={"held_back": 0}))

    def logger(self, name: str) -> logging.Logger:
        found = logging.getLogger(name)
        found.propagate = False
        found.setLevel(logging.DEBUG)  # not what a command that ran before has left of the root's
        found.handlers[:] = [self.handler]
        return found

    def lines(self) -> list[str]:
        return self.stream.getvalue().splitlines()


@pytest.fixture
def setting() -> Iterator[Setting]:
    made = Setting()
    yield made
    for name in ("lib.client", "lib.other", "sekisho.part", "sekisho.log.librdkafka"):
        logger = logging.getLogger(name)
        logger.handlers[:] = []
        logger.propagate = True
        logger.setLevel(logging.NOTSET)


def test_a_kind_is_told_once_in_an_interval_with_the_count_of_the_others(setting: Setting) -> None:
    """What is filled into the template makes no other kind; the last line held back stands for all of them."""
    client = setting.logger("lib.client")
    for node in range(5):
        client.error("no connection to %s", node)
    assert setting.lines() == ["no connection to 0 +0"]
    setting.now = SECONDS
    client.error("no connection to %s", 7)
    assert setting.lines() == ["no connection to 0 +0", "no connection to 4 +3"]
    setting.now = 2 * SECONDS
    client.error("no connection to %s", 8)
    assert setting.lines()[2:] == ["no connection to 7 +0"]
    setting.handler.close()
    assert setting.lines()[3:] == ["no connection to 8 +0"]


def test_what_was_held_back_is_told_with_the_next_line_of_any_kind(setting: Setting) -> None:
    """A library that has fallen silent does not take its last words with it."""
    client = setting.logger("lib.client")
    client.warning("retrying")
    client.warning("retrying")
    client.warning("retrying")
    setting.now = SECONDS + 1
    setting.logger("sekisho.part").warning("lane_taken")
    assert setting.lines() == ["retrying +0", "retrying +1", "lane_taken +0"]


def test_the_end_tells_what_is_still_held_back(setting: Setting) -> None:
    """Closing the handler, as logging does at the end of the process, tells each kind's last line and its count."""
    client = setting.logger("lib.client")
    for _ in range(3):
        client.warning("retrying")
        client.warning("disconnected")
    setting.handler.close()
    assert setting.lines() == ["retrying +0", "disconnected +0", "retrying +1", "disconnected +1"]


def test_other_levels_loggers_and_templates_are_kinds_of_their_own(setting: Setting) -> None:
    """Only what is the same trouble is held back; librdkafka's kind is its first argument."""
    client, other = setting.logger("lib.client"), setting.logger("lib.other")
    rdkafka = setting.logger("sekisho.log.librdkafka")
    client.warning("retrying")
    client.error("retrying")
    other.warning("retrying")
    rdkafka.error("%s [%s] %s", "FAIL", "client", "refused")
    rdkafka.error("%s [%s] %s", "ERROR", "client", "all down")
    rdkafka.error("%s [%s] %s", "FAIL", "client", "refused again")
    assert len(setting.lines()) == 5


def test_our_own_lines_are_all_told(setting: Setting) -> None:
    """Each of our events is one: nothing of them is held back, however often it comes."""
    ours = setting.logger("sekisho.part")
    for _ in range(4):
        ours.warning("lane_let_go")
    assert setting.lines() == ["lane_let_go +0"] * 4


def test_the_count_stands_in_the_json_line() -> None:
    """As `held_back`, and only where there was something."""
    root = logging.getLogger()
    before = ([*root.handlers], root.level, logging.getLogger("sekisho").level)
    stream = io.StringIO()
    try:
        configure(LogOptions("INFO", "WARNING", "json", None, SECONDS), "gate", "gate-1", stream)
        for _ in range(4):
            logging.getLogger("lib.client").warning("retrying")
        root.handlers[0].close()
    finally:
        logging.captureWarnings(False)
        root.handlers[:] = before[0]
        root.setLevel(before[1])
        logging.getLogger("sekisho").setLevel(before[2])
    first, last = stream.getvalue().splitlines()
    assert "held_back" not in first
    assert '"held_back": 2' in last
