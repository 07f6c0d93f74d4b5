"""A folder of tiles as C2SP tlog-tiles lays them out: what is published, and what an export holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from sekisho.ledger.merkle.checkpoint import CheckpointError
from sekisho.ledger.merkle.tiles import ENTRIES, WIDTH, Tile, TileError, decode_bundle, encode_bundle
from sekisho.ledger.merkle.tree import HASH_SIZE
from sekisho.ledger.verify.sources import SourceError, Stored
from sekisho.ledger.verify.trust import unverified

KEYS = "keys"
CHECKPOINT = "checkpoint"
KINDS = {
    "provision-records": "records",
    "solicitation-outcomes": "outcomes",
    "acts": "acts",
    "meta": "meta",
}
"""The first part of a log's folder -> its kind."""
LEVELS = {"records": 4, "outcomes": 4, "acts": 2, "meta": 1}
"""How many parts a log's folder has."""


class Published:
    """The folder; a log's folder is the last parts of its origin."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keys(self) -> list[str]:
        """The verifier keys that lie in it."""
        path = self.folder / KEYS
        return path.read_text(errors="replace").split() if path.is_file() else []

    def checkpoints(self) -> dict[str, bytes]:
        """Every log's newest checkpoint: origin -> note. Raises SourceError where one cannot even be read."""
        found = {}
        for path in sorted(self.folder.rglob(CHECKPOINT)):
            if path.is_file():
                note = path.read_bytes()
                try:
                    found[unverified(note).origin] = note
                except CheckpointError as error:
                    raise SourceError(f"{path} is no checkpoint: {error}") from error
        return found

    @staticmethod
    def signed_size(note: bytes) -> int:
        """The size that a checkpoint states."""
        return unverified(note).size

    def log_folder(self, origin: str) -> Path:
        """Where a log's files are."""
        return self.folder / log_path(origin)

    def tiles(self, origin: str, wanted: Iterable[Tile]) -> Iterator[Stored]:
        """Each as it is there; for a partial one also what a wider one that replaced it begins with."""
        folder = self.log_folder(origin)
        for tile in wanted:
            yield Stored(tile, _content(folder, tile))


def log_path(origin: str) -> str:
    """A log's folder: the end of its origin, from the word that says its kind. Raises SourceError where there is none."""
    parts = origin.split("/")
    for word, kind in KINDS.items():
        at = len(parts) - LEVELS[kind]
        if at > 0 and parts[at] == word:
            return "/".join(parts[at:])
    raise SourceError(f"{origin!r} is not the name of a log of this ledger")


def _content(folder: Path, tile: Tile) -> bytes | None:
    path = folder / tile.path
    if path.is_file():
        return path.read_bytes()
    if tile.width == WIDTH:
        return None
    for wider in range(WIDTH, tile.width, -1):  # the log has grown since its checkpoint was looked at
        path = folder / tile._replace(width=wider).path
        if path.is_file():
            return _beginning(path.read_bytes(), tile, wider)
    return None


def _beginning(content: bytes, tile: Tile, width: int) -> bytes:
    if tile.level != ENTRIES:
        return content[: tile.width * HASH_SIZE]
    try:
        return encode_bundle(decode_bundle(content, width)[: tile.width])
    except TileError:
        return b""
