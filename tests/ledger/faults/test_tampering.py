"""Whatever a superuser of the database, or of the published files, changes without the signing key is found; nothing else is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pytest

from ledger.faults.broken import (
    ACTS,
    FIRST,
    META,
    NEW,
    OLD,
    OTHER,
    OUTCOMES,
    Broken,
    Doing,
    digest,
    edited,
    flip,
    flipped,
)
from ledger.faults.world import HELD_SUBJECT, ORIGIN

pytestmark = pytest.mark.database


@dataclass(frozen=True)
class Fault:
    """What is done, and what must be found where; `go`: the auditor's Go program must see it in an export too.

    `bundle`: our verifier sees it in an export too, as the same or as another kind; False: as any kind where Go sees it, and else not
    at all, since it lies in tables that an export does not have.
    """

    name: str
    do: Doing
    kind: str
    log: str
    idx: int | None
    go: bool = True
    bundle: bool | str = True


def _flip_leaf(broken: Broken) -> None:
    leaf = broken.leaves(NEW)[5]
    broken.sql(
        "UPDATE leaf SET leaf = %s WHERE log_id = %s AND idx = 5", (flipped(leaf, 20), broken.number(NEW))
    )


def _edit_leaf_and_hash(broken: Broken) -> None:
    leaf = edited(broken.leaves(NEW)[5], retain_until="2027-01-31")
    values = (leaf, digest(leaf), broken.number(NEW))
    broken.sql("UPDATE leaf SET leaf = %s, hash = %s WHERE log_id = %s AND idx = 5", values)


def _break_leaf(broken: Broken) -> None:
    broken.sql("UPDATE leaf SET leaf = 'no leaf' WHERE log_id = %s AND idx = 3", (broken.number(OTHER),))


def _edit_offset(broken: Broken) -> None:
    broken.sql("UPDATE leaf SET koff = 100000 WHERE log_id = %s AND idx = 3", (broken.number(NEW),))


def _flip_tile(broken: Broken) -> None:
    broken.sql(
        "UPDATE hash_tile SET tile = set_byte(tile, 7, get_byte(tile, 7) # 1) WHERE log_id = %s AND n = 1",
        (broken.number(OLD),),
    )


def _delete_tile(broken: Broken) -> None:
    broken.sql("DELETE FROM hash_tile WHERE log_id = %s AND n = 0", (broken.number(OLD),))


def _delete_leaf(broken: Broken) -> None:
    broken.sql("DELETE FROM leaf WHERE log_id = %s AND idx = 300", (broken.number(OLD),))


def _delete_leaves(broken: Broken) -> None:
    """More than a bundle's, so that one is missing whole."""
    broken.sql("DELETE FROM leaf WHERE log_id = %s AND idx BETWEEN 256 AND 530", (broken.number(OLD),))


def _swap_leaves(broken: Broken) -> None:
    broken.sql(
        "UPDATE leaf SET (koff, leaf, hash) = (SELECT -o.koff, o.leaf, o.hash FROM leaf o WHERE o.log_id = leaf.log_id AND o.idx = 13 - "
        "leaf.idx) WHERE log_id = %s AND idx IN (6, 7)",
        (broken.number(NEW),),
    )
    broken.sql("UPDATE leaf SET koff = -koff WHERE koff < 0")


def _flip_body(broken: Broken) -> None:
    broken.sql(
        "UPDATE payload SET body = set_byte(body, 30, get_byte(body, 30) # 1) WHERE log_id = %s AND idx = 4",
        (broken.number(NEW),),
    )


def _other_salt(broken: Broken) -> None:
    broken.sql("UPDATE payload SET salt = sha256(salt) WHERE log_id = %s AND idx = 4", (broken.number(NEW),))


def _swap_payloads(broken: Broken) -> None:
    broken.sql(
        "UPDATE payload SET (salt, body) = (SELECT o.salt, o.body FROM payload o WHERE o.log_id = payload.log_id AND o.idx = 9 - "
        "payload.idx) WHERE log_id = %s AND idx IN (4, 5)",
        (broken.number(NEW),),
    )


def _delete_payload(broken: Broken) -> None:
    broken.sql("DELETE FROM payload WHERE log_id = %s AND idx = 4", (broken.number(NEW),))


def _delete_decision(broken: Broken) -> None:
    broken.sql("DELETE FROM payload WHERE log_id = %s AND kind = 'decision'", (broken.number(OUTCOMES),))


def _delete_statement(broken: Broken) -> None:
    """Why a hold was placed, and by whom."""
    broken.sql("DELETE FROM payload WHERE log_id = %s AND idx = 1", (broken.number("acts/2022"),))


def _delete_held(broken: Broken) -> None:
    broken.sql("DELETE FROM payload WHERE log_id = %s AND idx = 7", (broken.number(OLD),))


def _truncate_partition(broken: Broken) -> None:
    broken.sql("TRUNCATE payload_2029_11")


def _detach_partition(broken: Broken) -> None:
    broken.sql("ALTER TABLE payload DETACH PARTITION payload_2029_11")


def _restore_purged(broken: Broken) -> None:
    number = broken.number(OLD)
    broken.sql(
        "INSERT INTO payload SELECT 1, created_at, %s, shelf, retain_until, provided_on, gen_random_uuid(), scope, record_id, decision_id, kind, "
        "direction, basis, method, controller, counterparty, subject_hmac, salt, body FROM payload WHERE log_id = %s AND idx = 4",
        (number, broken.number(NEW)),
    )


def _foreign_payload(broken: Broken) -> None:
    broken.sql(
        "INSERT INTO payload SELECT 0, created_at, log_id, shelf, retain_until, provided_on, gen_random_uuid(), scope, record_id, decision_id, "
        "kind, direction, basis, method, controller, counterparty, subject_hmac, salt, body FROM payload WHERE log_id = %s AND idx = 4",
        (broken.number(NEW),),
    )


def _payload_beyond(broken: Broken) -> None:
    broken.sql("UPDATE payload SET idx = 4000 WHERE log_id = %s AND idx = 4", (broken.number(NEW),))


def _set_column(column: str, value: str) -> Doing:
    def do(broken: Broken) -> None:
        broken.sql(
            f"UPDATE payload SET {column} = {value} WHERE log_id = %s AND idx = 4", (broken.number(NEW),)
        )

    return do


def _shorten_column(broken: Broken) -> None:
    """So that the purger would take it for due."""
    broken.sql(
        "CREATE TABLE payload_2026_01x PARTITION OF payload FOR VALUES FROM ('2025-01-01') TO ('2025-02-01')"
    )
    broken.sql(
        "UPDATE payload SET retain_until = '2025-01-31', shelf = '2025-01-01' WHERE log_id = %s AND idx = 4",
        (broken.number(NEW),),
    )


def _delete_row(table: str) -> Doing:
    def do(broken: Broken) -> None:
        assert broken.sql(f"DELETE FROM {table} WHERE ctid = (SELECT min(ctid) FROM {table})") == 1

    return do


def _release_in_secret(broken: Broken) -> None:
    """So that the purger would take what is held."""
    broken.sql(
        "INSERT INTO hold_release SELECT hold, 1, 1, now() FROM hold WHERE hold NOT IN (SELECT hold FROM hold_release)"
    )


def _purge_in_secret(broken: Broken) -> None:
    """A row by which the trigger lets a payload be deleted, without a purge leaf."""
    broken.sql(
        "INSERT INTO purged SELECT 4, 1, now(), %s, act_log, created_on, disclosable, direction, subject_hmac FROM purged LIMIT 1",
        (broken.number(NEW),),
    )
    _delete_payload(broken)


def _edit_size(broken: Broken) -> None:
    broken.sql("UPDATE checkpoint SET size = 10 WHERE log_id = %s", (broken.number(NEW),))


def _edit_note(old: str, new: str) -> Doing:
    def do(broken: Broken) -> None:
        values = (old, new, broken.number(NEW))
        broken.sql("UPDATE checkpoint SET note = replace(note, %s, %s) WHERE log_id = %s", values)

    return do


def _edit_root(broken: Broken) -> None:
    """In the note: another root in its place, which is a root of this log too, but not of this size."""
    ((note,),) = broken.rows("SELECT note FROM checkpoint WHERE log_id = %s", (broken.number(NEW),))
    ((other,),) = broken.rows("SELECT note FROM checkpoint WHERE log_id = %s LIMIT 1", (broken.number(ACTS),))
    _edit_note(note.split("\n")[2], other.split("\n")[2])(broken)


def _edit_signature(broken: Broken) -> None:
    ((note,),) = broken.rows("SELECT note FROM checkpoint WHERE log_id = %s", (broken.number(NEW),))
    tail = note.rstrip("\n")[-12:-4]
    _edit_note(tail, tail[::-1])(broken)


def _delete_checkpoint(broken: Broken) -> None:
    broken.sql(
        "DELETE FROM checkpoint WHERE log_id = %s AND size = 48",
        (broken.number(OLD.replace("2022", "2023")),),
    )


def _shrink_head(broken: Broken) -> None:
    broken.sql("UPDATE log_head SET size = 8 WHERE log_id = %s", (broken.number(NEW),))


def _edit_frontier(broken: Broken) -> None:
    broken.sql(
        "UPDATE log_head SET frontier = set_byte(frontier, 0, get_byte(frontier, 0) # 1) WHERE log_id = %s",
        (broken.number(NEW),),
    )


def _skip_messages(broken: Broken) -> None:
    """The ledger would take these offsets in a second time."""
    broken.sql("UPDATE log_head SET next_offset = 1 WHERE log_id = %s", (broken.number(NEW),))


def _zombie(broken: Broken) -> None:
    """A writer that nothing fenced: its rows stand behind the head."""
    broken.sql(
        "INSERT INTO leaf (log_id, idx, koff, leaf, hash) SELECT log_id, 11, koff + 1, leaf, hash FROM leaf WHERE log_id = %s AND idx = 10",
        (broken.number(NEW),),
    )


def _cut_tail(broken: Broken) -> None:
    """As if the last records had never come: rows, head and checkpoint; but the published one stays."""
    number = broken.number(NEW)
    for table in ("leaf", "payload"):
        broken.sql(f"DELETE FROM {table} WHERE log_id = %s AND idx >= 8", (number,))
    broken.sql("DELETE FROM checkpoint WHERE log_id = %s", (number,))
    broken.sql("UPDATE log_head SET size = 8 WHERE log_id = %s", (number,))


def _delete_shard(broken: Broken) -> None:
    number = broken.number(NEW)
    for table in ("leaf", "payload", "checkpoint", "hash_tile", "log_head", "log"):
        broken.sql(f"DELETE FROM {table} WHERE log_id = %s", (number,))
    import shutil

    shutil.rmtree(broken.published / NEW)


def _delete_year(broken: Broken) -> None:
    """A year within the chain of years."""
    log = OLD.replace("2022", "2023")
    number = broken.number(log)
    for table in ("leaf", "payload", "checkpoint", "hash_tile", "log_head", "log"):
        broken.sql(f"DELETE FROM {table} WHERE log_id = %s", (number,))
    import shutil

    shutil.rmtree(broken.published / log)


def _delete_meta(broken: Broken) -> None:
    number = broken.number(META)
    for table in ("leaf", "payload", "checkpoint", "hash_tile", "log_head", "log"):
        broken.sql(f"DELETE FROM {table} WHERE log_id = %s", (number,))


def _unknown_log(broken: Broken) -> None:
    broken.sql(
        "INSERT INTO log (origin, kind, topic, topic_id, partition, year) SELECT replace(origin, '/1/2026', '/2/2026'), kind, topic, topic_id, 2, "
        "year FROM log WHERE log_id = %s",
        (broken.number(OTHER),),
    )
    broken.sql(
        "INSERT INTO log_head (log_id, size, next_offset, frontier) SELECT max(log_id), 0, 0, '' FROM log"
    )


def _replica(broken: Broken) -> None:
    """What is written under the replica role fires no plain trigger; ours do (test_rights.py), so they are switched off first."""
    broken.sql("SET session_replication_role = replica; DELETE FROM payload WHERE kind = 'decision'")


FAULTS: Final = (
    Fault("a bit of a leaf flipped", _flip_leaf, "leaf.hash", NEW, 5, bundle="checkpoint.root"),
    Fault("a leaf edited and its hash with it", _edit_leaf_and_hash, "bundle.differs", NEW, 0, bundle=False),
    Fault("a leaf that is none", _break_leaf, "leaf.malformed", OTHER, 3),
    Fault("the offset beside a leaf edited", _edit_offset, "leaf.column", NEW, 3, go=False, bundle=False),
    Fault("a bit of a tile flipped", _flip_tile, "tile.differs", OLD, 256),
    Fault("a tile deleted", _delete_tile, "tile.missing", OLD, 0),
    Fault("a leaf deleted", _delete_leaf, "leaf.missing", OLD, 300, bundle=False),
    Fault("a bundle of leaves deleted", _delete_leaves, "leaf.missing", OLD, 256),
    Fault("two leaves in each other's place", _swap_leaves, "offset.order", NEW, 7),
    Fault("a bit of a body flipped", _flip_body, "payload.commitment", NEW, 4),
    Fault("another salt", _other_salt, "payload.commitment", NEW, 4),
    Fault("payloads of two records exchanged", _swap_payloads, "payload.commitment", NEW, 4),
    Fault("a payload gone without a purge leaf", _delete_payload, "payload.missing", NEW, 4),
    Fault("decisions of a policy gone", _delete_decision, "payload.missing", OUTCOMES, 1),
    Fault("a hold's statement gone", _delete_statement, "payload.missing", "acts/2022", 1),
    Fault("a held record gone", _delete_held, "payload.missing", OLD, 7),
    Fault("TRUNCATE of a partition", _truncate_partition, "payload.missing", NEW, 1),
    Fault("a partition detached", _detach_partition, "payload.missing", NEW, 1),
    Fault("writes under the replica role", _replica, "payload.missing", OUTCOMES, 1),
    Fault("a purged payload there again", _restore_purged, "payload.after_purge", OLD, 1),
    Fault("a payload for a leaf that has none", _foreign_payload, "payload.unaccounted", NEW, 0),
    Fault("a payload beyond the log's end", _payload_beyond, "payload.unaccounted", NEW, None, bundle=False),
    Fault("a record out of a person's sight", _set_column("subject_hmac", "sha256('x')"), "payload.column", NEW, 4, go=False, bundle=False),
    Fault("a record under another recipient", _set_column("counterparty", "'nobody'"), "payload.column", NEW, 4, go=False, bundle=False),
    Fault("a record of another day", _set_column("created_at", "created_at - interval '3 years'"), "payload.column", NEW, 4, go=False, bundle=False),
    Fault("a record under another id", _set_column("record_id", "gen_random_uuid()"), "payload.column", NEW, 4, go=False, bundle=False),
    Fault("retention shortened", _shorten_column, "payload.column", NEW, 4, go=False, bundle=False),
    Fault("an extension's row gone", _delete_row("extension"), "stored.differs", FIRST.replace("2022", "2023"), None, go=False, bundle=False),
    Fault("a hold's row gone", _delete_row("hold_cover"), "stored.differs", OLD, None, go=False, bundle=False),
    Fault("a purge's row gone", _delete_row("purged"), "stored.differs", OLD, None, go=False, bundle=False),
    Fault("a hold released in secret", _release_in_secret, "stored.differs", META, 1, go=False, bundle=False),
    Fault("a purge in secret", _purge_in_secret, "payload.missing", NEW, 4),
    Fault("the size beside a checkpoint edited", _edit_size, "checkpoint.column", NEW, 11, go=False, bundle=False),
    Fault("a checkpoint's size edited", _edit_note("2026\n11\n", "2026\n9\n"), "checkpoint.signature", NEW, 9),
    Fault("a checkpoint's root edited", _edit_root, "checkpoint.signature", NEW, 11),
    Fault("a checkpoint's signature edited", _edit_signature, "checkpoint.signature", NEW, 11),
    Fault("an older checkpoint gone", _delete_checkpoint, "checkpoint.missing", OLD.replace("2022", "2023"), 48, go=False),
    Fault("a head set back", _shrink_head, "log.shorter", NEW, 8, bundle="leaf.missing"),
    Fault("a frontier edited", _edit_frontier, "head.differs", NEW, 11, go=False, bundle=False),
    Fault("a head that would take messages in again", _skip_messages, "head.differs", NEW, 11, go=False, bundle=False),
    Fault("a zombie's leaves", _zombie, "leaf.unsigned", NEW, None, go=False, bundle=False),
    Fault("the tail cut off", _cut_tail, "log.shorter", NEW, 8, bundle="leaf.missing"),
    Fault("a shard deleted", _delete_shard, "log.missing", NEW, None),
    Fault("a year deleted", _delete_year, "log.missing", OLD.replace("2022", "2023"), None),
    Fault("the log of logs deleted", _delete_meta, "log.missing", META, None),
    Fault("a log out of nowhere", _unknown_log, "chain.genesis", OTHER.replace("/1/", "/2/"), 0, go=False, bundle=False),
)  # fmt: skip


def test_clean_control_passes(broken: Broken) -> None:
    """The ledger as it was made verifies: in its database, exported, by Go, and against what an auditor kept."""
    assert broken.verify(older=[broken.kept]).totals == {}
    assert broken.verify_bundle(older=[broken.kept]).totals == {}
    code, told = broken.go(broken.kept_checkpoint(NEW))
    assert code == 0, told


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_fault_is_found_at_its_place(broken: Broken, fault: Fault) -> None:
    """The verifier fails and names the broken place; so do the export's verifiers where it can be seen there."""
    fault.do(broken)
    report = broken.verify()
    assert not report.ok
    log = f"{ORIGIN}/{fault.log}"
    found = [each for each in report.findings if each.kind == fault.kind and each.log in (log, fault.log)]
    assert found, report.findings[:5]
    if fault.idx is not None:
        assert fault.idx in [each.idx for each in found], found[:5]


@pytest.mark.parametrize(
    "fault", [each for each in FAULTS if each.name != "a log out of nowhere"], ids=lambda fault: fault.name
)
def test_fault_shows_in_an_export(broken: Broken, fault: Fault) -> None:
    """An export hides nothing: our verifier finds it in the bundle, and Go where its checks reach."""
    fault.do(broken)
    totals = broken.verify_bundle().totals
    if fault.bundle:
        assert (fault.bundle if isinstance(fault.bundle, str) else fault.kind) in totals
    else:
        assert bool(totals) == fault.go
    code, told = broken.go()
    assert (code == 1) == fault.go, told


def _flip_file(name: str) -> Doing:
    def do(broken: Broken) -> None:
        flip(broken.published / name)

    return do


def _delete_file(name: str) -> Doing:
    def do(broken: Broken) -> None:
        (broken.published / name).unlink()

    return do


PUBLISHED: Final = (
    Fault("a bit of a published tile flipped", _flip_file(f"{OLD}/tile/0/001"), "tile.differs", OLD, 256),
    Fault("a bit of a published partial tile flipped", _flip_file(f"{NEW}/tile/0/000.p/11"), "tile.differs", NEW, 0),
    Fault("a bit of a published bundle flipped", _flip_file(f"{OLD}/tile/entries/001"), "bundle.differs", OLD, 256),
    Fault("a published tile deleted", _delete_file(f"{OLD}/tile/0/000"), "tile.missing", OLD, 0),
    Fault("a published bundle deleted", _delete_file(f"{NEW}/tile/entries/000.p/11"), "bundle.missing", NEW, 0),
    Fault("a published checkpoint's signature edited", lambda broken: flip(broken.published / NEW / "checkpoint", -12), "checkpoint.signature", NEW, 11),
)  # fmt: skip


@pytest.mark.parametrize("fault", PUBLISHED, ids=lambda fault: fault.name)
def test_published_fault_is_found(broken: Broken, fault: Fault) -> None:
    """What lies in the published files differs from the leaves: our verifier names it, tessera's fsck fails on that log."""
    fault.do(broken)
    found = [
        each
        for each in broken.verify().findings
        if each.kind == fault.kind and each.log == f"{ORIGIN}/{fault.log}"
    ]
    assert [each.idx for each in found] == [fault.idx]
    assert not broken.fsck(fault.log)


def test_published_control_passes(broken: Broken) -> None:
    """Tessera's fsck finds nothing wrong with the logs as they were published."""
    assert broken.fsck(OLD)
    assert broken.fsck(NEW)


def test_held_subject_is_the_one_whose_record_is_taken() -> None:
    """The fault of a held record gone is about the person under hold: record 7 of the first partition."""
    assert HELD_SUBJECT.endswith("7")
