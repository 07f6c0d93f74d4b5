"""Proofs as text files that stand alone: each carries the checkpoint it leads to, as the log signed it.

Inclusion (C2SP tlog-proof, extension `.tlog-proof`)::

    c2sp.org/tlog-proof@v1
    index 73894
    <hash, base64>          from the leaf's sibling up
    …
                            an empty line
    <the checkpoint>

Consistency: the body of C2SP tlog-witness' add-checkpoint request, so that a witness takes the file as it is::

    old 70000               the old tree's size
    <hash, base64>          RFC 6962 section 2.1.2
    …
                            an empty line
    <the new checkpoint>

Reading a file proves nothing; `prove_included` and `prove_extends` do.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sekisho.ledger.merkle.checkpoint import Checkpoint, open_checkpoint, parse_size
from sekisho.ledger.merkle.note import VerifierKey, decode64
from sekisho.ledger.merkle.proofs import ProofError, verify_consistency, verify_inclusion
from sekisho.ledger.merkle.tree import HASH_SIZE, leaf_hash

HEADER: Final = "c2sp.org/tlog-proof@v1"
MAX_HASHES: Final = 63
"""No proof in a tree of less than 2**63 leaves has more ("add-checkpoint" sets the same limit)."""


class ProofFileError(ProofError):
    """A file that is not of a proof's form."""


@dataclass(frozen=True, slots=True)
class InclusionFile:
    """What a `.tlog-proof` file says."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None
    """Data for the application, which nothing authenticates."""

    def to_bytes(self) -> bytes:
        """The file."""
        extra = () if self.extra is None else (f"extra {b64encode(self.extra).decode()}",)
        return _file((HEADER, *extra, f"index {self.index}"), self.hashes, self.checkpoint)

    @classmethod
    def from_bytes(cls, data: bytes) -> InclusionFile:
        """The file that `to_bytes` wrote.

        Raises:
            ProofFileError: not of this form, exactly.
        """
        lines, checkpoint = _lines(data)
        if lines.pop(0) != HEADER:
            raise ProofFileError(f"the first line of an inclusion proof is {HEADER}")
        extra = None
        if lines and lines[0].startswith("extra "):
            extra = _decoded(lines.pop(0).removeprefix("extra "))
        return cls(_number(lines, "index "), _hashes(lines), checkpoint, extra)


@dataclass(frozen=True, slots=True)
class ConsistencyFile:
    """What a consistency proof's file says."""

    old_size: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes

    def to_bytes(self) -> bytes:
        """The file."""
        return _file((f"old {self.old_size}",), self.hashes, self.checkpoint)

    @classmethod
    def from_bytes(cls, data: bytes) -> ConsistencyFile:
        """The file that `to_bytes` wrote.

        Raises:
            ProofFileError: not of this form, exactly.
        """
        lines, checkpoint = _lines(data)
        return cls(_number(lines, "old "), _hashes(lines), checkpoint)


def prove_included(file: bytes, entry: bytes, known: Iterable[VerifierKey]) -> tuple[Checkpoint, int]:
    """The checkpoint and the index at which the log holds this entry, as the file proves it.

    Raises:
        ProofError: the file is malformed, or the entry does not stand there.
        NoteError, CheckpointError: the checkpoint is not to be trusted.
    """
    proof = InclusionFile.from_bytes(file)
    tree = open_checkpoint(proof.checkpoint, known)
    verify_inclusion(leaf_hash(entry), proof.index, tree.size, proof.hashes, tree.root)
    return tree, proof.index


def prove_extends(file: bytes, old: Checkpoint, known: Iterable[VerifierKey]) -> Checkpoint:
    """The newer checkpoint, which the file proves to extend `old` (an opened one, of the same origin).

    Raises:
        ProofError: the file is malformed or for another old size, or the new tree does not extend the old.
        NoteError, CheckpointError: the new checkpoint is not to be trusted, or is another log's.
    """
    proof = ConsistencyFile.from_bytes(file)
    tree = open_checkpoint(proof.checkpoint, known, old.origin)
    if proof.old_size != old.size:
        raise ProofError(f"the proof is for an old tree of {proof.old_size} leaves, not of {old.size}")
    verify_consistency(old.size, tree.size, old.root, tree.root, proof.hashes)
    return tree


def _file(head: Sequence[str], hashes: Sequence[bytes], checkpoint: bytes) -> bytes:
    lines = [*head, *(b64encode(each).decode() for each in hashes), "", ""]
    return "\n".join(lines).encode() + checkpoint


def _lines(data: bytes) -> tuple[list[str], bytes]:
    """The lines before the first empty one, and what follows it."""
    head, empty, checkpoint = data.partition(b"\n\n")
    if not empty or not head.isascii():
        raise ProofFileError("a proof is ASCII lines, an empty line and a checkpoint")
    return head.decode().split("\n"), checkpoint


def _number(lines: list[str], word: str) -> int:
    """Takes the first line, which says a number."""
    line = lines.pop(0) if lines else ""
    try:
        if line.startswith(word):
            return parse_size(line.removeprefix(word))
    except ValueError as error:
        raise ProofFileError(f"not a number after {word.strip()!r} in a proof") from error
    raise ProofFileError(f"a proof's line {word.strip()!r} and a number is missing")


def _hashes(lines: Sequence[str]) -> tuple[bytes, ...]:
    if len(lines) > MAX_HASHES:
        raise ProofFileError(f"a proof of {len(lines)} hashes; none has more than {MAX_HASHES}")
    hashes = tuple(_decoded(line) for line in lines)
    if any(len(each) != HASH_SIZE for each in hashes):
        raise ProofFileError(f"a hash in a proof is not {HASH_SIZE} bytes long")
    return hashes


def _decoded(text: str) -> bytes:
    try:
        return decode64(text)
    except ValueError as error:
        raise ProofFileError("a line of a proof is not base64") from error
