"""Checkpoints: exactly three lines, signed by the log's own key."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.ledger.merkle.checkpoint import (
    MAX_SIZE,
    Checkpoint,
    CheckpointError,
    open_checkpoint,
    parse_size,
    sign_checkpoint,
)
from sekisho.ledger.merkle.note import NoteError, SignerKey, UnverifiedNoteError, sign_note
from sekisho.ledger.merkle.tree import EMPTY_ROOT

LOG = SignerKey("log.example/one", bytes(32))
WITNESS = SignerKey("witness.example", bytes([1]) * 32)
ROOT = bytes(range(32))
TREE = Checkpoint(LOG.name, 20_852_163, ROOT)
ROOT64 = b64encode(ROOT).decode()


def test_the_text_is_the_specifications_example() -> None:
    """Origin, size and root, a line each."""
    root = b64encode(
        bytes.fromhex("0ac51461a8c60a3e8e1d90c808014aa89bf5da8e3ee1d9f07630f037a368f1da")
    ).decode()
    text = f"example.com/behind-the-sofa\n20852163\n{root}\n"
    assert Checkpoint.from_text(text).text == text
    assert Checkpoint.from_text(text).size == 20_852_163


@given(st.integers(1, MAX_SIZE), st.binary(min_size=32, max_size=32))
def test_a_signed_checkpoint_comes_back(size: int, root: bytes) -> None:
    """By its own key, by itself or beside a witness'."""
    tree = Checkpoint(LOG.name, size, root)
    assert open_checkpoint(sign_checkpoint(tree, [LOG]), [LOG.verifier()]) == tree
    both = sign_checkpoint(tree, [WITNESS, LOG])
    assert open_checkpoint(both, [LOG.verifier()], LOG.name) == tree
    assert open_checkpoint(both, [LOG.verifier(), WITNESS.verifier()], LOG.name) == tree


def test_the_greatest_size_is_that_of_64_signed_bits() -> None:
    """As Go's readers and PostgreSQL have it."""
    assert Checkpoint.from_text(f"{LOG.name}\n9223372036854775807\n{ROOT64}\n").size == 2**63 - 1
    with pytest.raises(CheckpointError):
        Checkpoint(LOG.name, 2**63, ROOT)


def test_an_empty_tree_has_the_empty_root() -> None:
    """And no other."""
    empty = Checkpoint(LOG.name, 0, EMPTY_ROOT)
    assert open_checkpoint(sign_checkpoint(empty, [LOG]), [LOG.verifier()]) == empty
    with pytest.raises(CheckpointError, match="this root"):
        Checkpoint(LOG.name, 0, ROOT)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param(f"{LOG.name}\n5\n", id="two-lines"),
        pytest.param(f"{LOG.name}\n5\n{ROOT64}", id="no-newline-at-the-end"),
        pytest.param(f"{LOG.name}\n5\n{ROOT64}\nextension\n", id="an-extension-line"),
        pytest.param(f"{LOG.name}\n5\n{ROOT64}\n\n", id="an-empty-line"),
        pytest.param(f"\n5\n{ROOT64}\n", id="no-origin"),
        pytest.param(f"a b\n5\n{ROOT64}\n", id="a-space-in-the-origin"),
        pytest.param(f"a+b\n5\n{ROOT64}\n", id="a-plus-in-the-origin"),
        pytest.param(f"{LOG.name}\n\n{ROOT64}\n", id="no-size"),
        pytest.param(f"{LOG.name}\n05\n{ROOT64}\n", id="a-leading-zero"),
        pytest.param(f"{LOG.name}\n+5\n{ROOT64}\n", id="a-sign"),
        pytest.param(f"{LOG.name}\n-5\n{ROOT64}\n", id="negative"),
        pytest.param(f"{LOG.name}\n 5\n{ROOT64}\n", id="a-space-before-the-size"),
        pytest.param(f"{LOG.name}\n5_0\n{ROOT64}\n", id="an-underscore"),
        pytest.param(f"{LOG.name}\n٥\n{ROOT64}\n", id="another-scripts-digit"),
        pytest.param(f"{LOG.name}\n²\n{ROOT64}\n", id="a-superscript"),
        pytest.param(f"{LOG.name}\n{MAX_SIZE + 1}\n{ROOT64}\n", id="too-large"),
        pytest.param(f"{LOG.name}\n{'9' * 5000}\n{ROOT64}\n", id="far-too-large"),
        pytest.param(f"{LOG.name}\n5\n\n", id="no-root"),
        pytest.param(f"{LOG.name}\n5\n{ROOT64[:-1]}\n", id="no-padding"),
        pytest.param(f"{LOG.name}\n5\n{b64encode(ROOT[1:]).decode()}\n", id="a-short-root"),
        pytest.param(f"{LOG.name}\n5\n{b64encode(ROOT + b'x').decode()}\n", id="a-long-root"),
        pytest.param(f"{LOG.name}\n5\n{ROOT64} \n", id="a-space-behind-the-root"),
        pytest.param(f"{LOG.name}\n5\n{ROOT.hex()}\n", id="a-root-in-hexadecimals"),
    ],
)
def test_what_is_not_exactly_a_checkpoint_is_refused_though_it_is_signed(text: str) -> None:
    """A valid signature does not help."""
    with pytest.raises(CheckpointError):
        Checkpoint.from_text(text)
    if text.endswith("\n"):
        with pytest.raises(CheckpointError):
            open_checkpoint(sign_note(text, [LOG]), [LOG.verifier()])


def test_a_checkpoint_is_not_signed_without_the_logs_own_key() -> None:
    """A witness alone makes none."""
    with pytest.raises(CheckpointError, match="own key"):
        sign_checkpoint(TREE, [WITNESS])
    with pytest.raises(CheckpointError, match="own key"):
        sign_checkpoint(TREE, [])


def test_a_checkpoint_signed_by_others_alone_is_not_opened() -> None:
    """A known key of another name does not speak for the log."""
    note = sign_note(TREE.text, [WITNESS])
    with pytest.raises(CheckpointError, match="own key"):
        open_checkpoint(note, [WITNESS.verifier(), LOG.verifier()])


def test_a_checkpoint_whose_own_key_is_unknown_is_not_opened() -> None:
    """Neither alone nor beside a known witness."""
    note = sign_checkpoint(TREE, [LOG, WITNESS])
    with pytest.raises(CheckpointError, match="own key"):
        open_checkpoint(note, [WITNESS.verifier()])
    with pytest.raises(UnverifiedNoteError):
        open_checkpoint(sign_checkpoint(TREE, [LOG]), [SignerKey(LOG.name, bytes([9]) * 32).verifier()])


def test_another_logs_checkpoint_is_refused_where_one_log_is_asked_for() -> None:
    """Though its signature is valid."""
    with pytest.raises(CheckpointError, match=r"not of log\.example/two"):
        open_checkpoint(sign_checkpoint(TREE, [LOG]), [LOG.verifier()], "log.example/two")


def test_whichever_byte_is_changed_the_checkpoint_is_not_opened() -> None:
    """Text and signature alike."""
    raw = sign_checkpoint(TREE, [LOG])
    for at in range(len(raw)):
        changed = bytearray(raw)
        changed[at] ^= 1
        with pytest.raises(NoteError):
            open_checkpoint(bytes(changed), [LOG.verifier()])


@pytest.mark.parametrize(("size", "root"), [(-1, ROOT), (MAX_SIZE + 1, ROOT), (1, b""), (1, ROOT + b"x")])
def test_an_impossible_tree_has_no_checkpoint(size: int, root: bytes) -> None:
    """A size or a root that no tree has."""
    with pytest.raises(CheckpointError):
        Checkpoint(LOG.name, size, root)


@given(st.integers(0, MAX_SIZE))
def test_a_size_is_read_as_it_is_written(size: int) -> None:
    """In plain decimals."""
    assert parse_size(str(size)) == size
