"""Files that hold a key: read only where nobody else can, written so that none is ever lost or overwritten.

Nothing here logs; no error holds what a file contains.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

MAX_BYTES: Final = 65_536
"""No key is longer; a longer file is something else."""
_FOLDER_MODE: Final = 0o700
_FILE_MODE: Final = 0o600
_TEMPORARY: Final = ".new"


class KeyFileError(Exception):
    """A key's file or folder that cannot be used as it is: the text says which, why, and what to do."""


def read_own(path: Path) -> bytes:
    """A key that Sekisho itself keeps: a regular file of this user that nobody else may read, in a folder likewise.

    Raises:
        FileNotFoundError: there is none.
        KeyFileError: others may read it, another user owns it, or it is no regular file.
    """
    check_folder(path.parent)
    return _read(path, own=True)


def read_given(path: Path) -> bytes:
    """A key that the operator keeps, at a path of their choice: symbolic links are followed, as secret mounts have them.

    Its owner may be root; its group may read it (a mounted secret's does), others may not.

    Raises:
        KeyFileError: there is none, others may read or change it, or another user owns it.
    """
    try:
        return _read(path, own=False)
    except FileNotFoundError as error:
        raise KeyFileError(
            f"the key file {path} does not exist: mount it, or correct the setting that names it"
        ) from error


def make_folder(folder: Path) -> None:
    """The folder of keys, for this user alone; what is there must be so already. Raises KeyFileError, OSError."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir(mode=_FOLDER_MODE)
    except FileExistsError:
        check_folder(folder)
        return
    folder.chmod(_FOLDER_MODE)  # whatever the umask took away
    sync_folder(folder.parent)


def check_folder(folder: Path) -> None:
    """Raises KeyFileError unless the folder is this user's alone; FileNotFoundError where there is none."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise KeyFileError(f"{folder} is to be the folder of the keys, but is no folder: move it away")
    _check_owner(folder, found, {os.geteuid()})
    if found.st_mode & 0o077:
        raise KeyFileError(f"others may look into the folder of keys {folder}: chmod 700 {folder}")


def write_new(path: Path, data: bytes) -> None:
    """Keep a key under a name that is free, whole or not at all, and on the disk when this returns.

    Raises:
        FileExistsError: a key has that name already; it is left alone.
        KeyFileError, OSError: the folder is not safe, the disk is full.
    """
    make_folder(path.parent)
    temporary = path.with_name(path.name + _TEMPORARY)
    _write(temporary, data)
    try:
        os.link(temporary, path)  # unlike a rename it never replaces what is there
    finally:
        temporary.unlink()
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """The folder's entries are on the disk when this returns: a new name, a replaced one, one that is gone."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write(path: Path, data: bytes) -> None:
    path.unlink(missing_ok=True)  # left behind by a crash, and never in use
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _FILE_MODE)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _read(path: Path, *, own: bool) -> bytes:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (os.O_NOFOLLOW if own else 0))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise KeyFileError(f"the key file {path} cannot be opened: {error.strerror}") from error
    with os.fdopen(handle, "rb") as file:
        _check_file(path, os.fstat(file.fileno()), own=own)
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise KeyFileError(f"the key file {path} is too long for a key: more than {MAX_BYTES} bytes")
    return data


def _check_file(path: Path, found: os.stat_result, *, own: bool) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise KeyFileError(f"the key file {path} is no regular file")
    _check_owner(path, found, {os.geteuid()} if own else {os.geteuid(), 0})
    if found.st_mode & (0o077 if own else 0o037):
        raise KeyFileError(f"others may read or change the key file {path}: chmod 600 {path}")


def _check_owner(path: Path, found: os.stat_result, allowed: set[int]) -> None:
    if found.st_uid not in allowed:
        raise KeyFileError(
            f"{path} belongs to the user with id {found.st_uid}, this process runs as {os.geteuid()}: "
            f"chown {os.geteuid()} {path}, if the key is to be trusted at all"
        )
