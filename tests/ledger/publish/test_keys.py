"""Keys: made once, readable by nobody else, never shown, never silently replaced."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from sekisho.ledger.merkle.note import SignerKey
from sekisho.ledger.publish import secret_files
from sekisho.ledger.publish.keys import (
    KeyPlaces,
    MissingKeyError,
    SigningKey,
    load_signing_key,
    load_subject_key,
)
from sekisho.ledger.publish.secret_files import KeyFileError

ORIGIN = "ledger.example/sekisho"


@pytest.fixture
def places(tmp_path: Path) -> KeyPlaces:
    """A folder of keys that is not there yet."""
    return KeyPlaces(tmp_path / "ledger" / "keys")


def test_a_first_start_makes_both_keys_for_this_user_alone(places: KeyPlaces) -> None:
    """Folder 0700, files 0600, whatever the umask; the next start has the same keys."""
    before = os.umask(0)
    try:
        signing = load_signing_key(places, ORIGIN, may_make=True)
        subject = load_subject_key(places, may_make=True)
    finally:
        os.umask(before)
    assert oct(places.folder.stat().st_mode & 0o777) == "0o700"
    assert {path.name: path.stat().st_mode & 0o777 for path in places.folder.iterdir()} == {
        "signing.key": 0o600,
        "subject-hmac.key": 0o600,
    }
    assert load_signing_key(places, ORIGIN, may_make=True) == signing
    assert load_subject_key(places, may_make=False) == subject
    assert len(subject.secret) >= 32


def test_a_signing_key_is_kept_as_go_writes_one(places: KeyPlaces) -> None:
    """The file is a C2SP signer key under the ledger's origin."""
    key = load_signing_key(places, ORIGIN, may_make=True)
    kept = SignerKey.from_text(places.signing.read_text().strip())
    assert (kept.name, kept.seed) == (ORIGIN, key.seed)


def test_no_key_shows_itself(places: KeyPlaces) -> None:
    """Neither repr nor str holds a byte of a secret."""
    signing = load_signing_key(places, ORIGIN, may_make=True)
    subject = load_subject_key(places, may_make=True)
    shown = repr(signing) + str(signing) + repr(subject) + str(subject) + repr(signing.signer(ORIGIN))
    assert repr(signing.seed)[2:-1] not in shown
    assert signing.seed.hex() not in shown
    assert subject.secret.decode() not in shown


@pytest.mark.parametrize(
    "load",
    [lambda p: load_signing_key(p, ORIGIN, may_make=False), lambda p: load_subject_key(p, may_make=False)],
)
def test_a_lost_key_is_not_replaced(places: KeyPlaces, load: Callable[[KeyPlaces], object]) -> None:
    """Where something was signed or pseudonymized, a missing key is told with what to do, and none is made."""
    with pytest.raises(MissingKeyError, match="Restore it"):
        load(places)
    assert not places.folder.exists() or not list(places.folder.iterdir())


@pytest.mark.parametrize(("mode", "told"), [(0o640, "chmod 600"), (0o604, "chmod 600"), (0o620, "chmod 600")])
def test_a_file_that_others_may_touch_is_refused(places: KeyPlaces, mode: int, told: str) -> None:
    """Loose permissions of the key's file: refused, with the command that mends them."""
    load_signing_key(places, ORIGIN, may_make=True)
    places.signing.chmod(mode)
    with pytest.raises(KeyFileError, match=told):
        load_signing_key(places, ORIGIN, may_make=False)


def test_a_folder_that_others_may_enter_is_refused(places: KeyPlaces) -> None:
    """Loose permissions of the folder: refused, and no key is made there either."""
    places.folder.mkdir(parents=True)
    places.folder.chmod(0o750)
    with pytest.raises(KeyFileError, match="chmod 700"):
        load_signing_key(places, ORIGIN, may_make=True)
    assert not list(places.folder.iterdir())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_foreign_owner_is_refused(places: KeyPlaces) -> None:
    """A key that belongs to another user could be changed by them."""
    load_signing_key(places, ORIGIN, may_make=True)
    os.chown(places.signing, 12345, 12345)
    with pytest.raises(KeyFileError, match="chown"):
        load_signing_key(places, ORIGIN, may_make=False)


def test_a_link_in_place_of_a_key_is_not_followed(places: KeyPlaces, tmp_path: Path) -> None:
    """In the ledger's own folder a symbolic link is refused."""
    load_signing_key(places, ORIGIN, may_make=True)
    places.signing.rename(tmp_path / "elsewhere")
    places.signing.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KeyFileError):
        load_signing_key(places, ORIGIN, may_make=False)


def test_a_given_key_may_be_a_mounted_secret(places: KeyPlaces, tmp_path: Path) -> None:
    """Behind links and readable by the group, as secret mounts are; readable by all it is refused."""
    key = SigningKey.generate()
    (tmp_path / "data").write_text(key.signer(ORIGIN).unsafe_text())
    (tmp_path / "data").chmod(0o440)
    (tmp_path / "signing.key").symlink_to("data")
    given = KeyPlaces(places.folder, signing_file=tmp_path / "signing.key")
    assert load_signing_key(given, ORIGIN, may_make=False) == key
    (tmp_path / "data").chmod(0o444)
    with pytest.raises(KeyFileError, match="chmod"):
        load_signing_key(given, ORIGIN, may_make=False)


def test_a_given_key_that_is_not_there_is_not_made(places: KeyPlaces, tmp_path: Path) -> None:
    """A path in the settings that leads nowhere is a mistake, at the first start too."""
    with pytest.raises(KeyFileError, match="does not exist"):
        load_signing_key(KeyPlaces(places.folder, signing_file=tmp_path / "none"), ORIGIN, may_make=True)


def pem(key: Ed25519PrivateKey | X25519PrivateKey, password: bytes | None = None) -> bytes:
    """A private key as OpenSSL writes it."""
    encryption = NoEncryption() if password is None else BestAvailableEncryption(password)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def test_a_pkcs8_key_signs_as_well(places: KeyPlaces, tmp_path: Path) -> None:
    """`openssl genpkey -algorithm ed25519` makes such a file."""
    private = Ed25519PrivateKey.generate()
    file = tmp_path / "key.pem"
    file.write_bytes(pem(private))
    file.chmod(0o600)
    key = load_signing_key(KeyPlaces(places.folder, signing_file=file), ORIGIN, may_make=False)
    assert key.seed == private.private_bytes_raw()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PRIVATE+KEY+a+00000000+AAAA",
        b"PRIVATE+KEY+\xff",
        pem(X25519PrivateKey.generate()),
        pem(Ed25519PrivateKey.generate(), b"secret"),
        b"x" * 70_000,
    ],
)
def test_what_is_no_ed25519_key_is_refused_without_being_shown(
    places: KeyPlaces, tmp_path: Path, content: bytes
) -> None:
    """A damaged key, another algorithm, one with a password: refused, and no error quotes the file."""
    file = tmp_path / "key"
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(KeyFileError) as caught:
        load_signing_key(KeyPlaces(places.folder, signing_file=file), ORIGIN, may_make=False)
    assert caught.value.__cause__ is None
    if content:
        assert content.decode(errors="replace")[-30:] not in str(caught.value)


def test_a_subject_key_that_is_too_short_is_refused(places: KeyPlaces, tmp_path: Path) -> None:
    """31 bytes are refused; the final newline does not count."""
    file = tmp_path / "key"
    file.write_bytes(b"k" * 31 + b"\n")
    file.chmod(0o600)
    with pytest.raises(KeyFileError, match="31 bytes"):
        load_subject_key(KeyPlaces(places.folder, subject_file=file), may_make=False)


def test_a_key_is_never_overwritten(places: KeyPlaces) -> None:
    """Two processes that start at once: the second finds the name taken and the first key as it was."""
    load_signing_key(places, ORIGIN, may_make=True)
    before = places.signing.read_bytes()
    with pytest.raises(FileExistsError):
        secret_files.write_new(places.signing, b"another")
    assert places.signing.read_bytes() == before
    assert sorted(path.name for path in places.folder.iterdir()) == ["signing.key"]


def test_what_a_crash_left_does_not_stand_in_the_way(places: KeyPlaces) -> None:
    """A half-written key under its temporary name is thrown away."""
    secret_files.make_folder(places.folder)
    (places.folder / "signing.key.new").write_bytes(b"half")
    load_signing_key(places, ORIGIN, may_make=True)
    assert sorted(path.name for path in places.folder.iterdir()) == ["signing.key"]
