"""An abort at every step of a turn, on a real Kafka: the verifier finds every request answered once."""

from __future__ import annotations

import pytest

from faults import messages
from faults.judge import all_answered, judged
from faults.load import Load
from faults.sending import consent_of, put_all
from faults.unsafe_log import Faults, Step, UnsafeLog
from gate.world import LIMITS, World, changed, subject_in
from sekisho.log.port import CommitUnknownError, FencedError, LogError, SendError, UnavailableError

pytestmark = pytest.mark.broker

FAILURES: list[tuple[Step, LogError]] = [
    (Step.START, UnavailableError("no answer when the id was initialized")),
    (Step.BEGIN, UnavailableError("no answer at the beginning")),
    (Step.SEND, UnavailableError("no answer when a batch was queued")),
    (Step.ANSWER, SendError("a batch was not acknowledged")),
    (Step.OFFSETS, UnavailableError("no answer to the offsets")),
    (Step.BEFORE_COMMIT, CommitUnknownError("the commit never arrived")),
    (Step.AFTER_COMMIT, CommitUnknownError("the commit's answer was lost")),
    (Step.AFTER_COMMIT, FencedError("another owner took over at the commit")),
]


@pytest.mark.scenario("abort injected at every step of a turn")
@pytest.mark.parametrize(
    ("step", "error"), FAILURES, ids=lambda each: str(getattr(each, "value", type(each).__name__))
)
async def test_a_turn_that_fails_at_any_step_is_done_anew(
    kafka_world: World, step: Step, error: LogError, fire: int
) -> None:
    """Whatever fails in a transaction: the lane is let go and taken again; nothing is lost, nothing is doubled."""
    faults = Faults()
    names = kafka_world.names
    if step is Step.START:
        faults.fail(step, error, times=2)
    async with Load(kafka_world.log, names, kafka_world.partitions, seed=7) as load:
        gate = await kafka_world.gate(log=UnsafeLog(kafka_world.log, faults), ready=False)
        await load.more(20)
        if step is not Step.START:
            for round_ in range(fire):
                faults.fail(step, error, skip=1 + round_)
                faults.fail(step, error, skip=3 + round_)
        await kafka_world.until(lambda: faults.is_spent)
        await load.more(20)
    await all_answered(kafka_world.log, names)
    await kafka_world.stop(gate)
    report = await judged(kafka_world.log, names, load.sent)
    assert report.ok, str(report)
    assert report.counts.requests == load.requests


@pytest.mark.scenario("abort injected at every step of a turn")
async def test_an_abort_that_fails_too_is_survived(kafka_world: World) -> None:
    """When neither the turn nor its abort get an answer, the next owner's start ends the transaction."""
    faults = Faults()
    names = kafka_world.names
    async with Load(kafka_world.log, names, kafka_world.partitions, seed=8) as load:
        gate = await kafka_world.gate(log=UnsafeLog(kafka_world.log, faults))
        faults.fail(Step.ANSWER, SendError("a batch was not acknowledged"), skip=2)
        faults.fail(Step.ABORT, UnavailableError("no answer to the abort"))
        await kafka_world.until(lambda: faults.is_spent)
        await load.more(20)
    await all_answered(kafka_world.log, names)
    await kafka_world.stop(gate)
    report = await judged(kafka_world.log, names, load.sent)
    assert report.ok, str(report)


@pytest.mark.scenario("abort injected at every step of a turn")
async def test_a_turn_that_grew_too_old_is_aborted_and_done_anew(kafka_world: World) -> None:
    """A deliberate abort keeps the writer and seeks back: its requests are decided by the next turn."""
    faults = Faults()
    names = kafka_world.names
    async with Load(kafka_world.log, names, kafka_world.partitions, seed=9) as load:
        unsafe = UnsafeLog(kafka_world.log, faults)
        gate = await kafka_world.gate(log=unsafe, limits=changed(LIMITS, turn_seconds=0.5))
        for skip in (1, 4, 7):
            faults.delay(Step.OFFSETS, 0.6, skip=skip)
        await kafka_world.until(lambda: faults.is_spent)
        await load.more(20)
    await all_answered(kafka_world.log, names)
    await kafka_world.stop(gate)
    report = await judged(kafka_world.log, names, load.sent)
    assert report.ok, str(report)


@pytest.mark.scenario("a misrouted suspension with an abort at its forward")
@pytest.mark.parametrize(
    ("step", "error"), FAILURES[1:], ids=lambda each: str(getattr(each, "value", type(each).__name__))
)
async def test_a_misrouted_suspension_whose_forward_fails_is_forwarded_once(
    kafka_world: World, step: Step, error: LogError
) -> None:
    """At whatever step the router's transaction fails: forwarded exactly once, and a request after it is refused."""
    faults, names = Faults(), kafka_world.names
    person, wrong = subject_in(2), 3
    told = [consent_of(kafka_world, *event) for event in messages.consents(person)]
    faults.fail(step, error, where="router", times=2)
    stop = consent_of(kafka_world, messages.SUSPENDED, messages.suspension(person), wrong)
    await put_all(kafka_world, [*told, stop])
    gate = await kafka_world.gate(log=UnsafeLog(kafka_world.log, faults), ready=False)
    await kafka_world.until(lambda: faults.is_spent or bool(faults.happened))
    await kafka_world.wait_for(names.consents, len(told) + 2)
    await kafka_world.ask(messages.request(person))
    await all_answered(kafka_world.log, names)
    await kafka_world.stop(gate)
    report = await judged(kafka_world.log, names)
    assert report.ok, str(report)
    assert (report.counts.denied, report.counts.forwarded) == (1, 1)
    assert faults.happened
