"""Changing the signing key: every log signed by both keys, then by the new one alone; stopped anywhere, it is completed."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from ledger.publish.ground import LOG, ORIGIN, OTHER, Ground
from ledger.publish.reading import published_root
from ledger.publish.steps import Steps, Stopped, stop
from ledger.publish.test_crashes import check_published, check_whole, run_killed
from ledger.publish.test_publisher import meta_leaves
from sekisho.ledger import leaves
from sekisho.ledger.merkle.canonical import commit
from sekisho.ledger.merkle.note import NoteError, VerifierKey, open_note
from sekisho.ledger.publish.files import PublishedTree
from sekisho.ledger.publish.keys import (
    KeyPlaces,
    MissingKeyError,
    SigningKey,
    load_signing_key,
    write_signing_key,
)
from sekisho.ledger.publish.meta import Statement
from sekisho.ledger.publish.publisher import KeyChangedError
from sekisho.ledger.publish.rotation import RotationError, rotate_key
from sekisho.ledger.publish.starting import OtherKeyError, open_publisher
from sekisho.ledger.store import entries, logs, payloads

pytestmark = pytest.mark.database
WHY = Statement("operator-7", "yearly change")
META = "meta"


async def begun(ground: Ground) -> SigningKey:
    """A log that grows and one that is closed, published; gives the key."""
    await ground.grow(300)
    await ground.grow(20, OTHER, closes=True)
    await ground.publish()
    return load_signing_key(ground.places, ORIGIN, may_make=False)


def signers(ground: Ground, log: str, *keys: SigningKey) -> set[bytes]:
    """Which of these keys signed the log's published checkpoint."""
    origin = f"{ORIGIN}/{log}"
    found = set()
    for key in keys:
        try:
            open_note(ground.note(log), [key.verifier(origin)])
        except NoteError:
            continue
        found.add(key.public)
    return found


async def check_rotated(ground: Ground, old: SigningKey, new: SigningKey) -> None:
    """All that holds when a rotation is complete."""
    await check_whole(ground)
    for log in PublishedTree(ground.published).logs():
        assert signers(ground, log, old, new) == {old.public, new.public}, log
    assert load_signing_key(ground.places, ORIGIN, may_make=False) == new
    assert not ground.places.next_signing.exists()
    periods = json.loads((ground.published / "keys.json").read_text())["keys"]
    assert [period["until"] is None for period in periods] == [False, True]
    assert {key.public for key in ground.verifier_keys()} == {old.public, new.public}
    named = [
        VerifierKey.from_text(leaf.vkey).public
        for leaf in meta_leaves(ground)
        if isinstance(leaf, leaves.NewKey)
    ]
    assert named == [old.public, new.public]


async def test_every_log_is_signed_by_both_keys_and_then_by_the_new_one(ground: Ground) -> None:
    """Logs that grow, closed ones, the log of logs; afterwards the old key signs nothing, and its signatures still verify."""
    old = await begun(ground)
    kept = {log: ground.note(log) for log in (LOG, OTHER, META)}
    publisher = await ground.open()
    new = await rotate_key(ground.conn, publisher, WHY)
    await check_rotated(ground, old, new)
    await ground.grow(5)
    await publisher.publish(ground.conn, enter_all=True)
    assert signers(ground, LOG, old, new) == signers(ground, META, old, new) == {new.public}
    assert signers(ground, OTHER, old, new) == {old.public, new.public}
    for log, note in kept.items():
        assert open_note(
            note, [key for key in ground.verifier_keys() if key.name == f"{ORIGIN}/{log}"]
        ).signers
    await ground.publish()
    assert published_root(ground, 305) == ground.checkpoint().root


async def test_who_and_why_stand_in_the_payload_of_the_key_leaf(ground: Ground) -> None:
    """The leaf holds the commitment alone."""
    await begun(ground)
    await rotate_key(ground.conn, await ground.open(), WHY)
    own = await logs.log_of(ground.conn, f"{ORIGIN}/{META}")
    assert own is not None
    found = [
        (index, leaf) for index, leaf in enumerate(meta_leaves(ground)) if isinstance(leaf, leaves.NewKey)
    ]
    index, leaf = found[-1]
    payload = await payloads.payload(ground.conn, own.log_id, index)
    assert payload is not None
    assert json.loads(payload.body).items() >= {"by": "operator-7", "reason": "yearly change"}.items()
    assert commit(payload.salt, payload.body).hex() == leaf.commit


async def test_a_log_opened_after_a_rotation_has_the_new_key_alone(ground: Ground) -> None:
    """The old key is not listed for it: who stole it cannot sign a log that did not exist in its time."""
    old = await begun(ground)
    publisher = await ground.open()
    await rotate_key(ground.conn, publisher, WHY)
    later = LOG.replace("/0/2026", "/2/2026")
    await ground.grow(1, later)
    await publisher.publish(ground.conn)
    listed = [key for key in ground.verifier_keys() if key.name.endswith("/2/2026")]
    assert old.public not in {key.public for key in listed}
    assert len(listed) == 1


async def test_a_rotation_may_end_anywhere(ground: Ground) -> None:
    """Before each step an end: the next start completes it or finds nothing begun; no step signs with a key nobody knows."""
    steps, at = Steps(stop), 0
    old = await begun(ground)
    with pytest.MonkeyPatch.context() as patch:
        steps.wire(patch)
        while True:
            at += 1
            publisher = await ground.open()
            steps.arm(at)
            try:
                new = await rotate_key(ground.conn, publisher, WHY)
            except Stopped:
                steps.arm(None)
                await check_published(ground)
                publisher = await ground.open()
                await publisher.publish(ground.conn, enter_all=True)
                new = load_signing_key(ground.places, ORIGIN, may_make=False)
                if new != old:  # it was completed; the next one begins from the new key
                    assert signers(ground, OTHER, old, new) == {old.public, new.public}
                    old = new
                await check_whole(ground)
                continue
            break
    assert at > 30
    await check_whole(ground)
    assert signers(ground, OTHER, old, new) == {old.public, new.public}


@pytest.mark.parametrize("at", [8, 16, 24, 32, 40])
async def test_a_killed_rotation_is_completed(ground: Ground, at: int) -> None:
    """SIGKILL before the step: the next start goes on, or nothing had begun."""
    old = await begun(ground)
    ended = run_killed(ground, at, "rotate")
    assert ended.returncode == -signal.SIGKILL, ended.stdout + ended.stderr
    ground.clock.at = ground.clock.at.replace(year=2027)
    await ground.publish()
    await check_whole(ground)
    new = load_signing_key(ground.places, ORIGIN, may_make=False)
    if new != old:
        await check_rotated(ground, old, new)


async def test_a_running_service_notices_the_change(ground: Ground) -> None:
    """A publisher that was opened before signs nothing more; opened again it has the new key."""
    await begun(ground)
    service = await ground.open()
    new = await rotate_key(ground.conn, await ground.open(), WHY)
    await ground.grow(5)
    with pytest.raises(KeyChangedError):
        await service.publish(ground.conn)
    assert ground.checkpoint().size == 300
    await ground.publish()
    assert signers(ground, LOG, new) == {new.public}


async def test_a_lost_key_is_replaced_only_by_a_statement(ground: Ground) -> None:
    """The new key signs every log alone, the history says that the old one was lost, and the start is as usual again."""
    old = await begun(ground)
    ground.places.signing.unlink()
    with pytest.raises(MissingKeyError):
        await ground.open()
    publisher = await ground.open(lost=True)
    new = await rotate_key(ground.conn, publisher, Statement("operator-7", "the disk with the key burnt"))
    for log in (LOG, OTHER, META):
        assert signers(ground, log, old, new) == {new.public}
    periods = json.loads((ground.published / "keys.json").read_text())["keys"]
    assert [period["lost"] for period in periods] == [True, False]
    await ground.grow(5)
    await ground.publish()
    await check_whole(ground)


async def test_a_lost_keys_replacement_may_be_interrupted(ground: Ground) -> None:
    """Before each step: either the key is still told as lost, or the next start completes it."""
    steps = Steps(stop)
    await begun(ground)
    ground.places.signing.unlink()
    with pytest.MonkeyPatch.context() as patch:
        steps.wire(patch)
        for at in range(1, 60, 3):
            steps.arm(None)
            publisher = await ground.open(lost=True)
            steps.arm(at)
            try:
                await rotate_key(ground.conn, publisher, WHY)
            except Stopped:
                steps.arm(None)
                try:
                    await ground.publish()
                except MissingKeyError:
                    continue
            break
    await ground.publish()
    await check_whole(ground)
    assert ground.places.signing.exists()


async def test_a_key_given_by_file_is_replaced_by_the_operator(ground: Ground, tmp_path: Path) -> None:
    """Without a new file it refuses; with one all is signed, and the old file is refused from then on."""
    keys = [SigningKey.generate() for _ in range(2)]
    files = [tmp_path / "old.key", tmp_path / "new.key"]
    for key, file in zip(keys, files, strict=True):
        (tmp_path / file.stem).mkdir(mode=0o700)
        write_signing_key(tmp_path / file.stem / "key", key, ORIGIN)
    places = [KeyPlaces(ground.folder / "keys", signing_file=tmp_path / file.stem / "key") for file in files]
    old, new = (type(ground.setup)(ORIGIN, ground.published, place, meta_seconds=0.5) for place in places)
    await ground.grow(300)
    publisher = await open_publisher(ground.conn, old, ground.clocks, ground.told)
    await publisher.publish(ground.conn)
    with pytest.raises(RotationError, match="--new-key-file"):
        await rotate_key(ground.conn, publisher, WHY)
    await rotate_key(ground.conn, publisher, WHY, new_key=keys[1])
    assert signers(ground, LOG, *keys) == {keys[0].public, keys[1].public}
    with pytest.raises(OtherKeyError, match="SEKISHO_LEDGER_SIGNING_KEY_FILE"):
        await open_publisher(ground.conn, old, ground.clocks, ground.told)
    await ground.grow(1)
    publisher = await open_publisher(ground.conn, new, ground.clocks, ground.told)
    await publisher.publish(ground.conn)
    assert signers(ground, LOG, *keys) == {keys[1].public}


async def test_a_rotation_goes_to_a_key_that_never_signed(ground: Ground) -> None:
    """The key in force, or an old one, is refused."""
    old = await begun(ground)
    with pytest.raises(RotationError, match="signed before"):
        await rotate_key(ground.conn, await ground.open(), WHY, new_key=old)


async def test_an_altered_ledger_changes_no_key(ground: Ground) -> None:
    """No new signature while the old ones do not hold."""
    old = await begun(ground)
    publisher = await ground.open()
    await ground.grow(3)
    log = await logs.log_of(ground.conn, f"{ORIGIN}/{LOG}")
    assert log is not None
    ground.tamper("UPDATE leaf SET leaf = 'x' WHERE log_id = %s AND idx = 301", log.log_id)
    with pytest.raises(RotationError, match="altered"):
        await rotate_key(ground.conn, publisher, WHY)
    assert load_signing_key(ground.places, ORIGIN, may_make=False) == old
    assert not ground.places.next_signing.exists()


async def test_every_checkpoint_of_both_keys_is_kept(ground: Ground) -> None:
    """The database has the log's tree twice: signed by the old key, and later by both."""
    await begun(ground)
    await rotate_key(ground.conn, await ground.open(), WHY)
    log = await logs.log_of(ground.conn, f"{ORIGIN}/{OTHER}")
    assert log is not None
    rows = await entries.checkpoints(ground.conn, log.log_id)
    assert [row.size for row in rows] == [20, 20]
    assert rows[0].root == rows[1].root
    assert rows[1].note.startswith(rows[0].note)
    assert rows[0].signed_at < rows[1].signed_at
    assert await entries.newest_checkpoint(ground.conn, log.log_id) == rows[1]
