"""Signed notes: what Go's implementation writes we read and the other way round, and nothing malformed is opened."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.ledger.merkle.note import (
    InvalidSignatureError,
    KeyTextError,
    MalformedNoteError,
    NoteError,
    SignerKey,
    UnverifiedNoteError,
    VerifierKey,
    decode64,
    is_name,
    open_note,
    sign_note,
)

# The keys and the note of the examples in golang.org/x/mod/sumdb/note.
GO_SIGNER = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_VERIFIER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
)
GO_NOTE = (
    f"{GO_TEXT}\n— PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
).encode()

ONE = SignerKey("one.example/log", bytes(32))
TWO = SignerKey("two.example/witness", bytes([1]) * 32)
TEXT = "first\n\nthird\n"
NOTE = sign_note(TEXT, [ONE])
LINE = NOTE.decode().splitlines()[-1]
ID_AND_SIGNATURE = decode64(LINE.split(" ")[2])


def test_gos_own_note_and_keys_are_read_and_written_alike() -> None:
    """Its keys are read, its note is opened, and our signature is its signature, byte for byte."""
    signer, verifier = SignerKey.from_text(GO_SIGNER), VerifierKey.from_text(GO_VERIFIER)
    assert signer.verifier() == verifier
    assert (signer.unsafe_text(), str(verifier)) == (GO_SIGNER, GO_VERIFIER)
    assert verifier.key_id == 0xC74F20A3
    assert sign_note(GO_TEXT, [signer]) == GO_NOTE
    assert open_note(GO_NOTE, [verifier]).text == GO_TEXT


def test_a_note_by_several_keys_opens_for_each_who_knows_one() -> None:
    """Known signers are told in the order of their lines, others as unknown."""
    note = sign_note(TEXT, [ONE, TWO])
    assert open_note(note, [TWO.verifier(), ONE.verifier()]).signers == (ONE.verifier(), TWO.verifier())
    opened = open_note(note, [TWO.verifier()])
    assert (opened.text, opened.signers) == (TEXT, (TWO.verifier(),))
    assert [(each.name, each.key_id) for each in opened.unknown] == [(ONE.name, ONE.verifier().key_id)]


def test_two_keys_of_one_name_sign_side_by_side() -> None:
    """As when a log changes its key: the id tells them apart."""
    new = SignerKey(ONE.name, bytes([2]) * 32)
    note = sign_note(TEXT, [ONE, new])
    assert open_note(note, [ONE.verifier()]).signers == (ONE.verifier(),)
    assert open_note(note, [new.verifier()]).signers == (new.verifier(),)


def test_a_note_of_unknown_keys_alone_is_not_opened() -> None:
    """Neither without keys, nor with another key, nor with the same key under another name."""
    for known in ((), (TWO.verifier(),), (VerifierKey("other.example", ONE.verifier().public),)):
        with pytest.raises(UnverifiedNoteError):
            open_note(NOTE, known)


def test_one_invalid_signature_of_a_known_key_spoils_the_note() -> None:
    """Even beside a valid one, and even behind a valid one by the same key."""
    bad = f"— {TWO.name} {_signature(TWO.verifier().key_id, bytes(64))}\n"
    with pytest.raises(InvalidSignatureError, match=TWO.name):
        open_note(NOTE + bad.encode(), [ONE.verifier(), TWO.verifier()])
    assert open_note(NOTE + bad.encode(), [ONE.verifier()]).text == TEXT
    again = f"— {ONE.name} {_signature(ONE.verifier().key_id, bytes(64))}\n"
    with pytest.raises(InvalidSignatureError, match=ONE.name):
        open_note(NOTE + again.encode(), [ONE.verifier()])


def test_a_signature_of_another_length_is_invalid() -> None:
    """63 or 65 bytes in the name of a known key."""
    for length in (1, 63, 65):
        line = f"— {ONE.name} {_signature(ONE.verifier().key_id, bytes(length))}\n"
        with pytest.raises(InvalidSignatureError):
            open_note(TEXT.encode() + b"\n" + line.encode(), [ONE.verifier()])


def test_whichever_bit_is_flipped_the_note_is_not_opened() -> None:
    """Every bit of text, separator, name and signature."""
    for at in range(len(NOTE)):
        for bit in range(8):
            changed = bytearray(NOTE)
            changed[at] ^= 1 << bit
            with pytest.raises(NoteError):
                open_note(bytes(changed), [ONE.verifier()])


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="empty"),
        pytest.param(TEXT.encode(), id="no-signature"),
        pytest.param(TEXT.encode() + b"\n", id="no-signature-line"),
        pytest.param(f"first\n{LINE}\n".encode(), id="no-empty-line"),
        pytest.param(f"first\n\n\n{LINE}\n".encode() + b"\n", id="an-empty-line-behind"),
        pytest.param(NOTE[:-1], id="no-newline-at-the-end"),
        pytest.param(NOTE + b"more\n", id="a-line-that-is-no-signature"),
        pytest.param(NOTE.replace(b"\n", b"\r\n"), id="carriage-returns"),
        pytest.param(NOTE.replace(b"first", b"fi\x00st"), id="a-null"),
        pytest.param(NOTE.replace(b"first", b"fi\tst"), id="a-tab"),
        pytest.param(NOTE.replace(b"first", b"fi\xffst"), id="not-utf-8"),
        pytest.param(NOTE.replace(b"first", b"fi\xed\xa0\x80st"), id="a-surrogate"),
        pytest.param(NOTE.replace("—".encode(), b"-"), id="a-hyphen"),
        pytest.param(NOTE.replace("— ".encode(), "—".encode()), id="no-space"),
        pytest.param(f"{TEXT}\n— {ONE.name}\n".encode(), id="no-base64"),
        pytest.param(f"{TEXT}\n— {ONE.name} \n".encode(), id="empty-base64"),
        pytest.param(f"{TEXT}\n—  {LINE.split(' ')[2]}\n".encode(), id="no-name"),
        pytest.param(f"{TEXT}\n— a+b {LINE.split(' ')[2]}\n".encode(), id="a-plus-in-the-name"),
        pytest.param(f"{TEXT}\n— a\u3000b {LINE.split(' ')[2]}\n".encode(), id="a-wide-space-in-the-name"),
        pytest.param(f"{TEXT}\n{LINE} x\n".encode(), id="something-behind-the-signature"),
        pytest.param(f"{TEXT}\n{LINE[:-1]}\n".encode(), id="base64-without-padding"),
        pytest.param(b"x", id="no-newline-at-all"),
        pytest.param(TEXT.encode() + b"\n" + f"{LINE}\n".encode() * 101, id="101-signatures"),
        pytest.param(b"x" * 1_000_000 + b"\n" + NOTE, id="over-a-megabyte"),
    ],
)
def test_what_is_not_of_a_notes_form_is_refused(raw: bytes) -> None:
    """Each rule of the format, broken once."""
    with pytest.raises(MalformedNoteError):
        open_note(raw, [ONE.verifier()])


def test_a_signature_without_bytes_behind_the_key_id_is_malformed() -> None:
    """Five bytes are the least."""
    line = f"— {ONE.name} {b64encode(ID_AND_SIGNATURE[:4]).decode()}\n"
    with pytest.raises(MalformedNoteError, match="too short"):
        open_note(f"{TEXT}\n{line}".encode(), [ONE.verifier()])


def test_a_hundred_signatures_are_taken() -> None:
    """The specification asks for sixteen at least."""
    others = "".join(f"— other{each}.example {_signature(each, bytes(64))}\n" for each in range(99))
    opened = open_note(NOTE + others.encode(), [ONE.verifier()])
    assert len(opened.unknown) == 99


def test_a_megabyte_is_the_longest_note() -> None:
    """One byte more is refused before anything else is looked at."""
    filler = "x" * (1_000_000 - len(NOTE) - 1) + "\n"
    longest = sign_note(filler + TEXT, [ONE])
    assert len(longest) == 1_000_000
    assert open_note(longest, [ONE.verifier()]).text == filler + TEXT
    with pytest.raises(MalformedNoteError, match="1000001 bytes"):
        open_note(sign_note("x" + filler + TEXT, [ONE]), [ONE.verifier()])


@pytest.mark.parametrize("text", ["", "no newline", "tab\t\n", "cr\r\n", "null\x00\n", "\ud800\n"])
def test_no_text_that_could_not_be_opened_is_signed(text: str) -> None:
    """The signer keeps to the format too."""
    with pytest.raises(MalformedNoteError):
        sign_note(text, [ONE])


def test_a_note_has_a_signature_and_none_twice() -> None:
    """No key, or one key two times."""
    for keys in ((), (ONE, ONE)):
        with pytest.raises(MalformedNoteError, match="signed by"):
            sign_note(TEXT, keys)


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.just("\n")),
    st.binary(min_size=32, max_size=32),
)
def test_any_text_comes_back_as_it_was_signed(text: str, seed: bytes) -> None:
    """Empty lines and any script; only a key that is known matters."""
    signer = SignerKey("any.example", seed)
    assert open_note(sign_note(text + "\n", [signer, TWO]), [signer.verifier()]).text == text + "\n"


@given(st.text(min_size=1), st.binary(min_size=32, max_size=32))
def test_a_key_comes_back_from_its_text(name: str, seed: bytes) -> None:
    """Whatever name is allowed; what is not is refused."""
    if not is_name(name):
        with pytest.raises(KeyTextError):
            SignerKey(name, seed)
        return
    signer = SignerKey(name, seed)
    assert SignerKey.from_text(signer.unsafe_text()) == signer
    assert VerifierKey.from_text(str(signer.verifier())) == signer.verifier()


@pytest.mark.parametrize(
    "name", ["", "a b", "a+b", "a\tb", "a\nb", "a\u00a0b", "a\u2028b", "a\u3000b", "a\x00b", "\ud800"]
)
def test_a_name_has_no_space_and_no_plus(name: str) -> None:
    """Nor is it empty, or not Unicode."""
    assert not is_name(name)
    with pytest.raises(KeyTextError):
        VerifierKey(name, bytes(32))


def _swapped(text: str, part: int, new: str) -> str:
    parts = text.split("+", 4 if text.startswith("PRIVATE") else 2)
    parts[part] = new
    return "+".join(parts)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PeterNeumann",
        "PeterNeumann+c74f20a3",
        GO_SIGNER,
        GO_VERIFIER + "\n",
        GO_VERIFIER[:-1],
        _swapped(GO_VERIFIER, 0, "PeterNeuman"),
        _swapped(GO_VERIFIER, 0, ""),
        _swapped(GO_VERIFIER, 1, "c74f20a4"),
        _swapped(GO_VERIFIER, 1, "C74F20A3"),
        _swapped(GO_VERIFIER, 1, "0c74f20a3"),
        _swapped(GO_VERIFIER, 2, b64encode(b"\x02" + bytes(32)).decode()),
        _swapped(GO_VERIFIER, 2, b64encode(b"\x01" + bytes(31)).decode()),
        _swapped(GO_VERIFIER, 2, ""),
    ],
)
def test_what_is_no_verifier_key_is_refused(text: str) -> None:
    """A part missing, another name or hash, another kind or length of key."""
    with pytest.raises(KeyTextError):
        VerifierKey.from_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        GO_VERIFIER,
        GO_SIGNER.removeprefix("PRIVATE+"),
        _swapped(GO_SIGNER, 2, "PeterNeuman"),
        _swapped(GO_SIGNER, 3, "c74f20a4"),
        _swapped(GO_SIGNER, 4, b64encode(b"\x02" + bytes(32)).decode()),
        _swapped(GO_SIGNER, 4, b64encode(b"\x01" + bytes(33)).decode()),
        _swapped(GO_SIGNER, 4, GO_SIGNER.split("+", 4)[4][:-2]),
    ],
)
def test_what_is_no_signer_key_is_refused_without_showing_it(text: str) -> None:
    """The error, and what it came from, never hold a part of the key."""
    with pytest.raises(KeyTextError) as told:
        SignerKey.from_text(text)
    secret = GO_SIGNER.split("+", 4)[4]
    assert secret[:12] not in f"{told.value} {told.value.__cause__}"


def test_a_signer_key_does_not_show_its_seed() -> None:
    """Neither `repr` nor `str`."""
    signer = SignerKey.from_text(GO_SIGNER)
    assert repr(signer.seed) not in repr(signer) + str(signer)
    assert repr(signer) == "SignerKey(name='PeterNeumann')"


@pytest.mark.parametrize(
    "text", ["QQ", "QQ=", "QR==", "Q Q==", "QQ==\n", "QQ===", "Q-_=", "é===", "QQ==QQ=="]
)
def test_base64_is_taken_only_as_an_encoder_writes_it(text: str) -> None:
    """One text for each value: padding, no other alphabet, no loose bits, no white space."""
    with pytest.raises(ValueError):  # noqa: PT011 - each of the standard library's kinds
        decode64(text)


def _signature(key_id: int, signature: bytes) -> str:
    return b64encode(key_id.to_bytes(4, "big") + signature).decode()
