"""What somebody changes who holds the signing key and signs it all anew: rules still show it, or else an older checkpoint does."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from secrets import token_bytes
from typing import Any, Final

import pytest

from ledger.faults.broken import ACTS, META, NEW, NOW, OLD, OTHER, Broken, edited, rid
from ledger.faults.forging import Forger, forged
from ledger.faults.world import ENDED, HELD_SUBJECT, ORIGIN, Making, World
from sekisho.ledger.keeping.purging import purge
from sekisho.ledger.merkle.canonical import canonical, commit
from sekisho.ledger.publish.publisher import ClockBehindError as SignerBehindError

pytestmark = pytest.mark.database
Change = Callable[[list[bytes]], Sequence[bytes]]


@dataclass(frozen=True)
class Rule:
    """Leaves changed and signed anew: which rule shows it, where, with no older checkpoint at hand."""

    name: str
    log: str
    change: Change
    kind: str
    idx: int
    moved: tuple[tuple[int, int], ...] = ()
    place: str | None = None
    """The log in which it shows, if not in the same."""


def _one(index: int, **told: Any) -> Change:
    return lambda leaves: [*leaves[:index], edited(leaves[index], **told), *leaves[index + 1 :]]


def _told(leaf: bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(leaf)
    return document


def _again(leaves: list[bytes]) -> list[bytes]:
    """The last message a second time, as after a head that was set back."""
    return [*leaves, edited(leaves[-1], rid=rid())]


def _without(index: int) -> Change:
    return lambda leaves: [*leaves[:index], *leaves[index + 1 :]]


def _exchanged(leaves: list[bytes]) -> list[bytes]:
    return [*leaves[:5], leaves[6], leaves[5], *leaves[7:]]


def _back(leaves: list[bytes]) -> list[bytes]:
    """The clock of the writer was an hour behind for one batch."""
    return [*leaves[:5], edited(leaves[5], ingested_at="2026-11-20T02:00:00.000000Z"), *leaves[6:]]


def _spaced(leaves: list[bytes]) -> list[bytes]:
    return [*leaves[:5], leaves[5].replace(b'"v":1', b'"v": 1'), *leaves[6:]]


def _closed_early(leaves: list[bytes]) -> list[bytes]:
    close = {
        "v": 1, "kind": "close", "rid": rid(), "ingested_at": _told(leaves[3])["ingested_at"], "next": f"{ORIGIN}/nowhere", "size": "5",
    }  # fmt: skip
    return [*leaves[:4], canonical(close), *leaves[4:]]


def _with_act(**told: Any) -> Change:
    """A further leaf in the acts' log, at its last time."""

    def change(leaves: list[bytes]) -> list[bytes]:
        at = told.get("ingested_at", _told(leaves[-1])["ingested_at"])
        return [*leaves, canonical({"v": 1, "rid": rid(), "ingested_at": at, **told})]

    return change


def _nowhere(index: int) -> dict[str, str]:
    return {"origin": f"{ORIGIN}/{NEW}", "index": str(index), "rid": rid()}


RULES: Final = (
    Rule("double ingestion", NEW, _again, "offset.order", 11),
    Rule("a record left out", NEW, _without(5), "offset.chain", 5, moved=((5, 99), *((i, i - 1) for i in range(6, 11)))),
    Rule("two records in each other's place", NEW, _exchanged, "offset.order", 6),
    Rule("a clock set back", NEW, _back, "time.back", 5),
    Rule("a clock set forward", NEW, _one(10, ingested_at="2029-11-20T03:00:00.000000Z"), "time.future", 10),
    Rule("a leaf of another topic: it was made anew", NEW, _one(5, topic_id="another"), "leaf.misplaced", 5),
    Rule("a leaf of another partition", NEW, _one(5, partition=7), "leaf.misplaced", 5),
    Rule("a leaf that is not canonical", NEW, _spaced, "leaf.malformed", 5),
    Rule("a leaf of no kind", NEW, _one(5, kind="remark"), "leaf.malformed", 5),
    Rule("a time that no calendar has", NEW, _one(5, ingested_at="2026-13-41T00:00:00.000000Z"), "leaf.malformed", 5),
    Rule("a close in the midst", NEW, _closed_early, "leaf.misplaced", 4, moved=tuple((i, i + 1) for i in range(4, 11))),
    Rule("retention shortened in the leaf", NEW, _one(5, retain_until="2027-11-20"), "retention.differs", 5),
    Rule("retention without an end", NEW, _one(5, retain_until=None), "retention.differs", 5),
    Rule("a record in a scope", NEW, _one(5, scope=rid()), "scope.differs", 5),
    Rule("another predecessor", NEW, lambda leaves: [
        edited(leaves[0], predecessor={**_told(leaves[0])["predecessor"], "root": "0" * 64}), *leaves[1:]
    ], "chain.genesis", 0),
    Rule("no predecessor", NEW, _one(0, predecessor=None), "chain.genesis", 0),
    Rule("messages that were never taken in", NEW, _one(0, predecessor=None, next_offset="800"), "offset.gap", 0),
    Rule("a genesis of another log", NEW, _one(0, origin=f"{ORIGIN}/{OTHER}"), "chain.genesis", 0),
    Rule("a purge of nothing", ACTS, _with_act(
        kind="purge", target=_nowhere(3), retain_until="2029-11-20", database_at="2026-11-20T03:00:00.000000Z",
        host_at="2026-11-20T03:00:00.000000Z", checkpoint_at="2026-11-20T03:00:00.000000Z",
    ), "purge.target", 649),
    Rule("an extension of nothing", ACTS, _with_act(
        kind="extend", target=_nowhere(4000), retain_until="2030-11-20", cause="operator", commit=None,
    ), "extend.target", 649),
    Rule("a release of no hold", ACTS, _with_act(kind="release", hold=rid(), commit="0" * 64), "hold.parts", 649),
    Rule("a hold without its first part", ACTS, _with_act(
        kind="hold", hold=rid(), part=2, parts=2, targets=[], commit=None,
    ), "hold.parts", 649),
    Rule("a log of logs that goes back", META, lambda leaves: [
        *leaves, edited(next(leaf for leaf in leaves if _told(leaf)["kind"] == "checkpoint"), rid=rid(), ingested_at=_told(leaves[-1])["ingested_at"]),
    ], "log.shorter", 24),
)  # fmt: skip


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_signed_breach_of_a_rule_is_found(broken: Broken, rule: Rule) -> None:
    """Signed and published anew it still breaks a rule that every ledger keeps: the verifier names the leaf."""
    forged(broken, rule.log, rule.change(broken.leaves(rule.log)), dict(rule.moved))
    found = [each for each in broken.verify().findings if each.kind == rule.kind]
    assert (f"{ORIGIN}/{rule.place or rule.log}", rule.idx) in [(each.log, each.idx) for each in found]


def test_end_of_a_year_that_the_log_of_logs_forgets_is_found(broken: Broken) -> None:
    """A closed log's end is entered by whoever signs it; a log of logs without it was written anew."""

    def tells_the_end(leaf: bytes) -> bool:
        told = _told(leaf)
        return bool(told.get("origin") == f"{ORIGIN}/{OLD}" and told.get("size") == "565")

    Forger(broken).rewrite(META, [leaf for leaf in broken.leaves(META) if not tells_the_end(leaf)])
    found = [each for each in broken.verify().findings if each.kind == "log.unknown"]
    assert [(each.log, each.idx) for each in found] == [(f"{ORIGIN}/{OLD}", 565)]


def test_forger_who_changes_nothing_leaves_a_sound_ledger(broken: Broken) -> None:
    """The control: signing and publishing anew is no fault in itself, so what is found above is the breach."""
    forged(broken, NEW, broken.leaves(NEW))
    forged(broken, ACTS, broken.leaves(ACTS))
    assert broken.verify(older=[broken.kept]).totals == {}
    assert broken.go(broken.kept_checkpoint(NEW), broken.kept_checkpoint(META))[0] == 0


def _needs_an_older_checkpoint(broken: Broken, kind: str, log: str) -> None:
    """It passes alone, by us and by Go; against what the auditor kept it fails, by both."""
    assert broken.verify().totals == {}
    assert broken.verify_bundle().totals == {}
    assert broken.go()[0] == 0
    found = broken.verify(older=[broken.kept_checkpoint(log)])
    assert kind in found.totals
    assert found.first is not None
    assert found.first.log == f"{ORIGIN}/{log}"
    assert kind in broken.verify_bundle(older=[broken.kept]).totals
    assert broken.go(broken.kept_checkpoint(log))[0] == 1


def test_tail_cut_and_signed_anew_needs_an_older_checkpoint(broken: Broken) -> None:
    """Its last records are gone as if they had never come: only the checkpoint that was kept knows them."""
    broken.sql("DELETE FROM payload WHERE log_id = %s AND idx >= 8", (broken.number(NEW),))
    forged(broken, NEW, broken.leaves(NEW)[:8])
    _needs_an_older_checkpoint(broken, "log.shorter", NEW)


def test_fork_needs_an_older_checkpoint(broken: Broken) -> None:
    """A record replaced by another, with a commitment of its own: all fits but the past."""
    number, leaves = broken.number(NEW), broken.leaves(NEW)
    ((body,),) = broken.rows("SELECT body FROM payload WHERE log_id = %s AND idx = 5", (number,))
    salt, other = token_bytes(32), canonical({**json.loads(body), "items": ["savings.balance"]})
    broken.sql("UPDATE payload SET salt = %s, body = %s WHERE log_id = %s AND idx = 5", (salt, other, number))
    forged(broken, NEW, [*leaves[:5], edited(leaves[5], commit=commit(salt, other).hex()), *leaves[6:]])
    _needs_an_older_checkpoint(broken, "log.forked", NEW)


def test_shard_deleted_with_all_traces_needs_an_older_checkpoint(broken: Broken) -> None:
    """A log and every word of it in the log of logs are gone, and its predecessor never closed."""
    number, before = broken.number(OTHER), OTHER.replace("2026", "2023")
    forger = Forger(broken)
    forger.rewrite(before, broken.leaves(before)[:-1])
    forger.rewrite(
        META, [leaf for leaf in broken.leaves(META) if _told(leaf).get("origin") != f"{ORIGIN}/{OTHER}"]
    )
    for table in ("leaf", "payload", "checkpoint", "hash_tile", "hold_cover", "log_head", "log"):
        broken.sql(f"DELETE FROM {table} WHERE log_id = %s", (number,))
    forger.settle()
    assert broken.verify().findings == []
    assert "log.missing" in broken.verify(older=[broken.kept_checkpoint(OTHER)]).totals
    assert broken.go(broken.kept_checkpoint(OTHER))[0] == 1


def test_ledger_signed_with_another_key_fails_against_the_kept_keys(broken: Broken) -> None:
    """Every signature is by a key that the auditor does not know; with the keys beside it, it would pass for sound."""
    forger = Forger(broken, seed=token_bytes(32))
    forger.rewrite(NEW, broken.leaves(NEW))
    ((raw,),) = broken.rows(
        "SELECT note FROM checkpoint WHERE log_id = %s AND size = 11", (broken.number(NEW),)
    )
    (broken.published / NEW / "checkpoint").write_text(raw)
    report = broken.verify()
    assert report.totals.keys() == {"checkpoint.signature"}
    assert {each.log for each in report.findings} == {f"{ORIGIN}/{NEW}"}
    assert broken.go()[0] == 1


def test_old_key_signs_no_more_after_the_change(broken: Broken) -> None:
    """A checkpoint that the replaced key alone signed, after the new one came into force, is not accepted."""
    first = broken.folder / "old.key"
    forger = Forger(broken, seed=bytes.fromhex(first.read_text()))
    forger.rewrite(NEW, broken.leaves(NEW))
    ((raw,),) = broken.rows(
        "SELECT note FROM checkpoint WHERE log_id = %s AND size = 11", (broken.number(NEW),)
    )
    (broken.published / NEW / "checkpoint").write_text(raw)
    found = [each for each in broken.verify().findings if each.kind == "checkpoint.signature"]
    assert [(each.log, each.idx) for each in found] == [(f"{ORIGIN}/{NEW}", 11)]


def test_new_key_follows_from_the_old_one(broken: Broken) -> None:
    """An auditor who has the first key alone trusts the second: the first has signed the log of logs that enters it."""
    keys = (broken.kept / "keys").read_text().split()
    meta = [key for key in keys if key.startswith(f"{ORIGIN}/{META}+")]
    (broken.folder / "first").mkdir()
    (broken.folder / "first" / "keys").write_text(meta[0])
    broken.kept = broken.folder / "first"
    assert len(meta) == 2
    assert broken.verify().totals == {}


# purges


def _purge_leaf(broken: Broken, log: str, index: int, at: datetime, **told: Any) -> bytes:
    leaf = _told(broken.leaves(log)[index])
    when = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    document = {
        "v": 1, "kind": "purge", "rid": rid(), "ingested_at": when, "target": {"origin": f"{ORIGIN}/{log}", "index": str(index), "rid": leaf["rid"]},
        "retain_until": leaf["retain_until"], "database_at": when, "host_at": when, "checkpoint_at": when,
    }  # fmt: skip
    return canonical(document | told)


def _purged_by_hand(broken: Broken, log: str, index: int, at: datetime, **told: Any) -> None:
    """A purge leaf, its row in `purged`, no payload; signed anew."""
    leaves = broken.leaves(ACTS)
    _delete_purged(broken, log, index, len(leaves), at)
    forged(broken, ACTS, [*leaves, _purge_leaf(broken, log, index, at, **told)])


LATE: Final = datetime(2030, 1, 1, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ({}, "purge.early"),
        ({"retain_until": "2026-01-31"}, "purge.early"),
        (
            dict.fromkeys(("database_at", "host_at", "checkpoint_at"), "2030-01-01T03:00:00.000000Z"),
            "purge.clock",
        ),
    ],
    ids=["at a time before the last day", "with another last day", "with clocks that are ahead of the leaf"],
)
def test_early_purge_is_found(broken: Broken, told: dict[str, str], kind: str) -> None:
    """A record deleted three years early with a purge leaf, whatever that leaf claims, is named."""
    _purged_by_hand(broken, NEW, 5, ENDED, **told)
    found = [each for each in broken.verify().findings if each.kind == kind]
    assert [(each.log, each.idx) for each in found] == [(f"{ORIGIN}/{NEW}", 5)] * len(found)
    assert found
    assert kind in broken.verify_bundle().totals
    assert broken.go()[0] == 1


def test_lawful_purge_by_hand_passes(broken: Broken) -> None:
    """The control: the same leaf for a record whose time is over, and held by nobody."""
    index = _held_index(broken)
    leaf = _told(broken.leaves(OLD)[index])
    assert leaf["retain_until"] < "2026-11-20"
    hold = _hold_of(broken)
    release = _release(broken, hold)
    leaves = broken.leaves(ACTS)
    forger = Forger(broken)
    purge = _purge_leaf(broken, OLD, index, ENDED)
    _delete_purged(broken, OLD, index, len(leaves) + 1, ENDED)
    forger.rewrite(ACTS, [*leaves, release, purge])
    forger.settle()
    assert broken.verify().totals == {}
    code, words = broken.go()
    assert code == 0, words


def test_purge_under_hold_is_found(broken: Broken) -> None:
    """The same record with the same leaf, but nobody has released the hold."""
    index = _held_index(broken)
    _purged_by_hand(broken, OLD, index, ENDED)
    found = [each for each in broken.verify().findings if each.kind == "purge.held"]
    assert [(each.log, each.idx) for each in found] == [(f"{ORIGIN}/{OLD}", index)]
    assert "purge.held" in broken.verify_bundle().totals
    code, told = broken.go()
    assert (code, "under the hold" in told) == (1, True)


def test_second_purge_of_the_same_is_found(broken: Broken) -> None:
    """One payload cannot be deleted twice."""
    leaves = broken.leaves(ACTS)
    again = next(leaf for leaf in leaves if _told(leaf)["kind"] == "purge")
    forged(broken, ACTS, [*leaves, edited(again, rid=rid(), ingested_at=_told(leaves[-1])["ingested_at"])])
    found = [each for each in broken.verify().findings if each.kind == "purge.target"]
    assert [(each.log, each.idx) for each in found] == [(f"{ORIGIN}/{ACTS}", len(leaves))]


def _held_index(broken: Broken) -> int:
    """A record that only the hold keeps."""
    ((index,),) = broken.rows(
        "SELECT min(c.idx) FROM hold_cover c JOIN payload p USING (log_id, idx) WHERE c.log_id = %s AND c.hold = %s",
        (broken.number(OLD), _hold_of(broken)),
    )
    return int(index)


def _hold_of(broken: Broken) -> str:
    ((hold,),) = broken.rows("SELECT hold::text FROM hold WHERE hold NOT IN (SELECT hold FROM hold_release)")
    return str(hold)


def _release(broken: Broken, hold: str) -> bytes:
    """A release leaf with its statement, and its row; the next leaf of the acts."""
    index, salt, name = len(broken.leaves(ACTS)), token_bytes(32), rid()
    body = canonical({"hold": hold, "reason": "over", "by": "op-1", "at": "2026-11-20T03:00:00.000000Z"})
    values = {"idx": index, "log": broken.number(ACTS), "rid": name, "salt": salt, "body": body, "hold": hold}
    broken.sql(
        "INSERT INTO payload (idx, created_at, log_id, shelf, rid, kind, salt, body) VALUES "
        "(%(idx)s, now(), %(log)s, '9999-12-01', %(rid)s, 'release', %(salt)s, %(body)s)",
        values,
    )
    broken.sql("INSERT INTO hold_release VALUES (%(hold)s, %(log)s, %(idx)s, %(at)s)", values | {"at": ENDED})
    at = ENDED.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return canonical(
        {
            "v": 1,
            "kind": "release",
            "rid": name,
            "ingested_at": at,
            "hold": hold,
            "commit": commit(salt, body).hex(),
        }
    )


def _delete_purged(broken: Broken, log: str, index: int, act: int, at: datetime) -> None:
    """The row of a purge by that leaf of the acts, as the purger writes it; and the payload is gone."""
    broken.sql(
        "INSERT INTO purged (idx, act_idx, purged_at, log_id, act_log, created_on, disclosable, direction, subject_hmac) "
        "SELECT idx, %s, %s, log_id, %s, (created_at AT TIME ZONE 'Asia/Tokyo')::date, true, direction, subject_hmac FROM payload "
        "WHERE log_id = %s AND idx = %s",
        (act, at, broken.number(ACTS), broken.number(log), index),
    )
    broken.sql("DELETE FROM payload WHERE log_id = %s AND idx = %s", (broken.number(log), index))


# clocks


async def test_all_clocks_forward_delete_early_and_are_found(broken: Broken) -> None:
    """With every clock three years ahead the purge itself finds all due: the times that it leaves lie in the future."""
    world = World(broken.url, broken.folder, at=LATE)
    done = await purge(world.keeping)
    assert done.purged > 10
    await world.publish()
    found = broken.verify().totals
    assert "time.future" in found
    assert broken.verify(now=LATE + timedelta(hours=1)).totals == {}, "when that time has come, it was lawful"


async def test_clocks_set_back_again_leave_a_ledger_that_signs_nothing(broken: Broken) -> None:
    """After such a purge nothing more is signed by the right time, and what somebody forges by it contradicts itself."""
    world = World(broken.url, broken.folder, at=LATE)
    await purge(world.keeping)
    await world.publish()
    with pytest.raises(SignerBehindError):
        await Making(World(broken.url, broken.folder, at=NOW)).world.publish()
    leaves = broken.leaves("acts/2030")
    refusal = {
        "v": 1, "kind": "refusal", "rid": rid(), "ingested_at": NOW.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "cause": "hold", "target": None,
        "counts": {"hold": "1"},
    }  # fmt: skip
    forger = Forger(broken)
    forger.rewrite("acts/2030", [*leaves, canonical(refusal)])
    forger.rewrite(META, broken.leaves(META))
    found = [
        each for each in broken.verify(now=LATE + timedelta(days=1)).findings if each.kind == "time.back"
    ]
    assert [(each.log, each.idx) for each in found] == [(f"{ORIGIN}/acts/2030", len(leaves))]


def test_accepted_step_back_is_no_fault_but_what_was_purged_before_it_is(broken: Broken) -> None:
    """An operator who says that the clock was ahead says with it that the purge before was early."""
    at = "2029-12-01T03:00:00.000000Z"
    leaves, salt = broken.leaves(ACTS), token_bytes(32)
    words, name = canonical({"was": at, "reason": "the clock was wrong", "by": "op-1"}), rid()
    purge = _purge_leaf(broken, NEW, 5, datetime(2029, 12, 1, 3, tzinfo=UTC))
    clock = canonical(
        {"v": 1, "kind": "clock", "rid": name, "ingested_at": "2026-11-20T03:00:01.000000Z", "was": at, "now": "2026-11-20T03:00:01.000000Z",
         "commit": commit(salt, words).hex()}
    )  # fmt: skip
    _delete_purged(broken, NEW, 5, len(leaves), datetime(2029, 12, 1, 3, tzinfo=UTC))
    broken.sql(
        "INSERT INTO payload (idx, created_at, log_id, shelf, rid, kind, salt, body) VALUES (%s, now(), %s, '9999-12-01', %s, 'clock', %s, %s)",
        (len(leaves) + 1, broken.number(ACTS), name, salt, words),
    )
    forged(broken, ACTS, [*leaves, purge, clock])
    report = broken.verify()
    assert report.totals == {"purge.early": 1}
    assert report.clock_steps == 1


# a backup


def test_backup_restored_is_found_by_what_was_published_since(broken: Broken) -> None:
    """The database is of a moment before the last records, the published files know better; so does every kept checkpoint."""
    early = broken.leaves(NEW)[:6]
    broken.sql("DELETE FROM payload WHERE log_id = %s AND idx >= 6", (broken.number(NEW),))
    published = {path: path.read_bytes() for path in broken.published.rglob("checkpoint")}
    forged(broken, NEW, early)
    for path, note in published.items():
        path.write_bytes(note)
    found = [each for each in broken.verify().findings if each.kind == "log.shorter"]
    assert (f"{ORIGIN}/{NEW}", 6) in [(each.log, each.idx) for each in found]
    assert broken.go()[0] == 1
    assert "log.shorter" in broken.verify(older=[broken.kept]).totals


def test_held_subject_has_a_record_that_the_hold_alone_keeps(broken: Broken) -> None:
    """The faults about holds are about a record that would have been purged otherwise."""
    index = _held_index(broken)
    ((body,),) = broken.rows(
        "SELECT body FROM payload WHERE log_id = %s AND idx = %s", (broken.number(OLD), index)
    )
    assert json.loads(body)["subject"]["id"] == HELD_SUBJECT
