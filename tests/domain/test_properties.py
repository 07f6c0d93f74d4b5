"""What holds of every decision, whatever is asked and whatever is known (rulebook.md, the two principles; records.md).

`test_openings.py` holds what must never open anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.situations import Situation, situations
from domain.test_openings import allowed, judged
from domain.worlds import sample_book
from sekisho.domain.decision import decide, decide_in_full, forget
from sekisho.domain.events import ConsentGranted, ConsentWithdrawn, Position
from sekisho.domain.rules import BASES, RANK
from sekisho.domain.verdict import Besides, ItemVerdict, RecordContent

MANY: Final = settings(max_examples=1000, deadline=None, derandomize=True)


@MANY
@given(situations, st.randoms(use_true_random=False))
def test_the_order_in_which_events_are_known_does_not_matter(situation: Situation, shuffler: Random) -> None:
    """Any permutation of the same events gives the same verdict."""
    shuffled = list(situation.events)
    shuffler.shuffle(shuffled)
    assert judged(situation._replace(events=tuple(shuffled))) == judged(situation)


@MANY
@given(situations, st.data())
def test_a_fact_that_is_known_twice_is_known_once(situation: Situation, data: st.DataObject) -> None:
    """An event that came twice (a producer's second try) changes no effect, basis, reason, obligation or record's basis."""
    if not situation.events:
        return
    again = data.draw(st.sampled_from(situation.events))
    twice = judged(situation._replace(events=(*situation.events, again)))
    once = judged(situation)
    assert (twice.effect, twice.items, twice.reasons, twice.obligations) == (
        once.effect,
        once.items,
        once.reasons,
        once.obligations,
    )
    assert (twice.record and twice.record.basis) == (once.record and once.record.basis)


@MANY
@given(st.lists(situations, min_size=1, max_size=4))
def test_a_decision_depends_on_nothing_that_was_decided_before(some: Sequence[Situation]) -> None:
    """`decide`, with its memories, says what `decide_in_full` says: of any person, asked in any order, again and again."""
    book = sample_book()
    alone = [decide_in_full(request, events, book, at) for request, events, at in some]
    for _ in range(2):
        assert [decide(request, events, book, at) for request, events, at in some] == alone
        for request, _, at in some:
            for _, events, _ in some:
                decide(request, events, book, at)
    forget()
    assert [decide(request, events, book, at) for request, events, at in reversed(some)] == alone[::-1]


@MANY
@given(situations)
def test_an_effect_never_rests_on_silence(situation: Situation) -> None:
    """An allowed item has a basis and no reason, a denied one a reason and no basis; the whole follows from the items."""
    verdict = judged(situation)
    for item in verdict.items:
        assert bool(item.basis) == (item.effect == "allow")
        assert bool(item.reasons) == (item.effect == "deny")
    assert (verdict.effect == "allow") == (
        bool(verdict.items) and all(item.effect == "allow" for item in verdict.items)
    )
    if verdict.items:
        told = {code for item in verdict.items for code in item.reasons}
        assert {cite.code for cite in verdict.reasons} == told
    if verdict.effect == "deny":
        assert verdict.reasons
        assert verdict.obligations == ()
        assert verdict.record is None
        assert verdict.record_exemption is None
    assert verdict.record is None or verdict.record_exemption is None


@MANY
@given(situations)
def test_codes_stand_once_and_in_the_rulebooks_order(situation: Situation) -> None:
    """Reasons and bases follow the rulebook's order; at an item a code stands once, at its first rule."""
    verdict = judged(situation)
    assert list(verdict.reasons) == sorted(set(verdict.reasons), key=RANK.__getitem__)
    first = {code: min(RANK[cite] for cite in RANK if cite.code == code) for code in {c.code for c in RANK}}
    last = {code: max(RANK[cite] for cite in RANK if cite.code == code) for code in first}
    places = [cite.code for cite in BASES]
    for item in verdict.items:
        assert len(set(item.reasons)) == len(item.reasons)
        assert all(first[one] <= last[two] for one, two in zip(item.reasons, item.reasons[1:], strict=False))
        assert len(set(item.basis)) == len(item.basis)
        latest = [len(places) - 1 - places[::-1].index(code) for code in item.basis]
        assert all(places.index(one) <= two for one, two in zip(item.basis, latest[1:], strict=False))
        if "request.no_basis" in item.reasons:
            assert item.reasons == ("request.no_basis",)


def not_of_its_own(item: ItemVerdict) -> bool:
    """REQ-5: the record of a request is one; what it lacks, or which items its batch covers, is of all items together."""
    return "record.particulars_missing" in item.reasons


@MANY
@given(situations)
def test_each_item_is_judged_as_if_it_were_asked_alone(situation: Situation) -> None:
    """What an item gets does not depend on the others, but where the record as a whole is refused (REQ-5), or nothing at all
    is requested beside what was selected by (REQ-3)."""
    request = situation.request
    if not request.items:
        return
    selected = () if request.activity.selected_by else request.activity.selected_by
    plain = request._replace(activity=request.activity._replace(selected_by=selected))
    for item in judged(situation).items:
        alone = judged(situation._replace(request=plain._replace(items=(item.item,)))).items[0]
        if not not_of_its_own(item) and not not_of_its_own(alone):
            assert (alone.effect, alone.basis, alone.reasons) == (item.effect, item.basis, item.reasons)


@MANY
@given(situations, st.sampled_from(("lending.solicitation", "insurance.solicitation", "complaint.handling")))
def test_a_further_purpose_opens_nothing(situation: Situation, further: str) -> None:
    """Every rule is applied to each anticipated purpose too, so stating one more never helps."""
    request = situation.request
    more = request._replace(anticipated_purposes=(*request.anticipated_purposes, further))
    assert allowed(judged(situation._replace(request=more))) <= allowed(judged(situation))


@MANY
@given(situations)
def test_consents_and_near_misses_are_the_persons_own(situation: Situation) -> None:
    """Every consent told of was granted; a near miss names its failed clauses, a serving one items that are allowed."""
    verdict = judged(situation)
    granted = {event.consent_id for event in situation.events if isinstance(event, ConsentGranted)}
    assert {served.consent_id for served in verdict.consents} <= granted
    assert {missed.consent_id for missed in verdict.near_misses} <= granted
    assert all(missed.failed for missed in verdict.near_misses)
    assert all(served.serves and set(served.serves) <= allowed(verdict) for served in verdict.consents)


@MANY
@given(situations)
def test_a_withdrawal_of_everything_ends_every_consent(situation: Situation) -> None:
    """What is decided after all is withdrawn is what is decided with no consent at all: no item more, none less."""
    at = situation.at
    known = tuple(
        event
        for event in situation.events
        if not (isinstance(event, ConsentGranted) and (event.given_at or at) > at)
    )
    # of a creditor's too (PROV-8)
    controllers = sorted({event.controller for event in known if isinstance(event, ConsentGranted)})
    ends = [ConsentWithdrawn(f"end-{each}", Position(None, 99), at, controller=each) for each in controllers]
    none = tuple(event for event in known if not isinstance(event, ConsentGranted))
    ended = judged(situation._replace(events=(*known, *ends)))
    assert allowed(ended) == allowed(judged(situation._replace(events=none)))


PARTICULARS: Final = {
    "provision.consent": ("statement", "other side", "person", "items"),
    "provision.opt_out": ("date", "other side", "person", "items"),
    "provision.foreign_consent": ("statement", "foreign", "other side", "person", "items"),
    "receipt.consent": ("statement", "other side", "acquisition", "person", "items"),
    "receipt.opt_out": ("date", "other side", "acquisition", "person", "items", "publication"),
    "receipt.private": ("provider of whatever kind", "acquisition", "person", "items"),
    "referable.provision": ("statement", "date", "other side", "items", "no person"),
    "referable.receipt": ("statement", "other side", "person", "items", "no acquisition"),
}  # fmt: skip
"""records.md, first table: what the record of each basis must hold."""


def held(record: RecordContent) -> set[str]:
    """The particulars that a record has."""
    other, besides = record.counterparty, record.besides or Besides()
    found = {
        "statement": bool(record.consents or besides.statement),
        "foreign": bool(besides.foreign and any(told for _, told in besides.foreign)),
        "other side": other.unspecified_many or bool(other.name and other.address and other.representative),
        "provider of whatever kind": bool(other.name and other.address),
        "acquisition": bool(besides.acquisition),
        "no acquisition": not besides.acquisition,
        "publication": bool(besides.ppc_publication),
        "person": record.subject_id is not None and record.subject_kind is not None,
        "no person": record.subject_id is None and record.subject_kind is None and record.consents == (),
        "items": bool(record.items),
        "date": record.provided_on is not None,
    }
    return {particular for particular, there in found.items() if there}


@MANY
@given(situations)
def test_every_record_holds_all_particulars_of_its_basis(situation: Situation) -> None:
    """A record is of allowed items, of an individual, has each particular that its row demands, and an end by its method."""
    verdict = judged(situation)
    record = verdict.record
    if record is None:
        return
    assert set(PARTICULARS[record.basis]) - held(record) == set()
    assert set(record.items) <= allowed(verdict)
    assert situation.request.subject_kind == "individual"
    assert (record.retain_until is None) == (record.method != "individual" and record.last_provision is None)
    assert record.retain_until is None or record.retain_until > record.provided_on


@settings(max_examples=300, deadline=None, derandomize=True)
@given(situations, st.integers(1, 40))
def test_a_consent_given_later_serves_nothing_now(situation: Situation, hours: int) -> None:
    """Consents given after the decision time count as none (WALL-8)."""
    at = situation.at - timedelta(hours=hours)
    known = tuple(
        event
        for event in situation.events
        if not (isinstance(event, ConsentGranted) and event.given_at and event.given_at > at)
    )
    early = situation._replace(at=at)
    assert allowed(judged(early)) == allowed(judged(early._replace(events=known)))
