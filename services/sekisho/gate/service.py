"""The gate as a `mode` service: topics checked, rulebook published, then lanes and router until it is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import mode
import structlog

from sekisho.contracts.shared_models import Engine
from sekisho.contracts.topics import TopicNames
from sekisho.gate.clock import PUBLISHED, ClockGuard, Clocks
from sekisho.gate.deciding import DecidingLane
from sekisho.gate.desk import Desk
from sekisho.gate.intake import consent_reading, router_of
from sekisho.gate.lane import Lane, Seat
from sekisho.gate.lanes import Lanes
from sekisho.gate.limits import GateLimits
from sekisho.gate.poison import Trouble
from sekisho.gate.publish import publish_rulebook, read_back
from sekisho.gate.rejecting import Rejecter
from sekisho.gate.report import Report, RouterReport
from sekisho.gate.routing import RouterDesk, RouterLane
from sekisho.gate.ruling import Rules
from sekisho.gate.state import LaneState
from sekisho.gate.topics import Topics, TopicsChangedError, check_window, compare, describe
from sekisho.gate.turn import Turn
from sekisho.log.port import Log, LogError, MissingTopicError, PartitionReader
from sekisho.log.topics import Copies, judge_copies
from sekisho.rulebook import LoadedRulebook

_log = structlog.get_logger(__name__)
_RETRY_SECONDS: Final = 0.5
_MISSING_CHECKS: Final = 3
"""Checks in a row that must miss a topic: a broker that has just started may answer before it knows them all."""


@dataclass(frozen=True, slots=True)
class GateSetup:
    """One gate process. `folder` holds this instance's state; ids and groups begin with `prefix`."""

    names: TopicNames
    partitions: int
    prefix: str
    folder: Path
    hmac_key: bytes
    rulebook: LoadedRulebook
    engine: Engine
    limits: GateLimits
    clocks: Clocks
    startup_seconds: float
    stop_seconds: float
    copies: Copies
    """Of the topics, as the settings want them."""

    @property
    def group(self) -> str:
        """The deciding lanes' group."""
        return f"{self.prefix}gate"

    @property
    def router_group(self) -> str:
        """The router's group."""
        return f"{self.prefix}router"


class GateService(mode.Service):
    """One of any number of gates that share the lanes. `lane` and `router` are replaced by tests only."""

    def __init__(
        self,
        log: Log,
        setup: GateSetup,
        report: Report,
        *,
        lane: Callable[[Seat, Desk], Lane] = DecidingLane,
        router: Callable[[Seat, RouterDesk], Lane] = RouterLane,
    ) -> None:
        super().__init__()
        self._event_log = log
        self._setup = setup
        self._report = report
        self._lane = lane
        self._router = router
        self._running: list[asyncio.Task[None]] = []
        self._runs: list[asyncio.Task[None]] = []
        """Those of `_running` that end by themselves when their lanes are told to stop."""
        self._watermarks: PartitionReader | None = None
        self.lanes: Lanes | None = None
        self.router_lanes: Lanes | None = None
        self._clock = ClockGuard(setup.clocks, setup.limits.clock_seconds)

    # life

    async def on_start(self) -> None:
        """Checks the topics and publishes the rulebook, then has lanes and router run.

        Raises MissingTopicError, TopicsChangedError, LogError: then nothing was decided.
        """
        self._report.unassigned("the gate is starting")
        topics = await self._describe()
        setup = self._setup
        await self._publish(topics)
        self._watermarks = self._event_log.partition_reader()
        await self._watermarks.start()
        wiring = Wiring(setup, topics, self._watermarks, self._report, self._clock)
        desk, router_desk = wiring.desk(), wiring.router_desk()
        self.lanes = self._lanes(
            setup.group, setup.names.requests, "gate", lambda seat: self._lane(seat, desk), self._report
        )
        self.router_lanes = self._lanes(
            setup.router_group,
            setup.names.consents,
            "router",
            lambda seat: self._router(seat, router_desk),
            self._report.for_router(),
        )
        for work in (self.lanes.run(), self.router_lanes.run(), self._watch(topics)):
            task = asyncio.get_running_loop().create_task(work)
            task.add_done_callback(self._ended)
            self._running.append(task)
        self._runs = self._running[:2]

    async def on_stop(self) -> None:
        """Every lane finishes or aborts its turn, both groups are left, what was opened is closed."""
        self._report.stopping()
        for lanes in (self.lanes, self.router_lanes):
            if lanes is not None:
                lanes.stop()
        if self._runs:
            await asyncio.wait(self._runs, timeout=self._setup.stop_seconds)
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        if self._watermarks is not None:
            await self._watermarks.stop()

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A part that fails takes the service down: its supervisor starts it anew."""
        if not task.cancelled() and task.exception() is not None and not self.should_stop:
            failure = task.exception()
            assert failure is not None
            _log.error("gate_failed", exc_info=failure)
            asyncio.get_running_loop().create_task(self.crash(failure))

    def _lanes(
        self, group: str, topic: str, kind: str, make: Callable[[Seat], Lane], events: Report | RouterReport
    ) -> Lanes:
        setup = self._setup
        return Lanes(
            self._event_log,
            group,
            topic,
            lambda partition: f"{setup.prefix}{kind}-{partition}",
            make,
            setup.limits,
            setup.clocks,
            events,
        )

    # the world

    async def _describe(self) -> Topics:
        """The topics, awaited for as long as a broker that starts beside the gate may take."""
        deadline = self._setup.clocks.steady() + self._setup.startup_seconds
        while True:
            try:
                topics = await describe(self._event_log, self._setup.names)
                break
            except LogError as error:
                if self.should_stop or self._setup.clocks.steady() > deadline:
                    raise
                cause = "missing" if isinstance(error, MissingTopicError) else "unavailable"
                _log.warning("topics_awaited", cause=cause, error=error)
            await asyncio.sleep(_RETRY_SECONDS)
        if topics.partitions != self._setup.partitions:
            raise TopicsChangedError(
                f"the topics have {topics.partitions} partitions, the settings say {self._setup.partitions}: "
                "set SEKISHO_TOPIC_PARTITIONS to what is there"
            )
        check_window(topics, self._setup.limits.duplicate_window_seconds)
        self._tell_copies(topics)
        return topics

    def _tell_copies(self, topics: Topics) -> None:
        """Warns only: with too few copies every answer is still right, but a lost broker may take them with it."""
        for topic in topics.described.values():
            for found in judge_copies(topic, self._setup.copies):
                _log.warning(
                    "topic_copies_differ", topic=found.topic, problem=found.problem, remedy=found.remedy
                )

    async def _publish(self, topics: Topics) -> None:
        """Publishes the rulebook, at every start: when the brokers append it tells their clock."""
        setup, name = self._setup, topics.names.rulebooks
        asked = setup.clocks.wall()
        at, offset = await publish_rulebook(
            self._event_log, name, setup.rulebook, setup.engine.version, datetime.fromtimestamp(asked, UTC)
        )
        if not topics.is_stamped(name):
            _log.warning(
                "clock_not_compared",
                topic=name,
                remedy="have the brokers stamp it: `sekisho topics check` says how",
            )
            return
        found = await read_back(self._event_log, at, offset, setup.limits.call_seconds)
        self._clock.published(offset, found.timestamp, asked)
        if self._clock.is_off():
            _log.error(
                "clock_off",
                seconds=round(self._clock.off_seconds(), 1),
                remedy="set this machine's clock, or the brokers'; nothing is decided until they agree",
            )
        self._report.clock(self._clock)

    async def _watch(self, started: Topics) -> None:
        """Partition counts or topic ids that change at any time stop every lane (aiokafka takes new ones unasked)."""
        missing = 0
        while True:
            await asyncio.sleep(self._setup.limits.check_seconds)
            if self.lanes is not None and not self.lanes.reachable:
                continue  # administration waits in a thread, which would hold up the end of a gate told to stop
            try:
                compare(started, await describe(self._event_log, started.names))
                missing = 0
                if self._clock.accuses(PUBLISHED):
                    await self._publish(
                        started
                    )  # an idle gate has no other record that could excuse its clock
            except (MissingTopicError, TopicsChangedError) as error:
                missing = missing + 1 if isinstance(error, MissingTopicError) else _MISSING_CHECKS
                if missing < _MISSING_CHECKS:
                    _log.warning("topics_missing", checks=missing, error=error)
                    continue
                for lanes in (self.lanes, self.router_lanes):
                    if lanes is not None:
                        lanes.halt(str(error))
                return
            except LogError as error:
                _log.warning("topics_not_checked", error=error)


class Wiring:
    """What lanes share, made once the topics are known."""

    def __init__(
        self,
        setup: GateSetup,
        topics: Topics,
        watermarks: PartitionReader,
        report: Report,
        clock: ClockGuard,
    ) -> None:
        self._setup = setup
        self._topics = topics
        self._watermarks = watermarks
        self._report = report
        self._clock = clock
        self._route = router_of(topics.partitions)
        self._trouble: dict[int, Trouble] = {}
        every = range(topics.partitions)
        consents = setup.names.consents
        self._consent_rejecters = {number: self._rejecter(consents, number) for number in every}
        self._readings = {
            number: consent_reading(
                number, topics.partitions, self._consent_rejecters[number], setup.limits.value_bytes
            )
            for number in every
        }

    def desk(self) -> Desk:
        """What the deciding lanes share."""
        setup = self._setup
        return Desk(
            topics=self._topics,
            folder=setup.folder,
            watermarks=self._watermarks,
            clock=self._clock,
            report=self._report,
            turn=self._turn,
            consents=self._readings.__getitem__,
            trouble=self._trouble,
            deciding=asyncio.Lock(),
        )

    def router_desk(self) -> RouterDesk:
        """What the router's lanes share."""
        return RouterDesk(
            rejected_topic=self._setup.names.rejected,
            watermarks=self._watermarks,
            report=self._report,
            reading=self._readings,
            rejecters=self._consent_rejecters,
            trouble={},
        )

    def _turn(self, partition: int, state: LaneState) -> Turn:
        setup = self._setup
        trouble = self._trouble.setdefault(partition, Trouble(setup.limits.turn_attempts))
        rejecter = self._rejecter(setup.names.requests, partition)
        return Turn(self._rules(partition), state, rejecter, trouble, setup.clocks.wall)

    def _rules(self, partition: int) -> Rules:
        setup, limits = self._setup, self._setup.limits
        requests = setup.names.requests
        return Rules(
            partition=partition,
            topic=requests,
            topic_id=self._topics.id(requests),
            partitions=self._topics.partitions,
            book=setup.rulebook.book,
            engine=setup.engine,
            route=self._route,
            value_bytes=limits.value_bytes,
            output_bytes=limits.output_bytes,
            subject_events=limits.subject_events,
            window_ms=int(limits.duplicate_window_seconds * 1000),
        )

    def _rejecter(self, topic: str, partition: int) -> Rejecter:
        setup = self._setup
        return Rejecter(topic, self._topics.id(topic), partition, setup.hmac_key, self._now)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._setup.clocks.wall(), UTC)
