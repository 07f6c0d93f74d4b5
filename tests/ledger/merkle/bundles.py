"""Small logs and bundles of them on disk, written with the ledger's Merkle code alone, for the outside checks."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from sekisho.ledger.merkle.canonical import canonical, commit
from sekisho.ledger.merkle.checkpoint import Checkpoint, sign_checkpoint
from sekisho.ledger.merkle.note import SignerKey
from sekisho.ledger.merkle.tiles import WIDTH, changed_bundles, encode_bundle, grown_tiles
from sekisho.ledger.merkle.tree import leaf_hashes, root_of

PREFIX: Final = "ledger.example/sekisho"
TAKEN_IN: Final = "2020-11-21T01:00:00.000000Z"
LAST_DAY: Final = "2023-11-21"
PURGED_AT: Final = "2023-11-21T15:00:00.000000Z"
SEED: Final = sha256(b"the key of the tests").digest()


def key(name: str, seed: bytes = SEED) -> SignerKey:
    """The tests' signing key under the origin of the log in this directory."""
    return SignerKey(f"{PREFIX}/{name}", seed)


def checkpoint(name: str, entries: Sequence[bytes], seed: bytes = SEED) -> bytes:
    """A signed checkpoint of a log with just these entries."""
    tree = Checkpoint(f"{PREFIX}/{name}", len(entries), root_of(leaf_hashes(entries)))
    return sign_checkpoint(tree, [key(name, seed)])


def write_log(bundle: Path, name: str, entries: Sequence[bytes]) -> Path:
    """Writes a log as C2SP tlog-tiles lays it out: tiles, entry bundles, checkpoint. Gives its directory."""
    folder = bundle / name
    for tile, content in grown_tiles(0, leaf_hashes(entries)):
        _write(folder / tile.path, content)
    for tile in changed_bundles(0, len(entries)):
        first = tile.n * WIDTH
        _write(folder / tile.path, encode_bundle(entries[first : first + tile.width]))
    _write(folder / "checkpoint", checkpoint(name, entries))
    return folder


def write_payload(bundle: Path, name: str, index: int, salt: bytes, body: bytes) -> Path:
    """Writes a payload beside the log."""
    file = bundle / "payloads" / name / f"{index}.json"
    _write(file, json.dumps({"salt": b64encode(salt).decode(), "body": b64encode(body).decode()}).encode())
    return file


def write_keys(file: Path, *names: str) -> Path:
    """Writes the verifier keys of these logs, one a line."""
    _write(file, "".join(f"{key(name).verifier()}\n" for name in names).encode())
    return file


def rid(name: str, index: int) -> str:
    """The random id of a leaf (here: a made-up one)."""
    digest = sha256(f"{name} {index}".encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}"


def record(name: str, index: int) -> tuple[bytes, bytes, bytes]:
    """A record's leaf (those fields that the outside checks look at), its salt and its body."""
    salt, body = sha256(f"salt {name} {index}".encode()).digest(), f'{{"record":{index}}}'.encode()
    made = leaf(
        name, index, "record", commit=commit(salt, body).hex(), ingested_at=TAKEN_IN, retain_until=LAST_DAY
    )
    return made, salt, body


def purge(index: int, target: dict[str, str]) -> bytes:
    """The acts' leaf of a lawful deletion: on the day after the record's last one (Asia/Tokyo), by all three clocks."""
    times = dict.fromkeys(("ingested_at", "database_at", "host_at", "checkpoint_at"), PURGED_AT)
    return leaf("acts/2026", index, "purge", target=target, retain_until=LAST_DAY, **times)


def leaf(name: str, index: int, kind: str, **fields: Any) -> bytes:
    """Any leaf."""
    return canonical({"v": 1, "kind": kind, "rid": rid(name, index), **fields})


def _write(file: Path, data: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
