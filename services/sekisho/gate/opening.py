"""The checks before a lane runs, and where it resumes (runtime.md, State: opening checks, where to resume).

A folder that is at fault is thrown away and restored. A *log* that is not what the state was folded from is never
guessed around: evidence or answers may be lost, and the lane stops and says so.
"""

from __future__ import annotations

from typing import NamedTuple

from sekisho.gate.follow import record_hash
from sekisho.gate.lane import LaneStoppedError
from sekisho.gate.state import Identity, LaneState, Marks
from sekisho.log.port import Partition, PartitionReader, UndecodableRecordError

_FRESH_FOLDER = "if that is intended, delete this gate's state folder and start again"


class LostRequestsError(LaneStoppedError):
    """Requests `first`..`last` were deleted before they were decided, or nothing tells whether they were."""

    def __init__(self, text: str, first: int, last: int) -> None:
        super().__init__(f"{text}; `sekisho gate resume --accept-loss` goes on behind them, in writing")
        self.first = first
        self.last = last


class Bounds(NamedTuple):
    """A partition's first offset that is there, and its end (high watermark)."""

    start: int
    end: int


async def bounds(reader: PartitionReader, at: Partition) -> Bounds:
    """Both ends of a partition, asked now."""
    return Bounds(await reader.start_offset(at), await reader.high_watermark(at))


def check_identity(state: LaneState, identity: Identity) -> None:
    """Writes into a fresh state what it will be folded from. Raises LaneStoppedError when a stored one differs."""
    if state.identity is None:
        state.identify(identity)
    elif state.identity != identity:
        raise LaneStoppedError(
            f"the state was folded from other topics or partition counts than there are now: {_FRESH_FOLDER}"
        )


def check_consents(marks: Marks, found: Bounds, at: Partition) -> None:
    """Raises LaneStoppedError when consent events that were there are gone."""
    if found.start > 0:
        raise LaneStoppedError(
            f"{at.topic}-{at.partition} begins at {found.start}: consent events were deleted, decisions would rest on "
            "half the evidence; bring the topic back from its copy"
        )
    needed = max(marks.consents_next, marks.consent_seen)
    if found.end < needed:
        raise LaneStoppedError(
            f"{at.topic}-{at.partition} ends at {found.end}, but events up to {needed} were known once: the log has "
            "lost records or was made anew; bring it back from its copy"
        )


def check_outputs(marks: Marks, decisions: Bounds, rejected: Bounds) -> None:
    """Raises LaneStoppedError when outputs that were read are gone: ids used would be taken for new ones."""
    for name, known, found in (
        ("decisions", marks.decisions_next, decisions),
        ("rejected events", marks.rejected_next, rejected),
    ):
        if found.end < known:
            raise LaneStoppedError(
                f"the {name} end at {found.end}, but were known up to {known}: the log has lost records or was made "
                "anew; bring it back from its copy"
            )


async def check_last_applied(reader: PartitionReader, marks: Marks, at: Partition, poll_ms: int) -> None:
    """Re-reads the last consent record applied. Raises LaneStoppedError when another stands there now."""
    if marks.consent_last is None:
        return
    reader.seek(at, marks.consent_last)
    try:
        found = (await reader.fetch(poll_ms, 1, only=[at])).get(at, ())
        while not found and await reader.position(at) <= marks.consent_last:
            found = (await reader.fetch(poll_ms, 1, only=[at])).get(at, ())
    except UndecodableRecordError:
        found = ()
    reader.seek(at, marks.consents_next)
    if not found or found[0].offset != marks.consent_last or record_hash(found[0]) != marks.consent_hash:
        raise LaneStoppedError(
            f"{at.topic}-{at.partition}@{marks.consent_last} is another record than was applied: {_FRESH_FOLDER}"
        )


def resume_at(marks: Marks, committed: int | None, requests: Bounds, answered: bool) -> int:
    """The offset of the next request to decide: the outputs tell the truth, the group's offset where none is left.

    `answered` tells whether the partition's output topics have ever held anything. Raises LaneStoppedError when
    requests are gone undecided, or when nothing tells where to go on.
    """
    told = None if marks.last_output is None else marks.last_output + 1
    if told is None and committed is None and requests.end == 0:
        return 0  # there has never been a request: what was answered were consent events
    if told is None and committed is None:
        if requests.start > 0 or answered:
            raise LostRequestsError(
                "the group's offset is lost and no decision or rejected event tells where to resume",
                requests.start,
                requests.end - 1,
            )
        return 0
    position = told if told is not None else committed
    assert position is not None
    if max(position, committed or 0) < requests.start:
        last = requests.start - 1
        raise LostRequestsError(
            f"requests {position}..{last} were deleted before they were decided", position, last
        )
    if (
        position < requests.start
    ):  # the group has passed them: markers, or what retention deleted after its decision
        position = max(committed or 0, requests.start)
    if position > requests.end:
        raise LaneStoppedError(
            f"the request log ends at {requests.end}, but requests up to {position} were decided: the log has lost "
            "records or was made anew"
        )
    return position
