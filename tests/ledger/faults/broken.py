"""A copy of the ledger in an intruder's hands: a superuser of the database who may also hold the signing key."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import psycopg

from ledger import goverify
from ledger.faults.world import ENDED, ORIGIN, OUTCOMES_ID, SUBJECT_KEY, TOPIC_ID
from sekisho.cli.audit_export import auditor_path
from sekisho.ledger.export.writing import ExportPlan, export
from sekisho.ledger.verify.bundle import BundleOpening
from sekisho.ledger.verify.database import database
from sekisho.ledger.verify.report import Report
from sekisho.ledger.verify.verification import Options, verify

NOW: Final = ENDED + timedelta(minutes=5)
OLD: Final = f"provision-records/{TOPIC_ID}/0/2022"
"""564 leaves and a close: two full tiles, and nearly all of it purged."""
NEW: Final = f"provision-records/{TOPIC_ID}/0/2026"
"""A genesis and ten records, all kept; nothing follows it."""
OTHER: Final = f"provision-records/{TOPIC_ID}/1/2026"
FIRST: Final = f"provision-records/{TOPIC_ID}/1/2022"
OUTCOMES: Final = f"solicitation-outcomes/{OUTCOMES_ID}/0/2023"
ACTS: Final = "acts/2026"
META: Final = "meta"


@dataclass
class Broken:
    """The copy: its database and its folder; `kept`: what an auditor took home before."""

    url: str
    folder: Path
    kept: Path
    _bundle: Path | None = field(default=None)

    @property
    def published(self) -> Path:
        """The published files."""
        return self.folder / "published"

    def sql(self, query: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> int:
        """As a superuser, with every trigger and constraint check off; gives the number of rows."""
        with psycopg.connect(
            self.url, autocommit=True, options="-c search_path=sekisho_ledger,public"
        ) as conn:
            conn.execute(_TRIGGERS_OFF)
            return conn.execute(query, values).rowcount

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """What is there."""
        with psycopg.connect(
            self.url, autocommit=True, options="-c search_path=sekisho_ledger,public"
        ) as conn:
            return conn.execute(query, values).fetchall()

    def number(self, log: str) -> int:
        """A log's id."""
        ((found,),) = self.rows("SELECT log_id FROM log WHERE origin = %s", (f"{ORIGIN}/{log}",))
        return int(found)

    def leaves(self, log: str) -> list[bytes]:
        """Its leaves."""
        found = self.rows("SELECT leaf FROM leaf WHERE log_id = %s ORDER BY idx", (self.number(log),))
        return [bytes(leaf) for (leaf,) in found]

    def verify(
        self, *, now: datetime = NOW, older: Iterable[Path] = (), keys: bool = True, key: bytes = SUBJECT_KEY
    ) -> Report:
        """Our verifier on the database and the published files; `keys`: with those that the auditor kept."""
        given = (self.kept / "keys").read_text().split() if keys else ()
        options = Options(now, given, tuple(older), subject_key=key, workers=1)
        with database(self.url, self.published) as opening:
            return verify(opening, options)

    def bundle(self) -> Path:
        """An export of what is there now."""
        if self._bundle is None:
            self._bundle = self.folder / "bundle"
            with database(self.url, self.published) as opening:
                export(opening, ExportPlan(self._bundle, NOW, auditor_path(), {}))
        return self._bundle

    def verify_bundle(self, *, now: datetime = NOW, older: Iterable[Path] = ()) -> Report:
        """Our verifier on the export."""
        given = (self.kept / "keys").read_text().split()
        return verify(BundleOpening(self.bundle()), Options(now, given, tuple(older), workers=1))

    def go(self, *old: Path) -> tuple[int, str]:
        """The auditor's Go program on the export, with the keys that were kept. Skips aloud where there is no Go."""
        return goverify.run(self.bundle(), self.kept / "keys", *old)

    def fsck(self, log: str) -> bool:
        """Tessera's fsck on the published log. Skips aloud where there is no Go."""
        keys = (self.kept / "keys").read_text().split()
        newest = [key for key in keys if key.startswith(f"{ORIGIN}/{log}+")][-1]
        return goverify.fsck(self.published / log, newest)[0]

    def kept_checkpoint(self, log: str) -> Path:
        """A log's checkpoint that the auditor kept."""
        return self.kept / f"{log.replace('/', '_')}.checkpoint"


_TRIGGERS_OFF: Final = """
DO $$ DECLARE t regclass; BEGIN
    FOR t IN SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace = 'sekisho_ledger'::regnamespace AND c.relkind IN ('r', 'p')
    LOOP EXECUTE format('ALTER TABLE %s DISABLE TRIGGER ALL', t); END LOOP;
END $$
"""


def edited(leaf: bytes, **told: Any) -> bytes:
    """The leaf with other values, in its canonical form."""
    return json.dumps({**json.loads(leaf), **told}, sort_keys=True, separators=(",", ":")).encode()


def flipped(data: bytes, at: int) -> bytes:
    """With one bit turned."""
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def flip(path: Path, at: int = 40) -> None:
    """Turns one bit of a file."""
    path.write_bytes(flipped(path.read_bytes(), at))


def copy_folder(source: Path, target: Path) -> None:
    """The ledger's folder, its rights kept."""
    shutil.copytree(source, target)


def rid() -> str:
    """A random id."""
    return str(uuid.uuid4())


def digest(leaf: bytes) -> bytes:
    """A leaf's hash."""
    return sha256(b"\0" + leaf).digest()


Doing = Callable[[Broken], None]
