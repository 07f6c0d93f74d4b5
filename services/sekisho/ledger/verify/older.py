"""Older checkpoints that an auditor kept: what a ledger must extend, or it was cut short or forked."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from sekisho.ledger.merkle.checkpoint import CheckpointError
from sekisho.ledger.verify.findings import Findings
from sekisho.ledger.verify.joining import Demand
from sekisho.ledger.verify.sources import SourceError
from sekisho.ledger.verify.trust import Trust, UntrustedError, unverified


class Older(NamedTuple):
    """A checkpoint from a file."""

    origin: str
    demand: Demand
    note: bytes


def read_older(paths: Iterable[Path]) -> list[Older]:
    """The checkpoints in these files; of a folder those in all its files that are checkpoints. Raises SourceError."""
    found = []
    for path in paths:
        mine = _of_folder(path) if path.is_dir() else [_of_file(path)]
        if not mine:
            raise SourceError(f"{path} holds no checkpoint")
        found += mine
    return found


def _of_folder(folder: Path) -> list[Older]:
    found = []
    for path in sorted(each for each in folder.rglob("*") if each.is_file() and each.stat().st_size < 10_000):
        try:
            found.append(_read(path))
        except CheckpointError:
            continue  # a folder may hold other files too: keys, a note of the auditor's
    return found


def _of_file(path: Path) -> Older:
    try:
        return _read(path)
    except OSError as error:
        raise SourceError(f"the older checkpoint {path} cannot be read: {error.strerror}") from error
    except CheckpointError as error:
        raise SourceError(f"{path} is no checkpoint: {error}") from error


def _read(path: Path) -> Older:
    note = path.read_bytes()
    told = unverified(note)
    return Older(told.origin, Demand(told.size, told.root, "", "older", f"your checkpoint {path}"), note)


def check_older(older: Iterable[Older], trust: Trust, known: set[str], found: Findings) -> None:
    """Their signatures, and that the ledger has their logs at all."""
    for each in older:
        if each.origin not in known:
            found.add(
                "log.missing",
                each.origin,
                None,
                f"{each.demand.where} is of this log, with {each.demand.size} leaves",
            )
        try:
            trust.signers(each.note, each.origin)
        except UntrustedError as error:
            found.add("checkpoint.signature", each.origin, each.demand.size, f"{each.demand.where}: {error}")
