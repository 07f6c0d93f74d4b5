"""The lane of a partition of the outcomes topic: the decisions that served a concluded policy become a leaf and a payload."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

import structlog

from sekisho.contracts.errors import RejectedMessageError
from sekisho.contracts.routing import partition_of
from sekisho.ledger.ingest.building import Known, Moment, build, turns
from sekisho.ledger.ingest.following import DecisionsIndex
from sekisho.ledger.ingest.lane import Fetched, Lane, Message, Seat
from sekisho.ledger.ingest.policies import (
    Missing,
    Policy,
    Position,
    body,
    decision_of,
    held_in,
    missed_in,
    read_policy,
)
from sekisho.ledger.ingest.pseudonyms import Pseudonyms
from sekisho.ledger.ingest.reading import UNDECODABLE, Particulars, Taken, UnreadableRecord, unreadable
from sekisho.ledger.ingest.scope_rows import states
from sekisho.ledger.ingest.scopes import Stated
from sekisho.ledger.ingest.shard import Shard, Source
from sekisho.ledger.merkle.canonical import CanonicalError, commit
from sekisho.ledger.store import append, connection, payloads, scopes, served
from sekisho.ledger.store.connection import Connection
from sekisho.log.port import LogError, Partition, PartitionReader, Record, UndecodableRecordError

_log = structlog.get_logger(__name__)
_MEMBERS: Final = 1000
"""Earlier leaves of one policy that are looked at: each has decisions that the ones before had not."""


class OutcomesTold(Protocol):
    """What is counted of outcomes."""

    def unmatched(self) -> None: ...
    def decision_missing(self) -> None: ...


@dataclass(frozen=True, slots=True)
class OutcomesDesk:
    """What the lanes of the outcomes topic share. `decisions` is the topic of the decisions, of this id and partitions."""

    pseudonyms: Pseudonyms
    index: DecisionsIndex
    decisions: str
    decisions_id: str
    partitions: int
    told: OutcomesTold


class Asked(NamedTuple):
    """An outcome, and how far the decisions had come when it was fetched."""

    message: Message
    policy: Policy | None
    problem: str | None
    end: int


class ReadOutcomes(NamedTuple):
    """A batch that is read."""

    asked: Sequence[Asked]
    next_offset: int


class Served(NamedTuple):
    """What the ledger did not have yet of a policy; None: nothing, but its last day may be news."""

    taken: Taken | None


class OutcomesLane(Lane):
    """Takes in one partition of outcomes."""

    def __init__(self, seat: Seat, source: Source, desk: OutcomesDesk) -> None:
        super().__init__(seat, source)
        self._desk = desk

    async def prepare(self, fetched: Fetched) -> ReadOutcomes:
        """Reads the outcomes and waits until the index has all decisions that were there when they were fetched."""
        reader = self._reader
        assert reader is not None, "the lane reads, so its reader is there"
        ends: dict[int, int] = {}
        asked: list[Asked] = []
        for message in fetched.messages:
            policy, problem = self._read(message)
            if policy is None:
                asked.append(Asked(message, None, problem, 0))
                continue
            partition = partition_of(policy.outcome.subject_id, self._desk.partitions)
            if partition not in ends:
                ends[partition] = await reader.high_watermark(Partition(self._desk.decisions, partition))
            asked.append(Asked(message, policy, None, ends[partition]))
        for partition, end in ends.items():
            await self._desk.index.reached(partition, end)
        return ReadOutcomes(asked, fetched.next_offset)

    def _read(self, message: Message) -> tuple[Policy | None, str | None]:
        if isinstance(message, UnreadableRecord):
            return None, "undecodable"
        try:
            policy = read_policy(message, self._desk.pseudonyms)
            body(policy, (), ())
        except (RejectedMessageError, CanonicalError) as error:
            return None, str(error)
        return policy, None

    async def take_in(self, conn: Connection, shard: Shard, batch: ReadOutcomes) -> Shard:  # type: ignore[override]
        """One transaction for each outcome that has something to write; those that have nothing share one."""
        passed: int | None = None
        for asked in batch.asked:
            offset = asked.message.offset
            if offset < shard.head.next_offset:
                continue  # written by an earlier try of this batch
            if asked.policy is None:
                self.unreadable(offset, asked.problem or "unreadable")
                shard = await self._write(conn, shard, self._unreadable(asked), None, offset + 1)
                passed = None
                continue
            found = await self._served(conn, asked.policy, offset)
            if found is None:
                passed = offset + 1
                continue
            shard = await self._write(conn, shard, found.taken, asked.policy, offset + 1)
            passed = None
        if passed is not None or shard.head.next_offset < batch.next_offset:
            shard = await self._write(conn, shard, None, None, batch.next_offset)
        return shard

    async def _write(
        self, conn: Connection, shard: Shard, taken: Taken | None, policy: Policy | None, next_offset: int
    ) -> Shard:
        silent = policy is None or (taken is None and policy.outcome.insurance_until is None)
        changes = {} if policy is None or silent else {policy.scope_key: [_stated(policy)]}
        scope_of = await scopes.scopes(conn, sorted(changes)) if changes else {}
        until = None if policy is None else policy.outcome.insurance_until
        await append.ensure_shelves(conn, {until}, self.shelves)
        async with connection.transaction(conn, keeping="shared"):
            known = Known(
                scope_of,
                await states(conn, tuple(scope_of.values()), turns(changes, scope_of)) if scope_of else {},
                await self.seat.holds.now(conn),
            )
            moment = Moment(await self.now_in(conn, shard), self.seat.rid)
            built = build(shard, [] if taken is None else [taken], known, changes, next_offset, moment)
            await append.write(conn, built)
        return shard.after(built)

    def _unreadable(self, asked: Asked) -> Taken:
        message = asked.message
        raw = UNDECODABLE if isinstance(message, UnreadableRecord) else message.value or b""
        return unreadable(message.offset, self.seat.rid(), os.urandom(32), raw, asked.problem or "unreadable")

    # the decisions

    async def _served(self, conn: Connection, policy: Policy, offset: int) -> Served | None:
        """What the outcome brings; None: nothing, no allowed decision used its consent, and nothing is kept for its policy."""
        found = [] if policy.consent is None else await self._found(conn, policy, policy.consent)
        if not found:
            self._desk.told.unmatched()
            _log.warning("ledger_outcome_unmatched", partition=self.source.at.partition, offset=offset)
            # its consent may have been named before: when the insurance ends is news all the same
            return Served(None) if await self._bodies(conn, policy) else None
        bodies = await self._bodies(conn, policy)
        decisions, missing = await self._fetched(found)
        held, missed = held_in(bodies), missed_in(bodies)
        new = [each for each in decisions if each["decision_id"] not in held]
        gone = [each for each in missing if each.at[:3] not in missed]
        if not new and not gone:
            return Served(None)
        for each in gone:
            self._desk.told.decision_missing()
            _log.error(
                "ledger_decision_missing",
                topic=self._desk.decisions,
                partition=each.at.partition,
                offset=each.at.offset,
                cause=each.why,
            )
        return Served(self._taken(policy, offset, body(policy, new, gone)))

    async def _found(self, conn: Connection, policy: Policy, consent: bytes) -> list[Position]:
        rows = await served.served(conn, policy.subject, consent, policy.outcome.concluded_at)
        return [Position(*row) for row in rows]

    async def _bodies(self, conn: Connection, policy: Policy) -> list[bytes]:
        """What earlier outcomes of the same policy brought."""
        scope = await scopes.scope_of(conn, policy.scope_key)
        if scope is None:
            return []
        rows = [
            await payloads.payload(conn, log_id, idx)
            for log_id, idx, _ in await scopes.members(conn, scope, limit=_MEMBERS)
        ]
        return [row.body for row in rows if row is not None]

    def _taken(self, policy: Policy, offset: int, told: bytes) -> Taken:
        salt = os.urandom(32)
        particulars = Particulars(
            None, None, None, None, None, policy.outcome.organization, None, None, policy.outcome.concluded_at,
            policy.outcome.insurance_until, policy.subject, policy.scope_key, None,
        )  # fmt: skip
        return Taken("decision", offset, self.seat.rid(), salt, told, commit(salt, told).hex(), particulars)

    async def _fetched(self, found: Sequence[Position]) -> tuple[list[dict[str, object]], list[Missing]]:
        """The decisions at these places, read from their topic one by one: outcomes are few."""
        decisions: list[dict[str, object]] = []
        missing: list[Missing] = []
        reader = self.seat.log.partition_reader(committed=True)
        try:
            await reader.start()
            for at in found:
                record = await self._record(reader, at)
                told = None if record is None else decision_of(record)
                if told is None:
                    missing.append(Missing(at, "expired" if record is None else "unreadable"))
                else:
                    decisions.append(dict(told))
        finally:
            with suppress(LogError):  # what failed before is on its way up
                await reader.stop()
        return decisions, missing

    async def _record(self, reader: PartitionReader, at: Position) -> Record | None:
        """The record at a place; None where the topic has it no longer."""
        place = Partition(self._desk.decisions, at.partition)
        if at.topic_id != self._desk.decisions_id or await reader.start_offset(place) > at.offset:
            return None
        await reader.assign({place: at.offset})
        while await reader.position(place) <= at.offset:
            try:
                records = (await reader.fetch(self.limits.poll_ms, 1, [place])).get(place, ())
            except UndecodableRecordError:
                return None
            for record in records:
                return record if record.offset == at.offset else None
        return None


def _stated(policy: Policy) -> Stated:
    until = policy.outcome.insurance_until
    return Stated(until, None if until is None else policy.outcome.concluded_at)
