"""Proofs as files: the form of C2SP tlog-proof and of tlog-witness, and what a changed file no longer proves."""

from __future__ import annotations

from base64 import b64encode

import pytest

from ledger.merkle import slow
from sekisho.ledger.merkle.checkpoint import Checkpoint, CheckpointError, sign_checkpoint
from sekisho.ledger.merkle.note import NoteError, SignerKey
from sekisho.ledger.merkle.proof_files import (
    ConsistencyFile,
    InclusionFile,
    ProofFileError,
    prove_extends,
    prove_included,
)
from sekisho.ledger.merkle.proofs import ProofError, consistency_proof, inclusion_proof
from sekisho.ledger.merkle.tiles import NodeReader, Tile, grown_tiles, node_reader
from sekisho.ledger.merkle.tree import leaf_hashes, root_of

LOG = SignerKey("log.example/one", bytes(32))
OTHER = SignerKey("log.example/other", bytes(32))
KNOWN = (LOG.verifier(), OTHER.verifier())
ENTRIES = slow.entries(300)
HASHES = leaf_hashes(ENTRIES)


def _nodes() -> NodeReader:
    tiles = dict(grown_tiles(0, HASHES))
    return node_reader(lambda *each: tiles[Tile(*each)], len(HASHES))


def _tree(size: int, key: SignerKey = LOG) -> Checkpoint:
    return Checkpoint(key.name, size, root_of(HASHES[:size]))


NOTE = sign_checkpoint(_tree(300), [LOG])
PATH = tuple(inclusion_proof(_nodes(), 70, 300))
INCLUDED = InclusionFile(70, PATH, NOTE).to_bytes()
EXTENDED = ConsistencyFile(70, tuple(consistency_proof(_nodes(), 70, 300)), NOTE).to_bytes()


def test_an_inclusion_file_is_a_tlog_proof() -> None:
    """The header, the index, a line a hash, an empty line, and the checkpoint as it was signed."""
    lines = [b64encode(each).decode() for each in PATH]
    expected = "\n".join(["c2sp.org/tlog-proof@v1", "index 70", *lines, "", ""]).encode() + NOTE
    assert expected == INCLUDED
    assert InclusionFile.from_bytes(INCLUDED) == InclusionFile(70, PATH, NOTE)
    assert prove_included(INCLUDED, ENTRIES[70], KNOWN) == (_tree(300), 70)


def test_a_consistency_file_is_what_a_witness_takes() -> None:
    """The old size, a line a hash, an empty line, and the new checkpoint as it was signed."""
    assert EXTENDED.startswith(b"old 70\n")
    assert EXTENDED.endswith(b"\n\n" + NOTE)
    assert prove_extends(EXTENDED, _tree(70), KNOWN) == _tree(300)


@pytest.mark.parametrize("extra", [b"", b"\x00\xff", b"a" * 1000])
def test_extra_data_is_kept_and_proves_nothing(extra: bytes) -> None:
    """It stands in the second line; the proof is the same with any."""
    file = InclusionFile(70, PATH, NOTE, extra)
    assert InclusionFile.from_bytes(file.to_bytes()) == file
    assert prove_included(file.to_bytes(), ENTRIES[70], KNOWN) == (_tree(300), 70)


def test_files_without_hashes_have_none() -> None:
    """The only leaf of a log, and a log that has not grown."""
    note = sign_checkpoint(_tree(1), [LOG])
    assert prove_included(InclusionFile(0, (), note).to_bytes(), ENTRIES[0], KNOWN) == (_tree(1), 0)
    assert prove_extends(ConsistencyFile(1, (), note).to_bytes(), _tree(1), KNOWN) == _tree(1)


def test_whichever_byte_is_changed_an_inclusion_file_proves_nothing() -> None:
    """In the head, the hashes or the checkpoint."""
    for changed in _changed(INCLUDED):
        with pytest.raises((ProofError, NoteError, CheckpointError)):
            prove_included(changed, ENTRIES[70], KNOWN)


def test_whichever_byte_is_changed_a_consistency_file_proves_nothing() -> None:
    """In the head, the hashes or the checkpoint."""
    for changed in _changed(EXTENDED):
        with pytest.raises((ProofError, NoteError, CheckpointError)):
            prove_extends(changed, _tree(70), KNOWN)


def test_a_file_proves_no_other_entry_and_no_other_old_tree() -> None:
    """Nor another log."""
    with pytest.raises(ProofError, match="another root"):
        prove_included(INCLUDED, ENTRIES[71], KNOWN)
    with pytest.raises(ProofError, match="70 leaves, not of 71"):
        prove_extends(EXTENDED, _tree(71), KNOWN)
    with pytest.raises(ProofError, match="another root"):
        prove_extends(EXTENDED, Checkpoint(LOG.name, 70, bytes(32)), KNOWN)
    with pytest.raises(CheckpointError, match=r"not of log\.example/other"):
        prove_extends(EXTENDED, _tree(70, OTHER), KNOWN)
    with pytest.raises(NoteError):
        prove_included(INCLUDED, ENTRIES[70], [OTHER.verifier()])


HASH64 = b64encode(bytes(32)).decode()
INCLUSIONS = [
    "",
    "index",
    "index ",
    "index -1",
    "index 01",
    "index 0x1",
    "index 1 ",
    "index 1\r",
    "Index 1",
    HASH64,
    f"{HASH64}\nindex 1",
    "index 1\nindex 1",
    "index 1\nextra QQ==",
    "extra QQ==",
    "extra QQ=\nindex 1",
    "extra \nextra \nindex 1",
    f"index 1\n{HASH64[:-1]}",
    f"index 1\n{HASH64} ",
    f"index 1\n{b64encode(bytes(31)).decode()}",
    f"index 1\n{b64encode(bytes(33)).decode()}",
    "index 1\né",
    "index 1" + f"\n{HASH64}" * 64,
]


@pytest.mark.parametrize("head", INCLUSIONS)
def test_what_is_no_inclusion_file_is_refused(head: str) -> None:
    """Each line of the form, broken once."""
    with pytest.raises(ProofFileError):
        InclusionFile.from_bytes(f"c2sp.org/tlog-proof@v1\n{head}\n\n".encode() + NOTE)


@pytest.mark.parametrize(
    "head", ["", "old", "old ", "old -1", "old 01", "old x", "index 1", f"old 1\n{HASH64[:-4]}"]
)
def test_what_is_no_consistency_file_is_refused(head: str) -> None:
    """Each line of the form, broken once."""
    with pytest.raises(ProofFileError):
        ConsistencyFile.from_bytes(f"{head}\n\n".encode() + NOTE)


@pytest.mark.parametrize(
    "data",
    [b"", b"old 1", b"old 1\n", b"c2sp.org/tlog-proof@v1\nindex 0\n", b"c2sp.org/tlog-proof@v2\nindex 0\n\n"],
)
def test_a_file_without_its_parts_is_refused(data: bytes) -> None:
    """No empty line and checkpoint, or another version."""
    for kind in (InclusionFile, ConsistencyFile):
        with pytest.raises(ProofFileError):
            kind.from_bytes(data)


def _changed(file: bytes) -> list[bytes]:
    changed = []
    for at in range(len(file)):
        each = bytearray(file)
        each[at] ^= 1
        changed.append(bytes(each))
    return changed


def test_a_proof_has_63_hashes_at_most() -> None:
    """As many as the largest tree asks for; one more is refused (in `INCLUSIONS`)."""
    longest = InclusionFile(0, (bytes(32),) * 63, NOTE)
    assert InclusionFile.from_bytes(longest.to_bytes()) == longest
