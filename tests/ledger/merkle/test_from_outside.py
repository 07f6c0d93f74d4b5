"""Go's sumdb and tessera's fsck find a log of ours sound, and each fault in one; who sees which fault is told here."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from ledger import goverify
from ledger.goverify import fsck, run
from ledger.merkle.bundles import (
    PREFIX,
    SEED,
    checkpoint,
    key,
    leaf,
    purge,
    record,
    rid,
    write_keys,
    write_log,
    write_payload,
)
from sekisho.ledger.merkle.tiles import decode_bundle, encode_bundle
from sekisho.ledger.merkle.tree import leaf_hashes, root_of

RECORDS: Final = "provision-records/topic-1/0/2026"
LAST_YEAR: Final = "provision-records/topic-1/0/2025"
ACTS: Final = "acts/2026"
META: Final = "meta"
COUNT: Final = 300
PURGED: Final = 7
REDACTED: Final = 8


def _last_year() -> list[bytes]:
    genesis = leaf(LAST_YEAR, 0, "genesis", origin=f"{PREFIX}/{LAST_YEAR}", predecessor=None)
    return [genesis, leaf(LAST_YEAR, 1, "close", next=f"{PREFIX}/{RECORDS}", size="2")]


def _tree(name: str, entries: list[bytes]) -> dict[str, str]:
    return {
        "origin": f"{PREFIX}/{name}",
        "size": str(len(entries)),
        "root": root_of(leaf_hashes(entries)).hex(),
    }


def _records(count: int = COUNT) -> list[bytes]:
    genesis = leaf(RECORDS, 0, "genesis", predecessor=_tree(LAST_YEAR, _last_year()))
    return [genesis, *(record(RECORDS, index)[0] for index in range(1, count))]


def _acts() -> list[bytes]:
    target = {"origin": f"{PREFIX}/{RECORDS}", "index": str(PURGED), "rid": rid(RECORDS, PURGED)}
    return [leaf(ACTS, 0, "genesis", predecessor=None), purge(1, target)]


def _meta() -> list[bytes]:
    shards = ((RECORDS, _records(100)), (LAST_YEAR, _last_year()), (RECORDS, _records()), (ACTS, _acts()))
    named = [leaf(META, at, "checkpoint", **_tree(*shard)) for at, shard in enumerate(shards, 1)]
    return [leaf(META, 0, "genesis", predecessor=None), *named]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of four logs: one payload was purged, one is left out and listed, the others are there."""
    bundle = tmp_path_factory.mktemp("sound")
    logs = {RECORDS: _records(), LAST_YEAR: _last_year(), ACTS: _acts(), META: _meta()}
    for name, entries in logs.items():
        write_log(bundle, name, entries)
    for index in range(1, COUNT):
        if index not in (PURGED, REDACTED):
            write_payload(bundle, RECORDS, index, *record(RECORDS, index)[1:])
    (bundle / "redacted" / RECORDS).parent.mkdir(parents=True)
    (bundle / "redacted" / RECORDS).write_text(f"{REDACTED}\n")
    write_keys(bundle / "keys", *logs)
    kept = bundle / "checkpoints" / RECORDS.replace("/", "_")
    kept.mkdir(parents=True)
    for size in (1, 256, COUNT):
        (kept / str(size)).write_bytes(checkpoint(RECORDS, _records(size)))
    return bundle


@pytest.fixture
def bundle(sound: Path, tmp_path: Path) -> Path:
    """A copy of the sound bundle, to be spoilt."""
    return shutil.copytree(sound, tmp_path / "bundle")


def _verified(bundle: Path, *old: Path) -> tuple[int, str]:
    return run(bundle, bundle / "keys", *old)


def test_go_finds_the_sound_bundle_sound_and_counts_it(sound: Path) -> None:
    """The program of the auditor passes what is right, partial tiles, purges and redactions included."""
    assert _verified(sound) == (
        0,
        f"OK: 4 logs, {COUNT + 2 + 2 + 5} entries; {COUNT - 3} payloads there, 1 deleted as recorded, 1 left out\n",
    )


@pytest.mark.parametrize("name", [RECORDS, LAST_YEAR, ACTS, META])
def test_fsck_finds_each_log_of_the_sound_bundle_sound(sound: Path, name: str) -> None:
    """Tessera's fsck passes each log's directory as it is."""
    passed, told = fsck(sound / name, str(key(name).verifier()))
    assert passed, told


def test_an_fsck_that_does_not_end_has_failed(sound: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However sound the log is."""
    fsck(sound / META, str(key(META).verifier()))
    monkeypatch.setattr(goverify, "FSCK_S", 0.0)
    assert fsck(sound / META, str(key(META).verifier())) == (False, "no end after 0 s")


def test_without_go_the_outside_checks_say_that_they_were_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reason is told; nothing passes in silence."""
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(pytest.skip.Exception, match="Go is not installed"):
        goverify.go("version")


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 512, 65_537])
def test_both_pass_logs_at_the_borders_of_tiles(tmp_path: Path, size: int) -> None:
    """Full tiles, partial ones, and a third level: our tiles are those that both expect."""
    log = write_log(tmp_path, "plain", [b'{"n":%d}' % each for each in range(size)])
    passed, told = fsck(log, str(key("plain").verifier()))
    assert passed, told
    assert run(tmp_path, write_keys(tmp_path / "keys", "plain"))[0] == 0


def test_go_passes_an_old_checkpoint_that_the_log_extends(sound: Path, tmp_path: Path) -> None:
    """Kept checkpoints of any earlier size pass, the same size included."""
    old = []
    for size in (1, 255, 256, 257, COUNT):
        old.append(tmp_path / str(size))
        old[-1].write_bytes(checkpoint(RECORDS, _records(size)))
    assert _verified(sound, *old)[0] == 0


def _flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def _edit_checkpoint(bundle: Path, line: int, text: str) -> None:
    file = bundle / RECORDS / "checkpoint"
    lines = file.read_text().split("\n")
    lines[line] = text
    file.write_text("\n".join(lines))


def _swap_entries(bundle: Path) -> None:
    file = bundle / RECORDS / "tile/entries/000"
    entries = decode_bundle(file.read_bytes(), 256)
    entries[1], entries[2] = entries[2], entries[1]
    file.write_bytes(encode_bundle(entries))


def _drop_entry(bundle: Path) -> None:
    file = bundle / RECORDS / "tile/entries/000"
    file.write_bytes(encode_bundle(decode_bundle(file.read_bytes(), 256)[:-1]))


def _other_key(bundle: Path) -> None:
    (bundle / RECORDS / "checkpoint").write_bytes(checkpoint(RECORDS, _records(), seed=SEED[::-1]))


def _root_line(bundle: Path) -> str:
    return (bundle / ACTS / "checkpoint").read_text().split("\n")[2]


Spoil = Callable[[Path], object]
SEEN_BY_BOTH: Final[dict[str, tuple[Spoil, str]]] = {
    "bit-flip-in-a-leaf": (lambda b: _flip(b / RECORDS / "tile/entries/000"), "FAULT"),
    "bit-flip-in-a-partial-bundle": (lambda b: _flip(b / RECORDS / "tile/entries/001.p/44"), "FAULT"),
    "bit-flip-in-a-full-tile": (lambda b: _flip(b / RECORDS / "tile/0/000"), "tile/0/000"),
    "bit-flip-in-a-partial-tile": (lambda b: _flip(b / RECORDS / "tile/0/001.p/44"), "tile/0/001.p/44"),
    "bit-flip-in-an-upper-tile": (lambda b: _flip(b / RECORDS / "tile/1/000.p/1"), "tile/1/000.p/1"),
    "bundle-deleted": (lambda b: (b / RECORDS / "tile/entries/000").unlink(), "cannot be read"),
    "tile-deleted": (lambda b: (b / RECORDS / "tile/0/000").unlink(), "cannot be read"),
    "entry-deleted": (_drop_entry, "entry 255 is missing"),
    "entries-reordered": (_swap_entries, "are not those of the entries"),
    "size-edited": (lambda b: _edit_checkpoint(b, 1, "299"), "signature"),
    "root-edited": (lambda b: _edit_checkpoint(b, 2, _root_line(b)), "signature"),
    "origin-edited": (lambda b: _edit_checkpoint(b, 0, f"{PREFIX}/{ACTS}"), "signature"),
    "signature-deleted": (lambda b: _edit_checkpoint(b, 4, ""), "malformed note"),
    "signed-by-another-key": (_other_key, "no verifiable signatures"),
    "checkpoint-of-another-log": (
        lambda b: shutil.copy(b / ACTS / "checkpoint", b / RECORDS / "checkpoint"),
        "another log's",
    ),
}


@pytest.mark.parametrize("fault", SEEN_BY_BOTH)
def test_a_fault_in_the_log_itself_fails_both(bundle: Path, fault: str) -> None:
    """Whatever is changed in entries, tiles or checkpoint: the auditor's program and fsck both refuse the log."""
    spoil, told_by_go = SEEN_BY_BOTH[fault]
    spoil(bundle)
    code, told = _verified(bundle)
    assert (code, told_by_go in told) == (1, True), told
    passed, told = fsck(bundle / RECORDS, str(key(RECORDS).verifier()))
    assert not passed, told


def _cut(bundle: Path, count: int) -> None:
    shutil.rmtree(bundle / RECORDS)
    write_log(bundle, RECORDS, _records(count))


def _fork(bundle: Path) -> None:
    entries = _records()
    entries[50] = leaf(RECORDS, 50, "record", commit=json.loads(entries[50])["commit"], forged=1)
    shutil.rmtree(bundle / RECORDS)
    write_log(bundle, RECORDS, entries)


def _without_history(bundle: Path) -> None:
    """Leaves out what would show an older state: the meta-log and the bundle's own checkpoints."""
    shutil.rmtree(bundle / META)
    shutil.rmtree(bundle / "checkpoints")


def _cut_but_for_the_meta_log(bundle: Path) -> None:
    shutil.rmtree(bundle / "checkpoints")
    _cut(bundle, COUNT - 1)


def _forked_but_for_the_meta_log(bundle: Path) -> None:
    shutil.rmtree(bundle / "checkpoints")
    _fork(bundle)


def _deleted_but_for_the_meta_log(bundle: Path) -> None:
    shutil.rmtree(bundle / "checkpoints")
    shutil.rmtree(bundle / RECORDS)


def _last_year_forked(bundle: Path) -> None:
    _without_history(bundle)
    shutil.rmtree(bundle / LAST_YEAR)
    write_log(bundle, LAST_YEAR, _last_year()[::-1])


def _without_last_year(bundle: Path) -> None:
    _without_history(bundle)
    shutil.rmtree(bundle / LAST_YEAR)


def _without_logs(bundle: Path) -> None:
    for top in ("acts", "meta", "provision-records"):
        shutil.rmtree(bundle / top)


def _payload(bundle: Path, index: int) -> Path:
    return bundle / "payloads" / RECORDS / f"{index}.json"


def _wrong_salt(bundle: Path) -> None:
    salt, body = record(RECORDS, 9)[1:]
    write_payload(bundle, RECORDS, 9, salt[:-1] + bytes([salt[-1] ^ 1]), body)


def _moved_border(bundle: Path) -> None:
    salt, body = record(RECORDS, 9)[1:]
    write_payload(bundle, RECORDS, 9, salt + body[:1], body[1:])


def _purged_and_there(bundle: Path) -> None:
    write_payload(bundle, RECORDS, PURGED, *record(RECORDS, PURGED)[1:])


def _purge_of_another(bundle: Path) -> None:
    target = {"origin": f"{PREFIX}/{RECORDS}", "index": str(PURGED), "rid": rid(RECORDS, PURGED + 1)}
    _without_history(bundle)
    shutil.rmtree(bundle / ACTS)
    write_log(bundle, ACTS, [_acts()[0], purge(1, target)])


SEEN_BY_GO_ALONE: Final[dict[str, tuple[Spoil, str]]] = {
    "tail-cut-and-signed": (lambda b: _cut(b, COUNT - 1), "it was cut short"),
    "tail-cut-which-the-meta-log-shows": (_cut_but_for_the_meta_log, "a leaf of ledger.example/sekisho/meta"),
    "fork-which-the-meta-log-shows": (_forked_but_for_the_meta_log, "a leaf of ledger.example/sekisho/meta"),
    "shard-deleted-which-the-meta-log-shows": (
        _deleted_but_for_the_meta_log,
        "a leaf of ledger.example/sekisho/meta",
    ),
    "last-year-forked-which-this-year-shows": (_last_year_forked, f"a leaf of {PREFIX}/{RECORDS}"),
    "fork-signed": (_fork, "are not what they were"),
    "shard-deleted": (lambda b: shutil.rmtree(b / RECORDS), "is missing"),
    "last-years-log-deleted": (_without_last_year, "is missing"),
    "log-in-anothers-place": (
        lambda b: (b / LAST_YEAR).rename(b / "provision-records/other"),
        "another log's",
    ),
    "payload-deleted": (lambda b: _payload(b, 9).unlink(), "the payload of leaf 9 is gone"),
    "payload-flipped": (lambda b: _flip(_payload(b, 9)), "FAULT"),
    "payload-of-another": (lambda b: shutil.copy(_payload(b, 10), _payload(b, 9)), "committed to"),
    "payload-salt-changed": (_wrong_salt, "committed to"),
    "payload-border-moved": (_moved_border, "is no payload"),
    "payload-of-no-leaf": (lambda b: _payload(b, 9).rename(_payload(b, COUNT)), "FAULT"),
    "payload-too-many": (lambda b: shutil.copy(_payload(b, 9), _payload(b, COUNT)), "belongs to no leaf"),
    "purged-but-there": (_purged_and_there, "though its deletion is in a log"),
    "purge-of-another-rid": (_purge_of_another, f"the payload of leaf {PURGED} is gone"),
    "redaction-not-listed": (
        lambda b: shutil.rmtree(b / "redacted"),
        f"the payload of leaf {REDACTED} is gone",
    ),
    "no-log-at-all": (_without_logs, "no log"),
}


@pytest.mark.parametrize("fault", SEEN_BY_GO_ALONE)
def test_a_fault_that_needs_the_ledgers_meaning_fails_the_auditors_program(bundle: Path, fault: str) -> None:
    """What is validly signed but cut or forked, and what concerns payloads: fsck knows neither and is not asked."""
    spoil, told_by_go = SEEN_BY_GO_ALONE[fault]
    spoil(bundle)
    code, told = _verified(bundle)
    assert (code, told_by_go in told) == (1, True), told


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        pytest.param(lambda b: _cut(b, 150), "had 300 leaves and has 150 now", id="cut"),
        pytest.param(_fork, "are not what they were", id="forked"),
        pytest.param(lambda b: shutil.rmtree(b / RECORDS), "which is missing", id="deleted"),
    ],
)
def test_without_the_meta_log_only_a_kept_checkpoint_shows_a_log_written_anew(
    bundle: Path, tmp_path: Path, spoil: Spoil, sentence: str
) -> None:
    """Signed again, it passes alone, fsck too; the auditor's own old checkpoint shows it."""
    kept = tmp_path / "kept"
    kept.write_bytes(checkpoint(RECORDS, _records()))
    _without_history(bundle)
    spoil(bundle)
    shutil.rmtree(bundle / "payloads")
    indexes = "".join(f"{each}\n" for each in range(COUNT))
    (bundle / "redacted" / RECORDS).write_text(indexes)
    code, told = _verified(bundle)
    assert code == 0, told
    if (bundle / RECORDS).exists():
        assert fsck(bundle / RECORDS, str(key(RECORDS).verifier()))[0]
    code, told = _verified(bundle, kept)
    assert (code, sentence in told) == (1, True), told
