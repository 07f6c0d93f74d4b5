"""Every checkpoint of a log: its form, its signature by a key in force, and what is stored beside it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from sekisho.ledger.merkle.checkpoint import CheckpointError
from sekisho.ledger.verify.findings import Findings
from sekisho.ledger.verify.sources import LogRow, Source, StoredCheckpoint
from sekisho.ledger.verify.trust import Trust, UntrustedError, unverified

CHANGEOVER: Final = timedelta(minutes=15)


class Signed(NamedTuple):
    """What a checkpoint says; `signed_at` as leaves write times, empty where the source does not tell it."""

    size: int
    root: bytes
    signed_at: str
    where: str
    note: bytes


class SignedFacts(NamedTuple):
    """The checkpoints of one log, by size, and what was wrong with them."""

    log: LogRow
    signed: list[Signed]
    findings: Findings


def newest(signed: Sequence[Signed]) -> Signed:
    """The greatest; of several of one size the last, which a change of keys has signed with the new one."""
    return max(reversed(signed), key=lambda each: each.size)


def written(at: datetime) -> str:
    """A time as leaves write it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def read_signed(source: Source, log: LogRow, trust: Trust | None) -> SignedFacts:
    """Reads and checks a log's checkpoints; without `trust` signatures are left for later."""
    found, signed, newest = Findings(), [], ""
    for stored in source.checkpoints(log):
        one = _one(stored, log.origin, trust, found)
        if one is None:
            continue
        signed.append(one)
        if one.signed_at and one.signed_at < newest and trust is not None:
            told = f"{one.where}: signed at {one.signed_at}, a smaller one was at {newest}"
            found.add("time.order", log.origin, one.size, told)
        newest = max(newest, one.signed_at)
    return SignedFacts(log, signed, found)


def _one(stored: StoredCheckpoint, origin: str, trust: Trust | None, found: Findings) -> Signed | None:
    try:
        told = unverified(stored.note)
    except CheckpointError as error:
        found.add("checkpoint.malformed", origin, stored.size, f"{stored.where}: {error}")
        return None
    place = f"{stored.where}, size {told.size}"
    if told.origin != origin:
        found.add("checkpoint.column", origin, told.size, f"{place}: it is a checkpoint of {told.origin}")
        return None
    if (stored.size is not None and stored.size != told.size) or stored.root not in (None, told.root):
        found.add(
            "checkpoint.column",
            origin,
            told.size,
            f"{place}: its columns say size {stored.size} or another root",
        )
    signed_at = "" if stored.signed_at is None else written(stored.signed_at)
    if trust is not None:
        _check_signature(stored, origin, signed_at, trust, place, told.size, found)
    return Signed(told.size, told.root, signed_at, stored.where, stored.note)


def _check_signature(
    stored: StoredCheckpoint,
    origin: str,
    signed_at: str,
    trust: Trust,
    place: str,
    size: int,
    found: Findings,
) -> None:
    try:
        _, signers = trust.signers(stored.note, origin)
    except UntrustedError as error:
        found.add("checkpoint.signature", origin, size, f"{place}: {error}")
        return
    if not signed_at:
        return
    in_force = max((since for since in trust.since.values() if since <= signed_at), default="")
    if all(trust.since[each] > signed_at for each in signers):
        told = f"{place}: signed at {signed_at} by a key that came into force later"
        found.add("checkpoint.signature", origin, size, told)
    elif all(trust.since[each] < in_force for each in signers) and signed_at > later(in_force):
        told = f"{place}: signed at {signed_at} by an older key alone, though another was in force since {in_force}"
        found.add("checkpoint.signature", origin, size, told)


def later(at: str) -> str:
    """A change of keys may take as long as this until every signature is by the new one."""
    return written(datetime.fromisoformat(at) + CHANGEOVER)
