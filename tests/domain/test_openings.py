"""Nothing is allowed on silence: what is taken away, left out or unknown opens nothing, but where a rule says so.

Each exception is named with its rule, and holds only where the refusal that fell away is the one which that rule gives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from random import Random
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.situations import (
    PATHS,
    Situation,
    at_path,
    fitting_consent,
    situation,
    situations,
    with_,
    without,
)
from domain.worlds import consents, drawn, good_consents, sample_book
from sekisho.domain.book import Rulebook
from sekisho.domain.decision import decide_in_full
from sekisho.domain.events import (
    ConsentEvent,
    ConsentGranted,
    ConsentRefused,
    ConsentWithdrawn,
    ForeignInformation,
    OptOutRegistered,
    Position,
    SubjectStatus,
    SuspensionOrdered,
    Terms,
)
from sekisho.domain.request import AccessRequest
from sekisho.domain.verdict import Verdict
from sekisho.domain.vocabulary import INSURANCE_SOLICITATION

MANY: Final = settings(max_examples=500, deadline=None, derandomize=True)


def judged(situation: Situation, book: Rulebook | None = None) -> Verdict:
    """What is decided, without what was decided before."""
    return decide_in_full(situation.request, situation.events, book or sample_book(), situation.at)


def allowed(verdict: Verdict) -> set[str]:
    """The items that are allowed."""
    return {item.item for item in verdict.items if item.effect == "allow"}


def opened(before: Verdict, after: Verdict) -> dict[str, set[str]]:
    """The items that are allowed now and were refused, each with the reasons that are gone; with "" the whole request,
    where all that was asked is allowed now.

    An item that was refused for the record alone is left to the whole: no record is looked at where another item is
    refused (REQ-5: an allowed provision or receipt).
    """
    refused = {
        item.item: set(item.reasons)
        for item in before.items
        if item.effect == "deny" and item.reasons != ("record.particulars_missing",)
    }
    found = {item: reasons for item, reasons in refused.items() if item in allowed(after)}
    if before.effect == "deny" and after.effect == "allow":
        found[""] = {cite.code for cite in before.reasons}
    return found


Lifted = Callable[[set[str], AccessRequest], bool]
"""Whether the reasons that are gone are those which an exception may lift."""


def only(*codes: str) -> Lifted:
    """Nothing but these reasons."""
    return lambda reasons, _: reasons <= set(codes)


def implied(reasons: set[str], request: AccessRequest) -> bool:
    """Whether the list's name made a solicitation out of the request."""
    return INSURANCE_SOLICITATION not in (request.purpose, *request.anticipated_purposes)


def clauses(reasons: set[str], _: AccessRequest) -> bool:
    """Nothing but that a consent is missing or does not serve."""
    return all(reason.startswith("consent.") for reason in reasons)


def not_a_list(_: set[str], request: AccessRequest) -> bool:
    """Whether the request need not say how its persons were selected."""
    return request.activity.kind != "list_extraction"


def anything(_: set[str], __: AccessRequest) -> bool:
    """Whatever refused."""
    return True


CONTRADICTED: Final = only("requester.operator_mismatch", "requester.operator_scope")
RELATIONS: Final = only(
    "provision.relation_unproven", "provision.entrustment_out_of_scope", "provision.joint_use_out_of_range",
    "provision.joint_use_notice_incomplete", "provision.opt_out_forbidden", "provision.opt_out_not_notified",
    "provision.opted_out", "consent.missing", "consent.scope_recipient", "purpose.provision_not_specified",
)  # fmt: skip
"""What PROV-4 to PROV-9 refuse with."""
ABROAD: Final = (
    "FORN-0: null, and any other country, is abroad, where PROV-4 to PROV-9 are not judged",
    RELATIONS,
)
STRANGE: Final = only("request.unknown_agreement")
EXCEPTIONS: Final[Mapping[str, tuple[str, Lifted]]] = {
    "requester.operator": ("ACC-2: an automatic request names no operator; a wrong one is no longer named", CONTRADICTED),
    "requester.branch": ("ACC-2: an operator with no branch registered may name none", CONTRADICTED),
    "requester.authenticated_operator": ("ACC-2: the same person, where the upstream gives one", CONTRADICTED),
    "activity.list_name": ("WALL-14: a list's name adds a purpose", implied),
    "activity.selected_by": ("REQ-6: but for a list, what is not selected by is not asked for", not_a_list),
    "anticipated_purposes": ("JP 2: every rule is applied to each; one less is one demand less", anything),
    "product_provider": ("WALL-3: null: no product of another is proposed", clauses),
    "recipient": ("USE-1, REQ-1: for use and receive it is only looked up", only("recipient.prohibited", "request.unknown_agreement")),
    "recipient.country": ABROAD,
    "recipient.agreement": ("REQ-1: a claim of what is not registered is no longer made", STRANGE),
    "receipt.agreement": ("REQ-1: as the recipient's", STRANGE),
    "record.agreement": ("REQ-1: as the recipient's", STRANGE),
    "legal_basis": ("EXC: every claimed one, needed or not, is judged", only("exception.reference_missing", "exception.conditions_unmet")),
    "receipt": ("USE-1, REQ-1: for use and provide it is only looked up", only("recipient.prohibited", "request.unknown_agreement")),
    "receipt.provider": ("USE-1: whoever is not named is not found on the list", only("recipient.prohibited")),
    "record": ("REQ-5: null is an individual record", only("record.particulars_missing", "request.unknown_agreement")),
    "record.first_provision": ("REQ-5: a first day to come is no longer claimed", only("record.particulars_missing")),
    "record.last_provision": ("REQ-5: a last day gone by is no longer claimed", only("record.particulars_missing")),
    "acquisition": ("contract.md: both are false by default", only("receipt.unlawful_acquisition", "provision.opt_out_forbidden")),
}  # fmt: skip
"""Fields of a request whose absence is less than their value: the rule, and which refusals may fall away with them."""


@MANY
@given(situations)
def test_a_field_left_out_of_a_request_opens_nothing(situation: Situation) -> None:
    """Each field that may be null, made null: no item is allowed that was refused, nor the whole; `EXCEPTIONS` says where."""
    before = judged(situation)
    for path in PATHS:
        if at_path(situation.request, path) in (None, ()):
            continue
        after = judged(situation._replace(request=without(situation.request, path)))
        _, lifted = EXCEPTIONS.get(path, ("", only()))
        gone = opened(before, after)
        assert all(lifted(reasons, situation.request) for reasons in gone.values()), (path, gone)


NAMES: Final = (
    "requester.organization", "requester.business", "requester.system", "requester.operator", "requester.branch", "holder",
    "purpose", "product_provider", "recipient.country", "recipient.agreement", "receipt.agreement", "record.agreement",
    "legal_basis.body", "legal_basis.reference",
)  # fmt: skip
"""Fields that name something registered."""


@MANY
@given(situations)
def test_a_name_that_the_rulebook_does_not_know_opens_nothing(situation: Situation) -> None:
    """In place of any registered name an unknown one: nothing is allowed that was refused, but as
    `ABROAD` says."""
    before = judged(situation)
    for path in NAMES:
        if at_path(situation.request, path) is not None:
            changed = with_(situation.request, path, "unheard-of")
            gone = opened(before, judged(situation._replace(request=changed)))
            _, lifted = ABROAD if path == "recipient.country" else ("", only())
            assert all(lifted(reasons, situation.request) for reasons in gone.values()), (path, gone)
    items = situation.request.items
    for item in items:
        changed = situation.request._replace(
            items=tuple("unheard-of" if each == item else each for each in items)
        )
        assert opened(before, judged(situation._replace(request=changed))) == {}, item


STOPS: Final = (ConsentWithdrawn, ConsentRefused, SuspensionOrdered, OptOutRegistered, SubjectStatus)
"""Events that may close: WALL-10 and PROV-9 (withdrawal, refusal), SUSP, PROV-7 (opted out), PROV-3 and WALL-13 (status)."""


@MANY
@given(situations)
def test_an_event_taken_away_opens_nothing_unless_it_stopped_something(situation: Situation) -> None:
    """Without a consent, a confirmation, a lift or an opt-out's cancellation nothing is allowed that was refused."""
    before = judged(situation)
    for gone in situation.events:
        if not isinstance(gone, STOPS):
            known = tuple(event for event in situation.events if event is not gone)
            assert opened(before, judged(situation._replace(events=known))) == {}, gone


def fitted(chance: Random) -> tuple[Situation, ConsentGranted]:
    """A situation, and a consent that passes every clause for its request."""
    found = situation(chance)
    return found, replace(fitting_consent(chance, found.request, found.at), event_id="new")


def closed(situation: Situation, further: ConsentEvent) -> set[str]:
    """The items that are allowed without the event and not with it; with "" the whole request, where it was allowed.

    An item that is now refused for the record alone is left to the whole: the consent made an allowed request of a
    refused one, and only then is a record looked at (REQ-5).
    """
    event = replace(further, position=Position(None, len(situation.events)))
    before, after = judged(situation), judged(situation._replace(events=(*situation.events, event)))
    unrecorded = {item.item for item in after.items if item.reasons == ("record.particulars_missing",)}
    found = allowed(before) - allowed(after) - (unrecorded if before.effect == "deny" else set())
    return found | ({""} if before.effect == "allow" and after.effect == "deny" else set())


@MANY
@given(drawn(fitted), consents | good_consents, st.data())
def test_a_further_consent_closes_nothing(
    pair: tuple[Situation, ConsentGranted], further: ConsentGranted, data: st.DataObject
) -> None:
    """One more consent, good or bad, under a new id or a used one: every item that was allowed still is. Only a
    withdrawal or a refusal ends anything (WALL-10, PROV-9)."""
    situation, fit = pair
    used = [event.consent_id for event in situation.events if isinstance(event, ConsentGranted)]
    consent_id = data.draw(st.sampled_from(["C-9", *used]))
    assert closed(situation, fit) == set()
    assert closed(situation, replace(further, event_id="new", consent_id=consent_id)) == set()


FACTS: Final = (
    "given_at", "recorded_at", "method", "mode", "explained_method", "explained_at", "terms", "purposes",
    "recipients", "bundled", "coerced", "accepted_at", "guardian_relation", "guardian_document", "foreign",
    *(f"terms.{part.name}" for part in fields(Terms)),
    *(f"foreign.{part.name}" for part in fields(ForeignInformation)),
)  # fmt: skip
"""Of a consent: what may be null; but `acceptance_refused_at`, which is a refusal (WALL-12)."""
TO_RECIPIENTS: Final = frozenset({"provision", "foreign_provision", "referable"})
OPEN_WHERE_UNSTATED: Final[Mapping[str, tuple[str, Callable[[ConsentGranted], bool]]]] = {
    "terms.valid_from": ("Consents: the day it was given; WALL-6 for cross_sell", lambda grant: grant.kind != "cross_sell"),
    "terms.valid_until": ("Consents: no end; WALL-6 for cross_sell", lambda grant: grant.kind != "cross_sell"),
    "purposes": ("PROV-1, FORN-4, REF-1: those of the recipients alone, where it names none beside", lambda grant: grant.kind in TO_RECIPIENTS),
    "foreign.country": ("FORN-4: a reason excuses what is missing (and never what was told wrongly)", lambda grant: bool(grant.foreign and grant.foreign.unknown_reason)),
}  # fmt: skip


def without_fact(grant: ConsentGranted, fact: str) -> ConsentGranted:
    """The consent with one fact unknown; a dotted name is a part of the terms or of what is foreign."""
    name, _, part = fact.partition(".")
    whole: Any = getattr(grant, name)
    if part:
        change: Any = {name: whole if whole is None else replace(whole, **{part: None})}
    else:
        change = {name: {"purposes": frozenset(), "recipients": ()}.get(name)}
    return replace(grant, **change)


@MANY
@given(drawn(fitted), good_consents | consents)
def test_an_unknown_fact_of_a_consent_opens_nothing(
    pair: tuple[Situation, ConsentGranted], chance_consent: ConsentGranted
) -> None:
    """A fact that is not recorded never helps, whichever consent of the person lacks it."""
    situation, fit = pair
    whole = (*situation.events, fit, replace(chance_consent, event_id="chance"))
    events = tuple(replace(event, position=Position(None, place)) for place, event in enumerate(whole))
    before = judged(situation._replace(events=events))
    for place, grant in enumerate(events):
        if not isinstance(grant, ConsentGranted):
            continue
        for fact in FACTS:
            _, excepted = OPEN_WHERE_UNSTATED.get(fact, ("", lambda _: False))
            lacking = without_fact(grant, fact)
            if lacking == grant or excepted(grant):
                continue
            after = judged(situation._replace(events=(*events[:place], lacking, *events[place + 1 :])))
            assert opened(before, after) == {}, (fact, grant)


CATALOGUES: Final = (
    "items", "purposes", "operators", "automatic_systems", "systems", "businesses", "holders", "specified", "agreements",
    "entrustments", "successions", "joint_uses", "opt_outs", "equivalent_systems", "adequate_countries", "related",
    "statutes", "sensitive_grounds", "masked", "organizations", "switched_off",
)  # fmt: skip
"""Parts of the rulebook that open something. What only closes is not here: moratoria, ended purposes, terms of lists,
guardians, spans of time."""


def closes(book: Rulebook, part: str, entry: Any, request: AccessRequest) -> str | None:
    """Why an entry of a part that opens may close something itself; None: it may not."""
    if part == "organizations":
        receipt = request.receipt
        provider = None if receipt is None or receipt.provider is None else receipt.provider.id
        if entry == provider or (request.recipient is not None and entry == request.recipient.id):
            return "FORN-0, USE-1: a recipient or provider is where, and what, it is registered as"
        if book.organizations[entry].partners:
            return "PROV-8: a bureau's partners must be named too"
    if part == "equivalent_systems" and any(
        system.impaired_since for system in book.equivalent_systems[entry]
    ):
        return "FORN-2: one marked impaired refuses"
    return None


def smaller(book: Rulebook, part: str, entry: Any) -> Rulebook:
    """The rulebook without an entry."""
    catalogue: Any = getattr(book, part)
    kept: Any = (
        {key: value for key, value in catalogue.items() if key != entry}
        if isinstance(catalogue, Mapping)
        else catalogue - {entry}
    )
    changes: Any = {part: kept}
    return replace(book, digest=f"sha256:without-{part}-{entry}", **changes)


@settings(max_examples=1500, deadline=None, derandomize=True)
@given(situations, st.sampled_from(CATALOGUES), st.data())
def test_a_smaller_rulebook_opens_nothing(situation: Situation, part: str, data: st.DataObject) -> None:
    """Taking an entry out of the rulebook allows nothing that was refused: what is unknown refuses. `closes` says where
    an entry is itself a stop."""
    whole = sample_book()
    entries = named(situation, part) or sorted(getattr(whole, part))
    if not entries:
        return
    entry = data.draw(st.sampled_from(entries))
    if closes(whole, part, entry, situation.request) is None:
        assert opened(judged(situation), judged(situation, smaller(whole, part, entry))) == {}, (part, entry)


def named(situation: Situation, part: str) -> list[Any]:
    """The entries of a part that the request itself names: taking another away shows little."""
    request, catalogue = situation.request, getattr(sample_book(), part)
    words = {
        *request.items, request.purpose, *request.anticipated_purposes, request.holder, request.requester.organization,
        request.requester.business, request.requester.system, request.requester.operator,
        *(claim.agreement for claim in (request.recipient, request.record, request.receipt) if claim is not None),
        None if request.recipient is None else request.recipient.id,
    }  # fmt: skip
    holder = request.holder
    keys = {*words, holder.partition("/")[0], *((holder, item) for item in request.items)}
    return [entry for entry in sorted(catalogue) if entry in keys]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(situations)
def test_an_empty_rulebook_refuses_everything(situation: Situation) -> None:
    """An empty rule set refuses, whatever the person consented to."""
    whole = sample_book()
    empty: dict[str, Any] = {
        part: frozenset() if isinstance(getattr(whole, part), frozenset) else {} for part in CATALOGUES
    }
    verdict = judged(situation, replace(whole, digest="sha256:nothing", presumed=(), **empty))
    assert verdict.effect == "deny"
    assert allowed(verdict) == set()
