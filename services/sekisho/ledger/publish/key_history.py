"""Which keys have signed, from when until when: kept beside the published logs, so that old checkpoints verify for ever.

Two files: `keys`, one C2SP verifier key a line for every log and each key that could sign it; and `keys.json`, the same keys
with their times. Whoever distrusts us keeps copies of both.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sekisho.ledger.merkle.note import VerifierKey
from sekisho.ledger.publish.files import PublishedTree

KEYS = "keys"
HISTORY = "keys.json"
_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"


class KeyHistoryError(Exception):
    """`keys.json` cannot be read, or does not fit the ledger: the text says what to do."""


@dataclass(frozen=True, slots=True)
class KeyPeriod:
    """One public key and the time in which it signs; `until` is None for the one in force. `lost`: its end was not of our choice."""

    public: bytes
    since: datetime
    until: datetime | None = None
    lost: bool = False


@dataclass(frozen=True, slots=True)
class KeyHistory:
    """All keys that have signed, the oldest first. During a rotation two are in force."""

    periods: tuple[KeyPeriod, ...] = ()

    @property
    def newest(self) -> KeyPeriod:
        """The key that signs, or is about to. Raises KeyHistoryError where there is none."""
        if not self.periods:
            raise KeyHistoryError("there is no key yet")
        return self.periods[-1]

    def known(self, origin: str) -> list[VerifierKey]:
        """Every key, under this origin's name."""
        return [VerifierKey(origin, period.public) for period in self.periods]

    def begun(self, public: bytes, at: datetime) -> KeyHistory:
        """With a key that signs from now on; one that is there already stays as it is."""
        if any(period.public == public for period in self.periods):
            return self
        return KeyHistory((*self.periods, KeyPeriod(public, at)))

    def ended(self, at: datetime, *, lost: bool = False) -> KeyHistory:
        """With the newest key alone in force."""
        older = tuple(
            period if period.until else replace(period, until=at, lost=lost) for period in self.periods[:-1]
        )
        return KeyHistory((*older, *self.periods[-1:]))

    def verifier_keys(self, logs: Iterable[tuple[str, datetime | None]]) -> str:
        """`keys`, one a line: for every log (origin, first signed at) the keys that signed at that time or since.

        A key from before is not listed for it: whoever stole that one cannot pass for this log.
        """
        lines = [
            str(VerifierKey(origin, period.public))
            for origin, first in logs
            for period in self.periods
            if period.until is None or (first is not None and period.until >= first)
        ]
        return "".join(f"{line}\n" for line in lines)

    def to_json(self) -> bytes:
        """`keys.json`."""
        keys = [
            {
                "public_key": b64encode(period.public).decode(),
                "from": time_text(period.since),
                "until": None if period.until is None else time_text(period.until),
                "lost": period.lost,
            }
            for period in self.periods
        ]
        return (json.dumps({"algorithm": "Ed25519", "keys": keys}, indent=1) + "\n").encode()

    @classmethod
    def from_json(cls, data: bytes) -> KeyHistory:
        """What `to_json` wrote. Raises KeyHistoryError."""
        try:
            return cls(tuple(_period(entry) for entry in json.loads(data)["keys"]))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise KeyHistoryError(
                f"{HISTORY} among the published files is damaged: move it away, and the next start writes it again from the log "
                "of logs"
            ) from error


def _period(entry: dict[str, Any]) -> KeyPeriod:
    public = b64decode(entry["public_key"], validate=True)
    VerifierKey("key", public)  # its length
    until = entry["until"]
    return KeyPeriod(
        public, time_of(entry["from"]), None if until is None else time_of(until), bool(entry["lost"])
    )


def time_text(at: datetime) -> str:
    """A time as leaves write it: UTC, microseconds."""
    return at.astimezone(UTC).strftime(_TIME)


def time_of(text: str) -> datetime:
    """The time that `time_text` wrote. Raises ValueError."""
    return datetime.strptime(text, _TIME).replace(tzinfo=UTC)


def read_history(tree: PublishedTree) -> KeyHistory | None:
    """The history beside the published logs; None where there is none. Raises KeyHistoryError, OSError."""
    try:
        return KeyHistory.from_json((tree.root / HISTORY).read_bytes())
    except FileNotFoundError:
        return None


def write_history(
    tree: PublishedTree, history: KeyHistory, logs: Iterable[tuple[str, datetime | None]]
) -> None:
    """Both files, on the disk when this returns. Raises OSError."""
    tree.write_beside({KEYS: history.verifier_keys(logs).encode(), HISTORY: history.to_json()})
