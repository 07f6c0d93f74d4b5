"""Several tamperings that agree with each other, and those in tables that no commitment covers: found, or said not to be seen."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from ledger.faults.broken import (
    ACTS,
    FIRST,
    META,
    NEW,
    NOW,
    OLD,
    OTHER,
    OUTCOMES,
    Broken,
    Doing,
    digest,
    edited,
    rid,
)
from ledger.faults.forging import Forger, forged
from ledger.faults.world import ORIGIN
from sekisho.ledger.merkle.canonical import canonical
from sekisho.ledger.merkle.note import SignerKey
from sekisho.ledger.merkle.tiles import ENTRIES, encode_bundle, grown_tiles, tile_at
from sekisho.ledger.verify.bundle import BundleOpening
from sekisho.ledger.verify.sources import SourceError
from sekisho.ledger.verify.verification import Options, verify

pytestmark = pytest.mark.database
_LOGS: Final = {"new": NEW, "old": OLD, "acts": ACTS, "meta": META, "first": FIRST, "out": OUTCOMES}


def _done(query: str) -> Doing:
    """As the superuser, with every trigger and foreign key out of the way."""

    def do(broken: Broken) -> None:
        keys = broken.rows(
            "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype = 'f' AND conparentid = 0 "
            "AND connamespace = 'sekisho_ledger'::regnamespace"
        )
        for table, name in keys:
            broken.sql(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
        assert broken.sql(query.format(**{word: broken.number(log) for word, log in _LOGS.items()})) != 0

    return do


def _unpublished(*names: str) -> Doing:
    def do(broken: Broken) -> None:
        for name in names:
            path = broken.published / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return do


TABLES: Final[dict[str, tuple[Doing, str]]] = {
    "an extension that counts earlier": (
        _done("UPDATE extension SET at = at - interval '10 years' WHERE ctid = (SELECT min(ctid) FROM extension)"),
        "stored.differs",
    ),
    "an extension of no log, which ends an open agreement": (
        _done("INSERT INTO extension (log_id, idx, scope, retain_until, at) SELECT 9999, 1, scope, '2023-01-01', now() FROM scope LIMIT 1"),
        "stored.differs",
    ),
    "a release of no log": (
        _done("INSERT INTO hold_release SELECT hold, 9999, 1, now() FROM hold WHERE hold NOT IN (SELECT hold FROM hold_release)"),
        "stored.differs",
    ),
    "a hold that grows no more": (
        _done("DELETE FROM hold WHERE hold NOT IN (SELECT hold FROM hold_release)"),
        "stored.differs",
    ),
    "a hold that looks for somebody else": (
        _done("UPDATE hold SET selector = jsonb_set(selector, '{{subject_hmacs}}', '[\"00\"]')"),
        "stored.differs",
    ),
    "an agreement that new records do not find": (_done("UPDATE scope SET key = sha256(key)"), "stored.differs"),
    "an agreement's scope gone": (_done("DELETE FROM scope"), "stored.differs"),
    "a purged record of another day": (
        _done("UPDATE purged SET created_on = '2001-01-01' WHERE ctid = (SELECT min(ctid) FROM purged)"),
        "stored.differs",
    ),
    "a purge of another time": (_done("UPDATE purged SET purged_at = purged_at - interval '1 year'"), "stored.differs"),
    "an unreadable message as somebody's record": (
        _done("UPDATE payload SET subject_hmac = sha256('x'), record_id = gen_random_uuid() WHERE kind = 'unreadable'"),
        "payload.column",
    ),
    "a statement in an agreement's scope": (
        _done("UPDATE payload SET scope = gen_random_uuid() WHERE kind = 'hold' AND shelf = '9999-12-01'"),
        "payload.column",
    ),
    "a database of another ledger": (_done("UPDATE ledger SET origin = 'evil'"), "stored.differs"),
    "a tile that the publisher would trip over": (
        _done("INSERT INTO hash_tile (log_id, level, n, tile) SELECT {new}, 0, 0, tile FROM hash_tile LIMIT 1"),
        "stored.differs",
    ),
    "a checkpoint of another time": (
        _done("UPDATE checkpoint SET signed_at = signed_at + interval '30 seconds' WHERE log_id = {old}"),
        "checkpoint.column",
    ),
    "a head without measure": (_done("UPDATE log_head SET size = 4611686018427387904 WHERE log_id = {new}"), "leaf.missing"),
    "a published checkpoint gone": (_unpublished(f"{NEW}/checkpoint"), "checkpoint.missing"),
    "a published log gone": (_unpublished(NEW), "checkpoint.missing"),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_what_decides_deletion_and_disclosure_is_held_against_leaves(broken: Broken, name: str) -> None:
    """Tables beside the leaves decide what is deleted, held and found: what is changed there is found, before it works."""
    do, kind = TABLES[name]
    do(broken)
    assert kind in broken.verify().totals


REMARKED: Final[dict[str, tuple[Doing, str]]] = {
    "guards off": (
        lambda broken: _done("SELECT 1")(broken),
        "Guards of append-only tables are off",
    ),
    "others see less": (
        _done(
            "ALTER TABLE payload ENABLE ROW LEVEL SECURITY; "
            "CREATE POLICY p ON payload USING (current_setting('application_name') = 'sekisho-verify' OR idx <> 4)"
        ),
        "payload: row level security",
    ),
    "a mark against disclosure": (
        _done(
            "INSERT INTO withholding (record_id, kind, ground, part, reason, by, at) "
            "SELECT record_id, 'exclusion', 'life', '{{}}', 'x', 'y', now() FROM payload WHERE log_id = {new} AND idx = 4"
        ),
        "1 marks keep something from disclosure",
    ),
    "the hash of a person whose record was purged": (
        _done("UPDATE purged SET subject_hmac = sha256('x'), controller = 'x'"),
        "is in no leaf: whether it was changed cannot be seen here",
    ),
    "an earlier state": (lambda _: None, "set back whole to an earlier state that was signed"),
}


@pytest.mark.parametrize("name", REMARKED)
def test_what_cannot_be_proved_is_said(broken: Broken, name: str) -> None:
    """What no leaf tells is no finding, but the report says that it is not seen, or what makes it possible."""
    do, words = REMARKED[name]
    do(broken)
    report = broken.verify()
    assert report.totals == {}
    assert words in " ".join(note.en for note in report.notes())


def test_sound_ledger_has_no_remark_on_its_guards(broken: Broken) -> None:
    """The control: all guards are on, nothing strange lies beside them."""
    said = " ".join(note.en for note in broken.verify().notes())
    assert "Guards" not in said
    assert "did not put there" not in said


# with the signing key, or before the ledger signs


def _scope_of(broken: Broken, method: str) -> str:
    ((scope,),) = broken.rows("SELECT DISTINCT scope::text FROM payload WHERE method = %s", (method,))
    return str(scope)


def _ended_in_secret(broken: Broken, cause: str, at: Callable[[Sequence[bytes]], str]) -> None:
    """An open contract gets an end: leaf, row, head, tiles, checkpoints and all that is published agree."""
    scope, leaves = _scope_of(broken, "contract"), broken.leaves(OTHER)
    told = {
        "v": 1, "kind": "extend", "rid": rid(), "ingested_at": at(leaves), "target": {"scope": scope}, "retain_until": "2023-10-31",
        "cause": cause, "commit": None,
    }  # fmt: skip
    broken.sql(
        "INSERT INTO extension (log_id, idx, scope, retain_until, at) VALUES (%s, %s, %s, '2023-10-31', %s)",
        (broken.number(OTHER), len(leaves), scope, told["ingested_at"]),
    )
    forged(broken, OTHER, [*leaves, canonical(told)])


def _last(leaves: Sequence[bytes]) -> str:
    return str(json.loads(leaves[-1])["ingested_at"])


@pytest.mark.parametrize("cause", ["provision", "reference", "policy", "operator"])
def test_extension_that_nothing_calls_for_is_found(broken: Broken, cause: str) -> None:
    """An open contract ended by a leaf made up, so that it may be deleted: no record of it was taken in with that leaf."""
    _ended_in_secret(broken, cause, _last)
    assert broken.verify().totals == {"extend.unfounded": 1}
    assert broken.verify_bundle().totals == {"extend.unfounded": 1}


def test_record_left_out_of_its_hold_is_found(broken: Broken) -> None:
    """The hold's leaf names one record less, and so does its table; all is signed anew: the record itself tells."""
    log = "acts/2022"
    leaves = broken.leaves(log)
    held = broken.rows("SELECT hold::text FROM hold WHERE hold NOT IN (SELECT hold FROM hold_release)")[0][0]
    index = next(i for i, leaf in enumerate(leaves) if json.loads(leaf).get("hold") == held)
    kept = {
        (f"{ORIGIN}/{OLD}", str(idx))
        for (idx,) in broken.rows("SELECT idx FROM payload WHERE log_id = %s", (broken.number(OLD),))
    }
    targets: list[Any] = json.loads(leaves[index])["targets"]
    gone = next(each for each in targets if (each[0], each[1]) in kept)
    broken.sql(
        "DELETE FROM hold_cover WHERE log_id = %s AND idx = %s AND hold = %s",
        (broken.number(OLD), int(gone[1]), held),
    )
    less = edited(leaves[index], targets=[each for each in targets if each != gone])
    forger = Forger(broken)
    forger.rewrite(log, [*leaves[:index], less, *leaves[index + 1 :]])
    _reroot(forger, broken, log, "acts/2024")
    forger.settle()
    found = [each for each in broken.verify().findings if each.kind == "hold.missing"]
    assert [(each.log, each.idx) for each in found] == [(f"{ORIGIN}/{OLD}", int(gone[1]))]


def _reroot(forger: Forger, broken: Broken, before: str, after: str) -> None:
    """The log after names the new root of the one before."""
    ((root,),) = broken.rows(
        "SELECT root FROM checkpoint WHERE log_id = %s ORDER BY size DESC, signed_at DESC LIMIT 1",
        (broken.number(before),),
    )
    first, *rest = broken.leaves(after)
    predecessor = {**json.loads(first)["predecessor"], "root": bytes(root).hex()}
    forger.rewrite(after, [edited(first, predecessor=predecessor), *rest])


def test_key_put_into_the_log_of_logs_is_found(broken: Broken) -> None:
    """A key leaf put into the database is signed with the rest of the log by the ledger itself; it lists no such key."""
    leaves = broken.leaves(META)
    mine = str(SignerKey(f"{ORIGIN}/{META}", bytes(32)).verifier())
    told = {
        "v": 1, "kind": "key", "rid": rid(), "ingested_at": _last(leaves), "name": f"{ORIGIN}/{META}", "vkey": mine, "commit": None,
    }  # fmt: skip
    leaves = [*leaves, canonical(told)]
    forger = Forger(broken)
    forger.rewrite(META, leaves)
    for tile, content in grown_tiles(0, [digest(leaf) for leaf in leaves]):
        (broken.published / META / tile.path).parent.mkdir(parents=True, exist_ok=True)
        (broken.published / META / tile.path).write_bytes(content)
    bundle = broken.published / META / tile_at(ENTRIES, 0, len(leaves)).path
    bundle.parent.mkdir(parents=True, exist_ok=True)
    bundle.write_bytes(encode_bundle(leaves))
    ((note,),) = broken.rows(
        "SELECT note FROM checkpoint WHERE log_id = %s ORDER BY size DESC LIMIT 1", (broken.number(META),)
    )
    (broken.published / META / "checkpoint").write_text(note)
    report = broken.verify()
    found = [(each.kind, each.log, each.idx) for each in report.findings]
    assert found == [("key.untrusted", f"{ORIGIN}/{META}", len(leaves) - 1)]
    assert "the signing key was changed at" in " ".join(each.en for each in report.notes())


# bundles


def _written(name: str, data: bytes) -> Callable[[Path], None]:
    def do(bundle: Path) -> None:
        (bundle / name).parent.mkdir(parents=True, exist_ok=True)
        (bundle / name).write_bytes(data)

    return do


def _without_measure(bundle: Path) -> None:
    path = bundle / NEW / "checkpoint"
    path.write_bytes(path.read_bytes().replace(b"\n11\n", b"\n9223372036854775807\n"))


JUNK: Final[dict[str, Callable[[Path], object]]] = {
    "a manifest cut off": _written("manifest.json", b"{"),
    "a manifest without files": _written("manifest.json", b"{}"),
    "a manifest without end": _written("manifest.json", b'{"files":' + b"[" * 100_000),
    "a list of redacted leaves that is none": _written(f"redacted/{NEW}", b"x\xff"),
    "a payload without end": _written(f"payloads/{NEW}/4.json", b"[" * 200_000),
    "keys that are none": _written("keys", b"\xff\xfe"),
    "a log within a log": lambda bundle: shutil.copytree(bundle / NEW, bundle / NEW / "x"),
    "a log of no number": lambda bundle: shutil.copytree(bundle / NEW, bundle / "provision-records/x/y/z"),
    "a checkpoint of nothing": _written("checkpoints/none/9", b"junk"),
    "a checkpoint that claims all there is": _without_measure,
}  # fmt: skip


def _told(bundle: Path, keys: Sequence[str]) -> str:
    """The first finding, or why nothing was verified."""
    try:
        first = verify(BundleOpening(bundle), Options(NOW, keys, workers=1)).first
    except SourceError as error:
        return str(error)
    return "" if first is None else first.detail


def test_junk_in_a_bundle_is_told_in_a_sentence(broken: Broken, tmp_path: Path) -> None:
    """Whatever files a bundle holds, a verification ends, with a finding or with the reason why there is none."""
    keys = (broken.kept / "keys").read_text().split()
    for number, (name, do) in enumerate(JUNK.items()):
        bundle = tmp_path / str(number)
        shutil.copytree(broken.bundle(), bundle)
        do(bundle)
        assert _told(bundle, keys), name
