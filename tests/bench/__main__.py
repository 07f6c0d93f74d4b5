"""`make bench`: how long one decision takes. Interleaved rounds, median and spread over them, in microseconds."""

from __future__ import annotations

import statistics
import sys
import timeit
from collections.abc import Callable

from bench.decision import commons
from sekisho.domain.decision import forget
from sekisho.rulebook import load, sample_path

ROUNDS, CALLS, AIM = 25, 1_000, 20.0


def main() -> int:
    """Times every common decision; 1 where a median misses the aim."""
    book = load(sample_path()).book
    runs = [(case.name, case.run(book)) for case in commons()]
    seen = [(name, call, list[float]()) for name, call in runs]
    new = [(name, _forgetting(call), list[float]()) for name, call in runs]
    for done in range(ROUNDS):
        for _, call, seconds in (*seen, *new):
            seconds.append(timeit.timeit(call, number=CALLS) / CALLS * 1e6)
        if sys.stderr.isatty():
            sys.stderr.write(f"\rround {done + 1} of {ROUNDS}\x1b[K" + "\r" * (done + 1 == ROUNDS))
    print(
        f"The pure decision, the fold included, µs ({ROUNDS} interleaved rounds of {CALLS}; aim ≤ {AIM:.0f} at the median)"
    )
    print("  of a question asked before (of other persons, that day):")
    missed = sum([_tell(name, spent) for name, _, spent in seen])
    print("  of a question asked for the first time (no aim):")
    for name, _, spent in new:
        _tell(name, spent)
    return 1 if missed else 0


def _forgetting(call: Callable[[], object]) -> Callable[[], object]:
    """The same call when nothing is remembered of its question."""

    def fresh() -> object:
        forget()
        return call()

    return fresh


def _tell(name: str, spent: list[float]) -> bool:
    median = statistics.median(spent)
    print(f"    {name:38} median {median:6.1f}   min {min(spent):6.1f}   max {max(spent):6.1f}")
    return median > AIM


if __name__ == "__main__":
    raise SystemExit(main())
