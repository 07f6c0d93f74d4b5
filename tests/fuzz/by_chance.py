"""Messages by a seed, without guidance: fast, the same on every machine. `python -m fuzz.by_chance TARGET COUNT SEED`."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Final

import psutil

from fuzz import corpus
from fuzz.chance import Chance
from fuzz.message import Message, line_of
from fuzz.mutating import mutated
from fuzz.properties import consent_holds, modes_agree, request_holds
from fuzz.samples import consent_samples, request_samples
from fuzz.sending import Send, Senders
from fuzz.through_gate import run
from sekisho.domain.events import ConsentEvent

GROWTH: Final = 96 * 2**20
"""Bytes by which a process may grow after its first third: caches fill up to their bounds, no further."""
WORLD, BATCH, STEP = 2_000, 500, 1_000
"""Messages that one gate gets in all, and at a time; messages between two words of progress."""


def target(name: str, known: deque[ConsentEvent]) -> Callable[[Message], str]:
    """What holds of each message of a kind."""
    return {
        "request": lambda message: request_holds(message, known),
        "consent": lambda message: consent_holds(message, known),
        "envelope": modes_agree,
    }[name]


def samples(name: str) -> tuple[Message, ...]:
    """What the messages of a kind are made of."""
    known = {"request": request_samples(), "consent": consent_samples()}
    structured = tuple(
        each for kind in known.values() for each in kind if dict(each.headers).keys() == {"content-type"}
    )
    return known.get(name, structured)


def decode(name: str, count: int, seed: int, told: Callable[[int], None]) -> Counter[str]:
    """So many messages of a kind; gives how often each outcome came. A finding is kept in the corpus and raised."""
    chance, known, words = Chance(seed), deque[ConsentEvent](), Counter[str]()
    holds, bases, memory = target(name, known), samples(name), Memory(count)
    events = consent_samples()
    for number in range(count):
        if name == "request" and number % 50 == 0:  # somebody has consented to something
            consent_holds(mutated(chance, chance.pick(events), 1), known)
        message = mutated(chance, chance.pick(bases))
        try:
            words[holds(message)] += 1
        except BaseException:
            print(f"{name} {number} of seed {seed}: {line_of(message)[:2000]}", file=sys.stderr)
            print(f"kept in {corpus.add_message(name, message)}", file=sys.stderr)
            raise
        if (number + 1) % STEP == 0:
            memory.look(number + 1)
            told(number + 1)
    return words


def gate(count: int, seed: int, told: Callable[[int], None]) -> Counter[str]:
    """So many messages through gates, each of which gets some thousands and is then judged."""
    senders, memory, fed = Senders(seed), Memory(count), 0
    while fed < count:
        sent: list[Send] = []

        def batches(world: int, sent: list[Send] = sent) -> Iterator[list[Send]]:
            while len(sent) < world:
                sent.extend(batch := senders.batch(min(BATCH, world - len(sent))))
                yield batch

        try:
            fed += asyncio.run(run(batches(min(WORLD, count - fed))))
        except BaseException:
            print(f"kept in {corpus.add_sends(f'seed-{seed}-{fed}', sent)}", file=sys.stderr)
            raise
        memory.look(fed)
        told(fed)
    return Counter({"answered": fed})


class Memory:
    """This process's memory over its inputs: it must not grow with their number."""

    def __init__(self, count: int) -> None:
        self._settled = count // 3
        self._first: int | None = None
        self.most = 0

    def look(self, done: int) -> None:
        """Raises AssertionError where more inputs have taken more memory."""
        if done < self._settled:
            return
        gc.collect()
        now = psutil.Process().memory_info().rss
        self._first = now if self._first is None else self._first
        self.most = max(self.most, now - self._first)
        assert self.most < GROWTH, f"{self.most / 2**20:.0f} MB more than after a third of the inputs"


def main(name: str, count: int, seed: int) -> None:
    """One part of `make fuzz`."""

    def told(done: int) -> None:
        print(f"#{done}", flush=True)

    words = gate(count, seed, told) if name == "gate" else decode(name, count, seed, told)
    print(f"outcomes {len(words)}: {', '.join(f'{word} {many}' for word, many in words.most_common(5))}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
