"""What a check must remember of one partition, kept in a temporary database so that memory stays bounded.

SQLite's private database with an empty name: pages beyond its cache go to a file that nobody else sees and that ends
with the connection. Nothing of it is kept.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from sekisho.audit.config import Sent

_CACHE_KIB: Final = 32_768
_PER_PARTITION: Final = ("facts", "outputs", "ids", "unproven")
_SCHEMA: Final = """
CREATE TABLE facts (subject TEXT, event_id TEXT, offset INTEGER, type TEXT, data BLOB, digest TEXT,
                    PRIMARY KEY (subject, event_id)) WITHOUT ROWID;
CREATE TABLE outputs (kind TEXT, about TEXT, offset INTEGER, request INTEGER, key BLOB, value BLOB, used INTEGER DEFAULT 0,
                      PRIMARY KEY (kind, about, offset)) WITHOUT ROWID;
CREATE TABLE ids (subject TEXT, organization TEXT, request_id TEXT, offset INTEGER, appended_ms INTEGER, digest TEXT,
                  PRIMARY KEY (subject, organization, request_id)) WITHOUT ROWID;
CREATE TABLE unproven (offset INTEGER PRIMARY KEY, subject TEXT, organization TEXT, request_id TEXT,
                       appended_ms INTEGER, digest TEXT);
CREATE TABLE misrouted (partition INTEGER, offset INTEGER, rightly INTEGER, content TEXT,
                        PRIMARY KEY (partition, offset)) WITHOUT ROWID;
CREATE TABLE forwarded (named TEXT, partition INTEGER, offset INTEGER, content TEXT);
CREATE INDEX forwarded_named ON forwarded (named);
CREATE TABLE sent (topic TEXT, partition INTEGER, offset INTEGER, sha256 TEXT, found INTEGER DEFAULT 0,
                   PRIMARY KEY (topic, partition, offset)) WITHOUT ROWID;
"""


class StoredFact(NamedTuple):
    """A consent event as it was published: where it stands, its type and its data."""

    offset: int
    type: str
    data: bytes


class Output(NamedTuple):
    """One record of an output topic. `request` is the offset that it says it answers."""

    offset: int
    request: int
    key: bytes | None
    value: bytes


class FirstUse(NamedTuple):
    """The first request under an id: its offset, append time (ms) and content digest."""

    offset: int
    appended_ms: int
    digest: str


class Misrouted(NamedTuple):
    """A consent event that arrived in another person's partition; `rightly` is where it belongs."""

    partition: int
    offset: int
    rightly: int
    content: str


class Forwarded(NamedTuple):
    """A consent event that says where it stood first (`named`: topic/partition/offset)."""

    named: str
    partition: int
    offset: int
    content: str


class Workspace:
    """The database of one check; `close` ends it."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        for pragma in ("journal_mode=OFF", "synchronous=OFF", f"cache_size=-{_CACHE_KIB}"):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.executescript(_SCHEMA)
        self._db.execute("BEGIN")

    def close(self) -> None:
        """Forgets everything."""
        self._db.close()

    def next_partition(self) -> None:
        """Forgets what concerned the last partition alone."""
        for table in _PER_PARTITION:
            self._db.execute(f"DELETE FROM {table}")  # noqa: S608  constant names

    # consent events

    def first_fact(self, subject: str, event_id: str, fact: StoredFact, digest: str) -> str | None:
        """Keeps an event unless its id is taken; gives the digest of the event that took it, None where it is new."""
        kept = self._db.execute(
            "INSERT OR IGNORE INTO facts VALUES (?, ?, ?, ?, ?, ?)", (subject, event_id, *fact, digest)
        )
        if kept.rowcount:
            return None
        found = self._db.execute(
            "SELECT digest FROM facts WHERE subject = ? AND event_id = ?", (subject, event_id)
        )
        return str(found.fetchone()[0])

    def facts(self, subject: str) -> list[StoredFact]:
        """A person's events, oldest position first."""
        found = self._db.execute(
            "SELECT offset, type, data FROM facts WHERE subject = ? ORDER BY offset", (subject,)
        )
        return [StoredFact(*row) for row in found]

    # outputs

    def add_output(self, kind: str, about: str, output: Output) -> None:
        """Keeps an output under what it is about."""
        self._db.execute(
            "INSERT INTO outputs (kind, about, offset, request, key, value) VALUES (?, ?, ?, ?, ?, ?)",
            (kind, about, *output),
        )

    def take_outputs(self, kind: str, about: str) -> list[Output]:
        """The outputs about something, in their order; from now on they are used."""
        found = self._db.execute(
            "SELECT offset, request, key, value FROM outputs WHERE kind = ? AND about = ? ORDER BY offset",
            (kind, about),
        ).fetchall()
        if found:
            self._db.execute("UPDATE outputs SET used = 1 WHERE kind = ? AND about = ?", (kind, about))
        return [Output(*row) for row in found]

    def first_output(self, kind: str, about: str) -> Output | None:
        """The first output about something, whether used or not."""
        found = self._db.execute(
            "SELECT offset, request, key, value FROM outputs WHERE kind = ? AND about = ? ORDER BY offset LIMIT 1",
            (kind, about),
        ).fetchone()
        return None if found is None else Output(*found)

    def unused_outputs(self, kind: str) -> Iterator[Output]:
        """Those that nothing explains, in their order."""
        found = self._db.execute(
            "SELECT offset, request, key, value FROM outputs WHERE kind = ? AND used = 0 ORDER BY offset",
            (kind,),
        )
        return (Output(*row) for row in found)

    def first_request(self, kind: str) -> int | None:
        """The request that the first output of a kind answers; None where there is no output."""
        found = self._db.execute("SELECT min(request) FROM outputs WHERE kind = ?", (kind,)).fetchone()[0]
        return None if found is None else int(found)

    # request ids

    def first_use(self, key: tuple[str, str, str]) -> FirstUse | None:
        """The first request under (subject, organization, request id)."""
        found = self._db.execute(
            "SELECT offset, appended_ms, digest FROM ids "
            "WHERE subject = ? AND organization = ? AND request_id = ?",
            key,
        ).fetchone()
        return None if found is None else FirstUse(*found)

    def use(self, key: tuple[str, str, str], first: FirstUse) -> None:
        """Notes the first request under an id, or the first one after the last one's window."""
        self._db.execute("INSERT OR REPLACE INTO ids VALUES (?, ?, ?, ?, ?, ?)", (*key, *first))

    def add_unproven(self, key: tuple[str, str, str], request: FirstUse) -> None:
        """Notes a request whose decision is kept no longer."""
        offset, appended_ms, digest = request
        self._db.execute(
            "INSERT INTO unproven VALUES (?, ?, ?, ?, ?, ?)", (offset, *key, appended_ms, digest)
        )

    def unproven(self, key: tuple[str, str, str], offset: int) -> FirstUse | None:
        """Such a request, if it stands at that offset under that id."""
        found = self._db.execute(
            "SELECT offset, appended_ms, digest FROM unproven "
            "WHERE offset = ? AND subject = ? AND organization = ? AND request_id = ?",
            (offset, *key),
        ).fetchone()
        return None if found is None else FirstUse(*found)

    # forwarding, over all partitions

    def add_misrouted(self, event: Misrouted) -> None:
        """Notes an event that is to be forwarded."""
        self._db.execute("INSERT INTO misrouted VALUES (?, ?, ?, ?)", event)

    def add_forwarded(self, event: Forwarded) -> None:
        """Notes an event that was forwarded."""
        self._db.execute("INSERT INTO forwarded VALUES (?, ?, ?, ?)", event)

    def all_misrouted(self) -> Iterator[Misrouted]:
        """Every event that is to be forwarded."""
        return (Misrouted(*row) for row in self._db.execute("SELECT * FROM misrouted").fetchall())

    def forwards_of(self, named: str) -> list[Forwarded]:
        """The forwarded events that name one position, in their order."""
        found = self._db.execute(
            "SELECT * FROM forwarded WHERE named = ? ORDER BY partition, offset", (named,)
        )
        return [Forwarded(*row) for row in found]

    def forwards_of_nothing(self, topic: str) -> Iterator[Forwarded]:
        """Forwarded events that name no misrouted event of the topic."""
        found = self._db.execute(
            "SELECT f.* FROM forwarded f WHERE NOT EXISTS (SELECT 1 FROM misrouted m "
            "WHERE f.named = ? || '/' || m.partition || '/' || m.offset)",
            (topic,),
        )
        return (Forwarded(*row) for row in found)

    # what was sent

    def expect_sent(self, sent: Iterable[Sent]) -> int:
        """Notes what must be found; gives how many there are."""
        self._db.executemany(
            "INSERT OR REPLACE INTO sent (topic, partition, offset, sha256) VALUES (?, ?, ?, ?)", sent
        )
        return int(self._db.execute("SELECT count(*) FROM sent").fetchone()[0])

    def found(self, topic: str, partition: int, offset: int) -> str | None:
        """The content that was sent to a position, None where nothing is known of it; from now on it is found."""
        place = (topic, partition, offset)
        found = self._db.execute(
            "SELECT sha256 FROM sent WHERE topic = ? AND partition = ? AND offset = ?", place
        ).fetchone()
        if found is None:
            return None
        self._db.execute("UPDATE sent SET found = 1 WHERE topic = ? AND partition = ? AND offset = ?", place)
        return str(found[0])

    def not_found(self) -> Iterator[Sent]:
        """What was sent and has not been found."""
        found = self._db.execute("SELECT topic, partition, offset, sha256 FROM sent WHERE found = 0")
        return (Sent(*row) for row in found)
