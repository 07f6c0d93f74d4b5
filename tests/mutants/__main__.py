"""`make mutants`: tries every mutant of the domain, on all processors, and tells the score and the survivors by module.

What was tried is written down at once: an interrupted run goes on where it stopped. A run of the same domain, cases and
tests is the same run; with `--keep-kills` a mutant that was noticed once is not tried again while its module stands as it
is, so that after writing a case only what survived is tried.
"""

from __future__ import annotations

import argparse
import fnmatch
import hashlib
import json
import os
import select
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

from mutants import report
from mutants.mutating import Mutant, mutants
from mutants.trial import DOMAIN, ROOT, Court, name_of

RESULTS: Final = ROOT / "build" / "mutants" / "tried.jsonl"
_TOLD_EVERY_S: Final = 10.0


class Tried(NamedTuple):
    """A mutant and who noticed it (None: nobody)."""

    module: str
    mutant: Mutant
    noticed_by: str | None


class Witnesses:
    """Which cases noticed mutants of a function and of a module: the next one's are mostly noticed by the same."""

    def __init__(self) -> None:
        self._of: dict[tuple[str, str | None], Counter[str]] = {}

    def add(self, work: Work, noticed_by: str | None) -> None:
        """Remembers who it was."""
        if noticed_by is not None:
            for scope in (work.mutant.scope, None):
                self._of.setdefault((name_of(work.path), scope), Counter())[noticed_by] += 1

    def likely(self, work: Work) -> list[str]:
        """Those of the function, then those of the module, the most frequent first."""
        found: dict[str, None] = {}
        for scope in (work.mutant.scope, None):
            known = self._of.get((name_of(work.path), scope), Counter())
            found.update(dict.fromkeys(name for name, _ in known.most_common(30)))
        return list(found)


class Work(NamedTuple):
    """A mutant to be tried."""

    path: Path
    mutant: Mutant
    key: str


def main() -> int:
    """The command: 0 where the aim is reached and no equivalent is stale, else 1."""
    told = _arguments()
    paths = [path for path in sorted(DOMAIN.rglob("*.py")) if _wanted(name_of(path), told.modules)]
    known = {} if told.anew else _known(keep_kills=told.keep_kills)
    begun = time.monotonic()
    works = [
        Work(path, each, _key(path, each)) for path in paths for each in mutants(path.read_text("utf-8"))
    ]
    if told.sample and told.sample < len(works):
        works = [works[place] for place in sorted(Random(told.seed).sample(range(len(works)), told.sample))]
    todo = [work for work in works if work.key not in known]
    print(f"{len(works):,} mutants of {len(paths)} modules, {len(todo):,} to be tried", flush=True)
    found = dict(known)
    if todo:
        for work, noticed_by in _try_all(todo, told):
            found[work.key] = noticed_by
    tried = [Tried(name_of(work.path), work.mutant, found[work.key]) for work in works]
    print(f"{len(todo):,} tried in {time.monotonic() - begun:.0f} s")
    return report.tell(tried, whole=not told.modules and not told.sample)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m mutants", description=__doc__)
    parser.add_argument(
        "modules", nargs="*", help="modules of the domain, `rules.wall` or `rules.*` (default: all)"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at a time")
    parser.add_argument("--sample", type=int, help="only so many, drawn at random: an estimate of the score")
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    parser.add_argument("--anew", action="store_true", help="forget what was tried before")
    parser.add_argument("--keep-kills", action="store_true", help="do not try again what was noticed before")
    parser.add_argument(
        "--without-failing", action="store_true", help="leave out cases that fail as things are"
    )
    return parser.parse_args()


def _wanted(name: str, patterns: list[str]) -> bool:
    return not patterns or any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def _digest(texts: Iterable[bytes]) -> str:
    found = hashlib.sha256()
    for text in texts:
        found.update(hashlib.sha256(text).digest())
    return found.hexdigest()[:16]


def _world() -> str:
    """The domain, what loads it, the rulebook with its cases, and the tests that try mutants, as they stand."""
    folders = ("services/sekisho", "deploy/rulebook", "tests/domain", "tests/cases", "tests/mutants")
    files = [
        path
        for each in folders
        for path in sorted((ROOT / each).rglob("*"))
        if path.suffix in (".py", ".yaml")
    ]
    return _digest(path.read_bytes() for path in files)


def _key(path: Path, mutant: Mutant) -> str:
    """What makes a mutant the same one in another run: its module's text and its own."""
    return _digest((path.read_bytes(), name_of(path).encode(), mutant.source.encode()))


def _known(*, keep_kills: bool) -> dict[str, str | None]:
    """What was tried before and counts: all of the same world; of others, if asked for, what was noticed."""
    if not RESULTS.exists():
        return {}
    world, found = _world(), dict[str, str | None]()
    for line in RESULTS.read_text("utf-8").splitlines():
        key, of_world, noticed_by = json.loads(line)
        if of_world == world or (keep_kills and noticed_by is not None):
            found[key] = noticed_by
    return found


def _try_all(todo: list[Work], told: argparse.Namespace) -> Iterator[tuple[Work, str | None]]:
    """Tries each in a process of its own, so many at a time."""
    court, world = Court(without_failing=told.without_failing), _world()
    _harmless(court)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    witnesses = Witnesses()
    waiting, running = iter(todo), dict[int, tuple[int, Work]]()
    begun = said = time.monotonic()
    done = 0
    with RESULTS.open("a", encoding="utf-8") as file:
        while True:
            while len(running) < told.jobs and (work := next(waiting, None)) is not None:
                reader, child = _fork(court, work, witnesses.likely(work))
                running[reader] = (child, work)
            if not running:
                return
            for reader in select.select(list(running), [], [], _TOLD_EVERY_S)[0]:
                child, work = running.pop(reader)
                noticed_by = _answer(reader, child)
                file.write(json.dumps([work.key, world, noticed_by], ensure_ascii=False) + "\n")
                file.flush()
                witnesses.add(work, noticed_by)
                done += 1
                yield work, noticed_by
            if time.monotonic() - said > _TOLD_EVERY_S:
                said = time.monotonic()
                left = (said - begun) / max(done, 1) * (len(todo) - done)
                print(f"{done:,} of {len(todo):,}, about {left:.0f} s left", file=sys.stderr, flush=True)


def _harmless(court: Court) -> None:
    """Raises SystemExit where the court finds fault with what changes nothing: everything would be noticed then."""
    path = DOMAIN / "rules" / "susp.py"
    for change in ("\n_NOBODY_ASKS = 1\n", "\n"):
        source = path.read_text("utf-8") + change
        noticed_by = _answer(*_fork(court, Work(path, Mutant("", 1, "", "", 0, source), ""), ()))
        if noticed_by is not None:
            raise SystemExit(f"The court notices what changes nothing: {noticed_by}")


def _fork(court: Court, work: Work, likely: Sequence[str]) -> tuple[int, int]:
    reader, writer = os.pipe()
    child = os.fork()
    if child:
        os.close(writer)
        return reader, child
    try:
        os.close(reader)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        os.write(writer, json.dumps(court.try_(work.path, work.mutant, likely)).encode()[:4000])
    finally:
        os._exit(0)


def _answer(reader: int, child: int) -> str | None:
    """What the trial said; one that ended without a word was ended: it took too much time or memory."""
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    if not said:
        return f"ended (status {os.waitstatus_to_exitcode(status)})"
    noticed_by: str | None = json.loads(said)
    return noticed_by


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("stopped; what was tried is kept, and the same command goes on from there")
