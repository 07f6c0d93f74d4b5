"""Which keys are trusted, from when on, and what they have signed.

All logs of a ledger are signed by the same Ed25519 keys, each under the log's origin as its name, so trust is in public keys. The
first ones are given; others follow where the meta-log, under a signature that is trusted already, says that a key was added.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sekisho.ledger.merkle.checkpoint import Checkpoint, CheckpointError
from sekisho.ledger.merkle.note import KeyTextError, NoteError, VerifierKey, open_note
from sekisho.ledger.verify.sources import SourceError


class UntrustedError(ValueError):
    """A note that none of the trusted keys signed, or one of them not validly."""


def public_keys(texts: Iterable[str], where: str) -> dict[bytes, str]:
    """The public keys in these lines, each with the text that it was first seen in. Raises SourceError."""
    found: dict[bytes, str] = {}
    for text in texts:
        try:
            found.setdefault(VerifierKey.from_text(text).public, text)
        except KeyTextError as error:
            raise SourceError(f"{where}: {error}. It is to have one C2SP verifier key a line") from error
    return found


@dataclass
class Trust:
    """Public keys -> the time (a leaf's) from which each is in force; empty: from the beginning."""

    since: dict[bytes, str] = field(default_factory=dict)

    def signers(self, raw: bytes, origin: str) -> tuple[str, frozenset[bytes]]:
        """The note's text, and the trusted keys that signed it under the origin's name. Raises UntrustedError."""
        known = [VerifierKey(origin, public) for public in self.since]
        try:
            note = open_note(raw, known)
        except NoteError as error:
            raise UntrustedError(str(error)) from error
        return note.text, frozenset(key.public for key in note.signers)


def unverified(raw: bytes) -> Checkpoint:
    """What a note says without a look at its signatures: to know which log it speaks of. Raises CheckpointError."""
    text, empty, _ = raw.decode(errors="replace").partition("\n\n")
    if not empty:
        raise CheckpointError("a checkpoint is three lines, an empty line and signatures")
    return Checkpoint.from_text(text + "\n")
