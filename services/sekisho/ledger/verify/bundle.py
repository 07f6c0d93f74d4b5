"""An exported folder as a source: files alone, no database and no Kafka."""

from __future__ import annotations

import binascii
import json
from base64 import b64decode
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from hashlib import file_digest
from pathlib import Path
from typing import Final

from sekisho.ledger.merkle.checkpoint import CheckpointError
from sekisho.ledger.merkle.tiles import ENTRIES, WIDTH, Tile, TileError, decode_bundle, tile_at
from sekisho.ledger.verify.published import CHECKPOINT, KINDS, LEVELS, Published, log_path
from sekisho.ledger.verify.sources import (
    Derived,
    HoldRow,
    LeafRow,
    LogRow,
    PayloadRow,
    Place,
    PurgedRow,
    Source,
    SourceError,
    Stored,
    StoredCheckpoint,
)
from sekisho.ledger.verify.trust import unverified

CHECKPOINTS: Final = "checkpoints"
PAYLOADS: Final = "payloads"
REDACTED: Final = "redacted"
MANIFEST: Final = "manifest.json"
SALT, BODY = "salt", "body"
MISSING: Final = 65_536
"""Leaves at most that are looked for, and told one by one, where a size says that there are more than are there."""


@dataclass(frozen=True)
class BundleOpening:
    """Opens an exported folder."""

    folder: Path

    @contextmanager
    def __call__(self) -> Iterator[Source]:
        """Raises SourceError."""
        if not self.folder.is_dir():
            raise SourceError(f"{self.folder} is no folder")
        try:
            yield Bundle(self.folder)
        except OSError as error:
            raise SourceError(f"the bundle cannot be read: {error}") from error


def flat(path: str) -> str:
    """A log's path as one name, for the folder of its checkpoints."""
    return path.replace("/", "_")


class Bundle:
    """The source that a folder is."""

    name = "bundle"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tree = Published(folder)

    def _notes(self) -> Iterator[tuple[str, bytes]]:
        """The path and the newest checkpoint of each log."""
        for path in sorted(self._folder.rglob(CHECKPOINT)):
            log = path.parent.relative_to(self._folder).as_posix()
            if path.is_file() and log.split("/")[0] in KINDS:
                yield log, path.read_bytes()

    def logs(self) -> list[LogRow]:
        """Each folder that has a checkpoint. Raises SourceError where that tells no log."""
        found = []
        for path, note in self._notes():
            try:
                told = unverified(note)
            except CheckpointError as error:
                raise SourceError(f"{path}/{CHECKPOINT} is no checkpoint: {error}") from error
            kind, *parts = path.split("/")
            if log_path(told.origin) != path or len(parts) + 1 != LEVELS[KINDS[kind]]:
                raise SourceError(f"{path}/{CHECKPOINT} is the checkpoint of another log, {told.origin}")
            numbers = parts[1:] if len(parts) == 3 else parts
            if not all(each.isdecimal() and each.isascii() and len(each) < 10 for each in numbers):
                raise SourceError(f"{path} names no partition and year: it is no log of this ledger")
            topic_id, partition = (parts[0], int(parts[1])) if len(parts) == 3 else (None, None)
            year = int(parts[-1]) if parts else None
            size = min(told.size, self._room(path))
            found.append(LogRow(told.origin, KINDS[kind], topic_id, partition, year, size))
        return found

    def _room(self, log: str) -> int:
        """How many leaves its entry bundles can hold, and some more: a checkpoint may claim any number."""
        names = (self._folder / log / "tile" / "entries").rglob("*")
        return WIDTH * sum(1 for _ in names) + MISSING

    def keys(self) -> list[str]:
        """Those in the bundle."""
        return self._tree.keys()

    def leaves(self, log: LogRow, low: int, high: int) -> Iterator[LeafRow]:
        """From the entry bundles; one that is missing or damaged gives no leaves from there on."""
        folder = self._tree.log_folder(log.origin)
        for number in range(low // WIDTH, -(-high // WIDTH)):
            tile = tile_at(ENTRIES, number, log.size)
            path = folder / tile.path
            entries = _entries(path.read_bytes(), tile.width) if path.is_file() else []
            for index, entry in enumerate(entries, number * WIDTH):
                if low <= index < high:
                    yield LeafRow(index, entry, None, None)

    def places(self, log: LogRow) -> list[Place]:
        """The bundle's own tiles; entry bundles are where the leaves come from."""
        return [Place("bundle", log.size, bundles=False, partial=True)]

    def tiles(self, log: LogRow, place: Place, wanted: Iterable[Tile]) -> Iterator[Stored]:  # noqa: ARG002
        """From the files."""
        return self._tree.tiles(log.origin, wanted)

    def checkpoints(self, log: LogRow) -> Iterator[StoredCheckpoint]:
        """Every checkpoint that the ledger ever had of it, then its newest."""
        path = log_path(log.origin)
        folder = self._folder / CHECKPOINTS / flat(path)
        files = folder.iterdir() if folder.is_dir() else ()
        for file in sorted(files, key=lambda each: (len(each.name), each.name)):
            yield StoredCheckpoint(file.read_bytes(), f"{CHECKPOINTS}/{flat(path)}/{file.name}")
        yield StoredCheckpoint((self._folder / path / CHECKPOINT).read_bytes(), f"{path}/{CHECKPOINT}")

    def orphans(self) -> Iterator[tuple[str, bytes]]:
        """Those in folders of logs that the bundle does not have."""
        known, folders = {flat(path) for path, _ in self._notes()}, self._folder / CHECKPOINTS
        for folder in sorted(folders.iterdir()) if folders.is_dir() else ():
            if folder.name not in known and folder.is_dir():
                for file in folder.iterdir():
                    note = file.read_bytes()
                    try:
                        yield unverified(note).origin, note
                    except CheckpointError as error:
                        raise SourceError(f"{CHECKPOINTS}/{folder.name}/{file.name}: {error}") from error

    def payloads(self, log: LogRow, low: int, high: int) -> Iterator[PayloadRow]:
        """Each file of the range."""
        folder = self._folder / PAYLOADS / log_path(log.origin)
        for index in self._payload_indexes(log.origin):
            if low <= index < high:
                path = folder / f"{index}.json"
                try:
                    told = json.loads(path.read_bytes())
                    yield PayloadRow(
                        index, b64decode(told[SALT], validate=True), b64decode(told[BODY], validate=True)
                    )
                except (ValueError, KeyError, TypeError, binascii.Error, RecursionError, IsADirectoryError):
                    yield PayloadRow(index, b"", b"")  # what is no payload is not what the leaf committed to

    def _payload_indexes(self, origin: str) -> list[int]:
        """Of a log, by index; listed once."""
        known = self._listed.get(origin)
        if known is None:
            folder = self._folder / PAYLOADS / log_path(origin)
            names = (each.stem for each in folder.iterdir()) if folder.is_dir() else iter(())
            known = self._listed[origin] = sorted(int(name) for name in names if name.isdecimal())
        return known

    @cached_property
    def _listed(self) -> dict[str, list[int]]:
        return {}

    def redacted(self, log: LogRow) -> frozenset[int]:
        """The indexes that the bundle lists."""
        path = self._folder / REDACTED / log_path(log.origin)
        try:
            lines = path.read_text().split() if path.is_file() else []
            return frozenset(int(line) for line in lines)
        except ValueError as error:
            raise SourceError(f"{REDACTED}/{log_path(log.origin)} is no list of indexes: {error}") from error

    def derived(self, log: LogRow) -> Derived | None:  # noqa: ARG002 (the port's signature)
        """There are no tables."""
        return None

    def holds(self) -> dict[str, HoldRow] | None:
        """There is no such table."""
        return None

    def scopes(self, wanted: Sequence[str]) -> dict[str, bytes] | None:  # noqa: ARG002
        """There is no such table."""
        return None

    def purged(self, log: LogRow, low: int, high: int) -> dict[int, PurgedRow] | None:  # noqa: ARG002
        """There is no such table."""
        return None

    def remarks(self) -> Iterator[tuple[str, str]]:
        """Nothing: the report tells what a bundle lacks."""
        return iter(())

    def unaccounted(self) -> Iterator[tuple[str, str, str]]:
        """Files that are not what the manifest says, payloads of no log, checkpoints of no log."""
        yield from self._manifest()
        known = {log_path(log.origin): log.size for log in self.logs()}
        for file in (self._folder / PAYLOADS).rglob("*"):
            log = file.parent.relative_to(self._folder / PAYLOADS).as_posix()
            if file.is_file() and (not file.stem.isdecimal() or int(file.stem) >= known.get(log, 0)):
                yield "payload.unaccounted", log, f"{file.name} belongs to no leaf"
        for origin, note in self.orphans():
            yield "log.missing", origin, f"{CHECKPOINTS} has one of it with {unverified(note).size} leaves"

    def _manifest(self) -> Iterator[tuple[str, str, str]]:
        path = self._folder / MANIFEST
        if not path.is_file():
            yield "bundle.file", MANIFEST, "it is missing"
            return
        try:
            files = dict[str, str](json.loads(path.read_bytes())["files"])
        except (ValueError, KeyError, TypeError, RecursionError):
            yield "bundle.file", MANIFEST, "it is no manifest"
            return
        for name, digest in files.items():
            file = self._folder / name
            if not file.is_file():
                yield "bundle.file", name, "it is missing"
                continue
            with file.open("rb") as content:
                if file_digest(content, "sha256").hexdigest() != digest:
                    yield "bundle.file", name, "it was changed after the export"


def _entries(data: bytes, width: int) -> list[bytes]:
    """A bundle's entries; of a damaged one those that can be read, so that the others are named as missing."""
    with suppress(TileError):
        return decode_bundle(data, width)
    found: list[bytes] = []
    at = 0
    while at + 2 <= len(data) and len(found) < width:
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if end > len(data):
            break
        found.append(data[at + 2 : end])
        at = end
    return found
