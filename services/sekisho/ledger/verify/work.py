"""Ranges of logs worked at side by side: in this process where there is little to do, in several where there is much."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from typing import Any, Final, TypeVar

from sekisho.ledger.verify.sources import Opening, Source

MANY: Final = 40_000
"""Leaves or payloads from which further processes pay: one takes half a second to start."""
_TaskT = TypeVar("_TaskT")
_FactsT = TypeVar("_FactsT")
_mine: dict[str, Any] = {}
"""A worker's own: its source and what it was told at its start."""


def processes() -> int:
    """How many are worth having: one for each processor that this process may use."""
    return max(1, len(os.sched_getaffinity(0)))


def each(
    opening: Opening,
    function: Callable[[Source, Any, _TaskT], _FactsT],
    told: Any,
    tasks: Sequence[_TaskT],
    amount: int,
    workers: int,
) -> Iterator[_FactsT]:
    """`function(source, told, task)` of each task, in order. `amount`: leaves in all of them.

    Raises SourceError.
    """
    if workers < 2 or amount < MANY or len(tasks) < 2:
        with opening() as source:
            for task in tasks:
                yield function(source, told, task)
        return
    # spawned, not forked: a forked child would share the database connection
    with ProcessPoolExecutor(workers, get_context("spawn"), _begin, (opening, function, told)) as pool:
        try:
            yield from pool.map(_do, tasks)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _begin(opening: Opening, function: Callable[..., Any], told: Any) -> None:
    """In a worker: opens its source, for as long as the worker lives."""
    stack = ExitStack()
    _mine.update(source=stack.enter_context(opening()), function=function, told=told, stack=stack)


def _do(task: Any) -> Any:
    return _mine["function"](_mine["source"], _mine["told"], task)
