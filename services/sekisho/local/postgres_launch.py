"""Becomes PostgreSQL, under a lock on its folder and never as root. Standard library only; run as a script.

`python postgres_launch.py --lock FILE --lock-seconds S [--data FOLDER] [--top FOLDER] [--own PATH]… -- COMMAND…` ends by becoming
COMMAND: the pid stays.

The lock (flock(2)) goes on to PostgreSQL and to every process that it forks, and ends with the last of them, however they end.
So who has the lock knows that none of an earlier server's processes still writes, and may take away a `postmaster.pid`
(in --data) whose number by now belongs to somebody else: PostgreSQL itself would refuse to start, which happens
after every crash of a container, where the numbers are small.

PostgreSQL refuses root, and `initdb` a user without a name. The ways, the first that works:

1. An ordinary user with a name: nothing is changed.
2. A user namespace (user_namespaces(7)) in which the caller is called by another number, that of an ordinary user: root without
   any power of root, and still the owner of the caller's files. Nothing changes hands, and every folder of the caller's can be
   used, whatever its permissions.
3. Root where such namespaces are forbidden (Docker's default): it becomes that ordinary user, and PostgreSQL's own files (--own)
   and the folder around them (--top, that alone) are given to it. Only where a folder above them or the programs cannot be reached by that user (in a home folder, say), it keeps
   one capability, CAP_DAC_OVERRIDE (capabilities(7)): to pass permissions of files.

The user is `postgres` where there is one, else `nobody`, else the first other one of the system's.
"""

from __future__ import annotations

import argparse
import ctypes
import fcntl
import os
import pwd
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

HELD = "another PostgreSQL runs on"
"""What is said where the lock is not to be had."""

_PR_SET_PDEATHSIG, _PR_GET_PDEATHSIG = 1, 2
_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 47, 2
_CLONE_NEWUSER = 0x10000000
_CAP_DAC_OVERRIDE = 1
_CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _checked(result: int, what: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def _prctl(option: int, *arguments: int) -> None:
    if _libc is not None:
        # all five, and each as wide as the kernel reads it
        given = (*arguments, 0, 0, 0, 0)[:4]
        _checked(_libc.prctl(option, *map(ctypes.c_ulong, given)), "prctl")


def _hold(lock: Path, seconds: float) -> None:
    """Take the lock for this process and all that it becomes or forks."""
    handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    os.set_inheritable(handle, True)
    give_up = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > give_up:
                sys.exit(f"error: {HELD} {lock.parent}, or has not quite ended yet")
            time.sleep(0.02)
        else:
            return


def noted_pid(data: Path) -> int | None:
    """The pid of the server that wrote itself down in a data folder last, None where none has or it ended in order."""
    try:
        return int((data / "postmaster.pid").read_text("utf-8").split("\n")[0])
    except (FileNotFoundError, ValueError):
        return None


def server_in(data: Path) -> int | None:
    """The pid of the PostgreSQL server that runs on a data folder, None where there is none.

    The number alone may belong to another process by now: a server's working folder is its data folder, which its command
    line names too. Where there is no /proc that cannot be seen, and None is returned.
    """
    pid = noted_pid(data)
    process = Path(f"/proc/{pid}")
    try:
        is_server = _works_in(process, data)
    except (FileNotFoundError, ProcessLookupError):
        return None
    return pid if is_server else None


def _works_in(process: Path, data: Path) -> bool:
    try:
        return (process / "cwd").samefile(data)
    except PermissionError:
        # another user's, and this is a root that may not look at it (a container's)
        return os.fsencode(data) in (process / "cmdline").read_bytes().split(b"\0")


def _forget_ended_server(data: Path) -> None:
    if Path("/proc/self/cwd").exists() and server_in(data) is None:
        (data / "postmaster.pid").unlink(missing_ok=True)


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _ordinary_user() -> pwd.struct_passwd:
    """Whom to be instead of root."""
    known = {entry.pw_name: entry for entry in pwd.getpwall() if entry.pw_uid != 0}
    for name in ("postgres", "nobody", *known):
        if name in known:
            return known[name]
    sys.exit("error: PostgreSQL cannot run as root, and this system has no other user: add one (useradd)")


def _rename_in_namespace(user: pwd.struct_passwd) -> None:
    """Way 2. Raises OSError; then this process is of no use any more."""
    if _libc is None:
        raise OSError("no user namespaces on this system")
    uid, gid = os.geteuid(), os.getegid()
    _checked(_libc.unshare(_CLONE_NEWUSER), "unshare")
    for name, line in (
        ("setgroups", "deny"),
        ("uid_map", f"{user.pw_uid} {uid} 1"),
        ("gid_map", f"{user.pw_gid} {gid} 1"),
    ):
        Path(f"/proc/self/{name}").write_text(line, "ascii")


def _can_rename_in_namespace(user: pwd.struct_passwd) -> bool:
    """Tried in a process of its own, as there is no way back."""
    child = os.fork()
    if child == 0:
        try:
            _rename_in_namespace(user)
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


@dataclass(frozen=True)
class _Owned:
    """What is PostgreSQL's: the folder around it, itself alone, and the files and folders with all that is in them."""

    top: Path | None
    whole: Sequence[Path]

    def give(self, uid: int, gid: int) -> None:
        """Hand it all over to a user. No link is followed."""
        for path in self._every():
            os.chown(path, uid, gid, follow_symlinks=False)

    def _every(self) -> Iterator[Path]:
        if self.top is not None:
            yield self.top
        for whole in self.whole:
            yield whole
            for folder, folders, files in os.walk(whole):
                yield from (Path(folder, name) for name in (*folders, *files))

    def can_be_used(self) -> bool:
        """Whether this process may write it and reach it."""
        return all(os.access(path, os.W_OK) for path in self.whole)


def _keep_dac_override() -> None:
    """Let this one capability pass over to the next program (ambient set)."""
    if _libc is None:
        raise OSError("no capabilities on this system")
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    bit = 1 << _CAP_DAC_OVERRIDE
    # effective, permitted, inheritable; once for the lower and once for the upper 32 capabilities
    sets = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
    _checked(_libc.capset(header, sets), "capset")
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE)


def _become(user: pwd.struct_passwd, program: Path, own: _Owned) -> None:
    """Way 3."""
    own.give(user.pw_uid, user.pw_gid)
    _prctl(_PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    if not os.access(program, os.X_OK) or not own.can_be_used():
        _keep_dac_override()


def _be_ordinary(program: Path, own: _Owned) -> None:
    uid = os.geteuid()
    if uid != 0 and _has_name(uid):
        return
    user = _ordinary_user()
    if _can_rename_in_namespace(user):
        if uid == 0:
            # from way 3, on another day
            own.give(uid, os.getegid())
        _rename_in_namespace(user)
    elif uid == 0:
        _become(user, program, own)
    else:
        sys.exit(
            f"error: PostgreSQL's initdb needs a user with a name, and this one ({uid}) has none in /etc/passwd"
        )


def _keeping_death_signal(program: Path, own: _Owned) -> None:
    """A change of the user takes away the signal at the parent's death (prctl(2)): it is set again."""
    number, parent = ctypes.c_int(0), os.getppid()
    _prctl(_PR_GET_PDEATHSIG, ctypes.addressof(number))
    _be_ordinary(program, own)
    if number.value:
        _prctl(_PR_SET_PDEATHSIG, number.value)
        if os.getppid() != parent:
            sys.exit("error: the process that asked for it has ended")


def main(arguments: list[str]) -> None:
    """Take the lock, be an ordinary user, become the command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--lock", type=Path, required=True)
    parser.add_argument("--lock-seconds", type=float, required=True)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--top", type=Path)
    parser.add_argument("--own", type=Path, action="append", default=[])
    parser.add_argument("command", nargs="+")
    asked = parser.parse_args(arguments)
    _hold(asked.lock, asked.lock_seconds)
    if asked.data is not None:
        _forget_ended_server(asked.data)
    try:
        _keeping_death_signal(Path(asked.command[0]), _Owned(asked.top, asked.own))
    except OSError as error:
        sys.exit(
            f"error: PostgreSQL cannot run as root, and this process may not become another user ({error}): run it as an ordinary user"
        )
    os.execv(asked.command[0], asked.command)  # noqa: S606  (the asker's own command, no shell)


if __name__ == "__main__":
    main(sys.argv[1:])
