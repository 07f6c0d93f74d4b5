"""The composition root: settings become one gate process that can be asked for its state from the start."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gate.world import World, request, subject_in
from sekisho.bootstrap import gate_remedies, gate_service, gate_setup, load_rulebook
from sekisho.local.service import ask
from sekisho.rulebook import sample_path
from sekisho.settings import Settings, SettingsError


def settings(world: World, folder: Path, **more: str) -> Settings:
    """What a gate of this world is told."""
    return Settings.from_environment(
        {
            "SEKISHO_KAFKA_BOOTSTRAP": "nowhere:9092",
            "SEKISHO_RULEBOOK": str(sample_path()),
            "SEKISHO_PAYLOAD_HMAC_KEY": "k" * 40,
            "SEKISHO_INSTANCE": "one",
            "SEKISHO_TOPIC_PREFIX": world.prefix,
            "SEKISHO_STATE_DIRECTORY": str(folder),
            **more,
        }
    )


async def asked(port: int, path: str) -> tuple[int, str]:
    """What the gate's HTTP server answers."""
    return await asyncio.to_thread(ask, "127.0.0.1", port, path)


async def test_a_gate_process_decides_and_tells_of_itself(world: World, tmp_path: Path) -> None:
    """Ready once its lanes run; its metrics count what it decided; stopped, it is gone from the group."""
    process = gate_service(settings(world, tmp_path), world.log)
    await process.start()
    try:
        await world.until(lambda: process.health.ready)
        assert (await asked(process.http.port, "/readyz"))[0] == 200
        await world.ask(request(subject_in(1)))
        await world.decisions(1)
        metrics = (await asked(process.http.port, "/metrics"))[1]
        assert 'sekisho_decisions_total{action="use",effect="allow",reason="none"} 1.0' in metrics
        assert 'sekisho_transactions_total{outcome="committed"} 1.0' in metrics
    finally:
        await process.stop()
    assert not process.health.ready


async def test_what_fails_for_good_takes_the_process_down(world: World, tmp_path: Path) -> None:
    """A defect outside of any lane crashes the service: its supervisor starts it anew."""
    process = gate_service(settings(world, tmp_path), world.log)
    await process.start()
    try:
        await world.until(lambda: process.health.ready)
        lanes = process.gate.lanes
        assert lanes is not None

        def defective() -> None:
            raise ZeroDivisionError

        lanes._hold_back = defective  # type: ignore[method-assign]
        async with asyncio.timeout(10):
            await process.wait_until_stopped()
        assert process.crashed
    finally:
        await process.stop()


def test_a_gate_without_its_needs_is_refused_before_anything_is_opened(world: World, tmp_path: Path) -> None:
    """What is missing is named."""
    bare = Settings.from_environment({})
    with pytest.raises(SettingsError, match="SEKISHO_PAYLOAD_HMAC_KEY"):
        gate_service(bare)
    with pytest.raises(SettingsError):
        gate_remedies(bare, world.log)


def test_each_instance_has_a_folder_of_its_own(world: World, tmp_path: Path) -> None:
    """Two gates of one host, and two deployments of one gate, never share a state."""
    loaded = load_rulebook(settings(world, tmp_path))
    one = gate_setup(settings(world, tmp_path), loaded)
    two = gate_setup(settings(world, tmp_path, SEKISHO_INSTANCE="two"), loaded)
    other = gate_setup(settings(world, tmp_path, SEKISHO_TOPIC_PREFIX="other-"), loaded)
    assert len({one.folder, two.folder, other.folder}) == 3
