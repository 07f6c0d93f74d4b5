"""What somebody can do who holds the signing key: change a log, and sign and publish it anew as if nothing had been."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from ledger.faults.broken import META, Broken, digest, edited
from ledger.faults.world import ORIGIN, World
from sekisho.ledger.merkle.checkpoint import Checkpoint, sign_checkpoint
from sekisho.ledger.merkle.note import SignerKey
from sekisho.ledger.merkle.tiles import WIDTH, grown_tiles
from sekisho.ledger.merkle.tree import Frontier

CHANGED = datetime(2024, 5, 1, 1, tzinfo=UTC)
"""From when on the world's second key signs."""
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_AWAY = 99
_LEAF = "INSERT INTO sekisho_ledger.leaf (log_id, idx, koff, leaf, hash) VALUES (%s, %s, %s, %s, %s)"


class Forger:
    """Rewrites logs so that they verify alone: hashes, heads, tiles, checkpoints, the log of logs, the published files."""

    def __init__(self, broken: Broken, seed: bytes | None = None) -> None:
        self.broken = broken
        text = (broken.folder / "keys" / "signing.key").read_text().strip()
        new, old = SignerKey.from_text(text).seed, bytes.fromhex((broken.folder / "old.key").read_text())
        self._seeds = {"new": (seed or new,), "old": (seed or old,), "both": (seed,) if seed else (old, new)}
        self._roots: dict[str, list[bytes]] = {}
        """Log -> its leaf hashes after the forgery."""

    def rewrite(self, log: str, leaves: Sequence[bytes], moved: Mapping[int, int] | None = None) -> None:
        """The log holds these leaves now; `moved`: old -> new index of its payloads."""
        broken, number = self.broken, self.broken.number(log)
        broken.sql("ALTER TABLE leaf DROP CONSTRAINT IF EXISTS leaf_log_id_koff_key")
        up = any(new > old for old, new in (moved or {}).items() if new != _AWAY)
        for old, new in sorted((moved or {}).items(), reverse=up):
            broken.sql("UPDATE payload SET idx = %s WHERE log_id = %s AND idx = %s", (new, number, old))
        hashes = [digest(leaf) for leaf in leaves]
        broken.sql("DELETE FROM leaf WHERE log_id = %s", (number,))
        with psycopg.connect(broken.url, autocommit=True) as conn:
            for index, (leaf, hashed) in enumerate(zip(leaves, hashes, strict=True)):
                offset = json.loads(leaf).get("offset")
                conn.execute(_LEAF, (number, index, None if offset is None else int(offset), leaf, hashed))
        self._head(number, leaves, hashes)
        self._tiles(number, hashes)
        self._checkpoints(log, number, leaves, hashes)
        self._roots[log] = hashes

    def _head(self, number: int, leaves: Sequence[bytes], hashes: Sequence[bytes]) -> None:
        told = [json.loads(leaf) for leaf in leaves]
        offsets = [int(each["offset"]) for each in told if "offset" in each]
        last = offsets[-1] if offsets else None
        frontier = Frontier().extended(hashes).to_bytes()
        closed = told[-1]["kind"] == "close"
        self.broken.sql(
            "UPDATE log_head SET size = %s, last_offset = coalesce(%s, last_offset), next_offset = greatest(%s + 1, next_offset), "
            "last_at = %s, frontier = %s, closed = %s WHERE log_id = %s",
            (len(leaves), last, last, told[-1]["ingested_at"], frontier, closed, number),
        )

    def _tiles(self, number: int, hashes: Sequence[bytes]) -> None:
        self.broken.sql("DELETE FROM hash_tile WHERE log_id = %s", (number,))
        for tile, content in grown_tiles(0, hashes):
            if tile.width == WIDTH:
                values = (number, tile.level, tile.n, content)
                self.broken.sql(
                    "INSERT INTO hash_tile (log_id, level, n, tile) VALUES (%s, %s, %s, %s)", values
                )

    def _checkpoints(self, log: str, number: int, leaves: Sequence[bytes], hashes: Sequence[bytes]) -> None:
        """The same sizes at the same times, as far as the leaves of those sizes are of before; and the whole at the last time."""
        known: list[tuple[int, datetime]] = self.broken.rows(
            "SELECT size, signed_at FROM checkpoint WHERE log_id = %s ORDER BY size, signed_at", (number,)
        )
        self.broken.sql("DELETE FROM checkpoint WHERE log_id = %s", (number,))
        times = [_time(leaf) for leaf in leaves]
        fitting = [(size, at) for size, at in known if size < len(hashes) and times[size - 1] <= at]
        whole = [(len(hashes), at) for size, at in known if size >= len(hashes)] or [
            (len(hashes), known[-1][1])
        ]
        for size, at in fitting + whole:
            root, note = self.signed(log, hashes[:size], at)
            values = (number, size, root, note.decode(), at)
            self.broken.sql(
                "INSERT INTO checkpoint (log_id, size, root, note, signed_at) VALUES (%s, %s, %s, %s, %s)",
                values,
            )

    def signed(self, log: str, hashes: Sequence[bytes], at: datetime) -> tuple[bytes, bytes]:
        """The root over these hashes, and its checkpoint by the key of that time."""
        origin, root = f"{ORIGIN}/{log}", Frontier().extended(hashes).root()
        key = "both" if CHANGED <= at < CHANGED + timedelta(hours=1) else "old" if at < CHANGED else "new"
        signers = [SignerKey(origin, seed) for seed in self._seeds[key]]
        return root, sign_checkpoint(Checkpoint(origin, len(hashes), root), signers)

    def settle(self) -> None:
        """The log of logs tells the new roots, and all is published anew."""
        self.rewrite(META, list(self._entered()))
        shutil.rmtree(self.broken.published)
        latest = self.broken.rows("SELECT max(signed_at) FROM checkpoint")[0][0]
        asyncio.run(World(self.broken.url, self.broken.folder, at=latest).publish())

    def _entered(self) -> Iterator[bytes]:
        for leaf in self.broken.leaves(META):
            told = json.loads(leaf)
            log = told.get("origin", "").removeprefix(f"{ORIGIN}/")
            if told["kind"] == "checkpoint" and log in self._roots:
                hashes = self._roots[log][: int(told["size"])]
                root = Frontier().extended(hashes).root()
                yield edited(leaf, size=str(len(hashes)), root=root.hex())
            else:
                yield leaf


def _time(leaf: bytes) -> datetime:
    """When it was taken in; long ago where it says no time that there is."""
    try:
        return datetime.fromisoformat(json.loads(leaf)["ingested_at"])
    except ValueError:
        return LONG_AGO


def forged(broken: Broken, log: str, leaves: Sequence[bytes], moved: Mapping[int, int] | None = None) -> None:
    """A log with these leaves instead, signed and published as if it had always been so."""
    forger = Forger(broken)
    forger.rewrite(log, leaves, moved)
    forger.settle()


def published_of(broken: Broken, log: str) -> Path:
    """A log's published files."""
    return broken.published / log
