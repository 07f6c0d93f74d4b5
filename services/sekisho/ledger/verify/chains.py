"""Logs against each other: each is what its name says, follows the one before it, and no partition has two beginnings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from sekisho.domain.calendar import tokyo_day
from sekisho.ledger.leaves import Genesis
from sekisho.ledger.verify.findings import Findings
from sekisho.ledger.verify.joining import Joined
from sekisho.ledger.verify.published import KINDS, log_path
from sekisho.ledger.verify.scanning import offset_faults
from sekisho.ledger.verify.times import instant


def check_chains(logs: Mapping[str, Joined], found: Findings) -> None:
    """All of it, once every log was scanned."""
    beginnings: dict[tuple[str, str | None, int | None], str] = {}
    for origin, joined in sorted(logs.items()):
        genesis = joined.genesis
        if genesis is None:
            found.add("chain.genesis", origin, 0, "its first leaf is no genesis leaf")
            continue
        _check_name(joined, genesis, found)
        _check_years(joined, found)
        if genesis.predecessor is None:
            _check_beginning(joined, genesis, beginnings, found)
        else:
            _check_predecessor(joined, genesis, logs, found)
        _check_close(joined, logs, found)


def _check_name(joined: Joined, genesis: Genesis, found: Findings) -> None:
    """The genesis leaf, the row of the log and its origin say the same."""
    log = joined.log
    kind, *parts = log_path(log.origin).split("/")
    year = int(parts[-1]) if parts and parts[-1].isdecimal() else None
    shard = (parts[0], int(parts[1])) if len(parts) == 3 and parts[1].isdecimal() else (None, None)
    named = (log.origin, KINDS[kind], *shard, year)
    if (log.origin, log.kind, log.topic_id, log.partition, log.year) != named:
        found.add(
            "chain.genesis",
            log.origin,
            None,
            "the log's row says another kind, topic, partition or year than its name",
        )
    told = (genesis.origin, genesis.topic_id, genesis.partition, genesis.year)
    if told != (log.origin, *shard, year):
        found.add("chain.genesis", log.origin, 0, f"it is the beginning of {genesis.origin}")


def _check_years(joined: Joined, found: Findings) -> None:
    """Times only grow within a log, so its first and its last leaf tell."""
    year = joined.log.year
    for at, index in ((joined.first_at, 0), (joined.last_at, joined.log.size - 1)):
        if year is not None and at and tokyo_year(at) != year:
            # a log is closed by the first leaf after its year
            if index and joined.close is not None:
                continue
            found.add("time.year", joined.log.origin, index, f"it was taken in at {at}")


def tokyo_year(at: str) -> int:
    """The year in Japan of a leaf's time."""
    day: date = tokyo_day(instant(at))
    return day.year


def _check_beginning(
    joined: Joined,
    genesis: Genesis,
    beginnings: dict[tuple[str, str | None, int | None], str],
    found: Findings,
) -> None:
    """One log of a topic's partition follows none; all others follow it."""
    log = joined.log
    other = beginnings.setdefault((log.kind, genesis.topic, genesis.partition), log.origin)
    if other != log.origin:
        told = f"it follows no other log, and neither does {other}, of the same topic and partition: was the topic made anew?"
        found.add("chain.genesis", log.origin, 0, told)
    if genesis.next_offset not in (None, "0"):
        found.add("offset.gap", log.origin, 0, f"it begins at offset {genesis.next_offset}")
    _check_first_offset(joined, None, found)


def _check_predecessor(joined: Joined, genesis: Genesis, logs: Mapping[str, Joined], found: Findings) -> None:
    """It begins where its predecessor was closed (root and size are demanded of that log already)."""
    log, told = joined.log, genesis.predecessor
    assert told is not None
    before = logs.get(told.origin)
    if before is None:
        found.add("log.missing", told.origin, None, f"{log.origin} follows it")
        return
    if before.close is None or before.close.next != log.origin or int(told.size) != before.log.size:
        found.add(
            "chain.genesis",
            log.origin,
            0,
            f"it follows {told.origin}, which was not closed for it at {told.size} leaves",
        )
    if before.last_at > genesis.ingested_at:
        found.add(
            "time.back",
            log.origin,
            0,
            f"it begins at {genesis.ingested_at}, after a log that ends at {before.last_at}",
        )
    if before.log.topic_id == log.topic_id:
        _check_first_offset(joined, _last_offset(before, logs), found)
    else:
        _check_first_offset(joined, None, found)


def _last_offset(joined: Joined, logs: Mapping[str, Joined]) -> int | None:
    """The newest offset up to this log's end: its own, or that of the logs before it of the same topic."""
    seen: set[str] = set()
    while joined.last_offset is None and joined.log.origin not in seen:
        seen.add(joined.log.origin)
        genesis = joined.genesis
        before = logs.get(genesis.predecessor.origin) if genesis is not None and genesis.predecessor else None
        if before is None or before.log.topic_id != joined.log.topic_id:
            return None
        joined = before
    return joined.last_offset


def _check_first_offset(joined: Joined, last: int | None, found: Findings) -> None:
    if joined.first is None:
        return
    index, offset, prev = joined.first
    for kind, told in offset_faults(offset, prev, last):
        found.add(kind, joined.log.origin, index, told)


def _check_close(joined: Joined, logs: Mapping[str, Joined], found: Findings) -> None:
    close, origin = joined.close, joined.log.origin
    if close is None:
        return
    following = logs.get(close.next)
    if int(close.size) != joined.log.size:
        found.add("chain.close", origin, joined.log.size - 1, f"it was closed at {close.size} leaves")
    if following is None:
        found.add("log.missing", close.next, None, f"{origin} was closed for it")
    elif following.genesis is not None:
        told = following.genesis.predecessor
        if told is None or told.origin != origin:
            found.add(
                "chain.close",
                origin,
                joined.log.size - 1,
                f"it was closed for {close.next}, which does not follow it",
            )
