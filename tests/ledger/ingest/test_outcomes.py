"""A concluded policy keeps the decisions that served it until its insurance period ends."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ledger.ingest.lodging import Lodging, Stored, decision, document_of, outcome
from sekisho.ledger import leaves
from sekisho.ledger.store.connection import row, session
from sekisho.ledger.store.retention import retention_of
from sekisho.log.port import Outgoing

pytestmark = pytest.mark.database
PERSON = "C-000001"


async def tell(lodging: Lodging, *messages: Outgoing) -> None:
    """Outcomes of the person."""
    await lodging.send(lodging.at(lodging.topics.outcomes, PERSON), *messages)


async def decide(lodging: Lodging, *messages: Outgoing) -> None:
    """Decisions on the person."""
    await lodging.send(lodging.at(lodging.topics.decisions, PERSON), *messages)


async def policies(lodging: Lodging) -> Stored:
    """The log of the person's outcomes."""
    partition = lodging.at(lodging.topics.outcomes, PERSON).partition
    (found,) = [each for each in await lodging.shards("outcomes") if each.partition == partition]
    return found


async def indexed(lodging: Lodging, decisions: int) -> bool:
    """Whether so many decisions are in the index."""
    async with session(lodging.url, "reader") as conn:
        found = await row(conn, "SELECT count(*) FROM served", doing="counting the index")
    return found is not None and found[0] == decisions


async def until_leaves(lodging: Lodging, kind: str, count: int) -> Stored:
    """Waits until the log of outcomes has so many leaves of a kind."""

    async def there() -> bool:
        logs = await lodging.shards("outcomes")
        return sum(len(each.of(kind)) for each in logs) >= count

    await lodging.until(there)
    return await policies(lodging)


async def test_the_decisions_that_used_the_consent_are_taken_in(lodging: Lodging) -> None:
    """Those allowed, of this person, of this consent, not later than the conclusion; with the outcome, in one body."""
    wanted = [decision(PERSON, 1), decision(PERSON, 2)]
    await decide(
        lodging,
        *wanted,
        decision(PERSON, 3, effect="deny"),
        decision(PERSON, 4, decided_at="2026-11-22T01:00:00.000000Z"),
        decision(PERSON, 5, consents=[{"consent_id": "CS-9", "position": None, "serves": []}]),
        decision("C-OTHER", 6),
    )
    sent = outcome(PERSON)
    await tell(lodging, sent)
    await lodging.ledger()
    log = await until_leaves(lodging, "decision", 1)
    (leaf,) = log.of("decision")
    assert isinstance(leaf, leaves.PayloadLeaf)
    assert leaf.retain_until == "2036-11-20"
    assert leaf.scope is not None
    (held,) = log.payloads.values()
    told = document_of(held)
    assert told["outcome"] == json.loads(sent.value or b"")
    assert told["decisions"] == [json.loads(each.value or b"") for each in wanted]
    assert told["missing"] == []


async def test_an_outcome_that_nothing_served_leaves_no_leaf(lodging: Lodging) -> None:
    """It is counted, and passed."""
    await decide(lodging, decision(PERSON, 1))
    await tell(lodging, outcome(PERSON, consent_id="CS-7"), outcome(PERSON, consent_id=None))
    ledger = await lodging.ledger()
    await lodging.until(lambda: ledger.value("sekisho_ledger_outcomes_unmatched_total") == 2)
    await tell(lodging, outcome(PERSON))
    log = await until_leaves(lodging, "decision", 1)
    assert [each.kind for each in log.leaves] == ["genesis", "decision"]


@pytest.mark.parametrize("days", [(None, "2036-11-20"), ("2036-11-20", None), ("2036-11-20", "2040-11-20")])
async def test_the_end_becomes_known_later(lodging: Lodging, days: tuple[str | None, str | None]) -> None:
    """A second outcome of the policy brings no new decision: at most an extend, and never an earlier end or none."""
    await decide(lodging, decision(PERSON, 1))
    ledger = await lodging.ledger()
    await tell(lodging, outcome(PERSON, insurance_until=days[0]))
    await until_leaves(lodging, "decision", 1)
    await tell(lodging, outcome(PERSON, insurance_until=days[1]), outcome(PERSON, consent_id="CS-7"))
    await lodging.until(lambda: ledger.value("sekisho_ledger_outcomes_unmatched_total") == 1)
    log = await policies(lodging)
    assert len(log.of("decision")) == 1
    assert len(log.of("extend")) == (0 if days[1] is None else 1)
    async with session(lodging.url, "reader") as conn:
        standing = await retention_of(conn, (next(iter(log.payloads.values()))).log_id, 1)
    assert standing is not None
    assert str(standing.effective) == max(day for day in days if day is not None)


async def test_an_outcome_without_a_consent_tells_the_end_of_a_policy_that_is_kept(lodging: Lodging) -> None:
    """The consent was named with the first outcome; the second, of the same policy, tells the insurance period alone."""
    await decide(lodging, decision(PERSON, 1))
    await lodging.ledger()
    await tell(lodging, outcome(PERSON, insurance_until=None), outcome(PERSON, consent_id=None))
    log = await until_leaves(lodging, "extend", 1)
    (told,) = log.of("extend")
    assert isinstance(told, leaves.Extend)
    assert (told.retain_until, told.cause) == ("2036-11-20", "policy")


async def test_decisions_that_only_a_later_outcome_names_get_a_leaf_of_their_own(lodging: Lodging) -> None:
    """The same policy on another consent: what is new alone, in the same scope."""
    other: dict[str, Any] = {"consents": [{"consent_id": "CS-2", "position": None, "serves": []}]}
    await decide(lodging, decision(PERSON, 1), decision(PERSON, 2, **other))
    await lodging.ledger()
    await tell(lodging, outcome(PERSON), outcome(PERSON, consent_id="CS-2"))
    log = await until_leaves(lodging, "decision", 2)
    first, second = (each for each in log.leaves if isinstance(each, leaves.PayloadLeaf))
    assert first.scope == second.scope
    bodies = [document_of(row)["decisions"] for row in log.payloads.values()]
    assert [len(each) for each in bodies] == [1, 1]


async def test_a_decision_that_the_topic_has_no_longer_is_told(lodging: Lodging) -> None:
    """In the body, with its place and time, and counted: the policy's evidence has a hole, and says so."""
    await decide(lodging, decision(PERSON, 1), decision(PERSON, 2))
    ledger = await lodging.ledger()
    at = lodging.at(lodging.topics.decisions, PERSON)
    await lodging.until(lambda: indexed(lodging, 2))
    await lodging.log.delete_records(at, 1)
    await tell(lodging, outcome(PERSON))
    log = await until_leaves(lodging, "decision", 1)
    (held,) = log.payloads.values()
    told = document_of(held)
    assert len(told["decisions"]) == 1
    assert [(each["partition"], each["offset"], each["why"]) for each in told["missing"]] == [
        (at.partition, 0, "expired")
    ]
    assert ledger.value("sekisho_ledger_decisions_missing_total") == 1


async def test_an_outcome_that_cannot_be_read_is_kept_verbatim(lodging: Lodging) -> None:
    """As on the records' topic; the next one is taken in all the same."""
    await decide(lodging, decision(PERSON, 1))
    good = outcome(PERSON)
    await tell(lodging, good._replace(value=b"{}"), good._replace(key=b"somebody"), good)
    ledger = await lodging.ledger()
    log = await until_leaves(lodging, "decision", 1)
    assert [each.kind for each in log.leaves] == ["genesis", "unreadable", "unreadable", "decision"]
    assert ledger.value("sekisho_ledger_unreadable_total", topic="solicitation-outcomes") == 2


async def test_decisions_that_come_with_the_outcome_are_waited_for(lodging: Lodging) -> None:
    """The index is brought up to the end of the decisions as it was when the outcome was fetched."""
    await lodging.ledger()
    for number in range(5):
        await decide(lodging, decision(PERSON, number))
        concluded = f"2026-11-21T12:0{number}:00+09:00"
        await tell(lodging, outcome(PERSON, concluded_at=concluded))
    log = await until_leaves(lodging, "decision", 5)
    found = [len(document_of(row)["decisions"]) for row in log.payloads.values()]
    assert all(count > number for number, count in enumerate(found)), (
        "each outcome has all that was there before it"
    )
