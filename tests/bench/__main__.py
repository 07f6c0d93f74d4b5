"""`make bench`: how long one decision takes, and the wall alone in Cedar on the same requests.

Interleaved rounds, median and spread over them, in microseconds of CPU: a decision waits for nothing, and other processes then
count only for what they take of the caches.
"""

from __future__ import annotations

import sys
import time
import timeit
from collections.abc import Callable
from typing import Final, NamedTuple

from bench import cedar
from bench.decision import AT, IN_FULL, Common, commons, hards
from bench.figures import ratios, spread
from sekisho.domain.book import Rulebook
from sekisho.domain.decision import decide, forget
from sekisho.rulebook import load, sample_path

ROUNDS, CALLS, AIM, HARD_AIM = 25, 1_000, 20.0, 60.0
WARM: Final = "asked before of a person alike (the gate's usual day: every memory helps)"
SEEN: Final = "asked before that day, of a person like no other (answers by likeness left aside)"
COLD: Final = "asked for the first time (nothing is remembered)"
FULL: Final = "Cedar, from the core's own types"
ENGINE: Final = "Cedar, its engine alone"


class Timed(NamedTuple):
    """One call, and the microseconds of each round."""

    of: str
    name: str
    call: Callable[[], object]
    spent: list[float]


def main() -> int:
    """Times every decision; 1 where a median misses the aim with a question that was asked before."""
    book = load(sample_path()).book
    hard = {each.name for each in hards()}
    timed = [*_ours(book, (*commons(), *hards())), *_cedars(book)]
    for done in range(ROUNDS):
        for each in timed:
            calls = CALLS if each.of in (WARM, SEEN) else CALLS // 10
            each.spent.append(timeit.timeit(each.call, timer=time.process_time, number=calls) / calls * 1e6)
        if sys.stderr.isatty():
            sys.stderr.write(f"\rround {done + 1} of {ROUNDS}\x1b[K" + "\r" * (done + 1 == ROUNDS))
    print(f"The pure decision, the fold included, µs of CPU ({ROUNDS} interleaved rounds)")
    missed = 0
    for of in (WARM, SEEN, COLD):
        print(f"  {of}:")
        for each in timed:
            if each.of == of:
                aim = None if of == COLD else HARD_AIM if each.name in hard else AIM
                missed += _tell(each, aim)
    _tell_cedar(timed)
    return 1 if missed else 0


def _ours(book: Rulebook, cases: tuple[Common, ...]) -> list[Timed]:
    return [
        Timed(of, case.name, call, [])
        for case in cases
        for of, call in (
            (WARM, case.run(book)),
            (SEEN, case.run(book, IN_FULL)),
            (COLD, _forgetting(case.run(book))),
        )
    ]


def _cedars(book: Rulebook) -> list[Timed]:
    wall = cedar.Wall(book)
    found = []
    for case in commons():
        if case.request.action != "use":
            continue  # the wall does not rule a provision that proposes nothing
        effects = [item.effect == "allow" for item in decide(case.request, case.events, book, AT).items]
        told = wall.decide(case.request, case.events, AT)
        if told != effects:
            raise SystemExit(f"{case.name}: Cedar answers {told}, the core {effects}")
        full, engine = cedar.calls(wall, case.request, case.events, AT)
        found += [Timed(FULL, case.name, full, []), Timed(ENGINE, case.name, engine, [])]
    return found


def _forgetting(call: Callable[[], object]) -> Callable[[], object]:
    """The same call when nothing is remembered of its question."""

    def fresh() -> object:
        forget()
        return call()

    return fresh


def _tell(each: Timed, aim: float | None) -> bool:
    found = spread(each.spent)
    missed = aim is not None and found.median > aim
    told = "" if aim is None else f"   aim ≤ {aim:.0f}: {'MISSED' if missed else 'met'}"
    print(
        f"    {each.name:46} median {found.median:6.1f}   min {found.least:6.1f}   max {found.most:6.1f}{told}"
    )
    return missed


def _tell_cedar(timed: list[Timed]) -> None:
    """Cedar's times, and how many times ours they are, round by round."""
    print(
        f"  {cedar.name()} on the same requests ({cedar.COVERS});\n  policies and entities parsed before, one batch a request:"
    )
    ours = {(each.of, each.name): each.spent for each in timed}
    for each in timed:
        if each.of == FULL:
            engine = ours[ENGINE, each.name]
            times = " ".join(
                f"{label} {ratios(engine, ours[of, each.name]).median:.1f}"
                for label, of in (("warm", WARM), ("seen", SEEN), ("cold", COLD))
            )
            print(
                f"    {each.name:46} median {spread(each.spent).median:6.1f}, its engine alone {spread(engine).median:6.1f}:"
                f" times ours {times}"
            )


if __name__ == "__main__":
    raise SystemExit(main())
