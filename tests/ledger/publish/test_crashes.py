"""A publication that ends between any two of its steps: nothing published is ahead of what is signed, and the next run mends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.publish import killed
from ledger.publish.ground import LOG, ORIGIN, OTHER, Ground
from ledger.publish.reading import published_root
from ledger.publish.steps import Steps, Stopped, stop
from sekisho.ledger.publish.files import PublishedTree
from sekisho.ledger.publish.publisher import Publisher
from sekisho.ledger.store import entries, logs

pytestmark = pytest.mark.database
TESTS = Path(__file__).parents[2]


async def check_published(ground: Ground) -> None:
    """Every published checkpoint is one that is kept as signed, and every tile and entry that it needs is published."""
    for log in PublishedTree(ground.published).logs():
        found = ground.checkpoint(log)
        assert published_root(ground, found.size, log) == found.root
        known = await logs.log_of(ground.conn, f"{ORIGIN}/{log}")
        assert known is not None
        kept = {row.note.encode() for row in await entries.checkpoints(ground.conn, known.log_id)}
        assert ground.note(log) in kept


async def check_whole(ground: Ground) -> None:
    """All is signed and published, and nothing half-written is left."""
    await check_published(ground)
    for log, head in await logs.heads(ground.conn):
        assert ground.checkpoint(log.origin.removeprefix(f"{ORIGIN}/")).size == head.size
    assert not [path for path in ground.folder.rglob("*") if path.name.endswith((".new~", ".new"))]


async def test_a_first_publication_may_end_anywhere(ground: Ground) -> None:
    """Before the key, the log of logs, the first checkpoint: the next start makes what is missing, and one key signed all."""
    steps, at = Steps(stop), 0
    await ground.grow(300)
    with pytest.MonkeyPatch.context() as patch:
        steps.wire(patch)
        while True:
            at += 1
            steps.arm(at)
            try:
                await ground.publish()
            except Stopped:
                steps.arm(None)
                await check_published(ground)
                continue
            break
    assert at > 20
    await check_whole(ground)
    assert len({key.public for key in ground.verifier_keys()}) == 1


async def test_a_publication_may_end_anywhere(ground: Ground) -> None:
    """Two logs grow each time; before each step an end; a new process then publishes all."""
    steps, at = Steps(stop), 0
    await ground.grow(200)
    await ground.grow(250, OTHER)
    await ground.publish()
    with pytest.MonkeyPatch.context() as patch:
        steps.wire(patch)
        while True:
            at += 1
            await ground.grow(30)
            await ground.grow(130, OTHER)
            publisher = await ground.open()
            steps.arm(at)
            try:
                await publisher.publish(ground.conn, enter_all=True)
            except Stopped:
                steps.arm(None)
                await check_published(ground)
                await ground.publish()
                await check_whole(ground)
            else:
                break
    assert at > 30
    await check_whole(ground)


async def test_a_failed_publication_may_be_tried_again_by_the_same_process(ground: Ground) -> None:
    """What it remembers is what was committed, not what it wanted to."""
    steps, at = Steps(stop), 0
    await ground.grow(200)
    publisher: Publisher = await ground.publish()
    with pytest.MonkeyPatch.context() as patch:
        steps.wire(patch)
        ended = True
        while ended:
            at += 3
            await ground.grow(70)
            steps.arm(at)
            try:
                await publisher.publish(ground.conn, enter_all=True)
                ended = False
            except Stopped:
                steps.arm(None)
                await publisher.publish(ground.conn, enter_all=True)
                await check_whole(ground)
    assert at > 15
    assert not publisher.stopped
    assert ground.checkpoint(LOG).size == 200 + 70 * (at // 3)


def run_killed(ground: Ground, at: int, what: str) -> subprocess.CompletedProcess[str]:
    """Publish in a process that kills itself before a step."""
    now = ground.clock.now().isoformat()
    command = [sys.executable, killed.__file__, ground.url, str(ground.folder), str(at), what, now]
    environment = os.environ | {"PYTHONPATH": str(TESTS)}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)


@pytest.mark.parametrize("at", [1, 5, 9, 14, 20, 27, 35])
async def test_a_killed_publication_is_mended(ground: Ground, at: int) -> None:
    """SIGKILL before the step; the lock goes with the process, and the next one publishes all."""
    await ground.grow(200)
    await ground.publish()
    await ground.grow(100)
    await ground.grow(300, OTHER)
    ended = run_killed(ground, at, "publish")
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    await check_published(ground)
    ground.clock.at = ground.clock.at.replace(year=2027)
    await ground.publish()
    await check_whole(ground)
