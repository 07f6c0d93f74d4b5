"""Writes a bundle from what the database holds, as it holds it: nothing is repaired, so what was altered shows in the bundle too."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from sekisho.ledger.export.redaction import Redaction
from sekisho.ledger.leaves import LeafError, Purge, read
from sekisho.ledger.merkle.checkpoint import Checkpoint
from sekisho.ledger.merkle.proof_files import ConsistencyFile
from sekisho.ledger.merkle.proofs import consistency_proof
from sekisho.ledger.merkle.tiles import ENTRIES, WIDTH, Tile, TileError, encode_bundle, node_reader, tile_at
from sekisho.ledger.verify.bundle import BODY, CHECKPOINTS, MANIFEST, PAYLOADS, REDACTED, SALT, flat
from sekisho.ledger.verify.published import CHECKPOINT, KEYS, log_path
from sekisho.ledger.verify.signed import Signed, newest, read_signed, written
from sekisho.ledger.verify.sources import LogRow, Opening, Place, Source
from sekisho.ledger.verify.trees import LogTree, SpanTree, spans
from sekisho.ledger.verify.trust import unverified

FORMAT: Final = 1
PROOFS: Final = "proofs"
AUDITOR: Final = "auditor"
OnProgress = Callable[[str, int, int], None]
"""(log, leaves done, of how many)"""


class ExportError(Exception):
    """No bundle was written: the text says why and what to do."""


@dataclass(frozen=True)
class ExportPlan:
    """What to write. `auditor`: the folder of the Go program's source; `texts`: further files, by name."""

    folder: Path
    now: datetime
    auditor: Path
    texts: Mapping[str, str]
    redaction: Redaction = field(default_factory=Redaction)


@dataclass
class Exported:
    """What was written."""

    logs: list[dict[str, Any]] = field(default_factory=list)
    leaves: int = 0
    payloads: int = 0
    redacted: int = 0
    unsigned: int = 0
    """Leaves that no checkpoint covers yet: they stay behind."""
    not_proved: list[str] = field(default_factory=list)
    """Logs whose consistency could not be proved: their tiles are not whole."""
    found: set[Any] = field(default_factory=set)
    """Of the records to be left out: those that were there."""


def export(opening: Opening, plan: ExportPlan, on_progress: OnProgress = lambda *_: None) -> Exported:
    """Writes the bundle. Raises ExportError, SourceError, OSError; then nothing is left behind."""
    _check_free(plan.folder)
    with opening() as source, _whole(plan.folder) as folder:
        return _Export(source, plan, folder, on_progress).write()


def _check_free(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ExportError(f"{folder} exists and is not empty: name a new folder, nothing is overwritten")


@contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """A folder beside it that takes its name at the end, or is removed."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        yield partial
        partial.chmod(0o755)
        os.sync()
        partial.rename(folder)
    except BaseException:
        shutil.rmtree(partial)
        raise


class _Export:
    def __init__(self, source: Source, plan: ExportPlan, folder: Path, on_progress: OnProgress) -> None:
        self._source, self._plan, self._folder, self._progress = source, plan, folder, on_progress
        self._digests: dict[str, str] = {}
        self._done = Exported()

    def write(self) -> Exported:
        """All of it; the manifest last."""
        logs = self._source.logs()
        signed = {log.origin: read_signed(self._source, log, None).signed for log in logs}
        for log in logs:
            if not signed[log.origin]:
                raise ExportError(
                    f"{log.origin} was never signed: let the ledger run until it is, then export"
                )
        ends = {origin: newest(notes) for origin, notes in signed.items()}
        late = self._late_purges(logs, ends)
        for log in logs:
            self._log(log, signed[log.origin], ends[log.origin], late.get(log.origin, set()))
        for origin, note in self._source.orphans():
            self._put(f"{CHECKPOINTS}/{flat(log_path(origin))}/{unverified(note).size}", note)
        missing = self._plan.redaction.records - self._done.found
        if missing:
            raise ExportError(f"no record {min(map(str, missing))} is in the ledger: nothing was exported")
        self._beside()
        self._manifest()
        return self._done

    def _put(self, name: str, content: bytes, *, listed: bool = True) -> None:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if listed:
            self._digests[name] = sha256(content).hexdigest()

    def _late_purges(self, logs: Sequence[LogRow], ends: Mapping[str, Signed]) -> dict[str, set[int]]:
        """Payloads whose purge leaf no checkpoint covers yet: without it, their absence is told as left out."""
        found: dict[str, set[int]] = {}
        for log in logs:
            if log.kind != "acts":
                continue
            for row in self._source.leaves(log, ends[log.origin].size, log.size):
                try:
                    leaf = read(row.leaf)
                except LeafError:
                    continue  # for the verifier to tell: it is not signed, so it is not exported
                if isinstance(leaf, Purge):
                    found.setdefault(leaf.target.origin, set()).add(int(leaf.target.index))
        return found

    def _log(self, log: LogRow, notes: Sequence[Signed], end: Signed, late: set[int]) -> None:
        path, size = log_path(log.origin), end.size
        self._notes(path, notes, end)
        tree = LogTree()
        full = next(place for place in self._source.places(log) if not place.partial)
        for low, high in spans(min(size, log.size)):
            span = self._span(log, path, low, high, size)
            if span is not None:
                self._tiles(log, path, full, span, size)
                tree.add(span.root(span.high))
            self._progress(log.origin, high, size)
        for tile, content in tree.upper_tiles(size):
            self._tile(log, path, full, tile, content)
        payloads, redacted = self._payloads(log, path, size, late)
        self._proof(log.origin, path, notes, end)
        self._done.leaves += size
        self._done.unsigned += max(0, log.size - size)
        told = {
            "log": path,
            "kind": log.kind,
            "size": size,
            "root": end.root.hex(),
            "checkpoints": len(notes),
        }
        self._done.logs.append(told | {"payloads": payloads, "redacted": redacted})

    def _notes(self, path: str, notes: Sequence[Signed], end: Signed) -> None:
        written_ones: set[bytes] = set()
        for each in notes:
            if each.note in written_ones:
                continue
            written_ones.add(each.note)
            name, again = f"{CHECKPOINTS}/{flat(path)}/{each.size}", 2
            while name in self._digests:  # signed again by a new key
                name, again = f"{CHECKPOINTS}/{flat(path)}/{each.size}.{again}", again + 1
            self._put(name, each.note)
        self._put(f"{path}/{CHECKPOINT}", end.note)

    def _span(self, log: LogRow, path: str, low: int, high: int, size: int) -> SpanTree | None:
        """A range's entries; its tree by the hashes that the database has beside them."""
        hashes: list[bytes] = []
        entries: list[bytes] = []
        number = low // WIDTH
        for row in self._source.leaves(log, low, high):
            hashes.append(row.hash or b"")
            entries.append(row.leaf)
            if row.idx // WIDTH != number or len(entries) == WIDTH:
                self._put(f"{path}/{tile_at(ENTRIES, number, size).path}", encode_bundle(entries))
                entries, number = [], number + 1
        if entries:
            self._put(f"{path}/{tile_at(ENTRIES, number, size).path}", encode_bundle(entries))
        return SpanTree(low, hashes) if hashes else None

    def _tiles(self, log: LogRow, path: str, full: Place, span: SpanTree, size: int) -> None:
        for tile in span.tiles(size):
            self._tile(log, path, full, tile, span.tile(tile))

    def _tile(self, log: LogRow, path: str, full: Place, tile: Tile, computed: bytes) -> None:
        """A full tile as it is stored, a partial one as the stored hashes give it."""
        content: bytes | None = computed
        if tile.width == WIDTH:
            content = next(self._source.tiles(log, full, [tile])).content
        if content is not None:
            self._put(f"{path}/{tile.path}", content)

    def _payloads(self, log: LogRow, path: str, size: int, late: set[int]) -> tuple[int, int]:
        redaction, redacted, count = self._plan.redaction, {each for each in late if each < size}, 0
        for row in self._source.payloads(log, 0, size):
            assert row.columns is not None, "a database has columns"
            if row.columns.record_id in redaction.records:
                self._done.found.add(row.columns.record_id)
            if redaction.leaves_out(log.origin, row.columns):
                redacted.add(row.idx)
                continue
            told = {SALT: b64encode(row.salt).decode(), BODY: b64encode(row.body).decode()}
            # not in the manifest: each is held to its leaf's commitment, and they may be millions
            self._put(f"{PAYLOADS}/{path}/{row.idx}.json", json.dumps(told).encode(), listed=False)
            count += 1
        if redacted:
            self._put(f"{REDACTED}/{path}", "".join(f"{each}\n" for each in sorted(redacted)).encode())
        self._done.payloads, self._done.redacted = (
            self._done.payloads + count,
            self._done.redacted + len(redacted),
        )
        return count, len(redacted)

    def _proof(self, origin: str, path: str, notes: Sequence[Signed], end: Signed) -> None:
        """That the newest checkpoint extends the first one."""
        first = min(notes, key=lambda each: each.size)
        if not 0 < first.size < end.size:
            return

        def stored(level: int, number: int, width: int) -> bytes:
            try:
                return (self._folder / path / Tile(level, number, width).path).read_bytes()
            except FileNotFoundError as error:
                raise TileError(f"{path} lacks a tile") from error

        try:
            Checkpoint(origin, end.size, end.root)
            hashes = consistency_proof(node_reader(stored, end.size), first.size, end.size)
        except TileError:
            self._done.not_proved.append(origin)
            return
        file = ConsistencyFile(first.size, tuple(hashes), end.note)
        self._put(f"{PROOFS}/{path}/{first.size}-{end.size}.consistency", file.to_bytes())

    def _beside(self) -> None:
        """Keys, the auditor's program, the texts."""
        keys = self._source.keys()
        if not keys:
            raise ExportError(
                "the ledger's public keys are not published beside it: start the ledger once, then export"
            )
        self._put(KEYS, "".join(f"{key}\n" for key in keys).encode())
        for path in sorted(self._plan.auditor.iterdir()):
            if path.is_file():
                self._put(f"{AUDITOR}/{path.name}", path.read_bytes())
        for name, text in self._plan.texts.items():
            self._put(name, text.encode())

    def _manifest(self) -> None:
        done = self._done
        told = {
            "format": FORMAT,
            "exported_at": written(self._plan.now),
            "leaves": done.leaves,
            "payloads": done.payloads,
            "redacted": done.redacted,
            "unsigned": done.unsigned,
            "logs": done.logs,
            "files": self._digests,
        }
        self._put(MANIFEST, (json.dumps(told, indent=1, ensure_ascii=False) + "\n").encode(), listed=False)
