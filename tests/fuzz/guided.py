"""Coverage-guided fuzzing of the contracts and the gate by atheris (libFuzzer): what reaches new code is built upon.

`python -m fuzz.guided TARGET COUNT SEED FOLDER`; `FOLDER` gets what was worth keeping. For Python below 3.14: there is no
atheris above. The inputs are lines of JSON (message.py, sending.py), changed by the same mutators as everywhere.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import atheris

with atheris.instrument_imports(include=["sekisho.contracts", "sekisho.gate"]):
    from fuzz import corpus
    from fuzz.by_chance import samples, target
    from fuzz.chance import Chance
    from fuzz.message import line_of, message_of
    from fuzz.mutating import mutated
    from fuzz.sending import PARTITIONS, Send, Senders, line_of_send, send_of, unforged
    from fuzz.through_gate import FuzzedGate, memory_log

SENDS: Final = 12
"""Messages of one input of the gate's target."""
WORLD: Final = 3_000
"""Messages after which a gate is judged, and a new one started: what is known in it grows with them."""
LARGEST: Final = 1_000_000
BROKEN: Final = (ValueError, KeyError, TypeError, AttributeError)
"""What a line raises that is no message: libFuzzer's own first input is empty."""


class OnMessages:
    """A target whose input is one message."""

    def __init__(self, name: str) -> None:
        self._name, self._holds, self._samples = name, target(name, deque()), samples(name)

    def seeds(self) -> Iterator[str]:
        """Where it starts: the samples, and what the corpus keeps."""
        yield from map(line_of, self._samples)
        yield from (line_of(message) for _, message in corpus.messages())

    def run(self, data: bytes) -> None:
        """One input. Raises where something does not hold."""
        try:
            message = message_of(data)
        except BROKEN:
            return
        try:
            self._holds(message)
        except BaseException:
            print(f"kept in {corpus.add_message(self._name, message)}", file=sys.stderr)
            raise

    def mutate(self, data: bytes, chance: Chance) -> str:
        """Another input, near this one."""
        try:
            message = message_of(data)
        except BROKEN:
            message = chance.pick(self._samples)
        return line_of(mutated(chance, message, 3))


class OnGate:
    """A target whose input is a small batch of sends, for a gate that has seen others before."""

    def __init__(self, seed: int) -> None:
        self._runner = asyncio.Runner()
        self._folder = Path(tempfile.mkdtemp(prefix="sekisho-fuzz-"))
        self._gate: FuzzedGate | None = None
        self._senders = Senders(seed)
        self._sent: list[Send] = []

    def seeds(self) -> Iterator[str]:
        """Some batches by chance, and those of the corpus."""
        for _ in range(30):
            yield _text(self._senders.batch(SENDS))
        for sends in corpus.sends().values():
            yield from (_text(sends[at : at + SENDS]) for at in range(0, min(len(sends), 200), SENDS))

    def run(self, data: bytes) -> None:
        """One input. Raises where something does not hold."""
        sends = _sends(data)
        if not sends:
            return
        self._sent.extend(sends)
        try:
            self._runner.run(self._feed(sends))
        except BaseException:
            print(f"kept in {corpus.add_sends('guided', self._sent)}", file=sys.stderr)
            raise

    async def _feed(self, sends: list[Send]) -> None:
        if self._gate is None:
            self._gate = FuzzedGate(memory_log(), Path(tempfile.mkdtemp(dir=self._folder)))
            await self._gate.start()
        await self._gate.feed(sends)
        if self._gate.fed >= WORLD:
            await self._gate.finish()
            await self._gate.close()
            self._gate = None
            self._sent.clear()

    def mutate(self, data: bytes, chance: Chance) -> str:
        """A batch with some of its sends changed, misplaced, sent twice, left out, or replaced by new ones."""
        sends = _sends(data) or self._senders.batch(SENDS)
        at = chance.below(len(sends))
        send = sends[at]
        match chance.below(8):
            case 0:
                sends.insert(chance.below(len(sends)), send)
            case 1 if len(sends) > 1:
                del sends[at]
            case 2:
                sends[at] = send._replace(partition=chance.below(PARTITIONS))
            case 3:
                sends[at] = send._replace(topic=chance.pick(("requests", "consents")))
            case 4:
                sends += self._senders.batch(2)
            case _:
                sends[at] = send._replace(message=mutated(chance, send.message, 2))
        return _text(sends[-SENDS:])


def _text(sends: list[Send]) -> str:
    return "\n".join(map(line_of_send, sends))


def _sends(data: bytes) -> list[Send]:
    try:
        return [unforged(send_of(line)) for line in data.split(b"\n") if line]
    except BROKEN:
        return []


def main(name: str, count: int, seed: int, folder: Path) -> None:
    """Runs one target with `count` inputs beside its seeds. Does not return: libFuzzer ends the process, with another exit code than 0 for a finding."""
    on: OnMessages | OnGate = OnGate(seed) if name == "gate" else OnMessages(name)
    seeds = folder / "seeds"
    kept = folder / "kept"
    for each in (seeds, kept):
        each.mkdir(parents=True, exist_ok=True)
    lines = list(on.seeds())
    for number, line in enumerate(lines):
        (seeds / f"{number}").write_text(line, encoding="utf-8")

    def mutator(data: bytes, largest: int, by: int) -> bytes:
        found = on.mutate(data, Chance(by)).encode()
        return found if len(found) <= largest else data

    flags = {
        "runs": count + len(lines), "seed": seed, "max_len": LARGEST, "len_control": 0, "mutate_depth": 2, "timeout": 60,
        "rss_limit_mb": 3000, "print_final_stats": 1, "artifact_prefix": f"{folder}/",
    }  # fmt: skip
    argv = [sys.argv[0], *(f"-{flag}={value}" for flag, value in flags.items()), str(kept), str(seeds)]
    setup: Callable[..., Any] = atheris.Setup
    setup(argv, on.run, custom_mutator=mutator)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
