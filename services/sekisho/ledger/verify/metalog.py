"""What the log of logs says: the checkpoints that every other log once had, and the keys that came into force."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from sekisho.ledger.leaves import Leaf, NewKey, ShardCheckpoint
from sekisho.ledger.merkle.checkpoint import Checkpoint, CheckpointError
from sekisho.ledger.merkle.note import KeyTextError, VerifierKey
from sekisho.ledger.verify.findings import Findings
from sekisho.ledger.verify.joining import Demand
from sekisho.ledger.verify.signed import Signed
from sekisho.ledger.verify.trust import Trust, UntrustedError


def shard_demands(
    origin: str, leaves: Iterable[tuple[int, Leaf]], found: Findings
) -> dict[str, list[Demand]]:
    """What the log of logs demands of each other log; the sizes of one log never shrink there."""
    demands: dict[str, list[Demand]] = defaultdict(list)
    for index, leaf in leaves:
        if not isinstance(leaf, ShardCheckpoint):
            continue
        where = f"the log of logs, #{index}"
        mine = demands[leaf.origin]
        if mine and int(leaf.size) < mine[-1].size:
            told = f"it enters {leaf.size} leaves of {leaf.origin}, of which it had entered {mine[-1].size} before"
            found.add("log.shorter", origin, index, told)
        if mine and leaf.signed_at < mine[-1].signed_at:
            found.add(
                "time.order",
                origin,
                index,
                f"it enters a checkpoint of {leaf.signed_at} after one of {mine[-1].signed_at}",
            )
        mine.append(Demand(int(leaf.size), bytes.fromhex(leaf.root), leaf.signed_at, "meta", where))
    return demands


def add_keys(
    trust: Trust,
    origin: str,
    leaves: Sequence[tuple[int, Leaf]],
    signed: Sequence[Signed],
    confirmed: Collection[int],
    found: Findings,
) -> None:
    """Trusts each further key that the log of logs enters under the signature of one that is trusted already.

    `confirmed`: the sizes at which the leaves of the log of logs give the root that was signed.
    """
    entered = [(index, leaf) for index, leaf in leaves if isinstance(leaf, NewKey)]
    for number, (index, leaf) in enumerate(entered):
        try:
            public = VerifierKey.from_text(leaf.vkey).public
        except KeyTextError as error:
            found.add("key.untrusted", origin, index, str(error))
            continue
        since = leaf.ingested_at if number else ""
        if public in trust.since or any(_vouches(trust, origin, each, index, confirmed) for each in signed):
            trust.since[public] = since
        else:
            told = f"it enters the key {leaf.vkey}, and no key that is trusted has signed that: get it from who runs the ledger"
            found.add("key.untrusted", origin, index, told)


def _vouches(trust: Trust, origin: str, signed: Signed, index: int, confirmed: Collection[int]) -> bool:
    """Whether a trusted key signed the log of logs with this leaf in it."""
    if signed.size <= index or signed.size not in confirmed:
        return False
    try:
        text, _ = trust.signers(signed.note, origin)
        return Checkpoint.from_text(text).origin == origin
    except (UntrustedError, CheckpointError):
        return False


def check_keys_beside(
    trust: Trust,
    beside: dict[bytes, str],
    entered: Iterable[tuple[str, int, NewKey]],
    found: Findings,
) -> None:
    """That the keys which lie beside the ledger are trusted ones, and that each key in the log of logs lies there.

    A key leaf alone, put into the database, would be signed with the rest of the log: the ledger lists the keys that it made.
    """
    for origin, index, leaf in entered:
        try:
            public = VerifierKey.from_text(leaf.vkey).public
        except KeyTextError:
            continue  # told when it was read
        if beside and public not in beside:
            told = f"it enters the key {leaf.vkey}, which the ledger does not list among its own"
            found.add("key.untrusted", origin, index, told)
    for public, text in beside.items():
        if public not in trust.since:
            told = f"the key {text} lies beside the ledger, but follows from none that is trusted"
            found.add("key.untrusted", text.split("+")[0], None, told)
