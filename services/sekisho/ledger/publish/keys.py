"""The ledger's two secrets: the Ed25519 key that signs its checkpoints, and the key of the persons' pseudonyms.

Each is made at the first start in the ledger's folder of keys, or given by a file. A key that is lost is never replaced
silently: a new signing key would sign a history that nobody can tie to the old one, and a new subject key would find no
record by its person. Neither is ever logged, nor shown by `repr`.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from sekisho.ledger.merkle.note import KeyTextError, SignerKey, VerifierKey
from sekisho.ledger.publish import secret_files
from sekisho.ledger.publish.secret_files import KeyFileError

SIGNING: Final = "signing.key"
NEXT_SIGNING: Final = "signing.key.next"
"""The key of a rotation that is not complete (rotation.py)."""
SUBJECT: Final = "subject-hmac.key"
_SUBJECT_BYTES: Final = 32


class MissingKeyError(KeyFileError):
    """A key that the ledger was begun with is not there."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One Ed25519 key, which signs each log under that log's origin as its name."""

    seed: bytes = field(repr=False)
    public: bytes = field(init=False)
    _private: Ed25519PrivateKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        private = Ed25519PrivateKey.from_private_bytes(self.seed)
        object.__setattr__(self, "_private", private)
        object.__setattr__(self, "public", private.public_key().public_bytes_raw())

    def signer(self, origin: str) -> SignerKey:
        """The key under this origin's name, to sign."""
        return SignerKey(origin, self.seed)

    def verifier(self, origin: str) -> VerifierKey:
        """The public key under this origin's name."""
        return VerifierKey(origin, self.public)

    @classmethod
    def generate(cls) -> SigningKey:
        """A new key, from the system's random numbers."""
        return cls(Ed25519PrivateKey.generate().private_bytes_raw())


@dataclass(frozen=True, slots=True)
class SubjectKey:
    """The key by which a person's id becomes a pseudonym in the database."""

    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyPlaces:
    """Where the keys are: `folder` is the ledger's own; a file that the settings give comes before it."""

    folder: Path
    signing_file: Path | None = None
    subject_file: Path | None = None

    @property
    def signing(self) -> Path:
        """The signing key's file."""
        return self.signing_file or self.folder / SIGNING

    @property
    def next_signing(self) -> Path:
        """Where a rotation keeps the new key until it is complete."""
        return self.folder / NEXT_SIGNING


def load_signing_key(places: KeyPlaces, name: str, *, may_make: bool) -> SigningKey:
    """The key that signs. `may_make`: nothing was ever signed here, so one may be made (under `name`, the ledger's origin).

    Raises:
        MissingKeyError: it is gone, and something was signed with it.
        KeyFileError: its file or folder is not safe, or holds no Ed25519 key.
    """
    if places.signing_file is not None:
        return _signing_key(places.signing_file, secret_files.read_given(places.signing_file))
    path = places.signing
    if may_make and not path.exists():
        write_signing_key(path, SigningKey.generate(), name)
    try:
        return _signing_key(path, secret_files.read_own(path))
    except FileNotFoundError as error:
        raise MissingKeyError(
            f"the signing key {path} is gone, but checkpoints were signed with it. Restore it from your copy of "
            f"{places.folder}. If it is lost for good: `sekisho ledger rotate-key --lost` makes another one and writes "
            "down in the log of logs that the old one can sign no more"
        ) from error


def next_signing_key(places: KeyPlaces) -> SigningKey | None:
    """The new key of a rotation that is not complete. Raises KeyFileError."""
    path = places.next_signing
    try:
        return _signing_key(path, secret_files.read_own(path))
    except FileNotFoundError:
        return None


def write_signing_key(path: Path, key: SigningKey, name: str) -> None:
    """Keep a new key, as Go's sumdb/note writes one. Raises FileExistsError, KeyFileError, OSError."""
    secret_files.write_new(path, f"{key.signer(name).unsafe_text()}\n".encode())


def load_subject_key(places: KeyPlaces, *, may_make: bool) -> SubjectKey:
    """The key of the pseudonyms: the file's bytes without a final newline, at least 32.

    Raises:
        MissingKeyError: it is gone, and the database holds pseudonyms made with it.
        KeyFileError: its file or folder is not safe, or it is too short.
    """
    if places.subject_file is not None:
        return _subject_key(places.subject_file, secret_files.read_given(places.subject_file))
    path = places.folder / SUBJECT
    if may_make and not path.exists():
        secret_files.write_new(path, f"{secrets.token_hex(_SUBJECT_BYTES)}\n".encode())
    try:
        return _subject_key(path, secret_files.read_own(path))
    except FileNotFoundError as error:
        raise MissingKeyError(
            f"the key of the persons' pseudonyms {path} is gone, but the database holds records: without it none is "
            f"found by its person. Restore it from your copy of {places.folder}"
        ) from error


def _subject_key(path: Path, data: bytes) -> SubjectKey:
    secret = data.removesuffix(b"\n")
    if len(secret) < _SUBJECT_BYTES:
        raise KeyFileError(
            f"{path} holds {len(secret)} bytes: a key of pseudonyms has at least {_SUBJECT_BYTES}"
        )
    return SubjectKey(secret)


def _signing_key(path: Path, data: bytes) -> SigningKey:
    """A C2SP signer key or PKCS#8 PEM without a password. Errors go without their cause: it could show a part of the key."""
    if data.startswith(b"PRIVATE+KEY+"):
        try:
            return SigningKey(SignerKey.from_text(data.decode("ascii").strip()).seed)
        except (KeyTextError, UnicodeDecodeError):
            raise KeyFileError(f"{path} holds a damaged signer key: restore it from your copy") from None
    try:
        key = load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(
            f"{path} holds no Ed25519 key: it is to be a C2SP signer key (`PRIVATE+KEY+…`) or PKCS#8 PEM without a password"
        )
    return SigningKey(key.private_bytes_raw())
