"""The gate on a real Kafka."""

from __future__ import annotations

import pytest

from gate.world import World, codes, effects, request, subject_in, suspension

pytestmark = pytest.mark.broker


async def test_two_gates_share_the_lanes_and_answer_every_request_once(kafka_world: World) -> None:
    """Two gates on a real Kafka: every request has exactly one committed decision, in order."""
    first = await kafka_world.gate("a")
    second = await kafka_world.gate("b")
    await kafka_world.shared_by(first, second)
    subject = subject_in(1)
    await kafka_world.tell(suspension(subject))
    await kafka_world.ask(
        *(request(subject_in(number % 4, number // 4)) for number in range(40)), request(subject)
    )
    decisions = await kafka_world.decisions(41)
    assert effects(decisions).count("deny") == 2
    assert codes(next(each for each in decisions if each["effect"] == "deny")) == ["subject.use_suspended"]
