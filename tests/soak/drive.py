"""One run: a broker of its own, three gates, load, the plan's faults, and the verifier's word in between and at the end."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from faults.judge import check_config
from gate.world import HMAC_KEY, LIMITS, World
from kafka_settings import kafka_config
from sekisho.audit import CheckReport, check
from sekisho.bootstrap import CLOCKS
from sekisho.gate.remedies import Remedies
from sekisho.local.broker import LocalKafka
from sekisho.log.kafka import KafkaLog
from soak.follower import Follower
from soak.gatehouse import Gatehouse
from soak.perform import Performer
from soak.plan import GATES, GUEST, PARTITIONS, Fault
from soak.sampling import Sampler
from soak.traffic import Traffic

_ANSWER_SECONDS: Final = 240.0
_FAULT_SECONDS: Final = 300.0
_ROUTER_SECONDS: Final = 3.0
_ATTEMPTS: Final = 3
_BETWEEN_ATTEMPTS: Final = 10.0
_SETTLING: Final = frozenset(
    {"transaction.open", "rejected.missing", "consent.held", "consent.not_forwarded"}
)
"""What may be under way still when every request is answered: looked at again before it counts."""
_TOLERANCE_MS: Final = 100
"""As `SEKISHO_AUDIT_TOLERANCE_MS`: a broker that is frozen between an append and its acknowledgement has not promised it."""


@dataclass(frozen=True)
class Options:
    """How a run is made: seconds of load under faults, a fault about every so many, messages a second, seconds between
    checkpoints and between samples."""

    seed: int
    seconds: float
    every: float
    rate: float
    checkpoint: float
    interval: float

    @property
    def command(self) -> str:
        """What runs the same again."""
        return (
            f"make soak SEED={self.seed} SECONDS={self.seconds:g} EVERY={self.every:g} RATE={self.rate:g} "
            f"CHECKPOINT={self.checkpoint:g}"
        )


@dataclass(frozen=True)
class Verdict:
    """What a checkpoint found: at which second, about which partitions (None: all), how long it took."""

    at: float
    partitions: frozenset[int] | None
    answered_s: float
    verified_s: float
    attempts: int
    report: CheckReport


@dataclass
class Outcome:
    """What came of a run. `problems` is empty where nothing is wrong."""

    options: Options
    plan: tuple[Fault, ...]
    verdicts: list[Verdict] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    ended: float = 0.0


class Drive:
    """One run in one folder. `await run()`; everything that was started ends with it, whatever happens."""

    def __init__(
        self,
        kafka: LocalKafka,
        folder: Path,
        options: Options,
        plan: tuple[Fault, ...],
        say: Callable[[str], None],
    ) -> None:
        self._kafka = kafka
        self._options = options
        self._say = say
        self._began = time.monotonic()
        self._waited = 0.0
        self._tasks: list[asyncio.Task[None]] = []
        self._faults: set[asyncio.Task[None]] = set()
        self.outcome = Outcome(options, plan)
        self.prefix = f"soak{uuid.uuid4().hex[:8]}-"
        self.log = KafkaLog(kafka_config(kafka.bootstrap, "soak"))
        self.world = World(self.log, self.prefix, folder, PARTITIONS)
        self.names = self.world.names
        self.gates = Gatehouse(kafka.bootstrap, self.prefix, PARTITIONS, folder, (*GATES, GUEST), self.say)
        self.traffic = Traffic(
            self.log,
            self.names,
            PARTITIONS,
            seed=options.seed,
            per_second=options.rate,
            sent=folder / "sent.txt",
        )
        self.follower = Follower(self.log, self.names, PARTITIONS)
        self.sampler = Sampler(
            self.gates,
            kafka,
            self.traffic,
            self.follower,
            self.clock,
            folder / "samples.jsonl",
            options.interval,
        )
        remedies = Remedies(
            self.log,
            self.world.names,
            f"{self.prefix}gate",
            f"{self.prefix}remedy-",
            HMAC_KEY,
            LIMITS,
            CLOCKS,
        )
        self.performer = Performer(
            kafka, self.gates, self.traffic, self.log, self.names, self.prefix, remedies, self.clock, self.say
        )

    def clock(self) -> float:
        """Seconds since the run began, checkpoints included."""
        return time.monotonic() - self._began

    def say(self, what: str) -> None:
        """A line with the seconds since the start."""
        self._say(f"{self.clock():8.1f}  {what}")

    def _loaded(self) -> float:
        """Seconds under load: the plan's clock."""
        return self.clock() - self._waited

    async def run(self) -> Outcome:
        """Runs the plan; also on failure and when cancelled everything is ended and the outcome tells what was found."""
        try:
            async with AsyncExitStack() as ending:
                ending.push_async_callback(self.log.close)
                ending.push_async_callback(self._end)
                await self._start()
                await self._follow_plan()
                await self._checkpoint(None)
        finally:
            self.outcome.ended = self.clock()
        return self.outcome

    async def _start(self) -> None:
        await self.world.create()
        self.gates.prepare()
        await asyncio.gather(*(self.gates.start(name) for name in GATES))
        await self.gates.all_ready()
        self.say("three gates are ready")
        self._began = time.monotonic()
        await self.traffic.start()
        for work in (self.follower.run(), self.sampler.run(), self.gates.supervise()):
            self._tasks.append(asyncio.create_task(work))

    async def _end(self) -> None:
        for each in (*self._faults, *self._tasks):
            each.cancel()
        await asyncio.gather(*self._faults, *self._tasks, return_exceptions=True)
        if self._kafka.is_running():
            self._kafka.resume()
        await self.gates.end()
        await self.traffic.stop()

    # the plan

    async def _follow_plan(self) -> None:
        next_check, number = self._options.checkpoint, 0
        for fault in self.outcome.plan:
            while self._loaded() < fault.at:
                if self._loaded() >= next_check:
                    await self._checkpoint(frozenset({number % PARTITIONS}))
                    next_check, number = self._loaded() + self._options.checkpoint, number + 1
                await asyncio.sleep(min(0.2, max(0.0, fault.at - self._loaded())))
                self._notice()
            task = asyncio.create_task(self.performer.perform(fault))
            self._faults.add(task)
        while self._loaded() < self._options.seconds:
            await asyncio.sleep(0.2)
            self._notice()

    def _notice(self) -> None:
        """A fault that could not be made, or a part of the driver that ended, ends the run: raises what it raised."""
        for task in [each for each in self._faults if each.done()]:
            self._faults.discard(task)
            _raise_of(task)
        for task in self._tasks:
            if task.done():
                _raise_of(task)
        if (failure := self.traffic.failure()) is not None:
            raise failure
        if self.follower.wrong:
            raise AssertionError(f"seen while it ran: {self.follower.wrong[:5]}")

    # judging

    async def _checkpoint(self, partitions: frozenset[int] | None) -> None:
        """Lets everything be answered, then has the verifier judge some partitions, or all; the plan's clock stands still."""
        began = time.monotonic()
        await self._settle()
        answered = time.monotonic() - began
        self.sampler.phase = "verify"
        verdict = await self._verified(partitions, answered)
        self.sampler.phase = "load"
        self.outcome.verdicts.append(verdict)
        which = "all partitions" if partitions is None else f"partition {min(partitions)}"
        counts = verdict.report.counts
        self.say(
            f"= answered after {answered:.1f} s; {which}: {counts.requests} requests verified in "
            f"{verdict.verified_s:.1f} s: {'nothing wrong' if verdict.report.ok else str(verdict.report)}"
        )
        if not verdict.report.ok:
            raise AssertionError(f"the verifier found:\n{verdict.report}")
        if partitions is not None:
            self.traffic.go_on()
        self._waited += time.monotonic() - began

    async def _settle(self) -> None:
        """Every fault over, nothing sent any more, all gates ready, every request answered. Raises AssertionError if not."""
        if self._faults:
            self.say(f"= waiting for {len(self._faults)} faults to be over")
            await asyncio.wait(tuple(self._faults), timeout=_FAULT_SECONDS)
            late = [each for each in self._faults if not each.done()]
            assert not late, f"{len(late)} faults did not end"
            self._notice()
        await self.traffic.pause()
        self.sampler.phase = "answer"
        await self.gates.all_ready()
        if not await self.follower.answered(_ANSWER_SECONDS):
            raise AssertionError(f"{self.follower.lag} requests have no answer after {_ANSWER_SECONDS:.0f} s")
        self._notice()
        await asyncio.sleep(_ROUTER_SECONDS)

    async def _verified(self, partitions: frozenset[int] | None, answered: float) -> Verdict:
        """The verifier's word. What the router or a rejection still has under way is there at a later attempt."""
        config = check_config(self.names, partitions=partitions, stall_seconds=60, tolerance_ms=_TOLERANCE_MS)
        at = self.clock()
        for attempt in range(1, _ATTEMPTS + 1):
            began = time.monotonic()
            report = await check(self.log, config, sent=self.traffic.sent.of(partitions))
            verdict = Verdict(at, partitions, answered, time.monotonic() - began, attempt, report)
            if report.ok or attempt == _ATTEMPTS or report.totals.keys() - _SETTLING:
                return verdict
            self.say(f"= not settled yet (attempt {attempt}): {dict(report.totals)}")
            await asyncio.sleep(_BETWEEN_ATTEMPTS)
        raise AssertionError("there is at least one attempt")


def _raise_of(task: asyncio.Task[None]) -> None:
    """Raises what a task ended with. A client that cancels its caller must not look like a run that was told to end."""
    if task.cancelled():
        raise AssertionError(f"{task.get_coro()} was cancelled, by nobody here")
    task.result()
