"""Signed notes and their Ed25519 keys: C2SP signed-note, signature type 0x01.

A key is written as Go's `golang.org/x/mod/sumdb/note` writes it: `name+hash+base64` to verify,
`PRIVATE+KEY+name+hash+base64` to sign. The text of a note is not to be looked at before a known key has signed it.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519: Final = b"\x01"
MAX_SIGNATURES: Final = 100
"""More in one note is refused ("Format" asks for at least 16; Go's reader has the same limit)."""
MAX_NOTE: Final = 1_000_000
"""A longer note, in bytes, is refused."""
_DASH: Final = "— "


class NoteError(ValueError):
    """A note that is not to be trusted. Its subclasses say why."""


class MalformedNoteError(NoteError):
    """Not the form of a note."""


class UnverifiedNoteError(NoteError):
    """No known key has signed the note."""


class InvalidSignatureError(NoteError):
    """A signature in the name of a known key that the key did not make over this text."""


class KeyTextError(ValueError):
    """A text that is no key of this kind. It never holds the text itself, which may be a private key."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: whose it says it is, and the signature's bytes (without the key id)."""

    name: str
    key_id: int
    signature: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A note that was opened: its text, the known keys that signed it, and signature lines of keys that are not known."""

    text: str
    signers: tuple[VerifierKey, ...]
    unknown: tuple[Signature, ...] = ()


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key under a name."""

    name: str
    public: bytes
    key_id: int = field(init=False)
    """The first 32 bits of SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key) ("Ed25519 signatures")."""

    def __post_init__(self) -> None:
        _check_key(self.name, self.public)
        digest = sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()
        object.__setattr__(self, "key_id", int.from_bytes(digest[:4], "big"))

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id:08x}+{b64encode(ED25519 + self.public).decode()}"

    @classmethod
    def from_text(cls, text: str) -> VerifierKey:
        """The key that `str()` wrote.

        Raises:
            KeyTextError: the text is no Ed25519 verifier key, or its hash is another key's.
        """
        name, key_id, public = _key_parts(text, "verifier key")
        key = cls(name, public)
        if f"{key.key_id:08x}" != key_id:
            raise KeyTextError(f"the verifier key of {name} has the hash of another key or name")
        return key

    def verify(self, text: bytes, signature: bytes) -> bool:
        """Whether this key made the signature over the text (RFC 8032)."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class SignerKey:
    """A private key under a name. Its `repr` does not show the seed."""

    name: str
    seed: bytes = field(repr=False)
    """The 32 random bytes that an Ed25519 private key is (RFC 8032 section 5.1.5)."""

    def __post_init__(self) -> None:
        _check_key(self.name, self.seed)

    @classmethod
    def from_text(cls, text: str) -> SignerKey:
        """The key that `unsafe_text` wrote.

        Raises:
            KeyTextError: the text is no Ed25519 signer key, or its hash is another key's.
        """
        start = "PRIVATE+KEY+"
        if not text.startswith(start):
            raise KeyTextError(f"a signer key starts with {start}")
        name, key_id, seed = _key_parts(text.removeprefix(start), "signer key")
        key = cls(name, seed)
        if f"{key.verifier().key_id:08x}" != key_id:
            raise KeyTextError(f"the signer key of {name} has the hash of another key or name")
        return key

    def unsafe_text(self) -> str:
        """The private key as text, for the file that keeps it: a secret."""
        return (
            f"PRIVATE+KEY+{self.name}+{self.verifier().key_id:08x}+{b64encode(ED25519 + self.seed).decode()}"
        )

    def verifier(self) -> VerifierKey:
        """The public key that belongs to it."""
        private = Ed25519PrivateKey.from_private_bytes(self.seed)
        return VerifierKey(self.name, private.public_key().public_bytes_raw())

    def sign(self, text: bytes) -> bytes:
        """The 64 bytes of the Ed25519 signature over the text (RFC 8032): the same for the same text."""
        return Ed25519PrivateKey.from_private_bytes(self.seed).sign(text)


def sign_note(text: str, signers: Iterable[SignerKey]) -> bytes:
    """The text and, after an empty line, a signature line by each key, in their order ("Format").

    Raises:
        MalformedNoteError: the text does not end with a newline or has a control character; or no key signs, or one
            signs twice.
    """
    raw = _text_bytes(text)
    if not text.endswith("\n"):
        raise MalformedNoteError("a note's text ends with a newline")
    lines, signed = [], set[tuple[str, int]]()
    for key in signers:
        key_id = key.verifier().key_id
        line = b64encode(key_id.to_bytes(4, "big") + key.sign(raw)).decode()
        lines.append(f"{_DASH}{key.name} {line}\n")
        signed.add((key.name, key_id))
    if not lines or len(signed) < len(lines):
        raise MalformedNoteError("a note is signed by one key or more, and by each once")
    return raw + b"\n" + "".join(lines).encode()


def open_note(raw: bytes, known: Iterable[VerifierKey]) -> Note:
    """The note, if a known key signed it. Signatures of other keys are ignored ("Signatures").

    Raises:
        MalformedNoteError: it has not the form of a note.
        InvalidSignatureError: a signature of a known key is not valid, whatever others there are.
        UnverifiedNoteError: no known key signed it.
    """
    text, lines = _split(raw)
    keys = {(key.name, key.key_id): key for key in known}
    signers, unknown = dict[VerifierKey, None](), list[Signature]()
    for line in lines:
        signature = _signature(line)
        key = keys.get((signature.name, signature.key_id))
        if key is None:
            unknown.append(signature)
        elif key.verify(text.encode(), signature.signature):
            signers[key] = None
        else:
            raise InvalidSignatureError(f"the signature of {key.name}+{key.key_id:08x} is not valid")
    if not signers:
        raise UnverifiedNoteError("no known key signed the note")
    return Note(text, tuple(signers), tuple(unknown))


def decode64(text: str) -> bytes:
    """Standard base64 with its padding (RFC 4648 section 4), and only as an encoder writes it: one text for each value.

    Raises:
        ValueError: the text is anything else.
    """
    data = b64decode(text.encode("ascii"), validate=True)
    if b64encode(data).decode() != text:
        raise ValueError("base64 that no encoder writes")
    return data


def is_name(text: str) -> bool:
    """Whether a key may have this name: valid Unicode, not empty, no space, plus or control character ("Format")."""
    bad = (each.isspace() or each == "+" or each < " " or "\ud800" <= each <= "\udfff" for each in text)
    return bool(text) and not any(bad)


def _split(raw: bytes) -> tuple[str, list[str]]:
    """The text, and the lines after the last empty line."""
    if len(raw) > MAX_NOTE:
        raise MalformedNoteError(f"a note of {len(raw)} bytes; the longest may have {MAX_NOTE}")
    try:
        whole = raw.decode()
    except UnicodeDecodeError as error:
        raise MalformedNoteError("the note is not UTF-8") from error
    _text_bytes(whole)
    at = whole.rfind("\n\n")
    if at < 0 or not whole.endswith("\n") or at + 2 == len(whole):
        raise MalformedNoteError(
            "a note is a text, an empty line, and signature lines that each end with a newline"
        )
    lines = whole[at + 2 : -1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise MalformedNoteError(f"more than {MAX_SIGNATURES} signatures")
    return whole[: at + 1], lines


def _text_bytes(text: str) -> bytes:
    """The text in UTF-8, if a note may have it: valid Unicode, no control character but newlines."""
    if any(each < " " and each != "\n" for each in text):
        raise MalformedNoteError("a note has no control characters but newlines")
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise MalformedNoteError("the note is not valid Unicode") from error


def _signature(line: str) -> Signature:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space or not is_name(name):
        raise MalformedNoteError("a signature line is an em dash, a key's name and the signature")
    try:
        data = decode64(encoded)
    except ValueError as error:
        raise MalformedNoteError(f"the signature of {name} is not base64") from error
    if len(data) < 5:
        raise MalformedNoteError(f"the signature of {name} is too short")
    return Signature(name, int.from_bytes(data[:4], "big"), data[4:])


def _key_parts(text: str, kind: str) -> tuple[str, str, bytes]:
    """The name, the key id as it is written, and the 32 bytes of an Ed25519 key."""
    parts = text.split("+", 2)  # base64 has pluses too
    if len(parts) != 3:
        raise KeyTextError(f"a {kind} is a name, a hash and a key, with a plus between them")
    try:
        data = decode64(parts[2])
    except ValueError:
        # without the cause: it could show a part of the key
        raise KeyTextError(f"the {kind} is not base64") from None
    if data[:1] != ED25519:
        raise KeyTextError(f"the {kind} is not of the Ed25519 kind (type 1)")
    return parts[0], parts[1], data[1:]


def _check_key(name: str, key: bytes) -> None:
    if not is_name(name):
        raise KeyTextError("a key's name is not empty and has no space and no plus")
    if len(key) != 32:
        raise KeyTextError(f"an Ed25519 key has 32 bytes, not {len(key)}")
