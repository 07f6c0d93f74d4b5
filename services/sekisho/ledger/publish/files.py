"""The published tree: each log's checkpoint, tiles and entry bundles as static files, as C2SP tlog-tiles names them.

Any web server may serve the folder, and a reader may read it at any moment: a file appears whole or not at all, what a
checkpoint needs is on the disk before the checkpoint is, and a partial tile goes only when the full one has been there for
a while ("Partial Tiles": only then may it go).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from sekisho.ledger.merkle.tiles import WIDTH, Tile
from sekisho.ledger.publish.secret_files import sync_folder

CHECKPOINT: Final = "checkpoint"
TILES: Final = "tile"
MAX_CHECKPOINT: Final = 65_536
_PARTIAL: Final = ".p"
_TEMPORARY: Final = ".new~"
"""No web server is asked for such a name, and no log has one."""
_MODE: Final = 0o644


class PublishedTree:
    """The folder `published/`; a log's files are in the folder named as its origin, without the ledger's."""

    def __init__(self, root: Path) -> None:
        """Opens nothing; the folder is made with the first file."""
        self.root = root
        self._unsynced: dict[str, set[Path]] = {}
        """By log the folders whose new names may not be on the disk yet."""
        self._outgrown: dict[Path, float] = {}
        """Folders of partial tiles whose full tile is there, and since when it is known (s)."""

    # reading

    def checkpoint(self, log: str) -> bytes | None:
        """The log's published checkpoint, bounded; None where there is none. Raises OSError."""
        try:
            with (self.root / log / CHECKPOINT).open("rb") as file:
                return file.read(MAX_CHECKPOINT)
        except FileNotFoundError:
            return None

    def logs(self) -> list[str]:
        """The folders with a checkpoint, by name."""
        found = []
        for folder, folders, files in os.walk(self.root):
            if TILES in folders:
                folders.remove(TILES)  # thousands of files, and no log below
            if CHECKPOINT in files:
                found.append(Path(folder).relative_to(self.root).as_posix())
        return sorted(found)

    def read(self, log: str, tile: Tile) -> bytes:
        """A tile or bundle; where a partial one has gone, the beginning of the full hash tile. Raises OSError."""
        path = self.root / log / tile.path
        try:
            return path.read_bytes()
        except FileNotFoundError:
            if tile.width == WIDTH:
                raise
            return (self.root / log / tile._replace(width=WIDTH).path).read_bytes()[: tile.width * 32]

    # writing: several logs may be written at once, each by one thread

    def write(self, log: str, pieces: Iterable[tuple[Tile, bytes]]) -> None:
        """Write tiles and bundles. They are sure to outlast a power cut only after the next `write_checkpoint`."""
        for tile, content in pieces:
            path = self.root / log / tile.path
            self._put(log, path, content)
            if tile.width == WIDTH:
                self._outgrow(path)

    def write_checkpoint(self, log: str, note: bytes) -> None:
        """Write the log's checkpoint: last, when everything that it needs is on the disk."""
        self._sync(log)
        self._put(log, self.root / log / CHECKPOINT, note)
        self._sync(log)

    def write_beside(self, files: Mapping[str, bytes]) -> None:
        """Write files that are no log's, by name; on the disk when this returns."""
        for name, content in files.items():
            self._put("", self.root / name, content)
        self._sync("")

    def _put(self, log: str, path: Path, content: bytes) -> None:
        """Have a file appear whole, in the place of an older one if there is one. Raises OSError."""
        unsynced = self._unsynced.setdefault(log, set())
        unsynced |= _made(path.parent)
        temporary = path.with_name(path.name + _TEMPORARY)
        handle = os.open(
            temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, _MODE
        )
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(handle)
        temporary.replace(path)
        unsynced.add(path.parent)

    def _sync(self, log: str) -> None:
        """The names of all files written for the log so far are on the disk when this returns."""
        for folder in sorted(self._unsynced.pop(log, ())):
            sync_folder(folder)

    # clearing away

    def _outgrow(self, full: Path) -> None:
        partial = full.with_name(full.name + _PARTIAL)
        if partial not in self._outgrown and partial.is_dir():
            self._outgrown[partial] = -1.0

    def find_outgrown(self) -> None:
        """After a start: what an earlier run left to be cleared away, and what a crash left half written."""
        for folder, folders, files in os.walk(self.root):
            for name in files:
                if name.endswith(_TEMPORARY):
                    (Path(folder) / name).unlink(missing_ok=True)
            for name in folders:
                if name.endswith(_PARTIAL):
                    full = Path(folder) / name.removesuffix(_PARTIAL)
                    if full.is_file():
                        self._outgrow(full)

    def clear(self, now: float, grace_seconds: float) -> int:
        """Remove partial tiles whose full tile has been there for the grace time, so that no reader of an older checkpoint
        is cut off. `now`: a steady clock's seconds. Gives how many folders went."""
        gone = 0
        for folder, since in list(self._outgrown.items()):
            if since < 0:
                self._outgrown[folder] = now
            elif now - since >= grace_seconds:
                shutil.rmtree(folder)
                del self._outgrown[folder]
                gone += 1
        return gone


def _made(folder: Path) -> set[Path]:
    """Make the folder where it is missing; gives the folders that have a new one in them."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for each in reversed(missing):
        each.mkdir(mode=0o755, exist_ok=True)
    return {each.parent for each in missing}


def needed(pieces: Iterable[tuple[Tile, bytes]], size: int) -> Iterator[tuple[Tile, bytes]]:
    """Of the tiles of a growing tree those that a reader of the tree of `size` leaves asks for."""
    for tile, content in pieces:
        if tile.width == WIDTH or tile.n * WIDTH + tile.width == size >> 8 * max(tile.level, 0):
            yield tile, content
