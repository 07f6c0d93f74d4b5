"""The whole of it: from what a source holds to a report (ledger.md; the issue's "Verification").

In this order: the log of logs, for the keys and for what it demands of the others; every other log's leaves, tiles and
checkpoints; the logs against each other; every payload. Each range of 65,536 leaves is worked at apart, so memory does not
grow with the ledger, but for some 500 bytes an extension, held leaf and purge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Final

from sekisho.ledger.ingest.pseudonyms import Pseudonyms
from sekisho.ledger.leaves import NewKey
from sekisho.ledger.verify import work
from sekisho.ledger.verify.acts import Acts
from sekisho.ledger.verify.chains import check_chains
from sekisho.ledger.verify.contents import Contents, ContentsFacts, ContentsTask
from sekisho.ledger.verify.derived import check_derived, check_holds
from sekisho.ledger.verify.findings import Findings
from sekisho.ledger.verify.joining import Demand, Joined
from sekisho.ledger.verify.metalog import add_keys, check_keys_beside, shard_demands
from sekisho.ledger.verify.older import check_older, read_older
from sekisho.ledger.verify.report import Report, Told
from sekisho.ledger.verify.scanning import SpanFacts, SpanTask, scan
from sekisho.ledger.verify.signed import Signed, SignedFacts, read_signed
from sekisho.ledger.verify.sources import LogRow, Opening, Source, SourceError
from sekisho.ledger.verify.times import Clocks
from sekisho.ledger.verify.trees import spans
from sekisho.ledger.verify.trust import Trust, public_keys

CONTENTS_SPAN: Final = 8_192
"""Leaves whose payloads are gone through at once."""
OnProgress = Callable[[str, int, int], None]
"""(what is being done: leaves or payloads, done, of how many)"""


@dataclass(frozen=True)
class Options:
    """What to verify by. `keys`: the verifier keys that the auditor has (none: those beside the ledger, and the report says so)."""

    now: datetime
    keys: Sequence[str] = ()
    older: Sequence[Path] = ()
    skew_seconds: float = 300
    """By how much the clocks of the ledger's machines may differ from each other and from the verifier's."""
    subject_key: bytes | None = None
    payloads: bool = True
    workers: int = field(default_factory=work.processes)


def verify(opening: Opening, options: Options, on_progress: OnProgress = lambda *_: None) -> Report:
    """Verifies what the source holds. Raises SourceError where it cannot be read, or nothing is there."""
    with ExitStack() as stack:
        source = stack.enter_context(opening())
        return _Verification(opening, source, options, on_progress).report()


class _Verification:
    def __init__(self, opening: Opening, source: Source, options: Options, on_progress: OnProgress) -> None:
        self._opening, self._source, self._options, self._progress = opening, source, options, on_progress
        self._found = Findings()
        self._clocks = Clocks(options.now, timedelta(seconds=options.skew_seconds))
        self._logs = {log.origin: log for log in source.logs()}
        if not self._logs:
            raise SourceError("there is no log in it: nothing to verify")
        self._older = read_older(options.older)
        self._beside = public_keys(source.keys(), "the keys beside the ledger")
        given = public_keys(options.keys, "the given keys")
        self._trust = Trust(dict.fromkeys(given or self._beside, ""))
        if not self._trust.since:
            raise SourceError("there is no verifier key: give the file with yours (--keys)")
        self._joined: dict[str, Joined] = {}
        self._checkpoints: dict[str, list[Signed]] = {}
        self._acts = Acts()
        self._report = Report(
            source.name, keys_given=bool(given), older=len(self._older), checked_payloads=options.payloads
        )

    def report(self) -> Report:
        """Does everything, and tells."""
        started = monotonic()
        meta = [log for log in self._logs.values() if log.kind == "meta"]
        if not meta:
            self._found.add("log.missing", "meta", None, "there is no log of logs")
        entered = self._meta(meta)
        others = [log for log in self._logs.values() if log.kind != "meta"]
        self._load_checkpoints(self._logs.values())
        self._scan(others, entered)
        self._across(entered)
        self._report.leaves_seconds = monotonic() - started
        if self._options.payloads:
            started = monotonic()
            self._contents()
            self._report.payloads_seconds = monotonic() - started
        self._finish()
        return self._report

    # the log of logs, keys and checkpoints

    def _meta(self, logs: Sequence[LogRow]) -> dict[str, list[Demand]]:
        """Scans it first: it tells further keys, and what the other logs once were."""
        entered: dict[str, list[Demand]] = {}
        for log in logs:
            # signatures are looked at once all keys are known
            signed = read_signed(self._source, log, None).signed
            self._checkpoints[log.origin] = signed
            self._scan([log], {})
            joined = self._joined[log.origin]
            add_keys(self._trust, log.origin, joined.others, signed, joined.confirmed, self._found)
            entered |= shard_demands(log.origin, joined.others, self._found)
        entered_keys = [
            (log.origin, index, leaf)
            for log in logs
            for index, leaf in self._joined[log.origin].others
            if isinstance(leaf, NewKey)
        ]
        check_keys_beside(self._trust, self._beside, entered_keys, self._found)
        self._report.key_changes = [leaf.ingested_at for _, _, leaf in entered_keys[1:]]
        check_older(self._older, self._trust, set(self._logs), self._found)
        return entered

    def _load_checkpoints(self, logs: Iterable[LogRow]) -> None:
        """Every log's checkpoints with their signatures."""
        tasks = list(logs)
        amount = 10 * sum(log.size for log in tasks) // 64  # a signature takes as long as ten leaves
        for facts in work.each(
            self._opening, read_signed_of, self._trust, tasks, amount, self._options.workers
        ):
            self._checkpoints[facts.log.origin] = facts.signed
            self._report.checkpoints += len(facts.signed)
            self._found.merge(facts.findings.totals, facts.findings.kept())
            if not facts.signed and facts.log.size:
                self._found.add(
                    "checkpoint.missing", facts.log.origin, None, "nothing of this log was ever signed"
                )

    def _demands(self, log: LogRow, entered: Mapping[str, list[Demand]]) -> list[Demand]:
        """All that is said of what the log once was, by size."""
        demands = [
            Demand(each.size, each.root, each.signed_at, "stored", each.where)
            for each in self._checkpoints[log.origin]
        ]
        demands += entered.get(log.origin, ())
        demands += [each.demand for each in self._older if each.origin == log.origin]
        return sorted(demands, key=lambda each: each.size)

    # leaves

    def _scan(self, logs: Sequence[LogRow], entered: Mapping[str, list[Demand]]) -> None:
        """Every leaf of these logs, and every tile."""
        tasks = []
        for log in logs:
            joined = self._joined[log.origin] = Joined(log, self._demands(log, entered))
            places = tuple(self._source.places(log))
            for low, high in spans(log.size):
                tasks.append(SpanTask(log, low, high, joined.sizes(low, high), places))
        total, done = sum(log.size for log in logs), 0
        for facts in work.each(self._opening, scan_of, None, tasks, total, self._options.workers):
            self._joined[facts.log.origin].take(facts, self._found)
            done += facts.high - facts.low
            self._progress("leaves", done, total)
        for log in logs:
            joined = self._joined[log.origin]
            self._acts.take(log.origin, log.kind, joined.others, self._found)

    def _finish_logs(self) -> None:
        """What needs all leaves, and the steps of the clock that were accepted."""
        self._clocks.accepted = [clock for _, clock in self._acts.clocks]
        for log in self._logs.values():
            joined = self._joined[log.origin]
            joined.finish(self._source, self._source.places(log), self._clocks, self._found)
            self._report.take_log(joined)

    def _across(self, entered: Mapping[str, list[Demand]]) -> None:
        """The logs against each other, and what stands in none."""
        self._finish_logs()
        check_chains(self._joined, self._found)
        self._acts.check_holds(self._found)
        self._acts.check_targets({origin: log.size for origin, log in self._logs.items()}, self._found)
        for origin, demands in entered.items():
            self._check_entered(origin, demands)
        for kind, where, told in self._source.unaccounted():
            self._found.add(kind, where, None, told)
        for origin, joined in self._joined.items():
            self._report.steps_back += self._clocks.check_backs(origin, joined.backs, self._found)
            self._clocks.check_future(
                origin, joined.log.size - 1, joined.last_at, "its last leaf was taken in", self._found
            )
            self._check_predecessor_root(joined)
            self._check_end_entered(joined, entered.get(origin, ()))
            derived = self._source.derived(joined.log)
            if derived is not None:
                check_derived(origin, derived, joined.others, self._acts, self._found)
        stored = self._source.holds()
        if stored is not None:
            check_holds(stored, self._acts, self._found)

    def _check_entered(self, origin: str, demands: Sequence[Demand]) -> None:
        """What the log of logs enters is there: the log, and each checkpoint of it as it was signed."""
        if origin not in self._logs:
            told = f"{demands[-1].where} enters it with {demands[-1].size} leaves"
            self._found.add("log.missing", origin, None, told)
            return
        signed: dict[int, set[str]] = {}
        for note in self._checkpoints[origin]:
            signed.setdefault(note.size, set()).add(note.signed_at)
        for each in demands:
            times = signed.get(each.size)
            if times is not None and times != {""} and each.signed_at not in times:
                told = f"{each.where} says that it was signed at {each.signed_at}, its column does not"
                self._found.add("checkpoint.column", origin, each.size, told)
            if times is None:
                self._found.add(
                    "checkpoint.missing",
                    origin,
                    each.size,
                    f"{each.where} enters it; the signed note is gone",
                )

    def _check_end_entered(self, joined: Joined, demands: Sequence[Demand]) -> None:
        """The end of a closed log is entered in the log of logs by whoever signs it, in the same transaction."""
        log = joined.log
        signed = max((each.size for each in self._checkpoints[log.origin]), default=0)
        if joined.close is None or log.kind == "meta" or signed < log.size:
            return
        if not demands or demands[-1].size < log.size:
            self._found.add(
                "log.unknown", log.origin, log.size, "it is closed, and the log of logs does not know its end"
            )

    def _check_predecessor_root(self, joined: Joined) -> None:
        """A log's genesis names the root at which the log before it was closed."""
        told = None if joined.genesis is None else joined.genesis.predecessor
        before = None if told is None else self._joined.get(told.origin)
        if told is not None and before is not None and before.root.hex() != told.root:
            detail = f"it follows {told.origin} at root {told.root[:16]}…; that log's leaves give {before.root.hex()[:16]}…"
            self._found.add("chain.genesis", joined.log.origin, 0, detail)

    # payloads

    def _contents(self) -> None:
        """Every payload, its retention, its purge."""
        tasks = [
            ContentsTask(log, low, min(low + CONTENTS_SPAN, log.size))
            for log in self._logs.values()
            for low in range(0, log.size, CONTENTS_SPAN)
            if log.kind != "meta" or self._has_statements(log)
        ]
        total, done = sum(task.high - task.low for task in tasks), 0
        told = _Told(self._acts, self._clocks, self._options.subject_key)
        scopes: dict[str, tuple[bytes, str, int]] = {}
        results = work.each(self._opening, contents_of, told, tasks, total, self._options.workers)
        for task, facts in zip(tasks, results, strict=True):
            self._found.merge(facts.totals, facts.findings)
            self._report.take_contents(facts)
            self._merge_scopes(task.log.origin, facts, scopes)
            done += task.high - task.low
            self._progress("payloads", done, total)
        self._check_one_scope_each(scopes)

    def _has_statements(self, log: LogRow) -> bool:
        return self._joined[log.origin].kinds["key"] > 1

    def _merge_scopes(
        self, origin: str, facts: ContentsFacts, scopes: dict[str, tuple[bytes, str, int]]
    ) -> None:
        for scope, (common, index) in facts.scopes.items():
            known, where, first = scopes.setdefault(scope, (common, origin, index))
            if known != common:
                told = f"its scope {scope} is that of another agreement or policy ({where} #{first})"
                self._found.add("scope.differs", origin, index, told)

    def _check_one_scope_each(self, scopes: Mapping[str, tuple[bytes, str, int]]) -> None:
        """An agreement with two scopes would end twice."""
        known: dict[bytes, tuple[str, int]] = {}
        for scope, (common, origin, index) in scopes.items():
            where, first = known.setdefault(common, (origin, index))
            if (where, first) != (origin, index):
                told = f"the scope {scope} is of the same agreement or policy as that of {where} #{first}"
                self._found.add("scope.differs", origin, index, told)

    def _finish(self) -> None:
        report = self._report
        report.findings, report.totals = self._found.kept(), dict(self._found.totals)
        report.refusals = self._acts.refusals
        report.remarks = [Told(*each) for each in self._source.remarks()]
        report.logs = len(self._logs)
        report.clock_steps = len(self._acts.clocks)


@dataclass(frozen=True)
class _Told:
    """What a worker is told when payloads are gone through."""

    acts: Acts
    clocks: Clocks
    subject_key: bytes | None


def scan_of(source: Source, _: None, task: SpanTask) -> SpanFacts:
    """For a worker."""
    return scan(source, task)


def read_signed_of(source: Source, trust: Trust, log: LogRow) -> SignedFacts:
    """For a worker."""
    return read_signed(source, log, trust)


def contents_of(source: Source, told: _Told, task: ContentsTask) -> ContentsFacts:
    """For a worker."""
    pseudonyms = None if told.subject_key is None else Pseudonyms(told.subject_key)
    return Contents(source, told.acts, told.clocks, pseudonyms).go(task)
