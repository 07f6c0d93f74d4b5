"""Checkpoints: the size and root of a log, signed (C2SP tlog-checkpoint).

Exactly three lines in this project: no extension lines, which the specification does not recommend. The log signs with
a key whose name is the origin.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sekisho.ledger.merkle.note import SignerKey, VerifierKey, decode64, is_name, open_note, sign_note
from sekisho.ledger.merkle.tree import EMPTY_ROOT, HASH_SIZE

MAX_SIZE: Final = (1 << 63) - 1
"""The greatest tree size that Go's readers (int64) and PostgreSQL's bigint take."""


class CheckpointError(ValueError):
    """A note that is no checkpoint of the log it is to be of, or an impossible size or root."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's size and root."""

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        if not is_name(self.origin):
            raise CheckpointError(
                "an origin is not empty and has no space and no plus: it is the key's name too"
            )
        if not 0 <= self.size <= MAX_SIZE:
            raise CheckpointError(f"no tree has {self.size} leaves")
        if len(self.root) != HASH_SIZE or (not self.size and self.root != EMPTY_ROOT):
            raise CheckpointError(f"a tree of {self.size} leaves does not have this root")

    @property
    def text(self) -> str:
        """The note's text: origin, size and root, a line each ("Note text")."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"

    @classmethod
    def from_text(cls, text: str) -> Checkpoint:
        """The checkpoint that `text` wrote.

        Raises:
            CheckpointError: not exactly these three lines, or written in another way.
        """
        lines = text.split("\n")
        if len(lines) != 4 or lines[3]:
            raise CheckpointError("a checkpoint has exactly three lines: origin, size and root")
        try:
            size, root = parse_size(lines[1]), decode64(lines[2])
        except ValueError as error:
            raise CheckpointError(f"the checkpoint of {lines[0]} has a malformed size or root") from error
        return cls(lines[0], size, root)


def sign_checkpoint(checkpoint: Checkpoint, signers: Iterable[SignerKey]) -> bytes:
    """The signed note. Sign only what extends everything that was signed before ("Signatures"): nobody checks it here.

    Raises:
        CheckpointError: none of the keys has the origin's name.
        NoteError: as `sign_note`.
    """
    keys = tuple(signers)
    if all(key.name != checkpoint.origin for key in keys):
        raise CheckpointError(f"the checkpoint of {checkpoint.origin} is to be signed by the log's own key")
    return sign_note(checkpoint.text, keys)


def open_checkpoint(raw: bytes, known: Iterable[VerifierKey], origin: str | None = None) -> Checkpoint:
    """The checkpoint in a signed note, if a known key with the origin's name signed it.

    Raises:
        NoteError: as `open_note`.
        CheckpointError: it is no checkpoint, not of the log `origin` (where one is given), or signed by others' keys
            alone.
    """
    note = open_note(raw, known)
    checkpoint = Checkpoint.from_text(note.text)
    if origin is not None and checkpoint.origin != origin:
        raise CheckpointError(f"a checkpoint of {checkpoint.origin}, not of {origin}")
    if all(key.name != checkpoint.origin for key in note.signers):
        raise CheckpointError(f"the checkpoint of {checkpoint.origin} is not signed by the log's own key")
    return checkpoint


def parse_size(text: str) -> int:
    """A number in ASCII decimals without leading zeroes, as sizes and indexes are written.

    Raises:
        ValueError: the text is anything else.
    """
    if not (text.isascii() and text.isdecimal()) or (text[0] == "0" and text != "0"):
        raise ValueError("not a decimal number without leading zeroes")
    if len(text) > len(str(MAX_SIZE)):  # before int(), whose time grows with the square of the length
        raise ValueError("too large a number")
    return int(text)
