"""How many requests a second, from the first to the last committed decision of a backlog that appears at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from bench import trust, workload
from bench.contenders import FAUST, Contender, Running, running
from bench.forwarding import keep
from bench.site import Deployment, Ends, Site
from bench.workload import PARTITIONS, Mix

_LOOK_S: Final = 0.01
_QUIET_S: Final = 0.3
_DEADLINE_S: Final = 300.0


@dataclass(frozen=True)
class Sizes:
    """How much is asked: in the warm-up that does not count, in the backlog that does, and of Faust."""

    warm: int
    main: int
    faust_warm: int
    faust: int

    def of(self, contender: Contender) -> tuple[int, int]:
        """Warm-up and backlog."""
        return (self.faust_warm, self.faust) if contender == FAUST else (self.warm, self.main)


@dataclass(frozen=True)
class Run:
    """One contender's one round. CPU in µs a request: the contender's processes', and the broker's."""

    contender: str
    mix: str
    round: int
    requests: int
    seconds: float
    per_second: float
    cpu_us: float
    broker_us: float
    rss_bytes: int
    load: float


@dataclass
class Stage:
    """Where a contender is measured."""

    site: Site
    broker_pid: int
    folder: Path
    say: Callable[[str], None]


@dataclass(frozen=True)
class Seen:
    """A backlog as it was worked off: the ends over time, CPU times at the last change, and what was written."""

    begun: float
    samples: Sequence[Ends]
    cpu: float
    broker: float
    decisions: list[list[Any]]

    def rate(self, since: Sequence[int]) -> tuple[float, float]:
        """Seconds, and decisions a second, from the first commit that was seen to the last. Transaction markers are none.

        Where one look saw them all (a tiny backlog), from when it was asked for.
        """
        changed = [sample for sample in self.samples if sum(sample.offsets) > sum(since)]
        first, last = changed[0], changed[-1]
        if first is last:
            first = Ends(self.begun, tuple(since))
        seconds = last.at - first.at
        return seconds, (self._decided(since, last) - self._decided(since, first)) / seconds

    def _decided(self, since: Sequence[int], sample: Ends) -> int:
        """Decisions between those offsets and a sample's."""
        return sum(
            begin <= each.offset() < end
            for part, begin, end in zip(self.decisions, since, sample.offsets, strict=True)
            for each in part
        )


def work_off(stage: Stage, deployment: Deployment, run: Running, asked: int, since: Sequence[int]) -> Seen:
    """Waits until `asked` decisions stand behind `since`, looking at the committed ends all the time."""
    topic, site = deployment.names.decisions, stage.site
    samples: list[Ends] = []
    cpu = broker = 0.0
    begun = time.monotonic()
    while True:
        found = site.ends(topic)
        if not samples or found.offsets != samples[-1].offsets:
            samples.append(found)
            cpu, broker = run.cpu_seconds(), _cpu(stage.broker_pid)
        elif sum(found.offsets) - sum(since) >= asked and found.at - samples[-1].at > _QUIET_S:
            decisions = site.read(topic, since)
            if sum(map(len, decisions)) >= asked:
                return Seen(begun, samples, cpu, broker, decisions)
        if found.at > begun + _DEADLINE_S:
            raise TimeoutError(f"{run.processes[0].name} has not worked off {asked} requests")
        run.check()
        time.sleep(_LOOK_S)


def _cpu(pid: int) -> float:
    return float(sum(psutil.Process(pid).cpu_times()[:2]))


def prepare(deployment: Deployment, contender: Contender, persons: int = workload.PERSONS) -> None:
    """What stands in the topics before a contender starts: the persons' consents, for a gate."""
    if contender.module is None:
        deployment.backlog(deployment.names.consents, workload.consents(persons))


def measure(
    stage: Stage, contender: Contender, mix: Mix, sizes: Sizes, number: int, pairs: Path | None
) -> tuple[Run, list[Any]]:
    """One round of one contender on topics of its own; gives its outputs too, checked."""
    warm, main = sizes.of(contender)
    with stage.site.deployment() as deployment:
        prepare(deployment, contender)
        first = list(workload.requests(mix, warm, seed=number * 2))
        second = list(workload.requests(mix, main, seed=number * 2 + 1))
        with running(contender, deployment, stage.folder, pairs) as run:
            deployment.ask(first)
            warmed = work_off(stage, deployment, run, warm, (0,) * PARTITIONS)
            since = warmed.samples[-1].offsets
            cpu, broker = run.cpu_seconds(), _cpu(stage.broker_pid)
            deployment.ask(second)
            seen = work_off(stage, deployment, run, main, since)
            rss = run.rss_bytes()
        records = stage.site.read(deployment.names.records)
    decisions = [one + two for one, two in zip(warmed.decisions, seen.decisions, strict=True)]
    trust.check(contender, mix, [*first, *second], decisions, records)
    seconds, rate = seen.rate(since)
    found = Run(
        contender.name, mix.name, number, main, seconds, rate, (seen.cpu - cpu) / main * 1e6,
        (seen.broker - broker) / main * 1e6, rss, psutil.getloadavg()[0],
    )  # fmt: skip
    stage.say(
        f"  {mix.name}, round {number}: {contender.name:12} {rate:9,.0f}/s   CPU {found.cpu_us:6.1f} µs a request "
        f"(the broker's {found.broker_us:5.1f})   load {found.load:.1f}"
    )
    return found, [decisions, records]


def rounds(stage: Stage, contenders: Sequence[Contender], mix: Mix, sizes: Sizes, count: int) -> list[Run]:
    """Interleaved rounds. A first run of the gate, which does not count, gives what the forwarders write."""
    trial = Sizes(200, min(2000, sizes.main), 0, 0)
    gate = Contender("gate", "the gate")
    _, (decisions, records) = measure(stage, gate, mix, trial, 0, None)
    pairs = keep(trust.pairs(decisions, records, mix), stage.folder / f"{mix.name}.pairs")
    return [
        measure(stage, each, mix, sizes, number, pairs)[0]
        for number in range(1, count + 1)
        for each in contenders
    ]


def rates(runs: Sequence[Run]) -> Mapping[str, list[float]]:
    """By contender, in the order of the rounds."""
    found: dict[str, list[float]] = {}
    for each in runs:
        found.setdefault(each.contender, []).append(each.per_second)
    return found


def raw(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """For JSON."""
    return [asdict(each) for each in runs]
