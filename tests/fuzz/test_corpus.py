"""What once broke something, and what reached what others did not: none of it breaks anything any more."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest

from fuzz import corpus
from fuzz.message import Message, line_of, message_of
from fuzz.properties import consent_holds, modes_agree, request_holds
from fuzz.sending import PARTITIONS, Send, unforged
from fuzz.through_gate import run

LARGEST = 600_000


@pytest.mark.parametrize("file", sorted({name for name, _ in corpus.messages()}))
def test_every_property_holds_of_every_kept_message(file: str) -> None:
    """Whichever topic it comes to: it is read, or refused with the contract's words."""
    for name, message in corpus.messages():
        if name == file:
            for word in (
                request_holds(message, deque()),
                consent_holds(message, deque()),
                modes_agree(message),
            ):
                assert word


@pytest.mark.parametrize("file", sorted(corpus.sends()))
async def test_a_gate_answers_every_kept_send(file: str) -> None:
    """Each kept batch again, to a gate of its own."""
    sends = corpus.sends()[file]
    assert await run([sends]) == len(sends)


async def test_a_gate_answers_every_kept_message() -> None:
    """All messages of the corpus, each to both inputs, one after another in each partition."""
    sends = list(_to_both())
    assert await run(sends[at : at + 200] for at in range(0, len(sends), 200)) == len(sends)


def _to_both() -> Iterator[Send]:
    for number, (_, message) in enumerate(corpus.messages()):
        if len(message.value or b"") + len(message.key or b"") < LARGEST:
            yield unforged(Send("consents", number % PARTITIONS, message))
            yield unforged(Send("requests", number % PARTITIONS, message))


def test_a_corpus_line_is_the_message_that_was_written() -> None:
    """Headers without a value, keys that are no UTF-8, no value at all: all of it comes back."""
    message = Message((("a", None), ("b", b"\xff"), ("c", b"")), b"\xff\0", None)
    assert message_of(line_of(message)) == message


def test_the_corpus_is_small() -> None:
    """A few hundred messages of some kilobytes: it is replayed by every `make test`."""
    assert len(corpus.messages()) < 600
    assert sum(path.stat().st_size for path in Path(corpus.FOLDER).iterdir()) < 1_500_000
