"""`make bench`: how long one decision takes. Interleaved rounds, median and spread over them, in microseconds."""

from __future__ import annotations

import statistics
import sys
import timeit

from bench.decision import commons
from sekisho.rulebook import load, sample_path

ROUNDS, CALLS, AIM = 25, 2_000, 20.0


def main() -> int:
    """Times every common decision; 1 where a median misses the aim."""
    book = load(sample_path()).book
    timed = [(case.name, case.run(book), list[float]()) for case in commons()]
    for done in range(ROUNDS):
        for _, call, seconds in timed:
            seconds.append(timeit.timeit(call, number=CALLS) / CALLS * 1e6)
        sys.stderr.write(f"\rround {done + 1} of {ROUNDS}")
    sys.stderr.write("\r" + " " * 20 + "\r")
    print(f"The pure decision, the fold included (µs; aim ≤ {AIM:.0f} at the median; {ROUNDS} rounds of {CALLS}):")
    missed = 0
    for name, _, spent in timed:
        median = statistics.median(spent)
        missed += median > AIM
        mark = "" if median <= AIM else "  ← misses the aim"
        print(f"  {name:38} median {median:6.1f}   min {min(spent):6.1f}   max {max(spent):6.1f}{mark}")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
